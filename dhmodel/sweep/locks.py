"""
One process writes to a store: a lock that ends with its process, however that ends.

Deliberately absent: names of processes and ages of locks, which a reused number or a clock that jumps would
make lie.
"""

import errno
import fcntl
import os
from pathlib import Path

from dhmodel.errors import StoreError

NAME = ".lock"
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class Lock:
    """
    The right to write to a store; of a store that is read-only, the knowledge that there is none.

    Attributes
    ----------
    held : bool
    left_open : bool
        Whether whoever held it last was killed while it wrote.
    """

    def __init__(self, file: int | None, refusal: OSError | None = None):
        self._file, self._refusal = file, refusal
        self.left_open = self._marked = file is not None and os.fstat(file).st_size > 0

    @property
    def held(self) -> bool:
        """Whether this process may write."""
        return self._file is not None

    def needed(self) -> None:
        """Raise the OSError that forbids to write, if one does."""
        if self._refusal is not None:
            raise self._refusal

    def mark(self) -> None:
        """Note that writing begins; the note stays if this process is killed."""
        if self._file is not None:
            os.pwrite(self._file, b"writing", 0)
            os.fsync(self._file)
            self._marked = True

    def release(self) -> None:
        """Let others write."""
        if self._file is not None:
            if self._marked:
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def writer(store: Path) -> Lock:
    """
    Become the one process that writes to a store, if it can be written.

    Raises
    ------
    StoreError
        Another process does.
    OSError
        The lock cannot be had for another reason than that the store is read-only.
    """
    while True:
        try:
            file = os.open(store / NAME, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            if error.errno in READ_ONLY:
                return Lock(None, error)
            raise
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_ino == os.stat(store / NAME).st_ino:
                return Lock(file)
        except BlockingIOError:
            os.close(file)
            told = "another process is writing to this store; wait for it, or give another path"
            raise StoreError(f"{store}: {told}") from None
        except FileNotFoundError:
            pass
        os.close(file)  # the store has been replaced by a grown one meanwhile
