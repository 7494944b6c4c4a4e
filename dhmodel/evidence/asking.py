"""Asking the model for a finding whose protocol is data: plans, trials, numbers."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from inspect import signature

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.evidence import readouts, reductions  # noqa: F401 (they register what expressions may call)
from dhmodel.evidence.functions import REGISTERED, WORDS
from dhmodel.evidence.ledger import Finding, Protocol, Run
from dhmodel.evidence.trials import Family, Trial, plans
from dhmodel.expressions import Expression, in_order, parse, without_types
from dhmodel.parameters import paths
from dhmodel.recording import Recording
from dhmodel.simulate import Plan
from dhmodel.stimulation.afferents import paradigms, stimuli

__all__ = ["check", "functions", "numbers", "units"]

type Records = Callable[[Plan], Sequence[Recording]]

EXPERIMENT = ("anatomy.species", "injury", "lead", "pag", "recording", "window")
"""Groups and parameters that an experimenter sets, beside those of paradigms and stimuli."""


def check(name: str, entry: Finding) -> None:
    """
    Complain of a protocol that could not be asked, before anything runs.

    Raises
    ------
    InputError
        An expression does not parse or names what is not there; a run is used by no number; a criterion is
        about no number; a run sets what belongs to the model and the entry names no ablation.
    """
    protocol = entry.protocol
    if not isinstance(protocol, Protocol):
        return
    parsed = _parsed(name, protocol)
    known = {**protocol.runs, **protocol.numbers}
    if twice := protocol.runs.keys() & protocol.numbers.keys():
        raise InputError(f"{name}: {quoted(min(twice))} names both a run and a number")
    for one in parsed.values():
        one.check(known, REGISTERED, WORDS, "run or number")
    in_order(parsed)
    used = frozenset[str]().union(*(one.names() for one in parsed.values()))
    for run in protocol.runs:
        if run not in used:
            raise InputError(f"{name}: run {quoted(run)} is used by no number")
    for criterion in entry.criteria:
        if criterion.value not in protocol.numbers:
            raise unknown("number", criterion.value, protocol.numbers, f"a criterion of {name}")
    for run, settings in protocol.merged().items():
        _check_settings(f"{name}: run {run}", settings, entry.ablation)


def functions() -> dict[str, str]:
    """What an expression may call: name and arguments, to one line about it."""
    told = {
        name: (signature(one), (one.__doc__ or "").strip().splitlines()) for name, one in REGISTERED.items()
    }
    return {f"{name}{without_types(call)}": text[0] for name, (call, text) in sorted(told.items())}


def units(name: str, entry: Finding, seed: int) -> list[Plan]:
    """Every plan that a finding needs, each once."""
    made = plans(entry, seed, name)
    every = [plan for one in made.values() for plan in (one.values() if isinstance(one, dict) else [one])]
    return list(dict.fromkeys(every))


def numbers(name: str, entry: Finding, seed: int, records: Records) -> dict[str, NDArray[np.float64]]:
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

    Raises
    ------
    InputError
        A number still has other dimensions, such as cells, or combines what does not fit.
    """
    assert isinstance(entry.protocol, Protocol)
    parsed = _parsed(name, entry.protocol)
    scope: dict[str, object] = {}
    for run, made in plans(entry, seed, name).items():
        if isinstance(made, dict):
            trials = tuple(Trial(plan, records(plan)) for plan in made.values())
            scope[run] = Family(tuple(made), trials)
        else:
            scope[run] = Trial(made, records(made))
    for number in in_order(parsed):
        scope[number] = parsed[number].evaluate(scope, REGISTERED)
    return {one.value: _flat(parsed[one.value].where, scope[one.value]) for one in entry.criteria}


def _parsed(name: str, protocol: Protocol) -> dict[str, Expression]:
    return {number: parse(text, f"{name}: numbers.{number}") for number, text in protocol.numbers.items()}


def _flat(where: str, value: object) -> NDArray[np.float64]:
    dims = set(getattr(value, "dims", ())) - {"replicate"}
    if dims:
        raise InputError(f"{where}: one for each {min(dims)}; reduce it, such as with average() or lowest()")
    return np.atleast_1d(np.asarray(value, dtype=np.float64))


def _check_settings(where: str, run: Run, ablation: str) -> None:
    for path in (*run.set, *run.vary):
        if path not in paths():
            raise unknown("parameter", path, paths(), where)
        if not (ablation or _of_experiment(path)):
            why = 'belongs to the model, not to the experiment; a loss is declared: ablation = "why"'
            raise InputError(f"{where}: {path} {why}")


def _of_experiment(path: str) -> bool:
    return path in _experiment() or path.partition(".")[0] in _experiment()


@lru_cache(maxsize=1)
def _experiment() -> frozenset[str]:
    return frozenset((*EXPERIMENT, *paradigms(), *stimuli()))
