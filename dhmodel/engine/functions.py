"""The three functions through which a run meets the outside world, for every Brian2 target.

``next_spike(i, k)`` is the time of spike ``k`` of source ``i``, ``white_noise(i, t)`` the standard normal
number of cell ``i``, and ``stop_when(t)`` ends the run. Compiled (C++ standalone), they read ``feed.h``. In a
runtime target they read a `Feed` held in memory.
"""

from collections.abc import Callable
from typing import Any

import brian2 as b2
import numpy as np
from brian2.core.functions import Function
from numpy.typing import NDArray

from dhmodel.engine.feed import Feed, Noise

__all__ = ["compiled_functions", "runtime_functions"]

type Array = NDArray[Any]

#: Name -> names of the arguments, their units, unit of the result.
SIGNATURES = {
    "next_spike": (["i", "k"], [1, 1], b2.second),
    "white_noise": (["i", "t"], [1, b2.second], 1),
    "stop_when": (["t"], [b2.second], 1),
}

#: Time of the spike after a source's last one, s.
NEVER = 1e300

CPP = {
    "next_spike": """static inline double next_spike(int64_t i, int64_t k) {
        return dhmodel::next_spike(i, k);
    }""",
    "white_noise": """static inline double white_noise(int64_t i, double t) {
        return dhmodel::white_noise(i, t);
    }""",
    "stop_when": """static inline double stop_when(double t) {
        if (t >= dhmodel::feed().stop) Network::_globally_stopped = true;
        return 0.0;
    }""",
}

CYTHON = {
    "next_spike": """
cdef double next_spike(long i, long k):
    global _namespace_feed_offsets, _namespace_feed_times
    cdef long position = _namespace_feed_offsets[i] + k
    return _namespace_feed_times[position] if position < _namespace_feed_offsets[i + 1] else {never!r}
""",
    "white_noise": """
cdef double white_noise(long i, double t):
    global _namespace_feed_noise
    cdef long row = <long>(t/{slow_dt!r} + 0.5)
    return _namespace_feed_noise[row*{cells} + i] if row < {rows} else 0.0
""",
    "stop_when": """
cdef double stop_when(double t):
    return 0.0
""",
}


def _declared(name: str, in_python: Callable[..., Any]) -> Function:
    arguments, units, unit = SIGNATURES[name]
    return Function(
        in_python,
        arg_names=arguments,
        arg_units=units,
        return_unit=unit,
        arg_types=["float" if argument == "t" else "integer" for argument in arguments],
        return_type="float",
        stateless=name != "stop_when",
    )


def _compiled_only(*_: object) -> None:
    raise NotImplementedError("only in compiled code")


def compiled_functions() -> dict[str, Function]:
    """Functions for C++ standalone, implemented by ``feed.h``."""
    functions = {name: _declared(name, _compiled_only) for name in SIGNATURES}
    for name, function in functions.items():
        function.implementations.add_implementation("cpp", CPP[name])
    return functions


def runtime_functions(feed: Feed) -> dict[str, Function]:
    """Functions for the numpy and Cython targets, reading `feed` from memory; the caller ends the run."""
    noise = feed.noise.array() if isinstance(feed.noise, Noise) else feed.noise
    rows, cells = noise.shape
    # One guard value behind the last spike makes the lookup of a used-up source safe.
    times = np.append(feed.times, NEVER)

    def next_spike(i: Array, k: Array) -> Array:
        i, k = np.asarray(i, dtype=int), np.asarray(k, dtype=int)
        position = feed.offsets[i] + k
        left = position < feed.offsets[i + 1]
        return np.where(left, times[np.where(left, position, -1)], NEVER)

    def white_noise(i: Array, t: float) -> Array:
        row, i = int(t / feed.slow_dt + 0.5), np.asarray(i, dtype=int)
        return noise[row, i].astype(np.float64) if row < rows else np.zeros(i.shape)

    def stop_when(t: float) -> float:
        return 0.0

    namespaces = {
        "next_spike": {"_feed_offsets": np.asarray(feed.offsets, dtype=np.int64), "_feed_times": times},
        "white_noise": {"_feed_noise": noise.astype(np.float64).ravel()},
        "stop_when": {},
    }
    functions = {}
    for in_python in (next_spike, white_noise, stop_when):
        name = in_python.__name__
        functions[name] = _declared(name, in_python)
        functions[name].implementations.add_numpy_implementation(in_python, discard_units=True)
        code = CYTHON[name].format(never=NEVER, slow_dt=feed.slow_dt, cells=cells, rows=rows)
        functions[name].implementations.add_implementation("cython", code, namespace=namespaces[name])
    return functions
