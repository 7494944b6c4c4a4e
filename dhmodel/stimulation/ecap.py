"""
The compound potential of the dorsal column: traces, the response to each pulse, and its N1-P2 amplitude.

What one fibre adds, and how it is recorded, see `dhmodel.stimulation.recorder`.
"""

import numpy as np

from dhmodel.errors import InputError
from dhmodel.stimulation.axon import Launched
from dhmodel.stimulation.recorder import Recorder
from dhmodel.stimulation.trains import Floats

__all__ = ["amplitudes", "average", "responses", "trace"]

_ROWS = 256  # responses computed at once
_BLOCK = 8192  # samples of a trace computed at once


def responses(record: Recorder, onsets: Floats, spikes: Launched) -> Floats:
    """
    Response to each pulse: the potential of the spikes which that pulse launched, without noise.

    Parameters
    ----------
    record : Recorder
    onsets : ndarray of float64, shape (pulses,)
        In s.
    spikes : Launched
        Those whose `pulse` is negative belong to no pulse and are left out.

    Returns
    -------
    ndarray of float64, shape (pulses, samples)
        In V, from the onset of each pulse on.
    """
    order = np.argsort(spikes.pulse, kind="stable")
    pulse, fibre = spikes.pulse[order], spikes.fibre[order]
    delay = spikes.time[order] - onsets[pulse]
    out = np.empty((onsets.size, record.samples))
    for begin in range(0, onsets.size, _ROWS):
        end = min(begin + _ROWS, onsets.size)
        own = slice(*np.searchsorted(pulse, [begin, end]))
        out[begin:end] = record.superpose(
            pulse[own] - begin, delay[own], fibre[own], end - begin, record.samples
        )
    return out


def trace(record: Recorder, spikes: Launched, start: float, stop: float) -> Floats:
    """
    Potential over [start, stop) s at the sampling rate, of all spikes, without noise.

    Returns
    -------
    ndarray of float64, shape (samples,)
        In V; sample i is at start + i / sampling.
    """
    order = np.argsort(spikes.time, kind="stable")
    time, fibre = spikes.time[order], spikes.fibre[order]
    out = np.empty(max(round((stop - start) * record.sampling), 0))
    tail = record.margin / record.sampling
    for begin in range(0, out.size, _BLOCK):
        origin = start + begin / record.sampling
        end = origin + _BLOCK / record.sampling
        near = slice(*np.searchsorted(time, [origin - record.arrival.max() - tail, end + tail]))
        size = min(_BLOCK, out.size - begin)
        here = np.zeros(time[near].size, dtype=np.int64)
        block = record.superpose(here, time[near] - origin, fibre[near], 1, _BLOCK)
        out[begin : begin + size] = block[0, :size]
    return out


def average(record: Recorder, potential: Floats, start: float, onsets: Floats) -> Floats:
    """
    Mean of a trace after the pulses, as an averaging amplifier shows it; windows may overlap.

    Parameters
    ----------
    record : Recorder
    potential : ndarray of float64, shape (samples,)
        A trace that begins at `start` (s), in V.
    start : float
    onsets : ndarray of float64, shape (pulses,)
        In s; those whose window does not lie within the trace are left out.

    Returns
    -------
    ndarray of float64, shape (samples,)
        In V, from the onset of a pulse on.

    Raises
    ------
    InputError
        No window lies within the trace.
    """
    first = np.round((onsets - start) * record.sampling).astype(np.int64)
    first = first[(first >= 0) & (first + record.samples <= potential.size)]
    if not first.size:
        raise InputError(f"ECAP: none of {onsets.size} pulses has {record.window:g} s of the trace after it")
    return np.array([potential[first + lag].mean() for lag in range(record.samples)])


def amplitudes(response: Floats) -> Floats:
    """
    N1-P2 amplitude: from the deepest point of a response to the highest one after it, in V.

    Parameters
    ----------
    response : ndarray of float64, shape (..., samples)
        Without noise, whose extremes would add to it.

    Returns
    -------
    ndarray of float64, shape (...)
    """
    rest = np.maximum.accumulate(response[..., ::-1], axis=-1)[..., ::-1]
    trough = response.argmin(axis=-1)[..., None]
    return np.take_along_axis(rest - response, trough, axis=-1)[..., 0]
