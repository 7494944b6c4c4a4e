"""
What runs in the workers of a Dask cluster: a relay between Dask and a worker process of our own.

Dask runs a task in a thread, which nothing can end, in whose process Brian2 cannot be imported, and whose
death takes everything along. So the relay starts a process like those of `dhmodel.sweep.pool` and hands it
one task at a time: limits of time and memory, one thread, and what a killed run costs are then the same on a
cluster as on one machine.
"""

import asyncio
import pickle
import platform
import threading
import zlib
from dataclasses import replace

from distributed import Worker as DaskWorker
from distributed import WorkerPlugin, get_worker

from dhmodel import code
from dhmodel.errors import EngineError
from dhmodel.sweep.executors import Event, Task
from dhmodel.sweep.processes import Order, Worker

__all__ = ["Relay", "relay"]

IDLE = 600.0
"""Seconds without a task after which a worker process ends; the next task starts another."""


class Relay(WorkerPlugin):
    """
    Part of each Dask worker for the length of a sweep; told once what the tasks have in common.

    Parameters
    ----------
    order : Order
        What the worker process is told first.
    time_limit : float, optional
        How long a task may take, s.
    identity : str
        Of the code that the node must have, see `dhmodel.code.digest`.
    parts : tuple of str
        What of the code that is.
    """

    def __init__(
        self,
        order: Order,
        time_limit: float | None,
        identity: str,
        parts: tuple[str, ...] = code.RECORDINGS,
    ):
        # of a parent that was killed, the scheduler keeps the relays, but no process should stay with them
        self.order, self.time_limit = replace(order, idle=IDLE), time_limit
        self.identity, self.parts = identity, parts

    def setup(self, worker: DaskWorker) -> None:
        """Begin on a Dask worker; a process starts with the first task."""
        self._guard, self._ended = threading.Lock(), False
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []

    def run(self, task: Task) -> Event:
        """Do a task in a worker process, one for each thread of Dask's; "pending" if that died."""
        if code.digest(self.parts) != self.identity:
            raise EngineError(
                f"{platform.node()} has another version of dhmodel's code; install the same one"
            )
        process = self._take()
        try:
            event = process.work(task, self.time_limit)
        except EngineError:
            process.stop()
            raise
        finally:
            with self._guard:
                self._busy.remove(process)
                self._idle += [] if process.socket.closed else [process]
        return replace(event, task=Task(task.point, task.replicate, None))

    def _take(self) -> Worker:
        with self._guard:
            if self._ended:
                raise EngineError("the sweep has ended")
            while self._idle and self._idle[-1].process.poll() is not None:
                self._idle.pop().stop()
            process = self._idle.pop() if self._idle else Worker(self.order)
            self._busy.append(process)
            return process

    async def teardown(self, worker: DaskWorker) -> None:
        """End the worker processes and what they run."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        with self._guard:
            self._ended = True
            processes = [*self._idle, *self._busy]
        for process in processes:
            process.interrupt()
        for process in processes:
            process.end()


def relay(name: str, point: int, replicate: int, packed: bytes) -> Event:
    """Do a task with a packed plan in the relay of this Dask worker that has a name."""
    plugin = get_worker().plugins[name]
    assert isinstance(plugin, Relay)
    return plugin.run(Task(point, replicate, pickle.loads(zlib.decompress(packed))))
