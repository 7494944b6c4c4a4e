"""
Currents that a stimulation injects into whole populations, on top of their background current.

They enter with the white noise that the engine reads: the background current of a cell is that noise,
low-pass filtered, so an offset of the noise is a steady current, switched on with ``cell.noise_tau``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dhmodel.circuit.populations import cell_constants
from dhmodel.errors import InputError, unknown
from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import population_sizes, starts

__all__ = ["Injection", "inject"]


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


def inject(noise: NDArray[np.float32], injections: Iterable[Injection], P: Parameters) -> None:
    """
    Add injected currents to the white noise of a run, in place.

    Parameters
    ----------
    noise : ndarray of float32, shape (rows, cells)
        One row per slow step.
    injections : iterable of Injection
    P : Parameters

    Raises
    ------
    InputError
        Unknown population, or one without background noise: its current cannot be changed in this way.
    """
    injections = list(injections)
    if not injections:
        return
    sizes, step = population_sizes(P), P["simulation.slow_dt"]
    first, shared = starts(sizes), cell_constants(P)
    gain = float((1 - shared["noise_keep"][0]) / shared["noise_fresh"][0])
    for one in injections:
        name = one.population
        if name not in sizes:
            raise unknown("population", name, sizes, "injected current")
        sd = P[f"cell.{name}.noise_sd"]
        if sd == 0:
            raise InputError(f"cell.{name}.noise_sd: got 0, but a current into {name} needs more than 0 pA")
        cells = slice(first[name], first[name] + sizes[name])
        for begin, end in np.rint(one.on / step).astype(int):
            noise[max(begin, 0) : end, cells] += gain * one.current / sd
