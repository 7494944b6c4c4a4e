"""A protocol over minutes to weeks on one page: timetable, tests, ongoing firing, every slow state."""

import json
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dhmodel.measures import known
from dhmodel.plots.checks import has
from dhmodel.plots.style import GREY, PAGE, band, letter, look, name_of, styled

COLUMNS = 4
"""Slow states beside each other."""

MOVED = 1e-3
"""A state that moves by less gets no panel: its name and value stand below the others."""

_UNITS = ((2 * 86_400.0, 86_400.0, "days"), (3 * 3600.0, 3600.0, "h"), (180.0, 60.0, "min"), (0.0, 1.0, "s"))


@styled
def protocol_figure(ds: xr.Dataset, populations: Sequence[str] = ("WDR", "PN")) -> Figure:
    """
    Everything that a protocol gave: when what was on, answers to tests, ongoing firing, slow states, doses.

    Parameters
    ----------
    ds : xarray.Dataset
        From `dhmodel.protocol`.
    populations : sequence of str
        One panel each for tests and for ongoing firing.
    """
    has(ds, "ongoing", "a protocol")
    for population in populations:
        known(population, ds["population"].values, "population")
    states = [str(name) for name in ds.data_vars if str(name).startswith(("slow.", "dose."))]
    moving = [name for name in states if float(np.ptp(ds[name].values)) > MOVED]
    still = _told(ds, [name for name in states if name not in moving])
    entries = json.loads(ds.attrs["entries"])
    rows = -(-len(moving) // COLUMNS)
    heights = [0.35 + 0.13 * max(len(entries), 1), 2.9, 0.2 + 0.8 * max(rows, 0.1), 0.1 + 0.12 * len(still)]
    figure = Figure(figsize=(PAGE, sum(heights)), layout="constrained")
    top, middle, bottom, foot = np.ravel(np.asarray(figure.subfigures(4, 1, height_ratios=heights)))
    factor, unit = _unit(ds)
    _timetable(top, entries, ds, factor)
    _firing(middle, ds, populations, factor, unit)
    if moving:
        _states(bottom, ds, moving, factor, unit)
    foot.text(0.01, 0.98, "\n".join(still), va="top", fontsize=6, color=GREY)
    return figure


def _told(ds: xr.Dataset, names: Sequence[str]) -> list[str]:
    """Lines that name the states that did not move, with their values."""
    told = [f"{_title(ds, name)} {float(ds[name].values[0, 0]):.3g}" for name in names]
    return textwrap.wrap(f"Did not move: {', '.join(told)}", 130) if told else []


def _title(ds: xr.Dataset, name: str) -> str:
    """Name of a state or dose as people read it, with its unit."""
    plain = name.removeprefix("slow.").replace("dose.", "dose of ").replace("_", " ")
    unit = ds[name].attrs["units"]
    return plain if unit == "1" else f"{plain} ({unit})"


def _unit(ds: xr.Dataset) -> tuple[float, str]:
    """Seconds in the unit of the time axis, and its name."""
    end = float(ds["protocol_time"][-1])
    return next((size, name) for least, size, name in _UNITS if end >= least)


def _timetable(panel: SubFigure, entries: Sequence[dict[str, Any]], ds: xr.Dataset, factor: float) -> None:
    """A bar for every time that an entry is on."""
    axes = panel.subplots()
    for row, entry in enumerate(entries):
        spans = np.array(entry["spans"]) / factor
        bars = np.stack([spans[:, 0], spans[:, 1] - spans[:, 0]], axis=1)
        axes.broken_barh(bars.tolist(), (row - 0.35, 0.7), color=look(row)["color"], linewidth=0.4)
    axes.set_yticks(range(len(entries)), [entry["name"] for entry in entries])
    axes.set(xlim=_limits(ds, factor), ylim=(max(len(entries), 1) - 0.4, -0.6))
    axes.tick_params(labelbottom=False, left=False)
    axes.set_title(f"{ds.attrs['protocol']}: {name_of(ds.attrs['state'])}", loc="left")


def _firing(panel: SubFigure, ds: xr.Dataset, populations: Sequence[str], factor: float, unit: str) -> None:
    """Answers to tests above, firing without them below, one column for each population."""
    rows = panel.subplots(2, len(populations), sharex=True, squeeze=False)
    tests: list[str] = np.unique(ds["test_name"].values).tolist() if "rate" in ds else []
    times = ds["protocol_time"].values / factor
    for column, population in enumerate(populations):
        upper, lower = rows[0][column], rows[1][column]
        for index, name in enumerate(tests):
            own = ds["rate"].sel(population=population)[:, ds["test_name"].values == name]
            own, style = own.sortby("test_time"), look(index) | {"label": name_of(name)}
            _mean(upper, own["test_time"].values / factor, own.values, style)
        _mean(lower, times, ds["ongoing"].sel(population=population).values, look(6) | {"marker": ""})
        upper.set(title=population, ylim=(0, None), xlim=_limits(ds, factor))
        lower.set(ylim=(0, None), xlabel=f"Time ({unit})")
        letter(upper, column)
        letter(lower, len(populations) + column)
    rows[0][0].set_ylabel("During tests (Hz)")
    rows[1][0].set_ylabel("Without tests (Hz)")
    if len(tests):
        panel.legend(handles=rows[0][0].get_lines(), loc="outside upper center", ncols=len(tests))


def _states(panel: SubFigure, ds: xr.Dataset, names: Sequence[str], factor: float, unit: str) -> None:
    """A small panel for every slow state and dose that moves, against its value at the beginning."""
    rows = -(-len(names) // COLUMNS)
    grid = panel.subplots(rows, COLUMNS, sharex=True, squeeze=False)
    times = ds["protocol_time"].values / factor
    for index, axes in enumerate(grid.ravel()):
        if index >= len(names):
            axes.set_axis_off()
            continue
        values = ds[names[index]].values
        color = look(0 if names[index].startswith("slow.") else 1)["color"]
        _mean(axes, times, values, {"color": color, "marker": "", "linewidth": 1.0})
        axes.axhline(values[0, 0], color=GREY, linewidth=0.5, linestyle=":", zorder=0)
        axes.set_title(_title(ds, names[index]), fontsize=7, pad=2)
        axes.set(xlim=_limits(ds, factor), ylim=_room(values))
        axes.yaxis.set_major_locator(MaxNLocator(3))
        if index + COLUMNS >= len(names):
            axes.set_xlabel(f"Time ({unit})")
            axes.tick_params(labelbottom=True)


def _room(values: NDArray[Any]) -> tuple[float, float]:
    """Limits a little beyond what moves."""
    low, high = float(values.min()), float(values.max())
    more = 0.08 * (high - low)
    return low - more, high + more


def _limits(ds: xr.Dataset, factor: float) -> tuple[float, float]:
    end = float(ds["protocol_time"][-1]) / factor
    return -0.01 * end, 1.01 * end


def _mean(axes: Axes, x: NDArray[Any], values: NDArray[Any], style: dict[str, Any]) -> None:
    """Mean over replicates, shape (replicate, time), with a band of one standard deviation."""
    sd = values.std(axis=0, ddof=1) if values.shape[0] > 1 else np.zeros(values.shape[1])
    band(axes, x, values.mean(axis=0), sd, style)
