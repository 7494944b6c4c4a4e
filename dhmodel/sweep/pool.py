"""
An executor of worker processes on this machine.

It ties every worker to the one task it holds, so that a killed worker costs exactly that task one attempt.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait

from dhmodel.sweep.executors import Events, Measure, Task, after_death
from dhmodel.sweep.processes import LONGEST_WAIT, Order, Worker


@dataclass(frozen=True)
class Pool:
    """
    Run tasks in `workers` processes, each with one thread.

    `measure` must be a function of a module that a fresh Python can import. A task that takes longer than
    `time_limit` (s) fails, and its worker with it; one that needs more than `memory_limit` (bytes) fails.
    """

    measure: Measure
    workers: int
    time_limit: float | None = None
    memory_limit: int | None = None

    def run(self, tasks: Sequence[Task]) -> Events:
        """
        See `Executor`; a task whose worker dies is tried once more.

        Raises
        ------
        EngineError
            A worker cannot start.
        """
        waiting, deaths = deque(tasks), Counter[tuple[int, int]]()
        order = Order(self.measure, self.memory_limit)
        workers: list[Worker] = []
        try:
            workers += (Worker(order) for _ in range(min(self.workers, len(tasks))))
            while waiting or any(worker.task for worker in workers):
                for worker in _talking(workers, self.time_limit):
                    event = worker.receive() if worker.socket.poll() else worker.give_up(self.time_limit)
                    if event and event.status == "pending":
                        event = after_death(event, deaths, waiting)
                    if worker.socket.closed:
                        workers.remove(worker)
                        workers += [Worker(order)] if waiting else []
                    # the next task goes out before the caller stores the result, so that the worker need not
                    # wait
                    started = worker.give(waiting.popleft()) if worker.idle and waiting else None
                    yield from (happened for happened in (event, started) if happened)
        finally:
            _stop(workers)


def _talking(workers: list[Worker], limit: float | None) -> list[Worker]:
    """Wait until some of the workers that owe an answer give it, or have had their time."""
    left = min(worker.left(limit) for worker in workers)
    owing = [worker.socket for worker in workers if worker.task or not worker.ready]
    ready = wait(owing, None if limit is None else max(0.0, min(left, LONGEST_WAIT)))
    return [worker for worker in workers if worker.socket in ready or worker.left(limit) <= 0]


def _stop(workers: list[Worker]) -> None:
    for worker in workers:
        worker.interrupt()
    for worker in workers:
        worker.stop()
