"""The primary afferent fibres: which there are, and what each is like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import unknown
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


@dataclass(frozen=True, eq=False)
class Column:
    """
    The fibres that run in the dorsal column under the electrode; every array has one entry per such fibre.

    Attributes
    ----------
    index : ndarray of int64
        Which fibre it is, ascending.
    threshold : ndarray of float64
        Pulse amplitude that recruits it, in multiples of the ECAP threshold.
    latency, conduction, refractory : ndarray of float64
        Electrode to segment, receptor to segment, absolute refractory period, in s.
    follow_half : ndarray of float64
        Pulse rate that it follows half the time, in Hz.
    follow_power, follow_tau, recovery, jitter : float
        Steepness of the failure, time constant (s) of the pulse rate, time constant (s) of the recovery
        after the refractory period, and spread (sd, s) of the arrival times of evoked spikes.
    """

    index: Indices
    threshold: Floats
    latency: Floats
    conduction: Floats
    refractory: Floats
    follow_half: Floats
    follow_power: float
    follow_tau: float
    recovery: float
    jitter: float


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


def make_column(P: Mapping[str, float], fibres: Fibres, seed: int, replicate: int) -> Column:
    """The dorsal-column fibres of one replicate: the stated fractions of AB and IA, each fibre on its own."""
    index = np.sort(np.concatenate([_in_column(P, name, seed, replicate) for name in ("IA", "AB")]))

    def normal(purpose: str) -> Floats:
        # drawn for every fibre, so that a fibre keeps its properties when the fractions change
        return stream(seed, replicate, f"column.{purpose}").standard_normal(fibres.classes.size)[index]

    above_ecap = normal("threshold") - NormalDist().inv_cdf(P["column.ecap_fraction"])
    mean, log_sd = _log_moments(P["column.latency"], P["column.latency_sd"])
    return Column(
        index=index,
        threshold=np.exp(P["column.threshold_sd"] * above_ecap),
        latency=np.exp(mean + log_sd * normal("latency")),
        conduction=fibres.conduction[index],
        refractory=fibres.refractory[index],
        follow_half=P["column.follow_half"] * np.exp(P["column.follow_half_sd"] * normal("follow_half")),
        follow_power=P["column.follow_power"],
        follow_tau=P["column.follow_tau"],
        recovery=P["column.recovery"],
        jitter=P["column.jitter"],
    )


def _in_column(P: Mapping[str, float], name: str, seed: int, replicate: int) -> Indices:
    """The fibres of a class that run in the dorsal column: a random choice of the stated fraction."""
    fibres = members(P, name)
    order = stream(seed, replicate, f"column.{name}").permutation(fibres)
    return order[: round(P[f"column.{name}_fraction"] * fibres.size)]


def _lognormal(rng: np.random.Generator, mean: float, sd: float, n: int) -> Floats:
    """Positive numbers of the given mean and standard deviation."""
    log_mean, log_sd = _log_moments(mean, sd)
    return np.exp(log_mean + log_sd * rng.standard_normal(n))


def _log_moments(mean: float, sd: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of a lognormal number with the given mean and sd."""
    variance = float(np.log1p((sd / mean) ** 2))
    return float(np.log(mean)) - variance / 2, float(np.sqrt(variance))
