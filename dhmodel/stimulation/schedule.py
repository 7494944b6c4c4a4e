"""
From a paradigm and its parameters to the schedule of every pulse.

An event is a pulse, or a burst of pulses. The events of a channel follow one another on the clock of its ON
periods (see `timing`); a burst that has begun is completed. Modulated intervals are never shorter than an
event with the recovery of its charge, so the charge is always recovered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dhmodel.errors import InputError
from dhmodel.parameters import choice, parameter
from dhmodel.stimulation import timing
from dhmodel.stimulation.paradigms import Paradigm, effective
from dhmodel.stimulation.trains import Floats, Indices
from dhmodel.stimulation.waveforms import Channel, Schedule, Shape, active, monophasic, passive
from dhmodel.streams import stream
from dhmodel.units import format_si

# how much of a train is checked before a run, in s
_CHECKED = 1.0

# what rounding may make of two times that should be equal, in s
_SLACK = 1e-9


def schedule(
    P: Mapping[str, float], paradigm: str | Paradigm, duration: float, seed: int, replicate: int
) -> Schedule:
    """
    Every pulse of a paradigm in [0, duration) s.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters, with those that the paradigm brings along.
    paradigm : str, path or Paradigm
        See `paradigms.find_paradigm`.
    duration : float
        In s.
    seed, replicate : int
        They decide random intervals, one stream per channel. A longer schedule begins like a shorter one.

    Returns
    -------
    Schedule

    Raises
    ------
    InputError
        No such paradigm; a pulse or burst longer than its period; cycling with ON or OFF only; an amplitude
        in mA that is missing or of no effect; pulses of two channels that overlap on a contact.
    """
    chosen = effective(P, paradigm)
    trains = []
    for source in _sources(P, chosen):
        trains.append(_train(source, duration, stream(seed, replicate, f"paradigm.{source.group}")))
    return _join(P, chosen, trains)


def check_schedule(P: Mapping[str, float], paradigm: str | Paradigm) -> None:
    """
    Refuse what `schedule` would, at the cost of a second of pulses of each channel.

    Channels whose pulses overlap for the first time later than that are found by `schedule` only.

    Raises
    ------
    InputError
        As `schedule`.
    """
    chosen = effective(P, paradigm)
    trains = []
    for source in _sources(P, chosen):
        draws = stream(0, 0, f"paradigm.{source.group}")
        trains.append(_train(source, source["delay"] + _CHECKED, draws))
    _join(P, chosen, trains)


@dataclass(frozen=True)
class _Source:
    """The parameters of one channel, and the group that switches it on and off, if any."""

    P: Mapping[str, float]
    group: str
    cycle: str

    def __getitem__(self, name: str) -> float:
        return self.P[f"{self.group}.{name}"]

    def named(self, name: str) -> str:
        """The name that a choice of the channel holds."""
        return choice(self.P, f"{self.group}.{name}")

    def shown(self, name: str) -> str:
        """A parameter as a user would write it; every channel has the units of `tonic`."""
        return format_si(self[name], parameter(f"tonic.{name}").unit)

    @property
    def number(self) -> int:
        """Pulses of an event."""
        return int(self["pulses_per_burst"])

    @property
    def burst(self) -> float:
        """From the first onset to the last of an event, in s."""
        return (self.number - 1) / self["burst_frequency"]

    @property
    def period(self) -> float:
        """The shortest mean interval between events, in s."""
        swing = self["modulation_depth"] if self.named("modulation") == "sine" else 0.0
        return 1 / (self["frequency"] * (1 + swing))


def _sources(P: Mapping[str, float], chosen: Paradigm) -> list[_Source]:
    return [_Source(P, group, chosen.cycle) for group in chosen.groups]


@dataclass(frozen=True, eq=False)
class _Train:
    """Pulses of one channel: ascending times in s, index into its own shapes, and these."""

    times: Floats
    shape: Indices
    shapes: tuple[Shape, ...]


def _train(source: _Source, duration: float, rng: np.random.Generator) -> _Train:
    _check_amplitude(source)
    on, off = _cycling(source)
    delay, frequency = source["delay"], source["frequency"]
    if frequency == 0:
        return _Train(np.empty(0), np.empty(0, dtype=np.int64), ())
    shapes = _shapes(source)
    span = timing.on_time(min(source["duration"], duration - delay), on, off)
    events = delay + timing.cycled(_events(source, shapes[-1].extent, span, rng), on, off)
    times = timing.in_bursts(events, source.number, source["burst_frequency"])
    shape = np.zeros((events.size, source.number), dtype=np.int64)
    shape[:, -1] = len(shapes) - 1
    kept = times < duration
    return _Train(times[kept], shape.ravel()[kept], shapes)


def _shapes(source: _Source) -> tuple[Shape, ...]:
    """The shape of the last pulse of an event, after that of the others where it is not the same."""
    sign = -1.0 if source.named("polarity") == "cathodic" else 1.0
    width, gap, recharge = source["pulse_width"], source["interphase_gap"], source.named("recharge")
    plain = monophasic(sign, width)
    if recharge == "active":
        plain = active(sign, width, gap, source["recharge_ratio"])
    _check_fit(source, plain.extent)
    if recharge != "passive":
        return (plain,)
    pause = source.period - source.burst - width - gap
    if pause <= _SLACK:
        raise InputError(
            f'{source.group}.interphase_gap: got "{source.shown("interphase_gap")}", which leaves no time '
            f"for passive recharge before the next pulse; allowed: less than {(pause + gap) * 1e6:g} us"
        )
    longest = source.P["stimulator.recharge_share"] * pause
    last = passive(sign, width, gap, source.number, source.P["stimulator.recharge_tau"], longest)
    return (last,) if source.number == 1 else (plain, last)


def _events(source: _Source, extent: float, span: float, rng: np.random.Generator) -> Floats:
    """Times of the events on the clock of the ON periods; `extent` is that of the last pulse, in s."""
    frequency, depth = source["frequency"], source["modulation_depth"]
    dead = source.burst + extent
    match source.named("modulation"):
        case "jitter":
            return timing.jittered(rng, frequency, depth, dead, span)
        case "sine":
            return timing.sinusoidal(frequency, depth, source["modulation_frequency"], span)
        case "poisson":
            if dead >= source.period:
                raise InputError(
                    f'{source.group}.modulation: got "poisson", which needs a pause between events; '
                    f"they take {dead * 1e3:g} ms of {source.period * 1e3:g} ms"
                )
            return timing.poisson(rng, frequency, dead, span)
        case _:
            return timing.regular(frequency, 0.0, span)


def _check_amplitude(source: _Source) -> None:
    group, current = source.group, source["current"]
    scale = source.named("amplitude_scale")
    if scale == "current" and current == 0:
        raise InputError(
            f'{group}.current: got "0 mA" with {group}.amplitude_scale = current, needs more than 0 mA'
        )
    if scale != "current" and current > 0:
        raise InputError(
            f'{group}.current: got "{source.shown("current")}", of no effect with '
            f"{group}.amplitude_scale = {scale}; set {group}.amplitude_scale to current, or leave it out"
        )


def _cycling(source: _Source) -> tuple[float, float]:
    """Length of the ON and OFF periods in s, (0, 0) if always on."""
    on, off = source["on"], source["off"]
    if source.cycle:
        if on or off:
            raise InputError(
                f"{source.group}.on: cycled by {source.cycle}.on and {source.cycle}.off already; set those"
            )
        return source.P[f"{source.cycle}.on"], source.P[f"{source.cycle}.off"]
    if bool(on) != bool(off):
        given, missing = ("on", "off") if on else ("off", "on")
        raise InputError(
            f'{source.group}.{given}: got "{source.shown(given)}" with {source.group}.{missing} = 0 s; '
            "give both, or neither for stimulation that is always on"
        )
    return on, off


def _check_fit(source: _Source, extent: float) -> None:
    """Refuse pulses (all phases, but for passive recovery) and bursts that are longer than their period."""
    group, number = source.group, source.number
    width = f'{group}.pulse_width: got "{source.shown("pulse_width")}"'
    takes = f"with its recharge a pulse takes {extent * 1e3:g} ms"
    inside, period = 1 / source["burst_frequency"], source.period
    if number > 1 and extent > inside + _SLACK:
        raise InputError(
            f"{width}, {takes}; allowed: at most {inside * 1e3:g} ms from pulse to pulse "
            f"({group}.burst_frequency = {source.shown('burst_frequency')})"
        )
    if source.burst + extent <= period + _SLACK:
        return
    fastest = " at its fastest" if source.named("modulation") == "sine" else ""
    limit = f"at most {period * 1e3:g} ms ({group}.frequency = {source.shown('frequency')}{fastest})"
    if number == 1:
        raise InputError(f"{width}, {takes}; allowed: {limit}")
    took = (source.burst + extent) * 1e3
    raise InputError(f"{group}.pulses_per_burst: got {number}, a burst takes {took:g} ms; allowed: {limit}")


def _join(P: Mapping[str, float], chosen: Paradigm, trains: list[_Train]) -> Schedule:
    """The pulses of all channels in the order of time."""
    channels = tuple(
        Channel(group, chosen.contacts(P, group), int(P[f"{group}.pulses_per_burst"]))
        for group in chosen.groups
    )
    shapes: tuple[Shape, ...] = ()
    parts = []
    for number, train in enumerate(trains):
        parts.append((train.times, train.shape + len(shapes), np.full(train.times.size, number)))
        shapes += train.shapes
    empty = np.empty(0), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    times, shape, channel = (np.concatenate(part) for part in zip(empty, *parts, strict=True))
    order = np.argsort(times, kind="stable")
    made = Schedule(times[order], np.ones(times.size), shape[order], channel[order], shapes, channels)
    _refuse_overlap(made)
    return made


def _refuse_overlap(made: Schedule) -> None:
    """Refuse pulses of two channels that overlap on a contact of both."""
    extent = np.array([shape.extent for shape in made.shapes])
    for pair in combinations(range(len(made.channels)), 2):
        one, other = (made.channels[number] for number in pair)
        shared = sorted(set(one.contacts) & set(other.contacts))
        of = np.flatnonzero(np.isin(made.channel, pair)) if shared else np.empty(0, dtype=np.int64)
        begin, end = made.times[of], made.times[of] + extent[made.shape[of]]
        late = np.flatnonzero((np.diff(made.channel[of]) != 0) & (begin[1:] < end[:-1] - _SLACK))
        if late.size:
            raise InputError(
                f"{other.name}.contacts: at {begin[late[0] + 1]:g} s a pulse overlaps one of {one.name} on "
                f"contact {shared[0]}; use contacts that the other does not, or another delay or frequency"
            )
