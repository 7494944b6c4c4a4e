"""
Where the work of a sweep runs: the protocol of executors, and the one that runs everything in this process.

An executor takes tasks in order and yields events as they happen; it never sees the store, which the process
that started the sweep alone writes. `dhmodel.sweep.pool` runs tasks in processes of this machine,
`dhmodel.sweep.cluster` on a Dask cluster.
"""

import errno
import os
import resource
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from dhmodel.errors import DHModelError, EngineError

type Arrays = Mapping[str, np.ndarray]
type Measure[Work] = Callable[[Work, int], Arrays]
type Events = Generator["Event", None, None]
type Status = Literal["pending", "running", "done", "failed"]

ATTEMPTS = 2
"""How often a task may take its worker down with it before it counts as failed."""

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

MAY_BE_MISSING = ("count", "summation", "test_strength")
"""Counts of windows cut short, slopes of too few shocks, the strength of a test that is of none."""


@dataclass(frozen=True)
class Task[Work]:
    """One unit of work: a replicate of a grid point, or whatever else a `Measure` takes for its plan."""

    point: int
    replicate: int
    plan: Work


@dataclass(frozen=True)
class Event:
    """
    What happened to a task.

    Attributes
    ----------
    task : Task
    status : str
        Its status from now on; ``"pending"`` means that it was interrupted and will be tried again.
    arrays : mapping of {str : ndarray}, optional
        The result of a task that is done.
    error : str
        Why it failed or was interrupted, in one line.
    disk_full : bool
        Whether it failed for lack of disk space, which no further task would survive.
    seconds : float
        Processor time that it took.
    """

    task: Task
    status: Status
    arrays: Arrays | None = None
    error: str = ""
    disk_full: bool = False
    seconds: float = 0.0


class Executor(Protocol):
    """What runs tasks. Closing the iterator early stops all work and leaves no process behind."""

    def run(self, tasks: Sequence[Task]) -> Events:
        """Run the tasks in order and yield events: running, then done or failed, for each task."""
        ...


@dataclass(frozen=True)
class InProcess:
    """Run tasks one after another in this process."""

    measure: Measure

    def run(self, tasks: Sequence[Task]) -> Events:
        """See `Executor`."""
        for task in tasks:
            yield Event(task, "running")
            yield attempt(self.measure, task)


def attempt(measure: Measure, task: Task) -> Event:
    """Run one task; any error makes it a failed one."""
    begun = _processor_seconds()
    try:
        arrays = measure(task.plan, task.replicate)
        _refuse_non_finite(arrays)
    except Exception as error:  # a task must not take the sweep down, whatever its code does
        return Event(task, "failed", error=_one_line(error), disk_full=_is_disk_full(error))
    return Event(task, "done", arrays, seconds=_processor_seconds() - begun)


def _processor_seconds() -> float:
    """Return the processor time of this process and of those it has waited for, s."""
    return sum(os.times()[:4])


def _refuse_non_finite(arrays: Arrays) -> None:
    """NaN from a run is a failure, not data, but for what `MAY_BE_MISSING`."""
    for name, array in arrays.items():
        if name not in MAY_BE_MISSING and not np.isfinite(array).all():
            raise EngineError(f"{name} is not finite; the simulation blew up")


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"needs more memory than there is{_allowed_memory()}" + (f": {text}" if text else "")
    return text if isinstance(error, DHModelError) else f"{type(error).__name__}: {text}"


def _allowed_memory() -> str:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return "" if limit == resource.RLIM_INFINITY else f" within the memory limit of {limit / 1e6:.0f} MB"


def _is_disk_full(error: BaseException | None) -> bool:
    while error is not None:
        # numpy reports what it could not write as an OSError without a number
        if isinstance(error, OSError) and error.errno in (None, *DISK_FULL):
            return True
        error = error.__cause__
    return False


def after_death(event: Event, deaths: Counter[tuple[int, int]], waiting: deque[Task]) -> Event:
    """Queue the task of a dead worker again, or give it up; returns what to tell of it."""
    task = event.task
    deaths[task.point, task.replicate] += 1
    if deaths[task.point, task.replicate] < ATTEMPTS:
        waiting.appendleft(task)
        return event
    return Event(task, "failed", error=f"{event.error}, {ATTEMPTS} times")
