"""
Where a feature of a noisy curve lies: its minimum, its maximum, or where it crosses a level.

Points lie in the unit cube, one row each; a value is there for each point and replicate. Replicate r of every
point has the same trains, cells and wiring, so two points are compared replicate by replicate; what is left
between them is the noise that no further point removes, only further replicates.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.measures import crossing

FEATURES = ("minimum", "maximum", "crossing")

ERRORS = 2.0
"""Standard errors within which a difference is none."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """
    A feature as far as it is known.

    Attributes
    ----------
    at, low, high : ndarray of float64, shape (dims,)
        Its position and the bracket around it, which points that have been run bound.
    each : ndarray of float64, shape (replicates, dims)
        Position in each replicate alone; missing where it has none.
    value : ndarray of float64, shape (replicates,)
        Of each replicate at the position.
    noise : bool
        Whether the values that bound the bracket differ by no more than two standard errors, each replicate
        compared with itself: a narrower bracket would tell nothing.
    """

    at: Floats
    low: Floats
    high: Floats
    each: Floats
    value: Floats
    noise: bool

    @property
    def width(self) -> Floats:
        """Of the bracket, along every dimension."""
        return self.high - self.low


def find(feature: str, points: Floats, values: Floats, level: float | None = None) -> Found | None:
    """
    Find a feature of the mean over replicates; None if the curve does not have it.

    Parameters
    ----------
    feature : str
        One of `FEATURES`.
    points : ndarray of float64, shape (points, dims)
        Distinct; at least two. A crossing needs one dimension.
    values : ndarray of float64, shape (points, replicates)
        None missing.
    level : float, optional
        Of a crossing, which is the first along the dimension.
    """
    if feature == "crossing":
        assert level is not None
        order = np.argsort(points[:, 0])
        return _crossing(points[order, 0], values[order], level)
    return _lowest(points, values if feature == "minimum" else -values, values)


def _lowest(points: Floats, values: Floats, told: Floats) -> Found:
    best = int(values.mean(axis=1).argmin())
    beside = _neighbours(points, best)
    near = points[[best, *beside]]
    noise = all(_alike(values[one] - values[best]) for one in beside)
    each = points[values.argmin(axis=0)]
    return Found(points[best], near.min(axis=0), near.max(axis=0), each, told[best], noise)


def _crossing(x: Floats, values: Floats, level: float) -> Found | None:
    above = values - level
    sign = 1.0 if above[0].mean() < 0 else -1.0
    reached = sign * above.mean(axis=1) >= 0
    if not reached.any():
        return None
    after = int(reached.argmax())
    before = max(after - 1, 0)
    ends = np.array([before, after])
    at = float(crossing(x[ends], sign * above[ends].mean(axis=1), 0.0)) if after else float(x[0])
    part = (at - x[before]) / (x[after] - x[before]) if after else 0.0
    each = crossing(x, sign * above.T, 0.0)
    each[~np.isfinite(each) | (sign * above[0] >= 0)] = np.nan  # never, or somewhere before the range
    value = values[before] + part * (values[after] - values[before])
    noise = after > 0 and _alike(sign * (above[after] - above[before]))
    low, high = x[before : before + 1], x[after : after + 1]
    return Found(np.array([at]), low, high, each[:, np.newaxis], value, noise)


def _alike(difference: Floats) -> bool:
    """Whether a difference, one for each replicate, is within so many standard errors or wrong in sign."""
    if difference.size < 2:
        return False
    return bool(difference.mean() <= ERRORS * difference.std(ddof=1) / np.sqrt(difference.size))


def _neighbours(points: Floats, best: int) -> list[int]:
    """Points next to one of them: on either side of it, or that share a simplex of a triangulation."""
    if points.shape[1] == 1:
        order = np.argsort(points[:, 0]).tolist()
        place = order.index(best)
        return [order[i] for i in (place - 1, place + 1) if 0 <= i < len(order)]
    simplices = _delaunay(points)
    touching = simplices[(simplices == best).any(axis=1)]
    return [one for one in np.unique(touching).tolist() if one != best]


def _delaunay(points: Floats) -> NDArray[Any]:
    spatial = import_module("scipy.spatial")  # comes with the sampler, and not without it
    return np.asarray(spatial.Delaunay(points).simplices)
