"""
Read-outs: what an expression of the ledger may ask of a run.

Each takes a trial, or a family of trials, and plain arguments, and returns an array with the dimensions
``replicate``, and where it says so ``cell`` (every cell of a population), ``stimulus`` (every shock) or, of a
family, ``value``. A number that a criterion is about has at most the dimension ``replicate``: the others are
reduced, see `dhmodel.evidence.asking.reductions`. What cannot be computed is missing (NaN).
"""

from collections.abc import Iterable

import numpy as np
import xarray as xr

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.evidence.asking.functions import readout
from dhmodel.evidence.asking.trials import Trial
from dhmodel.measures import SILENT, half_recovery, kernel, peri_event
from dhmodel.measures import locking as vector_strength
from dhmodel.measures import reflex as reflex_size
from dhmodel.measures import synchrony as synchrony_of

type Array = xr.DataArray


# --- rates and counts -------------------------------------------------------------------------------------


@readout
def rate(run: Trial, population: str) -> Array:
    """Firing rate per cell, Hz."""
    return _of(run, "rate", population)


@readout
def active(run: Trial, population: str) -> Array:
    """Fraction of cells that fire (at least `recording.active_spikes` spikes)."""
    return _of(run, "active", population)


@readout
def between(run: Trial, population: str, start: float, stop: float) -> Array:
    """Firing rate per cell from `start` to `stop` (s), Hz."""
    return _cells_between(run, population, start, stop).mean("cell")


@readout
def cells(run: Trial, population: str, start: float = 0.0, stop: float = np.inf) -> Array:
    """Firing rate of every cell from `start` to `stop` (s), Hz; dimensions replicate and cell."""
    return _cells_between(run, population, start, stop)


@readout
def counts(run: Trial, population: str, window: str) -> Array:
    """Spikes per cell after every shock in a window; dimensions replicate and stimulus."""
    if "count" not in run.dataset:
        raise InputError(f'the stimulus "{run.plan.stimulus}" has no shocks to count after')
    found = _of(run, "count", population, window=window)
    return found.rename(stimulus_index="stimulus")


@readout
def count(run: Trial, population: str, window: str, number: int) -> Array:
    """Spikes per cell after the shock of that number, from 1; -1 is the last."""
    found = counts(run, population, window)
    if number == 0 or abs(number) > found.sizes["stimulus"]:
        raise InputError(f"there is no shock {number}, only {found.sizes['stimulus']}")
    return found.isel(stimulus=number - (number > 0))


@readout
def total(run: Trial, population: str, window: str) -> Array:
    """Spikes per cell in a window, whole train of shocks; missing if any window is cut short."""
    return counts(run, population, window).sum("stimulus", skipna=False)


@readout
def first(run: Trial, population: str, window: str, number: int = 1) -> Array:
    """Mean response to the first shocks, spikes per cell."""
    return counts(run, population, window).isel(stimulus=slice(None, number)).mean("stimulus", skipna=False)


@readout
def last(run: Trial, population: str, window: str, number: int = 3) -> Array:
    """Mean response to the last shocks, spikes per cell."""
    return counts(run, population, window).isel(stimulus=slice(-number, None)).mean("stimulus", skipna=False)


@readout
def growth(run: Trial, population: str, window: str) -> Array:
    """Mean response to the last three shocks less that to the first, spikes per cell (wind-up)."""
    return last(run, population, window) - first(run, population, window)


@readout
def after_discharge(run: Trial, population: str) -> Array:
    """Spikes per cell in the window ``post``, mean over the shocks whose window is whole."""
    return counts(run, population, "post").mean("stimulus")


@readout
def reflex(run: Trial) -> Array:
    """Share of the motoneurons that answer a shock or tap, less those that the M wave meets; mean."""
    return _bare(reflex_size(run.dataset)).mean("stimulus_index")


@readout
def fraction_changed(
    run: Trial, baseline: Trial, population: str, below: float = 0.5, least: float = SILENT
) -> Array:
    """Share of the cells that fire in `baseline` (at `least` Hz) whose rate is less than `below` of that."""
    before, after = (_cells_between(one, population, 0.0, np.inf) for one in (baseline, run))
    firing = before >= least
    return ((after < below * before) & firing).sum("cell") / firing.sum("cell")


@readout
def fraction_responding(run: Trial, baseline: Trial, population: str, by: float = 1.0) -> Array:
    """Share of all cells whose rate is more than `by` Hz above that in `baseline`."""
    before, after = (_cells_between(one, population, 0.0, np.inf) for one in (baseline, run))
    return (after > before + by).mean("cell")


@readout
def source(run: Trial, fibres: str) -> Array:
    """Firing rate per fibre of a class, or per unit of another class of sources, Hz."""
    return _bare(run.dataset["source_rate"].sel(source=fibres, drop=True))


@readout
def delivered(run: Trial, quantity: str) -> Array:
    """What the stimulator sent, such as ``'motor_multiple'``, in SI units."""
    return _bare(run.dataset[quantity])


@readout
def parameter(run: Trial, path: str) -> Array:
    """Value of a parameter that a run was made with, SI."""
    value = run.plan.parameters.get(path)
    if not isinstance(value, int | float):
        raise InputError(f"there is no parameter {quoted(path)} that is a number")
    return xr.DataArray(float(value))


# --- around pulses ----------------------------------------------------------------------------------------


@readout
def before_pulses(run: Trial, population: str) -> Array:
    """Firing rate per cell in the 200 ms before a pulse, Hz."""
    return _replicates(float(_around(run, i, population, 0.005)["rate"][:, 0].mean()) for i in _numbers(run))


@readout
def trough(run: Trial, population: str, start: float = 0.005, stop: float = 0.03) -> Array:
    """Lowest firing in bins of 5 ms between two latencies after a pulse (s), % of before it."""
    found = _pooled(run, population)
    inside = (found["latency"] >= start - 1e-9) & (found["latency"] <= stop + 1e-9)
    return _bare(found.where(inside).min("latency"))


@readout
def peak(run: Trial, population: str, start: float = 0.0, stop: float = 0.008) -> Array:
    """Highest firing in bins of 5 ms between two latencies after a pulse (s), % of before it."""
    found = _pooled(run, population)
    inside = (found["latency"] > start) & (found["latency"] < stop)
    return _bare(found.where(inside).max("latency"))


@readout
def level(run: Trial, population: str, latency: float) -> Array:
    """Firing at a latency after a pulse (s), % of before it, between bins of 5 ms by interpolation."""
    return _bare(_pooled(run, population).interp(latency=latency))


@readout
def recovery(run: Trial, population: str, to: float = 50.0) -> Array:
    """Time after a pulse at which each cell is back at `to` % (s); NaN if it never fell, inf if not back."""
    # one cell has few spikes: its recovery is read from bins twice as wide
    kernels = [kernel(_around(run, i, population, 0.01))["percent"] for i in _numbers(run)]
    times = [half_recovery(one, to) for one in kernels]
    return _bare(xr.concat(times, "replicate").rename(neuron="cell"))


@readout
def recovery_spread(run: Trial, population: str) -> Array:
    """Ratio of 95th to 5th percentile of the half-recovery times of all cells that come back."""
    times = recovery(run, population).values
    times = times[np.isfinite(times)]
    return xr.DataArray(np.nan if times.size < 2 else np.divide(*np.percentile(times, [95, 5])))


@readout
def cells_after(
    run: Trial, population: str, start: float, stop: float, first: int = 0, last: int | None = None
) -> Array:
    """Firing rate of every cell from `start` to `stop` (s) after pulses, Hz; dimensions replicate and cell.

    Negative times are before the pulse. Of the pulses `first` to `last` (excluded) those count whose time
    lies within the run.
    """
    number, found = run.cells(population), []
    for (times, own), one in zip(run.spikes(population), run.recordings, strict=True):
        pulses = one.pulses[first:last]
        pulses = pulses[(pulses + start >= 0) & (pulses + stop <= one.duration)]
        found.append(peri_event(times, own, number, pulses, [start, stop])["rate"][:, 0].values)
    return xr.DataArray(found, dims=("replicate", "cell"))


@readout
def latency(run: Trial, population: str, after: str = "pulses", within: float = np.inf) -> Array:
    """Mean time from a pulse, or from a shock with ``after='shocks'``, to each cell's first spike, s.

    A spike later than `within` (s) is no answer; NaN for a cell that never answers.
    """
    if after not in ("pulses", "shocks"):
        raise unknown("event", after, ("pulses", "shocks"))
    found = []
    for (times, own), one in zip(run.spikes(population), run.recordings, strict=True):
        events = getattr(one, after)
        cells = range(run.cells(population))
        found.append([_first_latency(times[own == cell], events, within) for cell in cells])
    return xr.DataArray(found, dims=("replicate", "cell"))


# --- together ---------------------------------------------------------------------------------------------


@readout
def locking(run: Trial, population: str, frequency: float) -> Array:
    """Vector strength of the spikes of a population with respect to a frequency in Hz."""
    return _replicates(vector_strength(times, frequency) for times, _ in run.spikes(population))


@readout
def synchrony(run: Trial, population: str, bin: float = 0.005) -> Array:
    """Synchrony of a population in bins (s): 1 if all cells fire alike, about 1/cells if independently."""
    number, length = run.cells(population), run.plan.duration
    return _replicates(synchrony_of(times, own, number, length, bin) for times, own in run.spikes(population))


@readout
def correlation(run: Trial, population: str, bin: float = 0.05) -> Array:
    """Mean correlation of spike counts in bins (s), over pairs of cells that fire; NaN for fewer than two."""
    found = []
    for times, own in run.spikes(population):
        bins = max(1, int(run.plan.duration / bin))
        where = own * bins + np.minimum((times / bin).astype(np.int64), bins - 1)
        binned = np.bincount(where, minlength=run.cells(population) * bins).reshape(-1, bins)
        varying = binned[binned.std(axis=1) > 0]
        pairs = np.atleast_2d(np.corrcoef(varying))[~np.tri(len(varying), dtype=np.bool_)]
        found.append(float(pairs.mean()) if pairs.size else np.nan)
    return _replicates(found)


# --- helpers ---------------------------------------------------------------------------------------------


def _of(run: Trial, variable: str, population: str, **where: str) -> Array:
    """A variable that is a mean over cells, of a population or of several joined by a plus."""
    sizes = run.sizes(population)
    found = run.dataset[variable].sel({"population": list(sizes), **where})
    weights = xr.DataArray(list(sizes.values()), dims="population") / run.cells(population)
    return _bare((found.drop_vars("population") * weights).sum("population", skipna=False))


def _bare(array: Array) -> Array:
    """Without coordinates, over which arithmetic would align."""
    return array.reset_coords(drop=True).drop_vars(list(array.coords), errors="ignore")


def _numbers(run: Trial) -> range:
    return range(len(run.recordings))


def _replicates(found: Iterable[float]) -> Array:
    return xr.DataArray(list(found), dims="replicate")


def _cells_between(run: Trial, population: str, start: float, stop: float) -> Array:
    end = min(stop, run.plan.duration)
    if not 0 <= start < end:
        raise InputError(f"{start:g} to {stop:g} s is no part of a run of {run.plan.duration:g} s")
    number = run.cells(population)
    found = [
        np.bincount(own[(times >= start) & (times < end)], minlength=number) / (end - start)
        for times, own in run.spikes(population)
    ]
    return xr.DataArray(found, dims=("replicate", "cell"))


def _around(run: Trial, replicate: int, population: str, width: float) -> xr.Dataset:
    """Rate of each cell around the pulses: a bin of 200 ms before, then bins on multiples of `width`."""
    times, own = run.spikes(population)[replicate]
    pulses = run.recordings[replicate].pulses
    if not pulses.size:
        raise InputError(f'the paradigm "{run.plan.paradigm.name}" sends no pulse to look around')
    edges = np.concatenate([[-0.2, 0.0], np.arange(width / 2, 0.2, width)])
    return peri_event(times, own, run.cells(population), pulses, edges)


def _pooled(run: Trial, population: str) -> Array:
    """Firing of all cells in % of before a pulse; `latency` is the middle of a bin."""
    around = [_around(run, i, population, 0.005) for i in _numbers(run)]
    found = xr.concat([kernel(one)["pooled"] for one in around], "replicate")
    centres = (around[0]["latency"] + around[0]["width"] / 2).values
    return found.reset_coords(drop=True).assign_coords(latency=centres)


def _first_latency(times: np.ndarray, events: np.ndarray, within: float) -> float:
    """Mean over events of the time to the first spike before the next one; NaN if there is none in time."""
    times = np.sort(times)
    where = np.searchsorted(times, events)
    following = np.append(times, np.inf)[where]
    ends = np.append(events[1:], np.inf)
    answered = following < np.minimum(ends, events + within)
    return float((following - events)[answered].mean()) if answered.any() else np.nan
