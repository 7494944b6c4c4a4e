"""How a swept axis is drawn: logarithmic with zero apart, linear or by name; and which values get a label."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import rcParams
from matplotlib.axes import Axes
from numpy.typing import NDArray

from dhmodel.plots.style import name_of

_LOGARITHMIC = 30  # an axis whose largest value is so many times its smallest


@dataclass(frozen=True)
class Scale:
    """
    Where the values of a swept axis are drawn and what they are called.

    `apart` says that the first value is 0, set apart from a logarithmic axis; `named` that the values are
    names, which no line should join.
    """

    label: str
    positions: NDArray[Any]
    labels: list[str]
    apart: bool = False
    named: bool = False


def scale_of(values: xr.DataArray) -> Scale:
    """Choose how an axis is drawn."""
    unit = values.attrs.get("units", "1")
    label = name_of(values.name) + ("" if unit in ("", "1") else f" ({unit})")
    if not np.issubdtype(values.dtype, np.number):
        return Scale(
            label, np.arange(values.size, dtype=float), [str(value) for value in values.values], named=True
        )
    numbers = values.values.astype(float)
    labels = [f"{number:g}" for number in numbers]
    positive = numbers[numbers > 0]
    ascending = bool(numbers[0] >= 0 and np.all(np.diff(numbers) > 0))
    if not ascending or positive.size < 3 or positive[-1] < _LOGARITHMIC * positive[0]:
        return Scale(label, numbers, labels)
    apart = numbers[0] == 0
    logs = np.log10(positive)
    return Scale(label, np.append(logs[0] - 0.45, logs) if apart else logs, labels, apart=bool(apart))


def mark(axes: Axes, scale: Scale, width: float, bare: bool) -> None:
    """
    Draw ticks at every value, labels where there is room, and a gap in the axis where zero stands apart.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    scale : Scale
    width : float
        Length of the axis on paper, in points.
    bare : bool
        Leave the labels to the panel below.
    """
    low, high = scale.positions.min(), scale.positions.max()
    span = (high - low) or 1.0
    margin = 0.5 if scale.named else 0.05 * span
    chosen = list(range(len(scale.labels))) if scale.named else _roomy(scale, width / (1.1 * span))
    axes.set_xlim(low - margin, high + margin)
    axes.set_xticks(scale.positions[chosen], [scale.labels[index] for index in chosen])
    axes.set_xticks(np.delete(scale.positions, chosen), minor=True)
    axes.tick_params(labelbottom=not bare)
    if scale.named:
        for text in axes.get_xticklabels():
            text.set(rotation=30, ha="right", rotation_mode="anchor")
    if scale.apart:
        place = ((scale.positions[0] + scale.positions[1]) / 2, 0)
        gap = {"facecolor": "white", "edgecolor": "none", "pad": 0.2}
        over = axes.get_xaxis_transform()
        axes.annotate("//", place, xycoords=over, fontsize=6, ha="center", va="center", bbox=gap)


def _roomy(scale: Scale, points: float) -> list[int]:
    """
    Values that get a label: the ends and round numbers first, then others that do not touch those.

    `points` is the length of one unit of the axis on paper.
    """
    size, last = rcParams["xtick.labelsize"], len(scale.labels) - 1
    half = [0.32 * size * len(label) for label in scale.labels]
    order = sorted(
        range(last + 1), key=lambda index: (index not in (0, last), _roundness(scale.labels[index]))
    )
    chosen: list[int] = []
    for one in order:
        gaps = [points * abs(scale.positions[one] - scale.positions[other]) - half[other] for other in chosen]
        if all(gap >= half[one] + 0.25 * size for gap in gaps):
            chosen.append(one)
    return sorted(chosen)


def _roundness(label: str) -> int:
    """Rank of a number for labelling: powers of ten first, then 3, 2, 5 times them, then the rest."""
    digits = label.strip("0.-")
    return "1325".index(digits) if digits in tuple("1325") else 3 + len(digits)
