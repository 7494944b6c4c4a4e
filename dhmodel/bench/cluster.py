"""What a scheduler costs: time per point of a Dask cluster on this machine, beside the local pool."""

from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

from dhmodel.bench.report import Aim, Section

__all__ = ["cluster"]

WORKERS = 2


def cluster(number: int, rounds: int, say: Callable[[str], None]) -> tuple[Section, list[Aim]]:
    """
    Measure the overhead per point of both executors, with work that takes no time.

    Parameters
    ----------
    number : int
        Points, each with a plan of its own.
    rounds : int
        Measurements of each, whose median counts.
    say : callable
        Told of progress.
    """
    title = f"Overhead per point on {WORKERS} workers of this machine: {number} points without work"
    heads = ("executor", "ms per point")
    if find_spec("distributed") is None:
        return Section(title, heads, [], ("left out: the extra `cluster` is not installed",)), []
    from dhmodel.sweep.cluster_overhead import overhead

    found: dict[str, list[float]] = {"Dask LocalCluster": [], "local pool": []}
    for number_of_round in range(rounds):
        say(f"round {number_of_round + 1} of {rounds}")
        for name, times in found.items():
            times.append(1e3 * overhead(number, WORKERS, pool=name == "local pool"))
    rows = [(name, median(times)) for name, times in found.items()]
    return Section(title, heads, rows), [Aim("Dask, scheduler overhead per point, ms", rows[0][1], 10, False)]
