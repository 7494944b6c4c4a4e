"""
Read-outs of populations that take turns, such as ON and OFF cells of the rostral ventromedial medulla.

As those in `dhmodel.evidence.asking.readouts`.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dhmodel.errors import InputError
from dhmodel.evidence.asking.functions import readout
from dhmodel.evidence.asking.trials import Trial

type Array = xr.DataArray


@readout
def waiting(run: Trial, population: str, time: float) -> Array:
    """Time from one of the run (s) to each cell's next spike, s; what is left of the run if there is none."""
    left = run.plan.duration - time
    if not 0 <= time < run.plan.duration:
        raise InputError(f"{time:g} s is no time of a run of {run.plan.duration:g} s")
    found = []
    for times, own in run.spikes(population):
        next_one = np.full(run.cells(population), left)
        np.minimum.at(next_one, own[times >= time], times[times >= time] - time)
        found.append(next_one)
    return xr.DataArray(found, dims=("replicate", "cell"))


@readout
def phase(run: Trial, population: str, other: str, bin: float = 0.5) -> Array:
    """Correlation of the rates of two populations in bins (s): -1 if they take turns."""
    both = zip(_courses(run, population, bin), _courses(run, other, bin), strict=True)
    return _replicates([float(np.corrcoef(one, two)[0, 1]) for one, two in both])


@readout
def turn(run: Trial, population: str, other: str, bin: float = 0.5) -> Array:
    """Mean time for which one of two populations fires more than the other, s; NaN if they hardly change.

    Turns that begin before the run or end after it are left out.
    """
    found = []
    for one, two in zip(_courses(run, population, bin), _courses(run, other, bin), strict=True):
        leads = np.sign(one - two)
        apart = np.flatnonzero(leads)
        changes = apart[1:][np.diff(leads[apart]) != 0]
        lengths = np.diff(changes) * bin
        found.append(float(lengths.mean()) if lengths.size else np.nan)
    return _replicates(found)


def _courses(run: Trial, population: str, bin: float) -> list[NDArray[np.float64]]:
    """Rate per cell in whole bins, Hz, for each replicate."""
    edges = np.arange(int(run.plan.duration / bin + 1e-9) + 1) * bin
    scale = 1 / (bin * run.cells(population))
    return [np.float64(scale) * np.histogram(times, edges)[0] for times, _ in run.spikes(population)]


def _replicates(found: list[float]) -> Array:
    return xr.DataArray(found, dims="replicate")
