"""
Where to look next for a feature: the adaptive sampler of the library `adaptive`.

A sampler is made anew of everything that is known whenever it is asked. It has no state of its own to save,
and a search that was interrupted goes on as if it had not been.
"""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError
from dhmodel.sweep.features import Found

EXPLORE = {"minimum": 0.1, "maximum": 0.1, "crossing": 0.02}
"""What a stretch away from the feature weighs beside one next to it: how coarse the rest may stay."""

ROUNDING = 1e-9
"""Of a place in the unit cube."""

type Floats = NDArray[np.float64]


def library() -> Any:
    """
    Import the sampler.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        return import_module("adaptive")
    except ImportError:
        raise InputError(
            "refine: adaptive is not installed; pip install 'dhmodel[refine]' brings it"
        ) from None


def propose(
    feature: str, found: Found, points: Floats, means: Floats, missing: Floats, number: int
) -> Floats:
    """
    Points of the unit cube that tell most about a feature.

    Parameters
    ----------
    feature : str
        One of `features.FEATURES`.
    found : Found
        The feature as far as it is known.
    points : ndarray of float64, shape (points, dims)
        Where the curve is known.
    means : ndarray of float64, shape (points,)
        What it is there.
    missing : ndarray of float64, shape (others, dims)
        Where it has been asked for and has no value.
    number : int
        How many points to propose.

    Returns
    -------
    ndarray of float64, shape (number, dims)
    """
    asked = _on_a_line if points.shape[1] == 1 else _in_space
    return asked(EXPLORE[feature], found, points, means, missing, number)


def _on_a_line(
    explore: float, found: Found, points: Floats, means: Floats, missing: Floats, number: int
) -> Floats:
    low, high = float(found.low[0]) - ROUNDING, float(found.high[0]) + ROUNDING
    elsewhere = import_module("adaptive.learner.learner1D").default_loss

    def loss(xs: Any, ys: Any) -> float:
        if low <= xs[0] and xs[1] <= high:
            return float(xs[1] - xs[0])
        return explore * float(elsewhere(xs, ys))

    learner = library().Learner1D(None, (0.0, 1.0), loss)
    learner.tell_many(points[:, 0].tolist(), means.tolist())
    for place in missing[:, 0].tolist():
        learner.tell_pending(place)
    proposed, _ = learner.ask(number)
    return np.array(proposed, dtype=float)[:, np.newaxis]


def _in_space(
    explore: float, found: Found, points: Floats, means: Floats, missing: Floats, number: int
) -> Floats:
    def loss(simplex: Any, values: Any, scale: float) -> float:
        corners = np.asarray(simplex)
        longest = float(np.linalg.norm(corners[:, np.newaxis] - corners, axis=-1).max())
        beside = (np.abs(corners - found.at).max(axis=1) < ROUNDING).any()
        return longest if beside else explore * longest

    learner = library().LearnerND(None, [(0.0, 1.0)] * points.shape[1], loss)
    for place, mean in zip(points.tolist(), means.tolist(), strict=True):
        learner.tell(tuple(place), mean)
    for place in missing.tolist():
        learner.tell_pending(tuple(place))
    proposed, _ = learner.ask(number)
    return np.array(proposed, dtype=float)
