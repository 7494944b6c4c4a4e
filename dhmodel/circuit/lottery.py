"""Choosing the sources of every target: without repetition, by their weights, in circuits of any size.

Two ways to draw from the same distribution. The lottery gives every pair of target and unit a ticket, whose
cost grows with the square of the circuit's size; its memory does not, for it goes through the targets in
blocks, with the same draws as in one piece. Where pairs are many, units are drawn evenly and accepted in
proportion to their weight until every target has enough, whose cost grows with the number of synapses. Both
are successive draws without repetition (Efraimidis and Spirakis 2006 Inf Process Lett 97:181).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MANY", "Space", "choose"]

type Array = NDArray[np.float64]
type Indices = NDArray[np.int64]

#: Pairs of target and unit above which units are drawn and accepted instead.
MANY = 4_000_000

#: Tickets per block of the lottery.
BLOCK = 2**20

#: Draws and acceptance: units tried per source that a target needs, in one round; the least share of tries
#: that must succeed, else the lottery is cheaper; and the units in reach per source, else repeats prevail.
TRIES, SUCCESS, REACH = 4, 0.02, 4.0

#: Least weight of a unit in the middle of a gap: unlikely, but not impossible.
FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class Space:
    """Where targets and units lie, and who is how likely to be chosen.

    Attributes
    ----------
    targets, units : ndarray of float64
        Somatotopic positions.
    width, gap : float
        A unit at the distance d has the weight exp(-d^2/(2 width^2)), times 1 - exp(-d^2/(2 gap^2)) if `gap`
        is not 0.
    itself : bool
        Whether targets and units are the same cells; none is chosen by itself.
    """

    targets: Array
    units: Array
    width: float
    gap: float
    itself: bool

    def preference(self, far: Array) -> Array:
        """Logarithm of the weight of units at distances `far`, of the same shape."""
        preference: Array = -((far / self.width) ** 2) / 2
        if self.gap:
            preference += np.log(np.maximum(-np.expm1(-((far / self.gap) ** 2) / 2), FLOOR))
        return preference


def choose(rng: np.random.Generator, space: Space, in_degree: int) -> Indices:
    """Choose `in_degree` units per target.

    Returns
    -------
    ndarray of int64, shape (targets, in_degree)
        Nobody twice where there are enough; else everyone about equally often.
    """
    if space.targets.size * space.units.size > MANY and _in_reach(space, in_degree):
        return _drawn(rng, space, in_degree)
    return _lottery(rng, space, in_degree)


def _lottery(rng: np.random.Generator, space: Space, in_degree: int) -> Indices:
    number = space.units.size
    rows, best = max(BLOCK // number, 1), min(in_degree, number)
    ranked = np.empty((space.targets.size, best), dtype=np.int64)
    allowed = number
    for start in range(0, len(ranked), rows):
        preference = space.preference(space.targets[start : start + rows, None] - space.units)
        if space.itself:
            which = np.arange(len(preference))
            preference[which, start + which] = -np.inf
        allowed = min(allowed, int(np.isfinite(preference).sum(axis=1).min()))
        ticket = np.log(rng.standard_exponential(preference.shape)) - preference
        ranked[start : start + rows] = _lowest(ticket, best)
    chosen: Indices = np.take(ranked, np.arange(in_degree) % min(best, allowed), axis=1)
    return chosen


def _lowest(tickets: Array, number: int) -> Indices:
    """Columns of the lowest tickets of every row, in ascending order, shape (rows, number)."""
    if number == tickets.shape[1]:
        return np.argsort(tickets, axis=1)
    found = np.argpartition(tickets, number - 1, axis=1)[:, :number]
    order = np.argsort(np.take_along_axis(tickets, found, axis=1), axis=1)
    return np.take_along_axis(found, order, axis=1)


def _in_reach(space: Space, in_degree: int) -> bool:
    """Whether drawing and accepting ends soon, for a sample of targets."""
    targets, units = (np.quantile(x, np.linspace(0, 1, 257)) for x in (space.targets, space.units))
    success = np.exp(space.preference(targets[:, None] - units)).mean(axis=1).min()
    return bool(success > SUCCESS and success * space.units.size > REACH * in_degree)


def _drawn(rng: np.random.Generator, space: Space, in_degree: int) -> Indices:
    """Draw units evenly, accept them in proportion to their weight, until every target has enough."""
    chosen = np.full((space.targets.size, in_degree), -1)
    left = np.arange(len(chosen))
    while left.size:
        tried = rng.integers(space.units.size, size=(left.size, TRIES * in_degree))
        chance = np.exp(space.preference(space.targets[left, None] - space.units[tried]))
        accepted = rng.random(tried.shape) < chance
        if space.itself:
            accepted &= tried != left[:, None]
        chosen[left] = _first_distinct(np.hstack([chosen[left], np.where(accepted, tried, -1)]), in_degree)
        left = left[chosen[left, -1] < 0]
    return chosen


def _first_distinct(rows: Indices, number: int) -> Indices:
    """First different entries of every row, negative ones left out; -1 where there are not enough."""
    order = np.argsort(rows, axis=1, kind="stable")
    ascending = np.take_along_axis(rows, order, axis=1)
    fresh = ascending >= 0
    fresh[:, 1:] &= ascending[:, 1:] != ascending[:, :-1]
    first = np.empty_like(fresh)
    np.put_along_axis(first, order, fresh, axis=1)
    place = np.cumsum(first, axis=1) - 1
    row, column = np.nonzero(first & (place < number))
    found = np.full((len(rows), number), -1)
    found[row, place[row, column]] = rows[row, column]
    return found
