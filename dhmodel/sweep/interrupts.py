"""Ctrl-C where it may not strike."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["held_back"]


@contextmanager
def held_back() -> Iterator[None]:
    """
    Hold Ctrl-C back until the block has ended.

    zarr writes in a thread of its own and waits for it on a lock: an interrupt within that wait leaves the
    lock taken, and the next write would wait for ever.

    Raises
    ------
    KeyboardInterrupt
        At the end of the block, if Ctrl-C was pressed during it.
    """
    if threading.current_thread() is not threading.main_thread():  # interrupts strike the main thread only
        yield
        return
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
