"""A timetable as a unit of the ledger: one replicate of it is run, and kept as plain arrays."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dhmodel.evidence.running.draws import drawn
from dhmodel.parameters.layout import population_sizes
from dhmodel.parameters.registry import using
from dhmodel.slow.memo import Memo
from dhmodel.slow.protocol import passed, planned
from dhmodel.slow.running import Run

__all__ = ["Course", "dataset", "through"]

type Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Course:
    """
    A protocol over time, to be run replicate by replicate.

    Attributes
    ----------
    table : str
        The timetable as JSON.
    seed : int
    draw : int, optional
        Run it with drawn parameters, see `dhmodel.evidence.running.draws`.
    """

    table: str
    seed: int
    draw: int | None = None

    @classmethod
    def of(cls, table: Mapping[str, Any], seed: int, draw: int | None = None) -> "Course":
        """Make a course of a timetable as `dhmodel.protocol` takes it."""
        return cls(json.dumps(table, sort_keys=True, default=str), seed, draw)

    def digest(self) -> str:
        """Identity of the course, code and data apart."""
        return sha256(json.dumps([self.table, self.seed, self.draw]).encode()).hexdigest()[:16]

    def planned(self) -> Run:
        """
        Validate it; with the parameters in use, whatever its draw.

        Raises
        ------
        InputError
            As `dhmodel.protocol`.
        """
        return planned(json.loads(self.table), seed=self.seed)


def through(course: Course, replicate: int) -> Arrays:
    """
    Run one replicate.

    Returns
    -------
    dict of {str : ndarray}
        Variables and coordinates of the Dataset of `dhmodel.protocol` without the dimension ``replicate``,
        their names followed by their dimensions; and ``size`` (cells of each population).
    """
    with nullcontext() if course.draw is None else using(drawn(course.draw)):
        run = course.planned()
        ds = passed(run, [replicate], Memo()).isel(replicate=0, drop=True)
        sizes = population_sizes(run.first.parameters)
    ds["size"] = "population", [sizes[name] for name in ds["population"].values]
    return {" ".join(map(str, (name, *one.dims))): one.values for name, one in ds.variables.items()}


def dataset(done: Sequence[Arrays]) -> xr.Dataset:
    """
    Put replicates that `through` gave together again.

    Parameters
    ----------
    done : sequence of mapping
        One for each replicate.
    """
    return xr.concat([_one(arrays) for arrays in done], "replicate", data_vars="all", coords="minimal")


def _one(arrays: Arrays) -> xr.Dataset:
    ds = xr.Dataset()
    for key, values in arrays.items():
        name, *dims = key.split(" ")
        ds[name] = dims, values
    return ds.set_coords([name for name in ds.variables if np.issubdtype(ds[name].dtype, np.str_)])
