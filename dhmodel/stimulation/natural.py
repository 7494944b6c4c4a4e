"""
Natural input: test stimuli as data, and background and ectopic discharge under all of them.

A stimulus (``stimuli.toml``) is a list of `drives` (Poisson discharge of some fibres, gated by brush strokes
if it has a frequency and a contact), a train of `shocks`, or both. Drives run from the beginning of the
warm-up to the end; shocks start at time zero plus a delay.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pydantic import BaseModel, ConfigDict

from dhmodel.parameters.layout import FIBRE_CLASSES
from dhmodel.stimulation import patterns
from dhmodel.stimulation.catalogue import Entry, find, load
from dhmodel.stimulation.fibres import Fibres, members
from dhmodel.stimulation.patterns import Spikes
from dhmodel.stimulation.trains import Floats, Indices, sort
from dhmodel.streams import stream


class Drive(BaseModel):
    """Continuous discharge: which fibres (see `fibres.members`), and the parameters, by path, that set it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    fibres: str
    rate: str
    frequency: str | None = None
    contact: str | None = None


class Shocks(BaseModel):
    """Electrical shocks to the skin: parameters by path, and which says what fraction of whom fires."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    delay: str
    recruits: dict[str, str]
    frequency: str | None = None
    number: str | None = None


class Stimulus(Entry):
    """A test stimulus; without drives and shocks only the background is left."""

    drives: list[Drive] = []
    shocks: Shocks | None = None


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

    def refractory(self, fibres: Indices) -> float:
        """Refractory period of fibres of one class, in s; of no fibres 0."""
        return float(self.fibres.refractory[fibres].max(initial=0.0))


@lru_cache(maxsize=1)
def stimuli() -> Mapping[str, Stimulus]:
    """Every test stimulus, by name."""
    return load("stimuli.toml", Stimulus)


def stimulus(name: str) -> Stimulus:
    """The stimulus of that name; InputError naming the others if there is none."""
    return find("stimulus", name, stimuli())


def default_duration(P: Mapping[str, float], name: str) -> float:
    """
    How long a simulation of this stimulus lasts if nothing else is said, in s.

    ``stimulus.duration``; or, where there are shocks, until ``stimulus.tail`` after the last of them.

    Raises
    ------
    InputError
        No such stimulus.
    """
    onsets = _all_onsets(P, stimulus(name))
    return float(onsets[-1] + P["stimulus.tail"]) if onsets.size else P["stimulus.duration"]


def shock_onsets(P: Mapping[str, float], name: str, duration: float) -> Floats:
    """Times of the shocks of a stimulus in [0, duration) s; none if it is continuous."""
    onsets = _all_onsets(P, stimulus(name))
    return onsets[onsets < duration]


def natural_spikes(scene: Scene, name: str) -> Spikes:
    """
    Everything that would reach the dorsal horn without pulses: background, ectopic discharge and a stimulus.

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
    parts = [*_background(scene), *_ectopic(scene), *_stimulated(scene, name)]
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
    for number, drive in enumerate(entry.drives):
        yield _driven(scene, drive, f"{name}.{number}")
    if entry.shocks is not None:
        onsets = shock_onsets(scene.P, name, scene.stop)
        for group, fraction in entry.shocks.recruits.items():
            yield _shocked(scene, group, scene.P[fraction], onsets, f"{name}.shocks.{group}")


def _driven(scene: Scene, drive: Drive, purpose: str) -> Spikes:
    fibres, rate = members(scene.P, drive.fibres), scene.P[drive.rate]
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


def _shocked(scene: Scene, group: str, fraction: float, onsets: Floats, purpose: str) -> Spikes:
    fibres = scene.some(group, fraction, purpose)
    times, unit = patterns.shocks(
        scene.rng(purpose), onsets, scene.fibres.conduction[fibres], scene.P["fibre.jitter"]
    )
    return times, fibres[unit]


def _poisson(scene: Scene, fibres: Indices, rate: float, purpose: str) -> Spikes:
    """Discharge of fibres of one class."""
    refractory = scene.refractory(fibres)
    times, unit = patterns.poisson(scene.rng(purpose), fibres.size, rate, refractory, scene.start, scene.stop)
    return times, fibres[unit]


def _all_onsets(P: Mapping[str, float], entry: Stimulus) -> Floats:
    shocks = entry.shocks
    if shocks is None:
        return np.empty(0)
    number = P[shocks.number] if shocks.number else 1
    delay = P[shocks.delay]
    return delay + np.arange(number) / P[shocks.frequency] if shocks.frequency else np.full(1, delay)
