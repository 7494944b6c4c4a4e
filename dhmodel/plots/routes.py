"""Panels of what a paradigm brings by its routes: pulses of a session, spikes and rate of each route."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from dhmodel.plots.style import GREY, look

__all__ = ["height", "routes_headline", "routes_panel", "session_panel"]

type Part = Figure | SubFigure

_TRAINS = 2.0  # s of pulses that are shown one by one
_MOST = 40  # units of a route whose spikes are drawn
_ROW = 0.42  # inches, of a route
_TOLD = {"Hz": "/s", "1": "", "A": " A"}


def height(ds: xr.Dataset) -> float:
    """Height of the panel of the routes, in inches."""
    return 0.75 + _ROW * max(ds.sizes["route"], 2)


def routes_headline(ds: xr.Dataset) -> str:
    """Say in a line what the paradigm tells of itself."""
    names = np.atleast_1d(ds.attrs["told"]).tolist()
    return ", ".join(f"{name} {float(ds[name]):.3g}{_TOLD[ds[name].attrs['units']]}" for name in names)


def session_panel(figure: Part, ds: xr.Dataset) -> list[Axes]:
    """Pulses of the whole session in time, and the first ones alone."""
    whole, alone = figure.subplots(1, 2, width_ratios=(2, 1))
    times = ds["session_time"].values
    span = max(float(times[-1]), 1e-3)
    factor, unit = (1 / 60, "min") if span > 300 else (1.0, "s")
    style: dict[str, Any] = {"color": look(0)["color"], "linewidth": 1.0}
    whole.plot(factor * times, np.arange(1, times.size + 1), marker="", drawstyle="steps-post", **style)
    whole.axvspan(0, min(factor * float(ds.attrs["duration"]), factor * span), color="0.9", zorder=0)
    whole.set(xlim=(0, 1.02 * factor * span), ylim=(0, 1.05 * times.size), xlabel=f"Time ({unit})")
    whole.set(ylabel="Pulses so far", title="Session (shaded: what is shown below)")
    first = times[times < times[0] + _TRAINS]
    alone.vlines(first, 0, 1, **style | {"linewidth": 0.7})
    alone.set(xlim=(times[0] - 0.05, times[0] + _TRAINS), ylim=(0, 1.1), yticks=[], xlabel="Time (s)")
    alone.set_title(f"First {_TRAINS:g} s")
    alone.spines["left"].set_visible(False)
    return [whole, alone]


def routes_panel(figure: Part, ds: xr.Dataset) -> list[Axes]:
    """Spikes that each route brings, a block of units for each, and the mean rate of its class."""
    raster, rates = figure.subplots(1, 2, width_ratios=(3, 1), sharey=True)
    names = ds["route"].values.tolist()
    for at in range(len(names)):
        _block(raster, ds, at)
    ticks = [f"{name}\n→ {to}" for name, to in zip(names, ds["route_to"].values, strict=True)]
    raster.set_yticks(len(names) - 0.5 - np.arange(len(names)), ticks, fontsize=6)
    raster.tick_params(axis="y", length=0)
    raster.set(xlim=(0, ds.attrs["duration"]), ylim=(0, max(len(names), 1)), xlabel="Time (s)")
    raster.set_title(f"Spikes brought (of up to {_MOST} units)")
    if not names:
        _say(raster, ds, 0.5, "no route is in use: nothing reaches the circuit", GREY)
    _bars(rates, ds)
    return [raster, rates]


def _bars(axes: Axes, ds: xr.Dataset) -> None:
    """Mean rate of the class of each route, all of its units counted."""
    number = ds.sizes["route"]
    means = ds["route_rate"].mean("route_time").values
    most = max([1.0, *means.tolist()])
    for at, mean in enumerate(means.tolist()):
        if float(ds["route_units"][at]):
            axes.barh(number - 0.5 - at, mean, height=0.5, color=look(at)["color"])
            axes.annotate(f" {mean:.3g}", (mean, number - 0.5 - at), va="center", fontsize=6)
    axes.tick_params(axis="y", left=False, labelleft=False)
    axes.set(xlim=(0, 1.3 * most), xlabel="Hz", title="Mean rate per unit")


def _say(axes: Axes, ds: xr.Dataset, height: float, text: str, colour: str) -> None:
    """Write a line in the middle of the panel."""
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7, "color": colour}
    axes.annotate(text, (float(ds.attrs["duration"]) / 2, height), **style)


def _block(axes: Axes, ds: xr.Dataset, at: int) -> None:
    """Spikes of one route between two heights, or its current in words."""
    rows = ds.sizes["route"]
    units, colour, row = int(ds["route_units"][at]), look(at)["color"], rows - 1 - at
    axes.axhline(row, color=GREY, linewidth=0.3)
    own = (ds["route_spike_route"].values == at) & (ds["route_spike_unit"].values < _MOST)
    if not units:
        _say(axes, ds, row + 0.5, f"{1e12 * float(ds['route_current'][at]):.3g} pA into each cell", colour)
    elif not own.any():
        _say(axes, ds, row + 0.5, "no spikes", GREY)
    else:
        place = (ds["route_spike_unit"].values[own] + 0.5) / min(units, _MOST)
        tall = max(1.4, 72 * 0.7 * _ROW * max(rows, 2) / rows / min(units, _MOST))
        style: dict[str, Any] = {"color": colour, "markersize": tall, "markeredgewidth": 0.4}
        times = ds["route_spike_time"].values[own]
        axes.plot(times, row + 0.08 + 0.84 * place, "|", rasterized=True, **style)
