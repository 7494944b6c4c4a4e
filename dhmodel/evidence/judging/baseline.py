"""
What the model is known to show: the verdict of each finding when the baseline was last renewed.

``expected.toml`` is renewed on purpose only (``dhmodel validate --accept``). A validation falls where a
finding of physiology that passes there does not pass now.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dhmodel.errors import StoreError
from dhmodel.evidence.judging.validation import Outcome
from dhmodel.evidence.ledger import finding

__all__ = ["FAST_SECONDS", "FILE", "Expected", "accept", "expected", "fallen", "fast", "risen"]

FILE = Path(__file__).parents[1] / "expected.toml"

FAST_SECONDS = 120.0
"""What the fast subset may take on one core, as measured when the baseline was renewed."""

HEAD = """\
# Verdict, cost (s on one core) and means of the numbers of each finding that the model is asked for, five
# replicates of seed 7. Written by `dhmodel validate --accept`, on purpose only; not to be edited by hand.
"""


@dataclass(frozen=True)
class Expected:
    """Verdict of a finding, seconds that its runs took, and means of its numbers."""

    verdict: str
    seconds: float
    numbers: Mapping[str, float] = field(default_factory=dict)


def expected(file: Path | None = None) -> Mapping[str, Expected]:
    """Baseline by finding, of the package unless another file is given; empty if there is no such file."""
    chosen = file or FILE
    if not chosen.is_file():
        return {}
    return {name: Expected(**table) for name, table in tomllib.loads(chosen.read_text("utf-8")).items()}


def fallen(outcomes: Mapping[str, Outcome], file: Path | None = None) -> list[str]:
    """Ids of gating findings that pass in the baseline and do not pass now."""
    return [name for name, was, now in _gates(outcomes, file) if was == "passes" and now != "passes"]


def risen(outcomes: Mapping[str, Outcome], file: Path | None = None) -> list[str]:
    """Ids of gating findings that fail in the baseline, or are not in it, and pass now."""
    return [name for name, was, now in _gates(outcomes, file) if was != "passes" and now == "passes"]


def fast(file: Path | None = None, limit: float = FAST_SECONDS) -> list[str]:
    """Ids of the cheapest findings, those that guard first, within `limit` seconds together."""
    chosen: list[str] = []
    for name, one in sorted(expected(file).items(), key=lambda pair: (not _guards(*pair), pair[1].seconds)):
        if one.seconds <= limit:
            chosen.append(name)
            limit -= one.seconds
    return chosen


def _guards(name: str, one: Expected) -> bool:
    """Whether the finding would be missed if it failed."""
    return one.verdict == "passes" and finding(name).use == "physiology"


def accept(outcomes: Mapping[str, Outcome], known: Mapping[str, object], file: Path | None = None) -> None:
    """
    Renew the baseline of the findings that were asked for; others stay, those that are no longer known go.

    Parameters
    ----------
    outcomes : mapping of {str : Outcome}
    known : mapping
        Every finding there is; its order is that of the file.
    file : Path, optional
        Another baseline than the package's.

    Raises
    ------
    StoreError
        The file cannot be written.
    """
    new = {name: _expected(one) for name, one in outcomes.items() if one.entry.asked}
    merged = {**expected(file), **new}
    asked = [name for name in known if name in merged and (name in new or name not in outcomes)]
    text = HEAD + "".join(f"\n{_table(name, merged[name])}" for name in asked)
    chosen = file or FILE
    try:
        chosen.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{chosen}: cannot write: {error.strerror or error}") from error


def _gates(outcomes: Mapping[str, Outcome], file: Path | None) -> list[tuple[str, str, str]]:
    """Id, verdict in the baseline and verdict now of every finding that gates."""
    known = expected(file)
    return [
        (name, known[name].verdict if name in known else "", one.verdict.status)
        for name, one in outcomes.items()
        if one.gates or (name in known and one.entry.use == "physiology")
    ]


def _expected(one: Outcome) -> Expected:
    means = {name: mean for name, (mean, _) in one.verdict.numbers.items()}
    return Expected(one.verdict.status, round(one.seconds, 1), means)


def _table(name: str, one: Expected) -> str:
    numbers = ", ".join(f"{key} = {float(f'{value:.4g}')!r}" for key, value in one.numbers.items())
    return f'[{name}]\nverdict = "{one.verdict}"\nseconds = {one.seconds!r}\nnumbers = {{ {numbers} }}\n'
