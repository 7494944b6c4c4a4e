"""What the stimulator sends in one run, and the fibres that it meets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dhmodel.stimulation.axon import Bank, Launched, axon, join
from dhmodel.stimulation.cord import CordFibres
from dhmodel.stimulation.dose import check_charge, dose
from dhmodel.stimulation.lead import contact_area, fibre_gains
from dhmodel.stimulation.paradigms import Paradigm, effective
from dhmodel.stimulation.recruitment import amperes, scales
from dhmodel.stimulation.regulation import Regulation, regulate
from dhmodel.stimulation.scenario import Effect, effect
from dhmodel.stimulation.schedule import schedule
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.waveforms import Schedule, Segments, segments
from dhmodel.streams import stream

__all__ = ["Delivery", "deliver", "excite", "pieces"]

_AMPLITUDES = (
    "current",
    "ecap_multiple",
    "perception_multiple",
    "motor_multiple",
    "charge_per_phase",
    "charge_per_second",
    "duty_cycle",
)
_PIECE = 1.0  # s of segments that are held in memory at once
_PAUSE = 0.05  # s; a longer one between pulses counts as off


@dataclass(frozen=True, eq=False)
class Delivery:
    """
    The pulses of one run.

    Attributes
    ----------
    schedule : Schedule
    sent : ndarray of float64, shape (pulses,)
        Nominal current of each pulse in A; the relative scale of the schedule is not in it.
    worth : ndarray of float64, shape (pulses,)
        What it is worth to fibres whose gains are those of the lead at rest: `sent` but for movements of the
        lead and the scenario.
    effect : Effect
        What the scenario adds.
    duration : float
        In s.
    regulation : Regulation or None
        What the controller did, in closed loop.
    """

    schedule: Schedule
    sent: Floats
    worth: Floats
    effect: Effect
    duration: float
    regulation: Regulation | None = None

    def on(self) -> Floats:
        """Intervals in which pulses come, in s, shape (intervals, 2)."""
        times = self.schedule.times
        if not times.size:
            return np.empty((0, 2))
        breaks = np.flatnonzero(np.diff(times) > _PAUSE)
        return np.stack([times[np.append(0, breaks + 1)], times[np.append(breaks, times.size - 1)]], axis=1)

    def amplitudes(self, P: Mapping[str, float]) -> dict[str, float]:
        """
        Amplitude on every scale, and dose; all 0 without pulses.

        Returns
        -------
        dict of {str : float}
            ``current`` (A), ``ecap_multiple``, ``perception_multiple``, ``motor_multiple`` of the channel
            with the largest multiple of the ECAP threshold, in closed loop the mean over pulses;
            ``charge_per_phase`` (C, largest), ``charge_per_second`` (C/s) and ``duty_cycle`` of all channels.
        """
        found = dict.fromkeys(_AMPLITUDES, 0.0)
        channels = np.unique(self.schedule.channel).tolist()
        if not channels:
            return found
        scaled = [self._scaled(P, channel) for channel in channels]
        found |= max(scaled, key=lambda one: one["ecap_multiple"])
        doses = dose(self.schedule, self.sent, self.duration).values()
        found["charge_per_phase"] = max(one["charge_per_phase"] for one in doses)
        found["charge_per_second"] = sum(one["charge_per_second"] for one in doses)
        found["duty_cycle"] = sum(one["duty_cycle"] for one in doses)
        return found

    def _scaled(self, P: Mapping[str, float], channel: int) -> dict[str, float]:
        """Mean amplitude of a channel on every scale."""
        current, of = (
            float(self.sent[self.schedule.channel == channel].mean()),
            scales(P, self.schedule, channel),
        )
        return {
            "current": current,
            "ecap_multiple": current / of.ecap,
            "perception_multiple": current / of.perception,
            "motor_multiple": current / of.motor,
        }


def deliver(
    P: Mapping[str, float], paradigm: str | Paradigm, duration: float, seed: int, replicate: int
) -> Delivery:
    """
    Work out every pulse of a paradigm in [0, duration) s, and its current.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters, with those that the paradigm brings along.
    paradigm : str, path or Paradigm
    duration : float
        In s.
    seed, replicate : int

    Returns
    -------
    Delivery

    Raises
    ------
    InputError
        As `schedule`; an amplitude that has no scale; in closed loop as `regulate`.

    Warns
    -----
    UserWarning
        Charge beyond what contacts and tissue are thought to bear, once per process and channel.
    """
    chosen = effective(P, paradigm)
    made = schedule(P, paradigm, duration, seed, replicate)
    added = effect(P, chosen)
    if not len(made):
        return Delivery(made, np.empty(0), np.empty(0), added, duration)
    if chosen.closed_loop:
        loop = regulate(P, made, seed, replicate)
        worth = added.gain * loop.closed.worth
        delivery = Delivery(made, loop.closed.amperes, worth, added, duration, loop)
    else:
        sent = amperes(P, made)
        delivery = Delivery(made, sent, added.gain * sent, added, duration)
    check_charge(P, made, dose(made, delivery.sent, duration), contact_area(P))
    return delivery


def pieces(delivery: Delivery) -> Iterator[Segments]:
    """The currents that the fibres meet over [0, duration) s, a second at a time."""
    for begin in np.arange(0.0, delivery.duration, _PIECE):
        stop = min(begin + _PIECE, delivery.duration)
        yield segments(delivery.schedule, delivery.worth, float(begin), float(stop))


def excite(
    P: Mapping[str, float], fibres: CordFibres, delivery: Delivery, seed: int, replicate: int
) -> Launched:
    """
    Spikes that a delivery starts in fibres without natural spikes, such as a reference population.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    fibres : CordFibres
    delivery : Delivery
    seed, replicate : int
        Of the stream ``excite.noise``, which decides the noise of the thresholds.

    Returns
    -------
    Launched
    """
    gains = fibre_gains(P, fibres, delivery.schedule.channels)
    keys = stream(seed, replicate, "excite.noise").integers(0, 2**64, len(fibres), dtype=np.uint64)
    bank = Bank(axon(P), gains, np.full(len(fibres), P["fibre.AB.refractory"]), keys)
    return join([bank.advance(piece) for piece in pieces(delivery)])
