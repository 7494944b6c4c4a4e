"""Figures of one simulation, or of a few that differ in one thing: spikes, time course, train of shocks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dhmodel.measures import known, spread
from dhmodel.plots.checks import has, single_axis
from dhmodel.plots.style import (
    COLUMN,
    GREY,
    PAGE,
    band,
    legend,
    legend_entries,
    letter,
    look,
    styled,
    values_of,
)

_MANY = 40  # markers on more points than this would hide the curve


@styled
def psth_figure(ds: xr.Dataset, populations: Sequence[str] = ("WDR", "PN")) -> Figure:
    """
    Firing rate against time: mean and standard deviation over replicates.

    Parameters
    ----------
    ds : xarray.Dataset
        With `psth`; one swept axis at most, which becomes lines.
    populations : sequence of str
        One row each.
    """
    has(ds, "psth", "a simulation or a sweep")
    line = single_axis(ds, "psth figure")
    figure = Figure(figsize=(PAGE, 0.5 + 1.4 * len(populations)), layout="constrained")
    rows = np.atleast_1d(figure.subplots(len(populations), 1, sharex=True))
    statistics = spread(ds[["psth"]])["psth"]
    for index, (axes, population) in enumerate(zip(rows, populations, strict=True)):
        known(population, ds["population"].values, "population")
        _lines(axes, ds["time"].values, statistics.sel(population=population), line)
        axes.set(ylabel=f"{population} rate (Hz)", ylim=(0, None), xlim=(0, _end(ds)))
        letter(axes, index)
    rows[-1].set_xlabel("Time (s)")
    legend(figure, legend_entries(values_of(ds[line]) if line else [], ds.sizes["replicate"]))
    return figure


@styled
def windup_figure(ds: xr.Dataset, populations: Sequence[str] = ("WDR", "PN"), window: str = "C") -> Figure:
    """
    Response to each shock of a train: mean and standard deviation over replicates.

    Parameters
    ----------
    ds : xarray.Dataset
        With `count`; one swept axis at most, which becomes lines.
    populations : sequence of str
        One panel each.
    window : str
        Latency window after the shock in which spikes are counted.
    """
    has(ds, "count", "a stimulus that repeats, such as windup")
    known(window, ds["window"].values, "window")
    line = single_axis(ds, "wind-up figure")
    figure = Figure(figsize=(COLUMN if len(populations) == 1 else PAGE, 2.3), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(populations)))
    statistics = spread(ds[["count"]])["count"].sel(window=window)
    for index, (axes, population) in enumerate(zip(panels, populations, strict=True)):
        known(population, ds["population"].values, "population")
        _lines(axes, ds["stimulus_index"].values + 1, statistics.sel(population=population), line)
        axes.set(title=population, xlabel="Shock", ylim=(0, None))
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 4, 5, 10]))
        letter(axes, index)
    panels[0].set_ylabel(f"Spikes per neuron, {window} window")
    legend(figure, legend_entries(values_of(ds[line]) if line else [], ds.sizes["replicate"]))
    return figure


def _lines(axes: Axes, x: NDArray[Any], statistics: xr.DataArray, line: str | None) -> None:
    """Mean with a band of one standard deviation, for each value of an axis or once."""
    number = statistics.sizes[line] if line else 1
    for index in range(number):
        part = statistics.isel({line: index}) if line else statistics
        style = look(index) if x.size <= _MANY else look(index) | {"marker": "", "linewidth": 0.8}
        band(axes, x, part.sel(statistic="mean").values, part.sel(statistic="sd").values, style)


@styled
def raster(
    ds: xr.Dataset,
    populations: Sequence[str] | None = None,
    replicate: int = 0,
    start: float = 0.0,
    stop: float | None = None,
) -> Figure:
    """
    Every spike of one replicate, neurons stacked by population; dotted lines mark the shocks of a train.

    Parameters
    ----------
    ds : xarray.Dataset
        Made with ``spikes=True``, not swept.
    populations : sequence of str, optional
        From the bottom; all of them if left out.
    replicate : int
    start, stop : float
        Times in s between which spikes are drawn; to the end if `stop` is left out.
    """
    has(ds, "shock_time", "spikes=True")
    names = [str(name) for name in ds["population"].values] if populations is None else list(populations)
    for name in names:
        known(name, ds["population"].values, "population")
    sizes = [ds[f"spike_neuron_{name}"].attrs["population_size"] for name in names]
    firsts = np.cumsum([0, *sizes])
    figure = Figure(figsize=(PAGE, 3.4), layout="constrained")
    axes = figure.add_subplot()
    height = max(1.2, 180 / firsts[-1])  # of a spike, in points: that of its row, if this can be seen
    for index, (name, first) in enumerate(zip(names, firsts[:-1], strict=True)):
        own = ds[f"spike_replicate_{name}"].values == replicate
        times, neurons = ds[f"spike_time_{name}"].values[own], ds[f"spike_neuron_{name}"].values[own]
        style = {"color": look(index)["color"], "markersize": height, "markeredgewidth": 0.5}
        axes.plot(times, neurons + first, "|", rasterized=True, **style)
        axes.axhline(first - 0.5, color="0.85", linewidth=0.4, zorder=0)
    for shock in ds["shock_time"].values[ds["shock_replicate"].values == replicate]:
        axes.axvline(shock, color=GREY, linewidth=0.6, linestyle=":", zorder=0)
    end = _end(ds) if stop is None else stop
    axes.set(xlim=(start, end), ylim=(-0.5, firsts[-1] - 0.5), xlabel="Time (s)")
    axes.set_yticks(firsts[:-1] + np.array(sizes) / 2, names)
    axes.tick_params(axis="y", length=0)
    return figure


def _end(ds: xr.Dataset) -> float:
    """End of the last full time bin, in s."""
    starts = ds["time"].values
    return float(starts[-1] + (starts[1] - starts[0] if starts.size > 1 else 0))
