"""From routes as data (see `ways`) to the spikes and currents of one run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from dhmodel.errors import InputError, quoted
from dhmodel.expressions import Expression
from dhmodel.parameters import choice, parameter
from dhmodel.parameters.layout import POPULATIONS, source_sizes
from dhmodel.stimulation import patterns
from dhmodel.stimulation.fibres import property_group
from dhmodel.stimulation.natural import Scene, outside_refractory
from dhmodel.stimulation.paradigms import Paradigm
from dhmodel.stimulation.patterns import Spikes
from dhmodel.stimulation.sessions import Session
from dhmodel.stimulation.trains import Floats, Indices, SpikeTrains, sort
from dhmodel.stimulation.transfer import transfer
from dhmodel.stimulation.ways import Route, Ways, functions, pattern_fields, to_fibres
from dhmodel.units import format_si

__all__ = [
    "Conditions",
    "Routed",
    "along",
    "check_routes",
    "conditions",
    "joined",
    "routed",
    "session_length",
]

# s between the times at which a rate that changes is worked out, and the most of them in a run
_STEP = 0.1
_MOST = 600


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
        return float(self.ways.on.evaluate(self._own, self._called))

    @cached_property
    def off(self) -> float:
        """When it ends, s of the recording; InputError if that is before it begins."""
        off = float(self.ways.off.evaluate(self._own, self._called))
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
        if not (np.isfinite(found).all() and (found >= 0).all()):
            wrong = found[~(np.isfinite(found) & (found >= 0))][0]
            raise InputError(f"{self.ways.parsed[text].where}: gives {wrong:g} Hz, needs 0 Hz or more")
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
        return float(expression.evaluate(scope, self._called))


@dataclass(frozen=True, eq=False)
class Routed:
    """
    What reaches the circuit by routes.

    Attributes
    ----------
    fibres : tuple of (times, fibres)
        Spikes of fibres of the segment, s and index among all fibres.
    elsewhere : tuple of (str, (times, units))
        Spikes of other sources: class, s and index within the class.
    currents : tuple of (str, float, ndarray)
        Population, current in A and intervals in s.
    delivered : mapping of {str : float}
        What the run says of it, by the names of `dhmodel.delivered`.
    pulses : ndarray of float64
        Times of pulses in s, ascending.
    """

    fibres: tuple[Spikes, ...] = ()
    elsewhere: tuple[tuple[str, Spikes], ...] = ()
    currents: tuple[tuple[str, float, Floats], ...] = ()
    delivered: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    pulses: Floats = field(default_factory=lambda: np.empty(0))

    def and_(self, other: "Routed") -> "Routed":
        """Both at once."""
        return Routed(
            self.fibres + other.fibres,
            self.elsewhere + other.elsewhere,
            self.currents + other.currents,
            {**self.delivered, **other.delivered},
            np.sort(np.concatenate([self.pulses, other.pulses])),
        )


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


def routed(scene: Scene, paradigm: Paradigm) -> Routed:
    """
    Draw what a paradigm brings to the circuit by its routes in one run.

    Parameters
    ----------
    scene : Scene
        Whose input is drawn; the recording ends when it does.
    paradigm : Paradigm

    Raises
    ------
    InputError
        As `check_routes`; a rate that the refractory period forbids.
    """
    found = Routed()
    for one in conditions(scene.P, paradigm, scene.stop):
        drawn = Routed(delivered=one.delivered(), pulses=one.pulses)
        for route in one.routes():
            found = found.and_(along(scene, one, route))
        found = found.and_(drawn)
    return found


def along(scene: Scene, one: Conditions, route: Route) -> Routed:
    """Draw what one route brings to the circuit."""
    if route.to in POPULATIONS:
        current = (route.to, one.number(route.current), one.epoch)
        return Routed(currents=(current,) if current[1] else ())
    spikes = _Units(scene, one, route).spikes()
    if not to_fibres(route):
        return Routed(elsewhere=((route.to, spikes),))
    times, fibres = spikes
    felt = ~scene.severed[fibres]
    return Routed(fibres=((times[felt], fibres[felt]),))


@dataclass(frozen=True, eq=False)
class _Units:
    """The units that a route drives, and what they do."""

    scene: Scene
    one: Conditions
    route: Route

    @property
    def purpose(self) -> str:
        """Of random streams."""
        return f"route.{self.one.ways.group}.{self.route.name}"

    @property
    def rng(self) -> np.random.Generator:
        return self.scene.rng(self.purpose)

    def spikes(self) -> Spikes:
        """Spikes, s and index among all fibres, or within a class of other sources."""
        if self.route.pulses:
            return self._with_pulses()
        return self._at_rate() if self.route.rate else self._following()

    def some(self, share: float) -> Indices:
        """A random choice of a share of the units; a larger one holds the smaller ones."""
        if to_fibres(self.route):
            return self.scene.some(self.route.to, share, self.purpose)
        number = source_sizes(self.scene.P)[self.route.to]
        return self.scene.rng(f"{self.purpose}.choice").permutation(number)[: round(share * number)]

    def refractory(self, units: Indices) -> float:
        """Absolute refractory period of the units, s."""
        if to_fibres(self.route):
            return self.scene.refractory(units)
        return refractory(self.scene.P, self.route.to)

    def _with_pulses(self) -> Spikes:
        """One spike with each pulse, after the way that it has to go."""
        units = self.some(self.one.share(self.route.pulses))
        delays = np.full(units.size, self.one.number(self.route.latency))
        if to_fibres(self.route):
            delays += self.one.number(self.route.along) * self.scene.fibres.conduction[units]
        times, unit = patterns.shocks(self.rng, self.one.pulses, delays, self.scene.P["fibre.jitter"])
        return times, units[unit]

    def _at_rate(self) -> Spikes:
        """Irregular spikes at a rate that may change."""
        start, stop = max(self.scene.start, self.one.on), min(self.scene.stop, self.one.off)
        if stop <= start:
            return patterns.nothing()
        grid = np.linspace(start, stop, min(int(np.ceil((stop - start) / _STEP)) + 1, _MOST))
        rates = self.one.rate(self.route.rate, grid)
        units = self.some(self.one.share(self.route.share))
        times, unit = patterns.thinned(
            self.rng,
            units.size,
            float(rates.max()),
            lambda times, _: np.interp(times, grid[: rates.size], rates),
            refractory=self.refractory(units),
            start=start,
            stop=stop,
        )
        return times, units[unit]

    def _following(self) -> Spikes:
        """Spikes of units that feel a press or a warming, each above its own threshold."""
        P, route = self.scene.P, self.route
        part = route.press or route.warming
        assert part is not None  # `Route` sees to it
        course, function = part.course(P), transfer(P, route.kind, route.transfer)
        units, gain = self.some(self.one.share(route.share)), self.one.number(route.gain)
        thresholds = function.thresholds(self.scene.rng(f"{self.purpose}.threshold"), units.size)
        epochs = course.epochs()
        times, unit = patterns.thinned(
            self.rng,
            units.size,
            gain * function.ceiling,
            lambda times, unit: gain * function.rate(course, times, thresholds[unit]),
            refractory=self.refractory(units),
            start=float(epochs[0, 0]),
            stop=min(float(epochs[-1, 1]), self.one.off, self.scene.stop),
        )
        return times + self.one.number(route.latency), units[unit]


def refractory(P: Mapping[str, float], name: str) -> float:
    """Absolute refractory period of a source outside of the segment, s."""
    if name.endswith("_REMOTE"):
        return P[f"fibre.{property_group(name.removesuffix('_REMOTE'))}.refractory"]
    return P["cell.refractory"]


def joined(P: Mapping[str, float], trains: SpikeTrains, added: Sequence[tuple[str, Spikes]]) -> SpikeTrains:
    """
    Trains with spikes added; of two on one unit within its refractory period the later is left out.

    Parameters
    ----------
    P : mapping of {str : float}
    trains : SpikeTrains
        Of sources outside of the segment, class after class.
    added : sequence of (str, (times, units))
        Class, s and index within the class.
    """
    if not added:
        return trains
    names = trains.classes.tolist()
    parts = [(trains.times, trains.fibres), *_numbered(names, added)]
    times, units = sort(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    least = {name: refractory(P, name) for name in dict.fromkeys(names)}
    kept = outside_refractory(times, units, np.array([least[name] for name in names]))
    return replace(trains, times=times[kept], fibres=units[kept])


def _numbered(names: list[str], added: Sequence[tuple[str, Spikes]]) -> Iterator[Spikes]:
    for name, (times, units) in added:
        yield times, names.index(name) + units
