"""
Where the work of a sweep runs: in this process, or in a pool of worker processes.

An executor takes tasks in order and yields events as they happen; it never sees the store. The pool starts
plain Python processes and talks to them through sockets instead of using `multiprocessing`, whose children
import the caller's script again: a script without ``if __name__ == "__main__"`` would start the sweep anew in
each. It also ties every worker to the one task it holds, so that a killed worker costs exactly that task one
attempt.
"""

import errno
import os
import signal
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from time import monotonic
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
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}
LONGEST_WAIT = 3600.0
"""Seconds to wait at once for a worker; some systems refuse longer ones."""

GRACE = 3.0
"""Seconds a worker gets to clean up after itself before it is killed."""


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


@dataclass(frozen=True)
class Pool:
    """
    Run tasks in `workers` processes, each with one thread.

    `measure` must be a function of a module that a fresh Python can import. A task that takes longer than
    `time_limit` (s) fails, and its worker with it.
    """

    measure: Measure
    workers: int
    time_limit: float | None = None

    def run(self, tasks: Sequence[Task]) -> Events:
        """
        See `Executor`; a task whose worker dies is tried once more.

        Raises
        ------
        EngineError
            A worker cannot start.
        """
        waiting, deaths = deque(tasks), Counter[tuple[int, int]]()
        workers: list[Worker] = []
        try:
            workers += (Worker(self.measure) for _ in range(min(self.workers, len(tasks))))
            while waiting or any(worker.task for worker in workers):
                for worker in _talking(workers, self.time_limit):
                    event = worker.receive() if worker.socket.poll() else worker.give_up(self.time_limit)
                    if event and event.status == "pending":
                        event = _after_death(event, deaths, waiting)
                    if worker.socket.closed:
                        workers.remove(worker)
                        workers += [Worker(self.measure)] if waiting else []
                    # the next task goes out before the caller stores the result, so that the worker need not
                    # wait
                    started = worker.give(waiting.popleft()) if worker.idle and waiting else None
                    yield from (happened for happened in (event, started) if happened)
        finally:
            _stop(workers)


class Worker:
    """A worker process, the socket to it, and the task it holds."""

    def __init__(self, measure: Measure):
        self.socket, theirs = Pipe()
        # -P: the folder the user happens to stand in must not shadow a module of the standard library
        command = [sys.executable, "-P", "-m", "dhmodel.sweep.worker", str(theirs.fileno())]
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        # a process group of its own: Ctrl-C reaches the parent alone, which then stops worker and simulation
        # together
        self.process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            process_group=0,
            stdin=subprocess.DEVNULL,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": path},
        )
        theirs.close()
        self.task: Task | None = None
        self.started = 0.0
        self.ready = False
        with suppress(OSError):  # a worker that is dead already is noticed by `receive`
            self.socket.send(measure)

    @property
    def idle(self) -> bool:
        """Whether it is up and has nothing to do."""
        return self.ready and self.task is None and not self.socket.closed

    def give(self, task: Task) -> Event:
        """Hand over a task."""
        self.task, self.started = task, monotonic()
        with suppress(OSError):
            self.socket.send(task)
        return Event(task, "running")

    def left(self, limit: float | None) -> float:
        """Seconds that its task has left of a limit, by a clock that nobody sets."""
        return np.inf if limit is None or self.task is None else self.started + limit - monotonic()

    def give_up(self, limit: float | None) -> Event:
        """End worker and task, which has had its time."""
        assert self.task is not None
        event = Event(self.task, "failed", error=f"not done within the time limit of {limit:g} s")
        self.interrupt()
        self.stop()
        return event

    def receive(self) -> Event | None:
        """Take what the worker sent: an event; None if it has just come up; its task, pending, if it died."""
        try:
            message = self.socket.recv()
        except (EOFError, OSError):
            return self._died()
        if not self.ready:
            self.ready = True
            return None
        self.task = None
        return message

    def _died(self) -> Event:
        task = self.task
        self.stop()
        how = _exit_in_words(self.process.returncode)
        if task is None:
            raise EngineError(f"a sweep worker could not start or did not stay up ({how})")
        return Event(task, "pending", error=f"worker process {how}")

    def interrupt(self) -> None:
        """Ask worker and simulation to end now."""
        self._signal(signal.SIGINT if self.task else signal.SIGTERM)

    def stop(self) -> None:
        """End the worker and whatever it started, by force if it takes more than a moment."""
        self.socket.close()
        self.task = None
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


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
    """NaN from a run is a failure, not data; only a count may be missing, where its window is cut short."""
    for name, array in arrays.items():
        if name != "count" and not np.isfinite(array).all():
            raise EngineError(f"{name} is not finite; the simulation blew up")


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, DHModelError) else f"{type(error).__name__}: {text}"


def _is_disk_full(error: BaseException | None) -> bool:
    while error is not None:
        # numpy reports what it could not write as an OSError without a number
        if isinstance(error, OSError) and error.errno in (None, *DISK_FULL):
            return True
        error = error.__cause__
    return False


def _talking(workers: list[Worker], limit: float | None) -> list[Worker]:
    """Wait until some of the workers that owe an answer give it, or have had their time."""
    left = min(worker.left(limit) for worker in workers)
    owing = [worker.socket for worker in workers if worker.task or not worker.ready]
    ready = wait(owing, None if limit is None else max(0.0, min(left, LONGEST_WAIT)))
    return [worker for worker in workers if worker.socket in ready or worker.left(limit) <= 0]


def _after_death(event: Event, deaths: Counter[tuple[int, int]], waiting: deque[Task]) -> Event:
    """Queue the task of a dead worker again, or give it up."""
    task = event.task
    deaths[task.point, task.replicate] += 1
    if deaths[task.point, task.replicate] < ATTEMPTS:
        waiting.appendleft(task)
        return event
    return Event(task, "failed", error=f"{event.error}, {ATTEMPTS} times")


def _stop(workers: list[Worker]) -> None:
    for worker in workers:
        worker.interrupt()
    for worker in workers:
        worker.stop()


def _exit_in_words(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def serve(socket: Connection) -> None:
    """Answer tasks until the parent hangs up; the other end of `Worker`."""
    measure: Measure = socket.recv()
    socket.send("ready")
    while True:
        try:
            task = socket.recv()
        except EOFError:
            return
        socket.send(attempt(measure, task))
