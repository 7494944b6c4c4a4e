"""
Transmitter release by trains, with short-term depression: what the synaptic wave of the cord reflects.

References
----------
Tsodyks MV, Markram H (1997) The neural code between neocortical pyramidal neurons depends on neurotransmitter
release probability. PNAS 94:719-723.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dhmodel.errors import InputError

__all__ = ["release", "release_per_pulse"]

type Floats = NDArray[np.float64]


def release(times: ArrayLike, fibres: ArrayLike, depression: float, recovery: float) -> Floats:
    """
    Release at each spike, of the release of a rested terminal.

    As the terminals of the circuit without presynaptic receptors: each spike uses the fraction `depression`
    of what is there, which recovers with the time constant `recovery`.

    Parameters
    ----------
    times, fibres : array_like, shape (spikes,)
        In s, and the fibre of each spike; sorted by fibre, then by time, as in `SpikeTrains`.
    depression : float
        0 to 1; ``terminal.AB.depression``.
    recovery : float
        In s; ``terminal.AB.recovery``.

    Returns
    -------
    ndarray of float64, shape (spikes,)
        1 at the first spike of a fibre.

    Raises
    ------
    InputError
        Spikes that are not sorted.
    """
    moments, units = np.asarray(times, np.float64), np.asarray(fibres, np.int64)
    if np.any(np.diff(units) < 0) or np.any((np.diff(units) == 0) & (np.diff(moments) < 0)):
        raise InputError("release: needs spikes sorted by fibre, then by time")
    first = np.searchsorted(units, units, side="left")
    rank = np.arange(units.size) - first
    order = np.argsort(rank, kind="stable")  # the first spike of every fibre, then the second, ...
    edges = np.cumsum(np.bincount(rank))[:-1]
    left = np.exp(-np.diff(moments, prepend=0.0) / recovery)
    resource = np.ones(units.size)
    for spikes in np.split(order, edges)[1:]:
        resource[spikes] = 1 - (1 - resource[spikes - 1] * (1 - depression)) * left[spikes]
    return resource


def release_per_pulse(
    times: ArrayLike,
    fibres: ArrayLike,
    n: int,
    pulses: ArrayLike,
    depression: float,
    recovery: float,
    steady: float = 0.0,
    within: float = 0.02,
) -> Floats:
    """
    Mean release of all fibres after each pulse.

    Parameters
    ----------
    times, fibres : array_like, shape (spikes,)
        Arrival at the horn in s, sorted by fibre, then by time.
    n : int
        Number of fibres, the silent ones included.
    pulses : array_like, shape (pulses,)
        In s, ascending.
    depression, recovery
        As in `release`.
    steady : float
        Share of the release that does not depress.
    within : float
        A spike belongs to the latest pulse, but not longer after it than this, in s; all others count for the
        depression only.

    Returns
    -------
    ndarray of float64, shape (pulses,)
        Of the release of all fibres by one spike each when rested.

    Raises
    ------
    InputError
        No pulse, or spikes that are not sorted.
    """
    moments, onsets = np.asarray(times, np.float64), np.asarray(pulses, np.float64)
    if onsets.size == 0:
        raise InputError("release_per_pulse: got no pulses, needs at least one")
    each = steady + (1 - steady) * release(moments, fibres, depression, recovery)
    pulse = np.searchsorted(onsets, moments, side="right") - 1
    inside = (pulse >= 0) & (moments - onsets[pulse] < within)
    total: Floats = np.bincount(pulse[inside], each[inside], onsets.size) / n
    return total
