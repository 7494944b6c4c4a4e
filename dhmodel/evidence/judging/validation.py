"""
Asking the model for the findings of the ledger: what is chosen, what must run for it, and the verdicts.

Everything that runs is kept under the output folder by the identity of plan, code and replicate. So findings
share their runs, an interrupted validation goes on where it was, and a changed criterion or number is judged
anew without running anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import xarray as xr
from tqdm import tqdm

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.evidence.asking.checks import check
from dhmodel.evidence.asking.numbers import numbers, units
from dhmodel.evidence.judging.verdicts import Verdict, judge, unasked
from dhmodel.evidence.ledger import Finding, Protocol, findings
from dhmodel.evidence.running.course import Course, dataset
from dhmodel.evidence.running.kept import Kept
from dhmodel.evidence.running.units import Unit, run_units
from dhmodel.evidence.running.work import SECONDS, Question, identity, seconds, unpacked
from dhmodel.recording import Recording
from dhmodel.simulate import Plan

__all__ = ["REPLICATES", "SEED", "Outcome", "answer", "ask", "choose", "needed"]

SEED = 7
"""Seed of every run of the ledger; no calibration uses it."""

REPLICATES = 5
"""How many the baseline and every published verdict rest on."""


@dataclass(frozen=True)
class Outcome:
    """
    A verdict with all that a report says of it.

    Attributes
    ----------
    entry : Finding
    verdict : Verdict
    seconds : float
        What its runs took, those included that it shares with other findings.
    draws : int
        On how many draws of the parameters it was asked; 0 if it was not.
    share : float
        Share of them in which every criterion holds; NaN without any.
    """

    entry: Finding
    verdict: Verdict
    seconds: float = 0.0
    draws: int = 0
    share: float = np.nan

    @property
    def gates(self) -> bool:
        """Whether it may make a validation fall."""
        return self.entry.use == "physiology" and self.entry.asked


def choose(ids: Iterable[str] | None = None, area: str | None = None) -> dict[str, Finding]:
    """
    Findings by id, by area, or all; an area names itself and what lies below it, ``scs`` all of ``scs/...``.

    Raises
    ------
    InputError
        No such id or area, or an entry that could not be asked.
    """
    known = findings()
    names = list(known) if ids is None else list(dict.fromkeys(ids))
    for name in names:
        if name not in known:
            raise unknown("finding", name, known)
    if area is not None:
        areas = {part for one in known.values() for part in (one.area, one.area.partition("/")[0])}
        if area not in areas:
            raise unknown("area", area, sorted(areas))
        names = [name for name in names if f"{known[name].area}/".startswith(f"{area}/")]
        if not names:
            raise InputError(f"none of the findings given is of the area {quoted(area)}")
    for name in names:
        check(name, known[name])
    return {name: known[name] for name in names}


def needed(
    name: str, entry: Finding, replicates: int, seed: int = SEED, draw: int | None = None
) -> list[Unit]:
    """Units that a finding needs; none if it is not asked for."""
    if isinstance(entry.protocol, Protocol):
        return list(product(units(name, entry, seed, draw), range(replicates)))
    return [] if entry.protocol is None else [(Question(entry.protocol, replicates, seed, draw), 0)]


def ask(
    chosen: Mapping[str, Finding],
    kept: Kept,
    replicates: int,
    workers: int = 1,
    progress: bool = True,
    cluster: str | Path | None = None,
) -> dict[str, Outcome]:
    """
    Ask the model for findings.

    Parameters
    ----------
    chosen : mapping of {str : Finding}
    kept : Kept
        Where runs are kept, and found.
    replicates, workers : int
    progress : bool
    cluster : path-like, optional
        See `dhmodel.evidence.running.units.run_units`.

    Raises
    ------
    InputError, StoreError, SweepInterrupted
        See `choose` and `dhmodel.evidence.running.units.run_units`. A run that fails is noted in the verdict.
    """
    wanted = {name: needed(name, entry, replicates) for name, entry in chosen.items()}
    every = [unit for one in wanted.values() for unit in one]
    failed = run_units(every, kept, workers, progress, cluster=cluster)
    found = {}
    for name, entry in tqdm(chosen.items(), desc="judging", unit="finding", disable=not progress, delay=2):
        verdict = _verdict(name, entry, wanted[name], kept, failed)
        took = sum(seconds(kept.load(key)) for key in _identities(wanted[name]) if key not in failed)
        found[name] = Outcome(entry, verdict, took)
    return found


def answer(
    name: str, entry: Finding, wanted: Sequence[Unit], seed: int, kept: Kept, draw: int | None = None
) -> dict[str, np.ndarray]:
    """Numbers of a finding from what is kept of its units; those of a draw with its parameters in use."""
    if not isinstance(entry.protocol, Protocol):
        arrays = kept.load(identity(*wanted[0]))
        return {key: values for key, values in arrays.items() if key != SECONDS}
    replicates = 1 + max(replicate for _, replicate in wanted)

    def records(plan: Plan) -> list[Recording]:
        return [unpacked(kept.load(identity(plan, number))) for number in range(replicates)]

    def passed(course: Course) -> xr.Dataset:
        return dataset([kept.load(identity(course, number)) for number in range(replicates)])

    return numbers(name, entry, seed, records, passed, draw)


def _verdict(
    name: str, entry: Finding, wanted: Sequence[Unit], kept: Kept, failed: Mapping[str, str]
) -> Verdict:
    if not entry.asked:
        return unasked(name, entry)
    if broken := [failed[key] for key in _identities(wanted) if key in failed]:
        return Verdict(name, "fails", note=f"{len(broken)} of {len(wanted)} runs failed: {broken[0]}")
    try:
        return judge(name, entry, answer(name, entry, wanted, SEED, kept))
    except InputError as error:
        # an expression may fail on what was recorded; the others are judged all the same
        return Verdict(name, "fails", note=f"not computed: {error}")


def _identities(wanted: Iterable[Unit]) -> list[str]:
    return [identity(*unit) for unit in wanted]
