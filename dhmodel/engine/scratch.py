"""A folder for the files of one run, gone afterwards."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

__all__ = ["run_folder"]

#: A file system in memory: the hundred-odd small files of a run cost a quarter there of what they cost on
#: disk.
MEMORY = Path("/dev/shm")
PREFIX = "dhmodel-run-"


@contextmanager
def run_folder(size: int) -> Iterator[Path]:
    """Make an empty folder and remove it, whatever happens.

    It lies in ``TMPDIR`` if that is set, else in memory if four times `size` is free there, else in the
    system's temporary folder.

    Parameters
    ----------
    size : int
        How much the run will write, bytes.

    Raises
    ------
    OSError
        If no folder can be made.
    """
    parent = _parent(size)
    _remove_left_over(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    holder = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system has locks, nor anything to be removed
            fcntl.flock(holder, fcntl.LOCK_SH)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(holder)


def _parent(size: int) -> Path:
    fits = os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free > 4 * size
    return MEMORY if fits and "TMPDIR" not in os.environ else Path(tempfile.gettempdir())


@lru_cache
def _remove_left_over(parent: Path) -> None:
    """Remove, once per process, the folders of killed processes: memory that nobody would give back."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # in use, another user's, or gone
            if time.time() - folder.stat().st_mtime < 60:
                continue  # perhaps made, but not yet locked
            holder = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(holder)
