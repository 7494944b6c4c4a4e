"""
From axes and points to plans: everything a sweep will run, checked before anything is written.

Deliberately absent: how many processes run it and where results go. Neither changes a number, so neither is
part of a sweep's identity.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from math import prod
from typing import Any

import numpy as np

from dhmodel import code
from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import Parameter, doses, parameter
from dhmodel.parameters.lesions import INTACT
from dhmodel.simulate import Plan, plan
from dhmodel.stimulation.paradigms import brought
from dhmodel.sweep.axes import TEXT_AXES, Axis, build_axis, refuse_repetition, refuse_too_many
from dhmodel.sweep.design import build_columns, swept_paradigms
from dhmodel.units import to_si

DEFAULTS = {"paradigm": "none", "state": "naive", "stimulus": "spontaneous", "lesion": INTACT}
ARGUMENTS = (*TEXT_AXES, "drugs", "set", "duration", "warmup", "seed", "target")
FORMAT = 3
"""Version of the layout of a store. One of an older version opens but is not continued."""

POINT = "point"
"""Dimension of points that are no grid."""

MODEL = "the model's parameters or version"
"""Key of an identity's digest of all points, which differs wherever anything differs."""


@dataclass(frozen=True)
class SweepSpec:
    """
    A validated sweep.

    Attributes
    ----------
    axes : tuple of Axis
        The dimensions of a grid, in their order.
    columns : tuple of Axis
        What moves together along one more dimension, `POINT`, the last: zipped axes, a list of points or a
        sample. Without any there is no such dimension.
    plans : tuple of Plan
        One per point, the last dimension fastest.
    replicates : int
        Replicates of every point; replicate r of every point shares its random streams.
    fixed : dict
        Arguments that do not vary, in SI units, ready for JSON.
    """

    axes: tuple[Axis, ...]
    columns: tuple[Axis, ...]
    plans: tuple[Plan, ...]
    replicates: int
    fixed: Mapping[str, object]

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the swept dimensions."""
        return (*(axis.name for axis in self.axes), *([POINT] if self.columns else []))

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each swept dimension."""
        return _shape(self.axes, self.columns)

    def index(self, point: int) -> tuple[int, ...]:
        """Position of a point along each swept dimension."""
        return tuple(int(i) for i in np.unravel_index(point, self.shape))

    def label(self, point: int) -> str:
        """Name a point in a message: ``tonic.frequency=50 Hz, state=snl``."""
        return _label(self.axes, self.columns, self.index(point))

    def units(self) -> Iterator[tuple[int, int]]:
        """Every (point, replicate)."""
        return product(range(len(self.plans)), range(self.replicates))

    def identity(self) -> dict[str, object]:
        """Everything that decides the numbers, ready for JSON; equal for the same sweep and no other."""
        points = json.dumps([one.digest() for one in self.plans])
        return {
            "format": FORMAT,
            "code version": version("dhmodel"),
            "digest of the code": code.digest(),
            "axes": {axis.name: list(axis.values) for axis in self.axes},
            "points": {axis.name: list(axis.values) for axis in self.columns},
            "replicates": self.replicates,
            **self.fixed,
            MODEL: hashlib.sha256(points.encode()).hexdigest()[:16],
        }


def build_spec(
    axes: Mapping[str, Iterable[object]] | None = None,
    arguments: Mapping[str, object] | None = None,
    replicates: int = 5,
    planner: Callable[..., Plan] = plan,
    design: Mapping[str, object] | None = None,
) -> SweepSpec:
    """
    Validate axes, points and fixed arguments, and plan every point.

    Parameters
    ----------
    axes : mapping of {str : iterable}, optional
        Values per axis of a grid; quantities as text with a unit or Brian2 quantities.
    arguments : mapping, optional
        Fixed keyword arguments of `dhmodel.simulate.plan`.
    replicates : int
        Replicates per point, at least 1.
    planner : callable
        What makes a plan of keyword arguments.
    design : mapping, optional
        One of `zip`, `points` and `sample`, as in `dhmodel.sweep`; each of its points is combined with each
        of the grid.

    Returns
    -------
    SweepSpec

    Raises
    ------
    InputError
        An unknown or empty axis, a duplicate value, a missing or wrong unit, an axis that is also a fixed
        argument, a design that makes no points, or a point that cannot be planned.
    """
    axes, design = axes or {}, {name: value for name, value in (design or {}).items() if value is not None}
    arguments = dict(arguments or {})
    for name in arguments:
        if name not in ARGUMENTS:
            raise unknown("argument", name, ARGUMENTS, "sweep")
    count("replicates", replicates)
    if not isinstance(axes, Mapping):
        raise InputError(f"axes: got {quoted(axes)}, needs a mapping of name to a list of values")
    if not (axes or design):
        raise InputError("axes: a sweep needs at least one axis")
    extra = own_parameters(axes, design, arguments)
    built = tuple(build_axis(name, values, extra) for name, values in axes.items())
    columns = build_columns(design, extra)
    for axis in built:
        refuse_repetition(axis)
    for axis in (*built, *columns):
        _refuse_conflict(axis.name, arguments)
    _refuse_both(built, columns)
    refuse_too_many("sweep", prod(_shape(built, columns)))
    plans = tuple(_plan_points(built, columns, arguments, planner))
    fixed = _fixed((*built, *columns), arguments, plans[0], extra)
    return SweepSpec(built, columns, plans, replicates, fixed)


def own_parameters(
    axes: Mapping[str, Iterable[object]], design: Mapping[str, object], arguments: Mapping[str, object]
) -> tuple[Parameter, ...]:
    """Parameters of the paradigms that are not of the package, whether fixed or swept."""
    swept = axes.get("paradigm", ())
    given = swept if isinstance(swept, list | tuple) else ()
    every = (*given, *swept_paradigms(design), arguments.get("paradigm"))
    return tuple(dict.fromkeys(one for each in every for one in brought(each)))


def count(name: str, given: object) -> None:
    """Raise InputError if an argument is not a whole number of at least 1."""
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InputError(f"{name}: got {quoted(given)}, needs a whole number of at least 1")


def differences(ours: Mapping[str, object], theirs: Mapping[str, object]) -> str:
    """Say in words where two identities differ, `ours` being what is asked for now."""
    parts = []
    for key in dict.fromkeys((*ours, *theirs)):
        mine, other = ours.get(key), theirs.get(key)
        if isinstance(mine, Mapping) and isinstance(other, Mapping):
            inner = differences(mine, other)
            parts += [f"{key}: {inner}"] if inner else []
        elif mine != other:
            parts.append(f"{key} ({_short(other)} there, {_short(mine)} asked)")
    if not parts and list(ours) != list(theirs):
        parts.append(f"order ({', '.join(theirs)} there, {', '.join(ours)} asked)")
    return ", ".join(parts)


def plain(identity: Mapping[str, object]) -> dict[str, Any]:
    """Return an identity as a store tells it, tuples as lists."""
    return dict(json.loads(json.dumps(identity)))


def _short(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _refuse_both(axes: tuple[Axis, ...], columns: tuple[Axis, ...]) -> None:
    for axis in columns:
        if axis.name in {other.name for other in axes}:
            raise InputError(f'axis "{axis.name}": is in the grid and in the points; give one of the two')


def _refuse_conflict(name: str, arguments: Mapping[str, object]) -> None:
    """Refuse an axis whose value is also fixed, because one of the two would silently do nothing."""
    group, _, drug = name.partition(".")
    fixed_drugs, fixed_set = arguments.get("drugs") or {}, arguments.get("set") or {}
    taken = ""
    if name in DEFAULTS and arguments.get(name, DEFAULTS[name]) != DEFAULTS[name]:
        taken = f'argument {name}="{arguments[name]}"'
    elif group == "drugs" and isinstance(fixed_drugs, Mapping) and drug in fixed_drugs:
        taken = "argument drugs"
    elif isinstance(fixed_set, Mapping) and name in fixed_set:
        taken = "argument set"
    if taken:
        raise InputError(f'axis "{name}": also fixed by the {taken}; give one of the two')


def _shape(axes: tuple[Axis, ...], columns: tuple[Axis, ...]) -> tuple[int, ...]:
    return tuple(len(axis.values) for axis in (*axes, *columns[:1]))


def _at(
    axes: tuple[Axis, ...], columns: tuple[Axis, ...], index: tuple[int, ...]
) -> Iterator[tuple[str, object]]:
    """Names and values, as given, at one position along the dimensions."""
    yield from ((axis.name, axis.given[i]) for axis, i in zip(axes, index, strict=False))
    yield from ((axis.name, axis.given[index[-1]]) for axis in columns)


def _plan_points(
    axes: tuple[Axis, ...],
    columns: tuple[Axis, ...],
    arguments: Mapping[str, object],
    planner: Callable[..., Plan],
) -> Iterator[Plan]:
    for index in np.ndindex(_shape(axes, columns)):
        try:
            yield planner(**_keywords(dict(_at(axes, columns, index)), arguments))
        except InputError as error:
            raise InputError(f"sweep point {_label(axes, columns, index)}: {error}") from None


def _keywords(chosen: Mapping[str, object], arguments: Mapping[str, object]) -> dict[str, object]:
    """Arguments of the planner at one point: the fixed ones and the chosen values, each in its place."""
    keywords = {name: value for name, value in arguments.items() if value is not None}
    settings, fractions = _copy(keywords, "set"), _copy(keywords, "drugs")
    for name, value in chosen.items():
        if name in TEXT_AXES:
            keywords[name] = value
        elif name.startswith("drugs."):
            fractions[name.removeprefix("drugs.")] = value
        else:
            settings[name] = value
    return keywords | {"set": settings, "drugs": fractions}


def _copy(keywords: Mapping[str, object], name: str) -> dict[str, object]:
    given = keywords.get(name) or {}
    if not isinstance(given, Mapping):
        raise InputError(f"{name}: got {quoted(given)}, needs a mapping of name to value")
    return dict(given)


def _label(axes: tuple[Axis, ...], columns: tuple[Axis, ...], index: tuple[int, ...]) -> str:
    number = [f"{POINT} {index[-1]}"] if columns else []
    return ", ".join([*number, *(f"{name}={value}" for name, value in _at(axes, columns, index))])


def _fixed(
    axes: tuple[Axis, ...], arguments: Mapping[str, object], first: Plan, extra: tuple[Parameter, ...]
) -> dict[str, object]:
    """Fixed arguments in SI units, without those that an axis replaces."""
    swept = {axis.name for axis in axes}
    names = {name: str(getattr(first, name)) for name in TEXT_AXES if name not in swept}
    settings, duration = _copy(arguments, "set"), arguments.get("duration")
    return {
        **names,
        "drugs": dict(doses(_copy(arguments, "drugs"))),
        "set": {path: parameter(path, extra).check(value) for path, value in sorted(settings.items())},
        "duration": None if duration is None else to_si(duration, "s", "duration"),
        "warmup": first.warmup,
        "seed": first.seed,
        "target": first.target,
    }
