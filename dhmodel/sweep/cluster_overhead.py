"""
What Dask costs per point: ``python -m dhmodel.sweep.cluster_overhead [POINTS [WORKERS]]``.

The work is trivial and the plans are real ones, so that all the time is overhead: packing a plan, scheduler,
relay, worker process, and the way back. The time begins when every worker has finished a task.
"""

import sys
from collections.abc import Sequence
from time import perf_counter

import numpy as np

from dhmodel.simulate import Plan, plan
from dhmodel.sweep.cluster import Dask
from dhmodel.sweep.cluster_file import Local
from dhmodel.sweep.executors import Arrays, Executor, Task
from dhmodel.sweep.pool import Pool

__all__ = ["overhead", "trivial"]

WARMUP = 20
"""Tasks per worker that are not counted."""


def trivial(plan: Plan, replicate: int) -> Arrays:
    """Return as much as a run without a stimulus does, at once."""
    return {"rate": np.zeros(10), "psth": np.zeros((10, 500))}


def overhead(points: int = 500, workers: int = 2, pool: bool = False) -> float:
    """
    Measure what a point costs beside its computation.

    Parameters
    ----------
    points : int
        Each with a plan of its own.
    workers : int
        On this machine.
    pool : bool
        Whether to measure `dhmodel.sweep.pool.Pool` instead of Dask.

    Returns
    -------
    float
        Time per point, s.
    """
    executor: Executor = (
        Pool(trivial, workers) if pool else Dask(trivial, Local(kind="local", workers=workers))
    )
    plans = [plan(seed=seed) for seed in range(1, WARMUP * workers + points + 1)]
    return _time(executor, [Task(point, 0, one) for point, one in enumerate(plans)], WARMUP * workers)


def _time(executor: Executor, tasks: Sequence[Task], before: int) -> float:
    """Time from the end of the first tasks to that of the last, per task."""
    ends = [perf_counter() for event in executor.run(tasks) if event.status == "done"]
    return (ends[-1] - ends[before - 1]) / (len(ends) - before)


if __name__ == "__main__":
    from dhmodel.sweep import cluster_overhead  # workers cannot import what belongs to __main__

    points, workers = (int(text) for text in (sys.argv[1:] + ["500", "2"][len(sys.argv) - 1 :]))
    for name, pool in (("Dask", False), ("pool", True)):
        print(
            f"{name}: {1e3 * cluster_overhead.overhead(points, workers, pool):.2f} ms per point", flush=True
        )
