"""
Which fibres a current recruits: thresholds, recruitment curves, and the scales on which amplitudes are given.

Thresholds come from the fast fibre model without noise, at rest. Everything about reference populations is
kept for each set of the numbers it depends on, so that a sweep pays once per anatomy and waveform.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from dhmodel.errors import InputError
from dhmodel.parameters import choice
from dhmodel.stimulation.axon import Bank, axon, peaks
from dhmodel.stimulation.cord import CordFibres, reference
from dhmodel.stimulation.lead import fibre_gains
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.waveforms import Channel, Schedule, Shape, segments

__all__ = [
    "Scales",
    "amperes",
    "amplitudes",
    "fibre_gains",
    "recruited",
    "reference_thresholds",
    "scales",
    "thresholds",
]

# everything but these leaves thresholds as they are
_RELEVANT = (
    "anatomy.",
    "axon.",
    "circuit.AB.surround",
    "column.",
    "fibre.IA.",
    "lead.",
    "motor.",
    "perception.",
)

# time after a pulse within which the response of a fibre peaks, in s
_AFTER = 1e-3
# reference fibres for thresholds, and for the trains of the motor threshold
_FIBRES, _MOTOR_FIBRES = 1000, 200
# the motor threshold is found to two parts in a thousand
_HALVINGS = 9
# above so many times the threshold of one pulse no train is tried
_HOPELESS = 100

type _Numbers = tuple[tuple[str, float], ...]
type _Contacts = tuple[tuple[int, float], ...]
# start, width and level of each phase
type _Phases = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Scales:
    """Amplitudes in A of one waveform at the ECAP, perception and motor threshold."""

    ecap: float
    perception: float
    motor: float


def thresholds(P: Mapping[str, float], fibres: CordFibres, channel: Channel, shape: Shape) -> Floats:
    """
    Amplitude of one pulse that makes each fibre at rest fire.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    fibres : CordFibres
    channel : Channel
        The contacts used.
    shape : Shape
        The pulse.

    Returns
    -------
    ndarray of float64, shape (fibres,)
        In A; infinite for a fibre that the pulse does not depolarise.
    """
    return _single(P, fibre_gains(P, fibres, (channel,)), shape)


def reference_thresholds(
    P: Mapping[str, float], channel: Channel, shape: Shape, kind: str = "column"
) -> Floats:
    """Thresholds in A of a reference population (see `dhmodel.stimulation.cord.reference`); kept."""
    return _reference_thresholds(_relevant(P), _contacts(channel), _phases(shape), kind)


def recruited(
    P: Mapping[str, float], channel: Channel, shape: Shape, currents: Floats, kind: str = "column"
) -> Floats:
    """
    Recruitment curve: the fraction of a kind of fibre that one pulse excites.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    channel : Channel
    shape : Shape
    currents : ndarray of float64
        Amplitudes in A.
    kind : str
        One of `dhmodel.stimulation.cord.KINDS`.

    Returns
    -------
    ndarray of float64
        Of the shape of `currents`, 0 to 1.
    """
    ascending = np.sort(reference_thresholds(P, channel, shape, kind))
    return np.searchsorted(ascending, currents, side="right") / ascending.size


def scales(P: Mapping[str, float], schedule: Schedule, channel: int = 0) -> Scales:
    """
    Amplitudes in A at which the waveform of a channel reaches each threshold.

    ECAP: one pulse excites ``column.ecap_fraction`` of the reference fibres. Perception: ``perception.ratio``
    times the current at which the train, whose pulses sum up at kHz rates, excites as many. Motor: volleys of
    the spindle fibres of the root near the lead, summed by a motoneuron with the time constant ``motor.tau``
    over the train, reach what one volley of ``motor.fraction`` of them does. The train is that of the channel
    alone, at its nominal amplitude, for ``motor.window``.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    schedule : Schedule
        With a pulse on that channel at least.
    channel : int
        Index into its channels.

    Returns
    -------
    Scales

    Raises
    ------
    InputError
        No pulse on the channel, or no amplitude excites the fibres.
    """
    pulses = np.flatnonzero(schedule.channel == channel)
    name = schedule.channels[channel].name
    if not pulses.size:
        raise InputError(f"{name}: sends no pulse, so that its amplitude has no scale")
    times = schedule.times[pulses] - schedule.times[pulses[0]]
    train = pulses[times < P["motor.window"]]
    found = _scales(
        _relevant(P),
        _contacts(schedule.channels[channel]),
        tuple(_phases(shape) for shape in schedule.shapes),
        tuple(schedule.shape[train].tolist()),
        tuple(np.round(times[: train.size], 9).tolist()),
    )
    if not np.isfinite((found.ecap, found.motor)).all():
        raise InputError(f"{name}: no amplitude of this pulse excites the fibres under the lead")
    return found


def amperes(P: Mapping[str, float], schedule: Schedule) -> Floats:
    """
    Nominal amplitude of every pulse, shape (pulses,), in A; the schedule's relative scale is not in it.

    From ``<channel>.amplitude`` in multiples of the threshold named by ``<channel>.amplitude_scale``, or
    from ``<channel>.current`` where that is ``current``.
    """
    nominal = np.zeros(len(schedule.channels))
    for number in np.unique(schedule.channel):
        nominal[number] = _nominal(P, schedule, int(number))
    return nominal[schedule.channel]


def amplitudes(P: Mapping[str, float], schedule: Schedule, channel: int = 0) -> dict[str, float]:
    """
    Nominal amplitude of a channel on all four scales.

    Returns
    -------
    dict of {str : float}
        ``current`` in A; ``ecap``, ``perception`` and ``motor`` in multiples of that threshold.
    """
    current = _nominal(P, schedule, channel)
    of = scales(P, schedule, channel)
    return {
        "current": current,
        "ecap": current / of.ecap,
        "perception": current / of.perception,
        "motor": current / of.motor,
    }


def _nominal(P: Mapping[str, float], schedule: Schedule, channel: int) -> float:
    name = schedule.channels[channel].name
    scale = choice(P, f"{name}.amplitude_scale")
    if scale == "current":
        return P[f"{name}.current"]
    threshold: float = getattr(scales(P, schedule, channel), scale)
    return P[f"{name}.amplitude"] * threshold


@lru_cache(maxsize=64)
def _reference_thresholds(numbers: _Numbers, contacts: _Contacts, phases: _Phases, kind: str) -> Floats:
    found = _single(dict(numbers), _reference_gains(numbers, contacts, kind, _FIBRES), _shape(phases))
    found.flags.writeable = False
    return found


@lru_cache(maxsize=64)
def _reference_gains(numbers: _Numbers, contacts: _Contacts, kind: str, number: int) -> Floats:
    P = dict(numbers)
    found = fibre_gains(P, reference(P, kind, number), (Channel("", dict(contacts)),))
    found.flags.writeable = False
    return found


@lru_cache(maxsize=256)
def _scales(
    numbers: _Numbers,
    contacts: _Contacts,
    shapes: tuple[_Phases, ...],
    shape: tuple[int, ...],
    times: tuple[float, ...],
) -> Scales:
    P = dict(numbers)
    column = _reference_thresholds(numbers, contacts, shapes[shape[0]], "column")
    ecap = _reaching(column, P["column.ecap_fraction"])
    which, onsets = np.array(shape, dtype=np.int64), np.array(times)
    train = Schedule(
        onsets,
        np.ones(onsets.size),
        which,
        _zero(onsets.size),
        tuple(map(_shape, shapes)),
        (Channel("", dict(contacts)),),
    )
    felt = _summating(P, train, _reference_gains(numbers, contacts, "column", _FIBRES))
    perception = P["perception.ratio"] * _reaching(felt, P["column.ecap_fraction"])
    return Scales(
        ecap, perception, _motor(P, train, _reference_gains(numbers, contacts, "motor", _MOTOR_FIBRES))
    )


def _motor(P: Mapping[str, float], train: Schedule, strength: Floats) -> float:
    """Amplitude in A at which a train moves a muscle, from gains of spindle fibres; infinite if none does."""
    # a threshold is about the typical response: no noise, and no fatigue within so short a train
    still = replace(axon(P), noise=0.0, fatigue=0.0)
    number = len(strength)
    refractory = np.full(number, P["fibre.IA.refractory"])
    stop = float(train.times[-1]) + max(shape.extent for shape in train.shapes) + _AFTER

    def moves(current: float) -> bool:
        bank = Bank(still, strength, refractory, np.zeros(number, dtype=np.uint64))
        spikes = bank.advance(segments(train, np.full(len(train), current), 0.0, stop))
        return _summed(spikes.time, P["motor.tau"]) >= P["motor.fraction"] * number

    # a single pulse needs this, a train at most a little more where its pulses act against each other
    single = _reaching(_single(P, strength, train.shapes[train.shape[0]]), P["motor.fraction"])
    if not np.isfinite(single):
        return single
    low, high = 0.0, 1.02 * single
    while not moves(high):
        low, high = high, 1.2 * high
        if high > _HOPELESS * single:
            return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if moves(middle) else (middle, high)
    return high


def _single(P: Mapping[str, float], strength: Floats, shape: Shape) -> Floats:
    """Thresholds in A for one pulse of fibres with the given gains for its channel."""
    pulse = Schedule(np.zeros(1), np.ones(1), _zero(1), _zero(1), (shape,), (Channel("", {0: 1.0}),))
    return _summating(P, pulse, strength)


def _summating(P: Mapping[str, float], train: Schedule, strength: Floats) -> Floats:
    """Nominal amplitude in A of a train at which each fibre fires once, at any of its pulses."""
    stop = float(train.times[-1]) + max(shape.extent for shape in train.shapes) + _AFTER
    with np.errstate(divide="ignore"):
        return 1 / peaks(axon(P), strength, segments(train, np.ones(len(train)), 0.0, stop))


def _reaching(thresholds: Floats, fraction: float) -> float:
    """Least current in A that excites at least a fraction of the fibres."""
    return float(np.sort(thresholds)[int(np.ceil(fraction * thresholds.size)) - 1])


def _summed(times: Floats, tau: float) -> float:
    """Peak of a potential that each spike raises by 1 and that decays with `tau`."""
    if not times.size:
        return 0.0
    decay = np.exp(-(np.sort(times) - times.min()) / tau)
    return float((np.cumsum(1 / decay) * decay).max())


def _relevant(P: Mapping[str, float]) -> _Numbers:
    return tuple((path, value) for path, value in P.items() if path.startswith(_RELEVANT))


def _contacts(channel: Channel) -> _Contacts:
    return tuple(channel.contacts.items())


def _phases(shape: Shape) -> _Phases:
    return tuple(zip(shape.start.tolist(), shape.width.tolist(), shape.level.tolist(), strict=True))


def _shape(phases: _Phases) -> Shape:
    return Shape(*np.array(phases).T)


def _zero(n: int) -> np.ndarray:
    return np.zeros(n, dtype=np.int64)
