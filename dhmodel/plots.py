"""Figures of Datasets, at the size at which they are printed.

Every function returns a `matplotlib.figure.Figure` and leaves matplotlib's global state alone: no pyplot, so a figure comes out
alike in a script without a display, in a worker and in a notebook (which shows it after ``%matplotlib inline``). The look is
in `dhmodel.mplstyle`.
"""

import os
import tempfile
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import xarray as xr
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from dhmodel.errors import InputError, StoreError, unknown
from dhmodel.measures import SILENT, percent_of_baseline, spread

STYLE = "dhmodel.dhmodel"
"""Name of the packaged style for `matplotlib.style.context`."""

PAGE, COLUMN = 180 / 25.4, 88 / 25.4
"""Widths of a printed page and of one of its two columns, in inches."""

_NAMES = {
    "naive": "Naive",
    "snl": "Nerve injury (SNL)",
    "spontaneous": "Spontaneous activity",
    "pinch": "Pinch",
    "brush": "Brush",
    "volley": "A and C volley",
    "windup": "Wind-up train",
    "tonic.frequency": "Tonic SCS frequency",
}
_GREY = "0.45"
_REFERENCE = {"color": _GREY, "linewidth": 0.7, "linestyle": (0, (4, 2))}


def _styled[**P, T](draw: Callable[P, T]) -> Callable[P, T]:
    """Run a function with the packaged style, whatever the session has set, and put that back."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> T:
        with matplotlib.style.context(STYLE, after_reset=True):
            return draw(*args, **kwargs)

    return styled


@dataclass(frozen=True)
class _Scale:
    """Where the values of a swept axis are drawn and what they are called.

    `apart` says that the first value is 0 beside a logarithmic axis; `named` that the values are names, which no line should join.
    """

    label: str
    positions: NDArray[Any]
    labels: list[str]
    apart: bool = False
    named: bool = False


@_styled
def frequency_figure(
    ds: xr.Dataset,
    populations: Sequence[str] = ("WDR", "PN"),
    dim: str = "tonic.frequency",
    column: str = "stimulus",
    line: str = "state",
    floor: float = SILENT,
) -> Figure:
    """Firing in percent of no stimulation against stimulation frequency.

    One row per population, one column per test stimulus, one line per state of the cord: mean and standard deviation over
    replicates, each in percent of its own firing without stimulation, which stands apart at 0. Where a state is silent without
    stimulation a percentage means nothing: its rate in Hz is shown instead, in a panel of its own that says so.

    Parameters
    ----------
    ds : xarray.Dataset
        With `rate` (..., replicate, population) swept over `dim`, which holds 0, and perhaps over `column` and `line`.
    populations : sequence of str
    dim, column, line : str
        Swept axes that become x, columns and lines.
    floor : float
        Rate in Hz below which a state counts as silent.

    Returns
    -------
    matplotlib.figure.Figure
        180 mm wide.

    Raises
    ------
    InputError
        If a population, an axis or its value 0 is missing, or an axis is left over.
    """
    rates = _rates(ds, dim, column, line)
    measured = percent_of_baseline(rates, "rate", dim, 0.0, floor)
    data = _mean_sd(rates).assign(
        percent=measured["mean"],
        percent_sd=measured["sd"],
        baseline=measured["baseline"].mean("replicate"),
        silent=measured["silent"],
    )
    return _grid(data, populations, (dim, column, line), "% of no stimulation", ds.sizes["replicate"])


@_styled
def rate_figure(
    ds: xr.Dataset, populations: Sequence[str], dim: str, column: str = "stimulus", line: str = "state"
) -> Figure:
    """Firing rate in Hz against any swept axis, numeric or not; rows, columns and lines as in `frequency_figure`."""
    rates = _rates(ds, dim, column, line)
    return _grid(_mean_sd(rates), populations, (dim, column, line), "", ds.sizes["replicate"])


def _rates(ds: xr.Dataset, dim: str, column: str, line: str) -> xr.Dataset:
    """The rates, with an axis of one value where there is no column or line, and nothing left over."""
    _has(ds, "rate", "a simulation or a sweep")
    if dim not in ds["rate"].dims:
        raise unknown("swept axis", dim, swept(ds))
    over = [name for name in swept(ds) if name not in (dim, column, line)]
    if over:
        raise InputError(f"figure: choose one value of {', '.join(over)} first, as in ds.sel({{'{over[0]}': ...}})")
    rates = ds[["rate"]]
    for name in (column, line):
        if name not in rates.dims:
            rates = rates.drop_vars(name, errors="ignore").expand_dims({name: [str(ds.attrs.get(name, ""))]})
    return rates


def _mean_sd(ds: xr.Dataset) -> xr.Dataset:
    statistics = spread(ds[["rate"]])["rate"]
    mean, sd = (statistics.sel(statistic=name, drop=True) for name in ("mean", "sd"))
    return xr.Dataset({"rate": mean, "rate_sd": sd})


def _grid(
    data: xr.Dataset, populations: Sequence[str], axes: tuple[str, str, str], unit: str, replicates: int
) -> Figure:
    """Panels a, b, ... of populations by columns; percentages and rates of one panel are drawn one above the other."""
    dim, column, line = axes
    for population in populations:
        _known(population, data["population"].values)
    scale, lines = _scale(data[dim]), _values(data[line])
    figure, spots, width = _sheet(len(populations), data.sizes[column], bool(unit) and _silent_first(data, column, line))
    for row, population in enumerate(populations):
        kinds: dict[str, list[Axes]] = {"percent": [], "strip": [], "rate": []}
        for place, title in enumerate(_values(data[column])):
            part = data.sel(population=population).isel({column: place}).transpose(line, dim, ...)
            panel = _cell(figure, spots[row, place], part, scale, line)
            for kind, drawn in panel.items():
                kinds[kind].append(drawn)
                _mark(drawn, scale, width, bare=len(panel) == 2 and kind == "percent")
                drawn.yaxis.set_label_coords(-30 / width, 0.5)
            top = next(iter(panel.values()))
            _letter(top, row * data.sizes[column] + place)
            top.set_title(title if row == 0 else "")
        _share(kinds, population, unit)
    figure.supxlabel(scale.label, fontsize=rcParams["axes.labelsize"], y=0.01, va="bottom")
    _legend(figure, lines, replicates, bool(unit))
    return figure


def _silent_first(data: xr.Dataset, column: str, line: str) -> bool:
    """Whether a row begins with a panel of rates alone, so that a later panel carries the label of the percentages."""
    silent = data["silent"].all(line)
    return bool((silent.isel({column: 0}) & ~silent.all(column)).any())


def _sheet(rows: int, columns: int, label_inside: bool) -> tuple[Figure, GridSpec, float]:
    """A figure with a grid of equal panels and room in inches for their labels, and the width of a panel in points."""
    width = {1: COLUMN, 2: 0.74 * PAGE}.get(columns, max(PAGE, 1.75 * columns))
    left, right, gap = 0.62, 0.16, 0.64 if label_inside else 0.42
    top, bottom, between, tall = 0.56 if columns > 1 else 0.72, 0.42, 0.44, 1.5
    panel = (width - left - right - gap * (columns - 1)) / columns
    height = top + tall * rows + between * (rows - 1) + bottom
    figure = Figure(figsize=(width, height))
    sides = {"left": left / width, "right": 1 - right / width, "bottom": bottom / height, "top": 1 - top / height}
    return figure, figure.add_gridspec(rows, columns, wspace=gap / panel, hspace=between / tall, **sides), 72 * panel


def _cell(figure: Figure, spot: SubplotSpec, part: xr.Dataset, scale: _Scale, line: str) -> dict[str, Axes]:
    """Draw one cell of the grid: percentages, rates, or percentages with a strip of rates below; returns axes by kind."""
    silent = part["silent"].values if "silent" in part else np.ones(part.sizes[line], bool)
    kinds = ["rate"] if silent.all() else ["percent", "strip"] if silent.any() else ["percent"]
    rooms = spot.subgridspec(2, 1, height_ratios=(2.1, 1), hspace=0.22) if len(kinds) == 2 else [spot]
    panel = {kind: figure.add_subplot(room) for kind, room in zip(kinds, rooms, strict=True)}
    notes: dict[str, list[tuple[str, int]]] = {kind: [] for kind in kinds}
    for index in range(part.sizes[line]):
        kind, name = (kinds[-1], "rate") if silent[index] else ("percent", "percent")
        own = part.isel({line: index})
        _line(panel[kind], scale, own[name].values, own[f"{name}_sd"].values, index)
        if "silent" in part:
            notes[kind].append(("silent at 0, rate shown" if silent[index] else f"100 % = {_short(own['baseline'].item())} Hz", index))
    for kind, drawn in panel.items():
        _notes(drawn, notes[kind])
    if "percent" in panel:
        panel["percent"].axhline(100, zorder=1, **_REFERENCE)
    return panel


def _line(axes: Axes, scale: _Scale, mean: NDArray[Any], sd: NDArray[Any], index: int) -> None:
    """Mean and standard deviation: a line with a band, and points with bars where no line may pass."""
    look, x = _look(index), scale.positions
    alone = x.size if scale.named else int(scale.apart)
    axes.errorbar(x[:alone], mean[:alone], np.nan_to_num(sd[:alone]), linestyle="none", elinewidth=0.8, **look)
    _band(axes, x[alone:], mean[alone:], sd[alone:], look)


def _band(axes: Axes, x: NDArray[Any], mean: NDArray[Any], sd: NDArray[Any], look: dict[str, Any]) -> None:
    axes.fill_between(x, mean - sd, mean + sd, color=look["color"], alpha=0.18, linewidth=0)
    axes.plot(x, mean, **look)


def _look(index: int) -> dict[str, Any]:
    looks = rcParams["axes.prop_cycle"].by_key()
    return {name: values[index % len(values)] for name, values in looks.items()}


def _notes(axes: Axes, notes: Sequence[tuple[str, int]]) -> None:
    """Small coloured lines of text in the upper right corner, clear of the data by `_share`."""
    for row, (text, index) in enumerate(notes):
        axes.annotate(
            text, (1, 1), (0, 1 - 8 * row), "axes fraction", "offset points",
            color=_look(index)["color"], fontsize=6.5, ha="right", va="top",
        )  # fmt: skip


def _scale(values: xr.DataArray) -> _Scale:
    """Choose how an axis is drawn: logarithmic with 0 apart, linear, or by name."""
    unit = values.attrs.get("units", "")
    label = f"{_name(str(values.name))} ({unit})" if unit not in ("", "1") else _name(str(values.name))
    if not np.issubdtype(values.dtype, np.number):
        return _Scale(label, np.arange(values.size, dtype=float), _values(values), named=True)
    numbers = values.values.astype(float)
    positive = numbers[numbers > 0]
    labels = [f"{number:g}" for number in numbers]
    if np.any(numbers < 0) or np.any(np.diff(numbers) <= 0) or positive.size < 3 or positive[-1] < 30 * positive[0]:
        return _Scale(label, numbers, labels)
    apart = numbers[0] == 0
    logs = np.log10(positive)
    return _Scale(label, np.append(logs[0] - 0.45, logs) if apart else logs, labels, bool(apart))


def _mark(axes: Axes, scale: _Scale, width: float, bare: bool) -> None:
    """Ticks at every value, labels where there is room, and a gap in the axis where zero stands apart."""
    low, high = scale.positions.min(), scale.positions.max()
    span = (high - low) or 1.0
    chosen = _roomy(scale, width / (1.1 * span))
    axes.set_xlim(low - 0.05 * span, high + 0.05 * span)
    axes.set_xticks(scale.positions[chosen], [scale.labels[index] for index in chosen])
    axes.set_xticks(np.delete(scale.positions, chosen), minor=True)
    axes.tick_params(labelbottom=not bare)
    if scale.apart:
        gap = {"facecolor": "white", "edgecolor": "none", "pad": 0.2}
        middle = ((scale.positions[0] + scale.positions[1]) / 2, 0)
        axes.annotate("//", middle, xycoords=axes.get_xaxis_transform(), fontsize=6, ha="center", va="center", bbox=gap)


def _roomy(scale: _Scale, points: float) -> list[int]:
    """Values that get a label: the ends and round numbers first, then others that do not touch those.

    `points` is the length of one unit of the axis on paper.
    """
    size, ends = rcParams["font.size"], (0, len(scale.labels) - 1)
    half = [0.32 * size * len(label) for label in scale.labels]
    chosen: list[int] = []
    for one in sorted(range(len(half)), key=lambda index: (index not in ends, _roundness(scale.labels[index]))):
        distances = [points * abs(scale.positions[one] - scale.positions[other]) - half[one] - half[other] for other in chosen]
        if all(distance >= 0.25 * size for distance in distances):
            chosen.append(one)
    return sorted(chosen)


def _roundness(label: str) -> int:
    digits = label.strip("0.-")
    return "1325".index(digits) if digits in tuple("1325") else 3 + len(digits)


def _share(kinds: dict[str, list[Axes]], population: str, unit: str) -> None:
    """Set y ranges from 0, with room for notes above the data, and label the first panel of each kind in a row.

    Panels of a row share their range, unless one needs so much that the others would be flat.
    """
    for kind, panels in kinds.items():
        tops = [max(axes.dataLim.y1, 105 if kind == "percent" else 0.1) for axes in panels]
        strip = kind == "strip"
        for axes, own in zip(panels, tops, strict=True):
            top = max(tops) if max(tops) < 2 * min(tops) else own
            axes.set_ylim(0, top * (1.6 if strip else 1.25 if unit else 1.05))
            nice = MaxNLocator(3 if strip else 5, steps=[1, 2, 5, 10])
            axes.yaxis.set_major_locator(MultipleLocator(50) if kind == "percent" and top < 250 else nice)
        if panels:
            label = f"{population} firing\n({unit})" if kind == "percent" else "Hz" if strip else f"{population} rate (Hz)"
            panels[0].set_ylabel(label)


def _letter(axes: Axes, index: int) -> None:
    """Bold panel letter outside the upper left corner."""
    axes.annotate(
        chr(ord("a") + index), (0, 1), (-14, 3), "axes fraction", "offset points", fontsize=9, fontweight="bold", annotation_clip=False
    )


def _legend(figure: Figure, names: Sequence[str], replicates: int, baseline: bool = False) -> None:
    """One legend above all panels: the lines, and what bands and dashes mean."""
    handles: list[Any] = [Line2D([], [], label=name, **_look(index)) for index, name in enumerate(names) if name]
    if replicates > 1:
        handles.append(Patch(color="0.8", label=f"mean ± s.d. of {replicates} replicates"))
    if baseline:
        handles.append(Line2D([], [], label="no stimulation", **_REFERENCE))
    where = "outside upper center" if figure.get_layout_engine() else "upper center"
    figure.legend(handles=handles, loc=where, ncols=len(handles) if figure.get_figwidth() > 1.2 * COLUMN else 2)


@_styled
def psth_figure(ds: xr.Dataset, populations: Sequence[str] = ("WDR", "PN")) -> Figure:
    """Firing rate against time, mean and standard deviation over replicates; one row per population, one line per value of a swept axis."""
    _has(ds, "psth", "a simulation or a sweep")
    line = _single(ds, "psth")
    figure = Figure(figsize=(PAGE, 0.5 + 1.4 * len(populations)), layout="constrained")
    rows = np.atleast_1d(figure.subplots(len(populations), 1, sharex=True))
    statistics = spread(ds[["psth"]])["psth"]
    for index, (axes, population) in enumerate(zip(rows, populations, strict=True)):
        _known(population, ds["population"].values)
        _lines(axes, ds["time"].values, statistics.sel(population=population), line)
        axes.set_ylabel(f"{population} rate (Hz)")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
        _letter(axes, index)
    rows[-1].set_xlabel("Time (s)")
    _legend(figure, _values(ds[line]) if line else [], ds.sizes["replicate"])
    return figure


@_styled
def windup_figure(ds: xr.Dataset, populations: Sequence[str] = ("WDR", "PN"), window: str = "C") -> Figure:
    """Spikes per neuron in a latency window after each shock of a train; one panel per population, one line per value of a swept axis."""
    _has(ds, "count", "a stimulus that repeats, such as windup")
    _known(window, ds["window"].values, "window")
    line = _single(ds, "count")
    figure = Figure(figsize=(COLUMN if len(populations) == 1 else PAGE, 2.3), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(populations)))
    statistics = spread(ds[["count"]])["count"].sel(window=window)
    for index, (axes, population) in enumerate(zip(panels, populations, strict=True)):
        _known(population, ds["population"].values)
        _lines(axes, ds["stimulus_index"].values + 1, statistics.sel(population=population), line)
        axes.set(title=population, xlabel="Shock", ylim=(0, None))
        axes.xaxis.get_major_locator().set_params(integer=True)
        _letter(axes, index)
    panels[0].set_ylabel(f"Spikes per neuron, {window} window")
    _legend(figure, _values(ds[line]) if line else [], ds.sizes["replicate"])
    return figure


def _lines(axes: Axes, x: NDArray[Any], statistics: xr.DataArray, line: str | None) -> None:
    """Mean with a band of one standard deviation, for each value of an axis or once."""
    parts = [statistics.isel({line: index}) for index in range(statistics.sizes[line])] if line else [statistics]
    for index, part in enumerate(parts):
        look = _look(index) if x.size <= 40 else {"color": _look(index)["color"]}  # markers would hide a long curve
        _band(axes, x, part.sel(statistic="mean").values, part.sel(statistic="sd").values, look)


@_styled
def raster(
    ds: xr.Dataset, populations: Sequence[str] | None = None, replicate: int = 0, start: float = 0.0, stop: float | None = None
) -> Figure:
    """Every spike of one replicate, neurons stacked by population.

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
    names = [str(name) for name in ds["population"].values] if populations is None else list(populations)
    figure = Figure(figsize=(PAGE, 3.4), layout="constrained")
    axes = figure.add_subplot()
    first, middles = 0, []
    for index, name in enumerate(names):
        _has(ds, f"spike_time_{name}", "spikes=True")
        size = ds[f"spike_neuron_{name}"].attrs["population_size"]
        own = ds[f"spike_replicate_{name}"].values == replicate
        x, y = ds[f"spike_time_{name}"].values[own], ds[f"spike_neuron_{name}"].values[own] + first
        axes.plot(x, y, ".", color=_look(index)["color"], markersize=1.2, rasterized=True)
        middles.append(first + size / 2)
        first += size
        axes.axhline(first - 0.5, color="0.85", linewidth=0.4, zorder=0)
    if "shock_time" in ds:
        for shock in ds["shock_time"].values[ds["shock_replicate"].values == replicate]:
            axes.axvline(shock, color=_GREY, linewidth=0.5, linestyle=":", zorder=0)
    end = float(ds["time"].values[-1]) if stop is None else stop
    axes.set(xlim=(start, end), ylim=(-0.5, first - 0.5), xlabel="Time (s)")
    axes.set_yticks(middles, names)
    axes.tick_params(axis="y", length=0)
    return figure


def sweep_figure(ds: xr.Dataset, populations: Sequence[str] = ("WDR", "PN")) -> Figure:
    """The figure that fits what a Dataset or store holds.

    A sweep becomes lines against its longest numeric axis (or its first), in percent of no stimulation for a frequency that holds 0;
    a single simulation its raster if spikes were kept, its responses to each shock if there are any, or else its time course.

    Raises
    ------
    InputError
        If more axes are swept than a figure has: x, columns and lines.
    """
    over = swept(ds)
    if not over:
        if "spike_time_WDR" in ds:
            return raster(ds)
        return windup_figure(ds, populations) if "count" in ds else psth_figure(ds, populations)
    numeric = [name for name in over if np.issubdtype(ds[name].dtype, np.number)]
    dim = max(numeric, key=lambda name: ds.sizes[name]) if numeric else over[0]
    rest = [name for name in over if name != dim]
    column = "stimulus" if "stimulus" in rest else next(iter(rest[1:]), "paradigm" if dim == "stimulus" else "stimulus")
    line = next((name for name in rest if name != column), "paradigm" if dim == "state" else "state")
    if dim == "tonic.frequency" and 0.0 in ds[dim].values:
        return frequency_figure(ds, populations, dim, column, line)
    return rate_figure(ds, populations, dim, column, line)


@_styled
def save(figure: Figure, path: str | Path, formats: Sequence[str] = ("png", "pdf")) -> tuple[Path, ...]:
    """Write a figure in several formats, each complete or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
        Name without ending; ``.png`` or another of `formats` at its end is taken off. Missing folders are made.
    formats : sequence of str

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    StoreError
        If a file cannot be written; what stood there before still does.
    """
    stem = Path(path)
    stem = stem.with_suffix("") if stem.suffix.removeprefix(".") in formats else stem
    files = tuple(stem.with_name(f"{stem.name}.{ending}") for ending in formats)
    for file, ending in zip(files, formats, strict=True):
        try:
            _write(figure, file, ending)
        except OSError as error:
            raise StoreError(f"cannot write figure {file}: {error.strerror or error}") from error
    return files


def _write(figure: Figure, file: Path, ending: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            figure.savefig(stream, format=ending, metadata={"CreationDate": None} if ending == "pdf" else None)
        os.chmod(name, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(name, file)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def swept(ds: xr.Dataset) -> list[str]:
    """Swept axes of a Dataset, in order."""
    return [str(name) for name in ds["rate"].dims if name not in ("replicate", "population")]


def _values(axis: xr.DataArray) -> list[str]:
    """What each value of a swept axis is called in a title or legend."""
    if not np.issubdtype(axis.dtype, np.number):
        return [_name(value) for value in axis.values]
    unit = axis.attrs.get("units", "1").removeprefix("1")
    return [f"{_name(str(axis.name))} = {value:g} {unit}".rstrip() for value in axis.values]


def _short(number: float) -> str:
    return f"{number:.2g}" if number < 100 else f"{number:.0f}"


def _single(ds: xr.Dataset, name: str) -> str | None:
    """The one swept axis there may be, to become lines."""
    over = swept(ds)
    if len(over) > 1:
        raise InputError(f"figure of {name}: one swept axis at most, got {', '.join(over)}; choose values with ds.sel")
    return over[0] if over else None


def _name(value: Hashable) -> str:
    """How a name, or a value of a swept axis, is written in a figure."""
    return _NAMES.get(str(value), str(value))


def _has(ds: xr.Dataset, name: str, needs: str) -> None:
    if name not in ds:
        raise InputError(f"figure: the Dataset has no {name}; it needs {needs}")


def _known(name: str, allowed: Iterable[Hashable], kind: str = "population") -> None:
    names = [str(one) for one in allowed]
    if name not in names:
        raise unknown(kind, name, names)
