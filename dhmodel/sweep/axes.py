"""The axes of a sweep: names and values that users give, checked, and as the coordinates they become."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import Parameter, cuts, doses, drugs, parameter, paths
from dhmodel.parameters.lesions import written
from dhmodel.stimulation.paradigms import Paradigm, find_paradigm, pieces
from dhmodel.units import si_unit

TEXT_AXES = {
    "paradigm": "stimulation paradigm",
    "state": "state of the cord",
    "stimulus": "test stimulus",
    "lesion": "what is cut",
}

MOST = 2_000_000
"""Points of a sweep, and values of an axis; planning them takes an hour."""

type Value = str | float | int


@dataclass(frozen=True)
class Axis:
    """
    One swept dimension.

    Attributes
    ----------
    name : str
        A parameter path, ``"paradigm"``, ``"state"``, ``"stimulus"``, ``"lesion"`` or ``"drugs.<name>"``;
        the name of the dimension.
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


def build_axis(name: str, values: Iterable[object], extra: tuple[Parameter, ...] = ()) -> Axis:
    """
    Validate one axis, whose values may repeat; `extra` are parameters of a user's own paradigm.

    Raises
    ------
    InputError
        Unknown name, no values, a value of the wrong type or unit, or out of range.
    """
    where = f'axis "{name}"'
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InputError(f"{where}: got {quoted(values)}, needs a list of values")
    given = tuple(islice(values, MOST + 1))
    refuse_too_many(where, len(given))
    if name == "lesion":
        axis = Axis(name, tuple(written(cuts(value)) for value in given), given, "", TEXT_AXES[name])
    elif name in TEXT_AXES:
        told = _paradigm if name == "paradigm" else _text
        axis = Axis(name, tuple(told(value, where) for value in given), given, "", TEXT_AXES[name])
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
    if not axis.values:
        raise InputError(f"{where}: empty, needs at least one value")
    return axis


def listed(values: object, where: str) -> list[object]:
    """Return given values as a list; InputError, which begins with `where`, if they are none."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InputError(f"{where}: got {quoted(values)}, needs a list of values")
    given = list(islice(values, MOST + 1))
    refuse_too_many(where, len(given))
    return given


def refuse_too_many(where: str, number: int) -> None:
    """Raise InputError if there are more values or points than `MOST`."""
    if number > MOST:
        raise InputError(f"{where}: got more than {MOST} values or points; divide it into several sweeps")


def _paradigm(value: object, where: str) -> str:
    """Name a paradigm as everywhere else: one name for those that act together in any order."""
    if pieces(value):
        return find_paradigm(value).name
    return str(value) if isinstance(value, Paradigm | Path) else _text(value, where)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: got {quoted(value)}, needs a name")
    return value


def refuse_repetition(axis: Axis) -> None:
    """Raise InputError if two values are the same."""
    seen = set()
    for value, given in zip(axis.values, axis.given, strict=True):
        if key(value) in seen:
            raise InputError(f'axis "{axis.name}": {quoted(given)} is there twice')
        seen.add(key(value))


def key(value: Value) -> str:
    """Text that is the same for values that differ by rounding alone."""
    return value if isinstance(value, str) else f"{value:.12g}"
