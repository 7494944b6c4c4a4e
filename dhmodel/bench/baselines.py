"""Throughput of a 64-point sweep beside a plain Brian2 script, Brian2 standalone and a hand-written loop."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import dhmodel
from dhmodel.bench import runners
from dhmodel.bench.load import standard_load
from dhmodel.bench.report import Aim, Section
from dhmodel.bench.sweeps import PARADIGM, STIMULUS, points, run_sweep_of
from dhmodel.bench.timing import cost_of
from dhmodel.errors import EngineError
from dhmodel.simulate import Plan, measure, plan, prepare

__all__ = ["PLAIN", "Way", "baselines", "table"]

#: The plain script; it is part of the repository, not of the installed package.
PLAIN = Path(dhmodel.__file__).resolve().parents[1] / "experiments" / "baselines" / "plain_brian2.py"

HEADS = (
    "way to run it",
    "processes",
    "points run",
    "s per point",
    "64 points s",
    "x dhmodel",
    "x per process",
)

type Answer = tuple[Section, list[Aim]]
type Say = Callable[[str], None]


@dataclass(frozen=True)
class Way:
    """One way to run the sweep: processes it uses, points it ran, s that all points take."""

    name: str
    processes: int
    ran: int
    seconds: float


def table(ours: Way, others: Sequence[Way]) -> list[tuple[str | float, ...]]:
    """Rows of the table: every way beside ours, by the sweep and by the processor."""
    number = len(points())
    return [
        (
            way.name,
            float(way.processes),
            float(way.ran),
            way.seconds / number,
            way.seconds,
            way.seconds / ours.seconds,
            way.seconds * way.processes / (ours.seconds * ours.processes),
        )
        for way in (ours, *others)
    ]


def baselines(duration: float, rounds: int, with_plain: bool, say: Say) -> Answer:
    """
    Measure all of them; of slow ones a few points, scaled to 64.

    Parameters
    ----------
    duration : float
        s of every point after 1 s of warm-up.
    rounds : int
        Rounds of the comparison with the loop.
    with_plain : bool
        Whether the plain script takes part; it compiles for minutes where it has not run before.
    say : callable
        Told of progress.
    """
    number = len(points())
    prepare(_point(points()[0], duration, "cpp"))
    say(f"dhmodel, {number} points, 2 workers")
    ours = Way("dhmodel, 2 workers", 2, number, cost_of(partial(run_sweep_of, number, duration, 2)).wall)
    others = [_standalone(duration, 4, say)]
    notes = ["points of other ways are spread over the sweep, and their time is scaled to all 64"]
    if with_plain:
        way, note = _plain(duration, 2, say)
        others += way
        notes += note
    else:
        notes.append("plain Brian2 script: left out by --quick")
    ratio = _loop(duration, rounds, say)
    notes.append(f"cost per neuron-step, whole circuit / hand-vectorised C++ loop of its cells: {ratio:.2f}")
    rows = table(ours, others)
    title = f"Sweep of {number} points, {duration:g} s after 1 s, warm caches, start of workers included"
    aims = [
        Aim(f"64 points: {row[0]} / dhmodel on two cores", float(row[5]), bound, True)
        for row, bound in zip(rows[1:], (4, 40), strict=False)
    ]
    aims.append(Aim("cost per neuron-step / hand-vectorised C++ loop", ratio, 2.5, False))
    return Section(title, HEADS, rows, tuple(notes)), aims


def _point(chosen: dict[str, object], duration: float, target: str) -> Plan:
    return plan(PARADIGM, stimulus=STIMULUS, set=chosen, duration=f"{duration!r} s", target=target)


def _spread(number: int) -> list[dict[str, object]]:
    """So many points of the sweep, evenly spread."""
    every = points()
    return every[:: max(len(every) // number, 1)][:number]


def _standalone(duration: float, number: int, say: Say) -> Way:
    """Brian2's standalone device with its default flags: built once, its binary run point after point."""
    plans = [_point(chosen, duration, "cpp_brian2") for chosen in _spread(number)]
    prepare(plans[0])
    measure(plans[0], 0)
    seconds = 0.0
    for k, one in enumerate(plans):
        say(f"Brian2 standalone, point {k + 1} of {number}")
        seconds += cost_of(partial(measure, one, 0)).wall
    return Way("Brian2 standalone, default flags", 1, number, seconds / number * len(points()))


def _plain(duration: float, number: int, say: Say) -> tuple[list[Way], list[str]]:
    """The plain script, if it is there, with notes on its parts."""
    if not PLAIN.exists():
        return [], [f"plain Brian2 script: left out, for {PLAIN.name} is not beside the package"]
    say("plain Brian2 script (compiles for minutes where it has not run before)")
    found = _run_plain(number, duration)
    each = [one["build s"] + one["run s"] for one in found["points"]]
    build = fmean(one["build s"] for one in found["points"])
    pairs = [_rates_beside(one, duration) for one in found["points"]]
    return [Way("plain Brian2, runtime Cython", 1, number, fmean(each) * len(points()))], [
        f"plain Brian2: {build:.1f} s of a point to rebuild the network; its first point, which finds or "
        f"compiles its code, took {found['first point s']:.0f} s and is not counted",
        "mean rate of all cells, plain Brian2 and dhmodel, Hz: " + "; ".join(pairs),
    ]


def _rates_beside(one: dict[str, Any], duration: float) -> str:
    ours = measure(_point(one["point"], duration, "cpp"), 0)["rate"]
    return f"{fmean(one['rates'].values()):.1f} and {float(ours.mean()):.1f}"


def _run_plain(number: int, duration: float) -> dict[str, Any]:
    command = [sys.executable, str(PLAIN), "--points", str(number), "--duration", repr(duration)]
    path = os.pathsep.join([str(PLAIN.parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EngineError(f"{PLAIN.name} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _loop(duration: float, rounds: int, say: Say) -> float:
    """User time per neuron-step of the whole circuit, in multiples of the C++ loop's in single precision."""
    with tempfile.TemporaryDirectory(prefix="dhmodel-bench-") as folder:
        found = runners.whole_and_loop(standard_load(duration), Path(folder), say)
        figures = runners.compare(found, rounds, say)
    return 1 / figures["C++ loop, float"].ratio
