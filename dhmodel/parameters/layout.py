"""What exists in the circuit: classes of cells and sources, how many of each, and how they are numbered."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError
from dhmodel.even import places

HORN = ("EX", "TAC", "GABA_PV", "GABA_DYN", "GABA_ISL", "GLY", "WDR", "PN")
"""Populations of the dorsal horn of the segment."""
REMOTE = ("WDR_REMOTE", "PN_REMOTE")
"""Projection cells of a second, remote segment."""
DESCENDING = ("ON", "OFF", "NEUTRAL", "NA", "A5")
"""Cells of the brainstem whose axons reach the segment."""
BRAINSTEM = ("PAG", "PAG_GABA", "SRD", *DESCENDING)
POPULATIONS = (*HORN, *REMOTE, *BRAINSTEM, "MN")

FIBRE_CLASSES = ("IA", "AB", "AD", "CP", "CN")
ELSEWHERE = ("AD_REMOTE", "CP_REMOTE", "DCN", "CORTEX")
"""Spike sources outside of the segment: fibres of the remote one, dorsal-column nuclei, motor cortex."""
SOURCES = FIBRE_CLASSES + ELSEWHERE

# below this a class has no population statistics worth the name, whatever `circuit.scale` says
_FEWEST = 8

# units of a class; more do not fit into the memory of any machine, with their wiring
_MOST = 1_000_000


def population_sizes(P: Mapping[str, float]) -> dict[str, int]:
    """
    Count the cells of each population, in the order of `POPULATIONS`: the scaled number, at least 8.

    Raises
    ------
    InputError
        A million units of a class are not enough.
    """
    return _sizes(P, POPULATIONS)


def source_sizes(P: Mapping[str, float]) -> dict[str, int]:
    """Count the units of each class of spike sources, in the order of `SOURCES`; at least 8."""
    return _sizes(P, SOURCES)


def starts(sizes: Mapping[str, int]) -> dict[str, int]:
    """Find the index of the first unit of each class when all units are numbered class after class."""
    ends = np.cumsum(list(sizes.values())).tolist()
    return dict(zip(sizes, [0, *ends], strict=False))


def class_of(sizes: Mapping[str, int]) -> NDArray[np.str_]:
    """Name the class of every unit, shape (units,)."""
    return np.repeat(list(sizes), list(sizes.values()))


def positions(P: Mapping[str, float], name: str) -> NDArray[np.float64]:
    """
    Somatotopic position of every unit of a class, from -1 (caudal) over 0 (centre) to 1 (rostral).

    Evenly spaced over the extent of the class (``circuit.<class>.extent``, 1 where none is stated), in an
    order in which neighbouring indices lie far apart (multiples of the golden ratio): every run of indices,
    such as the cells of one firing pattern, covers the whole extent.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    name : str
        A population or a class of sources.

    Returns
    -------
    ndarray of float64, shape (units,)
    """
    number = _size(P, name)
    placed: NDArray[np.float64] = P.get(f"circuit.{name}.extent", 1.0) * (
        (2 * places(number) + 1) / number - 1
    )
    return placed


def surround(P: Mapping[str, float]) -> NDArray[np.bool_]:
    """
    Tell whether an AB fibre's field lies in the surround of the receptive field, shape (AB fibres,).

    The fraction ``circuit.AB.surround`` farthest from the middle; the others lie in its centre.
    """
    x = positions(P, "AB")
    far = np.zeros(x.size, dtype=np.bool_)
    far[np.argsort(-np.abs(x), kind="stable")[: round(P["circuit.AB.surround"] * x.size)]] = True
    return far


def slowly_adapting(P: Mapping[str, float]) -> NDArray[np.bool_]:
    """Tell whether an AB fibre adapts slowly (SAI), shape (AB fibres,): even indices do, odd ones do not."""
    even: NDArray[np.bool_] = np.arange(source_sizes(P)["AB"]) % 2 == 0
    return even


def _sizes(P: Mapping[str, float], classes: tuple[str, ...]) -> dict[str, int]:
    return {name: _size(P, name) for name in classes}


def _size(P: Mapping[str, float], name: str) -> int:
    scale, number = P["circuit.scale"], P[f"circuit.{name}.number"]
    size = max(_FEWEST, round(scale * number))
    if size > _MOST:
        raise InputError(
            f"circuit.scale: {scale:g} times circuit.{name}.number = {number:g} units, allowed: {_MOST}"
        )
    return size
