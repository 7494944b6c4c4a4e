"""The report of a validation as Markdown; `dhmodel.evidence.telling.page` writes it with figures as HTML."""

from collections.abc import Mapping
from math import isfinite

from dhmodel.evidence.judging.validation import Outcome
from dhmodel.evidence.ledger import Criterion
from dhmodel.evidence.telling.summary import (
    COLUMNS,
    by_area,
    by_use,
    cost,
    failing,
    headline,
    mark,
    scenarios,
)

__all__ = ["FACTS", "facts", "markdown", "said"]

FACTS = ("published", "scenario", "ablation", "limits")
"""Texts of an entry that a report repeats where there are any."""


def markdown(outcomes: Mapping[str, Outcome], replicates: int) -> str:
    """
    Write the report.

    Parameters
    ----------
    outcomes : mapping of {str : Outcome}
    replicates : int
    """
    lines = ["# What the model shows of published findings", ""]
    for line in headline(outcomes, replicates):
        lines += [line, ""]
    lines += _table("area", by_area(outcomes.values()))
    lines += _table("use", by_use(outcomes.values()))
    if names := failing(outcomes):
        lines += [f"Fail: {', '.join(names)}.", ""]
    if named := scenarios(outcomes.values()):
        lines += ["Verdicts that depend on a scenario:", "", *(f"- {one}" for one in named), ""]
    for name, one in outcomes.items():
        lines += _section(name, one)
    return "\n".join(lines).rstrip() + "\n"


def said(criterion: Criterion, outcome: Outcome) -> str:
    """One number of a finding in words: value and spread, what was wanted, and what it is."""
    numbers = outcome.verdict.numbers
    if criterion.value not in numbers:
        return f"wanted {criterion.wanted()}: {criterion.about}"
    mean, sd = numbers[criterion.value]
    missed = ", missed" if criterion in outcome.verdict.broken else ""
    return f"{_shown(mean, sd)} (wanted {criterion.wanted()}{missed}): {criterion.about}"


def facts(outcome: Outcome) -> list[tuple[str, str]]:
    """What the ledger says of a finding beside its statement, as pairs of name and text."""
    entry = outcome.entry
    source = f"{entry.citation}{f', doi:{entry.doi}' if entry.doi else ''} (read: {entry.read})"
    texts = [("source", source), *((name, getattr(entry, name)) for name in FACTS)]
    texts += [
        ("not modelled", entry.not_modelled),
        ("note", "" if entry.not_modelled else outcome.verdict.note),
    ]
    return [(name, text) for name, text in [*texts, ("cost", cost(outcome))] if text]


def _shown(mean: float, sd: float) -> str:
    """Mean and spread; no spread where nothing is random, or where it is what rounding leaves."""
    if not isfinite(mean):
        return "not computed"
    return f"{mean:.3g} ± {sd:.2g}" if sd > 1e-9 * abs(mean) else f"{mean:.3g}"


def _table(head: str, counts: Mapping[str, list[int]]) -> list[str]:
    lines = [f"| {head} | {' | '.join(COLUMNS)} |", f"|---|{'---:|' * len(COLUMNS)}"]
    lines += [f"| {name} | {' | '.join(str(n or '') for n in row)} |" for name, row in counts.items()]
    return [*lines, ""]


def _section(name: str, outcome: Outcome) -> list[str]:
    lines = [f"## {name}: {mark(outcome)}", "", f"{outcome.entry.statement} ({outcome.entry.area})", ""]
    lines += [f"- `{one.value}`: {said(one, outcome)}" for one in outcome.entry.criteria]
    lines += [f"- {key}: {text}" for key, text in facts(outcome)]
    return [*lines, ""]
