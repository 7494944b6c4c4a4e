"""
When pulses begin: regular, jittered, sinusoidal and Poisson trains, ON/OFF cycling, and bursts.

Each function does one of these, and knows neither parameters nor currents. Trains begin at zero and run on
the clock of the ON periods; `cycled` puts them into real time, and `in_bursts` makes a burst of each event.
"""

import math

import numpy as np

from dhmodel.stimulation import patterns
from dhmodel.stimulation.trains import Floats

# 2 ** -60 of the bracket is below the precision of a time
_BISECTIONS = 60

# a time this close to the begin of an ON period lies in it, in periods
_NEAR = 1e-9


def regular(frequency: float, start: float, stop: float) -> Floats:
    """Times in s of events at a fixed frequency in Hz from `start` on, all before `stop`; none at 0 Hz."""
    if frequency == 0:
        return np.empty(0)
    times = start + np.arange(max(0, math.ceil((stop - start) * frequency) + 1)) / frequency
    return times[times < stop]


def jittered(
    rng: np.random.Generator, frequency: float, spread: float, shortest: float, stop: float
) -> Floats:
    """
    Events in [0, stop) s whose intervals are independent and normal, the first at zero.

    Parameters
    ----------
    rng : numpy.random.Generator
    frequency : float
        In Hz.
    spread : float
        Standard deviation of an interval, relative to its mean.
    shortest : float
        Shorter intervals are lengthened to this, in s.
    stop : float
        In s. A longer train begins like a shorter one.
    """
    expected = frequency * max(stop, 0.0)
    number = math.ceil(expected + 10 * spread * math.sqrt(expected)) + 10
    intervals = np.maximum((1 + spread * rng.standard_normal(number)) / frequency, shortest)
    times = np.concatenate([[0.0], np.cumsum(intervals)])
    return times[times < stop]


def sinusoidal(frequency: float, depth: float, modulation: float, stop: float) -> Floats:
    """
    Events in [0, stop) s at the rate ``frequency * (1 + depth * sin(2 pi modulation t))``, the first at zero.

    Event k comes where the integral of the rate is k: found by bisection, since depth is at most 1 and the
    integral never falls. `frequency`, `modulation` and the rate are in Hz.
    """
    swing = depth / (2 * math.pi * modulation)

    def lead(times: Floats) -> Floats:
        """How much further the integral is than that of a regular train, in s."""
        return swing * (1 - np.cos(2 * math.pi * modulation * times))

    even = regular(frequency, 0.0, stop + 2 * swing)
    low, high = np.maximum(even - 2 * swing, 0.0), even
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        early = middle + lead(middle) < even
        low, high = np.where(early, middle, low), np.where(early, high, middle)
    return high[high < stop]


def poisson(rng: np.random.Generator, frequency: float, dead: float, stop: float) -> Floats:
    """
    Events in [0, stop) s of a Poisson process with a dead time in s, of mean rate `frequency` in Hz.

    A longer train begins like a shorter one.
    """
    return patterns.poisson(rng, 1, frequency, dead, 0.0, stop)[0]


def on_time(span: float, on: float, off: float) -> float:
    """How much of the first `span` s of ON/OFF cycling is ON, in s; all of it where `off` is 0."""
    if off == 0:
        return max(span, 0.0)
    cycles, rest = divmod(max(span, 0.0), on + off)
    return cycles * on + min(rest, on)


def cycled(times: Floats, on: float, off: float) -> Floats:
    """Times on the clock of the ON periods, in real time: `off` s later for each period of `on` s before."""
    if off == 0:
        return times
    return times + off * np.floor(times / on + _NEAR)


def in_bursts(times: Floats, number: int, frequency: float) -> Floats:
    """Replace each time by a burst of `number` events at `frequency` Hz, shape (times * number,)."""
    return np.add.outer(times, np.arange(number) / frequency).ravel()
