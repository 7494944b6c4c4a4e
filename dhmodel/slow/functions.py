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
    receptors = [
        path.split(".")[1] for path in paths() if path.startswith("receptor.") and path.endswith(".free")
    ]
    return {"population": UNITS_OF_CIRCUIT, "path": paths(), "receptor": receptors}


def of_cord(P: Mapping[str, float]) -> dict[str, Callable[..., Any]]:
    """Functions of the cord alone: ``value("injury.kcc2")``, a parameter before slow states and drugs act."""

    def value(path: str) -> float:
        """Return a parameter of the circuit in SI units."""
        return float(P[path])

    return {"value": value}


def functions(
    P: Mapping[str, float], drives: Mapping[str, float], drugged: Mapping[str, float] | None = None
) -> dict[str, Callable[..., Any]]:
    """
    Everything that a target may call.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters of the cord, before slow states and drugs act.
    drives : mapping of {str : float}
        Of an epoch; ``rate("WDR")`` is its entry ``rate.WDR``.
    drugged : mapping of {str : float}, optional
        The parameters under the drugs of the moment; by default there are none.
    """

    def rate(population: str) -> float:
        """Return the firing rate of a population, fibre class or descending class, Hz per cell."""
        return drives[f"rate.{population}"]

    def free(receptor: str) -> float:
        """Return the fraction of the receptors that antagonists leave at the moment."""
        return float((P if drugged is None else drugged)[f"receptor.{receptor}.free"])

    return {"rate": rate, "free": free, **of_cord(P), **PLAIN}
