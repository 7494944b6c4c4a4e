"""How far stimulation gives dorsal-column fibres different rates, which glia between them could sense."""

import numpy as np

from dhmodel.stimulation.axon import Launched
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.waveforms import Schedule

__all__ = ["rate_mix"]

_SAME = 1.1  # channels whose pulse rates differ by less are of one rate


def rate_mix(schedule: Schedule, launched: Launched, fibres: int, duration: float) -> float:
    """
    How evenly dorsal-column fibres are shared between the pulse rates of different channels.

    A fibre counts for the pulse rate to which the rate of its own spikes is nearest (as a ratio). With a
    share ``q`` of all fibres for each of ``G`` rates it is ``G/(G - 1) * (sum(q)^2 - sum(q^2))``.

    Parameters
    ----------
    schedule : Schedule
    launched : Launched
        Spikes that the pulses of the schedule start.
    fibres : int
        Number of fibres, those without spikes included.
    duration : float
        Of the stimulation, in s.

    Returns
    -------
    float
        0 if one rate drives all fibres or none are driven; 1 if every fibre is driven, as many by each rate.
    """
    rates = _pulse_rates(schedule, duration)
    number = rates.size
    spikes = np.bincount(launched.fibre, minlength=fibres) / duration
    driven = spikes[spikes > 0]
    if number < 2 or not driven.size:
        return 0.0
    nearest = np.abs(np.log(driven[:, np.newaxis] / rates)).argmin(axis=1)
    shares: Floats = np.bincount(nearest, minlength=number) / fibres
    return float(number / (number - 1) * (shares.sum() ** 2 - (shares**2).sum()))


def _pulse_rates(schedule: Schedule, duration: float) -> Floats:
    """Pulse rates of the channels in Hz, ascending; those that are as good as equal once."""
    rates = np.unique(np.bincount(schedule.channel, minlength=1) / duration)
    rates = rates[rates > 0]
    return rates[np.append(True, rates[1:] > _SAME * rates[:-1])]
