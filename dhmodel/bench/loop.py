"""The hand-written loop of the cells' state equations (``loop.cpp``): compile it, run it."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from dhmodel.bench.load import Load
from dhmodel.engine import build
from dhmodel.errors import EngineError

__all__ = ["compile_loop", "loop_flags", "run_loop"]

SOURCE = Path(__file__).with_name("loop.cpp")
FEED = Path(build.__file__).parent


def loop_flags() -> tuple[str, ...]:
    """Compiler flags: those of target ``cpp``, and leave for ``#pragma omp simd``."""
    flags = build.usable_flags(build.RECIPES["cpp"].flags, lambda text: None) or ()
    return ("-std=c++17", *flags, "-fopenmp-simd")


def compile_loop(folder: Path, real: str) -> Path:
    """
    Compile the loop.

    Parameters
    ----------
    folder : Path
        Where the binary goes.
    real : {"float", "double"}
        Type of the states.

    Raises
    ------
    EngineError
        There is no compiler, or it fails.
    """
    found = build.compiler()
    if found is None:
        raise EngineError("no C++ compiler (g++ or clang++) with make on this machine")
    binary = folder / f"loop_{real}"
    command = [found[0], *loop_flags(), f"-DREAL={real}", f"-I{FEED}", str(SOURCE), "-o", str(binary)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EngineError(f"the C++ compiler failed on {SOURCE.name}: {done.stderr.strip().splitlines()[0]}")
    return binary


def run_loop(binary: Path, load: Load) -> int:
    """
    Run the cells of `load` without their synapses.

    Returns
    -------
    int
        Number of spikes.

    Raises
    ------
    EngineError
        The loop fails, or ends with a state that is not finite.
    """
    with tempfile.TemporaryDirectory(prefix="dhmodel-loop-") as name:
        folder = Path(name)
        load.feed.write(folder / "feed")
        for array, values in load.arrays.items():
            owner, variable = array.split(".")
            if owner == "cells":
                np.ascontiguousarray(values, dtype=np.float64).tofile(folder / variable)
        with_a = (bound for _, *ends in load.structure.a_current for bound in _filled(load, *ends))
        ranges = [str(bound) for bound in (*load.structure.wdr, *with_a)]
        environment = {**os.environ, "DHMODEL_FEED": str(folder / "feed")}
        done = subprocess.run(
            [str(binary), str(folder), *ranges], env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise EngineError(f"the loop failed: {done.stderr.strip() or 'no message'}")
    _, spikes, total = done.stdout.split()
    if not np.isfinite(float(total)):
        raise EngineError("the loop left the real numbers")
    return int(spikes)


def _filled(load: Load, start: int, stop: int) -> tuple[int, int]:
    """First and one-past-last cell of a range that have an A current, as the compiled circuit does."""
    number = np.flatnonzero(load.arrays["cells.g_a"][start:stop])
    return start, start + (int(number[-1]) + 1 if number.size else 0)
