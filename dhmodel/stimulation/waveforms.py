"""Current waveforms: the shape of a pulse, pulses in time, and the piecewise constant currents they make."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dhmodel.stimulation.trains import Floats, Indices

# passive recovery is cut off after this many time constants, and drawn as so many rectangles of equal charge
_CUTOFF = 5.0
_RECTANGLES = 4

# the response of a fibre peaks after the end of a phase: where quiet time after one is looked at, in s
_LOOKS = (20e-6, 60e-6, 160e-6)

# edges nearer to each other than this are one, in s
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Shape:
    """
    The current of one pulse: rectangular phases that do not overlap, in ascending order.

    Attributes
    ----------
    start, width : ndarray of float64, shape (phases,)
        Begin of each phase after the onset of the pulse, and how long it lasts, in s.
    level : ndarray of float64, shape (phases,)
        Current of each phase relative to the pulse's amplitude, negative where cathodic: -1 in the first,
        stimulating phase of a cathodic pulse, +1 in that of an anodic one.
    """

    start: Floats
    width: Floats
    level: Floats

    @property
    def extent(self) -> float:
        """Time from the onset of the pulse to the end of its last phase, in s."""
        return float(self.start[-1] + self.width[-1])

    @property
    def net(self) -> float:
        """Charge that remains after the pulse, in s times its amplitude; 0 where it is balanced."""
        return float(self.level @ self.width)


@dataclass(frozen=True)
class Channel:
    """
    A current source of the stimulator.

    Attributes
    ----------
    name : str
        Group of its parameters, such as ``"dtm.low"``.
    contacts : mapping of {int : float}
        Contact of the lead, counted from the one over the stimulated level, to its fraction of the channel's
        current. The positive ones sum to 1: they carry the current with the sign of `Shape.level`. Those that
        return it are negative.
    pulses_per_burst : int
        Pulses between two recoveries of charge; 1 where there are no bursts.
    """

    name: str
    contacts: Mapping[int, float]
    pulses_per_burst: int = 1


@dataclass(frozen=True, eq=False)
class Schedule:
    """
    Every pulse that a stimulator sends.

    Attributes
    ----------
    times : ndarray of float64, shape (pulses,)
        Onsets in s from the end of the warm-up, ascending; pulses of different channels may coincide.
    scale : ndarray of float64, shape (pulses,)
        Amplitude of each pulse relative to the nominal one of its channel, 1 for most.
    shape, channel : ndarray of int64, shape (pulses,)
        Index into `shapes` and `channels`.
    shapes : tuple of Shape
    channels : tuple of Channel
    """

    times: Floats
    scale: Floats
    shape: Indices
    channel: Indices
    shapes: tuple[Shape, ...]
    channels: tuple[Channel, ...]

    def __len__(self) -> int:
        return self.times.size


@dataclass(frozen=True, eq=False)
class Segments:
    """
    Currents that are constant for a while, without gaps from `start` on.

    Attributes
    ----------
    start : float
        Begin of the first segment, in s.
    duration : ndarray of float64, shape (segments,)
        In s, all positive.
    current : ndarray of float64, shape (segments, channels)
        In A, negative where cathodic.
    pulse : ndarray of int64, shape (segments,)
        The pulse that is on or was last, -1 before the first; of pulses that overlap, the later one.
    """

    start: float
    duration: Floats
    current: Floats
    pulse: Indices


def monophasic(sign: float, width: float) -> Shape:
    """A rectangular pulse of `width` s, its charge not recovered; `sign` is -1 (cathodic) or 1 (anodic)."""
    return Shape(np.array([0.0]), np.array([width]), np.array([float(sign)]))


def active(sign: float, width: float, gap: float = 0.0, ratio: float = 1.0) -> Shape:
    """A pulse and, after `gap` s, a counter-pulse of `ratio` times its current that recovers its charge."""
    phases = np.array([0.0, width + gap]), np.array([width, width / ratio])
    return Shape(*phases, np.array([sign, -sign * ratio]))


def passive(sign: float, width: float, gap: float, pulses: int, tau: float, longest: float) -> Shape:
    """
    A pulse after which the charge of `pulses` such pulses flows back from the output capacitor.

    The exponential discharge is drawn as rectangles of equal charge, and all charge is recovered.

    Parameters
    ----------
    sign, width, gap : float
        As in `active`; `width` and `gap` in s.
    pulses : int
        How many pulses have charged the capacitor, this one included.
    tau : float
        Time constant of the discharge, in s.
    longest : float
        When the discharge is cut off at the latest, in s after its begin; at most 5 time constants are used.
    """
    cutoff = min(_CUTOFF * tau, longest)
    lost = np.linspace(0, -np.expm1(-cutoff / tau), _RECTANGLES + 1)
    edges = np.append(-tau * np.log1p(-lost[:-1]), cutoff)
    widths = np.diff(edges)
    return Shape(
        np.concatenate([[0.0], width + gap + edges[:-1]]),
        np.concatenate([[width], widths]),
        np.concatenate([[sign], -sign * pulses * width / _RECTANGLES / widths]),
    )


def segments(schedule: Schedule, amperes: Floats, start: float, stop: float) -> Segments:
    """
    Write pulses as piecewise constant currents over [start, stop) s.

    Parameters
    ----------
    schedule : Schedule
    amperes : ndarray of float64, shape (pulses,)
        Nominal amplitude of each pulse in A, not negative: its current is ``amperes * scale * level``.
        Only the pulses that reach into the span need one.
    start, stop : float
        In s.

    Returns
    -------
    Segments
        Quiet time after a phase is split at 20, 60 and 160 us after its end, then lasts until the next edge.
    """
    phases = _phases(schedule, amperes, start, stop)
    edges = _edges(phases, start, stop)
    middle = (edges[:-1] + edges[1:]) / 2
    current = np.zeros((middle.size, len(schedule.channels)))
    for number in range(len(schedule.channels)):
        current[:, number] = _current(phases[:, phases[3] == number], middle)
    pulse = np.searchsorted(schedule.times, middle, side="right") - 1
    return Segments(start, np.diff(edges), current, pulse)


def _phases(schedule: Schedule, amperes: Floats, start: float, stop: float) -> Floats:
    """Begin, end, current and channel of every phase near [start, stop), shape (4, phases), by begin."""
    longest = max((shape.extent for shape in schedule.shapes), default=0.0) + _LOOKS[-1]
    span = slice(*np.searchsorted(schedule.times, [start - longest, stop]))
    times, channel, which = schedule.times[span], schedule.channel[span], schedule.shape[span]
    nominal = amperes[span] * schedule.scale[span]
    parts = [np.empty((4, 0))]
    for number, shape in enumerate(schedule.shapes):
        of = which == number
        for begin, width, level in zip(shape.start, shape.width, shape.level, strict=True):
            on = times[of] + begin
            parts.append(np.stack([on, on + width, level * nominal[of], channel[of]]))
    phases = np.concatenate(parts, axis=1)
    return phases[:, np.argsort(phases[0], kind="stable")]


def _edges(phases: Floats, start: float, stop: float) -> Floats:
    begin, end = phases[0], phases[1]
    following = np.append(begin, np.inf)[np.searchsorted(begin, end - _SAME)]
    looks = np.add.outer(np.array(_LOOKS), end)
    edges = np.concatenate([begin, end, looks[looks < following]])
    edges = np.sort(edges[(edges > start + _SAME) & (edges < stop - _SAME)])
    edges = edges[np.diff(edges, prepend=start) > _SAME]
    return np.concatenate([[start], edges, [stop]])


def _current(phases: Floats, times: Floats) -> Floats:
    """Current at each time of the phases of one channel, which do not overlap."""
    if not phases.size:
        return np.zeros(times.size)
    last = np.searchsorted(phases[0], times, side="right") - 1
    on = (last >= 0) & (times < phases[1][last])
    return np.where(on, phases[2][last], 0.0)
