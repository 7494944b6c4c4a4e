"""Run a compiled circuit: arrays in, spikes out, no Brian2 in this process."""

import errno
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.engine.build import Built
from dhmodel.engine.feed import Feed
from dhmodel.engine.scratch import run_folder
from dhmodel.errors import EngineError

__all__ = ["STATES", "Spikes", "check_finite", "run_compiled"]

type Array = NDArray[Any]

#: States whose final values betray a run that left the real numbers. The binary is compiled with -ffast-math,
#: where a comparison with NaN means nothing, so the check happens here.
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
    "cells.resource",
    "sources.pad",
    "sources.resource",
)

#: What the results of a run take, bytes.
RESULTS = 8_000_000


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes of the central cells: ``times`` from the start of the run, s, ascending; ``cells``, index."""

    times: NDArray[np.float64]
    cells: NDArray[np.int64]


def run_compiled(
    built: Built, arrays: Mapping[str, Array], feed: Feed, time_limit: float | None = None
) -> Spikes:
    """Run the binary once, in a folder of its own that is gone afterwards.

    Parameters
    ----------
    built : Built
        The compiled circuit.
    arrays : mapping of {str : ndarray}
        Every parameter, initial value and piece of wiring by name, e.g. ``"cells.elastance"``,
        ``"excitation.i"``; SI units.
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
        If an array is missing, has the wrong size or is not finite; if the binary fails, complains, exceeds
        the limit or ends with a non-finite state; if its files cannot be written.
    """
    arrays = _as_compiled(built, {**arrays, "sources.t_next": feed.first()})
    where = "of a run"
    try:
        with run_folder(feed.nbytes + RESULTS) as folder:
            where = str(folder)
            arguments = _write(built, arrays, feed, folder)
            _execute(built, arguments, folder, time_limit)
            return _read(built, folder)
    except OSError as error:
        raise EngineError(f"cannot use the folder {where}: {error.strerror or error}") from error


def _as_compiled(built: Built, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Check the arrays against the compiled circuit and give them its types."""
    static, variables, sizes = (built.manifest[key] for key in ("static", "variables", "sizes"))
    if missing := sorted(set(static) - set(arrays)):
        raise EngineError(f"no array given for {', '.join(missing)}")
    typed = {}
    for name, array in arrays.items():
        if name not in sizes:
            raise EngineError(f"the compiled circuit has no variable {name}")
        if array.size != sizes[name]:
            raise EngineError(f"{name}: {array.size} values given, the compiled circuit has {sizes[name]}")
        if name in static:  # what the binary reads at its start has the types of the generating process
            kind = "float64" if name.endswith(".delay") else "int32"
        else:
            kind = variables[name][1]
        with np.errstate(over="ignore"):  # what single precision cannot hold is reported in the next line
            typed[name] = np.ascontiguousarray(array, dtype=kind)
        if kind != "int32":
            check_finite(name, typed[name], "given to the run")
    return typed


def _write(built: Built, arrays: Mapping[str, Array], feed: Feed, folder: Path) -> list[str]:
    """Write the files that the binary reads; returns its arguments."""
    for name in ("static_arrays", "values", "results"):
        (folder / name).mkdir()
    feed.write(folder / "feed")
    static, arguments = built.manifest["static"], []
    for name, array in arrays.items():
        if name in static:
            _put(f"{folder}/static_arrays/{static[name]}", array)
        elif array.size == 1:
            arguments.append(f"{name}={array.item()!r}")
        else:
            _put(f"{folder}/values/{name}", array)
            arguments.append(f"{name}=values/{name}")
    return arguments


def _put(path: str, array: Array) -> None:
    # for a small file numpy's own tofile takes five times as long
    with open(path, "wb") as file:
        file.write(array.data)


def _execute(built: Built, arguments: list[str], folder: Path, time_limit: float | None) -> None:
    command = [str(built.binary), "--results_dir", "results/", *arguments]
    environment = {**os.environ, "DHMODEL_FEED": str(folder / "feed")}
    with open(folder / "said", "w+b") as said:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=time_limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise EngineError(f"the run exceeded its time limit of {time_limit:g} s") from None
        except OSError as error:
            raise EngineError(f"cannot start {built.binary}: {error.strerror or error}") from error
        said.seek(0)
        complaint = said.read().decode(errors="replace").strip()
    if done.returncode != 0 or complaint:
        last = complaint.splitlines()[-1] if complaint else "no message"
        raise EngineError(f"the circuit's binary failed (status {done.returncode}): {last}")


def _read(built: Built, folder: Path) -> Spikes:
    variables, sizes = built.manifest["variables"], built.manifest["sizes"]

    def load(name: str, size: int) -> Array:
        file, kind = variables[name]
        with open(f"{folder}/results/{file}", "rb") as results:
            written = results.read()
        if len(written) != size * np.dtype(kind).itemsize:  # the binary does not notice
            raise OSError(errno.ENOSPC, f"disk full, {name} was not written to its end")
        return np.frombuffer(written, dtype=kind)

    for name in STATES:
        check_finite(name, load(name, sizes[name]))
    number = int(load("spikes.N", 1)[0])
    return Spikes(load("spikes.t", number), load("spikes.i", number).astype(np.int64))


def check_finite(name: str, values: Array, when: str = "at the end of the run") -> None:
    """Raise EngineError if a state has left the real numbers."""
    finite = np.isfinite(values)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise EngineError(
            f"non-finite {name} in {bad.size} of {values.size} units {when} (first: unit {bad[0]}); "
            "the parameters drive the circuit out of the real numbers"
        )
