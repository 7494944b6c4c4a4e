"""What a schedule delivers: charge per phase, burst and second, duty cycle; and whether contacts bear it."""

import math
import warnings
from collections.abc import Mapping

import numpy as np

from dhmodel.parameters import parameter
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.waveforms import Schedule

# channel and limit of every warning given in this process
_WARNED: set[tuple[str, str]] = set()


def dose(schedule: Schedule, amperes: Floats, duration: float) -> dict[str, dict[str, float]]:
    """
    Charge and duty cycle of each channel.

    Charge is that of the stimulating phases, whatever their sign; their recovery is not counted.

    Parameters
    ----------
    schedule : Schedule
    amperes : ndarray of float64, shape (pulses,)
        Nominal amplitude of each pulse, in A (see `waveforms.segments`).
    duration : float
        Over which the rates are taken, in s.

    Returns
    -------
    dict of {str : dict of {str : float}}
        By name of the channel: ``pulse_rate`` (Hz), ``peak_current`` (A, largest), ``charge_per_phase`` (C,
        largest), ``charge_per_burst`` (C, largest phase times the pulses of a burst), ``charge_per_second``
        (C/s), ``duty_cycle`` (fraction of the time that a stimulating phase is on) and ``net_charge`` (C, not
        recovered; cathodic charge is negative).
    """
    width = np.array([shape.width[0] for shape in schedule.shapes])[schedule.shape]
    level = np.array([abs(shape.level[0]) for shape in schedule.shapes])[schedule.shape]
    net = np.array([shape.net for shape in schedule.shapes])[schedule.shape]
    nominal = amperes * schedule.scale
    current = nominal * level
    report = {}
    for number, channel in enumerate(schedule.channels):
        of = schedule.channel == number
        charge = current[of] * width[of]
        phase = float(charge.max(initial=0.0))
        report[channel.name] = {
            "pulse_rate": float(np.count_nonzero(of) / duration),
            "peak_current": float(current[of].max(initial=0.0)),
            "charge_per_phase": phase,
            "charge_per_burst": phase * channel.pulses_per_burst,
            "charge_per_second": float(charge.sum() / duration),
            "duty_cycle": float(width[of].sum() / duration),
            "net_charge": float(nominal[of] @ net[of]),
        }
    return report


def shannon(charge: float, area: float) -> float:
    """
    Shannon's k, log10(charge density in uC/cm2) + log10(charge in uC), both per phase.

    `charge` in C and contact `area` in m^2; minus infinity without charge. Method: Shannon 1992 IEEE Trans
    Biomed Eng 39:424.
    """
    if charge == 0:
        return -math.inf
    return math.log10(charge * 1e6) + math.log10(charge / area * 1e2)


def check_charge(
    P: Mapping[str, float], schedule: Schedule, delivered: Mapping[str, Mapping[str, float]], area: float
) -> None:
    """
    Warn, once per process and channel, of charge beyond what contacts and tissue are thought to bear.

    Parameters
    ----------
    P : mapping of {str : float}
        With ``stimulator.charge_density_limit`` and ``stimulator.shannon_limit``.
    schedule : Schedule
    delivered : mapping
        What `dose` returned.
    area : float
        Of a contact, in m^2.
    """
    for channel in schedule.channels:
        share = max(abs(fraction) for fraction in channel.contacts.values())
        charge = share * delivered[channel.name]["charge_per_phase"]
        density, k = charge / area, shannon(charge, area)
        limit, most = P["stimulator.charge_density_limit"], P["stimulator.shannon_limit"]
        if density > limit:
            reached = f"{density * 1e2:.3g} uC/cm2, limit {limit * 1e2:g} uC/cm2"
            _warn(channel.name, reached, "stimulator.charge_density_limit")
        elif k > most:
            _warn(channel.name, f"k = {k:.3g}, limit k = {most:g}", "stimulator.shannon_limit")


def _warn(channel: str, reached: str, path: str) -> None:
    if (channel, path) in _WARNED:
        return
    _WARNED.add((channel, path))
    limit = parameter(path)
    warnings.warn(
        f"{channel}: charge per phase and contact reaches {reached} ({path}; {limit.read}: {limit.source})",
        stacklevel=3,
    )
