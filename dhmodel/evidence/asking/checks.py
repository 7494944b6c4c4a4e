"""Complaints about protocols of findings, before anything runs."""

import ast
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import lru_cache
from inspect import signature
from itertools import combinations
from typing import Any

import xarray as xr

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.evidence.asking.functions import REGISTERED, WORDS
from dhmodel.evidence.asking.numbers import parsed
from dhmodel.evidence.asking.over_time import TIMES, place_of, within
from dhmodel.evidence.ledger import Finding, Protocol
from dhmodel.evidence.protocols.catalogue import PROTOCOLS
from dhmodel.expressions import Expression, in_order
from dhmodel.parameters import paths
from dhmodel.slow.reading import read_timetable
from dhmodel.slow.timetable import Timetable
from dhmodel.stimulation.afferents import paradigms, stimuli

__all__ = ["check"]

EXPERIMENT = (
    "anatomy.species",
    "coeruleus",
    "injury",
    "lead",
    "pag",
    "recording",
    "remote",
    "thalamus",
    "window",
)
"""Groups and parameters that an experimenter sets, beside those of paradigms and stimuli."""


def check(name: str, entry: Finding) -> None:
    """
    Complain of an entry whose protocol could not be asked, before anything runs.

    Raises
    ------
    InputError
        An expression does not parse or names what is not there; a run is used by no number; a criterion is
        about no number; a run sets what belongs to the model and the entry names no ablation; or there is no
        Python protocol of that name.
    """
    protocol = entry.protocol
    if isinstance(protocol, str) and protocol not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS, f"finding {name}")
    if not isinstance(protocol, Protocol):
        return
    found, timetables = parsed(name, protocol), _read(name, protocol)
    units: dict[str, Mapping[str, object]] = {"run": protocol.runs, "timetable": timetables}
    _refuse_twice(name, units | {"number": protocol.numbers})
    for one in found.values():
        one.check([*protocol.runs, *timetables, *protocol.numbers], REGISTERED, WORDS, "run or number")
        _check_calls(one, protocol.runs, timetables)
    in_order(found)
    used = frozenset[str]().union(*(one.names() for one in found.values()))
    for kind, ones in units.items():
        for unused in ones.keys() - used:
            raise InputError(f"{name}: {kind} {quoted(unused)} is used by no number")
    for criterion in entry.criteria:
        if criterion.value not in protocol.numbers:
            raise unknown("number", criterion.value, protocol.numbers, f"a criterion of {name}")
    for run, settings in protocol.merged().items():
        varied = settings.vary.keys() - {"state"}
        _check_settings(f"{name}: run {run}", (*settings.set, *varied), entry.ablation)
    for key, table in timetables.items():
        _check_settings(f"{name}: timetable {key}", _settings(table), entry.ablation)


def _refuse_twice(name: str, named: Mapping[str, Mapping[str, object]]) -> None:
    for one, other in combinations(named, 2):
        if twice := named[one].keys() & named[other].keys():
            raise InputError(f"{name}: {quoted(min(twice))} names both a {one} and a {other}")


def _read(name: str, protocol: Protocol) -> dict[str, Timetable]:
    found = {}
    for key, table in protocol.joined().items():
        try:
            found[key] = read_timetable(table)
        except InputError as error:
            raise InputError(f"{name}: timetable {key}: {error}") from None
    return found


def _check_calls(number: Expression, runs: Container[str], timetables: Mapping[str, Timetable]) -> None:
    """Complain of a timetable given to a read-out of runs, a run to one of timetables, and unknown tests."""
    for name, given in number.arguments(REGISTERED):
        wanted = signature(REGISTERED[name]).parameters
        for key, value in given.items():
            timed = wanted[key].annotation is xr.Dataset
            if isinstance(value, ast.Name) and (value.id in runs if timed else value.id in timetables):
                kinds = ("timetable", "run") if timed else ("run", "timetable")
                raise InputError(f"{number.where}: {name} needs a {kinds[0]}, {value.id} is a {kinds[1]}")
        match given:
            case {"timetable": ast.Name(id=key)} if key in timetables:
                _check_times(f"{number.where}: {name}", given, key, timetables[key])


def _check_times(where: str, given: Mapping[str, Any], name: str, timetable: Timetable) -> None:
    """Complain of a test that a timetable does not have, or not at that time, or of a time past its end."""
    times = [one.value for key in TIMES if isinstance(one := given.get(key), ast.Constant)]
    test = given.get("test")
    try:
        if isinstance(test, ast.Constant):
            tests = [(time, one.name) for time, one in timetable.test_times()]
            for time in times:
                place_of(str(test.value), time, tests)
        for time in times:
            within(time, timetable.duration)
    except InputError as error:
        raise InputError(f"{where}: timetable {name}: {error}") from None


def _settings(timetable: Timetable) -> Iterator[str]:
    """Paths that a timetable sets anywhere; how slow states begin counts as set too."""
    yield from (f"slow.{name}" for name in timetable.initial)
    yield from timetable.table.get("set", {})
    for one in timetable.entries:
        yield from one.settings.set
    for test in timetable.tests:
        yield from test.set


def _check_settings(where: str, settings: Iterable[str], ablation: str) -> None:
    for path in settings:
        if path not in paths() and not path.startswith("slow."):
            raise unknown("parameter", path, paths(), where)
        if not (ablation or _of_experiment(path)):
            why = 'belongs to the model, not to the experiment; a loss is declared: ablation = "why"'
            raise InputError(f"{where}: {path} {why}")


def _of_experiment(path: str) -> bool:
    return path in _experiment() or path.partition(".")[0] in _experiment()


@lru_cache(maxsize=1)
def _experiment() -> frozenset[str]:
    return frozenset((*EXPERIMENT, *paradigms(), *stimuli()))
