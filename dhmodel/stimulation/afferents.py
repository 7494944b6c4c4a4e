"""The afferent input of one replicate: natural spikes, pulses, and what reaches the dorsal horn of both."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.fibres import make_column, make_fibres
from dhmodel.stimulation.natural import Scene, default_duration, natural_spikes, shock_onsets, stimuli
from dhmodel.stimulation.paradigms import make_pulses, paradigms
from dhmodel.stimulation.trains import Floats, SpikeTrains
from dhmodel.stimulation.transit import stimulate
from dhmodel.units import to_si

__all__ = ["AfferentInput", "afferent_input", "afferents", "default_duration", "paradigms", "stimuli"]


@dataclass(frozen=True, eq=False)
class AfferentInput:
    """
    What the afferent fibres bring to the dorsal horn in one replicate.

    Attributes
    ----------
    trains : SpikeTrains
        Spikes over [-warmup, duration) s of the fibres of all afferent classes.
    pulses : ndarray of float64, shape (pulses,)
        Pulses at the electrode, in s.
    shocks : ndarray of float64, shape (shocks,)
        Onsets of the test stimulus where it consists of shocks, in s; empty where it is continuous.
    """

    trains: SpikeTrains
    pulses: Floats
    shocks: Floats


def afferent_input(
    P: Mapping[str, float],
    paradigm: str,
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
    paradigm, stimulus : str
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
        Unknown paradigm or stimulus, duration not positive, negative warm-up, or a rate out of reach.
    """
    _check_span(duration, warmup)
    fibres = make_fibres(P, seed, replicate)
    spikes = natural_spikes(Scene(P, fibres, -warmup, duration, seed, replicate), stimulus)
    pulses = make_pulses(P, paradigm, duration)
    if pulses.times.size:
        column = make_column(P, fibres, seed, replicate)
        spikes = stimulate(column, fibres, pulses.times, pulses.amplitudes, spikes, seed, replicate)
    trains = SpikeTrains(*spikes, fibres.classes).between(-warmup, duration)
    return AfferentInput(trains, pulses.times, shock_onsets(P, stimulus, duration))


def afferents(
    paradigm: str = "none",
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
    paradigm, state, stimulus : str
        See `dhmodel.list_paradigms`, `list_states` and `list_stimuli`.
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
    P = resolve(state, set, drugs)
    span = to_si(duration, "s", "duration"), to_si(warmup, "s", "warmup")
    return afferent_input(P, paradigm, stimulus, *span, seed, replicate).trains


def _check_span(duration: float, warmup: float) -> None:
    if not (math.isfinite(duration) and duration > 0):
        raise InputError(f'duration: got "{duration:g} s", needs more than 0 s')
    if not (math.isfinite(warmup) and warmup >= 0):
        raise InputError(f'warmup: got "{warmup:g} s", needs 0 s or more')
