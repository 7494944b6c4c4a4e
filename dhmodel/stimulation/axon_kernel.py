"""The fast fibre model compiled: `axon.cpp` behind the functions `advance` and `peaks` of `axon_twin`."""

import ctypes
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel import native
from dhmodel.even import QUANTILES
from dhmodel.stimulation.axon_state import Slab, State
from dhmodel.stimulation.axon_twin import Fired
from dhmodel.stimulation.trains import Floats

_SOURCE = Path(__file__).with_name("axon.cpp")
_CONSTANTS = (
    "activation_tau",
    "accommodation",
    "accommodation_linear",
    "relative",
    "relative_tau",
    "supernormal",
    "supernormal_tau",
    "fatigue",
    "fatigue_tau",
    "noise",
)


class _Constants(ctypes.Structure):
    """What the source needs of an `Axon`."""

    _fields_ = [(name, ctypes.c_double) for name in _CONSTANTS]


class _Fibres(ctypes.Structure):
    """Sizes of a `State` and the addresses of its arrays, in the order of `Fibres` in the source."""

    _fields_ = [(name, ctypes.c_int64) for name in ("fibres", "sites", "channels")] + [
        (name, ctypes.c_void_p)
        for name in (
            *("gains", "refractory", "keys", "response", "activation", "accommodation"),
            *("level", "last", "fatigue"),
            *("queue", "arrives", "next", "in_column", "anywhere", "quantiles"),
        )
    ]


class _Currents(ctypes.Structure):
    """Sizes of a `Slab` and the addresses of its arrays, in the order of `Currents` in the source."""

    _fields_ = [("segments", ctypes.c_int64)] + [
        (name, ctypes.c_void_p) for name in ("edges", "weights", "current", "noise_bin")
    ]


@lru_cache
def library() -> ctypes.CDLL | None:
    """The compiled model; None, with a warning, on a machine without a compiler."""
    loaded = native.library(_SOURCE)
    if loaded is None:
        warnings.warn(
            "no C++ compiler (g++ or clang++) with make on this machine: numpy computes the fibres, slower",
            stacklevel=3,
        )
        return None
    loaded.fired_count.restype = ctypes.c_int64
    loaded.advance.restype = ctypes.c_void_p
    return loaded


def advance(state: State, slab: Slab) -> Fired:
    """Follow the currents of a slab; spikes by segment, then by fibre."""
    code = _loaded()
    spikes = ctypes.c_void_p(code.advance(_constants(state), _fibres(state), _currents(slab)))
    count = code.fired_count(spikes)
    segment, fibre = np.empty((2, count), dtype=np.int64)
    time, arrives = np.empty(count), np.empty(count, dtype=np.bool_)
    code.fired_take(
        spikes, ctypes.c_int64(len(slab.weights)), *map(_address, (segment, fibre, time, arrives))
    )
    return Fired(slab.first + segment, fibre, time, arrives)


def peaks(state: State, slab: Slab, highest: Floats) -> None:
    """Raise `highest`, in place, to the root of each fibre's largest activation at the edges of a slab."""
    _loaded().peaks(_constants(state), _fibres(state), _currents(slab), _address(highest))


def _loaded() -> ctypes.CDLL:
    code = library()
    assert code is not None  # the caller has asked
    return code


def _address(array: NDArray[Any]) -> ctypes.c_void_p:
    if not array.flags.c_contiguous:
        raise ValueError("the compiled code needs contiguous arrays")
    return ctypes.c_void_p(array.ctypes.data)


def _constants(state: State) -> "ctypes._Pointer[_Constants]":
    return ctypes.pointer(_Constants(*(getattr(state.axon, name) for name in _CONSTANTS)))


def _fibres(state: State) -> "ctypes._Pointer[_Fibres]":
    channels, sites, _, fibres = state.gains.shape
    line = state.line
    arrays = (
        *(state.gains, state.refractory, state.keys, state.response, state.activation, state.accommodation),
        *(state.level, state.last, state.fatigue),
        *(line.queue, line.arrives, line.next, line.in_column, line.anywhere, QUANTILES),
    )
    return ctypes.pointer(_Fibres(fibres, sites, channels, *(_address(array) for array in arrays)))


def _currents(slab: Slab) -> "ctypes._Pointer[_Currents]":
    arrays = slab.edges, slab.weights, slab.current, slab.noise_bin
    return ctypes.pointer(_Currents(len(slab.weights), *map(_address, arrays)))
