"""What a search has found: as variables of its sweep's Dataset, and as text."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError
from dhmodel.sweep.report import shown
from dhmodel.sweep.searches import Look, Search

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PREFIX", "Index", "feature_text", "title", "with_feature"]

PREFIX = "refined"
"""Begins the names of the variables that tell of the feature."""

type Floats = NDArray[np.float64]
type Index = dict[str, int]
"""Position along each of the axes that are not searched."""


def with_feature(search: Search, ds: "xr.Dataset", looks: Sequence[tuple[Index, Look]]) -> "xr.Dataset":
    """
    Add what was found to the Dataset of a sweep; see `dhmodel.refine`.

    Raises
    ------
    InputError
        There is no such feature at any combination of the other axes.
    """
    if all(look.found is None for _, look in looks):
        index, look = looks[0]
        raise InputError(f"refine: {_where(ds, index)}{look.why}")
    dims, shape = tuple(search.axes), tuple(ds.sizes[name] for name in search.axes)
    variables: dict[str, Any] = {}
    for name, unit, about, values in _told(search, [look for _, look in looks]):
        attrs = {"units": unit, "long_name": about}
        variables[f"{PREFIX}.{name}"] = (dims, np.array(values).reshape(shape), attrs)
    why = np.array([look.why for _, look in looks]).reshape(shape)
    variables[f"{PREFIX}.why"] = (dims, why, {"long_name": "why the search ended"})
    return ds.assign(variables).assign_attrs({PREFIX: json.dumps(_asked(search))})


def _told(search: Search, looks: Sequence[Look]) -> list[tuple[str, str, str, list[float]]]:
    """Name, unit, meaning and values of every variable."""
    found = [look.found for look in looks]
    parts = []
    for i, one in enumerate(search.ranges):
        what = f"{one.name} at the {search.feature}"
        numbers = {
            "": (what, [None if f is None else f.at for f in found]),
            ".low": (f"{what}, lower end of its bracket", [None if f is None else f.low for f in found]),
            ".high": (f"{what}, upper end of its bracket", [None if f is None else f.high for f in found]),
        }
        for ending, (about, places) in numbers.items():
            values = [np.nan if at is None else float(at[i]) for at in places]
            parts.append((one.name + ending, one.unit, about, values))
        each = [np.nan if f is None else _sd(f.each[:, i]) for f in found]
        parts.append((f"{one.name}.sd", one.unit, f"{what}, deviation over replicates", each))
        alone = [0.0 if f is None else float(np.isfinite(f.each[:, i]).sum()) for f in found]
        parts.append(
            (f"{one.name}.n", "1", f"replicates that have the {search.feature} by themselves", alone)
        )
    unit, name = search.quantity.unit, search.quantity.name
    mean = [np.nan if f is None else float(f.value.mean()) for f in found]
    deviation = [np.nan if f is None else _sd(f.value) for f in found]
    about = f"{name} at the {search.feature}"
    return [
        *parts,
        ("value", unit, about, mean),
        ("value_sd", unit, f"{about}, deviation over replicates", deviation),
    ]


def _sd(values: Floats) -> float:
    """Deviation of those that are there; missing for fewer than two."""
    there = values[np.isfinite(values)]
    return float(there.std(ddof=1)) if there.size > 1 else np.nan


def _asked(search: Search) -> dict[str, Any]:
    """What was searched, ready for JSON."""
    return {
        "feature": search.feature,
        "measure": search.quantity.name,
        "level": search.level,
        "ranges": {one.name: [one.low, one.high, *(["log"] * one.log)] for one in search.ranges},
        "tolerance": list(search.tolerance),
        "absolute": list(search.absolute),
        "start": search.start,
        "points": search.points,
        "at_once": search.at_once,
    }


def title(search: Search) -> str:
    """Say what is searched: ``minimum of rate of WDR, tonic.frequency from 1 Hz to 1000 Hz (log)``."""
    ranges = (
        f"{one.name} from {shown(one.name, one.low)} to {shown(one.name, one.high)}"
        + (" (log)" if one.log else "")
        for one in search.ranges
    )
    at = "" if search.level is None else f" at {_number(search.level, search.quantity.unit)}"
    return f"{search.feature} of {search.quantity.name}{at}, {' and '.join(ranges)}"


def feature_text(search: Search, ds: "xr.Dataset") -> str:
    """Write what was found, a paragraph for every combination of the other axes."""
    lines = [title(search)]
    why = ds[f"{PREFIX}.why"]
    for index in np.ndindex(why.shape):
        at = dict(zip(search.axes, index, strict=True))
        one, indent = ds.isel(at), ""
        if at:
            lines.append(_where(ds, at).removesuffix(": "))
            indent = "  "
        if np.isfinite(one[f"{PREFIX}.value"]):
            lines += [f"{indent}{line}" for line in _paragraph(search, one)]
        lines.append(f"{indent}{'ended: ' if np.isfinite(one[f'{PREFIX}.value']) else ''}{why[index].item()}")
    return "\n".join(lines)


def _paragraph(search: Search, ds: "xr.Dataset") -> list[str]:
    lines = []
    for one in search.ranges:
        at, low, high, sd, alone = (
            float(ds[f"{PREFIX}.{one.name}{ending}"]) for ending in ("", ".low", ".high", ".sd", ".n")
        )
        bracket = f"between {_shown(one.name, low)} and {_shown(one.name, high)}"
        total = ds.sizes["replicate"]
        own = "" if alone == total else f"; {alone:.0f} of {total} replicates have it by themselves"
        each = own if np.isnan(sd) else f"; sd {_shown(one.name, sd)} over replicates{own}"
        lines.append(f"{one.name} = {_shown(one.name, at)} ({bracket}{each})")
    value, sd = float(ds[f"{PREFIX}.value"]), float(ds[f"{PREFIX}.value_sd"])
    spread = "" if np.isnan(sd) else f" ± {_number(sd, search.quantity.unit)}"
    return [*lines, f"{search.quantity.name} = {_number(value, search.quantity.unit)}{spread} there"]


def _shown(axis: str, value: float) -> str:
    return shown(axis, float(f"{value:.4g}"))


def _number(value: float, unit: str) -> str:
    return f"{value:.4g}" + ("" if unit == "1" else f" {unit}")


def _where(ds: "xr.Dataset", index: Index) -> str:
    told = ", ".join(f"{name}={shown(name, ds[name].values[i])}" for name, i in index.items())
    return f"{told}: " if told else ""
