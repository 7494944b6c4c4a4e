"""The primary afferent fibres: which there are, and what each is like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import unknown
from dhmodel.even import even_normal
from dhmodel.parameters.layout import FIBRE_CLASSES, class_of, slowly_adapting, source_sizes, starts, surround
from dhmodel.stimulation.trains import Floats, Indices
from dhmodel.streams import stream

# both kinds of C fibre share one set of fibre properties, `fibre.C`
_PROPERTIES = {"IA": "IA", "AB": "AB", "AD": "AD", "CP": "C", "CN": "C"}

_PARTS: dict[str, Callable[[Mapping[str, float]], NDArray[np.bool_]]] = {
    "centre": lambda P: ~surround(P),
    "surround": surround,
    "SAI": slowly_adapting,
    "RA": lambda P: ~slowly_adapting(P),
}

PARTS = tuple(f"AB.{name}" for name in _PARTS)
"""Parts of a class that have a name."""


@dataclass(frozen=True, eq=False)
class Fibres:
    """
    Primary afferent fibres, numbered class after class.

    Attributes
    ----------
    classes : ndarray of str, shape (fibres,)
        Class of each fibre, in the order of `FIBRE_CLASSES`.
    conduction : ndarray of float64, shape (fibres,)
        Time from the skin to the dorsal-horn terminal, in s.
    refractory : ndarray of float64, shape (fibres,)
        Absolute refractory period, in s.
    """

    classes: NDArray[np.str_]
    conduction: Floats
    refractory: Floats


def make_fibres(P: Mapping[str, float], seed: int, replicate: int) -> Fibres:
    """The fibres of one replicate, each with its own conduction time."""
    sizes = fibre_sizes(P)
    conduction, refractory = [], []
    for name, n in sizes.items():
        group = f"fibre.{_PROPERTIES[name]}"
        rng = stream(seed, replicate, f"fibres.conduction.{name}")
        conduction.append(_lognormal(rng, P[f"{group}.conduction"], P[f"{group}.conduction_sd"], n))
        refractory.append(np.full(n, P[f"{group}.refractory"]))
    return Fibres(class_of(sizes), np.concatenate(conduction), np.concatenate(refractory))


def property_group(name: str) -> str:
    """Name under which the properties of a fibre class are kept: ``"C"`` for both CP and CN."""
    return _PROPERTIES[name]


def fibre_sizes(P: Mapping[str, float]) -> dict[str, int]:
    """Number of fibres of each afferent class, in the order in which they are numbered."""
    sizes = source_sizes(P)
    return {name: sizes[name] for name in FIBRE_CLASSES}


def members(P: Mapping[str, float], name: str) -> Indices:
    """
    Fibres of a class, or of a part of class AB.

    Parameters
    ----------
    P : mapping of {str : float}
    name : str
        ``"AD"``; or ``"AB"`` followed by any of ``.centre``, ``.surround`` (of the receptive field),
        ``.SAI`` and ``.RA``.

    Returns
    -------
    ndarray of int64
        Ascending indices among all fibres.

    Raises
    ------
    InputError
        No such class or part.
    """
    sizes = fibre_sizes(P)
    fibre_class, *parts = name.split(".")
    if fibre_class not in sizes:
        raise unknown("fibre class", fibre_class, sizes)
    chosen = np.ones(sizes[fibre_class], dtype=np.bool_)
    for part in parts:
        if fibre_class != "AB" or part not in _PARTS:
            raise unknown("part of a fibre class", name, [f"AB.{known}" for known in _PARTS])
        chosen &= _PARTS[part](P)
    return starts(sizes)[fibre_class] + np.flatnonzero(chosen)


def _lognormal(rng: np.random.Generator, mean: float, sd: float, n: int) -> Floats:
    """Positive numbers of the given mean and standard deviation."""
    log_mean, log_sd = _log_moments(mean, sd)
    return np.exp(log_mean + log_sd * even_normal(rng, n))


def _log_moments(mean: float, sd: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of a lognormal number with the given mean and sd."""
    variance = float(np.log1p((sd / mean) ** 2))
    return float(np.log(mean)) - variance / 2, float(np.sqrt(variance))
