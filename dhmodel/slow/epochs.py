"""
The loop of epochs: slow states move between epochs of the circuit, which measure what drives them.

An epoch is a run of the circuit, or of anything else, with the slow states held where they are: a function
from states to drives. Between two changes of the timetable (a `Stretch`) the states follow differential
equations with these drives. One step goes so far that no state that acts on the circuit moves by more than an
allowance: first with the drives of the epoch at its start, then, after an epoch at its end, with drives that
go from one to the other as the states do (a secant in place of the circuit: second order). The two answers
differ by the error of the step, which makes the allowance smaller or larger. A stretch in which nothing moves
costs one epoch, however long it is.

In between, each state relaxes towards a target that depends on other states at most. An exponential step is
exact where it does not; where it does, the target is that in the middle of the step (second order), and the
step is cut until the target at its beginning would have done.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import EngineError

__all__ = ["Drives", "Sample", "Stretch", "Track", "advance"]

type Floats = NDArray[np.float64]
type Drives = Mapping[str, float]

LARGEST = 10.0
"""Largest allowance, in units of the tolerance."""

FINEST = 0.5
"""Smallest allowance, in units of the tolerance; drives of a spiking circuit are no smoother than that."""

ACCURACY = 0.02
"""Error allowed to a step of the equations alone, in units of the tolerance."""

_SHORTEST = 1e-9  # of a stretch: a step of the equations that is not cut further


@dataclass(frozen=True, eq=False)
class Stretch:
    """
    Equations of motion between two changes of the timetable.

    Attributes
    ----------
    start, stop : float
        In s.
    rest, on, off, scale : ndarray of float64, shape (states,)
        Resting values; time constants in s away from rest and back; the range that counts as 1.
    acting : ndarray of bool, shape (states,)
        Which states an epoch depends on.
    field : callable
        From drives to a function from states to their targets, shape (states,).
    """

    start: float
    stop: float
    rest: Floats
    on: Floats
    off: Floats
    scale: Floats
    acting: NDArray[np.bool_]
    field: Callable[[Drives], Callable[[Floats], Floats]]


@dataclass(frozen=True, eq=False)
class Sample:
    """States, their error so far, and drives between those of two epochs, at one time in s."""

    time: float
    states: Floats
    error: Floats
    drives: Drives


@dataclass(frozen=True, eq=False)
class Track:
    """What `advance` found: samples at the times asked for, and states and error at the end."""

    samples: Sequence[Sample]
    states: Floats
    error: Floats


def advance(
    stretch: Stretch,
    states: Floats,
    error: Floats,
    epoch: Callable[[Floats], Drives],
    tolerance: float,
    times: Sequence[float] = (),
) -> Track:
    """
    Move slow states through one stretch.

    Parameters
    ----------
    stretch : Stretch
    states, error : ndarray of float64, shape (states,)
        At its start.
    epoch : callable
        From states to drives.
    tolerance : float
        Error allowed to one step, in units of `Stretch.scale`.
    times : sequence of float
        When to take samples, in s, ascending, from its start to its stop.

    Returns
    -------
    Track
        The error is the sum of those of all steps, each of which is forgotten as the states forget.

    Raises
    ------
    EngineError
        A state or a drive is not finite.
    """
    t, drives, allowance = stretch.start, _checked(epoch(states)), LARGEST * tolerance
    samples = [Sample(t, states, error, drives) for time in times if time <= t]
    left = [time for time in times if time > t]
    forget = np.maximum(stretch.on, stretch.off)
    while t < stretch.stop:
        end, guess = _predict(stretch, states, drives, t, allowance, tolerance)
        after = _checked(epoch(guess))
        secant = _Secant(stretch, states, guess, drives, after)
        here = [time for time in left if time <= end]
        path = _path(stretch, states, secant.field, [t, *here, end], tolerance)
        step = np.abs(path[-1] - guess) / stretch.scale
        worst = float(step.max(initial=0.0))
        if worst > tolerance and allowance > FINEST * tolerance:
            moved = _moved(stretch, states, guess)
            allowance = max(min(allowance, moved) / 2, FINEST * tolerance)
            continue
        for time, there in zip(here, path, strict=False):
            so_far = error * np.exp((t - time) / forget) + (time - t) / (end - t) * step
            samples.append(Sample(time, there, so_far, secant.drives(there)))
        error = error * np.exp((t - end) / forget) + step
        left, t, states, drives = left[len(here) :], end, path[-1], secant.drives(path[-1])
        if worst < tolerance / 4:
            allowance = min(2 * allowance, LARGEST * tolerance)
    return Track(samples, states, error)


def _checked(drives: Drives) -> Drives:
    for name, value in drives.items():
        if not np.isfinite(value):
            raise EngineError(f"slow states: the drive {name} is not finite")
    return drives


class _Secant:
    """What the circuit does between two epochs: on the way from the states of one to those of the other."""

    def __init__(self, stretch: Stretch, begin: Floats, end: Floats, before: Drives, after: Drives):
        self._begin, self._before, self._after = begin, before, after
        way = np.where(stretch.acting, (end - begin) / stretch.scale**2, 0.0)
        length = float(way @ (end - begin))
        self._along = way / length if length > 0 else way
        self._fields = stretch.field(before), stretch.field(after)

    def _share(self, states: Floats) -> float:
        return min(max(float(self._along @ (states - self._begin)), 0.0), 1.0)

    def field(self, states: Floats) -> Floats:
        """Targets at these states."""
        share, (one, other) = self._share(states), self._fields
        mixed: Floats = (1 - share) * one(states) + share * other(states)
        return mixed

    def drives(self, states: Floats) -> Drives:
        """Drives at these states."""
        share = self._share(states)
        return {name: (1 - share) * value + share * self._after[name] for name, value in self._before.items()}


def _moved(stretch: Stretch, states: Floats, later: Floats) -> float:
    """How far the states that act have moved, in units of their scale."""
    return float((np.abs(later - states) / stretch.scale)[stretch.acting].max(initial=0.0))


def _predict(
    stretch: Stretch, states: Floats, drives: Drives, t: float, allowance: float, tolerance: float
) -> tuple[float, Floats]:
    """Time and states where the first acting state has moved by the allowance, or at the end."""
    field = stretch.field(drives)
    here, reached = states, t
    step = stretch.stop - t
    while reached < stretch.stop:
        step = min(step, stretch.stop - reached, _time_to(stretch, field, states, here, allowance))
        taken, here, step = _try(stretch, field, here, step, tolerance)
        reached = stretch.stop if reached + taken >= stretch.stop * (1 - 1e-15) else reached + taken
        if _moved(stretch, states, here) >= allowance * (1 - 1e-6):
            break
    return reached, here


def _path(
    stretch: Stretch,
    states: Floats,
    field: Callable[[Floats], Floats],
    times: Sequence[float],
    tolerance: float,
) -> list[Floats]:
    """States at each time after the first."""
    found = []
    for begin, end in zip(times, times[1:], strict=False):
        left, step = end - begin, end - begin
        while left > 0:
            taken, states, step = _try(stretch, field, states, min(step, left), tolerance)
            left = left - taken if taken < left else 0.0
        found.append(states)
    return found


def _try(
    stretch: Stretch, field: Callable[[Floats], Floats], states: Floats, step: float, tolerance: float
) -> tuple[float, Floats, float]:
    """One step of the equations, cut until it needs no more: its length, where it leads, the next length."""
    target = field(states)
    while True:
        whole = _relax(stretch, target, states, step)
        middle = _relax(stretch, target, states, step / 2)
        better = _relax(stretch, field(middle), states, step)
        worst = float((np.abs(better - whole) / stretch.scale).max(initial=0.0))
        if not np.isfinite(worst):
            raise EngineError("slow states: a state is not finite")
        if worst <= ACCURACY * tolerance or step <= _SHORTEST * stretch.stop:
            return step, better, 2 * step
        step /= 2


def _relax(stretch: Stretch, target: Floats, states: Floats, step: float) -> Floats:
    return target + (states - target) * np.exp(-step / _constants(stretch, target, states))


def _constants(stretch: Stretch, target: Floats, states: Floats) -> Floats:
    """Time constants: `on` away from rest, `off` towards it."""
    away = (target - states) * (states - stretch.rest) >= 0
    return np.where(away, stretch.on, stretch.off)


def _time_to(
    stretch: Stretch, field: Callable[[Floats], Floats], begin: Floats, states: Floats, allowance: float
) -> float:
    """Time until the first acting state is `allowance` away from `begin`, targets held; s."""
    target = field(states)
    gap = target - states
    bound = begin + np.sign(gap) * allowance * stretch.scale
    with np.errstate(over="ignore"):  # what hardly moves takes for ever
        share = np.divide(bound - states, gap, out=np.full(gap.shape, np.inf), where=gap != 0)
    hits = stretch.acting & (share < 1)
    if not hits.any():
        return np.inf
    tau = _constants(stretch, target, states)[hits]
    return float(max((-tau * np.log1p(-np.maximum(share[hits], 0))).min(), _SHORTEST * stretch.stop))
