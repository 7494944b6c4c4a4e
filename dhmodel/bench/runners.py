"""
Nanoseconds per neuron-step of every way to run the standard network, and of the hand-written loop.

What a profile of the compiled circuit says (``perf record -e cycles:u`` on the binary; standard load of 20 s,
AVX2 without AVX-512, 15.5 cycles and 35 instructions per neuron-step):

==================================================  =========
state equations of the cells                         52 %
A current and CAN current of those that have them    14 %
thresholds of cells and of sources                    9 %
synapses: what a spike does                           9 %
synapses: spike queues                                4 %
loop over objects and clocks                          3 %
slow step of cells and of terminals                   4 %
start, files, record of spikes, the rest              5 %
==================================================  =========

The state equations are arithmetic: 8 cycles a cell, 2.4 instructions a cycle, in full vectors; the
hand-written loop does not need fewer. Tried and not kept: unrolling, other schedules and tunings of the
compiler (nothing, or worse); approximate reciprocals (nothing); exponentials without their double cut
(nothing); thresholds in vectors of integers (nothing); adaptation and glycine by their share of the way per
step instead of a series (5 %, for other numbers). Kept: single precision (0.4 of the time, and no rate moves
by more than its error, see ``experiments/baselines/single_precision.py``), and arrays spread over pages
(``engine/memory.h``), without which 49,000 cells took 61 cycles per neuron-step instead of 17, and some
smaller numbers of cells 27.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from dhmodel.bench.cython_target import CythonProcess, cython_process
from dhmodel.bench.load import Load, cells_alone, standard_load
from dhmodel.bench.loop import compile_loop, loop_flags, run_loop
from dhmodel.bench.report import Aim, Section
from dhmodel.bench.timing import Cost, alternate, cost_of
from dhmodel.engine import build
from dhmodel.engine.run import run_compiled

__all__ = ["TINY", "Figures", "Runner", "compare", "net_of_start", "run_built", "runners", "whole_and_loop"]

#: A run of this length (s) costs what every run costs before it gets going.
TINY = 0.01

WHOLE, CELLS = "whole circuit", "state equations"
ALONE = "cpp, no spikes come in"
HEADS = ("way to run it", "includes", "user ns", "wall ns", "with start", "x cpp")

NOTES = (
    "whole circuit: cells, sources, synapses, spike queues, record of spikes; divided by central cells alone",
    "state equations: the same cells without synaptic events, fired at like rates by a constant current",
    "user, wall: a run less a run of 10 ms; with start: user and system time of the whole process; medians",
    "x cpp: user time relative to cpp in the same round, median over rounds",
)

type Nano = tuple[float, float, float]
type Say = Callable[[str], None]


@dataclass(frozen=True)
class Runner:
    """One way to run a load: what it computes of the model, the load, and what a run to a time (s) costs."""

    includes: str
    load: Load
    run: Callable[[float], Cost]


@dataclass(frozen=True)
class Figures:
    """A row of the table: what is included, three times (ns per neuron-step), user time relative to cpp."""

    includes: str
    user: float
    wall: float
    with_start: float
    ratio: float


def runners(duration: float, rounds: int, with_cython: bool, say: Say) -> tuple[Section, list[Aim]]:
    """
    Measure all of them in turn.

    Parameters
    ----------
    duration : float
        s of the load after its warm-up.
    rounds : int
        Runs of each, whose median counts; the slow Cython target has three.
    with_cython : bool
        Whether the Cython target takes part; compiling it takes minutes.
    say : callable
        Told of progress.
    """
    load = standard_load(duration)
    with tempfile.TemporaryDirectory(prefix="dhmodel-bench-") as folder:
        found = _compiled_runners(load, Path(folder), say)
        figures, note = compare(found, rounds, say), "Cython target: left out by --quick"
        if with_cython:
            with _cython(load, duration, folder, say) as (cython, note):
                few = {"cpp": found["cpp"], "cython": cython}
                figures["cython"] = compare(few, 3, say)["cython"]
    return _section(load, figures, note)


def _compiled_runners(load: Load, folder: Path, say: Say) -> dict[str, Runner]:
    alone = cells_alone(load)
    built = {name: build.ensure(load.structure, name, say) for name in ("cpp", "cpp_double", "cpp_brian2")}
    found = {name: Runner(WHOLE, load, partial(run_built, one, load)) for name, one in built.items()}
    found[ALONE] = Runner(CELLS, alone, partial(run_built, built["cpp"], alone))
    for real in ("float", "double"):
        found[f"C++ loop, {real}"] = _loop_runner(real, alone, folder, say)
    return found


def _loop_runner(real: str, alone: Load, folder: Path, say: Say) -> Runner:
    say(f"compiling the loop, {real}")
    return Runner(CELLS, alone, partial(_run_loop, compile_loop(folder, real), alone))


def whole_and_loop(load: Load, folder: Path, say: Say) -> dict[str, Runner]:
    """Return two of the runners only: target ``cpp`` and the loop in single precision."""
    built = build.ensure(load.structure, "cpp", say)
    return {
        "cpp": Runner(WHOLE, load, partial(run_built, built, load)),
        "C++ loop, float": _loop_runner("float", cells_alone(load), folder, say),
    }


def run_built(built: build.Built, load: Load, stop: float) -> Cost:
    """Cost of a compiled circuit's run of `load` to `stop` (s)."""
    run = load.until(stop)
    return cost_of(lambda: run_compiled(built, run.arrays, run.feed))


def _run_loop(binary: Path, load: Load, stop: float) -> Cost:
    return cost_of(lambda: run_loop(binary, load.until(stop)))


@contextmanager
def _cython(load: Load, duration: float, home: str, say: Say) -> Iterator[tuple[Runner, str]]:
    """Start and warm the Cython process; it runs one second, being slow."""
    with cython_process(duration, home) as process:
        say("compiling the Cython target (minutes)")
        compiling = _compile_cython(process)
        seconds = compiling.user + compiling.system
        note = f"Cython target: compiling it takes {seconds:.0f} s of processor time, not in the table"
        yield Runner(WHOLE, load.until(min(1.0, load.feed.stop)), process.run), note


def _compile_cython(process: CythonProcess) -> Cost:
    costs = [process.run(TINY) for _ in range(3)]
    return (costs[0] - costs[2]) + (costs[1] - costs[2])


def compare(found: Mapping[str, Runner], rounds: int, say: Say) -> dict[str, Figures]:
    """Run all in turn; ratios are taken within a round, for a machine's speed changes from round to round."""
    turns = {
        (name, stop): partial(runner.run, stop)
        for name, runner in found.items()
        for stop in (runner.load.feed.stop, TINY)
    }
    costs = alternate(turns, rounds, say)
    nano = {
        name: [
            net_of_start(runner.load, long, tiny)
            for long, tiny in zip(costs[name, runner.load.feed.stop], costs[name, TINY], strict=True)
        ]
        for name, runner in found.items()
    }
    return {name: _figures(found[name].includes, figures, nano["cpp"]) for name, figures in nano.items()}


def _figures(includes: str, rounds: list[Nano], cpp: list[Nano]) -> Figures:
    user, wall, with_start = (median(column) for column in zip(*rounds, strict=True))
    ratio = median(one[0] / reference[0] for one, reference in zip(rounds, cpp, strict=True))
    return Figures(includes, user, wall, with_start, ratio)


def net_of_start(load: Load, long: Cost, tiny: Cost) -> Nano:
    """User and wall time per neuron-step of a run less a tiny one, and all its processor time."""
    net, steps = long - tiny, load.neuron_steps - load.until(TINY).neuron_steps
    return (
        1e9 * net.user / steps,
        1e9 * net.wall / steps,
        1e9 * (long.user + long.system) / load.neuron_steps,
    )


def _section(load: Load, figures: Mapping[str, Figures], note: str) -> tuple[Section, list[Aim]]:
    title = (
        f"Nanoseconds per neuron-step: {load.structure.cells} central cells, pinch and tonic 50 Hz, "
        f"{load.feed.stop:g} s with warm-up, dt {load.structure.dt * 1e3:g} ms"
    )
    rows = [(name, *astuple(one)) for name, one in figures.items()]
    section = Section(title, HEADS, rows, (*NOTES, f"loop flags: {' '.join(loop_flags())}", note))
    return section, [
        Aim("user time, Brian2's default flags / cpp", figures["cpp_brian2"].ratio, 4, True),
        Aim(
            "user time, cpp (whole circuit) / C++ loop, float",
            1 / figures["C++ loop, float"].ratio,
            2.5,
            False,
        ),
    ]
