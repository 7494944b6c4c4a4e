"""
The store of a sweep: a zarr v3 group that plain xarray opens, written by one process, one unit at a time.

Every result variable has a chunk of its own for each unit, so writing one unit touches no other. `status`
says what became of each unit and is written after its data: a unit that is not `done` there was never
finished, whatever lies in the chunks. A store is made in a temporary folder beside its place and renamed, so
it exists whole or not at all. Its identity is kept in an attribute and compared whenever it is opened to be
continued; a lock that dies with its process keeps a second one out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import numpy as np
import xarray as xr
import zarr
from zarr.storage import MemoryStore

from dhmodel.errors import StoreError
from dhmodel.sweep.damage import whole
from dhmodel.sweep.executors import Arrays, Event, Status
from dhmodel.sweep.growing import grow, recover, same
from dhmodel.sweep.layout import Layout, make_layout
from dhmodel.sweep.locks import Lock, writer
from dhmodel.sweep.making import STATUSES, create, fill
from dhmodel.sweep.opening import array, existing, lazily, open_dataset, reading, values
from dhmodel.sweep.spec import SweepSpec

FLUSH_EVERY = 1.0
"""Seconds between notes of which units are running; a unit's end is always noted at once."""


class SweepStore:
    """
    Results and progress of one sweep, open for writing.

    Attributes
    ----------
    path : Path or None
        Where it lies; None in memory.
    status : ndarray of int, shape (axes..., replicate)
        Index into `STATUSES`, as last noted.
    """

    def __init__(
        self,
        spec: SweepSpec,
        layout: Layout,
        group: zarr.Group,
        path: Path | None,
        lock: Lock | None = None,
    ):
        self.spec, self.layout, self.path = spec, layout, path
        self._group, self._lock = group, lock
        self._variables = {name: array(group, name) for name in (*layout.variables, "status", "error")}
        self.status = values(group, "status")
        self._error = values(group, "error")
        self._noted_error = self._error.copy()
        self._flushed = -np.inf

    def unfinished(self) -> list[tuple[int, int]]:
        """Every (point, replicate) that is not done."""
        done = STATUSES.index("done")
        return [unit for unit in self.spec.units() if self.status[self._index(*unit)] != done]

    def count(self, status: Status) -> int:
        """How many units have this status."""
        return int((self.status == STATUSES.index(status)).sum())

    def errors(self) -> dict[tuple[int, int], str]:
        """Why units failed, by (point, replicate)."""
        failed = self.status == STATUSES.index("failed")
        return {
            unit: self._error[self._index(*unit)] for unit in self.spec.units() if failed[self._index(*unit)]
        }

    def record(self, event: Event) -> None:
        """
        Note what happened to a unit, its data first.

        Raises
        ------
        StoreError
            Writing failed, such as on a full disk; the unit then does not count as done.
        """
        index = self._index(event.task.point, event.task.replicate)
        with _writing(self.path):
            if event.arrays is not None:
                self._write(index, event.arrays)
            self._error[index] = event.error if event.status == "failed" else ""
            self.status[index] = STATUSES.index(event.status)
            if event.status in ("done", "failed") or monotonic() - self._flushed > FLUSH_EVERY:
                self._flush()

    def reset_running(self) -> None:
        """Mark units that were running as pending, because nobody is running them any more."""
        running = self.status == STATUSES.index("running")
        if running.any():
            self.status[running] = STATUSES.index("pending")
            with _writing(self.path):
                self._flush()

    def drop_damaged(self) -> None:
        """Take every finished unit for unfinished whose data cannot be read, or are not there."""
        if self.path is None:
            return
        done = self.status == STATUSES.index("done")
        for index in np.argwhere(done & ~whole(self.path, self._group, self.layout.variables, done)):
            self.status[tuple(index)] = STATUSES.index("pending")
        if (done != (self.status == STATUSES.index("done"))).any():
            self._flush()

    def release(self) -> None:
        """Let other processes write; nothing can be recorded from now on."""
        if self._lock is not None:
            self._lock.release()

    def dataset(self) -> xr.Dataset:
        """Open the results: lazily from disk, loaded from memory."""
        if self.path is not None:
            return open_dataset(self.path)
        return lazily(self._group.store).load()

    def _index(self, point: int, replicate: int) -> tuple[int, ...]:
        return (*self.spec.index(point), replicate)

    def _write(self, index: tuple[int, ...], arrays: Arrays) -> None:
        for name in self.layout.variables:
            self._variables[name][index] = self.layout.padded(name, arrays.get(name))

    def _flush(self) -> None:
        if not np.array_equal(self._error, self._noted_error):
            self._variables["error"][...] = self._error
            self._noted_error = self._error.copy()
        self._variables["status"][...] = self.status
        self._flushed = monotonic()


def open_store(spec: SweepSpec, path: Path | None, check: bool = False) -> SweepStore:
    """
    Open the store of a sweep to continue it, or make it; a store of a part of the sweep grows.

    Parameters
    ----------
    spec : SweepSpec
    path : Path or None
        None for a store in memory.
    check : bool
        Whether to read every finished unit, and take those that are damaged for unfinished. A store whose
        last process was killed is checked anyway.

    Raises
    ------
    StoreError
        Something else lies there, it belongs to another sweep, another process writes to it, it is corrupt,
        or it cannot be written and is not finished.
    """
    layout = make_layout(spec.plans)
    if path is None:
        return SweepStore(spec, layout, fill(spec, layout, MemoryStore()), None)
    with _writing(path):
        recover(path)
        if not path.is_dir() or not any(path.iterdir()):
            create(spec, layout, path)
    existing(path, "r")  # before a lock file is laid into what may be no store
    with _writing(path):
        lock = writer(path)
    try:
        return _continued(spec, layout, path, lock, check)
    except BaseException:
        lock.release()
        raise


def _continued(spec: SweepSpec, layout: Layout, path: Path, lock: Lock, check: bool) -> SweepStore:
    group = existing(path, "r+" if lock.held else "r")
    if not same(spec, path, group):
        with _writing(path):
            lock.needed()
            grow(spec, layout, path, group)
        group = existing(path, "r+")
    with reading(path):
        store = SweepStore(spec, layout, group, path, lock)
        _check_arrays(spec, layout, group)
    with _writing(path):
        if lock.held and (check or lock.left_open):
            store.drop_damaged()
        if store.unfinished():
            lock.needed()
            lock.mark()
    return store


def _check_arrays(spec: SweepSpec, layout: Layout, group: zarr.Group) -> None:
    """Raise ValueError if a variable does not have the shape that the sweep needs."""
    units = (*spec.shape, spec.replicates)
    shapes = {name: (*units, *layout.shape(name)) for name in layout.variables}
    for name, shape in (shapes | {"status": units, "error": units}).items():
        found = array(group, name).shape
        if found != shape:
            raise ValueError(f"{name} has shape {found} instead of {shape}")


@contextmanager
def _writing(path: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: cannot write: {error.strerror or error}") from error
