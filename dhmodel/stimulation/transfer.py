"""
How a fibre's rate follows force or temperature: transfer functions, by the names that ``stimuli.toml`` uses.

Each fibre has a threshold of its own, so that a weak stimulus recruits part of a class, and a rate that no
stimulus exceeds. Spikes of a weak stimulus are drawn from those of the strongest one, and are among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from dhmodel.errors import unknown
from dhmodel.even import even_normal
from dhmodel.stimulation.course import Press, Warming
from dhmodel.stimulation.trains import Floats

__all__ = ["TRANSFERS", "Heat", "Rapid", "Steady", "Transfer", "transfer"]


class Transfer(Protocol):
    """What every transfer function offers."""

    @property
    def ceiling(self) -> float:
        """Highest rate of any fibre, in Hz."""

    def thresholds(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw the thresholds of n fibres."""

    def rate(self, course: Any, times: Floats, thresholds: Floats) -> Floats:
        """Rate in Hz of fibres of these thresholds at these times; at most the ceiling."""


@dataclass(frozen=True)
class Steady:
    """
    Rate in proportion to the force above the threshold, up to a plateau.

    Attributes
    ----------
    threshold : float
        Median over fibres, in N.
    spread : float
        Standard deviation of its natural logarithm.
    slope : float
        In Hz/N.
    span : float
        Force above its own threshold from which the rate of a fibre rises no more, in N.
    sensitivity : float
        Factor on every force; below 1 for desensitised fibres.
    """

    threshold: float
    spread: float
    slope: float
    span: float
    sensitivity: float

    @property
    def ceiling(self) -> float:
        """Highest rate of any fibre, in Hz."""
        return self.slope * self.span

    def thresholds(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw the thresholds of n fibres."""
        return self.threshold * np.exp(self.spread * even_normal(rng, n))

    def rate(self, course: Press, times: Floats, thresholds: Floats) -> Floats:
        """Rate in Hz under a press."""
        return self.slope * self._above(course.at(times), thresholds)

    def _above(self, force: Floats, thresholds: Floats) -> Floats:
        return np.clip(self.sensitivity * force - thresholds, 0.0, self.span)


@dataclass(frozen=True)
class Rapid(Steady):
    """As `Steady` of the force of the press, but only while the force rises or falls."""

    def rate(self, course: Press, times: Floats, thresholds: Floats) -> Floats:
        """Rate in Hz under a press."""
        full = self.slope * self._above(np.full(times.shape, course.force), thresholds)
        return np.where(course.moving(times), full, 0.0)


@dataclass(frozen=True)
class Heat:
    """
    Rate by the temperature above the threshold and the speed of warming there.

    Attributes
    ----------
    threshold, spread : float
        Mean over fibres and standard deviation, in degC.
    static : float
        In Hz/degC above the threshold.
    dynamic : float
        In Hz per degC/s of warming above the threshold.
    slowest : float
        Speed of warming that is too slow to add to the rate, in degC/s.
    highest : float
        Rate in Hz that is not exceeded.
    """

    threshold: float
    spread: float
    static: float
    dynamic: float
    slowest: float
    highest: float

    @property
    def ceiling(self) -> float:
        """Highest rate of any fibre, in Hz."""
        return self.highest

    def thresholds(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw the thresholds of n fibres."""
        return self.threshold + self.spread * even_normal(rng, n)

    def rate(self, course: Warming, times: Floats, thresholds: Floats) -> Floats:
        """Rate in Hz under a ramp of temperature."""
        above = course.at(times) - thresholds
        rate = self.static * above + self.dynamic * np.maximum(course.change(times) - self.slowest, 0.0)
        return np.where(above > 0, np.minimum(rate, self.highest), 0.0)


TRANSFERS: Mapping[str, type[Steady] | type[Heat]] = {"steady": Steady, "rapid": Rapid, "heat": Heat}


def transfer(P: Mapping[str, float], name: str, group: str) -> Transfer:
    """
    Make the transfer function of that name from the parameters ``<group>.<attribute>``.

    Raises
    ------
    InputError
        No such function.
    """
    if name not in TRANSFERS:
        raise unknown("transfer function", name, TRANSFERS)
    chosen = TRANSFERS[name]
    return chosen(**{one.name: P[f"{group}.{one.name}"] for one in fields(chosen)})
