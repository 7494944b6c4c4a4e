"""
Natural input: the spikes of test stimuli, and background and ectopic discharge under all of them.

What the stimuli are stands in `dhmodel.stimulation.stimulus`. Drives without a course run from the beginning
of the warm-up to the end; everything else starts at time zero plus a delay.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dhmodel.parameters.layout import FIBRE_CLASSES, positions
from dhmodel.stimulation import patterns
from dhmodel.stimulation.course import Press, Warming
from dhmodel.stimulation.fibres import Fibres, members, property_group
from dhmodel.stimulation.patterns import Spikes
from dhmodel.stimulation.stimulus import Drive, Shocks, Stimulus, recruited_share, stimulus
from dhmodel.stimulation.trains import Floats, Indices, sort
from dhmodel.stimulation.transfer import transfer
from dhmodel.streams import stream


@dataclass(frozen=True, eq=False)
class Scene:
    """Whose input is drawn, over [start, stop) s, and from which random streams."""

    P: Mapping[str, float]
    fibres: Fibres
    start: float
    stop: float
    seed: int
    replicate: int

    def rng(self, purpose: str) -> np.random.Generator:
        """Random stream for one purpose."""
        return stream(self.seed, self.replicate, f"natural.{purpose}")

    def some(self, name: str, fraction: float, purpose: str) -> Indices:
        """A random choice of a fraction of some fibres; a larger fraction holds the smaller ones."""
        chosen = self.rng(f"{purpose}.choice").permutation(members(self.P, name))
        return chosen[: round(fraction * chosen.size)]

    def gain(self, name: str, relay: str | None) -> float:
        """Gain of the answer of some fibres: touch fibres by injury, nociceptors by relays."""
        if name.split(".")[0] == "AB":
            return self.P["injury.ltm_gain"]
        return self.P[relay] if relay else 1.0

    @cached_property
    def severed(self) -> NDArray[np.bool_]:
        """Which fibres are cut off from the skin, shape (fibres,)."""
        found = np.zeros(self.fibres.refractory.size, dtype=np.bool_)
        for name in FIBRE_CLASSES if self.P["injury.severed"] else ():
            found[self.some(name, self.P["injury.severed"], f"severed.{name}")] = True
        return found

    def refractory(self, fibres: Indices) -> float:
        """Refractory period of fibres of one class, in s; of no fibres 0."""
        return float(self.fibres.refractory[fibres].max(initial=0.0))


def natural_spikes(scene: Scene, name: str, added: Iterable[Spikes] = ()) -> Spikes:
    """
    Everything that would reach the dorsal horn without pulses: background, ectopic discharge and a stimulus.

    Parameters
    ----------
    scene : Scene
    name : str
        The stimulus.
    added : iterable of (times, fibres)
        Spikes that come from elsewhere in the periphery.

    Returns
    -------
    times, fibres : ndarray of float64, ndarray of int64
        In s, sorted by fibre, then by time. A spike within the refractory period of the one before it on
        the same fibre is left out.

    Raises
    ------
    InputError
        No such stimulus, or a rate that the refractory period forbids.
    """
    parts = [*_background(scene), *_ectopic(scene), *_stimulated(scene, name), *added]
    times, fibres = sort(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    kept = outside_refractory(times, fibres, scene.fibres.refractory)
    return times[kept], fibres[kept]


def outside_refractory(times: Floats, fibres: Indices, refractory: Floats) -> Indices:
    """
    Indices of the sorted spikes that are left when none may follow another too closely.

    Parameters
    ----------
    times, fibres : ndarray of float64, ndarray of int64, shape (spikes,)
        Sorted by fibre, then by time.
    refractory : ndarray of float64, shape (fibres,)
        In s.
    """
    kept = np.arange(times.size)
    while True:
        later, earlier = kept[1:], kept[:-1]
        close = (fibres[later] == fibres[earlier]) & (
            times[later] - times[earlier] < refractory[fibres[later]]
        )
        if not close.any():
            return kept
        # of a run of close spikes only the first is sure to go: without it the next may be far enough
        close[1:] &= ~close[:-1]
        kept = np.delete(kept, 1 + np.flatnonzero(close))


def _background(scene: Scene) -> Iterator[Spikes]:
    for name in FIBRE_CLASSES:
        yield _poisson(
            scene, members(scene.P, name), scene.P[f"background.{name}.rate"], f"background.{name}"
        )


def _ectopic(scene: Scene) -> Iterator[Spikes]:
    P = scene.P
    for name in ("CP", "CN"):
        fibres = scene.some(name, P["injury.ectopic_c_fraction"], f"ectopic.{name}")
        yield _poisson(scene, fibres, P["injury.ectopic_c_rate"], f"ectopic.{name}")
    fibres = scene.some("AB", P["injury.ectopic_ab_fraction"], "ectopic.AB")
    times, unit = patterns.bursts(
        scene.rng("ectopic.AB"),
        fibres.size,
        rate=P["injury.ectopic_ab_rate"],
        spikes_per_burst=P["injury.ectopic_ab_burst"],
        rate_in_burst=P["injury.ectopic_ab_burst_rate"],
        refractory=scene.refractory(fibres),
        start=scene.start,
        stop=scene.stop,
    )
    yield times, fibres[unit]


def _stimulated(scene: Scene, name: str) -> Iterator[Spikes]:
    entry = stimulus(name)
    course = entry.course(scene.P)
    for number, drive in enumerate(entry.drives):
        purpose = f"{name}.{number}"
        drawn = (
            _driven(scene, drive, entry.relay, purpose)
            if course is None
            else _following(scene, drive, course, entry.relay, purpose)
        )
        yield _within(scene, entry, drawn)
    for part, kind in ((entry.shocks, "shocks"), (entry.conditioning, "conditioning")):
        if part is not None:
            for times, fibres in _shocked(scene, part, f"{name}.{kind}"):
                felt = ~scene.severed[fibres] | part.proximal
                yield times[felt], fibres[felt]


def _within(scene: Scene, entry: Stimulus, spikes: Spikes) -> Spikes:
    """Spikes of the fibres that a stimulus touches, while it acts."""
    times, fibres = spikes
    kept = ~scene.severed[fibres]
    if entry.patch is not None:
        places = np.concatenate([positions(scene.P, name) for name in FIBRE_CLASSES])
        kept &= entry.patch.covers(scene.P, places)[fibres]
    if entry.during is not None:
        ((begin, end),) = entry.during.times(scene.P)
        kept &= (times >= begin) & (times < end)
    return times[kept], fibres[kept]


def _driven(scene: Scene, drive: Drive, relay: str | None, purpose: str) -> Spikes:
    """Discharge that does not change, but for the strokes of a brush."""
    fibres, rate = members(scene.P, drive.fibres), scene.P[drive.rate] * scene.gain(drive.fibres, relay)
    if drive.frequency is None or drive.contact is None:
        return _poisson(scene, fibres, rate, purpose)
    times, unit = patterns.strokes(
        scene.rng(purpose),
        fibres.size,
        rate,
        frequency=scene.P[drive.frequency],
        contact=scene.P[drive.contact],
        refractory=scene.refractory(fibres),
        start=scene.start,
        stop=scene.stop,
    )
    return times, fibres[unit]


def _following(
    scene: Scene, drive: Drive, course: Press | Warming, relay: str | None, purpose: str
) -> Spikes:
    """Discharge that follows a force or a temperature, as it arrives in the horn."""
    function = transfer(scene.P, str(drive.transfer), drive.rate)
    fibres = scene.some(drive.fibres, 1.0, drive.share or purpose)
    thresholds = function.thresholds(scene.rng(f"{drive.rate}.threshold.{drive.fibres}"), fibres.size)
    begin, end = course.epochs()[0, 0], course.epochs()[-1, 1]
    gain = scene.gain(drive.fibres, relay)
    times, unit = patterns.thinned(
        scene.rng(purpose),
        fibres.size,
        gain * function.ceiling,
        lambda times, unit: gain * function.rate(course, times, thresholds[unit]),
        refractory=scene.refractory(fibres),
        start=begin,
        stop=min(end, scene.stop),
    )
    if drive.share is not None:
        felt = unit < round(scene.P[drive.share] * fibres.size)
        times, unit = times[felt], unit[felt]
    return times + scene.fibres.conduction[fibres[unit]], fibres[unit]


def _recruited(P: Mapping[str, float], shocks: Shocks, group: str) -> float:
    """Fraction of the fibres of a class that a shock excites."""
    if shocks.intensity is None:
        return 1.0
    return recruited_share(P, P[shocks.intensity], property_group(group.split(".")[0]))


def _shocked(scene: Scene, shocks: Shocks, purpose: str) -> Iterator[Spikes]:
    onsets = shocks.onsets(scene.P, scene.stop)
    for group, reach in shocks.recruits.items():
        own = f"{purpose}.{group}"
        fibres = scene.some(group, scene.P[reach] * _recruited(scene.P, shocks, group), own)
        rng = scene.rng(own)
        times, unit = patterns.shocks(rng, onsets, scene.fibres.conduction[fibres], scene.P["fibre.jitter"])
        if shocks.dispersion is not None:
            times = times + scene.P[shocks.dispersion] * rng.random(times.size)
        yield times, fibres[unit]


def _poisson(scene: Scene, fibres: Indices, rate: float, purpose: str) -> Spikes:
    """Discharge of fibres of one class."""
    refractory = scene.refractory(fibres)
    times, unit = patterns.poisson(scene.rng(purpose), fibres.size, rate, refractory, scene.start, scene.stop)
    return times, fibres[unit]
