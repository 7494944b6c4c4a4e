"""
Which variables a sweep stores and how long their dimensions are, known before anything runs.

Points may differ: a longer run has more bins, another stimulus more shocks or none. The store holds the
longest of each dimension; what a point does not have is missing (NaN) by construction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from dhmodel import recording
from dhmodel.errors import InputError
from dhmodel.simulate import Plan
from dhmodel.stimulation.stimulus import shock_onsets

type Coordinates = Mapping[str, tuple[np.ndarray, Mapping[str, str]]]


@dataclass(frozen=True)
class Layout:
    """
    Variables and coordinates of the results of a sweep.

    Attributes
    ----------
    coordinates : dict of str to (ndarray, dict)
        Values and attributes of every dimension after the swept axes and `replicate`.
    variables : tuple of str
        Names as in `recording.VARIABLES`.
    """

    coordinates: Coordinates
    variables: tuple[str, ...]

    def shape(self, variable: str) -> tuple[int, ...]:
        """Shape of one unit's result for a variable."""
        return tuple(self.coordinates[dim][0].size for dim in recording.dims(variable))

    def padded(self, variable: str, result: np.ndarray | None) -> np.ndarray:
        """
        Bring one unit's result to the shape that is stored; what it lacks is NaN.

        Raises
        ------
        ValueError
            The result does not fit, which is a fault of the code that made it.
        """
        full = np.full(self.shape(variable), np.nan)
        if result is not None:
            if result.ndim != full.ndim or np.any(np.greater(result.shape, full.shape)):
                raise ValueError(
                    f"{variable}: a result of shape {result.shape} does not fit into {full.shape}"
                )
            full[tuple(slice(length) for length in result.shape)] = result
        return full


def make_layout(plans: Iterable[Plan]) -> Layout:
    """
    Find the layout that holds the results of every plan.

    Raises
    ------
    InputError
        Two points divide a dimension differently, as when the bin width is swept.
    """
    longest: dict[str, tuple[np.ndarray, Mapping[str, str]]] = {}
    for plan in plans:
        P = plan.parameters
        shocks = shock_onsets(P, plan.stimulus, plan.duration)
        for dim, (_, values, attrs) in recording.coords(P, plan.duration, shocks).items():
            known = longest.setdefault(dim, (values, attrs))[0]
            shorter, longer = sorted((known, values), key=len)
            if not np.array_equal(shorter, longer[: shorter.size]):
                raise InputError(
                    f"{dim} differs between points of the sweep; fix what sets it (such as recording.bin)"
                )
            longest[dim] = longer, attrs
    variables = tuple(name for name in recording.VARIABLES if set(recording.dims(name)) <= set(longest))
    return Layout(longest, variables)
