"""The fast fibre model in numpy, where there is no compiler: slower, with the same spikes as `axon.cpp`."""

from dataclasses import dataclass

import numpy as np

from dhmodel.even import QUANTILES
from dhmodel.stimulation.axon_state import Axon, Keys, Line, Mask, Slab, State
from dhmodel.stimulation.trains import Floats, Indices

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


@dataclass(frozen=True, eq=False)
class Fired:
    """Spikes that started: segment (counted from the first of the call), fibre, time in s, if they arrive."""

    segment: Indices
    fibre: Indices
    time: Floats
    arrives: Mask


#: No spikes.
NONE = Fired(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.bool_)
)


def hashed(keys: Keys, counter: Indices) -> Keys:
    """
    Random 64-bit integers that depend on key and counter only (splitmix64).

    Parameters
    ----------
    keys : ndarray of uint64
    counter : ndarray of int64
        Broadcast against `keys`.

    Returns
    -------
    ndarray of uint64

    Notes
    -----
    Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195: the state after `counter` + 1 steps, mixed.
    """
    with np.errstate(over="ignore"):
        mixed = keys + (np.asarray(counter).astype(np.uint64) + np.uint64(1)) * _STEP
        for shift, factor in _MIX:
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def advance(state: State, slab: Slab) -> Fired:
    """Follow the currents of a slab; spikes by segment, then by fibre."""
    parts, axon = [], state.axon
    lowest = max(1 - axon.supernormal + axon.noise * QUANTILES[0], 0.0) ** 2
    level = _level(state)
    for row, weights in enumerate(slab.weights):
        _respond(state, weights, slab.current[row])
        before, level = level, _level(state)
        candidates = np.flatnonzero(level >= lowest)
        if candidates.size:
            fibre, time = _fire(state, slab, row, candidates, before[candidates], level[candidates])
            arrives = _collide(state.line, fibre, time)
            parts.append((np.full(fibre.size, slab.first + row), fibre, time, arrives))
    if not parts:
        return NONE
    return Fired(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def peaks(state: State, slab: Slab, highest: Floats) -> None:
    """Raise `highest`, in place, to the root of each fibre's largest activation at the edges of a slab."""
    for row, weights in enumerate(slab.weights):
        _respond(state, weights, slab.current[row])
        np.maximum(highest, np.sqrt(state.level), out=highest)


def _respond(state: State, weights: Floats, current: Floats) -> None:
    steady = np.tensordot(current, state.gains, axes=1)  # the response if the current lasted
    decay, fast = weights[:3, None], float(weights[3])
    seen, constant = weights[4:7, None], weights[7]
    acting = np.maximum((seen * state.response + (constant - seen) * steady).sum(axis=1), 0)
    state.response = decay * state.response + (1 - decay) * steady
    state.activation = fast * state.activation + acting**2
    slow, first, last = weights[8:11]
    before, state.level = state.level, state.activation.max(axis=0)
    state.accommodation = slow * state.accommodation + first * before + last * state.level


def _level(state: State) -> Floats:
    """Activation less what accommodation adds to the squared threshold."""
    axon, lasting = state.axon, state.accommodation
    return state.level - axon.accommodation * lasting * np.minimum(lasting, axon.accommodation_linear)


def _fire(
    state: State, slab: Slab, row: int, fibre: Indices, before: Floats, level: Floats
) -> tuple[Indices, Floats]:
    """Which of the candidates start a spike in this segment, and when."""
    start, end = slab.edges[row], slab.edges[row + 1]
    _let_pass(state, fibre, end)
    ready = state.last[fibre] + state.refractory[fibre]
    noise = _noise(state.axon, state.keys[fibre], slab.noise_bin[row])
    raised = (1 + _recovery(state.axon, end - ready)) * (1 + _tired(state, fibre, end))
    wanted = np.maximum(raised + noise, 0) ** 2
    fires = (end >= ready) & (level >= wanted)
    crosses = fires & (before < wanted)
    time = np.full(fibre.size, end)
    # the square relaxes with the time constant of the activation
    rise = (wanted[crosses] - before[crosses]) / (level[crosses] - before[crosses])
    fallen = rise * (slab.weights[row, 3] - 1)
    with np.errstate(divide="ignore"):  # of those that reach threshold just at the end
        time[crosses] = np.minimum(start - state.axon.activation_tau * np.log1p(fallen), end)
    fibre, time = fibre[fires], np.maximum(time, ready)[fires]
    _spike(state, fibre, time)
    return fibre, time


def _recovery(axon: Axon, since: Floats) -> Floats:
    """Rise of threshold, relative, so long after the end of the absolute refractory period."""
    since = np.maximum(since, 0.0)  # nothing starts in those that are not ready yet
    relative = axon.relative * np.exp(-since / axon.relative_tau)
    return relative - axon.supernormal * np.exp(-since / axon.supernormal_tau)


def _tired(state: State, fibre: Indices, time: float | Floats) -> Floats:
    return state.fatigue[fibre] * np.exp(-(time - state.last[fibre]) / state.axon.fatigue_tau)


def _spike(state: State, fibre: Indices, time: Floats) -> None:
    """A spike at the electrode leaves the fibre refractory and tired."""
    state.fatigue[fibre] = _tired(state, fibre, time) + state.axon.fatigue
    state.last[fibre] = time


def _noise(axon: Axon, keys: Keys, noise_bin: Indices) -> Floats:
    return axon.noise * QUANTILES[hashed(keys, noise_bin) >> np.uint64(52)]


def _let_pass(state: State, fibre: Indices, time: float) -> None:
    """Natural spikes that have passed the electrode by now have left their mark on the fibre."""
    line = state.line
    while (fibre := fibre[line.queue[line.next[fibre]] <= time]).size:
        _spike(state, fibre, line.queue[line.next[fibre]])
        line.next[fibre] += 1


def _collide(line: Line, fibre: Indices, time: Floats) -> Mask:
    """Whether each evoked spike reaches the segment; the natural spikes that they meet leave the queues."""
    wait = line.queue[line.next[fibre]] - time
    in_column, meets = wait < line.in_column[fibre], wait < line.anywhere[fibre]
    line.arrives[line.next[fibre[meets & ~in_column]]] = 0
    line.next[fibre[meets]] += 1
    return ~in_column
