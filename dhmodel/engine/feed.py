"""What enters a run besides its parameters: spike times, white noise, and the time to stop.

The format of the file is that of ``feed.h``.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from statistics import NormalDist
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dhmodel.circuit.drives import Offset
from dhmodel.streams import stream

__all__ = ["Feed", "Noise", "white_noise"]

#: Different numbers in the noise. Sixteen random bits choose one, four times as fast as numpy's own.
LEVELS = 2**16


@dataclass(frozen=True)
class Noise:
    """White noise of every cell and what is added to it: what a run draws it from, for a long one needs much.

    Attributes
    ----------
    seed, replicate : int
        Of the stream ``noise``.
    rows, cells : int
        One row per noise interval.
    added : tuple of Offset
        Injected currents.
    """

    seed: int
    replicate: int
    rows: int
    cells: int
    added: tuple[Offset, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and cells."""
        return self.rows, self.cells

    def array(self) -> NDArray[np.float32]:
        """All of it, shape (rows, cells)."""
        noise = white_noise(stream(self.seed, self.replicate, "noise"), self.rows, self.cells)
        for offset in self.added:
            offset.add_to(noise)
        return noise

    def write(self, file: BinaryIO) -> None:
        """Write generator, levels and offsets, from which ``feed.h`` draws the same numbers."""
        state = stream(self.seed, self.replicate, "noise").bit_generator.state["state"]
        halves = [half for name in ("state", "inc") for half in divmod(state[name], 2**64)]
        added = [(one.begin, one.end, one.cells.start, one.cells.stop, one.value) for one in self.added]
        file.write(np.array(halves, dtype=np.uint64).data)
        file.write(_normal_levels().data)
        file.write(np.array([len(added), *chain(*added)], dtype=np.float64).data)


@dataclass(frozen=True, eq=False)
class Feed:
    """Spike times of every source and white noise of every cell.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n_sources + 1,)
        Spikes of source ``i`` are ``times[offsets[i]:offsets[i + 1]]``.
    times : ndarray of float64
        Spike times from the start of the run, s, ascending within a source.
    noise : Noise or ndarray of float32, shape (n_rows, n_cells)
        Standard normal numbers, one row per noise interval.
    slow_dt, stop : float
        Length of a noise interval and of the run, s.
    """

    offsets: NDArray[np.int64]
    times: NDArray[np.float64]
    noise: Noise | NDArray[np.float32]
    slow_dt: float
    stop: float

    @property
    def nbytes(self) -> int:
        """Size of the file, about."""
        noise = 4 * LEVELS if isinstance(self.noise, Noise) else self.noise.nbytes
        return self.offsets.nbytes + self.times.nbytes + noise

    def first(self) -> NDArray[np.float64]:
        """First spike time of every source, s; the largest number for a silent one. Shape (n_sources,)."""
        start, stop = self.offsets[:-1], self.offsets[1:]
        times = np.append(self.times, 0.0)[start]
        return np.where(start < stop, times, np.finfo(np.float64).max)

    def write(self, path: Path) -> None:
        """Write the file that the compiled circuit maps into memory."""
        rows, cells = self.noise.shape
        drawn = isinstance(self.noise, Noise)
        head = [len(self.offsets) - 1, self.stop, cells, self.slow_dt, rows, drawn]
        with open(path, "wb") as file:
            file.write(np.array(head, dtype=np.float64).data)
            file.write(np.ascontiguousarray(self.offsets, dtype=np.int64).data)
            file.write(np.ascontiguousarray(self.times, dtype=np.float64).data)
            if isinstance(self.noise, Noise):
                self.noise.write(file)
            else:
                file.write(np.ascontiguousarray(self.noise, dtype=np.float32).data)


def white_noise(rng: np.random.Generator, rows: int, cells: int) -> NDArray[np.float32]:
    """Draw standard normal numbers for every noise interval and cell, shape (rows, cells).

    They are the medians of `LEVELS` equally probable slices of the distribution: at most 4.3, with a variance
    of 0.99999.
    """
    words = rng.bit_generator.random_raw(-(-rows * cells // 4))  # four levels in each
    levels = words.astype("<u8", copy=False).view("<u2")[: rows * cells]
    return np.take(_normal_levels(), levels).reshape(rows, cells)


@lru_cache
def _normal_levels() -> NDArray[np.float32]:
    quantile = NormalDist().inv_cdf
    upper = np.array(
        [quantile((level + 0.5) / LEVELS) for level in range(LEVELS // 2, LEVELS)], dtype=np.float32
    )
    return np.concatenate([-upper[::-1], upper])
