"""Asking the model for a finding whose protocol is data: plans, trials, numbers."""

from collections.abc import Callable, Sequence
from inspect import signature

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dhmodel.errors import InputError
from dhmodel.evidence.asking import over_time, readouts, reductions, turns  # noqa: F401 (they register functions)
from dhmodel.evidence.asking.functions import REGISTERED
from dhmodel.evidence.asking.trials import Family, Trial, plans
from dhmodel.evidence.ledger import Finding, Protocol
from dhmodel.evidence.running.course import Course
from dhmodel.expressions import Expression, in_order, parse, without_types
from dhmodel.recording import Recording
from dhmodel.simulate import Plan

__all__ = ["courses", "functions", "numbers", "parsed", "units"]

type Records = Callable[[Plan], Sequence[Recording]]
type Courses = Callable[[Course], xr.Dataset]


def functions() -> dict[str, str]:
    """What an expression may call: name and arguments, to one line about it."""
    told = {
        name: (signature(one), (one.__doc__ or "").strip().splitlines()) for name, one in REGISTERED.items()
    }
    return {f"{name}{without_types(call)}": text[0] for name, (call, text) in sorted(told.items())}


def units(name: str, entry: Finding, seed: int, draw: int | None = None) -> list[Plan | Course]:
    """Every plan and course that a finding needs, each once; the parameters in use are those of `draw`."""
    made = plans(entry, seed, name)
    every = [plan for one in made.values() for plan in (one.values() if isinstance(one, dict) else [one])]
    timed = courses(entry, seed, draw)
    for key, one in timed.items():
        try:
            one.planned()
        except InputError as error:
            raise InputError(f"{name}: timetable {key}: {error}") from None
    return list(dict.fromkeys([*every, *timed.values()]))


def courses(entry: Finding, seed: int, draw: int | None = None) -> dict[str, Course]:
    """Courses of the timetables of a finding, by name."""
    assert isinstance(entry.protocol, Protocol)
    return {name: Course.of(table, seed, draw) for name, table in entry.protocol.joined().items()}


def numbers(
    name: str,
    entry: Finding,
    seed: int,
    records: Records,
    passed: Courses,
    draw: int | None = None,
) -> dict[str, NDArray[np.float64]]:
    """
    Numbers that criteria of a finding are about, of shape (replicate,), or (1,) if pooled over replicates.

    Parameters
    ----------
    name : str
    entry : Finding
        With a protocol as data.
    seed : int
    records : callable
        Gives the recordings of a plan, one for each replicate.
    passed : callable
        Gives the Dataset of a course.
    draw : int, optional
        That of the courses.

    Raises
    ------
    InputError
        A number still has other dimensions, such as cells, or combines what does not fit.
    """
    assert isinstance(entry.protocol, Protocol)
    found = parsed(name, entry.protocol)
    scope: dict[str, object] = {}
    for run, made in plans(entry, seed, name).items():
        if isinstance(made, dict):
            trials = tuple(Trial(plan, records(plan)) for plan in made.values())
            scope[run] = Family(tuple(made), trials)
        else:
            scope[run] = Trial(made, records(made))
    scope |= {key: passed(course) for key, course in courses(entry, seed, draw).items()}
    for number in in_order(found):
        scope[number] = found[number].evaluate(scope, REGISTERED)
    return {one.value: _flat(found[one.value].where, scope[one.value]) for one in entry.criteria}


def parsed(name: str, protocol: Protocol) -> dict[str, Expression]:
    """Parse every number of a protocol; `name` is that of its finding."""
    return {number: parse(text, f"{name}: numbers.{number}") for number, text in protocol.numbers.items()}


def _flat(where: str, value: object) -> NDArray[np.float64]:
    dims = set(getattr(value, "dims", ())) - {"replicate"}
    if dims:
        raise InputError(f"{where}: one for each {min(dims)}; reduce it, such as with average() or lowest()")
    return np.atleast_1d(np.asarray(value, dtype=np.float64))
