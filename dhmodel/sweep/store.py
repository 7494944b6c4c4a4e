"""
The store of a sweep: a zarr v3 group that plain xarray opens, and a journal; written by one process.

The whole protocol. A store is made in a temporary folder beside its place and renamed, so that it exists
whole or not at all; a lock that dies with its process keeps a second writer out. A unit that ends well is
appended to the journal, a file in the store's folder, and is done from then on: to kill this process loses
nothing. Every minute or so, when the journal is long, and at the end, its units go into chunks, each a file
that is replaced whole and holds a block of several hundred units; then `status` is written, which says `done`
of units in chunks alone; then the journal is emptied. A process that dies in between leaves the journal,
which the next one works off first. `status` of the others is written about once a second. So plain xarray
shows a unit as not done until it is in chunks, and never as done without its data; dhmodel's own opening
(`opening.open_dataset`) lays the journal over the chunks. Against a power cut the journal is brought to disk
about once a second and every chunk before it takes the place of another: what may be lost is the last
second, or a store that is younger than the system's write-back (half a minute). A chunk that is damaged or
lost is found by its checksum or its absence, as all chunks are written; its whole block is then computed
again (after a kill, and with `check`). A larger sweep is a larger store, see `growing`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from dhmodel.errors import StoreError
from dhmodel.sweep.chunks import into_files
from dhmodel.sweep.damage import refuse_gone
from dhmodel.sweep.executors import Arrays, Event, Status
from dhmodel.sweep.groups import DONE, PENDING, RUNNING, STATUSES, array, existing, reading, values
from dhmodel.sweep.growing import grow, recover, same
from dhmodel.sweep.layout import Layout, make_layout
from dhmodel.sweep.locks import Lock, writer
from dhmodel.sweep.making import create, fill
from dhmodel.sweep.opening import current, lazily, open_dataset
from dhmodel.sweep.shelf import Shelf
from dhmodel.sweep.spec import SweepSpec


class SweepStore:
    """
    Results and progress of one sweep, open for writing.

    Attributes
    ----------
    path : Path or None
        Where it lies; None in memory.
    """

    def __init__(
        self,
        spec: SweepSpec,
        layout: Layout,
        shelf: Shelf,
        path: Path | None = None,
        lock: Lock | None = None,
    ):
        self.spec, self.layout, self.path = spec, layout, path
        self._shelf, self._lock = shelf, lock

    @property
    def status(self) -> np.ndarray:
        """Index into `STATUSES` of every unit, shape (axes..., replicate)."""
        return self._shelf.status

    def unfinished(self) -> list[tuple[int, int]]:
        """Every (point, replicate) that is not done."""
        return [self._task(unit) for unit in np.flatnonzero(self.status != DONE).tolist()]

    def count(self, status: Status) -> int:
        """How many units have this status."""
        return int((self.status == STATUSES.index(status)).sum())

    def errors(self) -> dict[tuple[int, int], str]:
        """Why units failed, by (point, replicate)."""
        return {self._task(unit): error for unit, error in sorted(self._shelf.errors.items())}

    def record(self, event: Event) -> None:
        """
        Note what happened to a unit, its data first.

        Raises
        ------
        StoreError
            Writing failed, such as on a full disk; a unit of which the data could not be written does not
            count as done.
        """
        unit = event.task.point * self.spec.replicates + event.task.replicate
        with _writing(self.path):
            if event.arrays is not None:
                self._write(unit, event.arrays)
            self._shelf.change(np.array([unit]), STATUSES.index(event.status), event.error)
            self._shelf.keep_up()

    def reset_running(self) -> None:
        """Mark units that were running as pending, because nobody is running them any more; write it all."""
        self._shelf.change(np.flatnonzero(self.status == RUNNING), PENDING)
        with _writing(self.path):
            self._shelf.fold()

    def release(self) -> None:
        """Let other processes write; nothing can be recorded from now on."""
        if self._lock is not None:
            if self._lock.held:
                self._shelf.close()
            self._lock.release()

    def dataset(self) -> xr.Dataset:
        """Open the results: lazily from disk, loaded from memory."""
        if self.path is not None:
            return open_dataset(self.path)
        self._shelf.fold()
        return lazily(self._shelf.group.store).load()

    def _task(self, unit: int) -> tuple[int, int]:
        return divmod(unit, self.spec.replicates)

    def _write(self, unit: int, arrays: Arrays) -> None:
        results = {name: self.layout.padded(name, arrays.get(name)) for name in self.layout.variables}
        self._shelf.append(unit, results)


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
        chunks: dict[str, Buffer] = {}
        return SweepStore(spec, layout, Shelf(fill(spec, layout, MemoryStore(chunks)), chunks.__setitem__))
    if not path.name:  # here, or the root: a store is made beside its place, under a name of its own
        raise StoreError(f"{path}: is no name of a store; give one such as results/sweep.zarr")
    with _writing(path):
        recover(path)
        if not path.is_dir() or not any(path.iterdir()):
            create(spec, layout, path)
    existing(path)  # before a lock file is laid into what may be no store
    with _writing(path):
        lock = writer(path)
    try:
        return _continued(spec, layout, path, lock, check)
    except BaseException:
        lock.release()
        raise


def _continued(spec: SweepSpec, layout: Layout, path: Path, lock: Lock, check: bool) -> SweepStore:
    refuse_gone(path)
    fits = same(spec, path, existing(path))
    with _writing(path):
        if not fits:
            lock.needed()
        shelf = _taken_up(path, lock, check or lock.left_open)
        if not fits:
            shelf.close()
            grow(spec, layout, path)
            shelf = _taken_up(path, lock, check=False)
    with reading(path):
        _check_arrays(spec, layout, shelf.group)
    store = SweepStore(spec, layout, shelf, path, lock)
    with _writing(path):
        if store.unfinished():
            lock.needed()
            lock.mark()
    return store


def _taken_up(path: Path, lock: Lock, check: bool) -> Shelf:
    """Open the shelf of a store, with what a former process left brought to an end if it can be written."""
    with reading(path):
        shelf = Shelf(existing(path) if lock.held else current(path), into_files(path), path)
    if lock.held:
        shelf.take_up(check)
    return shelf


def _check_arrays(spec: SweepSpec, layout: Layout, group: zarr.Group) -> None:
    """Raise ValueError if variables have not the shapes that the sweep needs, or `status` is not whole."""
    units = (*spec.shape, spec.replicates)
    shapes = {name: (*units, *layout.shape(name)) for name in layout.variables}
    for name, shape in (shapes | {"status": units, "error": units}).items():
        found = array(group, name).shape
        if found != shape:
            raise ValueError(f"{name} has shape {found} instead of {shape}")
    if not np.isin(values(group, "status"), range(len(STATUSES))).all():
        raise ValueError("a chunk of status is missing")


@contextmanager
def _writing(path: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: cannot write: {error.strerror or error}") from error
