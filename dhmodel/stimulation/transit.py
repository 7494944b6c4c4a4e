"""
From currents at the electrode, and natural spikes, to the spikes that reach the dorsal horn.

The electrode lies rostral of the segment. On each dorsal-column fibre it is `latency` away from the
segment, and the receptor is `conduction` away on the other side; a natural spike that enters the horn at t
has left the receptor at t - conduction and passes the electrode at t + latency. A spike that is launched at p
runs towards the receptor and passes the segment at p + latency. Two spikes that meet on a fibre annihilate
each other:

- between electrode and segment (p - latency < t < p + latency) the natural one has entered the horn and the
  evoked one never arrives;
- between segment and receptor (p + latency < t < p + latency + 2 conduction) the evoked one has entered the
  horn and the natural one never arrives;
- an evoked spike that reaches the receptor leaves it refractory.

Each spike meets at most one other, so an evoked spike removes the first natural one in its way and no more.
Natural spikes that pass the electrode leave it as refractory, and as tired, as evoked ones do.

Which spikes are launched is the matter of `dhmodel.stimulation.axon`. Of those that reach the segment, the
branch into the horn carries each with the probability

    1 / (1 + (z / half)^power)

where z is the filtered rate of the evoked spikes that the trunk has carried past it: at high rates the trunk
goes on firing while its collaterals fail.
"""

import numpy as np

from dhmodel.even import QUANTILES
from dhmodel.stimulation.axon import Axon, Bank, Launched, Traffic, join
from dhmodel.stimulation.axon_state import Keys
from dhmodel.stimulation.axon_twin import hashed
from dhmodel.stimulation.column import Column
from dhmodel.stimulation.fibres import Fibres
from dhmodel.stimulation.trains import Floats, Indices, sort
from dhmodel.stimulation.waveforms import Segments
from dhmodel.streams import stream

_STRETCH = 500.0  # time constants; the exponential of more would overflow


class Passage:
    """
    The dorsal-column fibres of one replicate: currents in, spikes at the dorsal horn out.

    Parameters
    ----------
    axon : Axon
    column : Column
    fibres : Fibres
    gains : ndarray of float64, shape (column fibres, sites, 3, channels)
        Of the fibres of the column; see `dhmodel.stimulation.axon.Bank`.
    natural : (times, fibres)
        Spikes that would reach the horn without currents, sorted by fibre, then by time.
    seed, replicate : int
        The same arguments and currents give the same spikes, in however many calls the currents come.

    Raises
    ------
    InputError
        Gains that are not finite or do not fit the column.
    """

    def __init__(
        self,
        axon: Axon,
        column: Column,
        fibres: Fibres,
        gains: Floats,
        natural: tuple[Floats, Indices],
        seed: int,
        replicate: int,
    ):
        self._column, self._fibres, self._natural = column, fibres, natural
        self._of = seed, replicate
        times, on = natural
        rank = np.full(fibres.classes.size, -1)
        rank[column.index] = np.arange(column.index.size)
        self._passing = np.flatnonzero(rank[on] >= 0)
        traffic = Traffic(times[self._passing], rank[on[self._passing]], column.latency, column.conduction)
        self._bank = Bank(axon, gains, column.refractory, self._keys("column.noise"), traffic)
        self._parts: list[Launched] = []

    def advance(self, segments: Segments) -> Launched:
        """
        Let currents act; a later call goes on where this one stopped. See `Bank.advance`.

        Returns
        -------
        Launched
            The spikes that these currents start, fibres numbered as in the column: what an ECAP is made of.
        """
        self._parts.append(self._bank.advance(segments))
        return self._parts[-1]

    def arrivals(self) -> tuple[Floats, Indices]:
        """
        Spikes that reach the dorsal horn after all currents so far.

        Returns
        -------
        times, fibres : ndarray of float64, ndarray of int64
            Natural and evoked ones of all fibres, sorted by fibre, then by time, and at least a refractory
            period apart on each fibre.
        """
        column = self._column
        evoked, fibre = self._evoked()
        times, on = self._natural
        spared = np.ones(times.size, dtype=np.bool_)
        spared[self._passing] = self._bank.spared()
        arrived, where = sort(
            np.concatenate([times[spared], evoked]), np.concatenate([on[spared], column.index[fibre]])
        )
        return keep_apart(arrived, where, self._fibres.refractory), where

    def _evoked(self) -> tuple[Floats, Indices]:
        """Arrival and column fibre of the evoked spikes that the collaterals carry into the horn."""
        if not self._parts:
            return np.empty(0), np.empty(0, dtype=np.int64)
        column, launched = self._column, join(self._parts)
        times, fibre = sort(launched.time[launched.arrives], launched.fibre[launched.arrives])
        # each fibre has its own numbers, in the order of its spikes: they do not depend on other fibres
        order = np.arange(fibre.size) - np.searchsorted(fibre, fibre)
        chance = following(column, times, fibre)
        follows = uniform(self._keys("column.following")[fibre], order) < chance
        jitter = normal(self._keys("column.jitter")[fibre], order)
        delay = np.maximum(column.latency[fibre] + column.jitter * jitter, 0.0)
        return (times + delay)[follows], fibre[follows]

    def _keys(self, purpose: str) -> Keys:
        """Random integers of the column fibres; drawn for every fibre, so that each keeps its own."""
        draw = stream(*self._of, purpose).integers(0, 2**64, self._fibres.classes.size, dtype=np.uint64)
        return draw[self._column.index]


def following(column: Column, times: Floats, fibres: Indices) -> Floats:
    """
    Probability that a collateral carries a spike that its trunk has carried.

    Parameters
    ----------
    column : Column
    times, fibres : ndarray of float64, ndarray of int64, shape (spikes,)
        Spikes in the trunks, in s, and fibre in the column; sorted by fibre, then by time.

    Returns
    -------
    ndarray of float64, shape (spikes,)
    """
    rate = np.empty(times.size)
    bounds = np.searchsorted(fibres, np.arange(column.index.size + 1)).tolist()
    for begin, end in zip(bounds[:-1], bounds[1:], strict=True):
        rate[begin:end] = filtered_rate(times[begin:end], column.follow_tau)
    return 1 / (1 + (rate / column.follow_half[fibres]) ** column.follow_power)


def uniform(keys: Keys, counter: Indices) -> Floats:
    """Random numbers in [0, 1) that depend on key and counter only; see `hashed`."""
    return np.ldexp((hashed(keys, counter) >> np.uint64(11)).astype(np.float64), -53)


def normal(keys: Keys, counter: Indices) -> Floats:
    """Standard normal numbers, of 4096 values, that depend on key and counter only; see `hashed`."""
    return QUANTILES[hashed(keys, counter) >> np.uint64(52)]


def filtered_rate(pulses: Floats, tau: float) -> Floats:
    """
    Rate at each pulse or spike, in Hz: the rate since the one before, low-pass filtered.

    `tau` is the time constant of the filter, in s. The rate is 0 at the first and tends to the frequency of a
    regular train, whatever that frequency.
    """
    gaps, rate = np.diff(pulses), np.zeros(pulses.size)
    driven = -np.expm1(-gaps / tau) / gaps
    # the recursion in closed form, in stretches in which its growing exponentials stay finite
    begin = 0
    while begin < gaps.size:
        end = max(int(np.searchsorted(pulses, pulses[begin] + _STRETCH * tau)), begin + 2)
        grown = np.exp(np.minimum((pulses[begin + 1 : end] - pulses[begin]) / tau, _STRETCH))
        rate[begin + 1 : end] = (rate[begin] + np.cumsum(driven[begin : end - 1] * grown)) / grown
        begin = end - 1
    return rate


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
