"""Paradigms by routes under the parameters of a run: what their expressions give, and what they refuse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dhmodel.errors import InputError, quoted
from dhmodel.expressions import Expression
from dhmodel.parameters import choice, parameter
from dhmodel.stimulation.paradigms import Paradigm
from dhmodel.stimulation.sessions import Session
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.ways import Route, Ways, functions, pattern_fields
from dhmodel.units import format_si

__all__ = ["Conditions", "check_routes", "conditions", "session_length"]


@dataclass(frozen=True, eq=False)
class Conditions:
    """
    A paradigm by routes under the parameters of a run of some length.

    Attributes
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    ways : Ways
    length : float
        Of the recording, in s.
    """

    P: Mapping[str, float]
    ways: Ways
    length: float

    @cached_property
    def session(self) -> Session | None:
        """The session of pulses; None where it has none."""
        return Session.of(self.P, self.pattern) if self.ways.pulses else None

    @cached_property
    def pulses(self) -> Floats:
        """Times of all pulses in the recording, s."""
        return self.session.times(self.on, self.length) if self.session else np.empty(0)

    @cached_property
    def on(self) -> float:
        """When it begins, s of the recording."""
        return _number(self.ways.on, self._own, self._called)

    @cached_property
    def off(self) -> float:
        """When it ends, s of the recording; InputError if that is before it begins."""
        off = _number(self.ways.off, self._own, self._called)
        if off <= self.on:
            raise InputError(
                f"{self.ways.group}: ends at {off:g} s, needs to be later than it begins, {self.on:g} s"
            )
        return off

    @property
    def epoch(self) -> Floats:
        """Begin and end of what of it lies in the recording, s, shape (1, 2)."""
        return np.clip([[self.on, self.off]], 0.0, self.length)

    def number(self, text: str, t: float = 0.0) -> float:
        """Evaluate an expression of a route, `t` s after the paradigm has begun."""
        return self._value(self.ways.parsed[text], t)

    def routes(self) -> list[Route]:
        """Those that are in use with the choices that are made."""
        names = self.ways.names
        return [
            route
            for route in self.ways.routes
            if all(choice(self.P, names[name]) in allowed for name, allowed in route.only.items())
        ]

    def delivered(self) -> dict[str, float]:
        """What the run says of it."""
        return {name: self._value(one, 0.0) for name, one in self.ways.delivers.items()}

    def rate(self, text: str, times: Floats) -> Floats:
        """Evaluate a rate, Hz, at times of the recording; once if it does not change."""
        if not self.ways.parsed[text].names() & self._timed:
            times = times[:1]  # it does not change
        found = np.array([self.number(text, float(time) - self.on) for time in times])
        if found.min() < 0:
            raise InputError(f"{self.ways.parsed[text].where}: gives {found.min():g} Hz, needs 0 Hz or more")
        return found

    def share(self, text: str) -> float:
        """Evaluate a share of units, 0 to 1."""
        found = self.number(text)
        if not 0 <= found <= 1:
            raise InputError(f"{self.ways.parsed[text].where}: gives {found:g}, needs 0 to 1")
        return found

    @cached_property
    def pattern(self) -> str:
        """The group of the chosen pattern of pulses."""
        path = self.ways.pulses
        return f"{path.rpartition('.')[0]}.{choice(self.P, path)}" if path in self.P else path

    @cached_property
    def _called(self) -> dict[str, Callable[..., float]]:
        return functions(self.P, self.ways.names)

    @cached_property
    def _own(self) -> dict[str, float]:
        """Numbers of the paradigm and of its pattern."""
        numbers = [name for name, path in self.ways.names.items() if not parameter(path).choices]
        found = {name: self.P[self.ways.names[name]] for name in numbers}
        if self.ways.pulses:
            found |= {f"pattern_{name}": self.P[f"{self.pattern}.{name}"] for name in pattern_fields()}
        return found | {"t": 0.0, "length": self.length, "present": 0.0, "pulse_rate": 0.0}

    @cached_property
    def _known(self) -> dict[str, float]:
        """The same, with what follows from them."""
        ((begin, end),) = self.epoch
        rate = self.pulses.size / self.length
        known = self._own | {"present": float(end - begin) / self.length, "pulse_rate": rate}
        for name, term in self.ways.terms.items():
            if name not in self._timed:
                known[name] = term.evaluate(known, self._called)
        return known

    @cached_property
    def _timed(self) -> frozenset[str]:
        """Names that change with time."""
        found = {"t"}
        for name, term in self.ways.terms.items():
            if term.names() & found:
                found.add(name)
        return frozenset(found)

    def _value(self, expression: Expression, t: float) -> float:
        scope = self._known | {"t": t}
        for name, term in self.ways.terms.items():
            if name in self._timed:
                scope[name] = term.evaluate(scope, self._called)
        return _number(expression, scope, self._called)


def _number(
    expression: Expression, scope: Mapping[str, float], called: Mapping[str, Callable[..., float]]
) -> float:
    """Evaluate an expression to a finite number."""
    value = expression.evaluate(scope, called)
    if isinstance(value, int | float | np.number) and np.isfinite(value):
        return float(value)
    raise InputError(f"{expression.where}: gives {quoted(value)}, needs a finite number")


def conditions(P: Mapping[str, float], paradigm: Paradigm, length: float) -> list[Conditions]:
    """Every part of a paradigm that enters by routes, under these parameters."""
    return [Conditions(P, part.ways, length) for part in paradigm.parts if part.routes]


def session_length(P: Mapping[str, float], paradigm: Paradigm) -> float:
    """How long the longest session of pulses of a paradigm takes, s; 0 if it has none."""
    sessions = [one.session for one in conditions(P, paradigm, 1.0)]
    return max((one.length for one in sessions if one), default=0.0)


def check_routes(P: Mapping[str, float], paradigm: Paradigm, length: float) -> None:
    """
    Refuse what `routed` would, and what a paradigm itself refuses.

    Raises
    ------
    InputError
        A limb that the state does not have, a target without a route, pulses that cannot be, a share or rate
        out of reach.
    """
    for one in conditions(P, paradigm, length):
        for refusal in one.ways.refuses:
            if one.number(refusal.when):
                raise InputError(f"{refusal.path}: got {_shown(P, refusal.path)}, but {refusal.says}")
        if one.ways.requires and not one.routes():
            raise _no_route(P, one.ways)
        one.delivered()
        for route in one.routes():
            for text in filter(None, (route.pulses, route.share)):
                one.share(text)
            if route.rate:
                one.rate(route.rate, np.array([max(one.on, 0.0)]))


def _shown(P: Mapping[str, float], path: str) -> str:
    """A parameter as a user would write it."""
    known = parameter(path)
    return quoted(choice(P, path) if known.choices else format_si(P[path], known.unit))


def _no_route(P: Mapping[str, float], ways: Ways) -> InputError:
    path = ways.requires
    name = next(short for short, full in ways.names.items() if full == path)
    allowed = dict.fromkeys(one for route in ways.routes for one in route.only.get(name, ()))
    return InputError(
        f"{path}: got {_shown(P, path)}, which has no route into the circuit; allowed: {', '.join(allowed)}"
    )
