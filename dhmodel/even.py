"""
Even draws: what varies from unit to unit is spread alike in every cord, and over the map of the skin.

A cord of a few hundred cells stands for a slice of a real one with many thousands. Drawn independently, the
means over so few cells would differ from cord to cord, and the relay of touch, which is steep, would make of
that a cord that is silent and another that is not. With stratified draws cords differ in who is where.
"""

from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dhmodel.kept import frozen

type Array = NDArray[np.float64]

QUANTILES = frozen(np.array([NormalDist().inv_cdf((k + 0.5) / 4096) for k in range(4096)]))
"""Standard normal numbers at even shares; `normal` looks them up."""

NEIGHBOURS = 8
"""That many units side by side on the map have one number from each of as many parts of the range."""

_GOLDEN = (5**0.5 - 1) / 2


@lru_cache(maxsize=64)
def places(number: int) -> NDArray[np.int64]:
    """
    Rank on the map of every unit of a class, read-only: the order of multiples of the golden ratio.

    Neighbouring indices lie far apart, so that every run of indices covers the whole map.
    """
    multiples = np.mod(np.arange(1, number + 1) * _GOLDEN, 1.0)
    return frozen(np.argsort(np.argsort(multiples)))


def even(rng: np.random.Generator, number: int) -> Array:
    """
    Draw numbers that fill the range from 0 to 1 evenly, over all units and over neighbours on the map.

    Parameters
    ----------
    rng : numpy.random.Generator
    number : int
        Units.

    Returns
    -------
    ndarray of float64, shape (number,)
        At least 0 and below 1; one in each of `number` equal parts of the range.
    """
    blocks = -(-number // NEIGHBOURS)
    part = rng.permuted(np.tile(np.arange(NEIGHBOURS), (blocks, 1)), axis=1)
    within = rng.permuted(np.tile(np.arange(blocks), (NEIGHBOURS, 1)), axis=1)
    along = part * blocks + within[part, np.arange(blocks)[:, None]]
    # the last block may be part of one: ranks fill the range all the same
    rank = np.argsort(np.argsort(along.ravel()[:number]))
    shares = (rank + rng.random(number)) / max(number, 1)
    return shares[places(number)]


def even_normal(rng: np.random.Generator, number: int) -> Array:
    """Draw standard normal numbers from `even` ones, shape (number,)."""
    return normal(even(rng, number))


def normal(shares: Array) -> Array:
    """Standard normal numbers, by table, of shares from 0 to below 1; of the same shape."""
    return QUANTILES[(shares * QUANTILES.size).astype(np.int64)]
