"""
What a closed loop acts on: fibres under a lead that moves, and the potential recorded from them.

Movement changes what a current is worth (one factor for all fibres: the effect per ampere of the median
fibre) and how much of the potential is left at the recording contacts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dhmodel.errors import InputError
from dhmodel.stimulation.axon import Bank, Launched, join
from dhmodel.stimulation.ecap import amplitudes
from dhmodel.stimulation.motion import Motion, multiplier
from dhmodel.stimulation.recorder import Recorder, recording_gain
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.waveforms import Schedule, Segments, segments
from dhmodel.streams import stream

__all__ = ["BankPlant", "Disturbance", "Response", "at_rest", "disturbance", "single_pulse"]

_LOOK = 0.16e-3  # s after the last phase until which spikes may start


class Response(NamedTuple):
    """
    Response to one pulse.

    Attributes
    ----------
    worth : float
        The current that would do the same at rest, in A.
    measured, ecap : float
        N1-P2 amplitude with and without noise, in V.
    recruited : float
        Fraction of the modelled fibres that fired.
    distance : float
        Thickness of the fluid between lead and cord, in m.
    """

    worth: float
    measured: float
    ecap: float
    recruited: float
    distance: float


@dataclass(frozen=True, eq=False)
class Disturbance:
    """
    What movement does at each pulse; every array has shape (pulses,).

    Attributes
    ----------
    distance : ndarray of float64
        Thickness of the fluid between lead and cord, in m.
    current, potential : ndarray of float64
        Worth of a current, and of a potential at the recording contacts, as multiples of those at rest.
    """

    distance: Floats
    current: Floats
    potential: Floats


def disturbance(
    moves: Motion,
    coupling: Callable[[Floats], Floats],
    record: Recorder,
    velocity: Floats,
    times: Floats,
) -> Disturbance:
    """
    Work out what movement does.

    Parameters
    ----------
    moves : Motion
    coupling : callable
        Thickness (m) to effect per ampere, in any unit; see `dhmodel.stimulation.motion.multiplier`.
    record : Recorder
        At rest.
    velocity : ndarray of float64, shape (fibres,)
        Of the recorded fibres, in m/s.
    times : ndarray of float64, shape (pulses,)
        In s.

    Returns
    -------
    Disturbance
    """
    distance = moves.distance(times)
    return Disturbance(
        distance=distance,
        current=multiplier(coupling, distance, moves.rest),
        potential=recording_gain(record, velocity, distance - moves.rest),
    )


def single_pulse(schedule: Schedule) -> Segments:
    """
    Waveform of one pulse of 1 A, from its onset until spikes can no longer start.

    Raises
    ------
    InputError
        The pulses of the schedule are not alike, or so close that this waveform overlaps the next pulse.
    """
    if not len(schedule) or any(np.ptp(kind) for kind in (schedule.scale, schedule.shape, schedule.channel)):
        raise InputError("closed loop: needs one or more pulses, all of one shape, scale and channel")
    first = Schedule(
        np.zeros(1),
        schedule.scale[:1],
        schedule.shape[:1],
        schedule.channel[:1],
        schedule.shapes,
        schedule.channels,
    )
    waveform = segments(first, np.ones(1), 0.0, schedule.shapes[schedule.shape[0]].extent + _LOOK)
    gap, needs = np.diff(schedule.times).min(initial=np.inf), waveform.duration.sum()
    if needs > gap:
        raise InputError(
            f"closed loop: got pulses {1e3 * gap:.3g} ms apart, allowed: at least {1e3 * needs:.3g} ms"
        )
    return waveform


class BankPlant:
    """
    A bank of fibres at rest, and its recording, pulse by pulse.

    Parameters
    ----------
    bank : Bank
        Not advanced yet.
    record : Recorder
        Of the same fibres, at rest.
    schedule : Schedule
        Pulses that are all alike, on any one channel.
    disturbed : Disturbance
        At those pulses.
    seed, replicate : int
        Of the stream ``ecap.noise``; open and closed loop with the same ones meet the same noise.

    Raises
    ------
    InputError
        As `single_pulse`.
    """

    def __init__(
        self,
        bank: Bank,
        record: Recorder,
        schedule: Schedule,
        disturbed: Disturbance,
        seed: int,
        replicate: int,
    ):
        self.times = schedule.times
        self._bank, self._record, self._disturbed = bank, record, disturbed
        self._waveform = single_pulse(schedule)
        self._lasts = float(self._waveform.duration.sum())
        self._clock = float(self.times[0])
        # N1 and P2 are two samples, each with its own noise
        draws = stream(seed, replicate, "ecap.noise").standard_normal(self.times.size)
        self._noise = np.sqrt(2) * record.noise * draws
        self._launched: list[Launched] = []

    def pulse(self, number: int, amperes: float) -> Response:
        """Send a pulse of `amperes` (A) at its time; the numbers ascend from 0 without gaps."""
        worth = amperes * float(self._disturbed.current[number])
        onset = float(self.times[number])
        fired = self._bank.advance(_shifted(self._waveform, self._clock, onset, worth, number))
        self._clock = onset + self._lasts
        self._launched.append(fired)
        own = fired.pulse == number
        ecap = _amplitude(self._record, fired.time[own] - onset, fired.fibre[own])
        ecap *= float(self._disturbed.potential[number])
        recruited = np.zeros(self._record.passing.size, dtype=np.bool_)
        recruited[fired.fibre[own]] = True
        return Response(
            worth=worth,
            measured=ecap + float(self._noise[number]),
            ecap=ecap,
            recruited=float(recruited.mean()),
            distance=float(self._disturbed.distance[number]),
        )

    def launched(self) -> Launched:
        """Spikes launched so far; at least one pulse must have been sent."""
        return join(self._launched)


def at_rest(bank: Callable[[], Bank], record: Recorder, schedule: Schedule) -> Callable[[float], float]:
    """
    Growth of the response at rest: current in A to N1-P2 amplitude in V of a single pulse, without noise.

    Parameters
    ----------
    bank : callable
        Makes a bank at rest.
    record : Recorder
    schedule : Schedule
        As `BankPlant`.
    """
    waveform = single_pulse(schedule)

    def growth(amperes: float) -> float:
        fired = bank().advance(_shifted(waveform, 0.0, 0.0, amperes, 0))
        return _amplitude(record, fired.time, fired.fibre)

    return growth


def _shifted(waveform: Segments, clock: float, onset: float, amperes: float, number: int) -> Segments:
    """Quiet time from the clock to the onset, then the waveform at that current."""
    quiet = onset - clock
    before = 1 if quiet > 0 else 0
    return Segments(
        clock,
        np.concatenate([np.full(before, quiet), waveform.duration]),
        np.concatenate([np.zeros((before, waveform.current.shape[1])), amperes * waveform.current]),
        np.concatenate([np.full(before, number - 1), np.full(waveform.duration.size, number)]),
    )


def _amplitude(record: Recorder, delay: Floats, fibre: np.ndarray) -> float:
    if not delay.size:
        return 0.0
    row = np.zeros(delay.size, dtype=np.int64)
    return float(amplitudes(record.superpose(row, delay, fibre, 1, record.samples))[0])
