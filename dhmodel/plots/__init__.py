"""Figures of Datasets, at the size at which they are printed.

Every function returns a `matplotlib.figure.Figure` and leaves matplotlib's global state alone: no pyplot, so
a figure comes out alike in a script without a display, in a worker and in a notebook (which shows it after
``%matplotlib inline``). The look is in `dhmodel.mplstyle`.
"""

from dhmodel.plots.choose import sweep_figure
from dhmodel.plots.grid import frequency_figure, rate_figure
from dhmodel.plots.single import psth_figure, raster, windup_figure
from dhmodel.plots.style import STYLE, save

__all__ = [
    "STYLE",
    "frequency_figure",
    "psth_figure",
    "raster",
    "rate_figure",
    "save",
    "sweep_figure",
    "windup_figure",
]
