"""
Read-outs of timetables: what an expression of the ledger may ask of a protocol over minutes to weeks.

Each takes a timetable and plain arguments, and returns an array with the dimension ``replicate``. A time is
text with a unit, such as ``'40 min'``, or a number in s. What cannot be computed is missing (NaN).
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.evidence.asking.functions import function
from dhmodel.units import to_si

type Array = xr.DataArray

TIMES = ("time", "later")
"""Arguments that are times."""

ALIKE = 1e-6
"""Times that differ by no more are the same, s."""


@function
def tested(timetable: xr.Dataset, population: str, test: str, time: object) -> Array:
    """Firing rate per cell during the test of that name at a time, Hz."""
    return _of(_test(timetable, "rate", test, time), timetable, population)


@function
def tested_cells(timetable: xr.Dataset, population: str, test: str, time: object) -> Array:
    """Firing rate of every cell during the test of that name at a time, Hz; dimensions replicate and cell."""
    found = _test(timetable, "cell_rate", test, time)
    own = np.isin(timetable["cell_population"].values, population.split("+"))
    return _bare(found.isel(cell=own))


@function
def lost(timetable: xr.Dataset, population: str, test: str, time: object, later: object) -> Array:
    """Share of the firing per cell during a test at a time that is gone later; below 0 if it grew."""
    return 1 - tested(timetable, population, test, later) / tested(timetable, population, test, time)


@function
def counted(timetable: xr.Dataset, population: str, test: str, window: str, time: object) -> Array:
    """Spikes per cell and shock in a window, in the test of that name at a time."""
    found = _test(timetable, "count", test, time)
    return _of(found.isel(window=timetable["window"].values.tolist().index(window)), timetable, population)


@function
def summation(timetable: xr.Dataset, population: str, test: str, window: str, time: object) -> Array:
    """Slope of the answers to the first five shocks of a test (spikes per cell and shock, per shock)."""
    found = _test(timetable, "summation", test, time)
    return _of(found.isel(window=timetable["window"].values.tolist().index(window)), timetable, population)


@function
def threshold(timetable: xr.Dataset, population: str, stimulus: str, time: object, criterion: float) -> Array:
    """Strength (SI) at which tests of a stimulus at a time drive a population to a rate (Hz).

    Between the strengths tested by interpolation; as where a test has a cut-off, the strongest where none
    does, and the weakest where all do.
    """
    there = np.abs(timetable["test_time"].values - seconds(time)) <= ALIKE
    own = np.flatnonzero(there & (timetable["test_stimulus"].values == stimulus))
    if own.size < 2:
        raise InputError(f"{quoted(stimulus)} at {quoted(time)} has fewer strengths than a threshold needs")
    strengths = timetable["test_strength"].values
    own = own[np.argsort(strengths[own])]
    rates = _of(timetable["rate"].isel(test=own), timetable, population).transpose("replicate", "test")
    found = [_crossing(strengths[own], one, criterion) for one in rates.values]
    return xr.DataArray(found, dims="replicate")


def _crossing(strengths: np.ndarray, rates: np.ndarray, criterion: float) -> float:
    """Strength of the first crossing of a rate that rises with it."""
    above = np.flatnonzero(rates >= criterion)
    if not above.size or above[0] == 0:
        return float(strengths[above[0] if above.size else -1])
    pair = slice(above[0] - 1, above[0] + 1)
    return float(np.interp(criterion, rates[pair], strengths[pair]))


@function
def ongoing(timetable: xr.Dataset, population: str, time: object) -> Array:
    """Firing rate per cell without a test stimulus, from a time on until something is switched, Hz."""
    at = np.searchsorted(timetable["protocol_time"].values, _time(timetable, time) + ALIKE) - 1
    return _of(timetable["ongoing"].isel(protocol_time=at), timetable, population)


@function
def slow_state(timetable: xr.Dataset, slow: str, time: object) -> Array:
    """Value of a slow state at a time."""
    found = timetable[f"slow.{slow}"].interp(protocol_time=_time(timetable, time))
    return _bare(found)


def seconds(time: object) -> float:
    """Read a time: text with a unit, or a number in s."""
    return float(time) if isinstance(time, int | float) else to_si(time, "s", "time")


def within(given: object, last: float) -> float:
    """Read a time that may be at most `last`, s; InputError if it is later or none."""
    time = seconds(given)
    if not 0 <= time <= last:
        raise InputError(f"time: got {quoted(given)}, allowed: 0 s to {last:g} s")
    return time


def place_of(test: str, given: object, tests: Sequence[tuple[float, str]]) -> int:
    """Place of the test of that name at a time among times (s) and names; InputError if it is not there."""
    time, own = seconds(given), [when for when, name in tests if name == test]
    if not own:
        raise unknown("test", test, dict.fromkeys(name for _, name in tests))
    for place, (when, name) in enumerate(tests):
        if name == test and abs(when - time) <= ALIKE:
            return place
    known = ", ".join(f"{when:g} s" for when in own)
    raise InputError(f"there is no test {quoted(test)} at {quoted(given)}, only at {known}")


def _time(timetable: xr.Dataset, given: object) -> float:
    return within(given, float(timetable["protocol_time"][-1]))


def _test(timetable: xr.Dataset, variable: str, test: str, given: object) -> Array:
    """What a variable is in the test of that name at a time."""
    if variable not in timetable:
        raise InputError(f"no test of the timetable gives a {variable}")
    tests = zip(timetable["test_time"].values.tolist(), timetable["test_name"].values.tolist(), strict=True)
    at = place_of(test, given, list(tests))
    return timetable[variable].isel(test=at)


def _of(found: Array, timetable: xr.Dataset, population: str) -> Array:
    """A mean over cells, of a population or of several joined by a plus."""
    wanted = population.split("+")
    at = [timetable["population"].values.tolist().index(name) for name in wanted]
    sizes = timetable["size"].isel(population=at).values
    weights = xr.DataArray(sizes / sizes.sum(), dims="population")
    return _bare((_bare(found.isel(population=at)) * weights).sum("population", skipna=False))


def _bare(array: Array) -> Array:
    """Without coordinates, over which arithmetic would align."""
    return array.reset_coords(drop=True).drop_vars(list(array.coords), errors="ignore")
