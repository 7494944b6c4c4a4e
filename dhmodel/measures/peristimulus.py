"""Firing around events: rate of each neuron, percent of before, and the time to recover.

References
----------
Foreman RD, Beall JE, Applebaum AE, Coulter JD, Willis WD (1976) Effects of dorsal column stimulation on
primate spinothalamic tract neurons. J Neurophysiol 39:534-546; curves of four cells as digitised by
Zhang TC, Janik JJ, Grill WM (2014) J Neurophysiol, doi:10.1152/jn.00254.2014, ModelDB 168414.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from dhmodel.errors import InputError
from dhmodel.measures.rates import SILENT

# Spike times carry rounding errors; a spike on the edge of a bin belongs to the bin that starts there.
_NUDGE = 1e-9


def peri_event(
    times: ArrayLike, neurons: ArrayLike, n: int, events: ArrayLike, bins: ArrayLike
) -> xr.Dataset:
    """
    Firing rate of each neuron in time bins around events.

    Parameters
    ----------
    times, neurons : array_like, shape (spike,)
        Spike times in s, in any order, and the neuron of each, 0 to n - 1.
    n : int
        Number of neurons.
    events : array_like, shape (event,)
        Times in s of what the spikes are aligned to.
    bins : array_like, shape (bin + 1,)
        Ascending edges in s relative to the event, negative before it; a spike on an edge belongs to the bin
        that starts there.

    Returns
    -------
    xarray.Dataset
        `rate` (neuron, latency) in Hz, the mean over events; coordinates `latency`, start of each bin, and
        `width`, both in s. A spike near two events counts for both.

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
    kept = (place >= 0) & (
        place < edges.size - 1
    )  # rounding can put a spike of the range just outside its edge
    where = cells[spike[kept]] * (edges.size - 1) + place[kept]
    widths = np.diff(edges)
    spikes = np.bincount(where, minlength=n * widths.size).reshape(n, widths.size)
    attrs = {"units": "Hz", "long_name": "firing rate around the event"}
    result = xr.Dataset({"rate": (("neuron", "latency"), spikes / (widths * centres.size), attrs)})
    return result.assign_coords(
        latency=("latency", edges[:-1], {"units": "s", "long_name": "start of bin after the event"}),
        width=("latency", widths, {"units": "s", "long_name": "width of bin"}),
    )


def _pairs(
    times: NDArray[Any], events: NDArray[Any], edges: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Index of spike and of event for every spike within the range of an event; times ascend."""
    low, high = np.searchsorted(times, events + edges[0]), np.searchsorted(times, events + edges[-1])
    number = high - low
    event = np.repeat(np.arange(events.size), number)
    spike = np.arange(number.sum()) + np.repeat(low - np.cumsum(number) + number, number)
    return spike, event


def kernel(peri: xr.Dataset, floor: float = SILENT) -> xr.Dataset:
    """
    Peristimulus firing as a percentage of firing before the event, as Foreman et al. 1976 show it.

    Parameters
    ----------
    peri : xarray.Dataset
        From `peri_event`, with bins before the event.
    floor : float
        Smallest rate before the event in Hz; neurons below it have no kernel.

    Returns
    -------
    xarray.Dataset
        `percent` (neuron, latency); `mean` (latency,) over the neurons that have one; `pooled` (latency,), of
        the summed spikes of all neurons; `before` (neuron,), rate before the event in Hz.

    Raises
    ------
    InputError
        If no bin ends before the event.
    """
    earlier = peri["latency"] + peri["width"] <= _NUDGE
    if not earlier.any():
        raise InputError("bins: no bin ends before the event, so there is no firing to compare with")
    before = (
        peri["rate"]
        .where(earlier, drop=True)
        .weighted(peri["width"].where(earlier, drop=True))
        .mean("latency")
    )
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
    """
    Time after the event at which firing has come back to a level, for each cell.

    The first crossing of `level` after the lowest bin of the trough, by linear interpolation between the
    middles of bins, as the recovery of Foreman's cells is read from the digitised points (about 15, 25 and 51
    ms, and one cell beyond 98 ms).

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
        Seconds. NaN for a cell that never fell below the level in the trough, infinite for one that did not
        come back: its time is longer than the kernel, and order statistics such as the median remain right.

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
        _crossing,
        percent,
        input_core_dims=[["latency"]],
        kwargs={"centres": centres, "inside": inside, "level": level},
    )
    return times.rename("half_recovery").assign_attrs(units="s", long_name=f"recovery to {level:g} %")


def _crossing(
    values: NDArray[Any], centres: NDArray[Any], inside: NDArray[Any], level: float
) -> NDArray[Any]:
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
