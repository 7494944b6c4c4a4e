"""What the pulses of a delivery look like, and what one of them alone does at any current."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dhmodel.stimulation.axon import Bank, axon
from dhmodel.stimulation.cord import CordFibres
from dhmodel.stimulation.lead import fibre_gains
from dhmodel.stimulation.plant import at_rest
from dhmodel.stimulation.recorder import lead_recorder
from dhmodel.stimulation.recruitment import Scales, recruited, reference_thresholds
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.waveforms import Schedule, Shape, segments

__all__ = ["KINDS", "event", "grid", "growth", "only", "recruitment", "shape_of", "waveform"]

KINDS = ("column", "root", "lissauer")
"""Kinds of fibre that have a recruitment curve; see `dhmodel.stimulation.cord.KINDS`."""

_POINTS = 150


def only(schedule: Schedule, channel: int, number: int | None = None) -> Schedule:
    """The first `number` pulses of a channel (all of them by default), with all shapes and channels."""
    own = np.flatnonzero(schedule.channel == channel)[:number]
    return replace(
        schedule,
        times=schedule.times[own],
        scale=schedule.scale[own],
        shape=schedule.shape[own],
        channel=schedule.channel[own],
    )


def waveform(schedule: Schedule, amperes: Floats, start: float, stop: float) -> tuple[Floats, Floats]:
    """
    Piecewise constant current of every channel over [start, stop) s.

    Returns
    -------
    time : ndarray of float64, shape (steps,)
        When each current begins, in s; the last is `stop`, where nothing new begins.
    current : ndarray of float64, shape (steps, channels)
        In A, negative where cathodic.
    """
    pieces = segments(schedule, amperes, start, stop)
    edges = start + np.append(0.0, np.cumsum(pieces.duration))
    current = np.concatenate([pieces.current, pieces.current[-1:]])
    # quiet time is cut into pieces that are of no interest here
    new = np.append(True, (np.diff(current, axis=0) != 0).any(axis=1))
    new[-1] = True
    return edges[new], current[new]


def event(schedule: Schedule, amperes: Floats, channel: int) -> tuple[Floats, Floats, float]:
    """
    The first pulse or burst of a channel, as it would be without the other channels.

    Returns
    -------
    time, current : ndarray of float64, shape (steps,)
        As in `waveform`, from the onset on, the recovery of charge included.
    stimulating : float
        From the onset to the end of the last stimulating phase, in s.
    """
    number = schedule.channels[channel].pulses_per_burst
    first = only(schedule, channel, number)
    own = amperes[schedule.channel == channel][:number]
    onset, last = float(first.times[0]), first.shapes[first.shape[-1]]
    span = float(first.times[-1]) - onset
    time, current = waveform(first, own, onset, onset + span + last.extent)
    return time - onset, current[:, channel], span + float(last.width[0])


def shape_of(schedule: Schedule, channel: int) -> Shape:
    """The shape of the first pulse of a channel, to which its thresholds refer."""
    return schedule.shapes[only(schedule, channel, 1).shape[0]]


def grid(P: Mapping[str, float], schedule: Schedule, channel: int, at: Scales, current: float) -> Floats:
    """
    Currents in A, evenly spread on a logarithmic scale, that hold all of interest about a channel.

    That is: the thresholds of the scales, the amplitude used, and those of nearly all fibres of each kind.
    """
    pulse = schedule.channels[channel], shape_of(schedule, channel)
    most = max(float(np.quantile(reference_thresholds(P, *pulse, kind), 0.98)) for kind in KINDS)
    low, high = min(at.ecap, current, at.motor), max(most, current, at.motor)
    return np.geomspace(0.7 * low, 1.3 * high, _POINTS)


def recruitment(P: Mapping[str, float], schedule: Schedule, channel: int, currents: Floats) -> Floats:
    """Fraction of the fibres of each of `KINDS` that one pulse excites, shape (kinds, currents)."""
    given = schedule.channels[channel], shape_of(schedule, channel), currents
    return np.array([recruited(P, *given, kind) for kind in KINDS])


def growth(
    P: Mapping[str, float], fibres: CordFibres, schedule: Schedule, channel: int, currents: Floats
) -> Floats:
    """
    N1-P2 amplitude of the response to one pulse at rest, without any noise, in V.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    fibres : CordFibres
        Of the dorsal column.
    schedule : Schedule
    channel : int
    currents : ndarray of float64
        In A.
    """
    still, gains = replace(axon(P), noise=0.0), fibre_gains(P, fibres, schedule.channels)
    refractory = np.full(len(fibres), P["fibre.AB.refractory"])
    keys = np.zeros(len(fibres), dtype=np.uint64)
    response = at_rest(
        lambda: Bank(still, gains, refractory, keys), lead_recorder(P, fibres), only(schedule, channel, 1)
    )
    return np.array([response(float(current)) for current in currents])
