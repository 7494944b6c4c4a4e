"""A Dask scheduler and workers of its own, as an administrator would start them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PAGES = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")


@dataclass(frozen=True)
class Servers:
    """A cluster file, and the processes behind it."""

    file: Path
    scheduler: subprocess.Popen
    workers: subprocess.Popen


def _start(module: str, *options: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-P", "-m", f"distributed.cli.{module}", *options, *PAGES]
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    environment = {"PYTHONPATH": path, "DASK_LOGGING__DISTRIBUTED": "critical"} | environment
    return subprocess.Popen(command, env=os.environ | environment, start_new_session=True)


@contextmanager
def servers(folder: Path, workers: int = 2, **environment: str) -> Iterator[Servers]:
    told, file = folder / "scheduler.json", folder / "address.toml"
    loopback = ("--host", "127.0.0.1")
    scheduler = _start("dask_scheduler", *loopback, "--port", "0", "--scheduler-file", str(told))
    options = "--nthreads", "1", "--nworkers", str(workers), "--death-timeout", "60"
    processes = [scheduler]
    try:
        processes.append(
            _start("dask_worker", "--scheduler-file", str(told), *options, *loopback, **environment)
        )
        file.write_text(f'kind = "address"\naddress = "{_address(told)}"\n')
        yield Servers(file, *processes)
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _address(told: Path) -> str:
    deadline = time.monotonic() + 60
    while True:
        with suppress(OSError, ValueError):  # not there, or half written
            return str(json.loads(told.read_text())["address"])
        assert time.monotonic() < deadline, "the scheduler does not start"
        time.sleep(0.05)


def certificates(folder: Path, name: str) -> str:
    """Make an authority and a certificate of it with openssl; returns the table of a cluster file."""
    ca, key, request, cert = (str(folder / f"{name}-{what}.pem") for what in ("ca", "key", "request", "cert"))
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
    sign = ["openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", f"{ca}.key", "-CAcreateserial"]
    for command in (
        [*new, "-x509", "-days", "2", "-subj", f"/CN={name}-ca", "-keyout", f"{ca}.key", "-out", ca],
        [*new, "-subj", f"/CN={name}", "-keyout", key, "-out", request],
        [*sign, "-days", "2", "-out", cert],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return f'[tls]\nca = "{name}-ca.pem"\ncert = "{name}-cert.pem"\nkey = "{name}-key.pem"\n'
