"""
Slow states as data: what the files of ``slow_states/`` and ``inputs.toml`` may say.

Each state relaxes towards a target with the time constant `on` while that leads away from rest, and `off` on
the way back: ``tau dx/dt = rest + target - (target at rest) - x``, kept within `min` and `max`. `rest` is its
value in the untouched cord; `target` is an expression over drives measured in an epoch (``rate("WDR")``,
``pulse_rate``, ``motor_multiple``, ...), the inputs of ``inputs.toml``, the other states, what antagonists
leave of a receptor (``free("cb1")``) and the numbers of its own table. At rest nothing moves, whatever the
expressions say: only what changes against the untouched cord counts. `acts` says what a state does: `add` or
`times` (a factor 1 + ...) of its distance from rest, by a number of its table, on a parameter of the circuit,
within that parameter's bounds; `free` names a receptor whose antagonists take the effect away. Adding a state
touches no code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.expressions import Expression, parse
from dhmodel.parameters import Parameter, parameter, paths
from dhmodel.parameters.schema import Number, ParameterEntry, Read, Text, to_parameter, validated
from dhmodel.recording import DELIVERED
from dhmodel.slow.functions import functions, of_cord, words
from dhmodel.texts import read_toml
from dhmodel.units import to_si

__all__ = ["DRIVES", "Act", "Input", "SlowState", "inputs", "load", "numbers", "slow_states"]

FOLDER = Path(__file__).parent / "slow_states"
INPUTS = Path(__file__).parent / "inputs.toml"

CONSTANTS = ("on", "off")
"""Every state's time constants: away from rest, and back."""

SHORTEST = 1e-3
"""Least time constant, in its own unit."""

DRIVES = (*DELIVERED, "pulse_rate")
"""Drives of an epoch that an expression calls by name; rates it asks for by ``rate("WDR")``."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _ActEntry(_Entry):
    add: str = ""
    times: str = ""
    free: str = ""


class _StateEntry(_Entry):
    about: Text
    source: Text
    read: Read
    unit: Text = "1"
    rest: Text | Number = 0
    target: Text
    min: Number = 0
    max: Number = 1
    acts: Mapping[str, _ActEntry] = {}


class Input(_Entry):
    """What an entry of a timetable may drive directly, and between which bounds."""

    about: Text
    source: Text
    read: Read
    min: Number = 0
    max: Number = 1


@dataclass(frozen=True)
class Act:
    """
    What a slow state does to a parameter of the circuit.

    Attributes
    ----------
    path : str
        The parameter.
    size : str
        The number of the state's table that says how much.
    factor : bool
        Whether it multiplies by ``1 + size * distance from rest``, or adds ``size * distance``.
    free : str
        A receptor whose antagonists take it away; empty for none.
    """

    path: str
    size: str
    factor: bool
    free: str


@dataclass(frozen=True)
class SlowState:
    """
    A slow state: ``tau dx/dt = rest + target - (target at rest) - x``.

    Attributes
    ----------
    name, about, source, read, unit : str
    low, high : float
        Bounds of its value.
    rest, target : Expression
    numbers : mapping of {str : Parameter}
        Its own numbers by their short names; ``on`` and ``off`` are its time constants.
    acts : tuple of Act
    """

    name: str
    about: str
    source: str
    read: str
    unit: str
    low: float
    high: float
    rest: Expression
    target: Expression
    numbers: Mapping[str, Parameter]
    acts: tuple[Act, ...]


def slow_states() -> Mapping[str, SlowState]:
    """Every slow state of the package, by name."""
    return load(FOLDER)


def numbers(states: Mapping[str, SlowState]) -> tuple[Parameter, ...]:
    """All numbers of slow states: ``slow.<state>.<number>``."""
    return tuple(number for state in states.values() for number in state.numbers.values())


@lru_cache(maxsize=1)
def inputs() -> Mapping[str, Input]:
    """Everything that a timetable may drive directly, by name."""
    tables = read_toml(INPUTS, INPUTS.name)
    found = {name: validated(Input, table, f"inputs.toml: {name}") for name, table in tables.items()}
    return MappingProxyType(found)


@lru_cache(maxsize=4)
def load(given: Path) -> Mapping[str, SlowState]:
    """
    Load slow states from a TOML file, or from all of a folder.

    Raises
    ------
    InputError
        Not TOML; an entry breaks the schema; two have one name; an expression names what is not there; a
        state acts on what is no parameter of the circuit.
    """
    files = sorted(given.glob("*.toml")) if given.is_dir() else [given]
    tables: dict[str, tuple[Mapping[str, Any], Path]] = {}
    for file in files:
        for name, table in read_toml(file, file.name).items():
            if name in DRIVES or name in inputs() or name in tables:
                raise InputError(f"{file.name}: {name}: is the name of a drive, an input or a state already")
            tables[name] = table, file
    return MappingProxyType(
        {name: _state(name, table, tuple(tables), file) for name, (table, file) in tables.items()}
    )


def _state(name: str, table: Mapping[str, Any], others: tuple[str, ...], file: Path) -> SlowState:
    where = f"{file.name}: {name}"
    tables = {key: one for key, one in table.items() if isinstance(one, dict) and key != "acts"}
    entry = validated(_StateEntry, {key: one for key, one in table.items() if key not in tables}, where)
    numbers = {key: _number(entry, f"slow.{name}.{key}", key, one, where) for key, one in tables.items()}
    for key in CONSTANTS:
        if key not in numbers:
            raise InputError(f"{where}: has no {key}, a time constant")
        to_si(numbers[key].default(), "s", f"{where}.{key}")
    rest = parse(str(entry.rest), f"{where}: rest")
    rest.check(numbers, of_cord({}), words())
    target = parse(entry.target, f"{where}: target")
    target.check((*DRIVES, *inputs(), *others, *numbers), functions({}, {}), words())
    acts = tuple(_act(path, one, numbers, where) for path, one in entry.acts.items())
    texts = (name, entry.about, entry.source, entry.read, entry.unit)
    return SlowState(*texts, entry.min, entry.max, rest, target, MappingProxyType(numbers), acts)


def _number(entry: _StateEntry, path: str, key: str, table: Mapping[str, Any], where: str) -> Parameter:
    """Make a number of a state, with the state's source and bounds that keep a time constant positive."""
    own = {"source": entry.source, "read": entry.read} | ({"min": SHORTEST} if key in CONSTANTS else {})
    return to_parameter(path, validated(ParameterEntry, own | dict(table), f"{where}.{key}"))


def _act(path: str, entry: _ActEntry, numbers: Mapping[str, Parameter], where: str) -> Act:
    if path not in paths() or parameter(path).choices:
        raise unknown("parameter", path, paths(), f"{where}: acts")
    if bool(entry.add) == bool(entry.times):
        raise InputError(f"{where}: acts: {path}: needs one of add and times")
    size = entry.add or entry.times
    if size not in numbers:
        raise unknown("number", size, numbers, f"{where}: acts: {path}")
    wanted = "1" if entry.times else parameter(path).unit
    if numbers[size].unit != wanted:
        raise InputError(
            f"{where}: acts: {path}: {size} is in {numbers[size].unit}, the parameter in {wanted}"
        )
    if entry.free and f"receptor.{entry.free}.free" not in paths():
        raise InputError(f"{where}: acts: {path}: {quoted(entry.free)} is no receptor")
    return Act(path, size, bool(entry.times), entry.free)
