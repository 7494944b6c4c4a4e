"""
Worker processes as their parent sees them.

They are plain Python processes that talk through sockets instead of `multiprocessing`, whose children import
the caller's script again: a script without ``if __name__ == "__main__"`` would start the sweep anew in each.
What goes through the sockets are pickles, which is safe here and nowhere else: both ends are processes of
this program, joined by an unnamed pair of sockets that no other process can open. Nothing that was read
from a file or a store is ever unpickled.
"""

import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Pipe
from time import monotonic

import numpy as np

from dhmodel.engine.parcels import Parcel
from dhmodel.errors import EngineError
from dhmodel.sweep.executors import Event, Measure, Task

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}
LONGEST_WAIT = 3600.0
"""Seconds to wait at once for a worker; some systems refuse longer ones."""

GRACE = 3.0
"""Seconds a worker gets to clean up after itself before it is killed."""


@dataclass(frozen=True)
class Order:
    """
    What a worker is told first.

    Attributes
    ----------
    measure : callable
        What it is to run; a function of a module that a fresh Python can import.
    memory : int, optional
        What a run may take, bytes; see `dhmodel.sweep.limits.hold`.
    parcels : tuple of Parcel
        Compiled circuits and libraries of the machine that started the sweep.
    idle : float, optional
        Ends itself after so long without a task, s.
    """

    measure: Measure
    memory: int | None = None
    parcels: tuple[Parcel, ...] = ()
    idle: float | None = None


class Worker:
    """A worker process, the socket to it, and the task it holds."""

    def __init__(self, order: Order):
        told = pickle.dumps(order)  # before anything is started that could be left over
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
            self.socket.send_bytes(told)

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
        """
        Take what the worker sent: an event; None if it has just come up; its task, pending, if it died.

        Raises
        ------
        EngineError
            It cannot start.
        """
        try:
            message = self.socket.recv()
        except (EOFError, OSError):
            return self._died()
        if not self.ready:
            if message:
                raise EngineError(message)
            self.ready = True
            return None
        assert self.task is not None
        event: Event = replace(message, task=self.task)
        self.task = None
        return event

    def work(self, task: Task, limit: float | None) -> Event:
        """Do a task and wait for its end; it starts when the worker is up."""
        while not self.ready:
            self.receive()
        self.give(task)
        while self.left(limit) > 0:
            if self.socket.poll(min(self.left(limit), LONGEST_WAIT)):
                return self.receive() or self._died()
        return self.give_up(limit)

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
        self.end()

    def end(self) -> None:
        """Wait a moment for the processes to end, then end them; the socket stays."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def _exit_in_words(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
