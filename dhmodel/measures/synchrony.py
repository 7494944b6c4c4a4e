"""How far units fire together."""

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError

__all__ = ["correlation", "locking", "synchrony"]


def synchrony(
    times: NDArray[np.float64], units: NDArray[np.int64], number: int, duration: float, bin: float = 1e-3
) -> float:
    """
    Synchrony of a population: 1 if all units fire alike, about 1/number if they fire independently.

    The variance over time of the mean count of the population, over the mean variance of the counts of its
    units (the square of chi: Golomb and Rinzel 1994 Physica D 72:259), in bins.

    Parameters
    ----------
    times : ndarray of float64, shape (spikes,)
        In s, in [0, duration).
    units : ndarray of int64, shape (spikes,)
        From 0 to number - 1.
    number : int
        Units, the silent ones included.
    duration, bin : float
        In s.

    Returns
    -------
    float
        0 if no unit varies.

    Raises
    ------
    InputError
        Fewer than one bin.
    """
    bins = int(duration / bin)
    if bins < 1 or number < 1:
        raise InputError(f"synchrony: got {number} units and {bins} bins, needs at least one of each")
    cell = np.minimum((times / bin).astype(np.int64), bins - 1)
    together = np.bincount(cell, minlength=bins) / number
    own, counts = np.unique(units * bins + cell, return_counts=True)
    squares = np.bincount(own // bins, counts**2, number) / bins
    means = np.bincount(units, minlength=number) / bins
    single = float((squares - means**2).mean())
    return float(together.var() / single) if single > 0 else 0.0


def correlation(
    times: NDArray[np.float64],
    cells: NDArray[np.int64],
    n: int,
    start: float,
    stop: float,
    bin: float = 0.02,
    fewest: int = 2,
) -> float:
    """
    Mean correlation of spike counts over all pairs of cells: Pearson's, of counts in bins.

    Parameters
    ----------
    times : ndarray of float64, shape (spikes,)
        In s, in any order.
    cells : ndarray of int64, shape (spikes,)
        From 0 to n - 1.
    n : int
        Cells, the silent ones included.
    start, stop, bin : float
        In s; a rest shorter than a bin is left out at the end.
    fewest : int
        Spikes in the stretch that a cell needs to be in a pair.

    Returns
    -------
    float
        Missing if fewer than two cells fire.

    Raises
    ------
    InputError
        Fewer than two bins.
    """
    bins = int((stop - start) / bin + 1e-9)
    if bins < 2:
        raise InputError(f"correlation: got {bins} bins of {bin:g} s, needs at least two")
    # spikes on the edge of a bin belong to the bin that starts there, in spite of rounding
    place = np.floor((times - start + 1e-9) / bin).astype(np.int64)
    inside = (place >= 0) & (place < bins)
    where = cells[inside] * bins + place[inside]
    counts = np.bincount(where, minlength=n * bins).reshape(n, bins).astype(np.float64)
    counts = counts[(counts.sum(axis=1) >= fewest) & (counts.std(axis=1) > 0)]
    if len(counts) < 2:
        return float("nan")
    z = (counts - counts.mean(axis=1, keepdims=True)) / counts.std(axis=1, keepdims=True)
    # the variance of the sum of all z is n + n (n - 1) times the mean correlation
    return float((z.sum(axis=0).var() / len(z) - 1) / (len(z) - 1))


def locking(times: NDArray[np.float64], frequency: float) -> float:
    """
    Vector strength of spikes (s) with respect to a frequency (Hz): 1 if all share one phase, 0 if none.

    Goldberg and Brown 1969 J Neurophysiol 32:613. Of no spikes it is 0.
    """
    if not times.size:
        return 0.0
    return float(np.abs(np.exp(2j * np.pi * frequency * times).mean()))
