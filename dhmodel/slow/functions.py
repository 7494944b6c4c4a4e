"""What expressions of slow states may call."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dhmodel.formulas import PLAIN
from dhmodel.parameters import paths
from dhmodel.parameters.layout import POPULATIONS, SOURCES

__all__ = ["functions", "of_cord", "words"]

UNITS_OF_CIRCUIT = (*POPULATIONS, *SOURCES)


def words() -> Mapping[str, Iterable[str]]:
    """What an argument of this name may be, if it is text."""
    return {"population": UNITS_OF_CIRCUIT, "path": paths()}


def of_cord(P: Mapping[str, float]) -> dict[str, Callable[..., Any]]:
    """Functions of the cord alone: ``value("injury.kcc2")``, a parameter before slow states and drugs act."""

    def value(path: str) -> float:
        """Return a parameter of the circuit in SI units."""
        return float(P[path])

    return {"value": value}


def functions(P: Mapping[str, float], drives: Mapping[str, float]) -> dict[str, Callable[..., Any]]:
    """
    Everything that a target may call.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters of the cord, before slow states and drugs act.
    drives : mapping of {str : float}
        Of an epoch; ``rate("WDR")`` is its entry ``rate.WDR``.
    """

    def rate(population: str) -> float:
        """Return the firing rate of a population, fibre class or descending class, Hz per cell."""
        return drives[f"rate.{population}"]

    return {"rate": rate, **of_cord(P), **PLAIN}
