"""From spikes to numbers, and from numbers to a Dataset that says where it comes from.

`summarise` turns the spikes of one replicate into a few small arrays; `to_dataset` stacks replicates and
names everything. Numbers are plain SI floats: a Brian2 quantity loses its unit inside xarray without a word,
so every array that enters is reduced to its base class first.

Time zero is the end of the warm-up. Nothing before zero or after `duration` is counted anywhere.

xarray is imported where a Dataset is made, so that a sweep worker, which only summarises, starts without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dhmodel.delivered import delivered
from dhmodel.errors import EngineError, InputError, unknown
from dhmodel.parameters.layout import POPULATIONS, SOURCES, starts
from dhmodel.provenance import provenance

if TYPE_CHECKING:
    import xarray as xr

WINDOWS = ("Abeta", "Adelta", "C", "post")
"""Latency windows after a shock; `window.<name>.start` and `.stop` in the parameters."""

# Spike times are multiples of the time step with rounding errors. A spike on an edge belongs to the bin that
# starts there, so times are moved forward by far less than any time step, far more than any rounding error.
_NUDGE = 1e-9

type Array = NDArray[Any]
type Coordinates = dict[str, tuple[str, Array, dict[str, str]]]


@dataclass(frozen=True)
class Variable:
    """What a variable of the Dataset means: dimensions after `replicate`, unit, and a name for axes."""

    dims: tuple[str, ...]
    units: str
    long_name: str


VARIABLES: Mapping[str, Variable] = {
    "rate": Variable(("population",), "Hz", "firing rate per neuron"),
    "active": Variable(("population",), "1", "fraction of neurons that are active"),
    "psth": Variable(("population", "time"), "Hz", "firing rate per neuron in time bins"),
    "count": Variable(
        ("stimulus_index", "population", "window"),
        "1",
        "spikes per neuron after each shock (missing if cut short)",
    ),
    "source_rate": Variable(("source",), "Hz", "firing rate per fibre or other spike source"),
    **{name: Variable((), one.unit, one.about) for name, one in delivered().items()},
}

DELIVERED = tuple(delivered())
"""What a run says of its stimulation, one number each."""


@dataclass(frozen=True)
class Recording:
    """
    The spikes of one replicate, and what happened around them.

    Attributes
    ----------
    times : ndarray of float, shape (spike,)
        Spike times in s, in any order; zero is the end of the warm-up, whose spikes are negative.
    neurons : ndarray of int, shape (spike,)
        Neuron of each spike, numbered over all cells, populations in the order of `sizes`.
    sizes : dict of str to int
        Number of neurons of each population.
    duration : float
        Length of the recording after zero, in s.
    pulses, shocks : ndarray of float
        Times of stimulation pulses and of test shocks, in s, ascending.
    source_rate : dict of str to float
        Mean rate per fibre (or other spike source) of each class, in Hz; a class left out was silent.
    delivered : dict of str to float
        What was sent, by the names of `DELIVERED`, in SI units; nothing by default.

    Raises
    ------
    EngineError
        If times or rates are not finite, or a neuron does not exist.
    InputError
        If the duration is not positive, shocks do not ascend, or a source class is unknown.
    """

    times: Array
    neurons: Array
    sizes: Mapping[str, int]
    duration: float
    pulses: Array
    shocks: Array
    source_rate: Mapping[str, float]
    delivered: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(DELIVERED, 0.0))

    def __post_init__(self) -> None:
        for name in ("times", "pulses", "shocks"):
            object.__setattr__(self, name, _finite(f"recording: {name}", getattr(self, name)))
        object.__setattr__(self, "neurons", np.asarray(self.neurons, np.int64))
        object.__setattr__(self, "duration", float(self.duration))
        if not 0 < self.duration < np.inf:
            raise InputError(f"recording: duration is {self.duration} s, needs to be positive")
        number, total = self.neurons.size, sum(self.sizes.values())
        if self.times.size != number:
            raise EngineError(f"recording: {self.times.size} spike times, but {number} neuron numbers")
        low, high = (self.neurons.min(), self.neurons.max()) if number else (0, 0)
        if not 0 <= low <= high < total:
            raise EngineError(f"recording: neuron numbers {low} to {high}, of {total} neurons")
        if np.any(np.diff(self.shocks) <= 0):
            raise InputError("recording: shocks need ascending times")
        for name in self.source_rate:
            if name not in SOURCES:
                raise unknown("source class", name, SOURCES, "recording")

    def of(self, population: str) -> tuple[Array, Array, int]:
        """
        Spikes of one population, those of the warm-up (negative times) included.

        Returns
        -------
        times, cells : ndarray of float, ndarray of int
            In s, in any order, and the cell of each, numbered from 0.
        n : int
            Number of cells, the silent ones included.

        Raises
        ------
        InputError
            No such population.
        """
        if population not in self.sizes:
            raise unknown("population", population, self.sizes, "recording")
        first, n = starts(self.sizes)[population], self.sizes[population]
        own = (self.neurons >= first) & (self.neurons < first + n)
        return self.times[own], self.neurons[own] - first, n


def summarise(recording: Recording, P: Mapping[str, float]) -> dict[str, Array]:
    """
    Reduce the spikes of one replicate to the variables of the Dataset.

    A window is counted where it is whole. Where it would run past the next shock (`post` at 2 Hz, `C` too
    above that) or past the end of the recording, its spikes would belong to something else or be incomplete:
    the count is NaN there.

    Parameters
    ----------
    recording : Recording
    P : mapping of str to float
        Resolved parameters, path to SI value; `recording.*` and `window.*` are read.

    Returns
    -------
    dict of str to ndarray
        `rate` (population,), Hz over [0, duration); `active` (population,), fraction of neurons with at least
        `recording.active_spikes` spikes; `psth` (population, time), Hz, bin start; `source_rate` (source,),
        Hz; those of `DELIVERED`, one number each; and, if there are shocks, `count` (stimulus_index,
        population, window), mean spikes per neuron.

    Raises
    ------
    EngineError
        If a result is not finite.
    InputError
        If a window ends before it starts.
    """
    times, neurons = _counted(recording)
    times = times + _NUDGE
    sizes = np.array(list(recording.sizes.values()))
    population = np.repeat(np.arange(sizes.size), sizes)[neurons]
    spikes = np.bincount(neurons, minlength=int(sizes.sum()))
    enough = np.cumsum(np.concatenate([[0], spikes >= P["recording.active_spikes"]]))
    ends = np.cumsum(sizes)
    result = {
        "rate": np.bincount(population, minlength=sizes.size) / (sizes * recording.duration),
        "active": (enough[ends] - enough[ends - sizes]) / sizes,
        "psth": _psth(times, population, sizes, recording.duration, P["recording.bin"]),
        "source_rate": np.array([float(recording.source_rate.get(name, 0.0)) for name in SOURCES]),
        **{name: np.array(float(recording.delivered[name])) for name in DELIVERED},
    }
    for name, array in result.items():
        _finite(name, array)
    if recording.shocks.size:
        result["count"] = _counts(times, population, sizes, recording, P)
    return result


def _counted(recording: Recording) -> tuple[Array, Array]:
    """Times and neurons of the spikes in [0, duration)."""
    nudged = recording.times + _NUDGE
    kept = (nudged >= 0) & (nudged < recording.duration)
    return recording.times[kept], recording.neurons[kept]


def _psth(times: Array, population: Array, sizes: Array, duration: float, width: float) -> Array:
    starts = _bins(duration, width)
    where = population * starts.size + np.minimum((times / width).astype(np.int64), starts.size - 1)
    spikes = np.bincount(where, minlength=sizes.size * starts.size).reshape(sizes.size, starts.size)
    widths = np.diff(np.append(starts, duration))
    return spikes / (sizes[:, np.newaxis] * widths)


def _bins(duration: float, width: float) -> Array:
    """Starts of the bins that cover [0, duration), in s; the last is shorter if the width leaves a rest."""
    number = max(1, int(np.ceil(duration / width - 1e-6)))
    return np.round(np.arange(number) * width, 9)  # so that ds.sel(time=0.29) finds its bin


def _counts(
    times: Array, population: Array, sizes: Array, recording: Recording, P: Mapping[str, float]
) -> Array:
    shocks, edges = recording.shocks, _windows(P)
    # every spike belongs to the latest shock: a window that reaches beyond the next one is missing anyway
    latest = np.searchsorted(shocks, times, side="right") - 1
    latency = times - shocks[latest]
    cell = latest * sizes.size + population
    counts = np.empty((len(WINDOWS), shocks.size * sizes.size))
    for index, (start, stop) in enumerate(edges):
        inside = (latest >= 0) & (latency >= start) & (latency < stop)
        counts[index] = np.bincount(cell[inside], minlength=shocks.size * sizes.size)
    per_neuron = (
        counts.reshape(len(WINDOWS), shocks.size, sizes.size).transpose(1, 2, 0) / sizes[:, np.newaxis]
    )
    limits = np.append(np.minimum(shocks[1:], recording.duration), recording.duration)
    whole = np.add.outer(shocks, edges[:, 1]) <= limits[:, np.newaxis] + _NUDGE
    whole[shocks < 0] = False
    return np.where(whole[:, np.newaxis, :], per_neuron, np.nan)


def _windows(P: Mapping[str, float]) -> Array:
    """Start and stop of each window after a shock, s, shape (window, 2)."""
    edges = np.array([[P[f"window.{name}.{edge}"] for edge in ("start", "stop")] for name in WINDOWS])
    for name, (start, stop) in zip(WINDOWS, edges, strict=True):
        if start >= stop:
            raise InputError(f"window.{name}: starts at {start:g} s, but stops at {stop:g} s")
    return edges


def dims(name: str) -> tuple[str, ...]:
    """Dimensions of a variable of `summarise`; in a Dataset, swept axes and `replicate` come before them."""
    return _variable(name).dims


def describe(name: str) -> dict[str, str]:
    """Attributes of a variable: its `units` and its `long_name`."""
    variable = _variable(name)
    return {"units": variable.units, "long_name": variable.long_name}


def _variable(name: str) -> Variable:
    if name not in VARIABLES:
        raise unknown("variable", name, VARIABLES)
    return VARIABLES[name]


def coords(P: Mapping[str, float], duration: float, shocks: ArrayLike = ()) -> Coordinates:
    """
    Coordinates of every dimension of `summarise`, ready for xarray: name to (dimension, values, attributes).

    Parameters
    ----------
    P : mapping of str to float
        Resolved parameters; `recording.bin` is read.
    duration : float
        Length of the recording in s.
    shocks : array_like
        Shock times; without any there is no `stimulus_index` and no `window`.
    """
    result: Coordinates = {
        "population": ("population", np.array(POPULATIONS), {"long_name": "population"}),
        "time": (
            "time",
            _bins(duration, P["recording.bin"]),
            {"units": "s", "long_name": "start of time bin"},
        ),
        "source": ("source", np.array(SOURCES), {"long_name": "class of fibres or of other spike sources"}),
    }
    if number := np.size(shocks):
        attrs = {"units": "1", "long_name": "test shock, counted from zero"}
        result["stimulus_index"] = ("stimulus_index", np.arange(number), attrs)
        result["window"] = ("window", np.array(WINDOWS), {"long_name": "latency window after the shock"})
    return result


def to_dataset(
    summaries: Sequence[Mapping[str, ArrayLike]],
    recordings: Sequence[Recording] | None,
    attributes: Mapping[str, Any],
    coordinates: Coordinates,
) -> "xr.Dataset":
    """
    Stack replicates into one Dataset with a leading `replicate` dimension.

    Parameters
    ----------
    summaries : sequence of dict
        What `summarise` returned, one per replicate.
    recordings : sequence of Recording, or None
        If given, their spikes are kept too: `spike_time_<POP>` (s), `spike_neuron_<POP>` (numbered from zero
        within the population) and `spike_replicate_<POP>`, all along `spike_<POP>`, sorted by replicate and
        time; and `pulse_time`, `shock_time` with their `_replicate`.
    attributes : mapping
        What `dhmodel.provenance.provenance` needs, and anything else worth keeping.
    coordinates : dict
        From `coords`.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    EngineError
        If a value is not finite (other than the counts of windows cut short).
    """
    import xarray as xr

    data: dict[str, Any] = {}
    for name in VARIABLES:
        if name in summaries[0]:
            values = np.stack([_checked(name, summary[name]) for summary in summaries])
            data[name] = (("replicate", *dims(name)), values, describe(name))
    if recordings is not None:
        data |= _ragged(recordings)
    attrs = {"units": "1", "long_name": "replicate (trains, cells and wiring)"}
    replicate = ("replicate", np.arange(len(summaries)), attrs)
    return xr.Dataset(data, {"replicate": replicate, **coordinates}, provenance(attributes))


def _checked(name: str, values: ArrayLike) -> Array:
    return np.asarray(values, np.float64) if name == "count" else _finite(name, values)


def _finite(name: str, values: ArrayLike) -> Array:
    """Values as a plain float array (a Brian2 quantity becomes its SI numbers)."""
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise EngineError(f"{name}: {bad} of {array.size} values are not finite; the simulation blew up")
    return array


def _ragged(recordings: Sequence[Recording]) -> dict[str, Any]:
    """Variables that hold the spikes of every population, and the pulses and shocks, of all replicates."""
    counted = [_sorted(*_counted(recording)) for recording in recordings]
    data: dict[str, Any] = {}
    first = 0
    for name, size in recordings[0].sizes.items():
        own = [(neurons >= first) & (neurons < first + size) for _, neurons in counted]
        data |= _events("spike", f"_{name}", [one[0][here] for one, here in zip(counted, own, strict=True)])
        neurons = np.concatenate([one[1][here] - first for one, here in zip(counted, own, strict=True)])
        attrs = {"units": "1", "long_name": f"neuron within {name}", "population_size": int(size)}
        data[f"spike_neuron_{name}"] = (f"spike_{name}", neurons, attrs)
        first += size
    data |= _events("pulse", "", [recording.pulses for recording in recordings])
    data |= _events("shock", "", [recording.shocks for recording in recordings])
    return data


def _sorted(times: Array, neurons: Array) -> tuple[Array, Array]:
    order = np.lexsort((neurons, times))
    return times[order], neurons[order]


def _events(what: str, suffix: str, times: Sequence[Array]) -> dict[str, Any]:
    """Times of all replicates end to end, and the replicate of each."""
    dim = f"{what}{suffix}"
    replicate = np.repeat(np.arange(len(times)), [one.size for one in times])
    of_time = {"units": "s", "long_name": f"{what} time"}
    of_replicate = {"units": "1", "long_name": f"replicate of the {what}"}
    return {
        f"{what}_time{suffix}": (dim, np.concatenate(times), of_time),
        f"{what}_replicate{suffix}": (dim, replicate, of_replicate),
    }
