"""Paradigms on one cohort: a row for each, a panel for each reading, a dot for each cord."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dhmodel.errors import InputError, quoted
from dhmodel.plots.style import GREY, PAGE, REFERENCE, legend, letter, look, styled

__all__ = ["cohort_figure"]

_ROW, _FRAME = 0.22, 0.95  # inches: a row, and titles, labels and legend together
_LINE = 20
"""Characters of a line of a title."""


@styled
def cohort_figure(ds: xr.Dataset) -> Figure:
    """
    Compare paradigms on one cohort: the mean over cords as a bar, every cord as a dot.

    Parameters
    ----------
    ds : xarray.Dataset
        Every variable is a panel: dimensions `paradigm` (rows) and `cord`, attributes `long_name` and
        `units`. Cords without a value have no dot; a panel without any has no bar.

    Returns
    -------
    matplotlib.figure.Figure
        180 mm wide.

    Raises
    ------
    InputError
        A variable has other dimensions, or there is none.
    """
    if not ds.data_vars:
        raise InputError("a comparison on one cohort needs at least one variable")
    for name, variable in ds.data_vars.items():
        if set(variable.dims) != {"paradigm", "cord"}:
            raise InputError(f"{quoted(name)}: has dimensions {variable.dims}, needs paradigm and cord")
    figure = Figure(figsize=(PAGE, _FRAME + _ROW * ds.sizes["paradigm"]), layout="constrained")
    panels = figure.subplots(1, len(ds.data_vars), sharey=True, squeeze=False)[0]
    for at, (axes, name) in enumerate(zip(panels, ds.data_vars, strict=True)):
        _panel(axes, ds[name].transpose("paradigm", "cord"))
        letter(axes, at)
    panels[0].set_yticks(np.arange(ds.sizes["paradigm"]), [str(one) for one in ds["paradigm"].values])
    panels[0].invert_yaxis()
    cords = ds.sizes["cord"]
    dots = Line2D([], [], color="black", marker="o", linestyle="none", label="one cord")
    legend(figure, [Patch(color=_bar(), label=f"mean of {cords} cord{'s' * (cords > 1)}"), dots])
    return figure


def _panel(axes: Axes, values: xr.DataArray) -> None:
    """Bars from zero, dots upon them, unit below."""
    rows = np.arange(values.sizes["paradigm"])
    for row in rows.tolist():
        axes.axhline(row, color="0.92", linewidth=0.5, zorder=0)
    axes.barh(rows, values.mean("cord").values, height=0.62, color=_bar(), zorder=1)
    spread = np.linspace(-0.2, 0.2, values.sizes["cord"]) if values.sizes["cord"] > 1 else np.zeros(1)
    for row, one in zip(rows.tolist(), values.values, strict=True):
        axes.plot(one, row + spread, "o", color="black", markersize=1.6, alpha=0.75, zorder=2)
    axes.axvline(0, **(REFERENCE | {"linestyle": "-", "color": GREY}), zorder=1.5)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.set_title(_broken(str(values.attrs["long_name"])), fontsize=7, loc="left")
    axes.set_xlabel(str(values.attrs["units"]))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _bar() -> str:
    """Colour of bars: that of the first line, paler."""
    return f"{look(0)['color']}66"


def _broken(text: str) -> str:
    """A title in lines that fit above a panel."""
    lines = [""]
    for word in text.split(" "):  # not at a no-break space
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
