"""Firing pattern of a cell under a current step, from its spike times."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["AFTER_DISCHARGE", "FIRING_PATTERNS", "after_discharge_count", "firing_pattern_of"]

#: What `firing_pattern_of` answers, besides ``"silent"``.
FIRING_PATTERNS = ("tonic", "delayed", "initial_burst", "gap")

#: Time after the end of a step, in s, in which spikes count as after-discharge.
AFTER_DISCHARGE = (0.05, 1.0)

# A first spike later than this share of the step is delayed; a burst is over by that share; an interval after
# at most so many spikes, so many times the median of the later ones, and at least so long, is a gap.
_LATE, _BURST, _BEFORE, _GAP, _GAP_SECONDS = 0.12, 0.3, 3, 2.5, 0.05


def firing_pattern_of(times: ArrayLike, duration: float) -> str:
    """
    Classify the answer to a current step by the usual words of the dorsal horn.

    After Ruscheweyh and Sandkuehler 2002 J Physiol 541:231 and Luz, Szucs and Safronov 2014 J Physiol
    592:1519: tonic cells fire throughout; delayed cells start late; initial-burst cells fire at the onset
    only, once or a few times; gap cells fire once or a few times, pause, and go on. The limits are choices: a
    first spike after 0.12 of the step is late, a burst is over within the first three tenths, and a gap
    comes after at most three spikes and is at least 50 ms and 2.5 times the median of the intervals after it.

    Parameters
    ----------
    times : array_like of float, shape (spikes,)
        Spike times from the onset of the step, ascending, s. Those outside the step are left out.
    duration : float
        Length of the step, s.

    Returns
    -------
    str
        One of `FIRING_PATTERNS`, or ``"silent"``.
    """
    spikes = np.asarray(times, dtype=float)
    spikes = spikes[(spikes >= 0) & (spikes < duration)]
    if not spikes.size:
        return "silent"
    if spikes[0] > _LATE * duration:
        return "delayed"
    if spikes[-1] <= _BURST * duration:
        return "initial_burst"
    return "gap" if _pauses(np.diff(spikes)) else "tonic"


def _pauses(intervals: NDArray[np.float64]) -> bool:
    """Whether one of the first intervals is a gap: far longer than those after it."""
    candidates = range(min(_BEFORE, intervals.size - 1))
    return any(
        intervals[i] > max(_GAP * float(np.median(intervals[i + 1 :])), _GAP_SECONDS) for i in candidates
    )


def after_discharge_count(trains: Sequence[NDArray[np.float64]], end: float) -> NDArray[np.int64]:
    """
    Count the spikes of each cell between 50 ms and 1 s after the end of a step.

    Parameters
    ----------
    trains : sequence of ndarray of float64
        Spike times of each cell, s.
    end : float
        When the step ends, s.

    Returns
    -------
    ndarray of int64, shape (cells,)
    """
    low, high = (end + edge for edge in AFTER_DISCHARGE)
    return np.array([int(((train >= low) & (train < high)).sum()) for train in trains])
