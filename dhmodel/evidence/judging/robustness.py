"""
How much a verdict depends on the default parameters: the findings asked again on drawn parameter sets.

Each draw (see `dhmodel.evidence.running.draws`) is run on one seed of its own. What is kept of a draw are the
numbers of each finding, not its runs, which would fill a disk; so a criterion can be changed without running
anything, and an interrupted validation goes on with the draw where it was.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from dhmodel import code
from dhmodel.errors import InputError
from dhmodel.evidence.judging.validation import SEED, answer, needed
from dhmodel.evidence.judging.verdicts import judge
from dhmodel.evidence.ledger import Finding, Protocol
from dhmodel.evidence.running.draws import drawn
from dhmodel.evidence.running.kept import Kept
from dhmodel.evidence.running.units import Unit, run_units
from dhmodel.evidence.running.work import identity
from dhmodel.parameters.registry import using

__all__ = ["ask_drawn", "shares"]


def ask_drawn(
    chosen: Mapping[str, Finding],
    kept: Kept,
    draws: int,
    workers: int = 1,
    progress: bool = True,
    cluster: str | Path | None = None,
) -> None:
    """
    Ask findings on so many draws of the parameters, and keep their numbers.

    Parameters
    ----------
    chosen : mapping of {str : Finding}
    kept : Kept
    draws : int
    workers : int
    progress : bool
    cluster : path-like, optional
        See `dhmodel.evidence.running.units.run_units`.

    Raises
    ------
    StoreError, SweepInterrupted
        As `dhmodel.evidence.running.units.run_units`.
    """
    asked = {name: entry for name, entry in chosen.items() if entry.asked}
    for draw in range(draws):
        left = {name: one for name, one in asked.items() if not kept.has(_key(name, one, draw))}
        if left:
            title = f"draw {draw + 1}/{draws}"
            run = partial(run_units, workers=workers, progress=progress, title=title, cluster=cluster)
            _ask_one(left, kept, draw, run)


def shares(name: str, entry: Finding, kept: Kept) -> tuple[int, float]:
    """Number of draws that are kept of a finding, and the share of them in which every criterion holds."""
    held: list[bool] = []
    while entry.asked and kept.has(key := _key(name, entry, len(held))):
        held.append(not judge(name, entry, kept.load(key)).broken)
    return len(held), float(np.mean(held)) if held else np.nan


def _ask_one(
    left: Mapping[str, Finding], kept: Kept, draw: int, run: Callable[[list[Unit], Kept], dict[str, str]]
) -> None:
    seed = SEED + 1 + draw
    runs = Kept(kept.folder / "drawn")
    with using(drawn(draw)):
        wanted = {name: _wanted(name, entry, seed, draw) for name, entry in left.items()}
        every = [unit for one in wanted.values() for unit in one]
        failed = run(every, runs)
        for name, entry in left.items():
            numbers = _numbers(name, entry, wanted[name], draw, runs, failed)
            kept.save(_key(name, entry, draw), numbers)
    for unit in every:
        runs.drop(identity(*unit))


def _wanted(name: str, entry: Finding, seed: int, draw: int) -> list[Unit]:
    """Units of a finding; none where the drawn parameters do not make a circuit."""
    try:
        return needed(name, entry, 1, seed, draw)
    except InputError:
        return []


def _numbers(
    name: str, entry: Finding, wanted: list[Unit], draw: int, runs: Kept, failed: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """Numbers on a draw; missing, so that no criterion holds, where they cannot be computed."""
    if wanted and not any(identity(*unit) in failed for unit in wanted):
        try:
            found = answer(name, entry, wanted, SEED + 1 + draw, runs, draw)
        except InputError:
            pass
        else:
            return {one.value: found[one.value] for one in entry.criteria}
    return {one.value: np.array([np.nan]) for one in entry.criteria}


def _key(name: str, entry: Finding, draw: int) -> str:
    """Name under which the numbers of a finding on a draw are kept; criteria have no part in it."""
    protocol = entry.protocol.model_dump() if isinstance(entry.protocol, Protocol) else entry.protocol
    facts = [name, protocol, SEED, code.digest((*code.ANSWERS, *code.COURSES))]
    return f"draw-{sha256(json.dumps(facts).encode()).hexdigest()[:16]}-{draw}"
