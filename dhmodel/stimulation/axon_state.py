"""What the fast fibre model works on: its constants, the fibres' state, and currents cut into slabs."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError
from dhmodel.stimulation.trains import Floats, Indices
from dhmodel.stimulation.waveforms import Segments

type Keys = NDArray[np.uint64]
type Mask = NDArray[np.bool_]

COMPONENTS = 3

#: Later than anything, and earlier: finite, because the compiled code is told that all numbers are.
NEVER, LONG_AGO = 1e300, -1e300

_SLAB = 8192  # segments whose weights are held in memory at once
_TICK = 1e-12  # s, to which durations are rounded: those of a regular train are then equal
_GONE = 1e-30  # a factor below this is zero: products of it would be denormal numbers, which are slow


@dataclass(frozen=True)
class Axon:
    """
    Constants that all fibres share; thresholds in units of the resting threshold, times in s.

    Attributes
    ----------
    tau : tuple of three floats
        Time constants of the components of the response.
    activation_tau : float
        Time constant of the activation, which follows the square of the depolarising response.
    accommodation, accommodation_tau, accommodation_linear : float
        Rise of the squared threshold with the square of the lasting activation; the time constant of that;
        the lasting activation from which the rise is linear.
    relative, relative_tau : float
        Relative rise of threshold at the end of the absolute refractory period, and its time constant.
    supernormal, supernormal_tau : float
        Relative fall of threshold that is added to it, less than 1, and its time constant.
    fatigue, fatigue_tau : float
        Relative rise of threshold that each spike leaves behind, and its time constant.
    noise, noise_tau : float
        Standard deviation of the threshold, and how long one draw lasts.
    """

    tau: tuple[float, float, float]
    activation_tau: float
    accommodation: float
    accommodation_tau: float
    accommodation_linear: float
    relative: float
    relative_tau: float
    supernormal: float
    supernormal_tau: float
    fatigue: float
    fatigue_tau: float
    noise: float
    noise_tau: float


@dataclass(frozen=True, eq=False)
class Traffic:
    """
    Natural spikes on the fibres of a bank, and the distances that decide where they meet evoked ones.

    Attributes
    ----------
    times, fibres : ndarray of float64, ndarray of int64, shape (natural spikes,)
        When each would arrive at the segment, in s, and on which fibre of the bank; sorted by fibre, then by
        time.
    latency, conduction : ndarray of float64, shape (fibres,)
        Time from the electrode to the segment, and from the receptor to the segment, in s.
    """

    times: Floats
    fibres: Indices
    latency: Floats
    conduction: Floats


@dataclass(eq=False)
class Line:
    """
    Natural spikes on their way: one queue per fibre, each closed by a spike that never comes.

    The queues stand one after the other. `queue` is when each is due at the electrode, `arrives` whether it
    reaches the segment, `next` where in the queue the first stands that has neither passed the electrode nor
    met another; `slot` is the place of each natural spike in the queue. An evoked spike meets one that is due
    within `in_column` before it arrives at the segment, within `anywhere` somewhere on the fibre.
    """

    queue: Floats
    arrives: NDArray[np.uint8]
    next: Indices
    slot: Indices
    in_column: Floats
    anywhere: Floats


@dataclass(eq=False)
class State:
    """
    The fibres of a bank, last axis of every array, and where they stand.

    `gains` (channels, sites, 3, fibres) in 1/A, `refractory` and `keys` are fixed. `response` (sites, 3,
    fibres) and `activation` (sites, fibres) follow the currents; `level` is the largest activation over the
    sites, a squared level, and `accommodation` what lasts of it; `last` and `fatigue` are the time of the
    last spike at the electrode and the fatigue right after it.
    """

    axon: Axon
    gains: Floats
    refractory: Floats
    keys: Keys
    line: Line
    response: Floats = field(init=False)
    activation: Floats = field(init=False)
    accommodation: Floats = field(init=False)
    level: Floats = field(init=False)
    last: Floats = field(init=False)
    fatigue: Floats = field(init=False)

    def __post_init__(self) -> None:
        _, sites, components, fibres = self.gains.shape
        self.response = np.zeros((sites, components, fibres))
        self.activation = np.zeros((sites, fibres))
        self.level, self.accommodation, self.fatigue = np.zeros((3, fibres))
        self.last = np.full(fibres, LONG_AGO)


@dataclass(frozen=True, eq=False)
class Slab:
    """
    Some segments, with all that is the same for every fibre.

    `edges` (segments + 1,) in s. `weights` (segments, 14): factors by which the three components decay; the
    factor by which the activation decays, and what it sees of each component's decay and of a constant, these
    four divided by the root of the last; what stays of the lasting activation, and what is added of the
    activation before and after the segment; the factors by which relative refractoriness, supernormality and
    fatigue decay.
    `noise_bin` (segments,) numbers the draws of the threshold noise. `first` is the index of the first
    segment.
    """

    first: int
    edges: Floats
    weights: Floats
    current: Floats
    noise_bin: Indices


def make_state(axon: Axon, gains: Floats, refractory: Floats, keys: Keys, traffic: Traffic | None) -> State:
    """Fibres at rest; `gains` as in `dhmodel.stimulation.axon.Bank`."""
    by_channel = np.ascontiguousarray(np.transpose(gains, (3, 1, 2, 0)), dtype=np.float64)
    refractory = np.ascontiguousarray(refractory, dtype=np.float64)
    keys = np.ascontiguousarray(keys, dtype=np.uint64)
    return State(axon, by_channel, refractory, keys, _make_line(refractory, traffic))


def _make_line(refractory: Floats, traffic: Traffic | None) -> Line:
    n = refractory.size
    none = Traffic(np.empty(0), np.empty(0, dtype=np.int64), np.zeros(n), np.zeros(n))
    traffic = traffic or none
    slot = np.arange(traffic.times.size) + traffic.fibres
    queue = np.full(traffic.times.size + n, NEVER)
    queue[slot] = traffic.times + traffic.latency[traffic.fibres]
    return Line(
        queue=queue,
        arrives=np.ones(queue.size, dtype=np.uint8),
        next=np.searchsorted(traffic.fibres, np.arange(n)) + np.arange(n),
        slot=slot,
        in_column=2 * traffic.latency,
        anywhere=2 * (traffic.latency + traffic.conduction) + refractory,
    )


def slabs(axon: Axon, segments: Segments) -> Iterator[Slab]:
    """Cut currents into slabs; where the cuts are changes no number."""
    # one after the other, so that a call that goes on where another stopped has the same edges
    edges = np.cumsum(np.concatenate([[segments.start], segments.duration]))
    current = np.ascontiguousarray(segments.current, dtype=np.float64)
    for begin in range(0, segments.duration.size, _SLAB):
        span = slice(begin, begin + _SLAB)
        ends = edges[1:][span]
        bins = np.floor(ends / axon.noise_tau).astype(np.int64)
        weights = _weights(axon, _rounded(segments.duration[span]))
        yield Slab(begin, edges[begin : begin + ends.size + 1], weights, current[span], bins)


def _rounded(duration: Floats) -> Floats:
    """Durations without what rounding the times of a train has left in them; very short ones stay."""
    return np.where(duration > 1000 * _TICK, np.round(duration / _TICK) * _TICK, duration)


def _weights(axon: Axon, duration: Floats) -> Floats:
    decay = np.exp(-duration[:, None] / np.array(axon.tau))
    acting = _means(axon, duration)
    # the square of what these give adds to the activation: (1 - fast) times the square of a mean
    acting[:, 1:] /= np.sqrt(acting[:, 4:])
    after = np.array([axon.relative_tau, axon.supernormal_tau, axon.fatigue_tau])
    weights = [decay, acting, _lasting(axon, duration), np.exp(-duration[:, None] / after)]
    joined = np.concatenate(weights, axis=1)
    joined[np.abs(joined) < _GONE] = 0.0
    return joined


def _means(axon: Axon, duration: Floats) -> Floats:
    """What the activation keeps of itself, and sees of each decay and of a constant."""
    slow = axon.activation_tau
    tau = _apart(np.array(axon.tau), slow)
    decay = np.exp(-duration[:, None] / np.append(tau, slow))
    seen = (decay[:, :3] - decay[:, 3:]) * (tau / (tau - slow))
    return np.concatenate([decay[:, 3:], seen, -np.expm1(-duration[:, None] / slow)], axis=1)


def _lasting(axon: Axon, duration: Floats) -> Floats:
    """What the lasting activation keeps of itself, and sees of one that relaxes, by its two ends."""
    tau = float(_apart(np.array(axon.accommodation_tau), axon.activation_tau))
    gone, lost = (-np.expm1(-duration / each) for each in (axon.activation_tau, tau))
    seen = (lost - gone) / (1 - tau / axon.activation_tau)
    return np.stack([1 - lost, (seen - (1 - gone) * lost) / gone, (lost - seen) / gone], axis=1)


def _apart(tau: Floats, other: float) -> Floats:
    """Time constants, at least a millionth beside another, where formulas are singular: the limit."""
    return np.where(np.isclose(tau, other, rtol=1e-6, atol=0), other * (1 + 1e-6), tau)


def check_segments(segments: Segments, channels: int) -> None:
    """Refuse currents that no fibre could follow, with an `InputError`."""
    shape = np.shape(segments.current)
    if shape != (segments.duration.size, channels):
        needed = segments.duration.size, channels
        raise InputError(f"segments: got current of shape {shape}, needs {needed}")
    if not np.isfinite(segments.current).all():
        raise InputError("segments: got a current that is not finite, needs a number of amperes")
    if not (np.isfinite(segments.start) and np.isfinite(segments.duration).all()):
        raise InputError("segments: got a time that is not finite, needs a number of seconds")
    if not (segments.duration > 0).all():
        raise InputError("segments: got a duration that is not positive, needs more than 0 s")


def check_gains(gains: Floats) -> None:
    """Refuse gains of the wrong shape or not finite, with an `InputError`."""
    if gains.ndim != 4 or gains.shape[1] == 0 or gains.shape[2] != COMPONENTS:
        raise InputError(f"gains: got shape {gains.shape}, needs (fibres, sites, {COMPONENTS}, channels)")
    if not np.isfinite(gains).all():
        raise InputError("gains: got one that is not finite, needs numbers in 1/A")
