"""What sweeps cost: the standard sweep of 64 points, a thousand points of ten seconds, one worker and two."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

from dhmodel.bench.report import Aim, Section
from dhmodel.bench.timing import Cost, alternate, cost_of
from dhmodel.simulate import plan, prepare
from dhmodel.sweep import sweep

__all__ = ["AXES", "Line", "fit", "points", "run_sweep_of", "sample", "sweeps", "workers"]

PARADIGM, STIMULUS = "tonic", "pinch"

#: The standard sweep: 64 points.
AXES: dict[str, list[object]] = {
    "tonic.frequency": [f"{hertz} Hz" for hertz in (5, 10, 20, 30, 50, 70, 90, 120)],
    "synapse.gaba_a.scale": [0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 1.15, 1.3],
}

#: Points and length (s) of the sweep whose time is aimed at, and that time, s.
MANY, LONG, ALLOWED = 1000, 10.0, 480.0

type Answer = tuple[Section, list[Aim]]
type Say = Callable[[str], None]


def points() -> list[dict[str, object]]:
    """Parameters of every point of the standard sweep, the last axis running fastest."""
    return [dict(zip(AXES, values, strict=True)) for values in product(*AXES.values())]


def sample(k: int) -> dict[str, object]:
    """Point k of as many as one likes: those of the standard sweep well mixed, then others beside them."""
    every = points()
    return every[37 * k % len(every)] | {"tonic.amplitude": 2.0 + k // len(every) / 100}


def run_sweep_of(
    number: int,
    duration: float,
    n_workers: int,
    warmup: float = 1.0,
    target: str = "cpp",
    stored: bool = True,
) -> None:
    """
    Run a sweep of points that differ in their stimulation.

    Parameters
    ----------
    number : int
        Points; one run each.
    duration, warmup : float
        s.
    n_workers : int
    target : str
    stored : bool
        Whether the results go into a store on disk, gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="dhmodel-bench-") as folder:
        sweep(
            points=[sample(k) for k in range(number)],
            paradigm=PARADIGM,
            stimulus=STIMULUS,
            duration=f"{duration!r} s",
            warmup=f"{warmup!r} s",
            replicates=1,
            workers=n_workers,
            store=Path(folder, "sweep.zarr") if stored else None,
            target=target,
            progress=False,
        )


@dataclass(frozen=True)
class Line:
    """What starting takes, and what one more point takes, in every respect of a `Cost`."""

    start: Cost
    point: Cost


def fit(sizes: tuple[int, int], costs: tuple[list[Cost], list[Cost]]) -> Line:
    """
    Part the costs of sweeps of two sizes into a start and so much per point.

    Parameters
    ----------
    sizes : tuple of int
        Points of the small and of the large sweep.
    costs : tuple of list of Cost
        Of the small and of the large sweep, round by round; medians over rounds count.
    """
    small, large = sizes
    slopes = [big - little for little, big in zip(*costs, strict=True)]
    point = _each(slopes, lambda values: median(values) / (large - small))
    start = _each(costs[0], median) - _each([point], lambda values: values[0] * small)
    return Line(start, point)


def _each(costs: list[Cost], reduce: Callable[[list[float]], float]) -> Cost:
    names = Cost.__dataclass_fields__
    return Cost(*(reduce([getattr(cost, name) for cost in costs]) for name in names))


def _lines(
    kinds: Mapping[str, Callable[[int], None]], sizes: tuple[int, int], rounds: int, say: Say
) -> dict[str, Line]:
    """Fit each kind of sweep, given as a function of its number of points; all take turns."""
    turns = {
        (name, size): partial(cost_of, partial(run, size)) for name, run in kinds.items() for size in sizes
    }
    found = alternate(turns, rounds, say)
    return {name: fit(sizes, (found[name, sizes[0]], found[name, sizes[1]])) for name in kinds}


def _ready() -> None:
    prepare(plan(PARADIGM, stimulus=STIMULUS, duration="1 s", target="cpp"))


def sweeps(quick: bool, full: bool, rounds: int, say: Say) -> Answer:
    """
    Measure a thousand points of ten seconds on two cores, and what a point costs beside its steps.

    The thousand are scaled from two smaller sweeps unless `full`.
    """
    _ready()
    sizes = (2, 10) if quick else (4, 24)
    kinds = {
        "10 s, 2 workers": lambda n: run_sweep_of(n, LONG, 2),
        "10 s, 1 worker": lambda n: run_sweep_of(n, LONG, 1),
        "10 ms, 1 worker": lambda n: run_sweep_of(4 * n, 0.01, 1, warmup=0.0),
    }
    found = _lines(kinds, sizes, 1 if quick else min(rounds, 3), say)
    rows = [_row(name, line, 4 if name.startswith("10 ms") else 1) for name, line in found.items()]
    two = found["10 s, 2 workers"]
    seconds, how = two.start.wall + MANY * two.point.wall, f"scaled from {sizes[0]} and {sizes[1]} points"
    if full:
        say(f"all {MANY} points")
        seconds, how = cost_of(lambda: run_sweep_of(MANY, LONG, 2)).wall, "all of them run"
    notes = (
        "start and one more point: from sweeps of two sizes into a store on disk; binary: its processor time",
        f"{MANY} points of {LONG:g} s with 1 s of warm-up, 2 workers: {seconds:.0f} s ({how})",
    )
    heads = ("points of", "start s", "ms per point", "binary ms", "python ms", "written MB per point")
    return Section("Sweeps into a store", heads, rows, notes), [
        Aim(f"{MANY} points x {LONG:g} s, 2 workers, s ({how})", seconds, ALLOWED, False),
        Aim("ms per point beside its steps: 10 ms points", rows[2][2], 30, False),
    ]


def _row(name: str, line: Line, times: int) -> tuple[str, float, float, float, float, float]:
    """Row of the table; `times` points were run for every point of the sizes."""
    point = line.point
    per = 1e3 / times
    binary = point.user + point.system if "1 worker" in name else float("nan")  # workers are children, too
    own = point.own if "1 worker" in name else float("nan")
    return name, line.start.wall, per * point.wall, per * binary, per * own, point.written / times / 1e6


def workers(quick: bool, rounds: int, say: Say) -> Answer:
    """Measure how much faster two workers are than one, once they run; their start is told apart."""
    _ready()
    sizes, duration = ((4, 12), 2.0) if quick else ((8, 40), 5.0)
    kinds = {str(n): partial(_with_workers, n, duration) for n in (1, 2)}
    found = _lines(kinds, sizes, 1 if quick else min(rounds, 3), say)
    rows: list[tuple[str | float, ...]] = [
        (f"{n} worker{'s' * (n != '1')}", line.start.wall, 1e3 * line.point.wall, 1 / line.point.wall)
        for n, line in found.items()
    ]
    efficiency = found["1"].point.wall / (2 * found["2"].point.wall)
    title = (
        f"Parallel efficiency: points of {duration:g} s after 1 s, sweeps of {sizes[0]} and {sizes[1]} points"
    )
    return Section(title, ("workers", "start s", "ms per point", "points per s"), rows), [
        Aim("parallel efficiency from one worker to two, start apart", efficiency, 0.9, True)
    ]


def _with_workers(n_workers: int, duration: float, number: int) -> None:
    run_sweep_of(number, duration, n_workers)
