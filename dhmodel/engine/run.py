"""Run a compiled circuit: arrays in, spikes out, no Brian2 in this process."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dhmodel.engine.build import Built
from dhmodel.engine.feed import Feed
from dhmodel.errors import EngineError

__all__ = ["STATES", "Spikes", "check_finite", "run_compiled"]

#: States whose final values betray a run that left the real numbers. The binary is compiled with -ffast-math, where a
#: comparison with NaN means nothing, so the check happens here.
STATES = (
    "cells.v",
    "cells.w",
    "cells.g_ampa",
    "cells.g_nmda",
    "cells.g_nk1",
    "cells.g_gaba_a",
    "cells.g_glycine",
    "cells.g_gaba_b",
    "cells.g_mod",
    "cells.i_noise",
    "cells.i_intrinsic",
    "cells.calcium",
    "cells.can_gate",
    "sources.pad",
    "sources.resource",
)


@dataclass(frozen=True)
class Spikes:
    """Spikes of the central cells: ``times`` from the start of the run (s), ascending, and ``cells`` (index)."""

    times: np.ndarray
    cells: np.ndarray


def run_compiled(
    built: Built, arrays: Mapping[str, np.ndarray], feed: Feed, time_limit: float | None = None
) -> Spikes:
    """Run the binary once, in a folder of its own that is gone afterwards.

    Parameters
    ----------
    built : Built
        The compiled circuit.
    arrays : mapping of {str : ndarray}
        Every parameter, initial value and piece of wiring by name, e.g. ``"cells.capacitance"``, ``"excitation.i"``; SI units.
    feed : Feed
        Spike times and noise.
    time_limit : float, optional
        Wall-clock limit, s.

    Returns
    -------
    Spikes

    Raises
    ------
    EngineError
        If the binary fails, complains, exceeds the limit or ends with a non-finite state.
    """
    folder = Path(tempfile.mkdtemp(prefix="dhmodel-run-"))
    try:
        try:
            arguments = _write(built, arrays, feed, folder)
            _execute(built, arguments, folder, time_limit)
            return _read(built, folder)
        except OSError as error:
            raise EngineError(f"cannot use the run folder {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(built, arrays, feed, folder) -> list[str]:
    for name in ("static_arrays", "values", "results"):
        (folder / name).mkdir()
    feed.write(folder / "feed")
    static, variables, arguments = built.manifest["static"], built.manifest["variables"], []
    if missing := set(static) - set(arrays):
        raise EngineError(f"no array given for {', '.join(sorted(missing))}")
    for name, array in {**arrays, "sources.t_next": feed.first()}.items():
        if name in static:
            kind = np.float64 if name.endswith(".delay") else np.int32
            np.ascontiguousarray(array, dtype=kind).tofile(folder / "static_arrays" / static[name])
        else:
            np.ascontiguousarray(array, dtype=variables[name][1]).tofile(folder / "values" / name)
            arguments.append(f"{name}=values/{name}")
    return arguments


def _execute(built, arguments, folder, time_limit) -> None:
    command = [str(built.binary), "--results_dir", "results/", *arguments]
    environment = {**os.environ, "DHMODEL_FEED": str(folder / "feed")}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"the run exceeded its time limit of {time_limit:g} s") from None
    complaint = (done.stderr + done.stdout).strip()
    if done.returncode != 0 or complaint:
        last = complaint.splitlines()[-1] if complaint else "no message"
        raise EngineError(f"the circuit's binary failed (status {done.returncode}): {last}")


def _read(built, folder) -> Spikes:
    def load(name):
        file, kind = built.manifest["variables"][name]
        return np.fromfile(folder / "results" / file, dtype=kind)

    for name in STATES:
        check_finite(name, load(name))
    return Spikes(load("spikes.t"), load("spikes.i").astype(np.int64))


def check_finite(name: str, values: np.ndarray) -> None:
    """Raise EngineError if a state has left the real numbers."""
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise EngineError(
            f"non-finite {name} in {bad.size} of {values.size} units at the end of the run (first: unit {bad[0]}); "
            "the parameters drive the circuit out of the real numbers"
        )
