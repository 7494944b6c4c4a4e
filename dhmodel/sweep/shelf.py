"""
What became of the numbered units of a sweep, and their results: from the journal into chunks, then `status`.

The protocol is told in `store`; here nobody knows what a unit is.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic

import numpy as np
import zarr

from dhmodel.sweep.blocks import Units, blocks_of
from dhmodel.sweep.chunks import Encoder, Put, folded
from dhmodel.sweep.damage import damaged
from dhmodel.sweep.groups import DONE, FAILED, PENDING, RUNNING, array, values
from dhmodel.sweep.journal import LIMIT, Journal
from dhmodel.sweep.opening import form

FLUSH_EVERY = 1.0
"""Seconds after which `status` is noted on disk, and the journal is safe from a power cut."""

FOLD_EVERY = 60.0
"""Seconds after which finished units go into chunks, where plain xarray sees them."""

FOLD_SHARE = 0.05
"""Share of the time that this may take; where units end in a wild order they wait longer."""

OPEN = (PENDING, RUNNING)


class Shelf:
    """
    Results and status of all units of a store, open for writing.

    Parameters
    ----------
    group : zarr.Group
        The store, for reading.
    put : callable
        Writes a chunk: (key, content).
    path : Path or None
        Its folder; None in memory.

    Attributes
    ----------
    group : zarr.Group
    status : ndarray of int, shape (axes..., replicate)
        Index into `groups.STATUSES`.
    errors : dict of int to str
        Why units failed, by their numbers.
    """

    def __init__(self, group: zarr.Group, put: Put, path: Path | None = None):
        self.group, self._put, self._path = group, put, path
        self._encoder, self._journal = Encoder(group), Journal(path, form(group))
        self.status = values(group, "status")
        self._in_chunks = self.status == DONE
        self._left = int(np.isin(self.status, OPEN).sum())
        self._blocks = blocks_of(array(group, "status"), self.status.shape)
        self.errors = dict(self._errors_on_disk())
        self._erred = set(self._blocks.of(np.array([*self.errors], int)).tolist())
        self._unnoted: set[int] = set()
        self._flushed = self._folded = monotonic()
        self._patience = FOLD_EVERY

    def append(self, unit: int, results: Mapping[str, np.ndarray]) -> None:
        """Write the results of a unit, in the shapes of the store, into the journal."""
        self._journal.append(unit, results)

    def change(self, units: Units, status: int, error: str = "") -> None:
        """Give units another status, which `keep_up` and `fold` write."""
        before = self.status.flat[units]
        self.status.flat[units] = status
        self._left += units.size * (status in OPEN) - int(np.isin(before, OPEN).sum())
        for unit in units[before == FAILED].tolist():
            self.errors.pop(unit, None)
        if status == FAILED:
            self.errors |= dict.fromkeys(units.tolist(), error)
        self._unnoted.update(np.unique(self._blocks.of(units)).tolist())

    def keep_up(self) -> None:
        """Bring the journal into chunks, or note `status`, if it is time for that."""
        late = monotonic() - self._folded > self._patience
        if self._journal.size and (late or not self._left or self._journal.size >= LIMIT):
            self.fold()
        elif monotonic() - self._flushed > FLUSH_EVERY:
            self._flush()

    def fold(self) -> None:
        """Bring the units of the journal into chunks, then note that, then empty the journal."""
        begun = monotonic()
        self._journal.sync()
        rows = self._journal.rows()
        for key, chunk in folded(self.group, self._encoder, rows, self._in_chunks):
            self._put(key, chunk)
        self._in_chunks.flat[rows["unit"]] = True
        self._unnoted.update(np.unique(self._blocks.of(rows["unit"])).tolist())
        self._flush()
        self._journal.clear()
        self._folded = monotonic()
        self._patience = max(FOLD_EVERY, (self._folded - begun) / FOLD_SHARE)

    def take_up(self, check: bool) -> None:
        """
        Work off what a former process left.

        Parameters
        ----------
        check : bool
            Whether to read all chunks, and take the units of those that are damaged for unfinished.
        """
        if check and self._path is not None:  # first, because the journal is laid over what is there
            names = self._journal.form.shapes
            lost = damaged(self._path, self.group, names, self._in_chunks)
            self._in_chunks[lost] = False
            self.change(np.flatnonzero(lost), PENDING)
            self._flush()
        rows = self._journal.rows()
        self.change(np.unique(rows["unit"]), DONE)
        if rows.size:
            self.fold()

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def _flush(self) -> None:
        """Note status and errors where they changed; of a unit that is in the journal, that it is running."""
        self._journal.sync()
        for block in sorted(self._unnoted):
            region, units = self._blocks.region(block), self._blocks.units(block)
            status = self.status[region]
            noted = np.where((status == DONE) & ~self._in_chunks[region], RUNNING, status)
            self._write("status", block, noted)
            if (status == FAILED).any() or block in self._erred:
                errors = [self.errors.get(unit, "") for unit in units.ravel().tolist()]
                self._write("error", block, np.array(errors, np.dtypes.StringDType()).reshape(units.shape))
                self._erred.add(block)
        self._unnoted.clear()
        self._flushed = monotonic()

    def _write(self, name: str, block: int, content: np.ndarray) -> None:
        for key, chunk in self._encoder.chunks(name, self._blocks.region(block), content):
            self._put(key, chunk)

    def _errors_on_disk(self) -> Iterator[tuple[int, str]]:
        """Number and error of every unit that failed."""
        failed = np.flatnonzero(self.status == FAILED)
        numbers = self._blocks.of(failed)
        for block in np.unique(numbers).tolist():
            texts = np.asarray(array(self.group, "error")[self._blocks.region(block)])
            mine = failed[numbers == block]
            yield from zip(mine.tolist(), texts[self._blocks.within(mine)].tolist(), strict=True)
