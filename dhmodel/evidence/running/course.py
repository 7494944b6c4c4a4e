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

HEAD = "head"
"""Name of the array that says what the others are."""


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
        Numbers of the Dataset of `dhmodel.protocol` without the dimension ``replicate``, and ``size``, the
        cells of each population; their dimensions, and all texts, as JSON in bytes (`HEAD`).
    """
    with nullcontext() if course.draw is None else using(drawn(course.draw)):
        run = course.planned()
        ds = passed(run, [replicate], Memo()).isel(replicate=0, drop=True)
        sizes = population_sizes(run.first.parameters)
    ds.coords["size"] = "population", [sizes[name] for name in ds["population"].values]
    texts = {str(name): one.values.tolist() for name, one in ds.variables.items() if one.dtype.kind == "U"}
    dims = {name: one.dims for name, one in ds.variables.items()}
    arrays = {str(name): one.values for name, one in ds.variables.items() if name not in texts}
    head = json.dumps({"dims": dims, "texts": texts, "coords": list(ds.coords)})
    return {**arrays, HEAD: np.frombuffer(head.encode(), dtype=np.uint8)}


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
    head = json.loads(arrays[HEAD].tobytes())
    every = {**arrays, **{name: np.array(texts) for name, texts in head["texts"].items()}}
    ds = xr.Dataset({name: (dims, every[name]) for name, dims in head["dims"].items()})
    return ds.set_coords(head["coords"])
