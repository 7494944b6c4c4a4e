"""
Reductions: from a value of every cell, run of a family or replicate to one that a criterion can be about.

See `dhmodel.evidence.asking.readouts` for what the dimensions mean.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from dhmodel.errors import InputError
from dhmodel.evidence.asking.functions import function
from dhmodel.evidence.asking.trials import Family

type Array = xr.DataArray


@function
def fraction(of: Array) -> Array:
    """Share of cells for which something holds, or is not zero."""
    return (_cellwise(of) != 0).mean("cell")


@function
def average(of: Array) -> Array:
    """Mean over cells, those without a value left out."""
    return _cellwise(of).mean("cell")


@function
def median(of: Array) -> Array:
    """Median over cells, those without a value left out."""
    return _cellwise(of).median("cell")


@function
def quantile(of: Array, share: float) -> Array:
    """Quantile over cells, those without a value left out."""
    return _cellwise(of).quantile(share, "cell").drop_vars("quantile")


@function
def pooled(of: Array) -> Array:
    """Mean over replicates: a ratio of pooled numbers weighs every spike alike."""
    return _having(of, "replicate").mean("replicate", skipna=False)


@function
def values(run: Family) -> Array:
    """Values of the parameter that a family varies, SI."""
    if not isinstance(run, Family):
        raise InputError("values: the run varies nothing")
    return xr.DataArray(list(run.values), dims="value")


@function
def lowest_at(run: Family, of: Array) -> Array:
    """Value of the varied parameter (SI) at which something is lowest, in each replicate."""
    return values(run).isel(value=_having(of, "value").argmin("value"))


@function
def highest_at(run: Family, of: Array) -> Array:
    """Value of the varied parameter (SI) at which something is highest, in each replicate."""
    return values(run).isel(value=_having(of, "value").argmax("value"))


@function
def lowest(of: Array) -> Array:
    """Lowest over a family."""
    return _having(of, "value").min("value", skipna=False)


@function
def highest(of: Array) -> Array:
    """Highest over a family."""
    return _having(of, "value").max("value", skipna=False)


@function
def at(of: Array, index: int) -> Array:
    """Member of a family by its place, from 0."""
    return _having(of, "value").isel(value=index)


@function
def falling(of: Array) -> Array:
    """1 if something falls with every step of a family, else 0."""
    return (_having(of, "value").diff("value") < 0).all("value") * 1.0


@function
def rising(of: Array) -> Array:
    """1 if something rises with every step of a family, else 0."""
    return (_having(of, "value").diff("value") > 0).all("value") * 1.0


@function
def trend(of: Array) -> Array:
    """Rank correlation of something with its place in a family, 1 if it only rises, -1 if it only falls."""
    ranks = _ranks(of)
    return xr.corr(ranks, xr.DataArray(np.arange(ranks.sizes["value"]), dims="value"), "value")


@function
def share(of: Array) -> Array:
    """Share of the runs of a family for which something holds, or is not zero, in each replicate."""
    return (_having(of, "value") != 0).mean("value")


@function
def rank_correlation(of: Array, other: Array) -> Array:
    """Rank correlation (Spearman) of two values over the runs of a family, such as cords of a cohort."""
    return xr.corr(_ranks(of), _ranks(other), "value")


@function
def min_(*of: Any) -> Any:
    """Smallest of several, element by element."""
    return _folded(np.minimum, of)


@function
def max_(*of: Any) -> Any:
    """Largest of several, element by element."""
    return _folded(np.maximum, of)


@function
def abs_(of: Any) -> Any:
    """Without its sign."""
    return abs(of)


@function
def log(of: Any) -> Any:
    """Natural logarithm."""
    return np.log(of)


def _ranks(of: Array) -> Array:
    """Place of every run of a family by size, from 1; equal ones share theirs."""
    rivals = _having(of, "value").rename(value="rival")
    return 0.5 + (of > rivals).sum("rival") + (of == rivals).sum("rival") / 2


def _having(of: Any, dim: str) -> Array:
    if not isinstance(of, xr.DataArray) or dim not in of.dims:
        what = {"cell": "cells", "value": "a family of runs", "replicate": "replicates"}[dim]
        raise InputError(f"needs something of {what}")
    return of


def _cellwise(of: Any) -> Array:
    return _having(of, "cell")


def _folded(function: Callable[[Any, Any], Any], of: tuple[Any, ...]) -> Any:
    if len(of) < 2:
        raise InputError("needs two or more to choose from")
    result = of[0]
    for one in of[1:]:
        result = function(result, one)
    return result
