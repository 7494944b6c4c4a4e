"""Paradigms side by side: a block of rows for each way to match them, a column for each quantity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from dhmodel.measures import known, spread
from dhmodel.plots.checks import has
from dhmodel.plots.style import GREY, PAGE, REFERENCE, legend, look, name_of, styled

_NAMES = {
    "tonic": "Tonic",
    "khz": "10 kHz",
    "burst": "Burst",
    "closed_loop": "ECAP closed loop",
    "dtm": "DTM",
    "high_dose": "High dose",
    "subperception": "Sub-perception",
    "intermittent": "Intermittent",
}
_BEYOND: dict[str, Any] = {"color": "#F8DFD0", "linewidth": 0}
"""Look of a row whose amplitude is above the motor threshold."""

_ROW, _TITLE, _TICKS, _TOP, _LEFT, _RIGHT, _GAP = 0.2, 0.24, 0.2, 0.78, 1.34, 0.1, 0.13  # inches


@dataclass(frozen=True)
class _Column:
    """What a column shows: a variable, a heading, the factor to its unit, width and kind of axis."""

    variable: str
    heading: str
    factor: float = 1.0
    width: float = 1.0
    scale: str = "linear"
    percent: bool = False


_COLUMNS = (
    _Column("ecap_multiple", "Amplitude\n(× ECAP threshold)", width=1.3, scale="log"),
    _Column("charge_per_second", "Charge\n(µC/s)", 1e6, 0.8, "log"),
    _Column("trunk_rate", "Evoked Aβ\nspikes (Hz)", scale="symlog"),
    _Column("synchrony_evoked", "Synchrony\nof these"),
    _Column("inhibition", "Inhibitory\nfiring (%)", percent=True),
    _Column("WDR", "WDR\nfiring (%)", percent=True),
    _Column("synchrony_WDR", "WDR\nsynchrony"),
    _Column("PN", "PN\nfiring (%)", percent=True),
)


@styled
def paradigm_figure(ds: xr.Dataset) -> Figure:
    """
    Compare paradigms: amplitude, charge and what they do, mean and standard deviation over replicates.

    Parameters
    ----------
    ds : xarray.Dataset
        Dimensions `match` (titles of the blocks), `paradigm` (rows; with ``"none"``, which becomes dashed
        lines), `state` and `replicate`. Variables `ecap_multiple`, `motor_multiple`, `charge_per_second`
        (C/s), `trunk_rate`, `inhibition`, `WDR` and `PN` (Hz; the last three are drawn in % of no
        stimulation, replicate by replicate), `synchrony_evoked` and `synchrony_WDR`
        (`dhmodel.measures.synchrony`). Where one is missing, nothing is drawn. A coordinate `pulses` along
        `paradigm`, if there is one, says below each name what is sent.

    Returns
    -------
    matplotlib.figure.Figure
        180 mm wide. Rows whose amplitude is above the motor threshold are shaded.

    Raises
    ------
    InputError
        If a variable or the paradigm ``"none"`` is missing.
    """
    for name in ("motor_multiple", *(column.variable for column in _COLUMNS)):
        has(ds, name, "a comparison of paradigms")
    known("none", ds["paradigm"].values, "paradigm")
    blocks, statistics = ds.sizes["match"], spread(_in_percent(ds))
    figure, grid = _sheet(blocks, ds.sizes["paradigm"] - 1)
    for place, column in enumerate(_COLUMNS):
        panels = [figure.add_subplot(grid[block, place]) for block in range(blocks)]
        for block, axes in enumerate(panels):
            _panel(axes, column, statistics.isel(match=block))
            if not place:
                _titles(axes, block, ds)
        _share(panels, column)
        _head(panels[0], column, ds)
    legend(figure, _entries(ds))
    return figure


def _in_percent(ds: xr.Dataset) -> xr.Dataset:
    """Firing in percent of no stimulation, each replicate of its own."""
    hertz = ds[[column.variable for column in _COLUMNS if column.percent]]
    return ds.assign(100 * hertz / hertz.sel(paradigm="none", drop=True))


def _sheet(blocks: int, rows: int) -> tuple[Figure, GridSpec]:
    """A figure with a grid of panels, and room for their titles, in inches."""
    tall, between = _ROW * rows, _TITLE + _TICKS
    height = _TOP + tall * blocks + between * (blocks - 1) + _TITLE + _TICKS
    wide = PAGE - _LEFT - _RIGHT - _GAP * (len(_COLUMNS) - 1)
    figure = Figure(figsize=(PAGE, height))
    grid = figure.add_gridspec(
        blocks,
        len(_COLUMNS),
        width_ratios=[column.width for column in _COLUMNS],
        wspace=_GAP / (wide / len(_COLUMNS)),
        hspace=between / tall,
        left=_LEFT / PAGE,
        right=1 - _RIGHT / PAGE,
        top=1 - (_TOP + _TITLE) / height,
        bottom=_TICKS / height,
    )
    return figure, grid


def _panel(axes: Axes, column: _Column, statistics: xr.Dataset) -> None:
    """One quantity of one block: a row per paradigm, a marker per state, dashes for no stimulation."""
    none, rows = statistics.sel(paradigm="none"), statistics.drop_sel(paradigm="none")
    places = np.arange(rows.sizes["paradigm"], dtype=float)
    above = _above_motor(rows["motor_multiple"].sel(statistic="mean"))
    for place, beyond in zip(places.tolist(), above, strict=True):
        axes.axhline(place, color="0.9", linewidth=0.5, zorder=0)
        if beyond:
            axes.axhspan(place - 0.5, place + 0.5, zorder=-1, **_BEYOND)
    if column.variable == "ecap_multiple":
        _amplitudes(axes, rows, places)
    else:
        _outcomes(axes, column, rows, none, places)
    axes.set(ylim=(places.size - 0.5, -0.5), xscale=column.scale)
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.set_yticks(places)
    axes.spines["left"].set_visible(False)


def _amplitudes(axes: Axes, rows: xr.Dataset, places: NDArray[Any]) -> None:
    """Amplitude and motor threshold in multiples of the ECAP threshold; they do not depend on the state."""
    means = rows.sel(statistic="mean").mean("state")
    amplitude = means["ecap_multiple"].values
    motor = amplitude / means["motor_multiple"].values
    axes.axvline(1, color=GREY, linewidth=0.7, zorder=0.5)
    axes.plot(motor, places, "|", color="black", markersize=8, markeredgewidth=1.4)
    axes.plot(amplitude, places, "D", color="black", markersize=3.2)


def _outcomes(axes: Axes, column: _Column, rows: xr.Dataset, none: xr.Dataset, places: NDArray[Any]) -> None:
    """Mean and standard deviation, the states one above the other in each row."""
    for index, offset in enumerate(np.linspace(-0.17, 0.17, rows.sizes["state"])):
        style, own = look(index), column.factor * rows[column.variable].isel(state=index)
        mean, sd = (own.sel(statistic=which).values for which in ("mean", "sd"))
        bars = np.nan_to_num([np.minimum(mean, sd), sd])  # nothing here can be negative
        axes.errorbar(mean, places + offset, xerr=bars, linestyle="none", elinewidth=0.8, **style)
        at = column.factor * none[column.variable].isel(state=index).sel(statistic="mean").item()
        if column.scale != "log" and np.isfinite(at):
            colour = {} if at in (0, 100) else {"color": style["color"]}
            axes.axvline(at, zorder=0.6, **(REFERENCE | colour))


def _titles(axes: Axes, block: int, ds: xr.Dataset) -> None:
    """Letter and title of a block, and the names of its rows, in the room on the left of its first panel."""
    left = -72 * _LEFT + 6
    heading: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "baseline"}
    axes.annotate(chr(ord("a") + block), (0, 1), (left, 6), fontsize=9, fontweight="bold", **heading)
    axes.annotate(str(ds["match"].values[block]), (0, 1), (left + 11, 6), fontsize=8, **heading)
    rows = ds.isel(match=block).drop_sel(paradigm="none")
    for place, paradigm in enumerate(rows["paradigm"].values):
        name = _NAMES.get(str(paradigm), name_of(paradigm))
        row: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
        two = "pulses" in rows.coords
        axes.annotate(name, (0, place), (left, 0.5 if two else 0), va="bottom" if two else "center", **row)
        if two:
            text = str(rows["pulses"].values[place])
            axes.annotate(text, (0, place), (left, 0), va="top", fontsize=5.5, color=GREY, **row)


def _share(panels: Sequence[Axes], column: _Column) -> None:
    """Give the panels of a column one range, that of all their data."""
    low = min(axes.dataLim.x0 for axes in panels)
    high = max(axes.dataLim.x1 for axes in panels)
    for axes in panels:
        if column.scale == "log":
            axes.set_xlim(low / 1.6, high * 2)
            axes.xaxis.set_major_locator(LogLocator(numticks=5))
        elif column.scale == "symlog":
            axes.set_xscale("symlog", linthresh=1, linscale=0.5)
            axes.set_xlim(-0.15, high * 1.5)
            # of the powers of ten only every other one has room for its label
            axes.xaxis.set_major_locator(
                FixedLocator([0, *(10.0 ** np.arange(0, np.log10(max(high, 10)) + 1, 2))])
            )
        else:
            axes.set_xlim(0, high * 1.12)
            axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())


def _head(axes: Axes, column: _Column, ds: xr.Dataset) -> None:
    """The heading of a column; below it, for each state, how many Hz 100 % are."""
    middle: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    middle |= {"ha": "center", "va": "bottom"}
    axes.annotate(column.heading, (0.5, 1), (0, 29), **middle)
    if column.percent:
        baseline = ds[column.variable].isel(match=0).sel(paradigm="none").mean("replicate").values
        for index, hertz in enumerate(baseline):
            small: dict[str, Any] = {"color": look(index)["color"], "fontsize": 5.5}
            text = f"100 % = {hertz:.2g} Hz" if hertz < 100 else f"100 % = {hertz:.0f} Hz"
            axes.annotate(text, (0.5, 1), (0, 22.5 - 6.5 * index), **small, **middle)


def _entries(ds: xr.Dataset) -> list[Artist]:
    """What the legend explains."""
    black: dict[str, Any] = {"color": "black", "linestyle": "none"}
    states = [name_of(state) for state in ds["state"].values]
    entries: list[Artist] = [
        *(Line2D([], [], linestyle="none", label=name, **look(at)) for at, name in enumerate(states)),
        Line2D([], [], color=GREY, linewidth=0.8, label=f"± s.d. of {ds.sizes['replicate']} seeds"),
        Line2D([], [], label="no stimulation", **REFERENCE),
        Line2D([], [], marker="D", markersize=3.2, label="amplitude", **black),
        Line2D([], [], marker="|", markersize=8, markeredgewidth=1.4, label="motor threshold", **black),
    ]
    if _above_motor(ds["motor_multiple"].mean("replicate")).any():
        entries.append(Patch(label="amplitude above motor threshold", **_BEYOND))
    return entries


def _above_motor(multiple: xr.DataArray) -> NDArray[np.bool_]:
    """Which rows go beyond the motor threshold, in whichever state."""
    return (multiple >= 1).any("state").values
