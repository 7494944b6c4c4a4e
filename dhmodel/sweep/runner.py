"""The loop of a sweep: what is unfinished, longest first, from executor to store, with a progress bar."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from dhmodel.errors import InputError, StoreError, quoted
from dhmodel.simulate import Plan
from dhmodel.simulate import measure as run_one
from dhmodel.simulate import prepare as build_one
from dhmodel.sweep.cost import neuron_steps, note_speed
from dhmodel.sweep.executors import Event, Executor, InProcess, Measure, Pool, Task
from dhmodel.sweep.interrupts import held_back
from dhmodel.sweep.spec import SweepSpec, count
from dhmodel.sweep.store import SweepStore, open_store
from dhmodel.units import to_si

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
        Processes; with 1 everything runs in this one.
    progress : bool
        Whether to show a bar and messages on stderr.
    check : bool
        Whether to look for damaged results and compute them again.
    time_limit : str or quantity, optional
        A run that takes longer fails. Everything then runs in processes of their own, which can be ended.
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
        Nothing can run: the circuit cannot be built, or no worker starts.
    SweepInterrupted
        After Ctrl-C. What is finished is kept, if there is a path.
    """
    count("workers", workers)
    limit = _limit(time_limit)
    executor = InProcess(measure) if workers == 1 and limit is None else Pool(measure, workers, limit)
    store = open_store(spec, None if path is None else Path(path), check)
    try:
        finished = _finish(store, executor, progress, prepare)
    finally:
        store.release()
    if finished and measure is run_one:  # what stands in for it costs something else
        steps = sum(neuron_steps(event.task.plan) for event in finished)
        note_speed(spec.plans[0].target, len(finished), sum(event.seconds for event in finished), steps)
    return store


def _limit(given: object) -> float | None:
    if given is None:
        return None
    limit = to_si(given, "s", "time limit")
    if limit <= 0:
        raise InputError(f"time limit: got {quoted(given)}, needs more than 0 s")
    return limit


def _finish(store: SweepStore, executor: Executor, progress: bool, prepare: Prepare) -> list[Event]:
    """Run what is unfinished; returns what was done, without the results."""
    spec, say = store.spec, _speaker(progress)
    tasks = order([Task(point, replicate, spec.plans[point]) for point, replicate in store.unfinished()])
    _announce(store, len(tasks), say)
    if not tasks:
        return []
    try:
        for plan in dict.fromkeys(task.plan for task in tasks):
            prepare(plan)
        return _run(store, executor, tasks, progress, say)
    except KeyboardInterrupt:
        raise SweepInterrupted(_what_is_kept(store)) from None
    except StoreError as error:
        raise StoreError(f"{error}; {_what_is_kept(store)}") from error
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
