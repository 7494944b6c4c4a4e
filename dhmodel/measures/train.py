"""Responses to a train of shocks: wind-up, what a block leaves of it, and totals.

References
----------
Herrero JF, Laird JM, Lopez-Garcia JA (2000) Wind-up of spinal cord neurones and pain sensation: much ado
about something? Prog Neurobiol 61:169-203 (the area of wind-up as its measure).
Mendell LM (1966) Physiological properties of unmyelinated fiber projection to the spinal cord. Exp Neurol
16:316-332.
"""

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from dhmodel.errors import InputError
from dhmodel.measures.evoked import steepness
from dhmodel.measures.rates import deviation, known


def windup_ratio(ds: xr.Dataset, population: str = "WDR", window: str = "C", last: int = 3) -> xr.Dataset:
    """
    Growth of the response over a train of shocks (wind-up, Mendell 1966).

    Parameters
    ----------
    ds : xarray.Dataset
        With `count` (..., replicate, stimulus_index, population, window).
    population, window : str
    last : int
        How many responses at the end of the train are averaged.

    Returns
    -------
    xarray.Dataset
        For each replicate: `first` response and mean of the `last` ones (spikes per neuron), `growth` = last
        - first, `ratio` = last / first, `slope` and `area` (see `windup_slope`, `windup_area`). Over
        replicates: `growth_of_means` and `ratio_of_means`, which weigh every spike alike. A ratio to a first
        response of zero is missing.

    Raises
    ------
    InputError
        If there is no `count`, the names are unknown, or the train is shorter than `last` + 1.
    """
    count = _responses(ds, window)
    known(population, count["population"].values, "population")
    count = count.sel(population=population, drop=True)
    if not 1 <= last < count.sizes["stimulus_index"]:
        raise InputError(f"last: got {last}, needs 1 to {count.sizes['stimulus_index'] - 1} of this train")
    first = count.isel(stimulus_index=0, drop=True)
    end = count.isel(stimulus_index=slice(-last, None)).mean("stimulus_index", skipna=False)
    mean_first, mean_end = (part.mean("replicate", skipna=False) for part in (first, end))
    result = xr.Dataset(
        {
            "first": first,
            "last": end,
            "growth": end - first,
            "ratio": end / first.where(first > 0),
            "slope": xr.apply_ufunc(
                windup_slope, count, input_core_dims=[["stimulus_index"]], dask="allowed"
            ),
            "area": xr.apply_ufunc(windup_area, count, input_core_dims=[["stimulus_index"]], dask="allowed"),
            "growth_of_means": mean_end - mean_first,
            "ratio_of_means": mean_end / mean_first.where(mean_first > 0),
        }
    )
    where = f"{population} response in window {window}"
    for name in result:
        result[name].attrs = {"units": "1", "long_name": f"{str(name).replace('_', ' ')}, {where}"}
    return result


def windup_slope(counts: ArrayLike, over: int = 8) -> NDArray[np.float64]:
    """
    Rise of the response from shock to shock over the first part of a train, by least squares.

    Parameters
    ----------
    counts : array_like, shape (..., shocks)
        Spikes per cell after each shock.
    over : int
        How many responses from the first on; later ones may have reached a plateau.

    Returns
    -------
    ndarray of float64, shape (...)
        Spikes per cell and shock; missing if one of the responses is.

    Raises
    ------
    InputError
        Fewer than two responses.
    """
    early = np.asarray(counts, np.float64)[..., :over]
    if early.shape[-1] < 2:
        raise InputError(f"windup_slope: got {early.shape[-1]} responses, needs at least two")
    rise = steepness(np.arange(early.shape[-1]), early)
    return np.where(np.isnan(early).any(axis=-1), np.nan, rise)


def windup_area(counts: ArrayLike) -> NDArray[np.float64]:
    """
    Spikes of a train beyond what the first response, repeated, would give (Herrero et al. 2000).

    Parameters
    ----------
    counts : array_like, shape (..., shocks)
        Spikes per cell after each shock.

    Returns
    -------
    ndarray of float64, shape (...)
        Spikes per cell; negative where responses wane, missing if one of them is.
    """
    responses = np.asarray(counts, np.float64)
    area: NDArray[np.float64] = (responses - responses[..., :1]).sum(axis=-1)
    return area


def _over_shocks(function: Callable[..., NDArray[np.float64]], count: xr.DataArray) -> xr.DataArray:
    found: xr.DataArray = xr.apply_ufunc(
        function, count, input_core_dims=[["stimulus_index"]], dask="allowed"
    )
    return found


def growth_left(
    control: xr.Dataset, blocked: xr.Dataset, population: str = "WDR", window: str = "C", last: int = 3
) -> xr.Dataset:
    """
    How much of the wind-up, and of the first response, a block leaves.

    Parameters
    ----------
    control, blocked : xarray.Dataset
        The same train without and with the block, with the same seeds.
    population, window, last
        As in `windup_ratio`.

    Returns
    -------
    xarray.Dataset
        `growth_left` and `first_left`, fractions of the control's on the mean over replicates; and for each
        replicate `growth_left_replicate` and `first_left_replicate`. Missing where the control did not grow
        or respond.
    """
    before, after = (windup_ratio(one, population, window, last) for one in (control, blocked))
    pairs = {
        "growth_left": (before["growth_of_means"], after["growth_of_means"]),
        "first_left": (before["first"].mean("replicate"), after["first"].mean("replicate")),
        "growth_left_replicate": (before["growth"], after["growth"]),
        "first_left_replicate": (before["first"], after["first"]),
    }
    result = xr.Dataset({name: left / whole.where(whole > 0) for name, (whole, left) in pairs.items()})
    for name in result:
        result[name].attrs = {"units": "1", "long_name": f"{str(name).replace('_', ' ')} by the block"}
    return result


def total_count(ds: xr.Dataset, window: str = "C") -> xr.Dataset:
    """
    Spikes per neuron in one window, summed over the train.

    Returns
    -------
    xarray.Dataset
        `total` (..., replicate, population), and its `mean` and `sd` over replicates; missing if any response
        of the train is.
    """
    total = _responses(ds, window).sum("stimulus_index", skipna=False)
    result = xr.Dataset(
        {"total": total, "mean": total.mean("replicate", skipna=False), "sd": deviation(total, "replicate")}
    )
    for name in result:
        result[name].attrs = {"units": "1", "long_name": f"spikes per neuron in window {window}, whole train"}
    return result


def _responses(ds: xr.Dataset, window: str) -> xr.DataArray:
    if "count" not in ds:
        raise InputError("count: this Dataset has none; it needs a stimulus that repeats, such as windup")
    known(window, ds["window"].values, "window")
    return ds["count"].sel(window=window, drop=True)
