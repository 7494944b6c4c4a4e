"""
Points that are no grid: axes that move together, a list of points, or a sample of ranges.

Whatever the design, it becomes columns: for every swept name one value per point.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import Parameter
from dhmodel.sweep.axes import Axis, build_axis, key, listed, refuse_too_many
from dhmodel.sweep.ranges import Range

DESIGNS = ("zip", "points", "sample")
METHODS = ("latin", "sobol", "saltelli")
_SAMPLE = ("method", "number", "seed", "ranges")

type Columns = dict[str, list[object]]


def build_columns(design: Mapping[str, object], extra: tuple[Parameter, ...] = ()) -> tuple[Axis, ...]:
    """
    Validate a design and find its points.

    Parameters
    ----------
    design : mapping
        Empty, or with one of `DESIGNS`, as in `dhmodel.sweep`.
    extra : tuple of Parameter
        Parameters of a user's own paradigm.

    Returns
    -------
    tuple of Axis
        All of one length, one value per point; empty without a design.

    Raises
    ------
    InputError
        More than one design, columns of unequal length, a row that lacks a name, a point that is there twice,
        a range or method that cannot be, a name or value that is no axis's.
    """
    for name in design:
        if name not in DESIGNS:
            raise unknown("design", name, DESIGNS)
    if len(design) > 1:
        raise InputError(f"{' and '.join(design)}: each says what the points are; give one of them")
    match design:
        case {"zip": columns}:
            return _distinct(_built(_zipped(columns), extra), "zip")
        case {"points": rows}:
            return _distinct(_built(_turned(rows), extra), "points")
        case {"sample": sample}:
            return _sampled(sample, extra)
    return ()


def swept_paradigms(design: Mapping[str, object]) -> list[object]:
    """Paradigms that a design names, right or wrong."""
    match design:
        case {"zip": {"paradigm": [*named]}}:
            return named
        case {"points": [*rows]}:
            return [row["paradigm"] for row in rows if isinstance(row, Mapping) and "paradigm" in row]
    return []


def _built(columns: Mapping[str, list[object]], extra: tuple[Parameter, ...]) -> tuple[Axis, ...]:
    return tuple(build_axis(name, values, extra) for name, values in columns.items())


def _zipped(columns: object) -> Columns:
    if not isinstance(columns, Mapping) or not columns:
        raise InputError(f"zip: got {quoted(columns)}, needs names and a list of values for each")
    lists = {name: listed(values, f'zip: "{name}"') for name, values in columns.items()}
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InputError(f"zip: values move together, so that each name needs as many as the others; {told}")
    return lists


def _turned(rows: object) -> Columns:
    """Columns of a list of points."""
    points = listed(rows, "points")
    if not points:
        raise InputError("points: empty, needs at least one point")
    for number, point in enumerate(points):
        if not isinstance(point, Mapping) or not point:
            raise InputError(f"points: point {number} is {quoted(point)}, needs names and a value for each")
    first: Mapping[str, object] = points[0]  # type: ignore[assignment]
    columns: Columns = {name: [] for name in first}
    for number, point in enumerate(points):
        differing = first.keys() ^ point.keys()  # type: ignore[attr-defined]
        if differing:
            names = ", ".join(sorted(map(str, differing)))
            raise InputError(
                f"points: points 0 and {number} do not name the same; in one of them only: {names}"
            )
        for name in columns:
            columns[name].append(point[name])  # type: ignore[index]
    return columns


def _distinct(columns: tuple[Axis, ...], where: str) -> tuple[Axis, ...]:
    seen: dict[tuple[str, ...], int] = {}
    for number, values in enumerate(zip(*(axis.values for axis in columns), strict=True)):
        earlier = seen.setdefault(tuple(map(key, values)), number)
        if earlier != number:
            raise InputError(f"{where}: points {earlier} and {number} are the same")
    return columns


def _sampled(sample: object, extra: tuple[Parameter, ...]) -> tuple[Axis, ...]:
    if not isinstance(sample, Mapping):
        raise InputError(f"sample: got {quoted(sample)}, needs {', '.join(_SAMPLE)}")
    for name in sample:
        if name not in _SAMPLE:
            raise unknown("key", name, _SAMPLE, "sample")
    method, ranges = sample.get("method", METHODS[0]), sample.get("ranges")
    if method not in METHODS:
        raise unknown("method", method, METHODS, "sample")
    if not isinstance(ranges, Mapping) or not ranges:
        raise InputError(f"sample: ranges is {quoted(ranges)}, needs names, and [low, high] for each")
    number, seed = _whole(sample, "number", None, 2), _whole(sample, "seed", 1, 0)
    refuse_too_many("sample: number", number)
    found = {name: Range(name, bounds, extra, "sample: range") for name, bounds in ranges.items()}
    unit = _unit_cube(method, number, len(found), seed)
    columns = {name: one.at(unit[:, i]) for i, (name, one) in enumerate(found.items())}
    return _built(columns, extra)


def _whole(sample: Mapping[str, object], name: str, default: int | None, least: int) -> int:
    value = sample.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"sample: {name} is {quoted(value)}, needs a whole number of at least {least}")
    return value


def _unit_cube(method: str, number: int, dims: int, seed: int) -> NDArray[Any]:
    """Points of a sample in the unit cube, shape (points, dims)."""
    problem = {"num_vars": dims, "names": [str(i) for i in range(dims)], "bounds": [[0.0, 1.0]] * dims}
    if method == "sobol":
        cube = _salib("sobol_sequence").sample(number, dims)
    elif method == "latin":
        cube = _salib("latin").sample(problem, number, seed=seed)
    else:
        if number & (number - 1):
            raise InputError(
                f"sample: number is {number}, saltelli needs a power of 2 such as {_power(number)}"
            )
        cube = _salib("sobol").sample(problem, number, calc_second_order=False, seed=seed)
    return np.asarray(cube, dtype=float)


def _power(number: int) -> int:
    return 1 << number.bit_length()


def _salib(name: str) -> Any:
    try:
        return import_module(f"SALib.sample.{name}")
    except ImportError:
        raise InputError(
            "sample: SALib is not installed; pip install 'dhmodel[sensitivity]' brings it"
        ) from None
