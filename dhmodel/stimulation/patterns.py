"""
Random discharge patterns of many alike, independent units.

Each function returns the spike times (s) and the index of the unit of each spike. Nothing here knows of
fibres or parameters. The rate that is asked for is the mean rate that comes out, refractory period
included.
"""

from collections.abc import Callable

import numpy as np

from dhmodel.errors import InputError
from dhmodel.stimulation.trains import Floats, Indices

type Spikes = tuple[Floats, Indices]

# intervals within a burst are spread evenly over the mean +- this fraction: rhythmic, but not in step
_BURST_SPREAD = 0.2


def nothing() -> Spikes:
    """No spikes."""
    return np.empty(0), np.empty(0, dtype=np.int64)


def poisson(
    rng: np.random.Generator, n: int, rate: float, refractory: float, start: float, stop: float
) -> Spikes:
    """
    Stationary Poisson discharge with a dead time, of `n` units over [start, stop) s.

    Intervals are `refractory` plus an exponential whose mean makes the total 1 / rate; the first is a draw
    from the equilibrium distribution, so the expected rate is the same at every moment.

    Raises
    ------
    InputError
        The rate is negative, or cannot be reached with this refractory period.
    """
    if rate == 0 or n == 0 or stop <= start:
        return nothing()
    mean = _mean_free_interval(1 / rate, refractory, f"a rate of {rate:g} Hz")
    waiting = rng.random(n) < refractory * rate
    first = start + rng.exponential(mean, n) + waiting * rng.uniform(0, refractory, n)
    return _unroll(first, lambda shape: refractory + rng.exponential(mean, shape), rate, stop)


def thinned(
    rng: np.random.Generator,
    n: int,
    ceiling: float,
    rate: Callable[[Floats, Indices], Floats],
    refractory: float,
    start: float,
    stop: float,
) -> Spikes:
    """
    Discharge at a rate that changes with time, of `n` units over [start, stop) s.

    Each spike of a discharge at `ceiling` stays with the probability rate / ceiling (Lewis and Shedler 1979
    Naval Res Logist 26:403), so that the spikes at a lower rate are among those at a higher one.

    Parameters
    ----------
    rate : callable
        Of times (s) and units, arrays of one shape, to the rates there in Hz, at most `ceiling`.

    Raises
    ------
    InputError
        As `poisson`, of the ceiling.
    """
    times, units = poisson(rng, n, ceiling, refractory, start, stop)
    kept = rng.random(times.size) * ceiling < rate(times, units)
    return times[kept], units[kept]


def bursts(
    rng: np.random.Generator,
    n: int,
    rate: float,
    spikes_per_burst: float,
    rate_in_burst: float,
    refractory: float,
    start: float,
    stop: float,
) -> Spikes:
    """
    Irregular bursts of rhythmic spikes, of `n` units over [start, stop) s.

    A burst holds a geometrically distributed number of spikes with mean `spikes_per_burst`, at about
    `rate_in_burst`; pauses are the refractory period plus an exponential that makes the mean rate `rate`.

    Raises
    ------
    InputError
        The rate is negative, or cannot be reached with these bursts.
    """
    if rate == 0 or n == 0 or stop <= start:
        return nothing()
    within = 1 - 1 / spikes_per_burst
    mean_pause = (1 / rate - within / rate_in_burst) * spikes_per_burst
    mean = _mean_free_interval(
        mean_pause, refractory, f"a rate of {rate:g} Hz in bursts of {rate_in_burst:g} Hz"
    )

    def intervals(shape: tuple[int, ...]) -> Floats:
        pause = refractory + rng.exponential(mean, shape)
        rhythm = rng.uniform(1 - _BURST_SPREAD, 1 + _BURST_SPREAD, shape) / rate_in_burst
        return np.where(rng.random(shape) < within, rhythm, pause)

    settled = start - 5 * mean_pause  # what happened five pauses ago no longer shows
    times, units = _unroll(settled + intervals((n,)), intervals, rate, stop)
    inside = times >= start
    return times[inside], units[inside]


def strokes(
    rng: np.random.Generator,
    n: int,
    rate: float,
    frequency: float,
    contact: float,
    refractory: float,
    start: float,
    stop: float,
) -> Spikes:
    """
    Discharge while a brush touches each unit's spot on its way across, of `n` units over [start, stop) s.

    A stroke lasts 1 / frequency; it touches each spot for the fraction `contact` of that, the spots one
    after the other in the order of the units, the first from the beginning of the stroke and the last until
    its end. A stroke begins at time zero. While touched, a unit fires as in `poisson`.

    Raises
    ------
    InputError
        As `poisson`.
    """
    if frequency == 0 or contact == 0 or stop <= start:
        return nothing()
    first, last = np.floor(start * frequency) - 1, np.ceil(stop * frequency)
    touch = contact / frequency
    touched, units = poisson(rng, n, rate, refractory, 0.0, (last - first) * touch)
    stroke = np.floor(touched / touch)
    place = units / max(n - 1, 1) * (1 - contact)
    times = (first + stroke + place) / frequency + touched - stroke * touch
    inside = (times >= start) & (times < stop)
    return times[inside], units[inside]


def shocks(rng: np.random.Generator, onsets: Floats, delays: Floats, jitter: float) -> Spikes:
    """
    One spike per unit and shock, of units whose spikes take `delays` s to arrive.

    Each arrives early or late by the fraction `jitter` (sd) of its delay, but never before the shock.
    """
    travel = 1 + jitter * rng.standard_normal((delays.size, onsets.size))
    times = onsets + delays[:, None] * np.maximum(travel, 0.0)
    return times.ravel(), np.repeat(np.arange(delays.size), onsets.size)


def _mean_free_interval(interval: float, refractory: float, what: str) -> float:
    """Mean of the exponential part of an interval; refuses what no interval can give."""
    if not refractory < interval < np.inf:
        raise InputError(f"{what} cannot be reached with a refractory period of {1e3 * refractory:g} ms")
    return interval - refractory


def _unroll(
    first: Floats, intervals: Callable[[tuple[int, ...]], Floats], rate: float, stop: float
) -> Spikes:
    """Spikes before `stop`, from the first of each unit on, by intervals until all units are past it."""
    expected = rate * max(stop - first.min(), 0.0)
    width = int(expected + 6 * np.sqrt(expected)) + 8
    times = first[:, None]
    while times[:, -1].min() < stop:
        later = times[:, -1:] + np.cumsum(intervals((first.size, width)), axis=1)
        times = np.concatenate([times, later], axis=1)
    kept = times < stop
    return times[kept], np.nonzero(kept)[0]
