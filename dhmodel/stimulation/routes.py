"""From routes as data (see `ways`) to the spikes and currents of one run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from dhmodel.parameters.layout import POPULATIONS, source_sizes
from dhmodel.stimulation import patterns
from dhmodel.stimulation.conditions import Conditions, conditions
from dhmodel.stimulation.fibres import property_group
from dhmodel.stimulation.natural import Scene, outside_refractory
from dhmodel.stimulation.paradigms import Paradigm
from dhmodel.stimulation.patterns import Spikes
from dhmodel.stimulation.trains import Floats, Indices, SpikeTrains, sort
from dhmodel.stimulation.transfer import transfer
from dhmodel.stimulation.ways import Route, to_fibres

__all__ = ["Routed", "along", "joined", "routed"]

# s between the times at which a rate that changes is worked out, and the most of them in a run
_STEP = 0.1
_MOST = 600


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
