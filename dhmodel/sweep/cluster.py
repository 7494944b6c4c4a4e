"""
An executor on a Dask cluster.

This process keeps a few tasks per worker in flight, so that two million of them flood no scheduler, and takes
the results straight from the workers. What the tasks have in common goes to each worker once; see
`dhmodel.sweep.cluster_node`. Dask sends pickles between its processes: whoever can reach a scheduler or a
worker without TLS can run programs there, and `dhmodel.sweep.cluster_file` says how to keep others out.
"""

import pickle
import sys
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any
from uuid import uuid4

import numpy as np

from dhmodel import code
from dhmodel.engine.parcels import Parcel
from dhmodel.errors import DHModelError, EngineError
from dhmodel.sweep.cluster_file import Cluster
from dhmodel.sweep.cluster_start import Session, started
from dhmodel.sweep.executors import Event, Events, Measure, Task, after_death
from dhmodel.sweep.processes import Order

__all__ = ["Dask", "nothing"]

PER_WORKER = 3
"""Tasks in flight per worker: one runs, the next is there, a third is on its way."""

PULSE = 1.0
"""Seconds between looks at who is there."""

ALONE = 60.0
"""Seconds without a worker after which to say so."""

SETTLING = 0.2
"""Seconds within which the scheduler tells of all tasks that a dead worker held."""


type Pack = Callable[[Iterable[Any]], tuple[Parcel, ...]]


def nothing(plans: Iterable[Any]) -> tuple[Parcel, ...]:
    """Pack nothing."""
    return ()


@dataclass(frozen=True)
class Dask:
    """
    Run tasks on a Dask cluster, each worker one at a time in a process of its own.

    Parameters
    ----------
    measure : callable
        A function of a module that the workers can import.
    cluster : Cluster
        Where, see `dhmodel.sweep.cluster_file.read_cluster`.
    time_limit : float, optional
        A task that takes longer fails, s.
    memory_limit : int, optional
        A task that needs more fails, bytes.
    pack : callable
        Given the tasks' plans, returns the compiled parts that workers are sent.
    parts : tuple of str
        Code that workers must have the same of, see `dhmodel.code.digest`.
    """

    measure: Measure
    cluster: Cluster
    time_limit: float | None = None
    memory_limit: int | None = None
    pack: Pack = nothing
    parts: tuple[str, ...] = code.RECORDINGS

    def run(self, tasks: Sequence[Task]) -> Events:
        """
        See `Executor`; a task whose worker dies is tried once more.

        Raises
        ------
        InputError
            The extra `cluster` is not installed.
        EngineError
            The cluster cannot be started, its scheduler is gone, or a worker cannot compute.
        """
        waiting, deaths = deque(tasks), Counter[tuple[int, int]]()
        order = Order(self.measure, self.memory_limit, self.pack(task.plan for task in tasks))
        with started(self.cluster) as session:
            flight = Flight(session, order, self.time_limit, self.parts)
            try:
                while waiting or flight.tasks:
                    flight.look()
                    while waiting and flight.room:
                        yield flight.send(waiting.popleft())
                    events, innocent = flight.landed()
                    waiting.extendleft(reversed(innocent))
                    for event in events:
                        yield after_death(event, deaths, waiting) if event.status == "pending" else event
            finally:
                flight.end()


class Flight:
    """
    The tasks that are in flight.

    Attributes
    ----------
    tasks : dict of {str : Task}
        By the key of their future.
    """

    def __init__(self, session: Session, order: Order, time_limit: float | None, parts: tuple[str, ...]):
        self.tasks: dict[str, Task] = {}
        self._session, self._client = session, session.client
        self._name = f"dhmodel-{uuid4().hex[:12]}"
        self._futures: dict[str, Any] = {}
        self._landed: SimpleQueue[Any] = SimpleQueue()
        self._packed: tuple[object, bytes] = (None, b"")
        self._threads, self._sent, self._looked = 0, 0, -PULSE
        self._crowded = monotonic()
        self._node = import_module("dhmodel.sweep.cluster_node")  # needs Dask
        with self._answering():
            relay = self._node.Relay(order, time_limit, code.digest(parts), parts)
            self._client.register_plugin(relay, name=self._name)

    @property
    def room(self) -> bool:
        """Whether the workers that are there should get another task."""
        return len(self.tasks) < PER_WORKER * self._threads

    def look(self) -> None:
        """Every now and then, count the workers' threads and have jobs that have died replaced."""
        now = monotonic()
        if now < self._looked + PULSE:
            return
        with self._answering():
            self._threads = sum(self._client.nthreads().values())
            self._session.refill()
        self._looked = now
        if self._threads:
            self._crowded = now
        elif now > self._crowded + ALONE:
            self._crowded = np.inf
            print(f"the {self._session.name} has no worker; still waiting", file=sys.stderr, flush=True)

    def send(self, task: Task) -> Event:
        """Send a task on its way."""
        if self._packed[0] is not task.plan:  # replicates of a point follow each other
            self._packed = task.plan, zlib.compress(pickle.dumps(task.plan), 1)
        key = f"{self._name}-{self._sent}"
        self._sent += 1
        what = self._name, task.point, task.replicate, self._packed[1]
        with self._answering():
            future = self._client.submit(self._node.relay, *what, key=key, pure=False, retries=0)
        self.tasks[key], self._futures[key] = task, future
        future.add_done_callback(self._landed.put)
        return Event(task, "running")

    def landed(self) -> tuple[list[Event], list[Task]]:
        """
        Wait a moment for tasks to end.

        Returns
        -------
        events : list of Event
            What happened to them; "pending" for one that ran when its worker died.
        innocent : list of Task
            What waited behind such a one.

        Raises
        ------
        EngineError
            The scheduler is gone, or a worker cannot compute.
        """
        futures = self._drain(PULSE if self.tasks else PULSE / 10)
        if any(future.status == "error" for future in futures):
            futures += self._drain(SETTLING)
        if any(future.status not in ("finished", "error") for future in futures):
            raise self._gone()
        events = self._results([future for future in futures if future.status == "finished"])
        deaths, innocent = self._deaths([future for future in futures if future.status == "error"])
        return events + deaths, innocent

    def end(self) -> None:
        """Stop everything that is in flight."""
        if self._client.status == "running":
            with suppress(Exception):  # a cluster that falls apart has nothing left to stop
                self._client.cancel(list(self._futures.values()))
                self._client.unregister_worker_plugin(self._name)

    def _drain(self, wait: float) -> list[Any]:
        """Futures that are done, after waiting for the first of them."""
        found = []
        with suppress(Empty):
            found.append(self._landed.get(timeout=wait))
            while True:
                found.append(self._landed.get_nowait())
        return found

    def _results(self, futures: list[Any]) -> list[Event]:
        """Fetch the events of tasks that came to an end."""
        if not futures:
            return []
        with self._answering():
            found = self._client.gather({future.key: future for future in futures}, errors="skip")
        for future in futures:
            if found[future.key] is None:  # its worker died before it could be fetched
                self._landed.put(future)
        return [replace(event, task=self._take(key)) for key, event in found.items() if event is not None]

    def _deaths(self, futures: list[Any]) -> tuple[list[Event], list[Task]]:
        """Tell tasks that ran when their workers died from those that waited there."""
        held: dict[str, list[str]] = {}
        for future in futures:
            with self._answering():
                error = future.exception()
            if not isinstance(error, import_module("distributed").KilledWorker):
                raise error if isinstance(error, DHModelError) else self._trouble(error)
            held.setdefault(error.last_worker.address, []).append(future.key)
        events: list[Event] = []
        innocent: list[Task] = []
        for address, keys in held.items():
            # a worker runs its tasks in the order in which they were sent
            first, *others = sorted(keys, key=lambda key: int(key.rpartition("-")[2]))
            events.append(Event(self._take(first), "pending", error=f"Dask worker {address} died"))
            innocent += map(self._take, others)
        return events, innocent

    def _take(self, key: str) -> Task:
        """Forget a task that is no longer in flight."""
        del self._futures[key]
        return self.tasks.pop(key)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn what Dask raises into a line."""
        try:
            yield
        except (OSError, CancelledError) as error:
            raise self._gone() from error
        except DHModelError:
            raise
        except Exception as error:
            raise self._trouble(error) from error

    def _gone(self) -> EngineError:
        return EngineError(f"the connection to the {self._session.name} is lost: its scheduler has ended")

    def _trouble(self, error: BaseException) -> EngineError:
        if self._client.status != "running":
            return self._gone()
        text = " ".join(str(error).split())
        return EngineError(f"{self._session.name}: {type(error).__name__}: {text}")
