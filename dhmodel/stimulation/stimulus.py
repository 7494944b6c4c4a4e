"""
Test stimuli as data: what ``stimuli.toml`` may say, and when a stimulus acts.

A stimulus holds `drives` (discharge of some fibres), perhaps of a `press` or a `warming` of the skin whose
force or temperature they follow, a train of `shocks`, a `current` into a population of cells, or several of
these. Whatever sets them is named by the path of a parameter.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from dhmodel.errors import InputError
from dhmodel.parameters.resolved import choice
from dhmodel.stimulation import course
from dhmodel.stimulation.catalogue import Entry, find, load
from dhmodel.stimulation.trains import Floats

__all__ = [
    "Drive",
    "Shocks",
    "Stimulus",
    "acts",
    "default_duration",
    "motor_share",
    "recruited_share",
    "shock_onsets",
    "stimuli",
    "stimulus",
    "stimulus_currents",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Drive(_Part):
    """
    Discharge of some fibres (see `fibres.members`), or of the fraction `share` of them.

    Without `transfer`, `rate` is the path of a rate, gated by the strokes of a brush if there is a
    `frequency` and a `contact`. With it, `rate` is the group of parameters of that function of the course.
    """

    fibres: str
    rate: str
    transfer: Literal["steady", "rapid", "heat"] | None = None
    share: str | None = None
    frequency: str | None = None
    contact: str | None = None


class Press(_Part):
    """Presses of a force on the skin."""

    force: str
    delay: str
    duration: str
    rise: str
    number: str
    frequency: str

    def course(self, P: Mapping[str, float]) -> course.Press:
        """Force over time; InputError if a press has not ended when the next begins."""
        duration, rise, frequency = P[self.duration], P[self.rise], P[self.frequency]
        if P[self.number] > 1 and duration * frequency > 1:
            raise InputError(
                f"{self.duration}: {duration:g} s does not fit between presses at {frequency:g} Hz"
            )
        onsets = P[self.delay] + np.arange(P[self.number]) / frequency
        return course.Press(onsets, duration, min(rise, duration / 2), P[self.force])


class Warming(_Part):
    """A ramp of temperature."""

    temperature: str
    base: str
    ramp: str
    hold: str
    delay: str

    def course(self, P: Mapping[str, float]) -> course.Warming:
        """Temperature over time."""
        return course.Warming(
            *(P[path] for path in (self.delay, self.base, self.temperature, self.ramp, self.hold))
        )


class Patch(_Part):
    """A part of the skin by its place in the somatotopic map, which reaches from -1 to 1."""

    centre: str
    width: str

    def covers(self, P: Mapping[str, float], places: Floats) -> NDArray[np.bool_]:
        """Tell which places it covers."""
        return np.abs(places - P[self.centre]) <= P[self.width] / 2


class Interval(_Part):
    """When a stimulus without a course acts, in the time of the recording."""

    on: str
    off: str

    def times(self, P: Mapping[str, float]) -> Floats:
        """Begin and end in s, shape (1, 2); InputError if it ends before it begins."""
        on, off = P[self.on], P[self.off]
        if off <= on:
            raise InputError(f"{self.off}: got {off:g} s, needs to be later than {self.on}, {on:g} s")
        return np.array([[on, off]])


class Shocks(_Part):
    """
    Electrical shocks to the skin, or `proximal` to where an injury severs fibres.

    `recruits` says what fraction of whom lies within their reach. With an `intensity`, in multiples of the
    threshold of Abeta fibres, those of them fire whose threshold (``shock.<class>``) is no higher. Each spike
    comes later by up to the `dispersion`, where that is given. A shock to a `mixed` nerve excites motor
    axons too (see `motor_share`).
    """

    delay: str
    recruits: dict[str, str]
    frequency: str | None = None
    number: str | None = None
    intensity: str | None = None
    proximal: bool = False
    dispersion: str | None = None
    mixed: bool = False

    def onsets(self, P: Mapping[str, float], stop: float) -> Floats:
        """Times of the shocks before `stop` in s: one, or `number`, or without a number until `stop`."""
        delay = P[self.delay]
        if self.frequency is None:
            return np.full(int(delay < stop), delay)
        rate = P[self.frequency]
        if rate == 0:
            return np.empty(0)
        number = P[self.number] if self.number else max(np.ceil((stop - delay) * rate), 0)
        onsets = delay + np.arange(number) / rate
        return onsets[onsets < stop]


class Current(Interval):
    """A step of current into every cell of a population, whose name is a parameter too."""

    population: str
    amplitude: str


class Stimulus(Entry):
    """
    A test stimulus; without anything else only the background is left.

    The drives act on the fibres of a `patch`, or all, and where they have no course from `during.on` to
    `during.off`, or always. Shocks for `conditioning` go on until the end and are not test shocks. `relay` is
    the parameter by which descending control weighs nociceptors under stimuli of this kind.
    """

    drives: list[Drive] = []
    patch: Patch | None = None
    during: Interval | None = None
    press: Press | None = None
    warming: Warming | None = None
    shocks: Shocks | None = None
    conditioning: Shocks | None = None
    relay: str | None = None
    current: Current | None = None

    def course(self, P: Mapping[str, float]) -> course.Press | course.Warming | None:
        """Force or temperature over time; None where there is neither."""
        part = self.press or self.warming
        return part.course(P) if part else None


@lru_cache(maxsize=1)
def stimuli() -> Mapping[str, Stimulus]:
    """Every test stimulus, by name."""
    return load("stimuli.toml", Stimulus)


def stimulus(name: str) -> Stimulus:
    """The stimulus of that name; InputError naming the others if there is none."""
    return find("stimulus", name, stimuli())


def strength_path(name: str) -> str | None:
    """Parameter of the strength of a stimulus: force, temperature or intensity of shocks; None without."""
    entry = stimulus(name)
    if entry.press is not None:
        return entry.press.force
    if entry.warming is not None:
        return entry.warming.temperature
    return entry.shocks.intensity if entry.shocks is not None else None


def acts(P: Mapping[str, float], name: str, duration: float) -> Floats:
    """
    When a stimulus acts within [0, duration) s: begin and end of each epoch, in s, shape (epochs, 2).

    A continuous stimulus acts throughout; shocks have no length (see `shock_onsets`), and no stimulus never
    acts.

    Raises
    ------
    InputError
        No such stimulus, or parameters that contradict each other.
    """
    entry = stimulus(name)
    epochs = _epochs(P, entry)
    if epochs is None:
        epochs = np.array([[0.0, duration]] if entry.drives else np.empty((0, 2)))
    return np.clip(epochs[epochs[:, 0] < duration], 0.0, duration)


def default_duration(P: Mapping[str, float], name: str) -> float:
    """
    How long a simulation of this stimulus lasts if nothing else is said, in s.

    ``stimulus.duration``; or, where shocks or a course end, until ``stimulus.tail`` after the end.

    Raises
    ------
    InputError
        No such stimulus, or parameters that contradict each other.
    """
    entry = stimulus(name)
    ends = shock_onsets(P, name, np.inf)
    if entry.during is None and (epochs := _epochs(P, entry)) is not None:
        ends = epochs[:, 1]
    return float(ends[-1] + P["stimulus.tail"]) if ends.size else P["stimulus.duration"]


def shock_onsets(P: Mapping[str, float], name: str, duration: float) -> Floats:
    """Times of the test shocks of a stimulus in [0, duration) s; none if it has none."""
    shocks = stimulus(name).shocks
    return np.empty(0) if shocks is None else shocks.onsets(P, duration)


def recruited_share(P: Mapping[str, float], intensity: float, kind: str) -> float:
    """
    Fraction of some fibres that a shock excites, whose intensity is in multiples of the Abeta threshold.

    Their thresholds lie evenly from (1 - spread) to (1 + spread) times that of the class.
    """
    threshold, spread = P[f"shock.{kind}.threshold"], P[f"shock.{kind}.spread"]
    above = intensity / threshold - 1
    return float(np.clip((above + spread) / (2 * spread), 0, 1)) if spread else float(above >= 0)


def motor_share(P: Mapping[str, float], name: str) -> float:
    """
    Fraction of the motor axons that a shock of a stimulus excites directly (the M wave); 0 without shocks.

    Their antidromic spikes meet those of the reflex, which does not come through them.
    """
    shocks = stimulus(name).shocks
    if shocks is None or not shocks.mixed or shocks.intensity is None:
        return 0.0
    return recruited_share(P, P[shocks.intensity], "motor")


def stimulus_currents(P: Mapping[str, float], name: str) -> list[tuple[str, float, Floats]]:
    """Population, current (A) and intervals (s) of what a stimulus sends into cells; none if it does not."""
    part = stimulus(name).current
    return [] if part is None else [(choice(P, part.population), P[part.amplitude], part.times(P))]


def _epochs(P: Mapping[str, float], entry: Stimulus) -> Floats | None:
    """When a stimulus of limited length acts."""
    interval = entry.during or entry.current
    if interval is not None:
        return interval.times(P)
    on = entry.course(P)
    return None if on is None else on.epochs()
