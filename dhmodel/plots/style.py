"""What all figures share: the look, names, legends, and writing to files."""

import os
from collections.abc import Callable, Hashable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import xarray as xr
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from dhmodel.errors import StoreError

STYLE = "dhmodel.dhmodel"
"""Name of the packaged style for `matplotlib.style.context`."""

PAGE, COLUMN = 180 / 25.4, 88 / 25.4
"""Widths of a printed page and of one of its two columns, in inches."""

GREY = "0.45"
REFERENCE: dict[str, Any] = {"color": GREY, "linewidth": 0.7, "linestyle": (0, (4, 2))}
"""Look of the line that means no stimulation."""

_NAMES = {
    "naive": "Naive",
    "snl": "Nerve injury (SNL)",
    "spontaneous": "Spontaneous activity",
    "pinch": "Pinch",
    "brush": "Brush",
    "brush_wide": "Brush, centre and surround",
    "brush_surround": "Brush, surround",
    "vonfrey": "Von Frey press",
    "heat": "Heat",
    "shock": "Electrical shock",
    "volley": "A and C volley",
    "windup": "Wind-up train",
    "windup_root": "Wind-up train, root stimulated",
    "vonfrey.force": "Force",
    "heat.temperature": "Temperature",
    "shock.intensity": "Shock, multiples of the A\N{GREEK SMALL LETTER BETA} threshold",
    "tonic.frequency": "Tonic SCS frequency",
}


def styled[**P, T](draw: Callable[P, T]) -> Callable[P, T]:
    """Run a function with the packaged style, whatever the session has set, and put that back."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        with matplotlib.style.context(STYLE, after_reset=True):
            return draw(*args, **kwargs)

    return wrapper


def look(index: int) -> dict[str, Any]:
    """Colour and marker of the line with this number."""
    looks = rcParams["axes.prop_cycle"].by_key()
    return {name: values[index % len(values)] for name, values in looks.items()}


def band(axes: Axes, x: NDArray[Any], mean: NDArray[Any], sd: NDArray[Any], style: dict[str, Any]) -> None:
    """Draw a mean with one standard deviation on either side."""
    axes.fill_between(x, mean - sd, mean + sd, color=style["color"], alpha=0.18, linewidth=0)
    axes.plot(x, mean, **style)


def letter(axes: Axes, index: int) -> None:
    """Bold panel letter outside the upper left corner."""
    name = chr(ord("a") + index)
    axes.annotate(name, (0, 1), (-14, 3), "axes fraction", "offset points", fontsize=9, fontweight="bold")


def legend_entries(names: Sequence[str], replicates: int, baseline: bool = False) -> list[Artist]:
    """What a legend explains: the lines, and what bands and dashes mean."""
    entries: list[Artist] = [Line2D([], [], label=name, **look(at)) for at, name in enumerate(names) if name]
    if replicates > 1:
        entries.append(Patch(color="0.8", label=f"mean ± s.d. of {replicates} replicates"))
    if baseline:
        entries.append(Line2D([], [], label="no stimulation", **REFERENCE))
    return entries


def legend_columns(entries: Sequence[Artist], width: float) -> int:
    """The most columns of a legend that fit into a width in inches; matplotlib fills one after the other."""
    em = rcParams["legend.fontsize"]
    beside = rcParams["legend.handlelength"] + rcParams["legend.handletextpad"]
    texts = [TextPath((0, 0), str(entry.get_label()), size=em).get_extents().width for entry in entries]
    space = rcParams["legend.columnspacing"]
    for columns in range(len(texts), 1, -1):
        widest = [max(column) + em * (beside + space) for column in np.array_split(texts, columns)]
        if sum(widest) <= 72 * width - 2 * em:  # room for the frame, and for glyphs rounded to pixels
            return columns
    return 1


def legend(figure: Figure, entries: Sequence[Artist]) -> None:
    """One legend above all panels, in as few rows as the width allows."""
    columns = legend_columns(entries, figure.get_figwidth())
    if figure.get_layout_engine() is None:
        figure.legend(handles=list(entries), loc="upper center", ncols=columns)
    else:
        figure.legend(handles=list(entries), loc="outside upper center", ncols=columns)


def name_of(value: Hashable) -> str:
    """How a swept axis, or a value of one, is written in a figure."""
    return _NAMES.get(str(value), str(value))


def values_of(axis: xr.DataArray) -> list[str]:
    """What each value of a swept axis is called in a title or legend."""
    if not np.issubdtype(axis.dtype, np.number):
        return [name_of(value) for value in axis.values]
    unit = axis.attrs.get("units", "1")
    return [f"{name_of(axis.name)} = {value:g}{'' if unit == '1' else ' ' + unit}" for value in axis.values]


@styled
def save(figure: Figure, path: str | Path, formats: Sequence[str] = ("png", "pdf")) -> tuple[Path, ...]:
    """
    Write a figure in several formats, each file complete or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
        Name without ending; ``.png`` or another of `formats` at its end is taken off. Missing folders are
        made.
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
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    undated = {"CreationDate": None} if ending == "pdf" else None  # the same figure gives the same file
    try:
        figure.savefig(part, format=ending, metadata=undated)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
