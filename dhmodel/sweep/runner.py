"""The loop of a sweep: what is unfinished, longest first, from executor to store, with a progress bar."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from dhmodel import code
from dhmodel.circuit import assemble
from dhmodel.engine.parcels import Parcel, pack
from dhmodel.errors import EngineError, StoreError
from dhmodel.simulate import Plan
from dhmodel.simulate import measure as run_one
from dhmodel.simulate import prepare as build_one
from dhmodel.sweep.cluster import Dask, Pack, nothing
from dhmodel.sweep.cluster_file import read_cluster
from dhmodel.sweep.cluster_start import extra
from dhmodel.sweep.cost import neuron_steps, note_speed
from dhmodel.sweep.executors import Event, Executor, InProcess, Measure, Task
from dhmodel.sweep.interrupts import held_back
from dhmodel.sweep.limits import read_memory, read_time
from dhmodel.sweep.pool import Pool
from dhmodel.sweep.spec import SweepSpec, count
from dhmodel.sweep.store import SweepStore, open_store

type Prepare = Callable[[Plan], None]


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep; the message says what is kept and how to resume."""


def run_sweep(
    spec: SweepSpec,
    path: str | Path | None = None,
    *,
    workers: int = 1,
    progress: bool = True,
    check: bool = False,
    time_limit: object = None,
    memory_limit: object = None,
    cluster: str | Path | None = None,
    measure: Measure = run_one,
    prepare: Prepare = build_one,
) -> SweepStore:
    """
    Run what is unfinished of a sweep.

    Parameters
    ----------
    spec : SweepSpec
    path : path-like, optional
        Where the store lies or shall lie; in memory if not given.
    workers : int
        Processes; with 1 everything runs in this one. Of no effect with `cluster`.
    progress : bool
        Whether to show a bar and messages on stderr.
    check : bool
        Whether to look for damaged results and compute them again.
    time_limit : str or quantity, optional
        A run that takes longer fails. Everything then runs in processes of their own, which can be ended.
    memory_limit : str, optional
        A run that needs more fails, such as ``"2 GB"``; see `dhmodel.sweep.limits.hold`. Everything then runs
        in processes of their own.
    cluster : path-like, optional
        A TOML file that names a Dask cluster to run on; see `dhmodel.sweep.cluster_file`.
    measure : callable
        Runs one replicate of a plan: (plan, replicate) to arrays. A module's function, so that workers can
        import it.
    prepare : callable
        Called once per plan before anything runs, to build what all workers share.

    Returns
    -------
    SweepStore
        With `status` and `errors()` of units that failed; those are tried again when the sweep is started
        again.

    Raises
    ------
    StoreError
        The store cannot be used or written. What is finished is kept.
    EngineError
        Nothing can run: the circuit cannot be built, no worker starts, or the cluster's scheduler is gone.
        What is finished is kept.
    InputError
        A limit or the cluster file is wrong, or the extra `cluster` is missing.
    SweepInterrupted
        After Ctrl-C. What is finished is kept, if there is a path.
    """
    count("workers", workers)
    limits = read_time(time_limit), read_memory(memory_limit)
    executor = executor_for(measure, workers, *limits, cluster, circuits if measure is run_one else nothing)
    store = open_store(spec, None if path is None else Path(path), check)
    try:
        finished = _finish(store, executor, progress, prepare)
    finally:
        store.release()
    if finished and measure is run_one:  # what stands in for it costs something else
        steps = sum(neuron_steps(event.task.plan) for event in finished)
        note_speed(spec.plans[0].target, len(finished), sum(event.seconds for event in finished), steps)
    return store


def executor_for(
    measure: Measure,
    workers: int = 1,
    time: float | None = None,
    memory: int | None = None,
    cluster: str | Path | None = None,
    pack: Pack = nothing,
    parts: tuple[str, ...] = code.RECORDINGS,
) -> Executor:
    """
    Choose where work runs: in this process, in processes of this machine, or on a cluster.

    Parameters
    ----------
    measure : callable
        What runs a task.
    workers : int
        Processes; of no effect with `cluster`.
    time, memory : optional
        Limits of one task, s and bytes.
    cluster, pack, parts
        File that names a cluster; see `dhmodel.sweep.cluster.Dask`.

    Raises
    ------
    InputError
        The cluster file is wrong, or the extra `cluster` is missing.
    """
    if cluster is not None:
        found = read_cluster(cluster)
        extra("distributed")
        memory = memory or read_memory(getattr(found, "memory", None))
        return Dask(measure, found, time, memory, pack, parts)
    if workers == 1 and time is None and memory is None:
        return InProcess(measure)
    return Pool(measure, workers, time, memory)


def circuits(plans: Iterable[Plan]) -> tuple[Parcel, ...]:
    """Pack the compiled circuits of plans for machines without a compiler."""
    return pack((assemble.structure(plan.parameters), plan.target) for plan in dict.fromkeys(plans))


def _finish(store: SweepStore, executor: Executor, progress: bool, prepare: Prepare) -> list[Event]:
    """Run what is unfinished; returns what was done, without the results."""
    spec, say = store.spec, _speaker(progress)
    tasks = order([Task(point, replicate, spec.plans[point]) for point, replicate in store.unfinished()])
    _announce(store, len(tasks), say)
    if not tasks:
        return []
    try:
        # by point and not by plan: to tell the plans of millions of runs apart takes seconds
        for point in dict.fromkeys(task.point for task in tasks):
            prepare(spec.plans[point])
        return _run(store, executor, tasks, progress, say)
    except KeyboardInterrupt:
        raise SweepInterrupted(_what_is_kept(store)) from None
    except StoreError as error:
        raise StoreError(f"{error}; {_what_is_kept(store)}") from error
    except EngineError as error:
        raise EngineError(f"{error}; {_what_is_kept(store)}") from error
    finally:
        # on a full disk they stay marked as running, which is taken up again all the same
        with suppress(StoreError), held_back():
            store.reset_running()


def order(tasks: Iterable[Task]) -> list[Task]:
    """Sort tasks so that the longest start first and no worker is left alone with one at the end."""
    return sorted(tasks, key=lambda task: -(task.plan.duration + task.plan.warmup))


def _run(
    store: SweepStore, executor: Executor, tasks: list[Task], progress: bool, say: Callable[[str], None]
) -> list[Event]:
    finished: list[Event] = []
    left = Counter(task.point for task in tasks)
    failed = 0
    total = store.status.size
    bar = tqdm(total=total, initial=total - len(tasks), unit="run", disable=not progress, dynamic_ncols=True)
    with bar, closing(executor.run(tasks)) as events:
        for event in events:
            with held_back():
                store.record(event)
            if event.status in ("done", "failed"):
                left[event.task.point] -= 1
                failed += event.status == "failed"
                bar.set_postfix_str(_progress(store, left, failed), refresh=False)
                bar.update()
            if event.status == "done":
                finished.append(replace(event, arrays=None))
            _react(event, store, say)
    return finished


def _react(event: Event, store: SweepStore, say: Callable[[str], None]) -> None:
    """Speak of a killed worker; stop on a full disk, because every further unit would fail too."""
    where = f"{store.spec.label(event.task.point)}, replicate {event.task.replicate}"
    if event.status == "pending":
        say(f"{where}: {event.error}; trying once more")
    if event.disk_full:
        raise StoreError(f"{where}: {event.error}")


def _progress(store: SweepStore, left: Counter[int], failed: int) -> str:
    points = len(store.spec.plans)
    done = points - sum(count > 0 for count in left.values())
    return f"{done}/{points} points" + (f", {failed} failed" if failed else "")


def _announce(store: SweepStore, left: int, say: Callable[[str], None]) -> None:
    total = store.status.size
    where = f"{store.path}: " if store.path else ""
    if not left:
        say(f"{where}all {total} runs are done; nothing to compute")
    elif left < total:
        say(f"{where}{total - left} of {total} runs are done; computing the other {left}")


def _what_is_kept(store: SweepStore) -> str:
    done = f"{store.count('done')} of {store.status.size} runs"
    if store.path is None:
        return f"{done} were done, but without a store nothing is kept"
    return f"{done} are done and kept in {store.path}; start the same command again to resume"


def _speaker(progress: bool) -> Callable[[str], None]:
    def say(text: str) -> None:
        if progress:
            tqdm.write(text, file=sys.stderr)

    return say
