"""Finding what is damaged in a store: chunks that cannot be read, or are gone."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from dhmodel.sweep.blocks import Blocks, blocks_of
from dhmodel.sweep.groups import DONE, array, existing, identity, reading, values
from dhmodel.sweep.opening import form

_WRITES_ZEROS = 3
"""Version of the layout from which on a chunk of zeros has a file too."""


def damaged(path: Path, group: zarr.Group, variables: Iterable[str], done: np.ndarray) -> np.ndarray:
    """
    Find out which units lie in a block of which a chunk is damaged.

    Parameters
    ----------
    path : Path
    group : zarr.Group
    variables : iterable of str
    done : ndarray of bool, shape (axes..., replicate)
        Units that are said to have data; a block without any need not be there.

    Returns
    -------
    ndarray of bool, shape (axes..., replicate)
    """
    found = np.zeros_like(done)
    for variable in (array(group, name) for name in variables):
        blocks = blocks_of(variable, done.shape)
        for number in np.unique(blocks.of(np.flatnonzero(done))).tolist():
            region = blocks.region(number)
            if not found[region].any() and not _readable(path, variable, blocks, number):
                found[region] = True
    return found & done


def refuse_lost(path: Path) -> None:
    """
    Refuse a store in which the file of a chunk is gone, for zarr takes it for one of which all is missing.

    Raises
    ------
    StoreError
        It holds finished units.
    """
    refuse_gone(path)
    group = existing(path)
    with reading(path):
        results = form(group).shapes
        done = values(group, "status") == DONE
        for variable in (array(group, name) for name in results):
            blocks = blocks_of(variable, done.shape)
            for number in np.unique(blocks.of(np.flatnonzero(done))).tolist():
                if not _file(path, variable, blocks, number).is_file():
                    raise ValueError(f"results of {variable.basename} are gone")


def refuse_gone(path: Path) -> None:
    """
    Refuse a store in which a coordinate is gone, or digests, which zarr would take for zeros and no text.

    Raises
    ------
    StoreError
        One of the files that a store is made with is not there.
    """
    group = existing(path)
    made = identity(path, group)
    if not made or made["format"] < _WRITES_ZEROS:
        return
    with reading(path):
        results = form(group).shapes
        # by folder, because zarr's own list complains of the files that are none of its own
        for name in sorted(entry.name for entry in path.iterdir() if entry.is_dir()):
            variable = array(group, name)
            keys = map(variable.metadata.encode_chunk_key, np.ndindex(variable.cdata_shape))
            if name not in (*results, "error") and not all((path / name / key).is_file() for key in keys):
                raise ValueError(f"{name} is gone")


def _file(path: Path, variable: zarr.Array[Any], blocks: Blocks, number: int) -> Path:
    rest = (0 for _ in variable.shape[len(blocks.shape) :])
    key = variable.metadata.encode_chunk_key((*blocks.position(number), *rest))
    return path / variable.basename / key


def _readable(path: Path, variable: zarr.Array[Any], blocks: Blocks, number: int) -> bool:
    if not _file(path, variable, blocks, number).is_file():
        return False
    try:
        variable[blocks.region(number)]
    except Exception:  # zarr and its codecs have no common class for what a damaged file makes them say
        return False
    return True
