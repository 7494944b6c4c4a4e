"""How a force or a temperature goes with time: what a test stimulus presents to the skin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dhmodel.stimulation.trains import Floats

__all__ = ["Press", "Warming"]


@dataclass(frozen=True, eq=False)
class Press:
    """
    Presses of one force: it rises and falls evenly within `rise`, and stays in between.

    Attributes
    ----------
    onsets : ndarray of float64, shape (presses,)
        In s, ascending; one press ends before the next begins.
    duration, rise : float
        Of one press, from the first touch to the last, and of each edge of it, in s.
    force : float
        In N.
    """

    onsets: Floats
    duration: float
    rise: float
    force: float

    def epochs(self) -> Floats:
        """Begin and end of each press, in s, shape (presses, 2)."""
        return np.stack([self.onsets, self.onsets + self.duration], axis=1)

    def at(self, times: Floats) -> Floats:
        """Force at these times, in N."""
        since = self._since(times)
        edge = np.minimum(since, self.duration - since) / self.rise if self.rise else np.ones_like(since)
        return np.where((since >= 0) & (since < self.duration), self.force * np.clip(edge, 0, 1), 0.0)

    def moving(self, times: Floats) -> NDArray[np.bool_]:
        """Tell whether the force rises or falls at these times."""
        since = self._since(times)
        touching = (since >= 0) & (since < self.duration)
        return touching & (np.minimum(since, self.duration - since) < self.rise)

    def _since(self, times: Floats) -> Floats:
        """Time since the latest onset, in s; negative before the first."""
        latest = np.searchsorted(self.onsets, times, side="right") - 1
        return np.where(latest >= 0, times - self.onsets[latest], -1.0)


@dataclass(frozen=True, eq=False)
class Warming:
    """
    The skin warmed from its own temperature at an even speed, held, and left.

    Attributes
    ----------
    onset : float
        Begin of the ramp, in s.
    base, target : float
        Temperature of the skin and at the end of the ramp, in degC. A lower target is a cooling.
    speed : float
        Of the ramp, in degC/s; positive.
    hold : float
        In s.
    """

    onset: float
    base: float
    target: float
    speed: float
    hold: float

    @property
    def reached(self) -> float:
        """End of the ramp, in s."""
        return self.onset + abs(self.target - self.base) / self.speed

    def epochs(self) -> Floats:
        """From the begin of the ramp to the end of the hold, in s, shape (1, 2)."""
        return np.array([[self.onset, self.reached + self.hold]])

    def at(self, times: Floats) -> Floats:
        """Temperature at these times, in degC."""
        knots = self.onset, self.reached, self.reached + self.hold
        along = np.interp(times, knots[:2], (self.base, self.target))
        return np.where(times < knots[2], along, self.base)

    def change(self, times: Floats) -> Floats:
        """Speed of warming at these times, in degC/s; negative while it cools, 0 off the ramp."""
        on = (times >= self.onset) & (times < self.reached)
        return np.where(on, np.sign(self.target - self.base) * self.speed, 0.0)
