"""What the command line says after a validation, and what it refuses before."""

from collections.abc import Mapping
from pathlib import Path

from dhmodel.errors import InputError
from dhmodel.evidence.judging.baseline import fallen, risen
from dhmodel.evidence.judging.validation import REPLICATES, Outcome
from dhmodel.evidence.telling.summary import failing, headline

__all__ = ["refuse_renewal", "tell"]


def tell(found: Mapping[str, Outcome], seeds: int, folder: Path) -> tuple[str, str]:
    """
    Verdicts, and what fell.

    Parameters
    ----------
    found : mapping of {str : Outcome}
    seeds : int
    folder : Path
        Where the reports are.

    Returns
    -------
    text : str
        One line for each finding that the model was asked for, then the sums.
    fell : str
        One line that names the findings that passed in the baseline and do not now, and the runs that
        failed; empty if there are none.
    """
    lines = [f"{one.verdict.line()}{_marked(one)}" for one in found.values() if one.entry.asked]
    lines += ["", *headline(found, seeds), *_failing(found), f"report: {folder / 'report.html'}"]
    if new := risen(found):
        lines.append(f"new: {', '.join(new)} pass; `dhmodel validate --accept` takes them into the baseline")
    parts = []
    if gone := fallen(found):
        parts.append(f"{len(gone)} of {len(found)} findings passed before and do not now: {', '.join(gone)}")
    if broken := [name for name, one in found.items() if one.entry.asked and one.verdict.note]:
        parts.append(f"could not be computed: {', '.join(broken)}; the report says why")
    return "\n".join(lines), "; ".join(parts)


def refuse_renewal(seeds: int) -> None:
    """
    Complain of a renewal of the baseline before hours go into it.

    Raises
    ------
    InputError
        Another number of replicates than the baseline rests on.
    """
    if seeds != REPLICATES:
        raise InputError(f"--accept: got --seeds {seeds}, the baseline rests on {REPLICATES}")


def _failing(found: Mapping[str, Outcome]) -> list[str]:
    names = failing(found)
    return [f"Fail: {', '.join(names)}."] if names else []


def _marked(one: Outcome) -> str:
    return " (never gates)" if one.entry.use == "unverified" else ""
