"""From the fibres that a source describes, and the classes that the user gives them, to spike trains."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dhmodel.errors import InputError, listing, quoted, unknown
from dhmodel.parameters.layout import FIBRE_CLASSES
from dhmodel.stimulation.measured import check_time
from dhmodel.stimulation.trains import SpikeTrains

__all__ = ["Classes", "Unit", "assemble"]

# of a name that is a number
_DIGITS = 19

type Classes = Mapping[Any, str | None] | Callable[[str, Mapping[str, Any]], str | None]


@dataclass(frozen=True)
class Unit:
    """
    A fibre as its source describes it.

    Attributes
    ----------
    name, where : str
        What the source calls it, and where it stands there.
    stated : object
        What the source says of its class; None if nothing.
    annotations : mapping of {str : object}
    times : list of float
        In s.
    place : callable
        Where the spike of a given number stands, for messages.
    """

    name: str
    where: str
    stated: object
    annotations: Mapping[str, Any]
    times: list[float]
    place: Callable[[int], str]


def assemble(
    units: list[Unit], classes: Classes | None, by: str | None, where: str, duration: float, warmup: float
) -> SpikeTrains:
    """
    Make trains of the units that `classes` keeps; the arguments are those of `interop.read_trains`, in s.

    Raises
    ------
    InputError
        No units, no or an unknown class, or a time that is not finite, out of range or unsorted.
    """
    if not units:
        raise InputError(f"{where}: holds no spike trains")
    found = [(unit, _class(unit, classes, by)) for unit in _ordered(units)]
    kept = [(unit.times, name) for unit, name in found if name is not None]
    if not kept:
        raise InputError(f"{where}: classes leaves out every one of its {len(units)} fibres")
    for unit, name in found:
        if name is not None:
            _check_times(unit, duration, warmup)
    return SpikeTrains(
        np.concatenate([np.array(times, dtype=np.float64) for times, _ in kept]),
        np.repeat(np.arange(len(kept)), [len(times) for times, _ in kept]),
        np.array([name for _, name in kept]),
    )


def _ordered(units: list[Unit]) -> list[Unit]:
    """By number if every name is another whole number: a file sorted by time names fibre 2 before fibre 1."""
    names = [unit.name for unit in units]
    if all(name.isdecimal() and len(name) < _DIGITS for name in names) and len(
        {int(name) for name in names}
    ) == len(names):
        return sorted(units, key=lambda unit: int(unit.name))
    return units


def _class(unit: Unit, classes: Classes | None, by: str | None) -> str | None:
    if classes is None:
        if unit.stated is None:
            raise InputError(f"{unit.where}: no class of fibre {quoted(unit.name)}; tell it with classes")
        found: Any = str(unit.stated)
    elif callable(classes):
        found = classes(unit.name, unit.annotations)
    elif not isinstance(classes, Mapping):
        raise InputError(f"classes: got {quoted(classes)}, needs a mapping of name to class, or a function")
    else:
        found = _look_up(unit, classes, by)
    if found is not None and not (isinstance(found, str) and found in FIBRE_CLASSES):
        raise unknown("fibre class", found, FIBRE_CLASSES, f"{unit.where}, fibre {quoted(unit.name)}")
    return found


def _look_up(unit: Unit, classes: Mapping[Any, str | None], by: str | None) -> str | None:
    table = {str(key): name for key, name in classes.items()}  # unit 3 of a file may be "3" or 3
    keys = [] if by else [unit.name]
    keys += [] if unit.stated is None else [str(unit.stated)]
    for key in keys:
        if key in table:
            return table[key]
    named = " or ".join(quoted(key) for key in keys)
    raise InputError(f"{unit.where}: classes has no {named}; it has {listing(list(table), keys[-1])}")


def _check_times(unit: Unit, duration: float, warmup: float) -> None:
    times = np.array(unit.times)
    outside = np.flatnonzero(~((times >= -warmup) & (times < duration)))
    if outside.size:
        check_time(unit.times[outside[0]], unit.place(int(outside[0])), duration, warmup)
    falling = np.flatnonzero(np.diff(times) < 0)
    if falling.size:
        spike = int(falling[0]) + 1
        raise InputError(
            f"{unit.place(spike)}: time {unit.times[spike]!r} s of fibre {quoted(unit.name)} stands after"
            f" {unit.times[spike - 1]!r} s; the times of a fibre must ascend"
        )
