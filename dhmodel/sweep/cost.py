"""What a sweep will cost before it runs: points, runs, processor time, wall time, disk."""

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import DHModelError
from dhmodel.native import cache_folder, cache_folders
from dhmodel.parameters.layout import population_sizes
from dhmodel.simulate import Plan
from dhmodel.sweep.blocks import Blocks, pieces_and_blocks
from dhmodel.sweep.growing import carried, same
from dhmodel.sweep.journal import LIMIT
from dhmodel.sweep.layout import Layout, make_layout
from dhmodel.sweep.opening import current
from dhmodel.sweep.spec import SweepSpec, count

FILE = "speed.json"

type Floats = NDArray[np.float64]


KEPT = 8
"""How many of the latest sweeps of a target decide what the next will cost."""

ARRAYS = 12
"""Arrays of a store beside the results: coordinates, status, errors, digests, and its journal."""

DEEPEST = 2
"""Dimensions of a result beside those of its run: folders below the last of these."""

POINT_BYTES = 400
"""Of digests, status and changed parameters of one point, at most, as a rule."""


@dataclass(frozen=True)
class Speed:
    """
    What a run costs, everything from plan to rates included.

    Attributes
    ----------
    start : float
        Processor time of a run beside its steps, s.
    nanoseconds : float
        Processor time per central neuron and step of integration.
    origin : str
        Where the figures come from.
    """

    start: float
    nanoseconds: float
    origin: str

    def seconds(self, steps: float) -> float:
        """Processor time of a run of so many neuron-steps."""
        return self.start + 1e-9 * self.nanoseconds * steps

    def __str__(self) -> str:
        return f"{1e3 * self.start:.3g} ms a run and {self.nanoseconds:.3g} ns per neuron-step, {self.origin}"


BENCH = Speed(
    0.035, 7.0, "of `dhmodel bench` on one core of an AMD EPYC; no sweep has been timed on this machine"
)
"""Of the compiled target: pinch and tonic 50 Hz, 490 cells."""

LONG = 2.5e7
"""Neuron-steps of a run of a few seconds."""


def neuron_steps(plan: Plan) -> float:
    """Number of central neurons times number of steps of one run."""
    neurons = sum(population_sizes(plan.parameters).values())
    return neurons * (plan.warmup + plan.duration) / plan.parameters["simulation.dt"]


def note_speed(target: str, runs: int, seconds: float, steps: float) -> None:
    """Keep for the next estimate what runs have cost; not being able to is no reason to complain."""
    note = {"runs": runs, "seconds": seconds, "steps": steps, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    with suppress(OSError, DHModelError):
        file = cache_folder() / FILE
        known = _noted()
        kept = known.get(target)
        known[target] = [*(kept if isinstance(kept, list) else []), note][-KEPT:]
        part = file.with_name(f".{FILE}.{os.getpid()}")
        part.write_text(json.dumps(known, indent=2) + "\n")
        os.replace(part, file)


def speed(target: str) -> Speed | None:
    """Find what a run costs on this machine, or on another if none has been timed here."""
    prior = BENCH if target == "cpp" else None
    with suppress(KeyError, TypeError, ValueError):
        notes = _noted()[target]
        runs, seconds, steps = (
            np.array([note[name] for note in notes], dtype=float) for name in ("runs", "seconds", "steps")
        )
        if not (notes and (runs > 0).all() and (seconds > 0).all() and (steps > 0).all()):
            raise ValueError(notes)
        origin = f"as {runs.sum():.0f} runs on this machine until {notes[-1]['date']}"
        if prior is None:
            return Speed(0.0, float(1e9 * seconds.sum() / steps.sum()), origin)
        return _fitted(runs, seconds / runs, steps / runs, prior, origin)
    return prior


def _fitted(runs: Floats, seconds: Floats, steps: Floats, prior: Speed, origin: str) -> Speed:
    """Start and speed that fit the runs of several sweeps best, relative to what they were expected to cost.

    The expectation counts as one run without steps and one long run; they decide where all were of a length.
    """
    x = np.array([*steps, 0.0, LONG])
    expected = np.array([prior.seconds(one) for one in x])
    y = np.array([*seconds, *expected[-2:]])
    weight = np.sqrt([*runs, 1.0, 1.0]) / expected
    (start, slope), *_ = np.linalg.lstsq(np.stack([weight, weight * x * 1e-9], axis=1), weight * y)
    return Speed(max(float(start), 0.0), max(float(slope), 0.0), origin)


def estimate(spec: SweepSpec, path: Path, workers: int | None, cluster: bool = False) -> str:
    """
    Say what a sweep will cost; nothing runs and nothing is written.

    Parameters
    ----------
    spec : SweepSpec
    path : Path
        Where its store lies or shall lie.
    workers : int or None
        None if nobody knows before the cluster is asked.
    cluster : bool
        Whether they are elsewhere, so that the processors of this machine do not count.

    Raises
    ------
    InputError
        The number of workers is none.
    StoreError
        What lies there cannot be continued by this sweep.
    """
    if workers is not None:
        count("workers", workers)
    layout, done = make_layout(spec.plans), _done(spec, path)
    left = [(plan, spec.replicates - finished) for plan, finished in zip(spec.plans, done, strict=True)]
    shape = " x ".join(f"{dim} {length}" for dim, length in zip(spec.dims, spec.shape, strict=True))
    seconds = sum(runs * (plan.warmup + plan.duration) for plan, runs in left)
    runs, number = len(spec.plans) * spec.replicates, sum(runs for _, runs in left)
    lines = {
        "points": f"{len(spec.plans)} ({shape})",
        "runs": f"{runs} ({spec.replicates} of every point)",
        "done": f"{runs - number} of them in {path}; {number} left",
        "simulated": f"{_span(seconds)}, warm-up included",
        **_time(left, workers, cluster),
        "disk": _disk(spec, layout, number, path),
    }
    return "\n".join(f"{name:<10} {text}" for name, text in lines.items())


def left(spec: SweepSpec, path: Path) -> int:
    """
    How many runs of a sweep are not in its store.

    Raises
    ------
    StoreError
        What lies there cannot be continued by this sweep.
    """
    return len(spec.plans) * spec.replicates - sum(_done(spec, path))


def _noted() -> dict[str, Any]:
    for folder in cache_folders():
        with suppress(OSError, ValueError, TypeError):
            return dict(json.loads((folder / FILE).read_text()))
    return {}


def _done(spec: SweepSpec, path: Path) -> list[int]:
    """Number of finished replicates of every point."""
    found = [0] * len(spec.plans)
    if path.is_dir() and any(path.iterdir()):
        group = current(path)
        same(spec, path, group)
        finished, _ = carried(spec, group)
        found = np.bincount(finished // spec.replicates, minlength=len(found)).tolist()
    return found


def _time(left: Sequence[tuple[Plan, int]], workers: int | None, cluster: bool) -> dict[str, str]:
    known = {target: speed(target) for target in {plan.target for plan, _ in left}}
    untimed = [target for target, one in known.items() if one is None]
    if untimed:
        return {"cost": f"not known: no sweep with target {untimed[0]} has been timed on this machine"}
    rates = {target: one for target, one in known.items() if one is not None}
    cost = sum(runs * rates[plan.target].seconds(neuron_steps(plan)) for plan, runs in left)
    told = {"cost": f"{_span(cost)} of processor time ({'; '.join(map(str, rates.values()))})"}
    if workers is None:
        return told | {"time": "that, divided by the workers of the cluster, which it has not been asked for"}
    cores = os.cpu_count() or 1
    at_once = min(workers, max(sum(runs for _, runs in left), 1), *([] if cluster else [cores]))
    where = (
        "of the cluster, if they are as fast as this machine" if cluster else f"on {_number(cores, 'core')}"
    )
    time = f"{_span(cost / at_once)} with {_number(workers, 'worker')} {where}, compiling not included"
    return told | {"time": time}


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _disk(spec: SweepSpec, layout: Layout, runs: int, path: Path) -> str:
    """At most: chunks are compressed, but a file system gives every file whole blocks."""
    folder = next(one for one in path.absolute().parents if one.exists())
    free = f"{_bytes(shutil.disk_usage(folder).free)} free there"
    if not runs:
        return f"no more; {free}"
    sizes = [8 * prod(layout.shape(name)) for name in layout.variables]
    units = (*spec.shape, spec.replicates)
    blocks = prod(Blocks(units, pieces_and_blocks(units, max(sizes))[1]).grid)
    # every array has a file that describes it, those beside the results one of data too
    files = len(sizes) * (blocks + 1) + 2 * ARRAYS
    folders = len(sizes) * (2 + (len(units) + DEEPEST) * blocks) + 2 * ARRAYS
    block = os.statvfs(folder).f_frsize
    journaled = min(LIMIT, runs * sum(sizes))
    most = runs * sum(sizes) + len(spec.plans) * POINT_BYTES + (files + folders) * block + journaled
    return f"at most {_bytes(most)} more, in about {files} files; {free}"


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _bytes(number: float) -> str:
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if number >= 1000**power:
            return f"{number / 1000**power:.3g} {unit}"
    return f"{number:.0f} B"
