"""
Choosing the sources of every target in proportion to their chances, for any number of cells.

One source comes from each of `in_degree` equal shares of a target's chances (stratified sampling), so that
inputs keep their spatial profile in a circuit of any size; a unit that is worth more than a share is chosen
more than once, as a fibre that makes several contacts. Where in its share a target draws is even over all
targets (`dhmodel.even`), so that units have about as many targets as their place makes likely.

The chances of every pair of target and unit cost the square of the circuit's size, in blocks of bounded
memory. Where pairs are many and units evenly spaced, the shares are found in a table over the distance, one
for all targets; its cost grows with the number of synapses.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dhmodel.even import even

__all__ = ["MANY", "Space", "choose"]

type Array = NDArray[np.float64]
type Indices = NDArray[np.int64]

#: Pairs of target and unit above which distances are looked up instead.
MANY = 4_000_000

#: Pairs per block.
BLOCK = 2**20

#: Entries of the table of distances per width or gap, at least.
FINE = 50

#: Least chance of a unit in the middle of a gap, relative: unlikely, but not impossible.
FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class Space:
    """
    Where targets and units lie, and who is how likely to be chosen.

    Attributes
    ----------
    targets, units : ndarray of float64
        Somatotopic positions.
    width, gap : float
        A unit at the distance d has the chance exp(-d^2/(2 width^2)), times 1 - exp(-d^2/(2 gap^2)) if `gap`
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
        """Logarithm of the chance of units at distances `far`, of the same shape."""
        preference: Array = -((far / self.width) ** 2) / 2
        if self.gap:
            preference += np.log(np.maximum(-np.expm1(-((far / self.gap) ** 2) / 2), FLOOR))
        return preference


def choose(rng: np.random.Generator, space: Space, in_degree: int) -> Indices:
    """
    Choose `in_degree` units per target.

    Returns
    -------
    ndarray of int64, shape (targets, in_degree)
    """
    within = np.stack([even(rng, space.targets.size) for _ in range(in_degree)], axis=1)
    shares = (np.arange(in_degree) + within) / in_degree
    order = np.argsort(space.units, kind="stable")
    many = space.targets.size * space.units.size > MANY
    ranks = _by_distance if many and _evenly_spaced(space.units[order]) else _by_unit
    chosen: Indices = order[ranks(space, order, shares)]
    return chosen


def _evenly_spaced(ordered: Array) -> bool:
    gaps = np.diff(ordered)
    return bool(np.allclose(gaps, gaps.mean(), rtol=1e-3, atol=0))


def _by_unit(space: Space, order: Indices, shares: Array) -> Indices:
    """Rank of the unit at each share of the chances, from the chances of all, block by block."""
    found = np.empty(shares.shape, dtype=np.int64)
    rows = max(BLOCK // order.size, 1)
    for start in range(0, len(found), rows):
        block = slice(start, start + rows)
        preference = space.preference(space.targets[block, None] - space.units[order])
        if space.itself:
            preference[start + np.arange(len(preference))[:, None] == order] = -np.inf
        chances = np.cumsum(np.exp(preference - preference.max(axis=1, keepdims=True)), axis=1)
        chances /= chances[:, -1:]
        first = np.arange(len(chances))[:, None]
        # one sorted array for all targets: the chances of target n lie between n and n + 1
        at = np.searchsorted((chances + first).ravel(), (shares[block] + first).ravel(), side="right")
        found[block] = np.minimum(at.reshape(shares[block].shape) - first * order.size, order.size - 1)
    return found


def _by_distance(space: Space, order: Indices, shares: Array) -> Indices:
    """Rank of the unit at each share of the chances, from a table of the chances over the distance."""
    units = space.units[order]
    step = (units[-1] - units[0]) / (units.size - 1)
    low = units[0] - step / 2
    target = space.targets[:, None]
    first, last = low - target, units[-1] + step / 2 - target  # distances between which there are units
    fine = min(step, space.width / FINE, *([space.gap / FINE] if space.gap else []))
    edges = np.linspace(first.min(), last.max(), int(np.ceil((last.max() - first.min()) / fine)) + 1)
    chances = np.exp(space.preference((edges[1:] + edges[:-1]) / 2))
    below = np.concatenate([[0.0], np.cumsum(chances)])
    start, end = np.interp(first, edges, below), np.interp(last, edges, below)
    far = np.interp(start + shares * (end - start), below, edges)
    rank = np.clip(((target + far - low) / step).astype(np.int64), 0, order.size - 1)
    if space.itself:  # the neighbour in its place
        own = np.argsort(order)[:, None]
        rank = np.where(rank == own, np.where(own + 1 < order.size, own + 1, own - 1), rank)
    return rank
