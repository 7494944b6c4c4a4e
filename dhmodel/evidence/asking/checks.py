"""Complaints about protocols of findings, before anything runs."""

from functools import lru_cache

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.evidence.asking.functions import REGISTERED, WORDS
from dhmodel.evidence.asking.numbers import parsed
from dhmodel.evidence.ledger import Finding, Protocol, Run
from dhmodel.evidence.protocols.catalogue import PROTOCOLS
from dhmodel.expressions import in_order
from dhmodel.parameters import paths
from dhmodel.stimulation.afferents import paradigms, stimuli

__all__ = ["check"]

EXPERIMENT = ("anatomy.species", "injury", "lead", "pag", "recording", "window")
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
    found = parsed(name, protocol)
    known = {**protocol.runs, **protocol.numbers}
    if twice := protocol.runs.keys() & protocol.numbers.keys():
        raise InputError(f"{name}: {quoted(min(twice))} names both a run and a number")
    for one in found.values():
        one.check(known, REGISTERED, WORDS, "run or number")
    in_order(found)
    used = frozenset[str]().union(*(one.names() for one in found.values()))
    for run in protocol.runs:
        if run not in used:
            raise InputError(f"{name}: run {quoted(run)} is used by no number")
    for criterion in entry.criteria:
        if criterion.value not in protocol.numbers:
            raise unknown("number", criterion.value, protocol.numbers, f"a criterion of {name}")
    for run, settings in protocol.merged().items():
        _check_settings(f"{name}: run {run}", settings, entry.ablation)


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
