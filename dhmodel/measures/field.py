"""
Receptive fields: which places of the skin drive a cell, from one run per place or per part of the field.

Runs are paired: the same seed and replicate give the same cells, wiring and background, so that a cell's rate
under a stimulus is compared with its own rate without.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dhmodel.errors import InputError

__all__ = ["field_size", "surround_ratio"]

ADDED = 1.0
"""Rate in Hz that a stimulus has to add for its place to belong to the field of a cell."""


def field_size(rates: ArrayLike, rest: ArrayLike, added: float = ADDED) -> NDArray[np.float64]:
    """
    Share of the places of the skin that drive each cell.

    Parameters
    ----------
    rates : array_like, shape (places, cells)
        Hz, one run per place, such as vonfrey with a narrow ``vonfrey.width`` and several ``vonfrey.centre``.
    rest : array_like, shape (cells,)
        Hz, without the stimulus.
    added : float
        Rate in Hz above rest from which a place drives a cell.

    Returns
    -------
    ndarray of float64, shape (cells,)
        From 0 to 1; times the length of the map it is the width of the field.

    Raises
    ------
    InputError
        The number of cells differs, or there is no place.
    """
    driven, base = np.atleast_2d(np.asarray(rates, np.float64)), np.asarray(rest, np.float64)
    if driven.shape[0] == 0 or driven.shape[1:] != base.shape:
        raise InputError(f"field_size: got rates {driven.shape} and rest {base.shape}, needs the same cells")
    share: NDArray[np.float64] = (driven - base >= added).mean(axis=0)
    return share


def surround_ratio(
    centre: ArrayLike, wide: ArrayLike, rest: ArrayLike, added: float = ADDED
) -> NDArray[np.float64]:
    """
    What a stimulus of the surround adds to, or takes from, the response to the centre.

    Parameters
    ----------
    centre, wide, rest : array_like, shape (cells,)
        Hz, of the same cells under a stimulus of the centre, of centre and surround, and without.
    added : float
        Smallest response to the centre in Hz; a cell with less has no ratio.

    Returns
    -------
    ndarray of float64, shape (cells,)
        Response to both over the response to the centre: below 1 for inhibition from the surround.
    """
    alone, both, base = (np.asarray(part, np.float64) for part in (centre, wide, rest))
    response = alone - base
    answers = response >= added
    return np.where(answers, (both - base) / np.where(answers, response, 1.0), np.nan)
