"""Running the plans of a protocol, and reducing what they recorded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import product
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import POPULATIONS
from dhmodel.recording import WINDOWS, Recording, summarise
from dhmodel.simulate import Plan, prepare, record

__all__ = ["Floats", "Run", "counts", "in_pool", "in_turn", "rates", "replicated"]

type Run = Callable[[Sequence[tuple[Plan, int]]], list[Recording]]
type Floats = NDArray[np.float64]


def in_turn(work: Sequence[tuple[Plan, int]]) -> list[Recording]:
    """Run in this process, one after another."""
    return [record(*unit) for unit in work]


@contextmanager
def in_pool(workers: int) -> Iterator[Run]:
    """Run in so many processes, longest runs first."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:

        def run(work: Sequence[tuple[Plan, int]]) -> list[Recording]:
            for plan in {plan.parameters["circuit.scale"]: plan for plan, _ in work}.values():
                prepare(plan)
            order = sorted(range(len(work)), key=lambda i: -work[i][0].duration)
            futures = {i: pool.submit(record, *work[i]) for i in order}
            return [futures[i].result() for i in range(len(work))]

        yield run


def replicated(plans: Mapping[str, Plan], replicates: int, run: Run = in_turn) -> dict[str, list[Recording]]:
    """Recordings of every replicate of each plan, by its name."""
    done = run([(one, number) for one, number in product(plans.values(), range(replicates))])
    return {name: done[i * replicates : (i + 1) * replicates] for i, name in enumerate(plans)}


def counts(
    recordings: Sequence[Recording], P: Parameters, population: str = "WDR", window: str = "C"
) -> Floats:
    """Spikes per cell in a window, shape (replicate, stimulus)."""
    where = POPULATIONS.index(population), WINDOWS.index(window)
    return np.array([summarise(one, P)["count"][:, where[0], where[1]] for one in recordings])


def rates(recordings: Sequence[Recording], P: Parameters, population: str = "WDR") -> Floats:
    """Rate per cell, Hz, shape (replicate,)."""
    return np.array([summarise(one, P)["rate"][POPULATIONS.index(population)] for one in recordings])
