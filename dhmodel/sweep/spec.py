"""
From axes to a grid of plans: everything a sweep will run, checked before anything is written.

Deliberately absent: how many processes run it and where results go. Neither changes a number, so neither is
part of a sweep's identity.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import Parameter, doses, drugs, parameter, paths
from dhmodel.simulate import Plan, plan
from dhmodel.stimulation.paradigms import Paradigm, brought
from dhmodel.units import si_unit, to_si

TEXT_AXES = {"paradigm": "stimulation paradigm", "state": "state of the cord", "stimulus": "test stimulus"}
DEFAULTS = {"paradigm": "none", "state": "naive", "stimulus": "spontaneous"}
ARGUMENTS = (*TEXT_AXES, "drugs", "set", "duration", "warmup", "seed", "target")
FORMAT = 1
"""Version of the layout of a store; a store of another version is refused."""

MODEL = "the model's parameters or version"
"""Key of an identity's digest of all points, which differs wherever anything differs."""

type Value = str | float | int


@dataclass(frozen=True)
class Axis:
    """
    One swept dimension.

    Attributes
    ----------
    name : str
        A parameter path, ``"paradigm"``, ``"state"``, ``"stimulus"`` or ``"drugs.<name>"``; the name of the
        dimension.
    values : tuple of str, float or int
        Coordinates: text, or numbers in `unit`.
    given : tuple
        The values as the user wrote them.
    unit : str
        SI unit of the coordinates; empty for text, that of a choice parameter included.
    long_name : str
        What the axis is, for labels.
    """

    name: str
    values: tuple[Value, ...]
    given: tuple[object, ...] = field(repr=False)
    unit: str
    long_name: str

    def coordinate(self) -> np.ndarray:
        """Values as an array (text as variable-length strings)."""
        return np.array(self.values, dtype=np.dtypes.StringDType() if not self.unit else None)

    def attributes(self) -> dict[str, str]:
        """Attributes of the coordinate: `long_name`, and `units` where it is a quantity."""
        units = {"units": self.unit} if self.unit else {}
        return {"long_name": self.long_name, **units}


@dataclass(frozen=True)
class SweepSpec:
    """
    A validated sweep.

    Attributes
    ----------
    axes : tuple of Axis
        In the order of the dimensions.
    plans : tuple of Plan
        One per grid point, the last axis fastest.
    replicates : int
        Replicates of every point; replicate r of every point shares its random streams.
    fixed : dict
        Arguments that do not vary, in SI units, ready for JSON.
    """

    axes: tuple[Axis, ...]
    plans: tuple[Plan, ...]
    replicates: int
    fixed: Mapping[str, object]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    def index(self, point: int) -> tuple[int, ...]:
        """Position of a point along each axis."""
        return tuple(int(i) for i in np.unravel_index(point, self.shape))

    def label(self, point: int) -> str:
        """Name a point in a message: ``tonic.frequency=50 Hz, state=snl``."""
        return _label(self.axes, self.index(point))

    def units(self) -> Iterator[tuple[int, int]]:
        """Every (point, replicate)."""
        return product(range(len(self.plans)), range(self.replicates))

    def identity(self) -> dict[str, object]:
        """Everything that decides the numbers, ready for JSON; equal for the same sweep and no other."""
        points = json.dumps([one.digest() for one in self.plans])
        return {
            "format": FORMAT,
            "code version": version("dhmodel"),
            "axes": {axis.name: list(axis.values) for axis in self.axes},
            "replicates": self.replicates,
            **self.fixed,
            MODEL: hashlib.sha256(points.encode()).hexdigest()[:16],
        }


def build_spec(
    axes: Mapping[str, Iterable[object]],
    arguments: Mapping[str, object] | None = None,
    replicates: int = 5,
    planner: Callable[..., Plan] = plan,
) -> SweepSpec:
    """
    Validate axes and fixed arguments, and plan every point.

    Parameters
    ----------
    axes : mapping of {str : iterable}
        Values per axis; quantities as text with a unit or Brian2 quantities.
    arguments : mapping, optional
        Fixed keyword arguments of `dhmodel.simulate.plan`.
    replicates : int
        Replicates per point, at least 1.
    planner : callable
        What makes a plan of keyword arguments.

    Returns
    -------
    SweepSpec

    Raises
    ------
    InputError
        An unknown or empty axis, a duplicate value, a missing or wrong unit, an axis that is also a fixed
        argument, or a point that cannot be planned.
    """
    arguments = dict(arguments or {})
    for name in arguments:
        if name not in ARGUMENTS:
            raise unknown("argument", name, ARGUMENTS, "sweep")
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 1:
        raise InputError(f"replicates: got {quoted(replicates)}, needs a whole number of at least 1")
    if not isinstance(axes, Mapping) or not axes:
        raise InputError("axes: a sweep needs at least one axis")
    extra = _brought(axes, arguments)
    built = tuple(build_axis(name, values, extra) for name, values in axes.items())
    for axis in built:
        _refuse_conflict(axis.name, arguments)
    plans = tuple(_plan_points(built, arguments, planner))
    return SweepSpec(built, plans, replicates, _fixed(built, arguments, plans[0], extra))


def build_axis(name: str, values: Iterable[object], extra: tuple[Parameter, ...] = ()) -> Axis:
    """
    Validate one axis; `extra` are parameters of a user's own paradigm.

    Raises
    ------
    InputError
        Unknown name, no values, a duplicate, a value of the wrong type or unit, or out of range.
    """
    where = f'axis "{name}"'
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InputError(f"{where}: got {quoted(values)}, needs a list of values")
    given = tuple(values)
    if name in TEXT_AXES:
        axis = Axis(name, tuple(_text(value, where) for value in given), given, "", TEXT_AXES[name])
    elif name in (f"drugs.{drug}" for drug in drugs()):
        drug = name.removeprefix("drugs.")
        fractions = tuple(dict(doses({drug: dose}))[drug] for dose in given)
        axis = Axis(name, fractions, given, "1", f"{drug} (fraction of a full dose)")
    elif name in paths(extra):
        found = parameter(name, extra)
        checked = tuple(found.check(value, where) for value in given)
        axis = Axis(name, checked, given, "" if found.choices else si_unit(found.unit), found.about or name)
    else:
        raise unknown("axis", name, (*TEXT_AXES, *(f"drugs.{drug}" for drug in drugs()), *paths(extra)))
    _refuse_repetition(axis, where)
    return axis


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


def _short(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _brought(axes: Mapping[str, Iterable[object]], arguments: Mapping[str, object]) -> tuple[Parameter, ...]:
    """Parameters of the paradigms that are not of the package, whether fixed or swept."""
    swept = axes.get("paradigm", ())
    given = swept if isinstance(swept, list | tuple) else ()
    return tuple(one for each in (*given, arguments.get("paradigm")) for one in brought(each))


def _text(value: object, where: str) -> str:
    if isinstance(value, Paradigm | Path):
        return str(value)
    if not isinstance(value, str):
        raise InputError(f"{where}: got {quoted(value)}, needs a name")
    return value


def _refuse_repetition(axis: Axis, where: str) -> None:
    if not axis.values:
        raise InputError(f"{where}: empty, needs at least one value")
    for i, value in enumerate(axis.values):
        if any(_same(value, earlier) for earlier in axis.values[:i]):
            raise InputError(f"{where}: {quoted(axis.given[i])} is there twice")


def _same(a: Value, b: Value) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return math.isclose(a, b, rel_tol=1e-12)


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


def _plan_points(
    axes: tuple[Axis, ...], arguments: Mapping[str, object], planner: Callable[..., Plan]
) -> Iterator[Plan]:
    shape = [range(len(axis.values)) for axis in axes]
    for index in product(*shape):
        chosen = {axis.name: axis.given[i] for axis, i in zip(axes, index, strict=True)}
        try:
            yield planner(**_keywords(chosen, arguments))
        except InputError as error:
            raise InputError(f"sweep point {_label(axes, index)}: {error}") from None


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


def _label(axes: tuple[Axis, ...], index: tuple[int, ...]) -> str:
    return ", ".join(f"{axis.name}={axis.given[i]}" for axis, i in zip(axes, index, strict=True))


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
