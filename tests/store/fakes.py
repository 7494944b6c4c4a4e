"""
Stand-ins for a simulation, for tests that are about the store and the processes, not about neurons.

Results have the shapes of real ones and depend on plan and replicate alone. Runs are noted in the file named
by RUNS and take SECONDS.
"""

import os
import resource
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np

from dhmodel import recording
from dhmodel.errors import EngineError
from dhmodel.simulate import Plan
from dhmodel.stimulation.stimulus import shock_onsets


def measure(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    note(plan, replicate)
    time.sleep(float(os.environ.get("SECONDS", 0)))
    return result(plan, replicate)


def result(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    shocks = shock_onsets(plan.parameters, plan.stimulus, plan.duration)
    coords = recording.coords(plan.parameters, plan.duration, shocks)
    lengths = {dim: values.size for dim, (_, values, _) in coords.items()}
    rng = np.random.default_rng(zlib.crc32(f"{plan.digest()} {replicate}".encode()))
    names = [name for name in recording.VARIABLES if set(recording.dims(name)) <= set(lengths)]
    return {name: rng.random([lengths[dim] for dim in recording.dims(name)]) for name in names}


def note(plan: Plan, replicate: int) -> None:
    name = f"{plan.parameters['tonic.frequency']:g} {plan.state} {plan.stimulus} {replicate}\n"
    with open(os.environ.get("RUNS", os.devnull), "a") as file:
        file.write(name)


def runs() -> list[str]:
    """Every run so far, in order."""
    file = Path(os.environ["RUNS"])
    return file.read_text().splitlines() if file.exists() else []


def chosen(plan: Plan, replicate: int) -> bool:
    """The one unit in which trouble happens."""
    unit = plan.parameters["tonic.frequency"], plan.state, plan.stimulus, replicate
    return unit == (10, "snl", "windup", 1)


def measure_nan(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    arrays = measure(plan, replicate)
    if chosen(plan, replicate):
        arrays["rate"][0] = np.nan
    return arrays


def measure_raising(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    arrays = measure(plan, replicate)
    if chosen(plan, replicate) and not Path(os.environ["RUNS"] + ".mended").exists():
        raise ValueError("first line\nsecond line")
    return arrays


def measure_killed_once(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    arrays = measure(plan, replicate)
    if chosen(plan, replicate) and runs().count("10 snl windup 1") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return arrays


def measure_killed(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    arrays = measure(plan, replicate)
    if chosen(plan, replicate):
        os.kill(os.getpid(), signal.SIGKILL)
    return arrays


def measure_endless(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    arrays = measure(plan, replicate)
    if chosen(plan, replicate) and not Path(os.environ["RUNS"] + ".mended").exists():
        time.sleep(3600)
    return arrays


def measure_filling_disk(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    """From the fifth run on, no file of this process may grow beyond 100 bytes."""
    arrays = measure(plan, replicate)
    if len(runs()) == 5:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    return arrays


def measure_on_full_disk(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    note(plan, replicate)
    with open("/dev/full", "w") as file:
        file.write("x")
    return result(plan, replicate)


def measure_on_full_disk_by_numpy(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    note(plan, replicate)
    try:
        np.zeros(100_000).tofile("/dev/full")
    except OSError as error:
        raise EngineError("cannot write the run folder") from error
    return result(plan, replicate)


def measure_without_brian2(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    heavy = {"brian2", "xarray", "zarr", "matplotlib"} & set(sys.modules)
    if heavy:
        raise RuntimeError(f"a worker imported {', '.join(sorted(heavy))}")
    threads = os.environ["OMP_NUM_THREADS"]
    if threads != "1":
        raise RuntimeError(f"a worker may use {threads} threads")
    return result(plan, replicate)


def measure_stuck(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    """Start a program that hangs and heeds no interrupt, as a simulator might."""
    arrays = measure(plan, replicate)
    if chosen(plan, replicate):
        subprocess.run(["sh", "-c", 'trap "" INT TERM; while :; do sleep 1; done'])
    return arrays


def measure_hungry(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    arrays = measure(plan, replicate)
    if chosen(plan, replicate):
        np.zeros(3_000_000_000)  # 24 GB, touched by nobody
    return arrays


def measure_hungry_program(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    """Start a program that needs too much, as the simulator of a large circuit does."""
    arrays = measure(plan, replicate)
    if chosen(plan, replicate):
        done = subprocess.run([sys.executable, "-c", "bytearray(3 * 10**9)"], capture_output=True, text=True)
        if done.returncode != 0:
            raise EngineError(f"the program failed: {done.stderr.splitlines()[-1]}")
    return arrays


def measure_sleeping(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    note(plan, replicate)
    time.sleep(3600)
    return result(plan, replicate)
