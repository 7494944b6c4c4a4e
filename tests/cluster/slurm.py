"""
A sweep on a real SLURM of one machine, over TLS: a job is cancelled midway, a worker killed, nothing is lost.

    python tests/cluster/slurm.py [--install]

Starts munge, a controller and a node on loopback, in a temporary folder and on ports of their own, and ends
them again. Needs Debian's packages slurm-wlm and munge, and root; with --install, or where CI=true, it
installs them with apt-get and says so. Where it cannot run it says why and ends with status 0; status 1 means
that the sweep went wrong.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from servers import certificates

from dhmodel.sweep.opening import open_dataset

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue", "scontrol")
PATIENCE = 60.0

CONFIGURATION = """
ClusterName=dhmodel
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=8000 State=UNKNOWN
PartitionName=here Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

CLUSTER = """
kind = "slurm"
workers = 2
memory = "1 GB"
walltime = "00:10:00"
queue = "here"
options = ["--no-requeue"]
log_folder = "{folder}/logs"
"""

SWEEP = ("--axis", "tonic.frequency=0 Hz,10 Hz,50 Hz,100 Hz", "--paradigm", "tonic", "--replicates", "10")
# long enough that most of the sweep is still to do when a job has been cancelled and another has started
SMALL = ("--set", "circuit.scale=0.25", "--duration", "80 s", "--warmup", "0.5 s")
UNITS = 40


class NotHere(Exception):
    """Why this machine cannot run SLURM."""


def say(text: str) -> None:
    print(f"slurm: {text}", flush=True)


def install() -> None:
    """Have the programs, or say why not."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    os.environ["PATH"] = path
    if os.geteuid() != 0:
        raise NotHere("needs root")
    if all(shutil.which(name) for name in PROGRAMS):
        return
    if "--install" not in sys.argv and os.environ.get("CI") != "true":
        raise NotHere("slurm-wlm and munge are not installed; --install lets this script install them")
    if shutil.which("apt-get") is None:
        raise NotHere("slurm-wlm and munge are not installed, and there is no apt-get")
    say("installing slurm-wlm and munge with apt-get")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "slurm-wlm", "munge"]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise NotHere(f"apt-get {command[0]} failed: {(done.stderr.splitlines() or ['no message'])[-1]}")
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        raise NotHere(f"the packages lack {', '.join(missing)}")


def wait_for(what: str, happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE:g} s for {what}")
        time.sleep(0.2)


def free_ports() -> list[int]:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in (one, other)]


@contextmanager
def daemon(command: list[str], log: Path) -> Iterator[subprocess.Popen]:
    """A program in the foreground; ended by its own number."""
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """Munge, a controller and a node."""
    for name in ("state", "spool", "logs"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    controller, node = free_ports()
    host = socket.gethostname().partition(".")[0]
    conf = folder / "slurm.conf"
    conf.write_text(CONFIGURATION.format(host=host, controller=controller, node=node, folder=folder))
    os.environ["SLURM_CONF"] = str(conf)
    files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed", "log-file": "log"}
    munge = [f"--{option}={folder}/munge.{ending}" for option, ending in files.items()]
    with ExitStack() as stack:
        stack.enter_context(daemon(["munged", "--foreground", "--force", *munge], folder / "munged.out"))
        wait_for("munge", (folder / "munge.socket").exists)
        stack.enter_context(daemon(["slurmctld", "-D"], folder / "slurmctld.log"))
        stack.enter_context(daemon(["slurmd", "-D", "-N", host], folder / "slurmd.log"))
        try:
            wait_for("an idle node", lambda: "idle" in output("sinfo", "-h", "-o", "%t"))
        except AssertionError as error:
            for log in sorted(folder.glob("*.log")) + sorted(folder.glob("*.out")):
                say(f"{log.name}: " + " | ".join(log.read_text(errors="replace").splitlines()[-5:]))
            raise NotHere(f"SLURM does not start on this machine: {error}") from None
        say(f"{output('slurmctld', '-V')} runs on loopback")
        yield


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def jobs() -> list[str]:
    return output("squeue", "-h", "-t", "RUNNING", "-o", "%A").split()


def dask_worker(job: str) -> int:
    """The process of a job in which Dask works: the youngest that multiprocessing has started."""
    found = []
    for line in output("scontrol", "listpids", job).splitlines()[1:]:
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{line.split()[0]}/cmdline").read_bytes():
                found.append(int(line.split()[0]))
    assert found, f"job {job} has no Dask worker"
    return max(found)


def sweep(store: Path, *options: str) -> subprocess.Popen:
    """The command line, as a user would start it."""
    code = "import sys; from dhmodel.cli import main; sys.argv[0] = 'dhmodel'; main()"
    command = [sys.executable, "-c", code, "sweep", *SWEEP, *SMALL, "--store", str(store), *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def done(store: Path) -> int:
    with suppress(Exception):  # it is being made
        return int((open_dataset(store)["status"].values == 2).sum())
    return 0


def disturbed(folder: Path) -> str:
    """Run the sweep on SLURM, cancel a job and kill a worker; returns what it said."""
    store, file = folder / "slurm.zarr", folder / "slurm.toml"
    file.write_text(CLUSTER.format(folder=folder) + certificates(folder, "sweep"))
    running = sweep(store, "--cluster", str(file))
    try:
        wait_for("three runs on two jobs", lambda: done(store) >= 3 and len(jobs()) == 2)
        victim, before = jobs()[0], done(store)
        subprocess.run(["scancel", victim], check=True)
        say(f"cancelled job {victim} after {before} of {UNITS} runs")
        wait_for("a job in its place", lambda: len(jobs()) == 2 and victim not in jobs())
        # what the first job left behind is over by then: a run that loses its worker twice is a failure
        wait_for("twelve more runs", lambda: done(store) >= before + 12)
        job = next(job for job in jobs() if job != victim)
        process, before = dask_worker(job), done(store)
        os.kill(process, signal.SIGKILL)
        say(f"killed worker {process} of job {job} after {before} of {UNITS} runs")
        assert before < UNITS, "the sweep was over before it could be disturbed"
        told = running.communicate(timeout=2 * PATIENCE)[1]
        assert running.returncode == 0, f"the sweep ended with status {running.returncode}: {told}"
        wait_for("the end of all jobs", lambda: not output("squeue", "-h"))
        return told
    finally:
        running.kill()
        running.wait()


def check() -> None:
    """Run the sweep with and without SLURM and trouble; both must be the same."""
    with tempfile.TemporaryDirectory(prefix="dhmodel-slurm-") as place:
        folder = Path(place)
        with slurm(folder):
            alone = sweep(folder / "alone.zarr", "--workers", "1")
            told = alone.communicate(timeout=3 * PATIENCE)[1]
            assert alone.returncode == 0, f"the undisturbed sweep failed: {told}"
            told = disturbed(folder)
            stores = [open_dataset(folder / f"{name}.zarr").load() for name in ("alone", "slurm")]
            assert int((stores[1]["status"].values == 2).sum()) == UNITS, f"not all runs are done: {told}"
            assert stores[0].drop_attrs().identical(stores[1].drop_attrs()), "the results differ"
            assert "died; trying once more" in told, f"nothing was said of the dead workers: {told}"
    say(f"all {UNITS} runs are done, and equal those of an undisturbed sweep bit for bit")


if __name__ == "__main__":
    try:
        install()
        check()
    except NotHere as reason:
        say(f"not run: {reason}")
    except (AssertionError, subprocess.TimeoutExpired) as error:
        say(f"FAILED: {error}")
        sys.exit(1)
