"""
Writing chunks so that each is there whole or not at all, and laying the journal over those that are there.

zarr turns arrays into chunks, in memory; where they go is decided here. A file takes the place of the former
one by a rename after it has reached the disk, so that neither a kill nor a power cut loses the units that
were in it already.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, MemoryStore

from dhmodel.sweep.blocks import Region, blocks_of
from dhmodel.sweep.groups import array, reading

type Put = Callable[[str, Buffer], None]


class Encoder:
    """Turns parts of the arrays of a store into the chunks that zarr would write."""

    def __init__(self, group: zarr.Group):
        self._group, self._arrays = group, dict[str, zarr.Array[Any]]()
        self._chunks: dict[str, Buffer] = {}

    def chunks(self, name: str, region: Region, values: np.ndarray) -> Iterator[tuple[str, Buffer]]:
        """Chunks of an array, by key, that hold these values; a region covers whole ones."""
        if name not in self._arrays:
            # a chunk of which all is NaN is written too: one that is not there is then one that was lost
            self._arrays[name] = zarr.from_array(
                MemoryStore(self._chunks),
                data=array(self._group, name),
                write_data=False,
                name=name,
                config={"write_empty_chunks": True},
            )
        self._chunks.clear()
        self._arrays[name][region] = values
        yield from self._chunks.items()


def folded(
    group: zarr.Group, encoder: Encoder, rows: np.ndarray, there: np.ndarray
) -> Iterator[tuple[str, Buffer]]:
    """
    Chunks, by key, that hold the records of a journal beside what they hold already, block by block.

    Parameters
    ----------
    group : zarr.Group
    encoder : Encoder
    rows : ndarray
        Records, see `journal.Form`; of two of one unit the later counts.
    there : ndarray of bool, shape (axes..., replicate)
        Units whose results are in chunks; everything else in them is overwritten.

    Raises
    ------
    StoreError
        A chunk that holds other units cannot be read.
    """
    names = [name for name in rows.dtype.names or () if name not in ("unit", "checksum")]
    blocks = blocks_of(array(group, names[0]), there.shape)
    numbers = blocks.of(rows["unit"])
    for number in np.unique(numbers).tolist():
        mine, region = rows[numbers == number], blocks.region(number)
        kept, place = there[region].copy(), blocks.within(mine["unit"])
        kept[place] = False
        for name in names:
            values = _kept(array(group, name), region, kept)
            values[place] = mine[name]
            yield from encoder.chunks(name, region, values)


def _kept(variable: zarr.Array[Any], region: Region, kept: np.ndarray) -> np.ndarray:
    """Values of some units of a region; the others are NaN."""
    if not kept.any():
        return np.full((*kept.shape, *variable.shape[kept.ndim :]), np.nan)
    with reading(getattr(variable.store, "root", "memory")):
        values = np.array(variable[region])
    values[~kept] = np.nan
    return values


def into_files(folder: Path) -> Put:
    """Make what writes chunks into the folder of a store."""

    def put(key: str, chunk: Buffer) -> None:
        file = folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        try:
            with open(part, "wb") as stream:
                stream.write(chunk.as_numpy_array().data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, file)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise

    return put


class Layered(Store):
    """A store on disk over some of whose chunks others are laid; for reading."""

    supports_writes = supports_deletes = False
    supports_listing = True

    def __init__(self, disk: LocalStore, over: Mapping[str, Buffer]):
        super().__init__(read_only=True)
        self._disk, self._over, self._keys = disk, MemoryStore(dict(over), read_only=True), frozenset(over)

    def _at(self, key: str) -> Store:
        return self._over if key in self._keys else self._disk

    def __eq__(self, other: object) -> bool:
        return self is other

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """See zarr, as for all of these."""
        return await self._at(key).get(key, prototype, byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """One after the other; zarr reads pieces by `get`."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether either has it."""
        return await self._at(key).exists(key)

    async def set(self, key: str, value: Buffer) -> None:
        """Never; it is for reading."""
        raise PermissionError(f"{key}: opened for reading")

    async def delete(self, key: str) -> None:
        """Never; it is for reading."""
        raise PermissionError(f"{key}: opened for reading")

    async def list(self) -> AsyncIterator[str]:
        """Of the disk, as are the next two: metadata are there."""
        async for key in self._disk.list():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """See `list`."""
        async for key in self._disk.list_prefix(prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """See `list`."""
        async for key in self._disk.list_dir(prefix):
            yield key
