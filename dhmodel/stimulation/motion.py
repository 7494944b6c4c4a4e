"""
How the distance between lead and cord changes while the patient moves.

Each movement is a relative change of the thickness of the fluid between lead and cord, over time: 0.1 makes
it 10 % thicker. Movements are independent and multiply: thickness = rest * (1 + first) * (1 + second) * ...
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from dhmodel.errors import InputError, unknown
from dhmodel.stimulation.trains import Floats
from dhmodel.streams import stream

__all__ = [
    "POSTURES",
    "Coughs",
    "Motion",
    "Movement",
    "Postures",
    "Rhythm",
    "motion",
    "multiplier",
    "tabulated",
]

POSTURES = ("sitting", "lying", "standing", "walking")
_POINTS = 10  # distances at which a costly coupling is tabulated
_CLOSEST = 0.05  # of the resting thickness: nearer than this the lead never comes


class Movement(Protocol):
    """A relative change of the thickness at given times (s), above -1."""

    def __call__(self, times: Floats) -> Floats: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Postures:
    """
    Postures by timetable.

    Attributes
    ----------
    starts : ndarray of float64, shape (postures,)
        Begin of each in s, ascending; the first holds before its begin too.
    change : ndarray of float64, shape (postures,)
        Relative change of the thickness in each.
    transition : float
        Time in s that each change takes, on a half cosine.
    """

    starts: Floats
    change: Floats
    transition: float

    def __call__(self, times: Floats) -> Floats:
        """Relative change at `times`."""
        done = np.clip((times[:, None] - self.starts[1:]) / self.transition, 0.0, 1.0)
        return self.change[0] + (1 - np.cos(np.pi * done)) / 2 @ np.diff(self.change)


@dataclass(frozen=True, eq=False)
class Rhythm:
    """
    A sway that repeats, though not like clockwork: breath, heartbeat, steps.

    Attributes
    ----------
    beats : ndarray of float64, shape (cycles,)
        Begin of each cycle in s, ascending.
    amplitude : float
        Relative change at the crest; as much below at the trough.
    active : ndarray of float64, shape (spans, 2)
        When it goes on, in s.
    """

    beats: Floats
    amplitude: float
    active: Floats

    def __call__(self, times: Floats) -> Floats:
        """Relative change at `times`."""
        phase = np.interp(times, self.beats, np.arange(self.beats.size))
        on = ((times[:, None] >= self.active[:, 0]) & (times[:, None] < self.active[:, 1])).any(axis=1)
        return np.where(on, self.amplitude * np.sin(2 * np.pi * phase), 0.0)


@dataclass(frozen=True, eq=False)
class Coughs:
    """
    Brief transients, each a full cosine bump; those that overlap add up to no more than the deepest.

    Attributes
    ----------
    onsets : ndarray of float64, shape (coughs,)
        In s.
    amplitude : float
        Relative change at the height of a cough.
    duration : float
        In s.
    """

    onsets: Floats
    amplitude: float
    duration: float

    def __call__(self, times: Floats) -> Floats:
        """Relative change at `times`."""
        done = np.clip((times[:, None] - self.onsets) / self.duration, 0.0, 1.0)
        return self.amplitude * ((1 - np.cos(2 * np.pi * done)) / 2).max(axis=1, initial=0.0)


@dataclass(frozen=True, eq=False)
class Motion:
    """
    Everything that moves the lead.

    Attributes
    ----------
    rest : float
        Thickness of the fluid at rest (sitting), in m.
    parts : sequence of Movement
        Any of the classes of this module, or a function of the times.
    """

    rest: float
    parts: Sequence[Movement]

    def distance(self, times: Floats) -> Floats:
        """
        Thickness of the fluid at `times` (s), in m.

        Raises
        ------
        InputError
            A movement takes all of it away.
        """
        times = np.asarray(times, dtype=np.float64)
        factor = np.ones(times.shape)
        for part in self.parts:
            factor = factor * (1 + part(times))
        if times.size and not factor.min() > _CLOSEST:
            raise InputError(
                f"motion: the lead comes to {max(factor.min(), 0):.2g} of its distance at rest, "
                f"allowed: above {_CLOSEST:g}; lower the amplitudes of motion.*"
            )
        return self.rest * factor


def motion(
    P: Mapping[str, float],
    rest: float,
    duration: float,
    seed: int,
    replicate: int,
    timetable: Sequence[tuple[float, str]] | None = None,
) -> Motion:
    """
    Posture, steps, breath, heartbeat and coughs from time 0 on.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters; group ``motion``.
    rest : float
        Thickness of the fluid at rest, in m.
    duration : float
        In s.
    seed, replicate : int
        Of the streams ``motion.breathing``, ``motion.heartbeat``, ``motion.step`` and ``motion.cough``.
    timetable : sequence of (float, str), optional
        Begin in s and posture, ascending; by default each posture in turn, for ``motion.dwell`` each.

    Returns
    -------
    Motion

    Raises
    ------
    InputError
        Unknown posture, or a timetable that is empty or not ascending.
    """
    if timetable is None:
        turns = max(int(np.ceil(duration / P["motion.dwell"])), 1)
        timetable = [(i * P["motion.dwell"], POSTURES[i % len(POSTURES)]) for i in range(turns)]
    starts = _starts(timetable)
    names = [name for _, name in timetable]
    change = np.array([0.0 if name == "sitting" else P[f"motion.{name}"] for name in names])
    ends = np.append(starts[1:], np.inf)
    walking = np.array([[a, b] for a, b, name in zip(starts, ends, names, strict=True) if name == "walking"])
    always = np.array([[-np.inf, np.inf]])
    rhythm = partial(_rhythm, P, duration=duration, seed=seed, replicate=replicate)
    return Motion(
        rest,
        (
            Postures(starts, change, P["motion.transition"]),
            rhythm("step", active=walking.reshape(-1, 2)),
            rhythm("breathing", active=always),
            rhythm("heartbeat", active=always),
            _coughs(P, duration, seed, replicate),
        ),
    )


def multiplier(coupling: Callable[[Floats], Floats], distance: Floats, rest: float) -> Floats:
    """
    What a current is worth at a distance, as a multiple of what it is worth at rest.

    Parameters
    ----------
    coupling : callable
        Distance (m, any shape) to effect per ampere, in any unit: one over the threshold of the median fibre.
    distance : ndarray of float64
        In m.
    rest : float
        In m.

    Returns
    -------
    ndarray of float64
        Of the shape of `distance`.
    """
    return coupling(distance) / coupling(np.array([rest]))[0]


def tabulated(coupling: Callable[[float], float], low: float, high: float) -> Callable[[Floats], Floats]:
    """
    Make a costly coupling cheap: a table from `low` to `high` (m), interpolated on logarithmic scales.

    Raises
    ------
    InputError
        The bounds are not positive and ascending, or the coupling is not positive.
    """
    if not 0 < low < high:
        raise InputError(f"coupling: got distances {low:g} to {high:g} m, needs positive ascending ones")
    grid = np.geomspace(low, high, _POINTS)
    values = np.array([coupling(float(distance)) for distance in grid])
    if not (np.isfinite(values) & (values > 0)).all():
        raise InputError("coupling: must be positive and finite at every distance")

    def interpolated(distance: Floats) -> Floats:
        return np.exp(np.interp(np.log(distance), np.log(grid), np.log(values)))

    return interpolated


def _starts(timetable: Sequence[tuple[float, str]]) -> Floats:
    for _, name in timetable:
        if name not in POSTURES:
            raise unknown("posture", name, POSTURES)
    starts = np.array([start for start, _ in timetable], dtype=np.float64)
    if not starts.size or not np.isfinite(starts).all() or (np.diff(starts) <= 0).any():
        raise InputError("timetable of postures: needs one or more finite, ascending times")
    return starts


def _rhythm(
    P: Mapping[str, float], name: str, active: Floats, duration: float, seed: int, replicate: int
) -> Rhythm:
    """Cycles of varying length; the first began at random before time 0."""
    frequency = P[f"motion.{name}.frequency"]
    if frequency == 0:
        return Rhythm(np.array([0.0, 1.0]), 0.0, active)
    rng = stream(seed, replicate, f"motion.{name}")
    begin = -rng.random() / frequency
    number = int(np.ceil(1.5 * duration * frequency)) + 10
    cycles = np.maximum(1 + P["motion.rhythm_spread"] * rng.standard_normal(number), 0.1) / frequency
    return Rhythm(begin + np.append(0.0, np.cumsum(cycles)), P[f"motion.{name}.amplitude"], active)


def _coughs(P: Mapping[str, float], duration: float, seed: int, replicate: int) -> Coughs:
    rng, rate = stream(seed, replicate, "motion.cough"), P["motion.cough.rate"]
    # drawn one after the other, so that a longer run begins like a shorter one
    onsets: list[float] = []
    time = rng.exponential(1 / rate) if rate > 0 else np.inf
    while time < duration:
        onsets.append(time)
        time += rng.exponential(1 / rate)
    return Coughs(np.array(onsets), P["motion.cough.amplitude"], P["motion.cough.duration"])
