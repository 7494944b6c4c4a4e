"""What every input must come to: a result, or one of the package's own errors in one line; and soon."""

import math
import os
import resource
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings

from dhmodel.errors import DHModelError

LONGEST_MESSAGE = 1000
SECONDS = 30
BYTES = 4_000_000_000
SLOW = (Phase.explicit, Phase.generate)
MORE = int(os.environ.get("FUZZ", "1"))
"""How many times as many examples as in the suite; if more than once, other ones each time."""


def tries(number: int, phases=(Phase.explicit, Phase.generate, Phase.shrink)) -> settings:
    """Examples of one test; those of the suite are the same on every machine. `SLOW` tests do not shrink."""
    return settings(
        max_examples=number * MORE,
        derandomize=MORE == 1,
        database=None,
        deadline=None,
        phases=phases,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def outcome(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """
    Call, and claim that it gives a result, or an error of the package in one line.

    Returns
    -------
    Any
        The result, or the error.
    """
    with guarded():
        try:
            return call(*given, **named)
        except DHModelError as error:
            check_message(str(error))
            return error


def check_message(text: str) -> None:
    """One printable line of bearable length that says something."""
    assert text.strip(), "an error without a message"
    assert len(text) <= LONGEST_MESSAGE, f"{len(text)} characters: {text}"
    assert text.isprintable(), f"not one printable line: {text!r}"
    assert "Traceback" not in text


@contextmanager
def guarded() -> Iterator[None]:
    """Nothing may take long or much memory, and numpy's complaints are failures."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (_virtual() + BYTES, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 0.5)  # again, should something swallow the first
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def check_numbers(values: Mapping[str, Any]) -> None:
    """Claim that whatever is a number is finite."""
    for name, value in values.items():
        assert isinstance(value, str) or math.isfinite(value), f"{name} is {value}"


def check_arrays(arrays: Mapping[str, np.ndarray]) -> None:
    """Claim that arrays are finite, but for counts of windows that are cut short."""
    for name, array in arrays.items():
        assert name == "count" or np.isfinite(array).all(), f"{name} is not finite"


def _virtual() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _too_long(number: int, frame: object) -> None:
    raise AssertionError(f"took longer than {SECONDS} s")
