"""
Slow states and quantities as data: what the files of ``slow_states/`` and ``inputs.toml`` may say.

Each state relaxes towards a target with the time constant `on` while that leads away from rest, and `off` on
the way back: ``tau dx/dt = rest + target - (target at rest) - x``, kept within `min` and `max`. `rest` is its
value in the untouched cord; `target` is an expression over drives measured in an epoch (``rate("WDR")``,
``pulse_rate``, ``motor_multiple``, ...), the inputs of ``inputs.toml``, the states, the quantities, what
antagonists leave of a receptor (``free("cb1")``) and the numbers of its own table. At rest nothing moves,
whatever the expressions say: only what changes against the untouched cord counts. `acts` says what a state
does: `add` or `times` (a factor 1 + ...) of its distance from rest, by a number of its table, on a parameter
of the circuit, within that parameter's bounds; `free` names a receptor whose antagonists take the effect
away.

An entry with `equals` in place of `target` is a quantity: what several targets, or other quantities, ask for
by name. It has no time constant and no rest and acts on nothing; its expression, of what a target may name
and of the numbers of its own table, holds at every moment. Adding either touches no code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.expressions import Expression, in_order, parse
from dhmodel.parameters import Parameter, parameter, paths
from dhmodel.parameters.schema import Number, ParameterEntry, Read, Text, to_parameter, validated
from dhmodel.recording import DELIVERED
from dhmodel.slow.functions import functions, of_cord, words
from dhmodel.texts import read_toml
from dhmodel.units import to_si

__all__ = [
    "DRIVES",
    "Act",
    "Input",
    "Quantity",
    "Slow",
    "SlowState",
    "inputs",
    "load",
    "package",
    "slow_states",
]

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


class _Described(_Entry):
    about: Text
    source: Text
    read: Read
    unit: Text = "1"


class _QuantityEntry(_Described):
    equals: Text


class _StateEntry(_Described):
    rest: Text | Number = 0
    target: Text
    min: Number = 0
    max: Number = 1
    acts: Mapping[str, _ActEntry] = {}


_OF_STATES = {*CONSTANTS, *_StateEntry.model_fields} - _QuantityEntry.model_fields.keys()
"""What a state may have and a quantity not."""


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


@dataclass(frozen=True)
class Quantity:
    """
    What targets and other quantities ask for by name: an expression that holds at every moment.

    Attributes
    ----------
    name, about, source, read, unit : str
    equals : Expression
    numbers : mapping of {str : Parameter}
        Its own numbers by their short names.
    """

    name: str
    about: str
    source: str
    read: str
    unit: str
    equals: Expression
    numbers: Mapping[str, Parameter]


@dataclass(frozen=True)
class Slow:
    """Slow states in the order of their files, and quantities, each after those that it uses."""

    states: Mapping[str, SlowState]
    quantities: Mapping[str, Quantity]

    @property
    def entries(self) -> tuple[SlowState | Quantity, ...]:
        """Everything, states first."""
        return *self.states.values(), *self.quantities.values()

    @property
    def numbers(self) -> tuple[Parameter, ...]:
        """All numbers: ``slow.<state or quantity>.<number>``."""
        return tuple(number for one in self.entries for number in one.numbers.values())


def package() -> Slow:
    """Every slow state and quantity of the package."""
    return load(FOLDER)


def slow_states() -> Mapping[str, SlowState]:
    """Every slow state of the package, by name."""
    return package().states


@lru_cache(maxsize=1)
def inputs() -> Mapping[str, Input]:
    """Everything that a timetable may drive directly, by name."""
    tables = read_toml(INPUTS, INPUTS.name)
    found = {name: validated(Input, table, f"inputs.toml: {name}") for name, table in tables.items()}
    return MappingProxyType(found)


@lru_cache(maxsize=4)
def load(given: Path) -> Slow:
    """
    Load slow states and quantities from a TOML file, or from all of a folder.

    Raises
    ------
    InputError
        Not TOML; an entry breaks the schema; two have one name, or one that of a number; an expression names
        what is not there; quantities use each other in a circle; a state acts on what is no parameter of the
        circuit.
    """
    tables = _tables(given)
    made = {
        name: (_quantity if "equals" in table else _state)(name, table, tuple(tables), where)
        for name, (table, where) in tables.items()
    }
    states = {name: one for name, one in made.items() if isinstance(one, SlowState)}
    found = {name: one for name, one in made.items() if isinstance(one, Quantity)}
    ordered = {name: found[name] for name in in_order({name: one.equals for name, one in found.items()})}
    return Slow(MappingProxyType(states), MappingProxyType(ordered))


def _tables(given: Path) -> dict[str, tuple[Mapping[str, Any], str]]:
    """Read the entries of a file or a folder by name, and where each stands."""
    files = sorted(given.glob("*.toml")) if given.is_dir() else [given]
    found: dict[str, tuple[Mapping[str, Any], str]] = {}
    for file in files:
        for name, table in read_toml(file, file.name).items():
            where = f"{file.name}: {name}"
            if name in DRIVES or name in inputs() or name in found:
                raise InputError(f"{where}: is the name of a drive, an input, a state or a quantity already")
            found[name] = table, where
    return found


def _state(name: str, table: Mapping[str, Any], others: tuple[str, ...], where: str) -> SlowState:
    entry = validated(_StateEntry, _plain(table), where)
    numbers = _numbers(name, entry, table, others, where)
    for key in CONSTANTS:
        if key not in numbers:
            raise InputError(f"{where}: has no {key}, a time constant")
        to_si(numbers[key].default(), "s", f"{where}.{key}")
    rest = parse(str(entry.rest), f"{where}: rest")
    rest.check(numbers, of_cord({}), words())
    target = _expression(entry.target, (*others, *numbers), f"{where}: target")
    acts = tuple(_act(path, one, numbers, where) for path, one in entry.acts.items())
    texts = (name, entry.about, entry.source, entry.read, entry.unit)
    return SlowState(*texts, entry.min, entry.max, rest, target, numbers, acts)


def _quantity(name: str, table: Mapping[str, Any], others: tuple[str, ...], where: str) -> Quantity:
    for key in table:
        if key in _OF_STATES:
            raise InputError(f"{where}: has {key}, but `equals` makes it a quantity, which has none")
    entry = validated(_QuantityEntry, _plain(table), where)
    numbers = _numbers(name, entry, table, others, where)
    equals = _expression(entry.equals, (*others, *numbers), f"{where}: equals")
    return Quantity(name, entry.about, entry.source, entry.read, entry.unit, equals, numbers)


def _expression(text: str, names: tuple[str, ...], where: str) -> Expression:
    """Read what a target or a quantity says, of these names beside those of drives and inputs."""
    found = parse(text, where)
    found.check((*DRIVES, *inputs(), *names), functions({}, {}), words())
    return found


def _is_number(key: str, given: object) -> bool:
    return isinstance(given, dict) and key != "acts"


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    """What a table says beside its numbers."""
    return {key: one for key, one in table.items() if not _is_number(key, one)}


def _numbers(
    name: str, entry: _Described, table: Mapping[str, Any], others: tuple[str, ...], where: str
) -> Mapping[str, Parameter]:
    """Make the numbers of an entry, with its source, and bounds that keep a time constant positive."""
    found = {}
    for key, one in table.items():
        if not _is_number(key, one):
            continue
        if key in others:
            raise InputError(f"{where}.{key}: is the name of a state or a quantity")
        own = {"source": entry.source, "read": entry.read} | ({"min": SHORTEST} if key in CONSTANTS else {})
        number = validated(ParameterEntry, own | one, f"{where}.{key}")
        found[key] = to_parameter(f"slow.{name}.{key}", number)
    return MappingProxyType(found)


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
