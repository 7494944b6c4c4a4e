"""Running the units that are not kept yet, on the executors of `dhmodel.sweep`, with a bar."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from dhmodel import code
from dhmodel.engine.parcels import Parcel
from dhmodel.errors import EngineError, StoreError
from dhmodel.evidence.running.course import Course
from dhmodel.evidence.running.kept import Kept
from dhmodel.evidence.running.work import Work, compute, identity
from dhmodel.simulate import Plan, prepare
from dhmodel.sweep.cluster import nothing
from dhmodel.sweep.executors import Event, Executor, Task
from dhmodel.sweep.runner import SweepInterrupted, circuits, executor_for

__all__ = ["Unit", "run_units"]

type Unit = tuple[Work, int]

_COMPUTE = compute


def run_units(
    wanted: Iterable[Unit],
    kept: Kept,
    workers: int = 1,
    progress: bool = True,
    title: str = "ledger",
    cluster: str | Path | None = None,
) -> dict[str, str]:
    """
    Run what is not kept yet, and keep it.

    Parameters
    ----------
    wanted : iterable of (Work, int)
        Units, in any order and any number of times.
    kept : Kept
    workers : int
        Processes; with 1 everything runs in this one.
    progress : bool
        Whether to show a bar and messages on stderr.
    title : str
        What the bar is called.
    cluster : path-like, optional
        A file that names a Dask cluster to run on, see `dhmodel.sweep.cluster_file`.

    Returns
    -------
    dict of {str : str}
        Why units failed, by their identity.

    Raises
    ------
    EngineError, InputError
        The cluster is gone, or its file is wrong.
    StoreError
        The disk is full or cannot be written; what was kept is.
    SweepInterrupted
        After Ctrl-C; the message says what is kept.
    """
    units = {identity(*unit): unit for unit in wanted}
    missing = {name: unit for name, unit in units.items() if not kept.has(name)}
    if not missing:
        return {}
    executor = _executor(workers, cluster)
    for plan in dict.fromkeys(work for work, _ in missing.values() if isinstance(work, Plan)):
        prepare(plan)
    tasks = [Task(at, replicate, work) for at, (work, replicate) in enumerate(missing.values())]
    bar = tqdm(
        total=len(units),
        initial=len(units) - len(missing),
        desc=title,
        unit="run",
        disable=not progress,
        dynamic_ncols=True,
    )
    with bar:
        try:
            return _run(executor, sorted(tasks, key=_length), list(missing), kept, bar)
        except KeyboardInterrupt:
            raise SweepInterrupted(f"{_left(units, kept)}; start the same command again to resume") from None
        except (EngineError, StoreError) as error:
            raise type(error)(f"{error}; {_left(units, kept)}") from error


def _executor(workers: int, cluster: str | Path | None) -> Executor:
    real = compute is _COMPUTE  # what stands in for it needs no circuit
    parts = (*code.ANSWERS, *code.COURSES)
    return executor_for(compute, workers, None, None, cluster, _circuits if real else nothing, parts)


def _circuits(works: Iterable[Work]) -> tuple[Parcel, ...]:
    """Pack the compiled circuits that plans and courses need; a Python protocol builds its own."""
    every = list(dict.fromkeys(works))
    plans = [one for one in every if isinstance(one, Plan)]
    courses = [plan for one in every if isinstance(one, Course) for plan in one.planned().plans.values()]
    return circuits([*plans, *courses])


def _run(
    executor: Executor, tasks: Sequence[Task[Work]], names: Sequence[str], kept: Kept, bar: tqdm
) -> dict[str, str]:
    failed: dict[str, str] = {}
    with closing(executor.run(tasks)) as events:
        for event in events:
            name = names[event.task.point]
            _react(event, bar)
            if event.arrays is not None:
                kept.save(name, event.arrays)
            if event.status == "failed":
                failed[name] = event.error
            bar.update(event.status in ("done", "failed"))
    return failed


def _react(event: Event, bar: tqdm) -> None:
    """Speak of a killed worker; stop on a full disk, because every further unit would fail too."""
    if event.status == "pending" and not bar.disable:
        tqdm.write(f"{event.error}; trying once more", file=sys.stderr)
    if event.disk_full:
        raise StoreError(event.error)


def _length(task: Task[Work]) -> float:
    """Longest first; courses and Python protocols may take as long as they like, and come before all."""
    return -(task.plan.duration + task.plan.warmup) if isinstance(task.plan, Plan) else float("-inf")


def _left(units: Iterable[str], kept: Kept) -> str:
    names = list(units)
    return f"{sum(map(kept.has, names))} of {len(names)} runs are done and kept in {kept.folder}"
