"""
How a sweep's units are divided into blocks, the unit of what is written and copied.

A unit is a replicate of a point; units are numbered in the order of the swept axes and `replicate`, the last
fastest. A block is a rectangle of them that is also a run of that order: all replicates of some neighbouring
points, as a rule. In every result variable it is one chunk, and so one file; where that is large, the file
is a zarr shard of pieces that can be read alone.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

BLOCK = 2**25
"""Bytes of the largest variable in one block, at most. Two million standard runs make 6,000 files a variable."""

PIECE = 2**20
"""Bytes of the largest variable that are read for one point, at most, unless one unit is larger."""

FEW = 2**16
"""Units, or points, whose bookkeeping (status, error, digests) shares a chunk, at most."""

type Units = NDArray[np.int64]
type Region = tuple[slice, ...]


def division(shape: tuple[int, ...], most: int) -> tuple[int, ...]:
    """
    Divide a grid into equal rectangles that are runs of its order (the last dimension fastest).

    Parameters
    ----------
    shape : tuple of int
    most : int
        How many cells a rectangle may have; it has at least one.

    Returns
    -------
    tuple of int
        Shape of a rectangle; at the far edges it may be cut.
    """
    size: list[int] = []
    for length in reversed(shape):
        parts = -(-length // max(most, 1))
        size.insert(0, -(-length // parts))
        most = most // length if parts == 1 else 1
    return tuple(size)


@dataclass(frozen=True)
class Blocks:
    """
    A division of the units of a sweep.

    Attributes
    ----------
    shape : tuple of int
        Units along each swept dimension, and replicates.
    size : tuple of int
        Those of one block.
    """

    shape: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of blocks along each dimension."""
        return tuple(-(-length // step) for length, step in zip(self.shape, self.size, strict=True))

    def of(self, units: Units) -> Units:
        """Number of the block in which each unit lies."""
        index = np.unravel_index(units, self.shape)
        at = tuple(i // step for i, step in zip(index, self.size, strict=True))
        return np.asarray(np.ravel_multi_index(at, self.grid))

    def within(self, units: Units) -> tuple[Units, ...]:
        """Position of each unit in its block, along each dimension."""
        index = np.unravel_index(units, self.shape)
        return tuple(i % step for i, step in zip(index, self.size, strict=True))

    def position(self, block: int) -> tuple[int, ...]:
        """Position of a block among the blocks, along each dimension."""
        return tuple(int(i) for i in np.unravel_index(block, self.grid))

    def region(self, block: int) -> Region:
        """Where a block lies along each dimension."""
        ends = zip(self.position(block), self.size, self.shape, strict=True)
        return tuple(slice(i * step, min((i + 1) * step, length)) for i, step, length in ends)

    def units(self, block: int) -> Units:
        """Numbers of the units of a block, in its shape."""
        ranges = np.ix_(*(np.arange(part.start, part.stop) for part in self.region(block)))
        return np.asarray(np.ravel_multi_index(ranges, self.shape))


def pieces_and_blocks(shape: tuple[int, ...], unit_bytes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Find the shapes of a piece and of a block of whole pieces, for units of so many bytes."""
    piece = division(shape, PIECE // unit_bytes)
    grid = Blocks(shape, piece).grid
    several = division(grid, BLOCK // (unit_bytes * prod(piece)))
    return piece, tuple(one * number for one, number in zip(piece, several, strict=True))


def in_pieces(piece: tuple[int, ...], block: tuple[int, ...], unit_bytes: int) -> bool:
    """Whether a block of a variable is large enough to be read in pieces."""
    return piece != block and prod(block) * unit_bytes > PIECE


def blocks_of(variable: zarr.Array[Any], shape: tuple[int, ...]) -> Blocks:
    """Blocks of a variable as it is stored, of the units of a sweep of this shape."""
    return Blocks(shape, (variable.shards or variable.chunks)[: len(shape)])
