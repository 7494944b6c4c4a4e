"""Which figure fits a Dataset."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from dhmodel.plots.checks import swept
from dhmodel.plots.grid import frequency_figure, rate_figure
from dhmodel.plots.protocol import protocol_figure
from dhmodel.plots.single import psth_figure, raster, windup_figure


def sweep_figure(ds: xr.Dataset, populations: Sequence[str] = ("WDR", "PN")) -> Figure:
    """
    The figure that fits what a Dataset or store holds.

    A sweep becomes lines against its longest numeric axis (or its first axis): in percent of no stimulation
    for a stimulation frequency that holds 0, else in Hz. A single simulation becomes its raster if spikes
    were kept, its responses to the shocks if there are any, or else its time course. A protocol becomes a
    page of all that it holds.

    Parameters
    ----------
    ds : xarray.Dataset
    populations : sequence of str
        Populations shown, except in a raster, which shows all.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If more axes are swept than a figure has: x, columns and lines.
    """
    if "protocol_time" in ds.dims:
        return protocol_figure(ds, populations)
    over = swept(ds)
    if not over and "spike_time_WDR" in ds:
        return raster(ds)
    if not over:
        return windup_figure(ds, populations) if "count" in ds else psth_figure(ds, populations)
    dim, column, line = _roles(ds, over)
    if dim == "tonic.frequency" and 0.0 in ds[dim].values:
        return frequency_figure(ds, populations, dim, column, line)
    return rate_figure(ds, populations, dim, column, line)


def _roles(ds: xr.Dataset, over: list[str]) -> tuple[str, str, str]:
    """Axes that become x, columns and lines; where none is left, a name that the attributes may give."""
    numeric = [name for name in over if np.issubdtype(ds[name].dtype, np.number)]
    dim = max(numeric, key=lambda name: ds.sizes[name]) if numeric else over[0]
    rest = [name for name in over if name != dim]
    spare = [name for name in ("stimulus", "state", "paradigm") if name not in over]
    column = "stimulus" if "stimulus" in rest else rest[1] if len(rest) > 1 else spare.pop(0)
    line = next((name for name in rest if name != column), spare[0] if spare else "")
    return dim, column, line
