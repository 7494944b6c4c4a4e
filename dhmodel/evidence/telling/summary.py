"""What a report says of many verdicts together, before either form of it is written."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from dhmodel.evidence.judging.validation import SEED, Outcome
from dhmodel.evidence.judging.verdicts import STATUSES

__all__ = ["COLUMNS", "by_area", "by_use", "cost", "failing", "headline", "mark", "scenarios"]

COLUMNS = (*STATUSES, "all")


def headline(outcomes: Mapping[str, Outcome], replicates: int) -> list[str]:
    """How many findings of physiology the model shows, on what, and how that depends on the parameters."""
    rows = list(outcomes.values())
    physiology = [one for one in rows if one.entry.use == "physiology"]
    spinal = [one for one in physiology if one.entry.area.startswith("scs/")]
    lines = [f"{len(rows)} findings, {_modelled('of physiology', physiology)}."]
    if len(spinal) < len(physiology):
        lines.append(f"Of them, {_modelled('of the spinal cord (areas scs/...)', spinal)}.")
    other = [f"{name} {one.verdict.status}" for name, one in outcomes.items() if one.entry.follows]
    but = f" but those asked under a scenario ({', '.join(other)})" if other else ""
    lines.append(
        f"One set of default parameters answers all{but}; {replicates} replicates of seed {SEED}, "
        "each with its own cells, wiring, trains and noise."
    )
    drawn = [one for one in rows if one.draws]
    if drawn:
        held = [one.share for one in drawn if one.verdict.status == "passes"]
        often = (
            f"those that pass hold in {np.mean(held):.0%} of the draws on average" if held else "none passes"
        )
        fewest, most = min(one.draws for one in drawn), max(one.draws for one in drawn)
        number = str(most) if fewest == most else f"{fewest} to {most}"
        lines.append(
            f"Robustness: {len(drawn)} findings asked again on {number} draws of all default parameters "
            f"within 10 %, one seed each; {often}."
        )
    return lines


def failing(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Ids of the findings of physiology that the model does not show."""
    return [name for name, one in outcomes.items() if one.gates and one.verdict.status == "fails"]


def by_area(outcomes: Iterable[Outcome]) -> dict[str, list[int]]:
    """How many findings of each area have which verdict (`COLUMNS`)."""
    rows = list(outcomes)
    return {area: _counts(one for one in rows if one.entry.area == area) for area in _ordered(rows)}


def by_use(outcomes: Iterable[Outcome]) -> dict[str, list[int]]:
    """How many findings of each use have which verdict (`COLUMNS`)."""
    rows = list(outcomes)
    uses = dict.fromkeys(one.entry.use for one in rows)
    return {use: _counts(one for one in rows if one.entry.use == use) for use in uses}


def scenarios(outcomes: Iterable[Outcome]) -> list[str]:
    """Each scenario with the verdicts that depend on it."""
    found: dict[str, Counter[str]] = {}
    for one in outcomes:
        if one.entry.scenario:
            found.setdefault(one.entry.scenario, Counter())[one.verdict.status] += 1
    return [
        f"{name} ({', '.join(f'{number} {status}' for status, number in counts.items())})"
        for name, counts in found.items()
    ]


def mark(outcome: Outcome) -> str:
    """Verdict in a word or two, saying so where it never gates."""
    asked_in_vain = outcome.entry.use == "unverified" and outcome.entry.asked
    return outcome.verdict.status + (" (unverified, never gates)" if asked_in_vain else "")


def cost(outcome: Outcome) -> str:
    """How long its runs took on one core, and how robust it is, as far as known."""
    parts = [f"{outcome.seconds:.1f} s on one core"] if outcome.entry.asked else []
    if outcome.draws:
        parts.append(f"holds in {outcome.share:.0%} of {outcome.draws} draws")
    return "; ".join(parts)


def _modelled(which: str, rows: list[Outcome]) -> str:
    asked = [one for one in rows if one.entry.asked]
    passing = sum(one.verdict.status == "passes" for one in asked)
    modelled = f"{len(asked)} are modelled ({_share(len(asked), len(rows))})"
    under = sum(one.verdict.status == "passes" and bool(one.entry.follows) for one in asked)
    apart = f", {under} of them under a scenario" if under else ""
    return f"{len(rows)} {which}: {modelled}, of which {passing} pass ({_share(passing, len(asked))}{apart})"


def _ordered(rows: list[Outcome]) -> list[str]:
    return sorted({one.entry.area for one in rows}, key=lambda area: (not area.startswith("scs"), area))


def _counts(rows: Iterable[Outcome]) -> list[int]:
    counts = Counter(one.verdict.status for one in rows)
    return [*(counts[status] for status in STATUSES), counts.total()]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"
