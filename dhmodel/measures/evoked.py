"""
Rates in a stretch of time, what a stimulus adds, and thresholds and slopes along a swept stimulus.

References
----------
Chaplan SR, Bach FW, Pogrel JW, Chung JM, Yaksh TL (1994) Quantitative assessment of tactile allodynia in the
rat paw. J Neurosci Methods 53:55-63: the threshold of withdrawal, for which the threshold of the output cells
stands here.
"""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from dhmodel.errors import InputError
from dhmodel.measures.rates import known

__all__ = ["CRITERION", "between", "crossing", "evoked", "onset", "output", "slope", "steepness", "threshold"]

CRITERION = 5.0
"""Rate above rest in Hz, mean of the projection cells, at which a stimulus counts as noticed."""

PROJECTION = ("WDR", "PN")
"""Populations whose cells project to the brain."""

_EDGE = 1e-6


def between(ds: xr.Dataset, start: float, stop: float) -> xr.DataArray:
    """
    Mean rate in [start, stop) s, from the peristimulus histogram.

    Parameters
    ----------
    ds : xarray.Dataset
        With `psth` (..., population, time).
    start, stop : float
        In s, on the edges of bins (``recording.bin``).

    Returns
    -------
    xarray.DataArray
        Hz; the dimensions of `psth` without `time`.

    Raises
    ------
    InputError
        There is no `psth`, or no bin begins in the stretch, or the stretch cuts a bin.
    """
    known("psth", ds.data_vars, "variable")
    starts = ds["time"].values
    inside = (starts >= start - _EDGE) & (starts < stop - _EDGE)
    if not inside.any():
        raise InputError(
            f"between: no bin begins from {start:g} to {stop:g} s; there is {starts[0]:g} to {starts[-1]:g} s"
        )
    ends = np.append(starts, np.inf)[1:][inside]
    if abs(starts[inside][0] - start) > _EDGE or (np.isfinite(ends[-1]) and abs(ends[-1] - stop) > _EDGE):
        raise InputError(f"between: {start:g} to {stop:g} s cuts a bin of {starts[1] - starts[0]:g} s")
    rate = ds["psth"].isel(time=inside).mean("time", skipna=False)
    return rate.rename("rate").assign_attrs(units="Hz", long_name=f"firing rate, {start:g} to {stop:g} s")


def evoked(ds: xr.Dataset, during: tuple[float, float], before: tuple[float, float]) -> xr.DataArray:
    """
    Rate in one stretch of time less the rate in another: what a stimulus adds to rest.

    With `during` after the end of the stimulus it is the after-discharge.

    Parameters
    ----------
    ds : xarray.Dataset
        With `psth`.
    during, before : tuple of float
        Begin and end in s.

    Returns
    -------
    xarray.DataArray
        Hz; the dimensions of `psth` without `time`.
    """
    gain = between(ds, *during) - between(ds, *before)
    return gain.rename("evoked").assign_attrs(units="Hz", long_name="firing rate above rest")


def onset(
    ds: xr.Dataset, before: tuple[float, float], criterion: float = CRITERION, width: float = 0.2
) -> xr.DataArray:
    """
    Time at which the rate has risen to a criterion above rest: where a ramp of heat is first noticed.

    Parameters
    ----------
    ds : xarray.Dataset
        With `psth`.
    before : tuple of float
        Begin and end of rest, in s; the rise is sought after it.
    criterion : float
        In Hz.
    width : float
        Rates are means over stretches so long, in s, and are interpolated between their middles.

    Returns
    -------
    xarray.DataArray
        In s; the dimensions of `psth` without `time`. Infinite where the rate does not rise so far.

    Raises
    ------
    InputError
        As `between`.
    """
    rest, bin = between(ds, *before), float(ds["time"][1] - ds["time"][0])
    later = ds["psth"].sel(time=slice(before[1] - _EDGE, None))
    coarse = later.coarsen(time=max(1, round(width / bin)), boundary="trim").mean()
    middle = coarse.assign_coords(time=coarse["time"] + bin / 2)
    found = threshold(middle - rest, "time", criterion)
    return found.rename("onset").assign_attrs(units="s", long_name=f"first rise by {criterion:g} Hz")


def output(rates: xr.DataArray, populations: Sequence[str] = PROJECTION) -> xr.DataArray:
    """Mean over the cells that project to the brain, each population alike."""
    for name in populations:
        known(name, rates["population"].values, "population")
    return rates.sel(population=list(populations)).mean("population", skipna=False, keep_attrs=True)


def threshold(response: xr.DataArray, dim: str, criterion: float = CRITERION) -> xr.DataArray:
    """
    Smallest stimulus whose response reaches a criterion, by linear interpolation along a swept axis.

    Parameters
    ----------
    response : xarray.DataArray
        Such as ``output(evoked(ds, ...))``; dimension `dim`, ascending, and any others.
    dim : str
        Swept axis, such as ``"vonfrey.force"`` or ``"heat.temperature"``.
    criterion : float
        In the unit of the response.

    Returns
    -------
    xarray.DataArray
        In the unit of the axis. Infinite where the criterion is never reached, so that medians remain right;
        where the weakest stimulus reaches it, that one: the threshold is no higher.

    Raises
    ------
    InputError
        No such dimension.
    """
    found = _along(response, dim, crossing, level=criterion)
    units = response[dim].attrs.get("units", "")
    return found.rename("threshold").assign_attrs(units=units, long_name=f"threshold of {dim}")


def slope(response: xr.DataArray, dim: str, above: float | xr.DataArray = -np.inf) -> xr.DataArray:
    """
    Rise of the response per unit of the stimulus above a threshold, by least squares.

    Parameters
    ----------
    response : xarray.DataArray
    dim : str
    above : float or xarray.DataArray
        Stimuli below it are left out; such as what `threshold` found, one for each of the other dimensions.

    Returns
    -------
    xarray.DataArray
        Missing where fewer than two stimuli are left.
    """
    known(dim, response.dims, "dimension")
    kept = response.where(response[dim] >= above)
    units = f"{response.attrs.get('units', '')}/{response[dim].attrs.get('units', '')}"
    found = _along(kept, dim, steepness).rename("slope")
    return found.assign_attrs(units=units, long_name=f"response per {dim}")


def crossing(x: ArrayLike, y: ArrayLike, level: float) -> NDArray[np.float64]:
    """
    First x at which y reaches a level, by linear interpolation along the last axis.

    Parameters
    ----------
    x : array_like, shape (points,)
        Ascending.
    y : array_like, shape (..., points)

    Returns
    -------
    ndarray of float64, shape (...)
        Infinite if never; the first x if y is there from the beginning; missing if a y before is missing.
    """
    at, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if at.size == 0 or np.any(np.diff(at) <= 0):
        raise InputError("crossing: needs ascending points, at least one")
    reached = (values >= level) | np.isnan(values)
    after = reached.argmax(axis=-1)
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(values, index[..., np.newaxis], -1)[..., 0] for index in (before, after))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(after == before, 0.0, (level - low) / (high - low))
    found = at[before] + part * (at[after] - at[before])
    return np.where(reached.any(axis=-1), np.where(np.isnan(high), np.nan, found), np.inf)


def steepness(x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Slope of the line of least squares along the last axis, over the points that are there."""
    at, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
    there = np.isfinite(values)
    number = there.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.where(there, at - np.where(there, at, 0.0).sum(axis=-1, keepdims=True) / number, 0.0)
        rise = (off * np.where(there, values, 0.0)).sum(axis=-1) / (off**2).sum(axis=-1)
    return np.where(number[..., 0] >= 2, rise, np.nan)


def _along(
    response: xr.DataArray, dim: str, function: Callable[..., NDArray[np.float64]], **settings: float
) -> xr.DataArray:
    known(dim, response.dims, "dimension")
    at = response[dim].values
    found: xr.DataArray = xr.apply_ufunc(
        lambda values: function(at, values, **settings),
        response,
        input_core_dims=[[dim]],
        dask="allowed",
        keep_attrs=False,
    )
    return found
