"""
Currents that a stimulation injects into whole populations, on top of their background current.

They enter with the white noise that the engine reads: the background current of a cell is that noise,
low-pass filtered, so an offset of the noise is a steady current, switched on with ``cell.noise_tau``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dhmodel.circuit.populations import cell_constants
from dhmodel.errors import InputError, unknown
from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import population_sizes, starts

__all__ = ["Injection", "Offset", "offsets"]


@dataclass(frozen=True, eq=False)
class Injection:
    """
    A current into all cells of a population.

    Attributes
    ----------
    population : str
    current : float
        In A, depolarising if positive.
    on : ndarray of float64, shape (intervals, 2)
        When it flows, in s from the start of the run.
    """

    population: str
    current: float
    on: NDArray[np.float64]


@dataclass(frozen=True)
class Offset:
    """
    An offset of the white noise of some neighbouring cells.

    Attributes
    ----------
    begin, end : int
        First and one-past-last row of the noise, one row per slow step.
    cells : slice
    value : float
    """

    begin: int
    end: int
    cells: slice
    value: float

    def add_to(self, noise: NDArray[np.float32]) -> None:
        """Add it to noise of shape (rows, cells), in place."""
        noise[max(self.begin, 0) : max(self.end, 0), self.cells] += self.value


def offsets(injections: Iterable[Injection], P: Parameters) -> tuple[Offset, ...]:
    """
    Turn injected currents into offsets of the white noise of a run.

    Parameters
    ----------
    injections : iterable of Injection
    P : Parameters

    Raises
    ------
    InputError
        Unknown population, or one without background noise: its current cannot be changed in this way.
    """
    return tuple(offset for one in injections for offset in _offsets(one, P))


def _offsets(one: Injection, P: Parameters) -> Iterator[Offset]:
    sizes, name, shared = population_sizes(P), one.population, cell_constants(P)
    if name not in sizes:
        raise unknown("population", name, sizes, "injected current")
    sd = P[f"cell.{name}.noise_sd"]
    if sd == 0:
        raise InputError(f"cell.{name}.noise_sd: got 0, but a current into {name} needs more than 0 pA")
    gain = float((1 - shared["noise_keep"][0]) / shared["noise_fresh"][0])
    first = starts(sizes)[name]
    for begin, end in np.rint(one.on / P["simulation.slow_dt"]).astype(int).tolist():
        yield Offset(begin, end, slice(first, first + sizes[name]), gain * one.current / sd)
