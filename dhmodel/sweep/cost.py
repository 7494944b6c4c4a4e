"""What a sweep will cost before it runs: points, runs, processor time, wall time, disk."""

import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from dhmodel.errors import DHModelError
from dhmodel.native import cache_folder, cache_folders
from dhmodel.parameters.layout import population_sizes
from dhmodel.simulate import Plan
from dhmodel.sweep.blocks import BLOCK
from dhmodel.sweep.growing import carried, same
from dhmodel.sweep.journal import LIMIT
from dhmodel.sweep.layout import Layout, make_layout
from dhmodel.sweep.opening import current
from dhmodel.sweep.spec import SweepSpec, count

FILE = "speed.json"


@dataclass(frozen=True)
class Speed:
    """
    What a run costs, everything from plan to rates included.

    Attributes
    ----------
    nanoseconds : float
        Processor time per central neuron and step of integration.
    origin : str
        Where the figure comes from.
    """

    nanoseconds: float
    origin: str


BENCH = Speed(9.0, "of `dhmodel bench` on one core of an AMD EPYC; no sweep has been timed on this machine")
"""Of the compiled target: pinch and tonic 50 Hz, 490 cells, 22.6 simulated seconds per processor second."""


def neuron_steps(plan: Plan) -> float:
    """Number of central neurons times number of steps of one run."""
    neurons = sum(population_sizes(plan.parameters).values())
    return neurons * (plan.warmup + plan.duration) / plan.parameters["simulation.dt"]


def note_speed(target: str, runs: int, seconds: float, steps: float) -> None:
    """Keep for the next estimate what runs have cost; not being able to is no reason to complain."""
    origin = f"as {runs} runs on this machine on {datetime.now(UTC):%Y-%m-%d}"
    with suppress(OSError, DHModelError):
        file = cache_folder() / FILE
        known = _noted() | {target: asdict(Speed(1e9 * seconds / steps, origin))}
        part = file.with_name(f".{FILE}.{os.getpid()}")
        part.write_text(json.dumps(known, indent=2) + "\n")
        os.replace(part, file)


def speed(target: str) -> Speed | None:
    """Find what a run costs on this machine, or on another if none has been timed here."""
    with suppress(KeyError, TypeError, ValueError):
        noted = _noted()[target]
        return Speed(float(noted["nanoseconds"]), noted["origin"])
    return BENCH if target == "cpp" else None


def estimate(spec: SweepSpec, path: Path, workers: int) -> str:
    """
    Say what a sweep will cost; nothing runs and nothing is written.

    Parameters
    ----------
    spec : SweepSpec
    path : Path
        Where its store lies or shall lie.
    workers : int

    Raises
    ------
    InputError
        The number of workers is none.
    StoreError
        What lies there cannot be continued by this sweep.
    """
    count("workers", workers)
    layout, done = make_layout(spec.plans), _done(spec, path)
    left = [plan for point, plan in enumerate(spec.plans) for _ in range(spec.replicates - done[point])]
    shape = " x ".join(f"{dim} {length}" for dim, length in zip(spec.dims, spec.shape, strict=True))
    seconds = sum(plan.warmup + plan.duration for plan in left)
    runs = len(spec.plans) * spec.replicates
    lines = {
        "points": f"{len(spec.plans)} ({shape})",
        "runs": f"{runs} ({spec.replicates} of every point)",
        "done": f"{runs - len(left)} of them in {path}; {len(left)} left",
        "simulated": f"{_span(seconds)}, warm-up included",
        **_time(left, workers),
        "disk": _disk(layout, len(left), path),
    }
    return "\n".join(f"{name:<10} {text}" for name, text in lines.items())


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


def _time(left: Iterable[Plan], workers: int) -> dict[str, str]:
    plans = list(left)
    known = {target: speed(target) for target in {plan.target for plan in plans}}
    untimed = [target for target, one in known.items() if one is None]
    if untimed:
        return {"cost": f"not known: no sweep with target {untimed[0]} has been timed on this machine"}
    rates = {target: one for target, one in known.items() if one is not None}
    cost = sum(1e-9 * rates[plan.target].nanoseconds * neuron_steps(plan) for plan in plans)
    cores = os.cpu_count() or 1
    at_once = min(workers, cores, max(len(plans), 1))
    told = "; ".join(f"{one.nanoseconds:.3g} ns per neuron-step, {one.origin}" for one in rates.values())
    return {
        "cost": f"{_span(cost)} of processor time" + (f" ({told})" if told else ""),
        "time": f"{_span(cost / at_once)} with {_number(workers, 'worker')} on {_number(cores, 'core')}, "
        "compiling not included",
    }


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _disk(layout: Layout, runs: int, path: Path) -> str:
    """At most: chunks are compressed, but a file system gives every file whole blocks."""
    folder = next(one for one in path.absolute().parents if one.exists())
    block = os.statvfs(folder).f_frsize
    sizes = [8 * prod(layout.shape(name)) for name in layout.variables]
    files = -(-runs // max(BLOCK // max(sizes), 1)) * len(sizes)
    journaled = min(LIMIT, runs * sum(sizes))
    most = runs * sum(sizes) + files * block + journaled
    free = shutil.disk_usage(folder).free
    return f"at most {_bytes(most)} in about {files} files; {_bytes(free)} free there"


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
