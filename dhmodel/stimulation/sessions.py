"""Sessions of magnetic pulses: pulses in bursts, bursts in trains, trains with pauses, a number of pulses."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dhmodel.errors import InputError
from dhmodel.stimulation import timing
from dhmodel.stimulation.trains import Floats

__all__ = ["Session"]

# what rounding may make of two times that should be equal, in s
_SLACK = 1e-9


@dataclass(frozen=True)
class Session:
    """
    One session, from its first pulse at time zero.

    Attributes
    ----------
    frequency : float
        Pulses per second within a train, or bursts per second where there are bursts; Hz.
    pulses_per_burst : int
    burst_frequency : float
        Pulse rate within a burst, Hz.
    on, off : float
        Length of a train and of the pause after it, s; 0 and 0 if there is no pause.
    pulses : int
        In the whole session.
    """

    frequency: float
    pulses_per_burst: int
    burst_frequency: float
    on: float
    off: float
    pulses: int

    @classmethod
    def of(cls, P: Mapping[str, float], group: str) -> "Session":
        """
        Read the session whose numbers are the parameters of a group.

        Raises
        ------
        InputError
            A burst longer than its period, a train without a pause or the other way round, or one that is
            too short for a pulse.
        """
        made = cls(
            P[f"{group}.frequency"],
            int(P[f"{group}.pulses_per_burst"]),
            P[f"{group}.burst_frequency"],
            P[f"{group}.on"],
            P[f"{group}.off"],
            int(P[f"{group}.pulses"]),
        )
        burst = made.pulses_per_burst / made.burst_frequency
        if made.pulses_per_burst > 1 and burst > 1 / made.frequency + _SLACK:
            raise InputError(
                f"{group}.pulses_per_burst: got {made.pulses_per_burst}, a burst takes {1e3 * burst:g} ms; "
                f"allowed: at most {1e3 / made.frequency:g} ms ({group}.frequency = {made.frequency:g} Hz)"
            )
        if bool(made.on) != bool(made.off):
            given, missing = ("on", "off") if made.on else ("off", "on")
            raise InputError(
                f"{group}.{given}: got {getattr(made, given):g} s with {group}.{missing} = 0 s; give "
                "both, or neither for pulses without a pause"
            )
        if made.on and made.on * made.frequency < 1 - _SLACK:
            raise InputError(
                f"{group}.on: got {made.on:g} s, too short for a pulse at {made.frequency:g} Hz; allowed: "
                f"at least {1 / made.frequency:g} s"
            )
        return made

    def times(self, start: float, stop: float) -> Floats:
        """Times of the pulses before `stop` of a session that begins at `start`, s, ascending."""
        number = np.ceil(self.pulses / self.pulses_per_burst)
        number = min(number, max(np.ceil((stop - start) * self.frequency) + 1, 0))  # pauses make them fewer
        times = timing.in_bursts(self._events(int(number)), self.pulses_per_burst, self.burst_frequency)
        times = start + times[: self.pulses]
        return times[times < stop]

    @property
    def length(self) -> float:
        """From its first pulse to the end of the last period, s."""
        number = int(np.ceil(self.pulses / self.pulses_per_burst))
        return float(self._events(number)[-1] + 1 / self.frequency)

    @property
    def cycle(self) -> float:
        """Length of a train with its pause, s; 0 if there is no pause."""
        return self.on + self.off

    def _events(self, number: int) -> Floats:
        """Times of the first pulse of each of the first bursts."""
        return timing.cycled(np.arange(number) / self.frequency, self.on, self.off)
