"""
Routes as data: how a paradigm without an electrode enters the circuit.

A route gives one class of fibres or of sources outside of the segment added spikes, or one population of
cells a current. How many, when and where are expressions over the numbers of the paradigm::

    [[rpms.routes]]
    name = "spindles"
    to = "IA"
    pulses = "recruited"          # share of the fibres that each pulse excites

Names in expressions are the parameters of the paradigm's own group (those below a dot with underscores:
``muscle_AD_rate`` is ``exercise.muscle.AD.rate``), its `terms`, and those of `KNOWN`. ``chosen("limb",
"remote")`` is 1 if that choice is made; ``value("path")`` is any parameter in SI units; see also
`dhmodel.formulas`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from dhmodel.delivered import delivered
from dhmodel.errors import InputError, quoted, unknown
from dhmodel.expressions import Expression, in_order, parse
from dhmodel.formulas import PLAIN
from dhmodel.parameters import choice, parameter, paths
from dhmodel.parameters.layout import FIBRE_CLASSES, POPULATIONS, SOURCES
from dhmodel.parameters.schema import Read, Text, validated
from dhmodel.stimulation.fibres import PARTS
from dhmodel.stimulation.stimulus import Press, Warming

__all__ = ["FIELDS", "KNOWN", "Refusal", "Route", "Ways", "compiled", "pattern_fields"]

KNOWN = ("t", "length", "present", "pulse_rate")
"""
What every expression knows beside the paradigm's own numbers: ``t``, time since it began (s); ``length`` of
the run (s); ``present``, the share of the run in which it is on; ``pulse_rate``, pulses per second, mean over
the run. Where it has pulses, the numbers of the chosen pattern too: ``pattern_frequency`` and so on.
"""

FIELDS = ("pulses", "on", "off", "requires", "terms", "routes", "delivers", "refuses")
"""Keys of a paradigm that say how it enters without an electrode."""

_PATTERN = "rtms.10hz"  # has every number that a pattern of pulses has


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Route(_Part):
    """
    One way into the circuit.

    Attributes
    ----------
    name, about, source, read : str
    to : str
        A class of fibres or a part of one (``"AB.centre"``), a class of other sources, or a population.
    only : dict of {str : list of str}
        Choices under which it is used, by the short name of the parameter; always, if it says none.
    pulses, rate, transfer, current : str
        One of them. Share of the units that fire once with each pulse; rate in Hz that is added to each of
        them; group of parameters of the function ``heat``, ``steady`` or ``rapid`` of `warming` or `press`;
        current into each cell in A.
    kind : str
        Which function, of a `transfer`.
    share : str
        Share of the units that take part, of a rate or transfer function.
    gain : str
        Factor on the rate of a transfer function.
    along : str
        Of fibres of the segment: the share of the way from the skin that the spikes of pulses travel.
    latency : str
        Added to that, or alone for other sources; s.
    """

    name: Text
    about: str = ""
    source: str = ""
    read: Read = "hypothesis"
    to: Text
    only: dict[str, list[str]] = {}
    pulses: str = ""
    rate: str = ""
    transfer: str = ""
    current: str = ""
    kind: Literal["steady", "rapid", "heat"] = "heat"
    press: Press | None = None
    warming: Warming | None = None
    share: Text = "1"
    gain: Text = "1"
    along: Text = "1"
    latency: Text = "0"

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(map(bool, (self.pulses, self.rate, self.transfer, self.current))) != 1:
            raise ValueError("needs one of pulses, rate, transfer and current")
        if bool(self.transfer) != bool(self.press or self.warming):
            raise ValueError("a transfer function needs a press or a warming, and the other way round")
        if bool(self.current) != (self.to in POPULATIONS):
            raise ValueError("a population takes a current, and fibres and other sources spikes")
        return self

    def texts(self) -> dict[str, str]:
        """Every expression of it, by its key."""
        keys = ("pulses", "rate", "current", "share", "gain", "along", "latency")
        return {key: text for key in keys if (text := getattr(self, key))}


class Refusal(_Part):
    """A value that cannot be: of the parameter `path`, `when` an expression is not 0; `says` what is."""

    path: Text
    when: Text
    says: Text


class _Table(_Part):
    """What a paradigm's table may say of its routes; see `Ways`."""

    pulses: str = ""
    on: Text = "0"
    off: Text = "1e9"
    requires: str = ""
    terms: dict[str, Text] = {}
    routes: list[Route] = []
    delivers: dict[str, Text] = {}
    refuses: list[Refusal] = []


@dataclass(frozen=True, eq=False)
class Ways:
    """
    Everything that a paradigm says of its routes, its expressions parsed and checked.

    Attributes
    ----------
    group : str
        Name of the paradigm, and of the group of parameters that expressions know by short names.
    pulses : str
        Path of a choice that names the pattern of its pulses, the group of which lies beside that parameter
        (``rtms.pattern`` is ``itbs``: ``rtms.itbs``), or such a group itself; empty where it has none.
    requires : str
        Path of a choice that needs a route for the value that it has; empty for none.
    on, off : Expression
        From when to when it is on, s of the recording; pulses begin when it is on.
    terms : mapping of {str : Expression}
        Numbers that other expressions use, each after those that it needs itself.
    routes : tuple of Route
    delivers : mapping of {str : Expression}
        What the run says of it: by the names of `dhmodel.delivered`.
    refuses : tuple of Refusal
    parsed : mapping of {str : Expression}
        Expressions of routes and refusals, by their texts.
    """

    group: str
    pulses: str
    requires: str
    on: Expression
    off: Expression
    terms: Mapping[str, Expression]
    routes: tuple[Route, ...]
    delivers: Mapping[str, Expression]
    refuses: tuple[Refusal, ...]
    parsed: Mapping[str, Expression]

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Short name of every parameter of its own to the path, choices included."""
        return short_names(self.group)


def short_names(group: str) -> dict[str, str]:
    """Names by which expressions know the parameters of a group, and their paths."""
    below = [path for path in paths() if path.startswith(f"{group}.")]
    return {path.removeprefix(f"{group}.").replace(".", "_"): path for path in below}


def pattern_fields() -> tuple[str, ...]:
    """Names of the numbers that a pattern of pulses has."""
    return tuple(path.removeprefix(f"{_PATTERN}.") for path in paths() if path.startswith(f"{_PATTERN}."))


def compiled(group: str, table: Mapping[str, object], where: str) -> Ways:
    """
    Read what a paradigm says of its routes.

    Parameters
    ----------
    group : str
        Name of the paradigm.
    table : mapping
        Those of its keys that are among `FIELDS`.
    where : str
        Begins error messages.

    Raises
    ------
    InputError
        A key, name or expression that cannot be.
    """
    read = validated(_Table, table, where)
    _check_targets(read, group, where)
    terms = {name: parse(text, f"{where}: terms: {name}") for name, text in read.terms.items()}
    terms = {name: terms[name] for name in in_order(terms)}
    delivers = {name: parse(text, f"{where}: delivers: {name}") for name, text in read.delivers.items()}
    on, off = parse(read.on, f"{where}: on"), parse(read.off, f"{where}: off")
    parsed = dict(_texts(read, where))
    for one in (on, off):
        _checker(group, (), bool(read.pulses))(one)
    check = _checker(group, tuple(terms), bool(read.pulses))
    for one in (*terms.values(), *delivers.values(), *parsed.values()):
        check(one)
    return Ways(
        group,
        read.pulses,
        read.requires,
        on,
        off,
        terms,
        tuple(read.routes),
        delivers,
        tuple(read.refuses),
        parsed,
    )


def _texts(read: _Table, where: str) -> Iterable[tuple[str, Expression]]:
    for route in read.routes:
        for key, text in route.texts().items():
            yield text, parse(text, f"{where}: route {route.name}: {key}")
    for number, refusal in enumerate(read.refuses):
        yield refusal.when, parse(refusal.when, f"{where}: refuses {number}")


def _checker(group: str, terms: tuple[str, ...], pulsed: bool) -> Callable[[Expression], None]:
    known = short_names(group)
    numbers = [name for name, path in known.items() if not parameter(path).choices]
    names = [*KNOWN, *numbers, *terms, *([f"pattern_{one}" for one in pattern_fields()] if pulsed else ())]
    choices = {name: parameter(path).choices for name, path in known.items()}
    words = {
        "path": paths(),
        "name": [name for name, found in choices.items() if found],
        "is_": [one for found in choices.values() for one in found],
    }
    return lambda one: one.check(names, functions({}, {}), words)


def functions(P: Mapping[str, float], own: Mapping[str, str]) -> dict[str, Callable[..., Any]]:
    """
    Everything that an expression may call.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    own : mapping of {str : str}
        Short names of the paradigm's own parameters, and their paths.
    """

    def value(path: str) -> float:
        """Return a parameter in SI units."""
        return float(P[path])

    def chosen(name: str, is_: str) -> float:
        """Return 1 if a choice of the paradigm is made, else 0."""
        return float(choice(P, own[name]) == is_)

    return {"value": value, "chosen": chosen, **PLAIN}


def _check_targets(read: _Table, group: str, where: str) -> None:
    """Refuse names of units, choices and quantities that are not there."""
    units = [*SOURCES, *PARTS, *POPULATIONS]
    known = short_names(group)
    for route in read.routes:
        here = f"{where}: route {route.name}"
        if route.to not in units:
            raise unknown("class or population", route.to, units, here)
        if route.pulses and not read.pulses:
            raise InputError(f"{here}: pulses: but the paradigm has no pulses")
        for name, allowed in route.only.items():
            choices = parameter(known[name]).choices if name in known else ()
            if not choices:
                raise unknown("choice", name, known, here)
            for one in allowed:
                if one not in choices:
                    raise unknown(name, one, choices, here)
    _check_pattern(read.pulses, where)
    own = [path for path in known.values() if parameter(path).choices]
    if read.requires and read.requires not in own:
        raise unknown("choice", read.requires, own, f"{where}: requires")
    for refusal in read.refuses:
        parameter(refusal.path)
    for name in read.delivers:
        if name not in delivered():
            raise unknown("quantity", name, delivered(), f"{where}: delivers")


def _check_pattern(path: str, where: str) -> None:
    """Refuse what names no pattern of pulses, or a choice among other things."""
    if not path:
        return
    groups = [path]
    if path in paths():
        groups = [f"{path.rpartition('.')[0]}.{name}" for name in parameter(path).choices]
    every = [f"{group}.{name}" for group in groups for name in pattern_fields()]
    if not groups or not set(every) <= set(paths()):
        raise InputError(f"{where}: pulses: {quoted(path)} is no pattern of pulses, such as {_PATTERN}")


def to_fibres(route: Route) -> bool:
    """Whether a route leads to fibres of the segment."""
    return route.to.partition(".")[0] in FIBRE_CLASSES
