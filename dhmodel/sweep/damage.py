"""Finding what is damaged in a store: chunks that cannot be read, or are gone."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import zarr

from dhmodel.sweep.opening import array, chunk_file

BLOCK = 100
"""Points read at once, which takes a third of the time of one after the other."""

type Part = tuple[int | slice, ...]


def whole(path: Path, group: zarr.Group, variables: Iterable[str], done: np.ndarray) -> np.ndarray:
    """
    Find out which units have all their data.

    Parameters
    ----------
    path : Path
    group : zarr.Group
    variables : iterable of str
    done : ndarray of bool, shape (axes..., replicate)
        Units to look at.

    Returns
    -------
    ndarray of bool, shape (axes..., replicate)
    """
    sound = done.copy()
    for variable in (array(group, name) for name in variables):
        for index in map(tuple, np.argwhere(sound)):
            sound[index] = chunk_file(path, variable, index).is_file()
        for part in _parts(done.shape[:-1]):
            if sound[part].any() and not _readable(variable, part):
                for index in map(tuple, np.argwhere(_only(sound, part))):
                    sound[index] = _readable(variable, index)
    return sound


def _parts(shape: tuple[int, ...]) -> Iterator[Part]:
    """Slices of the last swept dimension, for every position on the others."""
    for lead in np.ndindex(shape[:-1]):
        yield from ((*lead, slice(start, start + BLOCK)) for start in range(0, shape[-1], BLOCK))


def _only(sound: np.ndarray, part: Part) -> np.ndarray:
    chosen = np.zeros_like(sound)
    chosen[part] = sound[part]
    return chosen


def _readable(variable: zarr.Array, part: Part) -> bool:
    try:
        variable[part]
    except Exception:  # zarr and its codecs have no common class for what a damaged file makes them say
        return False
    return True
