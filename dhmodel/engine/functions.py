"""The three functions through which a run meets the outside world, for every Brian2 target.

Compiled (C++ standalone), they read ``feed.h``. In a runtime target they read a `Feed` held in memory.
"""

import brian2 as b2
import numpy as np
from brian2.core.functions import Function

from dhmodel.engine.feed import Feed

__all__ = ["compiled_functions", "runtime_functions"]


def _functions(**numpy_versions) -> dict[str, Function]:
    signatures = {
        "next_spike": ([1, 1], b2.second, ["i", "k"]),
        "white_noise": ([1, b2.second], 1, ["i", "t"]),
        "stop_when": ([b2.second], 1, ["t"]),
    }
    return {
        name: Function(
            numpy_versions.get(name, _compiled_only),
            arg_units=arguments,
            return_unit=result,
            arg_names=names,
            arg_types=["float" if name == "t" else "integer" for name in names],
            return_type="float",
            stateless=name != "stop_when",
        )
        for name, (arguments, result, names) in signatures.items()
    }


def _compiled_only(*_):
    raise NotImplementedError("only in compiled code")


def compiled_functions() -> dict[str, Function]:
    """Functions for C++ standalone, implemented by ``feed.h``."""
    code = {
        "next_spike": "static inline double next_spike(int64_t i, int64_t k) { return dhmodel::next_spike(i, k); }",
        "white_noise": "static inline double white_noise(int64_t i, double t) { return dhmodel::white_noise(i, t); }",
        "stop_when": "static inline double stop_when(double t) { if (t >= dhmodel::feed().stop) Network::_globally_stopped = true; "
        "return 0.0; }",
    }
    functions = _functions()
    for name, function in functions.items():
        function.implementations.add_implementation("cpp", code[name])
    return functions


def runtime_functions(feed: Feed) -> dict[str, Function]:
    """Functions for the numpy and Cython targets, reading `feed` from memory; the caller ends the run."""
    # One guard value behind the last spike makes the lookup of a used-up source safe.
    times = np.append(feed.times, np.inf)
    first, stop = feed.offsets[:-1], feed.offsets[1:]
    rows = feed.noise.shape[0]

    def next_spike(i, k):
        position = first[np.asarray(i, dtype=int)] + np.asarray(k, dtype=int)
        return np.where(
            position < stop[np.asarray(i, dtype=int)], times[np.minimum(position, len(times) - 1)], 1e300
        )

    def white_noise(i, t):
        row = int(t / feed.slow_dt + 0.5)
        return (
            feed.noise[row, np.asarray(i, dtype=int)].astype(float) if row < rows else np.zeros(np.shape(i))
        )

    functions = _functions(next_spike=next_spike, white_noise=white_noise, stop_when=lambda t: 0.0)
    versions = {"next_spike": next_spike, "white_noise": white_noise, "stop_when": lambda t: 0.0 * t}
    for name, function in functions.items():
        function.implementations.add_numpy_implementation(versions[name], discard_units=True)
    _add_cython(functions, feed, times)
    return functions


def _add_cython(functions, feed, times) -> None:
    functions["next_spike"].implementations.add_implementation(
        "cython",
        """
cdef double next_spike(long i, long k):
    global _namespace_feed_offsets, _namespace_feed_times
    cdef long position = _namespace_feed_offsets[i] + k
    return _namespace_feed_times[position] if position < _namespace_feed_offsets[i + 1] else 1e300
""",
        namespace={"_feed_offsets": np.ascontiguousarray(feed.offsets, dtype=np.int64), "_feed_times": times},
    )
    functions["white_noise"].implementations.add_implementation(
        "cython",
        """
cdef double white_noise(long i, double t):
    global _namespace_feed_noise
    cdef long row = <long>(t/%r + 0.5)
    return _namespace_feed_noise[row*%d + i] if row < %d else 0.0
"""
        % (feed.slow_dt, feed.noise.shape[1], feed.noise.shape[0]),
        namespace={"_feed_noise": np.ascontiguousarray(feed.noise, dtype=np.float64).ravel()},
    )
    functions["stop_when"].implementations.add_implementation(
        "cython", "cdef double stop_when(double t):\n    return 0.0\n"
    )
