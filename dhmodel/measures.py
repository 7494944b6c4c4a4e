"""Statistics of Datasets: percent of baseline, wind-up, peristimulus kernels, spread over replicates.

Each measure keeps every dimension it does not name, so one call serves a single run and a whole sweep. A result that cannot be
computed is missing (NaN), never zero, and a missing value makes every sum and mean over it missing: a train whose last
response was cut off has no total.

References
----------
Foreman RD, Beall JE, Applebaum AE, Coulter JD, Willis WD (1976) Effects of dorsal column stimulation on primate spinothalamic
tract neurons. J Neurophysiol 39:534-546; curves of four cells as digitised by Zhang TC, Janik JJ, Grill WM (2014)
J Neurophysiol, doi:10.1152/jn.00254.2014, ModelDB 168414.

Mendell LM (1966) Physiological properties of unmyelinated fiber projection to the spinal cord. Exp Neurol 16:316-332.
"""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from dhmodel.errors import InputError, unknown

SILENT = 0.05
"""Rate in Hz below which a baseline is too small to take a percentage of."""

# A spike on the edge of a bin belongs to the bin that starts there, whatever the rounding of its time (see recording.py).
_NUDGE = 1e-9


def spread(ds: xr.Dataset, dim: str = "replicate") -> xr.Dataset:
    """Mean, standard deviation and standard error of every variable over one dimension.

    Parameters
    ----------
    ds : xarray.Dataset
    dim : str
        Dimension to summarise; variables without it are left out.

    Returns
    -------
    xarray.Dataset
        The same variables with a leading dimension `statistic` ("mean", "sd", "sem") in place of `dim`. The deviation has
        n - 1 in its denominator and is missing for a single replicate.
    """
    _known(dim, ds.dims, "dimension")
    own = ds[[name for name, variable in ds.data_vars.items() if dim in variable.dims]]
    mean, sd = own.mean(dim, skipna=False, keep_attrs=True), _sd(own, dim)
    parts = xr.concat([mean, sd, sd / np.sqrt(ds.sizes[dim])], "statistic").assign_coords(statistic=["mean", "sd", "sem"])
    return parts.map(lambda variable: variable.assign_attrs(ds[variable.name].attrs))


def percent_of_baseline(
    ds: xr.Dataset, variable: str = "rate", dim: str = "tonic.frequency", value: float = 0.0, floor: float = SILENT
) -> xr.Dataset:
    """Express a variable as a percentage of its value at one point of a swept axis.

    Each replicate is compared with its own baseline, which has the same trains, cells and wiring. Where the baseline of any
    replicate is below `floor`, no replicate gets a percentage: leaving out only the silent ones would favour the others.

    Parameters
    ----------
    ds : xarray.Dataset
        With dimensions `dim` and `replicate`.
    variable : str
    dim : str
        Swept axis.
    value : float
        Where the baseline lies on it, such as 0 Hz for no stimulation.
    floor : float
        Smallest baseline that counts as firing, in the unit of the variable.

    Returns
    -------
    xarray.Dataset
        `percent` (every dimension of the variable); `mean` and `sd` of it over `replicate`; `baseline`, the variable at `value`;
        `silent`, true where a replicate's baseline is below the floor.

    Raises
    ------
    InputError
        If the variable, the axis or the value does not exist.
    """
    _known(variable, ds.data_vars, "variable")
    _known(dim, ds[variable].dims, f"dimension of {variable}")
    at = np.flatnonzero(np.isclose(ds[dim], value, rtol=1e-9, atol=1e-12))
    if not at.size:
        raise InputError(f"{dim}: no baseline at {value:g}; there is {', '.join(f'{x:g}' for x in ds[dim].values)}")
    baseline = ds[variable].isel({dim: at[0]}, drop=True)
    silent = (baseline < floor).any("replicate")
    percent = 100 * ds[variable] / baseline.where(~silent)
    result = xr.Dataset({"percent": percent, "mean": percent.mean("replicate", skipna=False), "sd": _sd(percent, "replicate")})
    for name in result:
        result[name].attrs = {"units": "%", "long_name": f"{variable}, percent of {dim} = {value:g}"}
    result["baseline"] = baseline.assign_attrs(ds[variable].attrs)
    result["silent"] = silent.assign_attrs(long_name=f"baseline below {floor:g} {ds[variable].attrs.get('units', '')}")
    return result


def windup_ratio(ds: xr.Dataset, population: str = "WDR", window: str = "C", last: int = 3) -> xr.Dataset:
    """Growth of the response over a train of shocks (wind-up, Mendell 1966).

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
        For each replicate: `first` response and mean of the `last` ones (spikes per neuron), `growth` = last - first, `ratio`
        = last / first. Over replicates: `growth_of_means` and `ratio_of_means`, which weigh every spike alike. A ratio to a
        first response of zero is missing.

    Raises
    ------
    InputError
        If there is no `count`, the names are unknown, or the train is shorter than `last` + 1.
    """
    count = _responses(ds, window)
    _known(population, count["population"].values, "population")
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
            "growth_of_means": mean_end - mean_first,
            "ratio_of_means": mean_end / mean_first.where(mean_first > 0),
        }
    )
    where = f"{population} response in window {window}"
    for name in result:
        result[name].attrs = {"units": "1", "long_name": f"{str(name).replace('_', ' ')}, {where}"}
    return result


def growth_left(
    control: xr.Dataset, blocked: xr.Dataset, population: str = "WDR", window: str = "C", last: int = 3
) -> xr.Dataset:
    """How much of the wind-up, and of the first response, a block leaves.

    Parameters
    ----------
    control, blocked : xarray.Dataset
        The same train without and with the block, with the same seeds.
    population, window, last
        As in `windup_ratio`.

    Returns
    -------
    xarray.Dataset
        `growth_left` and `first_left`, fractions of the control's on the mean over replicates; and for each replicate
        `growth_left_replicate` and `first_left_replicate`. Missing where the control did not grow or respond.
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
    """Spikes per neuron in one window, summed over the train.

    Returns
    -------
    xarray.Dataset
        `total` (..., replicate, population), and its `mean` and `sd` over replicates; missing if any response of the train is.
    """
    total = _responses(ds, window).sum("stimulus_index", skipna=False)
    result = xr.Dataset({"total": total, "mean": total.mean("replicate", skipna=False), "sd": _sd(total, "replicate")})
    for name in result:
        result[name].attrs = {"units": "1", "long_name": f"spikes per neuron in window {window}, whole train"}
    return result


def active_fraction(ds: xr.Dataset, at_least: int = 2) -> xr.DataArray:
    """Fraction of the neurons that fired at least so many spikes, from stored spikes.

    The variable `active` of a Dataset holds this for the parameter `recording.active_spikes`.

    Parameters
    ----------
    ds : xarray.Dataset
        Made with ``spikes=True``, without swept axes.
    at_least : int

    Returns
    -------
    xarray.DataArray
        Shape (replicate, population).
    """
    replicates = ds.sizes["replicate"]
    fractions = []
    for name in ds["population"].values:
        _known(f"spike_neuron_{name}", ds.data_vars, "variable")
        neurons, size = ds[f"spike_neuron_{name}"], ds[f"spike_neuron_{name}"].attrs["population_size"]
        cell = ds[f"spike_replicate_{name}"].values * size + neurons.values
        spikes = np.bincount(cell, minlength=replicates * size).reshape(replicates, size)
        fractions.append((spikes >= at_least).mean(axis=1))
    attrs = {"units": "1", "long_name": f"fraction of neurons with at least {at_least} spikes"}
    coords = {"replicate": ds["replicate"], "population": ds["population"]}
    return xr.DataArray(np.transpose(fractions), coords, ("replicate", "population"), "active", attrs)


def peri_event(times: ArrayLike, neurons: ArrayLike, n: int, events: ArrayLike, bins: ArrayLike) -> xr.Dataset:
    """Firing rate of each neuron in time bins around events.

    Parameters
    ----------
    times, neurons : array_like, shape (spike,)
        Spike times in s, in any order, and the neuron of each, 0 to n - 1.
    n : int
        Number of neurons.
    events : array_like, shape (event,)
        Times in s of what the spikes are aligned to.
    bins : array_like, shape (bin + 1,)
        Ascending edges in s relative to the event, negative before it; a spike on an edge belongs to the bin that starts there.

    Returns
    -------
    xarray.Dataset
        `rate` (neuron, latency) in Hz, the mean over events; coordinates `latency`, start of each bin, and `width`, both in s.
        A spike near two events counts for both.

    Raises
    ------
    InputError
        If there is no event, or the edges do not ascend.
    """
    edges, centres = np.asarray(bins, np.float64), np.asarray(events, np.float64)
    if centres.size == 0:
        raise InputError("events: none given, needs at least one")
    if edges.size < 2 or np.any(np.diff(edges) <= 0):
        raise InputError("bins: needs at least two ascending edges")
    order = np.argsort(times, kind="stable")
    moments, cells = np.asarray(times, np.float64)[order] + _NUDGE, np.asarray(neurons, np.int64)[order]
    spike, event = _pairs(moments, centres, edges)
    place = np.searchsorted(edges, moments[spike] - centres[event], side="right") - 1
    kept = (place >= 0) & (place < edges.size - 1)  # rounding can put a spike of the range just outside its edge
    where = cells[spike[kept]] * (edges.size - 1) + place[kept]
    widths = np.diff(edges)
    spikes = np.bincount(where, minlength=n * widths.size).reshape(n, widths.size)
    attrs = {"units": "Hz", "long_name": "firing rate around the event"}
    result = xr.Dataset({"rate": (("neuron", "latency"), spikes / (widths * centres.size), attrs)})
    return result.assign_coords(
        latency=("latency", edges[:-1], {"units": "s", "long_name": "start of bin after the event"}),
        width=("latency", widths, {"units": "s", "long_name": "width of bin"}),
    )


def _pairs(times: NDArray[Any], events: NDArray[Any], edges: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Index of spike and of event for every spike within the range of an event; times ascend."""
    low, high = np.searchsorted(times, events + edges[0]), np.searchsorted(times, events + edges[-1])
    number = high - low
    event = np.repeat(np.arange(events.size), number)
    spike = np.arange(number.sum()) + np.repeat(low - np.cumsum(number) + number, number)
    return spike, event


def kernel(peri: xr.Dataset, floor: float = SILENT) -> xr.Dataset:
    """Peristimulus firing as a percentage of firing before the event, as Foreman et al. 1976 show it.

    Parameters
    ----------
    peri : xarray.Dataset
        From `peri_event`, with bins before the event.
    floor : float
        Smallest rate before the event in Hz; neurons below it have no kernel.

    Returns
    -------
    xarray.Dataset
        `percent` (neuron, latency); `mean` (latency,) over the neurons that have one; `pooled` (latency,), of the summed spikes
        of all neurons; `before` (neuron,), rate before the event in Hz.

    Raises
    ------
    InputError
        If no bin ends before the event.
    """
    earlier = peri["latency"] + peri["width"] <= _NUDGE
    if not earlier.any():
        raise InputError("bins: no bin ends before the event, so there is no firing to compare with")
    before = peri["rate"].where(earlier, drop=True).weighted(peri["width"].where(earlier, drop=True)).mean("latency")
    percent = 100 * peri["rate"] / before.where(before >= floor)
    total = before.mean("neuron")
    pooled = 100 * peri["rate"].mean("neuron") / total.where(total > 0)
    result = xr.Dataset({"percent": percent, "mean": percent.mean("neuron"), "pooled": pooled})
    for name in result:
        result[name].attrs = {"units": "%", "long_name": "firing, percent of before the event"}
    result["before"] = before.assign_attrs(units="Hz", long_name="firing rate before the event")
    return result


def half_recovery(
    percent: xr.DataArray, level: float = 50.0, trough: tuple[float, float] = (0.005, 0.03)
) -> xr.DataArray:
    """Time after the event at which firing has come back to a level, for each cell.

    The first crossing of `level` after the lowest bin of the trough, by linear interpolation between the middles of bins, as the
    recovery of Foreman's cells is read from the digitised points (about 15, 25 and 51 ms, and one cell beyond 98 ms).

    Parameters
    ----------
    percent : xarray.DataArray
        Dimension `latency`, coordinates `latency` and `width` in s; any other dimensions.
    level : float
        In percent of firing before the event.
    trough : tuple of float
        Latencies in s between which the lowest bin is sought; 5 to 30 ms leaves the early excitation out.

    Returns
    -------
    xarray.DataArray
        Seconds. NaN for a cell that never fell below the level in the trough, infinite for one that did not come back: its
        time is longer than the kernel, and order statistics such as the median remain right.

    Raises
    ------
    InputError
        If no bin lies within the trough.
    """
    centres = (percent["latency"] + percent["width"] / 2).values
    inside = (centres >= trough[0] - _NUDGE) & (centres <= trough[1] + _NUDGE)
    if not inside.any():
        raise InputError(f"trough: no bin has its middle between {trough[0]:g} and {trough[1]:g} s")
    times = xr.apply_ufunc(
        _crossing, percent, input_core_dims=[["latency"]], kwargs={"centres": centres, "inside": inside, "level": level}
    )
    return times.rename("half_recovery").assign_attrs(units="s", long_name=f"recovery to {level:g} %")


def _crossing(values: NDArray[Any], centres: NDArray[Any], inside: NDArray[Any], level: float) -> NDArray[Any]:
    """First upward crossing of a level after the trough, along the last axis."""
    sought = np.where(inside, values, np.inf)
    lowest = sought.argmin(axis=-1)[..., np.newaxis]
    back = (values >= level) & (np.arange(centres.size) > lowest)
    after = back.argmax(axis=-1)[..., np.newaxis]
    start, stop = (np.take_along_axis(values, index, -1)[..., 0] for index in (after - 1, after))
    begin, end = centres[after[..., 0] - 1], centres[after[..., 0]]
    with np.errstate(invalid="ignore", divide="ignore"):
        times = begin + (level - start) / (stop - start) * (end - begin)
    times = np.where(back.any(axis=-1), times, np.inf)
    return np.where(sought.min(axis=-1) < level, times, np.nan)


def _responses(ds: xr.Dataset, window: str) -> xr.DataArray:
    if "count" not in ds:
        raise InputError("count: this Dataset has none; it needs a stimulus that repeats, such as windup")
    _known(window, ds["window"].values, "window")
    return ds["count"].sel(window=window, drop=True)


def _sd[Data: (xr.Dataset, xr.DataArray)](data: Data, dim: str) -> Data:
    """Sample standard deviation; missing for a single value, where numpy would warn."""
    if data.sizes[dim] < 2:
        return data.mean(dim) * np.nan
    return data.std(dim, ddof=1, skipna=False)


def _known(name: str, allowed: Iterable[Hashable], kind: str) -> None:
    names = [str(one) for one in allowed]
    if name not in names:
        raise unknown(kind, name, names)
