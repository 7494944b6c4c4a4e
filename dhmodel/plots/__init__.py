"""Figures of Datasets, at the size at which they are printed.

Every function returns a `matplotlib.figure.Figure` and leaves matplotlib's global state alone: no pyplot, so
a figure comes out alike in a script without a display, in a worker and in a notebook (which shows it after
``%matplotlib inline``). The look is in `dhmodel.mplstyle`.
"""

from dhmodel.plots.choose import sweep_figure
from dhmodel.plots.cohort import cohort_figure
from dhmodel.plots.grid import frequency_figure, rate_figure
from dhmodel.plots.paradigms import paradigm_figure
from dhmodel.plots.protocol import protocol_figure
from dhmodel.plots.single import psth_figure, raster, windup_figure
from dhmodel.plots.stimulation import (
    ecap_figure,
    fibre_raster,
    loop_figure,
    pulse_figure,
    recruitment_figure,
    stimulation_figure,
)
from dhmodel.plots.style import STYLE, save

__all__ = [
    "STYLE",
    "cohort_figure",
    "ecap_figure",
    "fibre_raster",
    "frequency_figure",
    "loop_figure",
    "paradigm_figure",
    "protocol_figure",
    "psth_figure",
    "pulse_figure",
    "raster",
    "rate_figure",
    "recruitment_figure",
    "save",
    "stimulation_figure",
    "sweep_figure",
    "windup_figure",
]
