"""What an expression of the ledger may call, by name; see `readouts`, `over_time` and `reductions`."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any

import xarray as xr

from dhmodel.evidence.asking.trials import Family
from dhmodel.parameters.layout import POPULATIONS, SOURCES
from dhmodel.recording import DELIVERED, WINDOWS
from dhmodel.slow.states import slow_states
from dhmodel.stimulation.afferents import stimuli

__all__ = ["REGISTERED", "WORDS", "function", "readout"]

_FOUND: dict[str, Callable[..., Any]] = {}

REGISTERED: Mapping[str, Callable[..., Any]] = MappingProxyType(_FOUND)


class _Sums(tuple[str, ...]):
    """Names, of which several may be joined by a plus."""

    __slots__ = ()

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and all(one in tuple(self) for one in word.split("+"))


WORDS: Mapping[str, Iterable[str]] = {
    "population": _Sums(POPULATIONS),
    "other": _Sums(POPULATIONS),
    "window": WINDOWS,
    "fibres": SOURCES,
    "quantity": DELIVERED,
    "slow": tuple(slow_states()),
    "stimulus": tuple(stimuli()),
}
"""What an argument of this name may be."""


def function[**P, T](one: Callable[P, T]) -> Callable[P, T]:
    """
    Make a function known to expressions, by its name without a trailing underscore.

    Raises
    ------
    ValueError
        Another function has the name.
    """
    name = one.__name__.rstrip("_")
    if name in _FOUND:
        raise ValueError(f"two functions of the ledger's expressions are named {name}")
    _FOUND[name] = one
    return one


def readout(one: Callable[..., xr.DataArray]) -> Callable[..., xr.DataArray]:
    """Make a read-out known, and let it take families: the result then has the dimension ``value``."""

    @function
    @wraps(one)
    def wrapper(*given: Any, **words: Any) -> xr.DataArray:
        families = [each for each in given if isinstance(each, Family)]
        if not families:
            return one(*given, **words)
        number = len(families[0].trials)
        members = [[each[i] if isinstance(each, Family) else each for each in given] for i in range(number)]
        return xr.concat([one(*each, **words) for each in members], "value")

    return wrapper
