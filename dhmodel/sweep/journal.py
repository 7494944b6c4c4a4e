"""
The journal of a store: where a finished unit is first written, in one append.

A record is the number of the unit, its results as little-endian doubles in the order of the store's
variables, and a CRC-32 that begins with a description of the store's layout. All records of a store have the
same length, so that the n-th is found without reading the others: one that is torn or garbled is passed over
and costs its own unit alone, and one of another layout is never taken for data.
"""

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

import numpy as np

NAME = ".journal"
LIMIT = 2**26
"""Bytes after which a journal is emptied into chunks; so much a reader may have to look through."""

type Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Form:
    """
    What a record looks like.

    Attributes
    ----------
    units : tuple of int
        Shape of the sweep: its dimensions and replicates.
    shapes : dict of str to tuple of int
        Shape of one unit's result for every variable.
    """

    units: tuple[int, ...]
    shapes: Shapes

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """Numpy's view of a record."""
        results = [(name, "<f8", shape) for name, shape in self.shapes.items()]
        return np.dtype([("unit", "<i8"), *results, ("checksum", "<u4")])

    def checksum(self, record: bytes | memoryview) -> int:
        """CRC-32 of a record without its checksum."""
        return zlib.crc32(record, self._begin)

    @cached_property
    def _begin(self) -> int:
        return zlib.crc32(json.dumps([self.units, list(self.shapes.items())]).encode())

    def row(self, unit: int, results: Mapping[str, np.ndarray]) -> bytes:
        """Write the record of a unit, whose results have the shapes that are stored."""
        row = np.empty(1, self.dtype)
        row["unit"] = unit
        for name, result in results.items():
            row[name] = result
        content = row.tobytes()[:-4]
        return content + self.checksum(content).to_bytes(4, "little")

    def rows(self, content: bytes) -> np.ndarray:
        """Find the records in a journal that are whole; an array of `dtype`."""
        size = self.dtype.itemsize
        number = len(content) // size
        rows = np.frombuffer(content, self.dtype, number)
        view = memoryview(content)
        found = (self.checksum(view[i * size : (i + 1) * size - 4]) for i in range(number))
        whole = np.fromiter(found, np.uint32, number) == rows["checksum"]
        return rows[whole & (rows["unit"] >= 0) & (rows["unit"] < prod(self.units))]


def read(store: Path, form: Form) -> np.ndarray:
    """Records of the journal of a store, which may be written meanwhile; none if there is no journal."""
    try:
        return form.rows((store / NAME).read_bytes())
    except FileNotFoundError:
        return form.rows(b"")


class Journal:
    """
    A journal that is open for writing, by one process; of a store in memory, a file in memory.

    Parameters
    ----------
    store : Path or None
    form : Form
    """

    def __init__(self, store: Path | None, form: Form):
        self.form, self._path = form, None if store is None else store / NAME
        self._file: int | None = None
        self._end = self._synced = 0

    @property
    def size(self) -> int:
        """Bytes of the records that this process has appended."""
        return self._end

    def append(self, unit: int, results: Mapping[str, np.ndarray]) -> None:
        """
        Add the record of a unit, whole or not at all.

        Raises
        ------
        OSError
            It could not be written; the journal is as it was.
        """
        file, left = self._opened(), memoryview(self.form.row(unit, results))
        try:
            end = self._end
            while left:
                written = os.pwrite(file, left, end)
                end, left = end + written, left[written:]
        except OSError:
            with suppress(OSError):  # if it cannot be cut, its checksum or the next record undoes it
                os.ftruncate(file, self._end)
            raise
        self._end = end

    def rows(self) -> np.ndarray:
        """All records; those of a process that was killed, too, if none has been appended since."""
        if self._path is not None:
            return read(self._path.parent, self.form)
        return self.form.rows(b"" if self._file is None else os.pread(self._file, self._end, 0))

    def sync(self) -> None:
        """Make sure that a power cut does not take what was appended."""
        if self._file is not None and self._synced < self._end:
            os.fdatasync(self._file)
            self._synced = self._end

    def clear(self) -> None:
        """Forget all records, which are in chunks by now."""
        if self._path is None or self._path.exists():
            os.ftruncate(self._opened(), 0)
        self._end = self._synced = 0

    def close(self) -> None:
        """Let go of the file, and remove it if nothing is left in it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._path is not None and self._path.exists() and not self._path.stat().st_size:
            self._path.unlink()

    def _opened(self) -> int:
        if self._file is None and self._path is None:
            self._file = os.memfd_create("journal")
        elif self._file is None and self._path is not None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        assert self._file is not None
        return self._file
