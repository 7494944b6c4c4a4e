"""Numbers of a run by name: what a search looks at, one for each point and replicate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dhmodel import recording
from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters.layout import POPULATIONS

if TYPE_CHECKING:
    import xarray as xr

type Function = Callable[["xr.Dataset"], "xr.DataArray"]

TRAIN: Mapping[str, str] = {
    "windup_ratio": "ratio",
    "windup_growth": "growth",
    "windup_slope": "slope",
    "windup_area": "area",
}
"""Measures of a train of shocks, and what `measures.windup_ratio` calls them; of C fibres' window."""


@dataclass(frozen=True)
class Quantity:
    """
    A number of a run.

    Attributes
    ----------
    name : str
        For messages: ``rate of WDR``.
    unit : str
        SI.
    function : callable
        Dataset of a sweep to DataArray over the swept dimensions and `replicate`.
    needs : frozenset of str
        Variables that runs must have.
    """

    name: str
    unit: str
    function: Function
    needs: frozenset[str] = frozenset()

    def __call__(self, ds: "xr.Dataset", dims: tuple[str, ...]) -> "xr.DataArray":
        """
        Find it at every point and replicate of a sweep, as (dims..., replicate).

        Raises
        ------
        InputError
            What the function returns has other dimensions.
        """
        import xarray as xr

        found, needed = self.function(ds), (*dims, "replicate")
        if not isinstance(found, xr.DataArray) or set(found.dims) != set(needed):
            got = found.dims if isinstance(found, xr.DataArray) else type(found).__name__
            raise InputError(f"measure: gave {quoted(str(got))}, needs a DataArray over {', '.join(needed)}")
        return found.transpose(*needed)


def names() -> tuple[str, ...]:
    """Names of all quantities."""
    plain = tuple(name for name in recording.VARIABLES if set(recording.dims(name)) <= {"population"})
    return (*plain, *TRAIN, "total_count")


def quantity(measure: str | Function, population: str = "WDR") -> Quantity:
    """
    Find a quantity by its name, or make one of a function.

    Parameters
    ----------
    measure : str or callable
        One of `names`: a variable of a run, a measure of wind-up, or ``"total_count"``, spikes per neuron in
        the C window of a whole train; or Dataset of a sweep to DataArray over its swept dimensions and
        `replicate`, and over `population` if one is to be chosen.
    population : str
        Whose.

    Raises
    ------
    InputError
        No such measure or population.
    """
    if population not in POPULATIONS:
        raise unknown("population", population, POPULATIONS)
    if callable(measure):
        name = getattr(measure, "__name__", "measure")
        return Quantity(name if name.isidentifier() else "measure", "1", _of(measure, population))
    if not isinstance(measure, str) or measure not in names():
        raise unknown("measure", measure, names())
    if measure not in recording.VARIABLES:
        return Quantity(
            f"{measure} of {population}", "1", _of_train(measure, population), frozenset(["count"])
        )
    of = f" of {population}" if recording.dims(measure) else ""
    return Quantity(
        f"{measure}{of}", str(recording.describe(measure)["units"]), _of(lambda ds: ds[measure], population)
    )


def _of(function: Function, population: str) -> Function:
    def one(ds: "xr.Dataset") -> "xr.DataArray":
        found = function(ds)
        if "population" in getattr(found, "dims", ()):
            return found.sel(population=population, drop=True)
        return found

    return one


def _of_train(measure: str, population: str) -> Function:
    def one(ds: "xr.Dataset") -> "xr.DataArray":
        from dhmodel import measures  # imports xarray, which a worker process does without

        if measure == "total_count":
            return measures.total_count(ds)["total"].sel(population=population, drop=True)
        return measures.windup_ratio(ds, population)[TRAIN[measure]]

    return one
