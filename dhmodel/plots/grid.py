"""Firing against a swept axis: a grid of panels, populations by stimuli, with a line per state."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from dhmodel.errors import InputError
from dhmodel.measures import SILENT, known, percent_of_baseline, spread
from dhmodel.plots.axis import Scale, mark, scale_of
from dhmodel.plots.checks import swept
from dhmodel.plots.style import (
    COLUMN,
    PAGE,
    REFERENCE,
    band,
    legend,
    legend_columns,
    legend_entries,
    letter,
    look,
    styled,
    values_of,
)

#: Percentages of no stimulation above which the firing without stimulation is no measure of anything.
MOST = 1000.0


@styled
def frequency_figure(
    ds: xr.Dataset,
    populations: Sequence[str] = ("WDR", "PN"),
    dim: str = "tonic.frequency",
    column: str = "stimulus",
    line: str = "state",
    floor: float = SILENT,
) -> Figure:
    """
    Firing in percent of no stimulation against stimulation frequency.

    One row per population, one column per test stimulus, one line per state of the cord: mean and standard
    deviation over replicates, each in percent of its own firing without stimulation, which stands apart at 0.
    Where a state is silent without stimulation, or so quiet that some mean is above `MOST` percent, a
    percentage means nothing: its rate in Hz is shown instead, in a panel of its own that says so.

    Parameters
    ----------
    ds : xarray.Dataset
        With `rate` (..., replicate, population) swept over `dim`, which holds 0, and perhaps `column` and
        `line`.
    populations : sequence of str
    dim, column, line : str
        Swept axes that become x, columns and lines.
    floor : float
        Rate in Hz below which a state counts as silent.

    Returns
    -------
    matplotlib.figure.Figure
        180 mm wide with three columns or four, 88 mm with one.

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
        silent=measured["silent"] | (measured["mean"].max(dim) > MOST),
    )
    return _grid(data, populations, (dim, column, line), "% of no stimulation", ds.sizes["replicate"])


@styled
def rate_figure(
    ds: xr.Dataset, populations: Sequence[str], dim: str, column: str = "stimulus", line: str = "state"
) -> Figure:
    """
    Firing rate in Hz against any swept axis, numeric or not.

    Parameters, rows, columns, lines and errors are those of `frequency_figure`.
    """
    rates = _rates(ds, dim, column, line)
    return _grid(_mean_sd(rates), populations, (dim, column, line), "", ds.sizes["replicate"])


def _rates(ds: xr.Dataset, dim: str, column: str, line: str) -> xr.Dataset:
    """The rates, with an axis of one value where there is no column or line, and nothing left over."""
    over = swept(ds)
    known(dim, over, "swept axis")
    left = [name for name in over if name not in (dim, column, line)]
    if left:
        example = f"ds.sel({{'{left[0]}': {ds[left[0]].values[0].item()!r}}})"
        raise InputError(
            f"figure: too many swept axes; choose one value of {', '.join(left)}, as in {example}"
        )
    rates = ds[["rate"]]
    for name in (column, line):
        if name not in over:
            rates = rates.drop_vars(name, errors="ignore").expand_dims({name: [str(ds.attrs.get(name, ""))]})
    return rates


def _mean_sd(ds: xr.Dataset) -> xr.Dataset:
    statistics = spread(ds[["rate"]])["rate"]
    mean, sd = (statistics.sel(statistic=name, drop=True) for name in ("mean", "sd"))
    return xr.Dataset({"rate": mean, "rate_sd": sd})


def _grid(
    data: xr.Dataset, populations: Sequence[str], axes: tuple[str, str, str], unit: str, replicates: int
) -> Figure:
    """Panels a, b, ... of populations by columns; `unit` is that of the percentages, if there are any."""
    dim, column, line = axes
    for population in populations:
        known(population, data["population"].values, "population")
    scale, titles = scale_of(data[dim]), values_of(data[column])
    entries = legend_entries(values_of(data[line]), replicates, bool(unit))
    inside = _label_inside(data, column, line)
    figure, spots, width = _sheet(len(populations), len(titles), inside, scale, entries)
    for row, population in enumerate(populations):
        kinds: dict[str, list[Axes]] = {"percent": [], "strip": [], "rate": []}
        for place, title in enumerate(titles):
            part = data.sel(population=population).isel({column: place}).transpose(line, dim, ...)
            panel = _cell(figure, spots[row, place], part, scale, line)
            for kind, drawn in panel.items():
                kinds[kind].append(drawn)
                mark(drawn, scale, width, bare=len(panel) == 2 and kind == "percent")
                drawn.yaxis.set_label_coords(-25 / width, 0.5)
            top = next(iter(panel.values()))
            top.set_title(title if row == 0 else "")
            letter(top, row * len(titles) + place)
        _share(kinds, population, unit)
    figure.supxlabel(scale.label, fontsize=rcParams["axes.labelsize"], y=0.01, va="bottom")
    legend(figure, entries)
    return figure


def _label_inside(data: xr.Dataset, column: str, line: str) -> bool:
    """Whether a row begins with rates alone, so that a later panel carries the label of the percentages."""
    if "silent" not in data:
        return False
    rates = data["silent"].all(line)
    return bool((rates.isel({column: 0}) & ~rates.all(column)).any())


def _sheet(
    rows: int, columns: int, label_inside: bool, scale: Scale, entries: Sequence[Artist]
) -> tuple[Figure, GridSpec, float]:
    """
    A figure with a grid of equal panels below its legend, and the width of a panel in points.

    Room for labels is fixed, in inches, so that panels line up whatever their numbers.
    """
    width = {1: COLUMN, 2: 0.74 * PAGE}.get(columns, max(PAGE, 1.75 * columns))
    left, right, gap = 0.62, 0.16, 0.62 if label_inside else 0.42
    names = 0.032 * max(map(len, scale.labels)) if scale.named else 0.0  # written at a slant
    top = 0.3 + 0.14 * ceil(len(entries) / legend_columns(entries, width))
    bottom, between, tall = 0.4 + names, 0.42 + names, 1.5
    height = top + tall * rows + between * (rows - 1) + bottom
    panel = (width - left - right - gap * (columns - 1)) / columns
    figure = Figure(figsize=(width, height))
    grid = figure.add_gridspec(rows, columns, wspace=gap / panel, hspace=between / tall)
    grid.update(left=left / width, right=1 - right / width, bottom=bottom / height, top=1 - top / height)
    return figure, grid, 72 * panel


def _cell(figure: Figure, spot: SubplotSpec, part: xr.Dataset, scale: Scale, line: str) -> dict[str, Axes]:
    """Draw one cell: percentages, rates, or percentages above a strip of rates; returns axes by kind."""
    silent = part["silent"].values if "silent" in part else np.ones(part.sizes[line], bool)
    if silent.any() and not silent.all():
        rooms = spot.subgridspec(2, 1, height_ratios=(2.1, 1), hspace=0.22)
        panel = {"percent": figure.add_subplot(rooms[0]), "strip": figure.add_subplot(rooms[1])}
    else:
        panel = {"rate" if silent.all() else "percent": figure.add_subplot(spot)}
    for index in range(part.sizes[line]):
        own, kind = part.isel({line: index}), "rate" if silent[index] else "percent"
        drawn = list(panel.values())[-1 if silent[index] else 0]
        _line(drawn, scale, own[kind].values, own[f"{kind}_sd"].values, index)
        if "silent" in part:
            number = float(own["baseline"])  # of a lazily opened store too
            hundred = f"100 % = {number:.2g} Hz" if number < 100 else f"100 % = {number:.0f} Hz"
            _note(drawn, "too quiet at 0, rate shown" if silent[index] else hundred, index)
    if "percent" in panel:
        panel["percent"].axhline(100, zorder=1, **REFERENCE)
    return panel


def _line(axes: Axes, scale: Scale, mean: NDArray[Any], sd: NDArray[Any], index: int) -> None:
    """Mean and standard deviation: a line with a band, and points with bars where no line may pass."""
    style, x = look(index), scale.positions
    alone = x.size if scale.named else int(scale.apart)
    bars = np.nan_to_num(sd[:alone])
    axes.errorbar(x[:alone], mean[:alone], bars, linestyle="none", elinewidth=0.8, **style)
    band(axes, x[alone:], mean[alone:], sd[alone:], style)


def _note(axes: Axes, text: str, index: int) -> None:
    """Coloured text in the upper right corner, below earlier notes; `_share` keeps the data clear of it."""
    style = {"color": look(index)["color"], "fontsize": 6.5, "ha": "right", "va": "top"}
    axes.annotate(text, (1, 1), (0, -1 - 8 * len(axes.texts)), "axes fraction", "offset points", **style)


def _share(kinds: dict[str, list[Axes]], population: str, unit: str) -> None:
    """
    Set y ranges from 0, with room for notes above the data, and label the first panel of each kind in a row.

    Panels of a row share their range, unless one needs so much that another would be flat.
    """
    labels = {"percent": f"{population} firing\n({unit})", "strip": "Hz", "rate": f"{population} rate (Hz)"}
    for kind, panels in kinds.items():
        tops = [max(axes.dataLim.y1, 105 if kind == "percent" else 0.1) for axes in panels]
        for axes, own in zip(panels, tops, strict=True):
            top = max(tops) if max(tops) < 2 * min(tops) else own
            room = 1.6 if kind == "strip" else 1.25 if unit else 1.05
            few = MaxNLocator(3 if kind == "strip" else 5, steps=[1, 2, 5, 10])
            axes.set_ylim(0, top * room)
            axes.yaxis.set_major_locator(MultipleLocator(50) if kind == "percent" and top < 250 else few)
        if panels:
            panels[0].set_ylabel(labels[kind])
