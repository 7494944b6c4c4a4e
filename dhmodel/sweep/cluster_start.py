"""Start a cluster from its file, or join one, and leave nothing behind."""

import gc
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from types import ModuleType
from typing import Any

from dhmodel.errors import EngineError, InputError
from dhmodel.sweep.cluster_file import PLAIN, Address, Cluster, Kubernetes, Local, Slurm, Tls
from dhmodel.sweep.limits import read_memory
from dhmodel.sweep.processes import GRACE, ONE_THREAD

__all__ = ["Session", "extra", "started"]

PATIENCE = "30 s"
"""How long a scheduler that should be there may take to answer."""

DEATH = 60
"""Seconds after which a worker without a scheduler ends itself."""

QUIET: dict[str, Any] = {
    # what a task that dies with its worker costs is decided by us; nobody else tries it again
    "distributed.scheduler.allowed-failures": 0,
    "distributed.deploy.lost-worker-timeout": "2s",
    "distributed.scheduler.http.routes": [],
}

# Dask listens for browsers even without a dashboard, on all addresses unless told one
NO_PAGES: dict[str, Any] = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
NO_PAGES_OF_WORKERS = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")


@dataclass(frozen=True)
class Session:
    """
    A cluster at work.

    Attributes
    ----------
    client : distributed.Client
    name : str
        What to call it in a message.
    refill : callable
        Replaces jobs that have died, or says that it cannot.
    """

    client: Any
    name: str
    refill: Callable[[], None]


def extra(name: str) -> ModuleType:
    """
    Import a module of the extra `cluster`, or say how to get it.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0].replace("_", "-")
        raise InputError(f"cluster: {package} is not installed; pip install 'dhmodel[cluster]'") from None


@contextmanager
def started(cluster: Cluster) -> Iterator[Session]:
    """
    Start or join a cluster; what was started ends with the block.

    Raises
    ------
    InputError
        The extra `cluster` is not installed.
    EngineError
        The cluster cannot be started, or the scheduler does not answer.
    """
    distributed = extra("distributed")
    begin: Callable[..., tuple[Any, Callable[[], None]]] = STARTS[cluster.kind]
    with ExitStack() as stack:
        stack.enter_context(import_module("dask").config.set(QUIET))
        stack.enter_context(_quiet())
        try:
            _warn(cluster)
            security = _security(None if isinstance(cluster, Kubernetes) else cluster.tls)
            place, refill = begin(cluster, security, stack)
            # A client that could not connect closes itself when it is collected, and waits for ever if that
            # happens while another one starts: collect it now.
            gc.collect()
            client = distributed.Client(
                place,
                security=security,
                timeout=PATIENCE,
                direct_to_workers=not isinstance(cluster, Kubernetes) and getattr(cluster, "direct", True),
                set_as_default=False,
            )
        except Exception as error:  # each kind of cluster has its own
            raise EngineError(f"cannot start or reach the {_name(cluster)}: {_one_line(error)}") from error
        stack.callback(_close, client)
        yield Session(client, _name(cluster), refill)


def _close(ending: Any) -> None:
    """End what may have ended already, or be unable to."""
    with suppress(Exception):
        ending.close(timeout=GRACE)


def _name(cluster: Cluster) -> str:
    if isinstance(cluster, Address):
        return f"scheduler at {cluster.address}"
    return f"{cluster.kind} cluster"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _warn(cluster: Cluster) -> None:
    if isinstance(cluster, Local | Slurm) and cluster.tls is None and (cluster.interface or cluster.host):
        place = cluster.interface or cluster.host
        told = f"warning: the scheduler listens on {place} without [tls]: whoever reaches it can run programs"
        print(f"{told} as you", file=sys.stderr, flush=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask logs what we say in one line, and logs it again while it ends."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _security(tls: Tls | None) -> Any:
    if tls is None:
        return None
    files: dict[str, Any] = {"tls_ca_file": tls.ca, "require_encryption": True}
    for role in ("client", "scheduler", "worker"):
        files |= {f"tls_{role}_cert": tls.cert, f"tls_{role}_key": tls.key}
    return import_module("distributed").Security(**files)


def _nothing() -> None:
    """Replace no worker: somebody else looks after them."""


def _address(cluster: Address, security: Any, stack: ExitStack) -> tuple[Any, Callable[[], None]]:
    return cluster.address, _nothing


def _local(cluster: Local, security: Any, stack: ExitStack) -> tuple[Any, Callable[[], None]]:
    """
    Start Dask's LocalCluster without workers, and workers beside it.

    Its own workers are children of `multiprocessing`, which import the script of the caller again.
    """
    scheduler = import_module("distributed").LocalCluster(
        n_workers=0,
        protocol="tls://" if security else "tcp://",
        security=security,
        scheduler_kwargs=NO_PAGES,
        silence_logs=logging.CRITICAL,
        **cluster.listens(),
    )
    stack.callback(_close, scheduler)
    arguments = ["--nworkers", str(cluster.workers or os.cpu_count() or 1), *NO_PAGES_OF_WORKERS]
    arguments += ["--memory-limit", str(read_memory(cluster.memory) or 0)]
    arguments += [text for key, value in cluster.listens().items() for text in (f"--{key}", value)]
    if cluster.tls:
        arguments += ["--protocol", "tls", "--tls-ca-file", cluster.tls.ca]
        arguments += ["--tls-cert", cluster.tls.cert, "--tls-key", cluster.tls.key]
    workers = _start_workers(scheduler.scheduler_address, arguments)
    stack.callback(_end, workers)

    def check() -> None:
        if workers.poll() is not None:
            raise EngineError(f"the Dask workers of this machine ended with status {workers.returncode}")

    return scheduler, check


def _start_workers(address: str, arguments: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    quiet = {"PYTHONPATH": path, "DASK_LOGGING__DISTRIBUTED": "critical"}
    return subprocess.Popen(
        [*command, "--death-timeout", str(DEATH), *arguments],
        process_group=0,  # Ctrl-C reaches the parent alone
        stdin=subprocess.DEVNULL,
        env=os.environ | ONE_THREAD | quiet,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _slurm(cluster: Slurm, security: Any, stack: ExitStack) -> tuple[Any, Callable[[], None]]:
    made = extra("dask_jobqueue").SLURMCluster(**slurm_arguments(cluster), security=security)
    stack.callback(_close, made)
    jobs = ceil(cluster.workers / cluster.per_job)
    made.scale(jobs=jobs)

    def refill() -> None:
        if len(made.workers) < jobs:
            made.scale(jobs=jobs)

    return made, refill


def slurm_arguments(cluster: Slurm) -> dict[str, Any]:
    """
    Arguments of `dask_jobqueue.SLURMCluster`: all that could put lines into a job script, given or empty.

    Raises
    ------
    InputError
        A path of the job script holds characters that a shell would read.
    """
    paths = [cluster.python or sys.executable, *(cluster.tls.model_dump().values() if cluster.tls else ())]
    for path in paths:
        if not _is_plain(path):
            raise InputError(f"cluster: the path {path} cannot stand in a job script; it may hold no spaces")
    memory = (read_memory(cluster.memory) or 0) * cluster.per_job
    elsewhere = cluster.interface or cluster.host  # then a worker listens where the scheduler can reach it
    return {
        "queue": cluster.queue,
        "account": cluster.account,
        "walltime": cluster.walltime,
        "cores": cluster.per_job,
        "processes": cluster.per_job,
        "memory": f"{memory}B",
        "interface": cluster.interface,
        "python": paths[0],
        "job_name": "dhmodel",
        "log_directory": cluster.log_folder,
        "job_extra_directives": list(cluster.options),
        "job_script_prologue": [],
        "worker_extra_args": [*NO_PAGES_OF_WORKERS, *([] if elsewhere else ["--host", "127.0.0.1"])],
        "death_timeout": DEATH,
        "nanny": True,
        "protocol": "tls://" if cluster.tls else "tcp://",
        "scheduler_options": NO_PAGES | cluster.listens(),
        "silence_logs": logging.CRITICAL,
    }


def _is_plain(path: str) -> bool:
    return PLAIN.fullmatch(path) is not None


def _kubernetes(cluster: Kubernetes, security: Any, stack: ExitStack) -> tuple[Any, Callable[[], None]]:
    made = extra("dask_kubernetes.operator").KubeCluster(**kubernetes_arguments(cluster))
    stack.callback(_close, made)
    return made, _nothing


def kubernetes_arguments(cluster: Kubernetes) -> dict[str, Any]:
    """Arguments of `dask_kubernetes.operator.KubeCluster`."""
    needs = {"cpu": str(cluster.cpus)}
    if memory := read_memory(cluster.memory):
        needs["memory"] = str(memory)
    return {
        "name": cluster.name,
        "namespace": cluster.namespace,
        "image": cluster.image,
        "n_workers": cluster.workers,
        "resources": {"requests": needs, "limits": needs},
        "env": ONE_THREAD,
        "worker_command": ["dask-worker", "--nthreads", "1"],
        "quiet": True,
    }


STARTS: dict[str, Callable[..., tuple[Any, Callable[[], None]]]] = {
    "local": _local,
    "address": _address,
    "slurm": _slurm,
    "kubernetes": _kubernetes,
}
