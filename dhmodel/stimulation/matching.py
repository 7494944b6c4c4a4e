"""Amplitudes that make paradigms comparable: the same multiple of the ECAP threshold, or the same charge."""

from collections.abc import Mapping

import numpy as np

from dhmodel.errors import InputError
from dhmodel.stimulation.dose import dose
from dhmodel.stimulation.paradigms import Paradigm, effective
from dhmodel.stimulation.recruitment import scales
from dhmodel.stimulation.schedule import schedule

__all__ = ["charge_multiple", "ecap_settings"]


def ecap_settings(P: Mapping[str, float], paradigm: str | Paradigm, multiple: float) -> dict[str, object]:
    """
    Settings that put every channel of a paradigm at a multiple of the ECAP threshold of its own pulses.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters, which say what a paradigm with a base is made of.
    paradigm : str, path or Paradigm
        In closed loop the multiple is the dose that the controller holds.
    multiple : float

    Returns
    -------
    dict of {str : object}
        Parameter path to value, for the argument ``set`` of `dhmodel.simulate`.
    """
    chosen = effective(P, paradigm)
    settings: dict[str, object] = {}
    for group in chosen.groups:
        settings |= {f"{group}.amplitude": multiple, f"{group}.amplitude_scale": "ecap"}
    return settings | ({"loop.dose": multiple} if chosen.closed_loop else {})


def charge_multiple(
    P: Mapping[str, float], paradigm: str | Paradigm, charge: float, duration: float
) -> float:
    """
    Multiple of the ECAP threshold, the same for all channels, at which a paradigm delivers a given charge.

    Charge grows linearly with the current, so one look at the pulses tells. Pauses of ON/OFF cycling count;
    movements of the lead in closed loop do not.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters; amplitudes in them do not matter.
    paradigm : str, path or Paradigm
    charge : float
        Of stimulating phases of all channels per second, in C/s.
    duration : float
        Over which it is taken, in s.

    Returns
    -------
    float

    Raises
    ------
    InputError
        A charge that is not positive, or a paradigm that sends no pulse.
    """
    if not 0 < charge < np.inf:
        raise InputError(f"charge per second: got {charge:g} C/s, needs more than 0 C/s")
    made = schedule(P, paradigm, duration, seed=1, replicate=0)
    threshold = np.zeros(len(made.channels))
    for channel in np.unique(made.channel).tolist():
        threshold[channel] = scales(P, made, channel).ecap
    report = dose(made, threshold[made.channel], duration)
    at_threshold = sum(one["charge_per_second"] for one in report.values())
    if not at_threshold:
        raise InputError(f"charge per second: {effective(P, paradigm).where} sends no pulse")
    return charge / at_threshold
