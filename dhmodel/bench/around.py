"""What a run costs as users meet it: throughput, the cost of a run of no length, spike trains."""

from collections.abc import Callable, Mapping
from functools import partial

from dhmodel.bench.load import standard_load, standard_plan
from dhmodel.bench.report import Aim, Section
from dhmodel.bench.timing import Cost, alternate, cost_of, middle, repeat
from dhmodel.engine import build
from dhmodel.engine.run import run_compiled
from dhmodel.simulate import Plan, measure, plan, prepare
from dhmodel.stimulation.afferents import afferent_input

__all__ = ["overhead", "stimulation", "throughput"]

CONDITIONS = {
    "spontaneous": ("none", "spontaneous"),
    "pinch": ("none", "pinch"),
    "pinch, tonic 50 Hz": ("tonic", "pinch"),
}

type Answer = tuple[Section, list[Aim]]
type Say = Callable[[str], None]


def throughput(duration: float, rounds: int, say: Say) -> Answer:
    """Simulated seconds (warm-up included) per second and core, from plan to measured arrays, one process."""
    plans = {
        name: plan(paradigm, stimulus=stimulus, duration=f"{duration!r} s", target="cpp")
        for name, (paradigm, stimulus) in CONDITIONS.items()
    }
    for one in plans.values():
        prepare(one)
        measure(one, 0)
    turns = {name: partial(cost_of, partial(measure, one, 0)) for name, one in plans.items()}
    found = alternate(turns, rounds, say)
    rows = [
        _throughput_row(name, one.warmup + one.duration, middle(found[name])) for name, one in plans.items()
    ]
    title = f"Simulated seconds per second on one core: plan to rates, {duration:g} s and 1 s of warm-up"
    heads = ("condition", "per wall s", "per processor s", "per s in the binary", "python s", "binary s")
    slowest = min(rows, key=lambda row: row[1])
    return Section(title, heads, rows), [
        Aim(f"simulated s per wall s and core, whole run, {slowest[0]}", slowest[1], 15, True),
        Aim(f"simulated s per processor s, whole run, {slowest[0]}", slowest[2], 15, True),
    ]


def _medians(found: Mapping[str, list[Cost]]) -> list[tuple[str, Cost]]:
    return [(name, middle(costs)) for name, costs in found.items()]


def _throughput_row(name: str, simulated: float, cost: Cost) -> tuple[str, float, float, float, float, float]:
    binary = cost.user + cost.system
    return name, simulated / cost.wall, simulated / cost.processor, simulated / binary, cost.own, binary


def overhead(rounds: int, say: Say) -> Answer:
    """Cost of a run of 10 ms: the compiled circuit with its files, and everything from plan to rates."""
    short = plan("tonic", stimulus="pinch", duration="10 ms", warmup="0 s", target="cpp")
    prepare(short)
    load = standard_load(0.01).until(0.01)
    built = build.ensure(load.structure, "cpp", say)
    found = alternate(
        {
            "compiled circuit, its files written and read": partial(
                cost_of, partial(run_compiled, built, load.arrays, load.feed)
            ),
            "plan to rates": partial(cost_of, partial(measure, short, 0)),
        },
        rounds,
        say,
    )
    rows: list[tuple[str | float, ...]] = [
        (name, 1e3 * one.wall, 1e3 * one.own, 1e3 * one.user, 1e3 * one.system, one.written / 1e6)
        for name, one in _medians(found)
    ]
    heads = ("run of 10 ms", "wall ms", "python ms", "binary user ms", "binary system ms", "written MB")
    return Section("Cost of any run", heads, rows), []


def stimulation(rounds: int, say: Say) -> Answer:
    """Cost of making the spike trains of all afferents."""
    say("making spike trains")
    plans = [
        standard_plan(5.0),
        plan("tonic", stimulus="windup", set={"tonic.frequency": "1 kHz"}, target="cpp"),
    ]
    rows = [_stimulation_row(one, rounds) for one in plans]
    return Section(
        "Spike trains of all afferents", ("train", "simulated s", "ms", "ms per simulated s"), rows
    ), []


def _stimulation_row(one: Plan, rounds: int) -> tuple[str | float, ...]:
    P, total = one.parameters, one.duration + one.warmup
    cost = repeat(
        partial(afferent_input, P, one.paradigm, one.stimulus, one.duration, one.warmup, one.seed, 0),
        rounds,
    )
    name = f"{one.stimulus}, tonic {P['tonic.frequency']:g} Hz"
    return name, total, 1e3 * cost.own, 1e3 * cost.own / total
