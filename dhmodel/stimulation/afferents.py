"""The afferent input of one replicate: natural spikes, pulses, and what reaches the dorsal horn of both."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dhmodel.delivered import delivered
from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.axon import axon, join
from dhmodel.stimulation.column import Column, make_column
from dhmodel.stimulation.cord import circuit_fibres
from dhmodel.stimulation.delivery import Delivery, deliver, pieces
from dhmodel.stimulation.fibres import Fibres, make_fibres
from dhmodel.stimulation.lead import fibre_gains
from dhmodel.stimulation.mixing import rate_mix
from dhmodel.stimulation.natural import Scene, natural_spikes
from dhmodel.stimulation.paradigms import Paradigm, find_paradigm, paradigms
from dhmodel.stimulation.patterns import Spikes, nothing
from dhmodel.stimulation.routes import Routed, routed
from dhmodel.stimulation.stimulus import (
    default_duration,
    motor_share,
    shock_onsets,
    stimuli,
    stimulus_currents,
)
from dhmodel.stimulation.trains import Floats, Indices, SpikeTrains, sort
from dhmodel.stimulation.transit import Passage
from dhmodel.streams import stream
from dhmodel.units import to_si

__all__ = ["AfferentInput", "afferent_input", "afferents", "default_duration", "paradigms", "stimuli"]


@dataclass(frozen=True, eq=False)
class AfferentInput:
    """
    What the afferent fibres bring to the dorsal horn in one replicate, and the pulses behind it.

    Attributes
    ----------
    trains : SpikeTrains
        Spikes over [-warmup, duration) s of the fibres of all afferent classes.
    delivery : Delivery
        Pulses at the electrode.
    trunk_rate : float
        Spikes that pulses start in the dorsal-column fibres, per fibre, in Hz.
    rate_mix : float
        How evenly those fibres are shared between pulse rates; see `dhmodel.stimulation.mixing`.
    trunks : (times, fibres)
        Those spikes: times at the electrode in s, and index of the fibre in the column, sorted by fibre.
    shocks : ndarray of float64, shape (shocks,)
        Onsets of the test stimulus where it consists of shocks, in s; empty where it is continuous.
    currents : list of (str, float, ndarray)
        Population, current in A and intervals in s of what the test stimulus and routes send into cells.
    routed : Routed
        What comes by routes; spikes of fibres are among the trains.
    m_wave : float
        Fraction of the motor axons that test shocks excite directly.
    """

    trains: SpikeTrains
    delivery: Delivery
    trunk_rate: float
    rate_mix: float
    trunks: Spikes
    shocks: Floats
    currents: Sequence[tuple[str, float, Floats]] = ()
    routed: Routed = Routed()
    m_wave: float = 0.0

    @property
    def pulses(self) -> Floats:
        """Times of all pulses, of an electrode or a coil, in s, ascending."""
        return np.sort(np.concatenate([self.delivery.schedule.times, self.routed.pulses]))

    def delivered(self, P: Mapping[str, float]) -> dict[str, float]:
        """What was sent, by the names of `dhmodel.delivered`."""
        own = {"trunk_rate": self.trunk_rate, "rate_mix": self.rate_mix, "m_wave": self.m_wave}
        electrode = self.delivery.amplitudes(P) | own
        return {**dict.fromkeys(delivered(), 0.0), **electrode, **self.routed.delivered}


def afferent_input(
    P: Mapping[str, float],
    paradigm: str | Paradigm,
    stimulus: str,
    duration: float,
    warmup: float,
    seed: int,
    replicate: int,
) -> AfferentInput:
    """
    Draw the afferent input of one replicate.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    paradigm : str, path or Paradigm
    stimulus : str
    duration, warmup : float
        In s. Pulses and shocks start at zero, the end of the warm-up, plus their delay; the rest runs
        throughout.
    seed, replicate : int
        The same arguments give the same input.

    Returns
    -------
    AfferentInput

    Raises
    ------
    InputError
        Unknown paradigm or stimulus, duration not positive, negative warm-up, a rate out of reach, or pulses
        that cannot be; see `dhmodel.stimulation.delivery.deliver`.
    """
    _check_span(duration, warmup)
    fibres = make_fibres(P, seed, replicate)
    scene, chosen = Scene(P, fibres, -warmup, duration, seed, replicate), find_paradigm(paradigm)
    by_routes = routed(scene, chosen)
    spikes = natural_spikes(scene, stimulus, by_routes.fibres)
    delivery = deliver(P, chosen, duration, seed, replicate)
    trunk_rate, mix, trunks = 0.0, 0.0, nothing()
    if len(delivery.schedule):
        spikes, trunk_rate, mix, trunks = _stimulated(P, fibres, spikes, delivery, seed, replicate)
    trains = SpikeTrains(*spikes, fibres.classes).between(-warmup, duration)
    currents = [*stimulus_currents(P, stimulus), *by_routes.currents]
    shocks = shock_onsets(P, stimulus, duration)
    m_wave = motor_share(P, stimulus)
    return AfferentInput(trains, delivery, trunk_rate, mix, trunks, shocks, currents, by_routes, m_wave)


def _stimulated(
    P: Mapping[str, float], fibres: Fibres, natural: Spikes, delivery: Delivery, seed: int, replicate: int
) -> tuple[Spikes, float, float, Spikes]:
    """Spikes that reach the horn when pulses meet natural ones; rate, mix, and spikes of evoked ones."""
    cord = circuit_fibres(P, seed, replicate)
    if not len(cord):
        return natural, 0.0, 0.0, nothing()
    column = make_column(P, fibres, cord, seed, replicate)
    gains = fibre_gains(P, cord, delivery.schedule.channels)
    passage = Passage(axon(P), column, fibres, gains, natural, seed, replicate)
    launched = join([passage.advance(piece) for piece in pieces(delivery)])
    times, on = passage.arrivals()
    spared = ~_blocked(column, delivery, times, on, seed, replicate)
    rate = len(launched) / (len(cord) * delivery.duration)
    mix = rate_mix(delivery.schedule, launched, len(cord), delivery.duration)
    return (times[spared], on[spared]), rate, mix, sort(launched.time, launched.fibre)


def _blocked(
    column: Column, delivery: Delivery, times: Floats, on: Indices, seed: int, replicate: int
) -> NDArray[np.bool_]:
    """Which spikes a scenario of conduction block keeps from the horn."""
    order = stream(seed, replicate, "column.block").permutation(column.index)
    fibres = order[: round(delivery.effect.blocked * order.size)]
    during = np.zeros(times.size, dtype=np.bool_)
    for begin, end in delivery.on():
        during |= (times >= begin) & (times <= end)
    return during & np.isin(on, fibres)


def afferents(
    paradigm: str | Path | Paradigm = "none",
    *,
    state: str = "naive",
    stimulus: str = "spontaneous",
    set: Mapping[str, object] | None = None,
    drugs: Mapping[str, object] | None = None,
    duration: object = "1 s",
    warmup: object = "0 s",
    seed: int = 1,
    replicate: int = 0,
) -> SpikeTrains:
    """
    Spikes of the primary afferents that reach the dorsal horn.

    Parameters
    ----------
    paradigm : str, path or Paradigm
        A name (see `dhmodel.list_paradigms`), a TOML file, or a `dhmodel.Paradigm`.
    state, stimulus : str
        See `list_states` and `list_stimuli`.
    set : mapping of {str : object}, optional
        Parameter path to value, such as ``{"tonic.frequency": "50 Hz"}``.
    drugs : mapping of {str : object}, optional
        Drug to dose, 0 to 1.
    duration, warmup : str or Brian2 quantity
        Spikes of the warm-up have negative times.
    seed, replicate : int
        The same arguments give the same spikes.

    Returns
    -------
    SpikeTrains

    Raises
    ------
    InputError
        Unknown name, wrong unit or value out of range, in one line that says what is allowed.
    """
    chosen = find_paradigm(paradigm)
    P = resolve(state, set, drugs, chosen.parameters)
    span = to_si(duration, "s", "duration"), to_si(warmup, "s", "warmup")
    return afferent_input(P, chosen, stimulus, *span, seed, replicate).trains


def _check_span(duration: float, warmup: float) -> None:
    if not (math.isfinite(duration) and duration > 0):
        raise InputError(f'duration: got "{duration:g} s", needs more than 0 s')
    if not (math.isfinite(warmup) and warmup >= 0):
        raise InputError(f'warmup: got "{warmup:g} s", needs 0 s or more')
