"""
The fast model of a dorsal-column fibre: from currents to spikes at the electrode.

A spike can start at each of a fibre's sites, where the response to the currents I_c is a sum of three
components::

    tau_k x_k' = sum_c G_kc I_c - x_k
    y = x_1 + x_2 + x_3

Sodium activation q follows the square of a depolarising response; the lasting activation a follows the q of
the most depolarised site::

    activation_tau q' = max(y, 0)^2 - q
    accommodation_tau a' = max q - a

A spike starts where q exceeds the square of (1 + R) (1 + F) + noise, in units of the resting threshold, by
what lasting activation takes away::

    accommodation a min(a, accommodation_linear)

R is left by the last spike: relative refractoriness, after an absolute refractory period in which nothing
starts, then supernormality. F is left by all (fatigue); the noise is drawn anew in every bin of `noise_tau`.
The square of y makes alternating currents effective whose mean is zero, as MRG axons have it; the root of q
is still proportional to the current. Single pulses and trains up to 1 kHz leave little lasting activation. At
10 kHz a is nearly q, and what it takes away grows faster than q: fibres near threshold go on firing, those
well above it fall silent after a few spikes.

The response is exact for currents that are constant in each segment. Activation sees the mean of y in a
segment, weighted by its own decay until its end: a segment in which y changes much, or its sign, has to be
cut where that matters. Threshold is tested at the end of each segment, and the time of a crossing found on
the relaxation of the activation through it.

Natural spikes pass the electrode as well; they leave the fibre refractory and tired. Where they meet evoked
ones see `dhmodel.stimulation.transit`.

The work is done by `axon.cpp`, or where there is no compiler by `dhmodel.stimulation.axon_twin`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dhmodel.errors import InputError
from dhmodel.stimulation import axon_kernel, axon_twin
from dhmodel.stimulation.axon_state import (
    Axon,
    Keys,
    Mask,
    Traffic,
    check_gains,
    check_segments,
    make_state,
    slabs,
)
from dhmodel.stimulation.trains import Floats, Indices
from dhmodel.stimulation.waveforms import Segments

__all__ = ["Axon", "Bank", "Launched", "Traffic", "axon", "join", "peaks"]

_SAME = 1e-6  # s, by which segments may begin beside the end of those before


@dataclass(frozen=True, eq=False)
class Launched:
    """
    Spikes that pulses have started, by the segment in which they started, then by fibre.

    Attributes
    ----------
    fibre, pulse : ndarray of int64, shape (spikes,)
        Fibre of the bank, and the pulse that was on or last; see `Segments.pulse`.
    time : ndarray of float64, shape (spikes,)
        When it started at the electrode, in s.
    arrives : ndarray of bool, shape (spikes,)
        Whether it reaches the segment, rather than meeting a natural spike before.
    """

    fibre: Indices
    pulse: Indices
    time: Floats
    arrives: Mask

    def __len__(self) -> int:
        return self.time.size


def axon(P: Mapping[str, float]) -> Axon:
    """Constants of the fibre model from the resolved parameters ``axon.*``."""
    return Axon(
        tau=(P["axon.tau_1"], P["axon.tau_2"], P["axon.tau_3"]),
        activation_tau=P["axon.activation_tau"],
        accommodation=P["axon.accommodation"],
        accommodation_tau=P["axon.accommodation_tau"],
        accommodation_linear=P["axon.accommodation_linear"],
        relative=P["axon.relative"],
        relative_tau=P["axon.relative_tau"],
        supernormal=P["axon.supernormal"],
        supernormal_tau=P["axon.supernormal_tau"],
        fatigue=P["axon.fatigue"],
        fatigue_tau=P["axon.fatigue_tau"],
        noise=P["axon.noise"],
        noise_tau=P["axon.noise_tau"],
    )


class Bank:
    """
    Fibres under an electrode, at rest until currents come.

    Parameters
    ----------
    axon : Axon
    gains : ndarray of float64, shape (fibres, sites, 3, channels)
        Steady response of each component to a channel's current, in 1/A.
    refractory : ndarray of float64, shape (fibres,)
        Absolute refractory period, in s.
    keys : ndarray of uint64, shape (fibres,)
        Random integers that decide the threshold noise of each fibre.
    traffic : Traffic, optional
        Natural spikes on the same fibres.

    Raises
    ------
    InputError
        Arrays that do not fit together, or a gain that is not finite.
    """

    def __init__(
        self, axon: Axon, gains: Floats, refractory: Floats, keys: Keys, traffic: Traffic | None = None
    ):
        check_gains(gains)
        fibres = len(gains)
        if np.shape(refractory) != (fibres,) or np.shape(keys) != (fibres,):
            given = f"refractory {np.shape(refractory)} and keys {np.shape(keys)}"
            raise InputError(f"bank of fibres: got {given}, needs one of each for {fibres} fibres")
        self._state = make_state(axon, gains, refractory, keys, traffic)
        self._clock: float | None = None

    def advance(self, segments: Segments) -> Launched:
        """
        Let currents act on the fibres; a later call goes on where this one stopped.

        Cutting the same segments into several calls changes nothing.

        Parameters
        ----------
        segments : Segments
            They begin where those of the call before ended.

        Returns
        -------
        Launched

        Raises
        ------
        InputError
            Currents that are not finite, of another number of channels, or with a gap before them.
        """
        check_segments(segments, len(self._state.gains))
        if self._clock is not None and abs(segments.start - self._clock) > _SAME:
            raise InputError(
                f"segments: got a start at {segments.start:g} s, "
                f"needs {self._clock:g} s, the end of those before"
            )
        step = axon_kernel.advance if axon_kernel.library() else axon_twin.advance
        fired = []
        for slab in slabs(self._state.axon, segments):
            fired.append(step(self._state, slab))
            self._clock = float(slab.edges[-1])
        if not fired:
            return _launched(axon_twin.NONE, segments)
        return join([_launched(part, segments) for part in fired])

    def spared(self) -> Mask:
        """Whether each natural spike reaches the segment, as far as is known by now."""
        line = self._state.line
        return line.arrives[line.slot].astype(np.bool_)


def peaks(axon: Axon, gains: Floats, segments: Segments) -> Floats:
    """
    Largest root of q of each fibre: what is compared with threshold but for accommodation, spikes and noise.

    It is proportional to the current, so the threshold of a waveform is its amplitude divided by the peak.
    Accommodation is left out: until the first spike of a train it adds less than 0.5 % to the threshold.

    Parameters
    ----------
    axon : Axon
    gains : ndarray of float64, shape (fibres, sites, 3, channels)
        In 1/A.
    segments : Segments

    Returns
    -------
    ndarray of float64, shape (fibres,)
        In resting thresholds; 0 for a fibre that is not depolarised at all.

    Raises
    ------
    InputError
        Arrays that do not fit together, or numbers that are not finite.
    """
    check_gains(gains)
    check_segments(segments, gains.shape[3])
    state = make_state(axon, gains, np.zeros(len(gains)), np.zeros(len(gains), dtype=np.uint64), None)
    highest = np.zeros(len(gains))
    step = axon_kernel.peaks if axon_kernel.library() else axon_twin.peaks
    for slab in slabs(axon, segments):
        step(state, slab, highest)
    return highest


def join(parts: Sequence[Launched]) -> Launched:
    """Spikes of several calls of `Bank.advance`, one after the other; at least one."""
    columns = zip(*((part.fibre, part.pulse, part.time, part.arrives) for part in parts), strict=True)
    return Launched(*map(np.concatenate, columns))


def _launched(fired: axon_twin.Fired, segments: Segments) -> Launched:
    return Launched(fired.fibre, segments.pulse[fired.segment], fired.time, fired.arrives)
