"""Figures of what a paradigm delivers: pulses, recruitment, fibres, compound potentials, closed loop."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from dhmodel.plots.checks import has
from dhmodel.plots.routes import height, routes_headline, routes_panel, session_panel
from dhmodel.plots.style import COLUMN, GREY, PAGE, REFERENCE, legend_columns, letter, look, styled

_KINDS = {"column": "dorsal column", "root": "dorsal root", "lissauer": "fine fibres"}
_SCALES = {"ecap": "× ECAP", "perception": "× perception", "motor": "× motor"}
_USED: dict[str, Any] = {"color": "black", "linewidth": 0.8, "linestyle": (0, (3, 1.5)), "zorder": 1}
_ZOOM = 4.0  # a pulse is shown for so many times its stimulating part, or less if it is over sooner
_LINE = 0.15  # inches, of text
_MANY = 300  # dots for more pulses than this are small

type Part = Figure | SubFigure
type Panel = Callable[[Part, xr.Dataset], list[Axes]]


@styled
def stimulation_figure(ds: xr.Dataset) -> Figure:
    """
    What a paradigm delivers, on one page.

    Pulses; recruitment curves with the amplitude on four scales, and the growth of the compound potential;
    the spikes of every fibre; what each pulse recruits and evokes, or closed against open loop. Of routes the
    pulses of a session, and the spikes and rates that each route brings.

    Parameters
    ----------
    ds : xarray.Dataset
        From `dhmodel.stimulate`.

    Returns
    -------
    matplotlib.figure.Figure
        180 mm wide.

    Raises
    ------
    InputError
        If the Dataset is not one of a stimulation.
    """
    rows = _rows(ds)
    figure = _page([panel for panel, _ in rows], [tall for _, tall in rows], ds)
    title = _headline(ds)
    figure.set_figheight(figure.get_figheight() + _LINE * title.count("\n"))
    figure.suptitle(title, fontsize=rcParams["axes.titlesize"])
    return figure


def _rows(ds: xr.Dataset) -> list[tuple[Panel, float]]:
    """Panels of a page, and their heights in inches."""
    rows: list[tuple[Panel, float]] = []
    if "route" not in ds.dims or "recruitment" in ds:
        _check(ds)
        last: tuple[Panel, float] = (_loop, 2.7) if "loop_current" in ds else (_responses, 1.45)
        rows += [(_pulses, 1.45), (_curves, 2.9), (_fibres, 2.0), last]
    if ds.sizes.get("session_pulse"):
        rows.append((session_panel, 1.5))
    if "route" in ds.dims:
        rows.append((routes_panel, height(ds)))
    return rows


@styled
def pulse_figure(ds: xr.Dataset) -> Figure:
    """Pulses over two periods of the slowest channel, and the first alone; see `stimulation_figure`."""
    _check(ds)
    return _page([_pulses], [1.7], ds)


@styled
def recruitment_figure(ds: xr.Dataset) -> Figure:
    """Fraction of each kind of fibre that one pulse excites, on four scales; see `stimulation_figure`."""
    _check(ds)
    return _page([_recruitment], [2.9], ds, COLUMN if ds.sizes["channel"] == 1 else PAGE)


@styled
def fibre_raster(ds: xr.Dataset, start: float = 0.0, stop: float | None = None) -> Figure:
    """
    Every spike under the electrode, fibres in the order of their thresholds, and the rate of each.

    Parameters
    ----------
    ds : xarray.Dataset
        From `dhmodel.stimulate`.
    start, stop : float
        Times in s between which spikes are drawn; to the end of what was kept if `stop` is left out.
    """
    _check(ds)
    return _page([lambda figure, data: _fibres(figure, data, start, stop)], [2.6], ds)


@styled
def ecap_figure(ds: xr.Dataset) -> Figure:
    """Compound potential of each pulse, and of one alone against its current; see `stimulation_figure`."""
    _check(ds)
    return _page([_potentials], [2.0], ds)


@styled
def loop_figure(ds: xr.Dataset) -> Figure:
    """Closed against open loop under the same movements: current, its worth, potential, distance."""
    _check(ds)
    has(ds, "loop_current", "a paradigm in closed loop")
    return _page([_loop], [3.0], ds)


def _check(ds: xr.Dataset) -> None:
    has(ds, "pulse_time", "dhmodel.stimulate")
    has(ds, "recruitment", "dhmodel.stimulate")


def _page(panels: Sequence[Panel], heights: Sequence[float], ds: xr.Dataset, width: float = PAGE) -> Figure:
    """Rows of panels, lettered if there is more than one."""
    figure = Figure(figsize=(width, sum(heights) + 0.1), layout="constrained")
    parts = figure.subfigures(len(panels), 1, height_ratios=heights, squeeze=False).ravel()
    drawn = [axes for panel, part in zip(panels, parts, strict=True) for axes in panel(part, ds)]
    for index, axes in enumerate(drawn if len(drawn) > 1 else []):
        letter(axes, index)
    return figure


def _headline(ds: xr.Dataset) -> str:
    attrs = ds.attrs
    lines = [f"{attrs['paradigm']}, {attrs['state']} {attrs['species']}, {attrs['duration']:g} s"]
    told = [routes_headline(ds)] if "route" in ds.dims else []
    if "recruitment" not in ds:
        return "\n".join(lines + told)
    factor, unit = _current_unit(ds)
    for channel in ds["channel"].values:
        own = ds.sel(channel=channel)
        scales = ", ".join(
            f"{float(own['multiple'].sel(scale=name)):.2f} {text}" for name, text in _SCALES.items()
        )
        name = f"{channel}: " if ds.sizes["channel"] > 1 else ""
        lines.append(
            f"{name}{factor * float(own['nominal']):.3g} {unit} = {scales}; "
            f"{_charge(own['charge_per_phase'])} per phase, {_charge(own['charge_per_second'])}/s, "
            f"duty cycle {100 * float(own['duty_cycle']):.2g} %"
        )
    rate, together = float(ds["trunk_rate"]), float(ds["synchrony"])
    lines[0] += f": {rate:.3g} spikes/s per dorsal-column fibre, synchrony {together:.2g}"
    return "\n".join(lines + told)


def _charge(coulombs: xr.DataArray) -> str:
    value = float(coulombs)
    factor, unit = (1e9, "nC") if value < 1e-7 else (1e6, "µC") if value < 1e-3 else (1e3, "mC")
    return f"{factor * value:.3g} {unit}"


def _current_unit(ds: xr.Dataset) -> tuple[float, str]:
    """Factor from A to the unit in which currents of this Dataset are read most easily, and the unit."""
    largest = max(float(ds["nominal"].max()), float(ds["threshold"].sel(scale="ecap").max()))
    return (1e6, "µA") if largest < 1e-3 else (1e3, "mA")


def _time_unit(span: float) -> tuple[float, str]:
    return (1e6, "µs") if span < 1e-3 else (1e3, "ms") if span < 1 else (1.0, "s")


def _pulses(figure: Part, ds: xr.Dataset) -> list[Axes]:
    train, alone = figure.subplots(1, 2, width_ratios=(2, 1), sharey=True)
    factor, unit = _current_unit(ds)
    times, currents = ds["waveform_time"].values, ds["waveform"].values
    tick, name = _time_unit(times[-1] - times[0])
    zoom = float(np.minimum(ds["event_time"].max("event_step"), _ZOOM * ds["stimulating"]).max())
    fine, fine_name = _time_unit(zoom)
    for index in range(ds.sizes["channel"]):
        style = look(index) | {"marker": "", "linewidth": 0.8, "drawstyle": "steps-post", "zorder": 3 - index}
        train.plot(tick * (times - times[0]), factor * currents[:, index], **style)
        begin, level = _closed(ds["event_time"].values[index], ds["event"].values[index], zoom)
        alone.plot(fine * begin, factor * level, **style)
    for axes in (train, alone):
        axes.axhline(0, color=GREY, linewidth=0.4, zorder=0)
    train.set(xlabel=f"Time ({name})", ylabel=f"Current ({unit})", xlim=(0, tick * (times[-1] - times[0])))
    bursts = bool((ds["stimulating"] > 1.5 * _first_width(ds)).any())
    alone.set(
        title=f"One {'burst' if bursts else 'pulse'}",
        xlabel=f"Time ({fine_name})",
        xlim=(-0.15 * fine * zoom, 1.1 * fine * zoom),
    )
    train.set_title("Pulses (negative: cathodic)")
    if ds.sizes["channel"] > 1:
        names = enumerate(ds["channel"].values)
        _legend(figure, [Line2D([], [], label=name, **look(at) | {"marker": ""}) for at, name in names])
    return [train, alone]


def _closed(time: NDArray[Any], current: NDArray[Any], zoom: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Steps with quiet time before and after them."""
    known = np.isfinite(time)
    time, current = time[known], current[known].copy()
    current[-1] = 0.0
    return np.concatenate([[-zoom], time, [time[-1] + zoom]]), np.concatenate([[0.0], current, [0.0]])


def _first_width(ds: xr.Dataset) -> xr.DataArray:
    """Width of the first phase of each channel, in s."""
    return ds["event_time"].isel(event_step=1)


def _curves(figure: Part, ds: xr.Dataset) -> list[Axes]:
    return _recruitment(figure, ds, growth=True)


def _recruitment(figure: Part, ds: xr.Dataset, growth: bool = False) -> list[Axes]:
    """A recruitment curve for each channel, above its scales; beside them, if asked for, the growth."""
    number = ds.sizes["channel"]
    grid = figure.add_gridspec(
        len(_SCALES) + 1,
        number + growth,
        height_ratios=(1, *[0.001] * len(_SCALES)),
        width_ratios=(1,) * number + (0.8,) * growth,
    )
    panels = []
    for index in range(number):
        panels.append(figure.add_subplot(grid[0, index]))
        _recruitment_panel(panels[-1], ds, index)
        for row, name in enumerate(_SCALES, start=1):
            _scale(figure.add_subplot(grid[row, index]), ds, index, name)
    if growth:
        panels.append(figure.add_subplot(grid[:, -1]))
        _growth_panel(panels[-1], ds)
    _legend(figure, _recruitment_entries(growth))
    return panels


def _legend(figure: Part, entries: list[Line2D]) -> None:
    """One legend above the panels, in as few rows as the width allows."""
    columns = legend_columns(entries, figure.bbox.width / figure.dpi)
    figure.legend(handles=entries, loc="outside upper center", ncols=columns)


def _recruitment_entries(growth: bool) -> list[Line2D]:
    names = enumerate(_KINDS.values())
    entries = [Line2D([], [], label=text, **look(at) | {"marker": ""}) for at, text in names]
    entries.append(Line2D([], [], label="amplitude used", **_USED))
    if growth:
        dot = {"color": look(0)["color"], "marker": "o", "linestyle": "none", "markersize": 4}
        entries.append(Line2D([], [], label="mean over the pulses", **dot))
    return entries


def _recruitment_panel(axes: Axes, ds: xr.Dataset, index: int) -> None:
    own = ds.isel(channel=index)
    factor, unit = _current_unit(ds)
    currents = factor * own["grid"].values
    for place, kind in enumerate(_KINDS):
        axes.plot(currents, own["recruitment"].sel(kind=kind), **look(place) | {"marker": ""})
    axes.axvline(factor * float(own["nominal"]), **_USED)
    axes.set(ylim=(0, 1.02), ylabel="Fraction of fibres", title=f"One pulse of {own['channel'].item()}")
    _logarithmic(axes, currents, unit, -7)


def _scale(axes: Axes, ds: xr.Dataset, index: int, name: str) -> None:
    """An axis without a panel: currents in multiples of a threshold, with a dot at the amplitude used."""
    own = ds.isel(channel=index)
    currents = own["grid"].values / float(own["threshold"].sel(scale=name))
    axes.plot([float(own["multiple"].sel(scale=name))], [0], "o", color=_USED["color"], clip_on=False)
    axes.set(ylim=(0, 1), yticks=[])
    axes.spines["left"].set_visible(False)
    _logarithmic(axes, currents, _SCALES[name], 0)


def _logarithmic(axes: Axes, values: NDArray[Any], name: str, height: float) -> None:
    """Label an x axis at 1, 2 and 5 times powers of ten; name it on its left, `height` points above it."""
    axes.set(xscale="log", xlim=(values[0], values[-1]))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    style: dict[str, Any] = {"fontsize": 6.5, "ha": "right", "va": "center"}
    axes.annotate(name, (0, 0), (-4, height), "axes fraction", "offset points", **style)


def _growth_panel(axes: Axes, ds: xr.Dataset) -> None:
    factor, unit = _current_unit(ds)
    last = max(float(3 * ds["threshold"].sel(scale="ecap").max()), 1.2 * float(ds["nominal"].max()))
    top = 0.0
    for index in range(ds.sizes["channel"]):
        own, style = ds.isel(channel=index), look(index)
        currents, potentials = (np.append(0.0, own[name].values) for name in ("grid", "growth"))
        axes.plot(factor * currents, 1e6 * potentials, **style | {"marker": ""})
        nominal, mean = float(own["nominal"]), float(ds["ecap"].where(ds["pulse_channel"] == index).mean())
        axes.axvline(factor * nominal, **_USED | {"color": style["color"]})
        axes.plot([factor * nominal], [1e6 * mean], **style | {"markersize": 4})
        top = max(top, 1e6 * mean, 1e6 * float(potentials[currents <= last].max()))
    axes.set(title="ECAP of one pulse", xlabel=f"Current ({unit})")
    axes.set(ylabel="N1–P2 (µV)", xlim=(0, factor * last), ylim=(0, 1.08 * top or 1.2))


def _fibres(figure: Part, ds: xr.Dataset, start: float = 0.0, stop: float | None = None) -> list[Axes]:
    spikes, rates = figure.subplots(1, 2, width_ratios=(5, 1), sharey=True)
    end = float(ds.attrs["spikes_until"]) if stop is None else stop
    order = np.argsort(ds["fibre_threshold"].values[0])
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    times, on = ds["spike_time"].values, rank[ds["spike_fibre"].values]
    shown = (times >= start) & (times < end)
    tick, name = _time_unit(end - start)
    style = {"color": look(0)["color"], "markersize": max(0.8, 100 / order.size), "markeredgewidth": 0.4}
    spikes.plot(tick * times[shown], on[shown], "|", rasterized=True, **style)
    if not shown.any():
        spikes.annotate("no spikes", (0.5, 0.5), xycoords="axes fraction", ha="center", color=GREY)
    spikes.set(xlim=(tick * start, tick * end), ylim=(-0.5, order.size - 0.5), xlabel=f"Time ({name})")
    spikes.set(ylabel="Fibre, by threshold", title="Spikes started in dorsal-column fibres")
    rates.plot(
        ds["fibre_rate"].values[order], np.arange(order.size), ".", color=look(0)["color"], markersize=1.5
    )
    rates.set(xlim=(0, max(1.0, 1.05 * float(ds["fibre_rate"].max()))), xlabel="Spikes per s")
    return [spikes, rates]


def _responses(figure: Part, ds: xr.Dataset) -> list[Axes]:
    recruited, potential = figure.subplots(1, 2)
    _by_pulse(recruited, ds, "recruited", 1.0)
    recruited.set(ylabel="Fraction of fibres", title="Recruited by each pulse")
    _by_pulse(potential, ds, "ecap", 1e6)
    potential.set(ylabel="N1–P2 (µV)", title="ECAP of each pulse")
    return [recruited, potential]


def _potentials(figure: Part, ds: xr.Dataset) -> list[Axes]:
    pulses, growing = figure.subplots(1, 2)
    _by_pulse(pulses, ds, "ecap", 1e6)
    pulses.set(ylabel="N1–P2 (µV)", title="ECAP of each pulse")
    _growth_panel(growing, ds)
    return [pulses, growing]


def _by_pulse(axes: Axes, ds: xr.Dataset, name: str, factor: float) -> None:
    values, times, channel = (ds[one].values for one in (name, "pulse_time", "pulse_channel"))
    known = np.isfinite(values)
    end = float(ds.attrs["duration"] if known.all() else times[known][-1])
    tick, unit = _time_unit(end)
    size = 1.0 if known.sum() > _MANY else 2.0
    for index in reversed(range(ds.sizes["channel"])):
        own = known & (channel == index)
        style = {"color": look(index)["color"], "markersize": size, "rasterized": True}
        axes.plot(tick * times[own], factor * values[own], "o", **style)
    top = factor * float(values[known].max())
    axes.set(xlim=(0, tick * end), ylim=(0, 1.1 * top or 1.2), xlabel=f"Time ({unit})")


def _loop(figure: Part, ds: xr.Dataset) -> list[Axes]:
    panels = figure.subplots(2, 2, sharex=True)
    factor, unit = _current_unit(ds)
    shown = {
        "loop_current": (factor, f"Current ({unit})"),
        "loop_worth": (factor, f"Worth at rest ({unit})"),
        "loop_ecap": (1e6, "N1–P2 (µV)"),
        "loop_distance": (1e3, "Lead to cord (mm)"),
    }
    for axes, (name, (times, label)) in zip(panels.T.flat, shown.items(), strict=True):
        for index in (1, 0):
            style = {"color": (look(0)["color"], GREY)[index], "linewidth": 0.7, "marker": ""}
            axes.plot(ds["pulse_time"].values, times * ds[name].values[index], **style)
        axes.set_ylabel(label)
        axes.margins(x=0)
    low, high = (factor * float(ds.attrs[f"loop_{name}"]) for name in ("perception", "discomfort"))
    panels[1, 0].axhspan(low, high, color="0.9", zorder=0)
    panels[0, 1].axhline(1e6 * float(ds.attrs["loop_target"]), **REFERENCE)
    for axes in panels[1]:
        axes.set_xlabel("Time (s)")
    panels[0, 0].legend(handles=_loop_entries(ds), loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return list(panels.flat)


def _loop_entries(ds: xr.Dataset) -> list[Line2D]:
    entries = []
    for index, name in enumerate(("closed", "open")):
        inside = 100 * float(ds["in_window"].sel(loop=name).mean())
        text = f"{name} loop: {inside:.3g} % in window"
        entries.append(Line2D([], [], color=(look(0)["color"], GREY)[index], label=text))
    return entries
