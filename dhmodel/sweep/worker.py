"""
The process that `dhmodel.sweep.processes.Worker` starts: ``python -m dhmodel.sweep.worker DESCRIPTOR``.

It imports no simulator.
"""

import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection

from dhmodel.engine.parcels import unpack
from dhmodel.errors import DHModelError
from dhmodel.sweep.executors import Task, attempt
from dhmodel.sweep.limits import hold
from dhmodel.sweep.processes import GRACE, Order

__all__ = ["serve"]


def serve(socket: Connection) -> None:
    """Answer tasks until the parent, a `dhmodel.sweep.processes.Worker`, hangs up or has none for long."""
    threading.Thread(target=_end_with_parent, args=(socket.fileno(),), daemon=True).start()
    order: Order = socket.recv()
    try:
        _begin(order)
    except DHModelError as error:
        socket.send(str(error))
        return
    socket.send("")
    while socket.poll(order.idle):
        task: Task = socket.recv()
        event = attempt(order.measure, task)
        # the parent has the plan, which takes longer to send than many a result
        socket.send(replace(event, task=Task(task.point, task.replicate, None)))


def _begin(order: Order) -> None:
    for parcel in order.parcels:
        unpack(parcel)
    hold(order.memory)


def _end_with_parent(descriptor: int) -> None:
    """
    End this process, and the simulation it runs, some seconds after the parent has gone.

    The main thread notices by itself when it next looks; a run that never ends keeps it from looking.
    """
    hangup = select.poll()
    hangup.register(descriptor, 0)  # nothing but a hang-up
    hangup.poll()
    time.sleep(GRACE)
    os.killpg(0, signal.SIGINT)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    # interrupted, or the parent is gone: nothing to say and nobody to say it to
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(int(sys.argv[1])))
