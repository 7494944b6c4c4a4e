"""Plain functions that expressions in data files may call: those of slow states and of routes."""

import math
from collections.abc import Callable
from typing import Any

__all__ = ["PLAIN", "above", "band", "clip", "hill"]


def hill(x: float, half: float, power: float = 1.0) -> float:
    """Saturate: 0 at 0 and below, 1/2 at `half`, 1 without bound."""
    return x**power / (x**power + half**power) if x > 0 else 0.0


def band(x: float, centre: float, width: float) -> float:
    """Peak of 1 at `centre`, gaussian in the logarithm with a standard deviation of `width`; 0 at 0."""
    return math.exp(-((math.log(x / centre) / width) ** 2) / 2) if x > 0 else 0.0


def above(x: float, threshold: float) -> float:
    """Excess over a threshold, or 0."""
    return max(x - threshold, 0.0)


def clip(x: float, low: float, high: float) -> float:
    """Keep within two bounds."""
    return min(max(x, low), high)


def _max(a: float, b: float) -> float:
    return max(a, b)


def _min(a: float, b: float) -> float:
    return min(a, b)


def _exp(x: float) -> float:
    return math.exp(x)


PLAIN: dict[str, Callable[..., Any]] = {
    "hill": hill,
    "band": band,
    "above": above,
    "clip": clip,
    "max": _max,
    "min": _min,
    "exp": _exp,
}
"""Every one of them, by the name under which it is called."""
