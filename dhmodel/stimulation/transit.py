"""
From pulses at the electrode, and natural spikes, to the spikes that reach the dorsal horn.

The electrode lies rostral of the segment. On each dorsal-column fibre it is `latency` away from the
segment, and the receptor is `conduction` away on the other side; a natural spike that enters the horn at t
has left the receptor at t - conduction and passes the electrode at t + latency. A pulse at p launches a
spike that runs towards the receptor and passes the segment at p + latency. Two spikes that meet on a fibre
annihilate each other:

- between electrode and segment (p - latency < t < p + latency) the natural one has entered the horn and the
  evoked one never arrives;
- between segment and receptor (p + latency < t < p + latency + 2 conduction) the evoked one has entered the
  horn and the natural one never arrives;
- an evoked spike that reaches the receptor leaves it refractory.

Each spike meets at most one other, so an evoked spike removes the first natural one in its way and no more.
Natural spikes that pass the electrode leave it as refractory as evoked ones do. A pulse that finds a fibre
recovered for dt launches a spike with probability

    (1 - exp(-(dt - refractory) / recovery)) / (1 + (z / half)^power)

where z is the filtered rate of the pulses. Failure is driven by pulses delivered, not by spikes carried.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dhmodel.stimulation.fibres import Column, Fibres
from dhmodel.stimulation.trains import Floats, Indices, sort
from dhmodel.streams import stream

type Mask = NDArray[np.bool_]

_BLOCK = 4096  # pulses whose random numbers are held in memory at once


@dataclass(frozen=True, eq=False)
class Transit:
    """
    What became of the spikes on the dorsal-column fibres.

    Attributes
    ----------
    pulse, fibre : ndarray of int64, shape (evoked spikes that reach the segment,)
        Index of the pulse that launched each, and of its fibre in the `Column`.
    launched : ndarray of int64, shape (pulses,)
        Spikes launched by each pulse, whether they reach the segment or not.
    spared : ndarray of bool, shape (natural spikes,)
        Whether each natural spike reaches the segment.
    """

    pulse: Indices
    fibre: Indices
    launched: Indices
    spared: Mask


def stimulate(
    column: Column,
    fibres: Fibres,
    pulses: Floats,
    amplitudes: Floats,
    natural: tuple[Floats, Indices],
    seed: int,
    replicate: int,
) -> tuple[Floats, Indices]:
    """
    Spikes that reach the dorsal horn when pulses meet natural spikes.

    Parameters
    ----------
    column : Column
    fibres : Fibres
    pulses, amplitudes : ndarray of float64, shape (pulses,)
        Ascending times in s, and multiples of the ECAP threshold.
    natural : (times, fibres)
        Spikes that would reach the horn without pulses, sorted by fibre, then by time.
    seed, replicate : int

    Returns
    -------
    times, fibres : ndarray of float64, ndarray of int64
        Sorted by fibre, then by time, and at least a refractory period apart on each fibre.
    """
    times, on = natural
    rank = np.full(fibres.classes.size, -1)
    rank[column.index] = np.arange(column.index.size)
    passing = np.flatnonzero(rank[on] >= 0)
    draws = stream(seed, replicate, "column.following")
    result = transit(column, pulses, amplitudes, times[passing], rank[on[passing]], draws)
    jitter = column.jitter * stream(seed, replicate, "column.jitter").standard_normal(result.pulse.size)
    evoked = pulses[result.pulse] + np.maximum(column.latency[result.fibre] + jitter, 0.0)
    spared = np.ones(times.size, dtype=np.bool_)
    spared[passing] = result.spared
    arrived, where = sort(
        np.concatenate([times[spared], evoked]),
        np.concatenate([on[spared], column.index[result.fibre]]),
    )
    return keep_apart(arrived, where, fibres.refractory), where


def transit(
    column: Column,
    pulses: Floats,
    amplitudes: Floats,
    natural_times: Floats,
    natural_fibres: Indices,
    rng: np.random.Generator,
) -> Transit:
    """
    Launch, failure and collision of spikes on the dorsal-column fibres.

    Parameters
    ----------
    column : Column
    pulses, amplitudes : ndarray of float64, shape (pulses,)
        Ascending times in s, and multiples of the ECAP threshold.
    natural_times, natural_fibres : ndarray of float64, ndarray of int64, shape (natural spikes,)
        Arrival at the segment in s, and fibre in the column; sorted by fibre, then by time.
    rng : numpy.random.Generator
        One uniform number is drawn per pulse and column fibre, whatever the amplitude.

    Returns
    -------
    Transit
    """
    line = _Line(column, natural_times, natural_fibres)
    rate = filtered_rate(pulses, column.follow_tau)
    arriving, launched = np.zeros((2, pulses.size), dtype=np.int64)
    fibre = [np.empty(0, dtype=np.int64)]
    for begin in range(0, pulses.size, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        draws = rng.random((pulses[block].size, column.index.size))
        chance = _chance(column, rate[block], amplitudes[block])
        # a pulse that none would follow even if recovered changes nothing
        for row in np.flatnonzero((draws < chance).any(axis=1)).tolist():
            pulse = begin + row
            arrived, launched[pulse] = line.pulse(float(pulses[pulse]), chance[row], draws[row])
            fibre.append(np.flatnonzero(arrived))
            arriving[pulse] = fibre[-1].size
    return Transit(
        np.repeat(np.arange(pulses.size), arriving), np.concatenate(fibre), launched, line.spared()
    )


def filtered_rate(pulses: Floats, tau: float) -> Floats:
    """
    Pulse rate at each pulse, in Hz: the rate since the pulse before, low-pass filtered.

    `tau` is the time constant of the filter, in s. The rate is 0 at the first pulse and tends to the pulse
    frequency of a regular train, whatever that frequency.
    """
    gaps = np.diff(pulses)
    weights = -np.expm1(-gaps / tau)
    rate = [0.0] if pulses.size else []
    for weight, gap in zip(weights.tolist(), gaps.tolist(), strict=True):
        rate.append(rate[-1] + weight * (1 / gap - rate[-1]))
    return np.array(rate)


def keep_apart(times: Floats, fibres: Indices, refractory: Floats) -> Floats:
    """
    Sorted spike times with those delayed that follow another on the same fibre within its refractory period.

    Parameters
    ----------
    times, fibres : ndarray of float64, ndarray of int64, shape (spikes,)
        Sorted by fibre, then by time.
    refractory : ndarray of float64, shape (fibres,)
        In s.

    Returns
    -------
    ndarray of float64, shape (spikes,)
        In s.
    """
    times = times.copy()
    close = (np.diff(fibres) == 0) & (np.diff(times) < refractory[fibres[1:]])
    for fibre in np.unique(fibres[1:][close]):
        train = slice(*np.searchsorted(fibres, [fibre, fibre + 1]))
        earliest = refractory[fibre] * np.arange(train.stop - train.start)
        times[train] = np.maximum.accumulate(times[train] - earliest) + earliest
    return times


class _Line:
    """The column fibres while pulses come one after the other: natural spikes under way, and recovery."""

    def __init__(self, column: Column, natural_times: Floats, natural_fibres: Indices):
        n = column.index.size
        self.refractory, self.recovery = column.refractory, column.recovery
        self.in_column = 2 * column.latency
        self.anywhere = 2 * (column.latency + column.conduction) + column.refractory
        # one queue per fibre, one after the other, each closed by a spike that never comes
        self.slot = np.arange(natural_times.size) + natural_fibres
        self.queue = np.full(natural_times.size + n, np.inf)
        self.queue[self.slot] = natural_times + column.latency[natural_fibres]
        self.arrives = np.ones(self.queue.size, dtype=np.bool_)
        self.next = np.searchsorted(natural_fibres, np.arange(n)) + np.arange(n)
        # when the first natural spike that has neither passed the electrode nor met another is due there
        self.due = self.queue[self.next]
        self.last = np.full(n, -np.inf)  # last spike at the electrode

    def pulse(self, time: float, chance: Floats, draw: Floats) -> tuple[Mask, int]:
        """Which fibres carry a spike of this pulse as far as the segment, and how many launch one."""
        self._let_pass(time)
        recovered = 1 - np.exp((self.last + (self.refractory - time)) / self.recovery)
        fired = draw < chance * recovered
        np.copyto(self.last, time, where=fired)
        wait = self.due - time
        meets = fired & (wait < self.anywhere)
        arrives = fired
        if np.count_nonzero(meets):
            in_column = meets & (wait < self.in_column)
            arrives = fired & ~in_column
            self.arrives[self.next[meets & ~in_column]] = False
            self._move_on(meets)
        return arrives, int(np.count_nonzero(fired))

    def _let_pass(self, time: float) -> None:
        """Natural spikes that have passed the electrode by now leave it refractory."""
        while np.count_nonzero(passed := self.due <= time):
            np.copyto(self.last, self.due, where=passed)
            self._move_on(passed)

    def _move_on(self, fibres: Mask) -> None:
        self.next += fibres
        self.due = self.queue[self.next]

    def spared(self) -> Mask:
        """Whether each natural spike reaches the segment."""
        return self.arrives[self.slot]


def _chance(column: Column, rate: Floats, amplitudes: Floats) -> Floats:
    """Probability that a recovered fibre launches a spike, shape (pulses, column fibres)."""
    failing = np.divide.outer(rate**column.follow_power, column.follow_half**column.follow_power)
    return np.greater_equal.outer(amplitudes, column.threshold) / (1 + failing)
