"""
Single cells: counts, rates, who is active, who responds, who has changed, and when the first spike comes.

Functions of spikes take `times` (s, in any order), `cells` (from 0 to n - 1, one for each spike) and `n`, the
number of cells with the silent ones. `replicates` applies them to a Dataset with stored spikes; a `Recording`
gives the three with `Recording.of`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from dhmodel.errors import InputError
from dhmodel.measures.rates import SILENT, known

__all__ = [
    "active_cells",
    "cell_counts",
    "cell_rates",
    "changed",
    "first_latency",
    "replicates",
    "responding",
]

type Floats = NDArray[np.float64]

# Spike times carry rounding errors; a spike on the edge of a window belongs to the window that starts there.
_NUDGE = 1e-9


def cell_counts(times: ArrayLike, cells: ArrayLike, n: int, start: float, stop: float) -> NDArray[np.int64]:
    """
    Spikes of each cell in [start, stop) s, shape (n,).

    Raises
    ------
    InputError
        If the window has no length.
    """
    if not start < stop:
        raise InputError(f"window: got {start:g} to {stop:g} s, needs to end after it starts")
    moments = np.asarray(times, np.float64) + _NUDGE
    inside = (moments >= start) & (moments < stop)
    return np.bincount(np.asarray(cells, np.int64)[inside], minlength=n)


def cell_rates(times: ArrayLike, cells: ArrayLike, n: int, start: float, stop: float) -> Floats:
    """Rate of each cell in [start, stop) s, in Hz, shape (n,)."""
    rates: Floats = cell_counts(times, cells, n, start, stop) / (stop - start)
    return rates


def active_cells(
    times: ArrayLike, cells: ArrayLike, n: int, start: float, stop: float, at_least: int = 2
) -> float:
    """Fraction of the cells with at least so many spikes in [start, stop) s."""
    return float((cell_counts(times, cells, n, start, stop) >= at_least).mean())


def responding(
    times: ArrayLike,
    cells: ArrayLike,
    n: int,
    before: tuple[float, float],
    during: tuple[float, float],
    deviations: float = 2.0,
) -> NDArray[np.bool_]:
    """
    Tell which cells fire more in one window than in another.

    More by so many standard deviations of the difference of two Poisson rates, and by more than one spike; a
    cell that was silent before responds with two spikes or more.

    Parameters
    ----------
    before, during : tuple of float
        Begin and end of the two windows, in s.
    deviations : float

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    counts = [cell_counts(times, cells, n, *window) for window in (before, during)]
    lengths = [stop - start for start, stop in (before, during)]
    rates = [count / length for count, length in zip(counts, lengths, strict=True)]
    sd = np.sqrt(rates[0] / lengths[0] + rates[1] / lengths[1])
    gain = rates[1] - rates[0]
    answer: NDArray[np.bool_] = (gain > deviations * sd) | ((counts[0] == 0) & (counts[1] >= 2))
    return answer & (gain * lengths[1] > 1)


def changed(
    control: ArrayLike, other: ArrayLike, below: float = 0.5, floor: float = SILENT
) -> NDArray[np.float64]:
    """
    Tell which cells have lost, from one run to another.

    Parameters
    ----------
    control, other : array_like, shape (cells,)
        Rates of the same cells in Hz.
    below : float
        A cell has lost if its rate is below this fraction of that in the control; above 1, if it has not
        grown to it.
    floor : float
        Smallest rate in the control that counts as firing, in Hz.

    Returns
    -------
    ndarray of float64, shape (cells,)
        1 for a cell that has lost, 0 for one that has not, missing for one that was silent.
    """
    base, rate = np.asarray(control, np.float64), np.asarray(other, np.float64)
    if base.shape != rate.shape:
        raise InputError(f"changed: got {base.size} and {rate.size} cells, needs the same cells")
    return np.where(base >= floor, (rate < below * base).astype(np.float64), np.nan)


def first_latency(times: ArrayLike, cells: ArrayLike, n: int, events: ArrayLike, within: float) -> Floats:
    """
    Median time from an event to the first spike of each cell, in s, shape (n,).

    Parameters
    ----------
    events : array_like
        In s, ascending.
    within : float
        A spike later than this after an event, or after the next event, does not count.

    Returns
    -------
    ndarray of float64
        Missing for a cell that fired after none of the events.
    """
    moments, onsets = np.asarray(times, np.float64) + _NUDGE, np.asarray(events, np.float64)
    event = np.searchsorted(onsets, moments, side="right") - 1
    latency = np.where(event >= 0, moments - onsets[event], np.inf)
    first = np.full((n, onsets.size), np.inf)
    kept = latency < within
    np.minimum.at(first, (np.asarray(cells, np.int64)[kept], event[kept]), latency[kept])
    answered = np.isfinite(first)
    result = np.full(n, np.nan)
    some = answered.any(axis=1)
    result[some] = np.nanmedian(np.where(answered, first, np.nan)[some], axis=1)
    return result


def replicates(ds: xr.Dataset, population: str, measure: Callable[..., Any], **settings: Any) -> xr.DataArray:
    """
    Apply a measure of spikes to every replicate of a Dataset.

    Parameters
    ----------
    ds : xarray.Dataset
        Made with ``spikes=True``, without swept axes.
    population : str
    measure : callable
        Of `times`, `cells`, `n` and `settings`, such as `cell_rates` or `correlation`.

    Returns
    -------
    xarray.DataArray
        Shape (replicate,), or (replicate, cell) if the measure has one value per cell.

    Raises
    ------
    InputError
        No spikes are stored, or not of that population.
    """
    known(f"spike_neuron_{population}", ds.data_vars, "variable")
    neurons = ds[f"spike_neuron_{population}"]
    n, moments = int(neurons.attrs["population_size"]), ds[f"spike_time_{population}"].values
    replicate = ds[f"spike_replicate_{population}"].values
    found = []
    for number in range(ds.sizes["replicate"]):
        own = replicate == number
        found.append(measure(moments[own], neurons.values[own], n, **settings))
    values = np.asarray(found)
    dims = ("replicate", "cell")[: values.ndim]
    return xr.DataArray(values, {"replicate": ds["replicate"]}, dims, getattr(measure, "__name__", None))
