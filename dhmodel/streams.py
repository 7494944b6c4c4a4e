"""Independent random streams, named by purpose, so that no draw depends on the order of other draws."""

from numbers import Integral
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError, quoted
from dhmodel.even import even_normal
from dhmodel.kept import frozen, kept

LARGEST = 2**63 - 1
"""Seed or replicate: what a whole number in a NetCDF or zarr file can be."""


def stream(seed: int, replicate: int, name: str) -> np.random.Generator:
    """
    Make the random generator of one purpose in one replicate.

    Parameters
    ----------
    seed, replicate : int
        Not negative.
    name : str
        The purpose, such as ``"wiring.AB.EX"``.

    Returns
    -------
    numpy.random.Generator
        The same arguments give the same numbers, in any order and in any process; different arguments give
        independent numbers.

    Raises
    ------
    InputError
        `seed` or `replicate` is not a whole number, is negative, or too large for a file to hold.
    """
    key = (_whole("replicate", replicate), crc32(name.encode()))
    # PCG64 by name: numpy may change the generator behind `default_rng`, and with it every frozen number
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(_whole("seed", seed), spawn_key=key)))


@kept
def normals(seed: int, replicate: int, name: str, number: int) -> NDArray[np.float64]:
    """Draw the `even_normal` numbers of a stream, shape (number,); kept, and read-only."""
    return frozen(even_normal(stream(seed, replicate, name), number))


def _whole(what: str, given: object) -> int:
    # Integral: Python's and numpy's integers; bool is one of them, and is a mistake here
    number = -1 if isinstance(given, bool) or not isinstance(given, Integral) else int(given)
    if number < 0:
        raise InputError(f"{what}: got {quoted(given)}, needs a whole number that is not negative, such as 1")
    if number > LARGEST:
        raise InputError(f"{what}: got {quoted(given)}, allowed: at most {LARGEST}")
    return number
