"""A search for a feature: what is asked for, checked before anything runs, and where it looks next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.sweep.features import FEATURES, Found, find
from dhmodel.sweep.layout import make_layout
from dhmodel.sweep.quantities import Function, Quantity, quantity
from dhmodel.sweep.ranges import Range
from dhmodel.sweep.samplers import ROUNDING, library, propose
from dhmodel.sweep.spec import SweepSpec, build_spec, count, own_parameters
from dhmodel.units import UnitError, to_si

TOLERANCE = 0.02
"""Fraction of a range, unless another is given."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """
    What a search knows of its feature at one combination of the other axes.

    Attributes
    ----------
    found : Found or None
        In SI; None if there is no such feature, or too few runs to tell.
    why : str
        Why it looks no further; empty if it does.
    proposed : ndarray of float64, shape (points, dims)
        Where it looks next, in SI.
    """

    found: Found | None
    why: str
    proposed: Floats


@dataclass(frozen=True)
class Search:
    """
    A validated search.

    Attributes
    ----------
    ranges : tuple of Range
        What is searched: along one axis, or several together.
    axes : dict
        Grid of other axes; the feature is sought at each of their combinations.
    arguments : dict
        Fixed arguments of a sweep.
    replicates : int
    quantity : Quantity
        What it looks at.
    feature : str
        One of `features.FEATURES`.
    level : float or None
        Of a crossing, SI.
    tolerance : tuple of float
        Width of the bracket at which the search ends: a fraction of each range, or SI where `absolute`.
    absolute : tuple of bool
    start, points, at_once : int
        Values of each range to begin with; points at most; points that each combination adds in a round.
    """

    ranges: tuple[Range, ...]
    axes: Mapping[str, Iterable[object]]
    arguments: Mapping[str, object]
    replicates: int
    quantity: Quantity
    feature: str
    level: float | None
    tolerance: tuple[float, ...]
    absolute: tuple[bool, ...]
    start: int
    points: int
    at_once: int

    def begin(self) -> Floats:
        """Points to begin with, a grid over the ranges, shape (points, dims), SI."""
        every = np.linspace(0, 1, self.start)
        columns = [np.unique(one.near(every)) for one in self.ranges]
        return np.array(list(product(*columns)))

    def spec(self, points: Floats) -> SweepSpec:
        """Sweep that holds points, shape (points, dims), SI: an axis of values, or points along `point`."""
        written = [one.written(points[:, i]) for i, one in enumerate(self.ranges)]
        names = [one.name for one in self.ranges]
        if len(names) == 1:
            return build_spec({**self.axes, names[0]: written[0]}, self.arguments, self.replicates)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*written, strict=True)]
        return build_spec(self.axes, self.arguments, self.replicates, design={"points": rows})

    def place(self, points: Floats) -> Floats:
        """Points in SI as points of the unit cube."""
        return np.stack([one.fractions(points[:, i]) for i, one in enumerate(self.ranges)], axis=-1)

    def si(self, places: Floats, points: Floats) -> Floats:
        """Places of the unit cube in SI: where a point is, exactly that."""
        values = np.stack([one.values(places[..., i]) for i, one in enumerate(self.ranges)], axis=-1)
        known = self.place(points)
        for index in np.ndindex(places.shape[:-1]):
            apart = np.abs(known - places[index]).max(axis=1)
            if (apart < ROUNDING).any():
                values[index] = points[apart.argmin()]
        return values

    def look(self, points: Floats, values: Floats) -> Look:
        """
        Look at the results of one combination of the other axes.

        Parameters
        ----------
        points : ndarray of float64, shape (points, dims)
            SI.
        values : ndarray of float64, shape (points, replicates)
            Missing where a run failed.
        """
        places, inside = self.place(points), self.inside(points)
        there = inside & np.isfinite(values).all(axis=1)
        none = np.empty((0, len(self.ranges)))
        if there.sum() <= len(self.ranges):
            return Look(None, f"of {inside.sum()} points {there.sum()} have all replicates", none)
        found = find(self.feature, places[there], values[there], self.level)
        if found is None:
            return Look(None, self._absent(points[there], values[there].mean(axis=1)), none)
        told = self._told(found, points)
        if why := self._end(found, told, int(inside.sum())):
            return Look(told, why, none)
        missing = places[inside & ~there]
        means = values[there].mean(axis=1)
        proposed = propose(self.feature, found, places[there], means, missing, self.at_once)
        proposed = self.new(
            np.stack([one.near(proposed[:, i]) for i, one in enumerate(self.ranges)], axis=-1), points
        )
        why = "" if len(proposed) else "there is no other value in the bracket"
        return Look(told, why, proposed)

    def inside(self, points: Floats) -> NDArray[np.bool_]:
        """Which points, shape (points, dims), SI, lie in the ranges."""
        places = self.place(points)
        return np.asarray(((places >= -ROUNDING) & (places <= 1 + ROUNDING)).all(axis=1))

    def new(self, proposed: Floats, points: Floats) -> Floats:
        """Those of some points that are not among others, each once."""
        known = {tuple(point) for point in points.tolist()}
        fresh = dict.fromkeys(tuple(point) for point in proposed.tolist() if tuple(point) not in known)
        return np.array(list(fresh)).reshape(-1, len(self.ranges))

    def _told(self, found: Found, points: Floats) -> Found:
        """A feature of the unit cube in SI."""
        at, low, high, each = (
            self.si(place, points) for place in (found.at, found.low, found.high, found.each)
        )
        return replace(found, at=at, low=low, high=high, each=each)

    def _end(self, found: Found, told: Found, number: int) -> str:
        width = np.where(self.absolute, told.width, found.width)
        if np.all(width <= np.array(self.tolerance) * (1 + ROUNDING)):
            return "the bracket is within the tolerance"
        if found.noise:
            return (
                "the replicates do not tell the ends of the bracket apart"
                if self.feature == "crossing"
                else f"the replicates do not tell the {self.feature} from the points beside it"
            )
        return f"there are {number} points, and {self.points} allowed" if number >= self.points else ""

    def _absent(self, points: Floats, means: Floats) -> str:
        ends = points[:, 0].argsort()[[0, -1]]
        unit, axis = ("" if one == "1" else f" {one}" for one in (self.quantity.unit, self.ranges[0].unit))
        told = [f"{means[i]:.4g}{unit} at {points[i, 0]:.4g}{axis}" for i in ends]
        return f"{self.quantity.name} does not cross {self.level:g}{unit}: it is {told[0]} and {told[1]}"


def build_search(
    ranges: Mapping[str, Iterable[object]],
    feature: str,
    measure: str | Function = "rate",
    population: str = "WDR",
    level: object = None,
    tolerance: object = None,
    axes: Mapping[str, Iterable[object]] | None = None,
    arguments: Mapping[str, object] | None = None,
    replicates: int = 5,
    start: int | None = None,
    points: int = 40,
    at_once: int = 2,
) -> Search:
    """
    Validate a search; the arguments are those of `dhmodel.refine`, `arguments` the fixed ones of a sweep.

    Raises
    ------
    InputError
        The sampler is not installed, or an argument is wrong; nothing has run.
    """
    library()
    if not isinstance(ranges, Mapping) or not ranges:
        raise InputError(f"ranges: got {quoted(ranges)}, needs names, and [low, high] for each")
    if feature not in FEATURES:
        raise unknown("feature", feature, FEATURES)
    if feature == "crossing" and len(ranges) > 1:
        raise InputError(f"ranges: a crossing is sought along one axis, got {', '.join(ranges)}")
    axes, arguments = dict(axes or {}), dict(arguments or {})
    extra = own_parameters(axes, {}, arguments)
    found = tuple(Range(name, bounds, extra) for name, bounds in ranges.items())
    for name in ranges:
        if name in axes:
            raise InputError(f'axis "{name}": is swept and searched; give one of the two')
    looked = quantity(measure, population)
    width, absolute = zip(*(_tolerance(tolerance, one) for one in found), strict=True)
    start = start if start is not None else 5 if len(found) == 1 else 3
    for name, number in (("start", start), ("points", points), ("at_once", at_once)):
        count(name, number)
    if start < 2:
        raise InputError("start: got 1, needs at least the two ends of the range")
    search = Search(
        found,
        axes,
        arguments,
        replicates,
        looked,
        feature,
        _level(level, feature, looked),
        width,
        absolute,
        start,
        points,
        at_once,
    )
    _check(search)
    return search


def _check(search: Search) -> None:
    """Refuse what the first round would show to be impossible."""
    begin = search.begin()
    if len(begin) > search.points:
        raise InputError(f"points: got {search.points}, needs at least the {len(begin)} to begin with")
    lacking = search.quantity.needs - set(make_layout(search.spec(begin).plans).variables)
    if lacking:
        raise InputError(
            f"measure: {search.quantity.name} needs {', '.join(lacking)}; give a stimulus that repeats"
        )


def _level(given: object, feature: str, looked: Quantity) -> float | None:
    if feature == "crossing":
        if given is None:
            raise InputError(f"level: a crossing needs the level that {looked.name} crosses")
        return to_si(given, looked.unit, "level")
    if given is not None:
        raise InputError(f"level: of no effect on a {feature}; only a crossing has one")
    return None


def _tolerance(given: object, one: Range) -> tuple[float, bool]:
    """Width of the bracket at the end, and whether it is absolute."""
    if isinstance(given, Mapping):
        if one.name not in given:
            raise InputError(f'tolerance: has none for "{one.name}"')
        given = given[one.name]
    if given is None:
        return TOLERANCE, False
    width, absolute = _width(given, one.unit)
    if not 0 < width or (not absolute and width >= 1):
        raise InputError(f"tolerance: got {quoted(given)}, needs more than 0 and less than the range")
    return width, absolute


def _width(given: Any, unit: str) -> tuple[float, bool]:
    try:
        return to_si(given, "1", "tolerance"), False
    except UnitError:
        return to_si(given, unit, "tolerance"), True
