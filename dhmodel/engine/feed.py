"""What enters a run besides its parameters: spike times, white noise, and the time to stop. The format is that of ``feed.h``."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Feed"]


@dataclass(frozen=True)
class Feed:
    """Spike times of every source and white noise of every cell.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n_sources + 1,)
        Spikes of source ``i`` are ``times[offsets[i]:offsets[i + 1]]``.
    times : ndarray of float64
        Spike times from the start of the run, s, ascending within a source.
    noise : ndarray of float32, shape (n_rows, n_cells)
        Standard normal numbers, one row per noise interval.
    slow_dt, stop : float
        s.
    """

    offsets: np.ndarray
    times: np.ndarray
    noise: np.ndarray
    slow_dt: float
    stop: float

    def first(self) -> np.ndarray:
        """Return the first spike time of every source, s; never (the largest number) for a silent one."""
        start, stop = self.offsets[:-1], self.offsets[1:]
        times = np.append(self.times, 0.0)[start]
        return np.where(start < stop, times, np.finfo(float).max)

    def write(self, path: Path) -> None:
        """Write the file that the compiled circuit maps into memory."""
        rows, cells = self.noise.shape
        head = np.array([len(self.offsets) - 1, self.stop, cells, self.slow_dt, rows], dtype=np.float64)
        with open(path, "wb") as file:
            for part, kind in (
                (head, np.float64),
                (self.offsets, np.int64),
                (self.times, np.float64),
                (self.noise, np.float32),
            ):
                np.ascontiguousarray(part, dtype=kind).tofile(file)
