"""What the model's numbers say about a finding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import unknown
from dhmodel.evidence.ledger import Criterion, Finding

__all__ = ["STATUSES", "Answer", "Status", "Verdict", "judge", "unasked"]

type Answer = Mapping[str, NDArray[np.float64]]
type Status = Literal["passes", "fails", "compared", "not modelled", "context"]

STATUSES: tuple[Status, ...] = ("passes", "fails", "not modelled", "compared", "context")


@dataclass(frozen=True)
class Verdict:
    """
    What the model answers to a finding.

    Attributes
    ----------
    id : str
    status : str
        ``passes`` or ``fails``; ``compared`` for findings of other models; ``not modelled``; ``context``.
    answer : mapping of {str : ndarray}
        Each number with a criterion, shape (replicate,), or (1,) where nothing is random.
    broken : tuple of Criterion
        Those that do not hold.
    note : str
        What kept the numbers from being computed; empty if nothing did.
    """

    id: str
    status: Status
    answer: Answer = field(default_factory=dict)
    broken: tuple[Criterion, ...] = ()
    note: str = ""

    @property
    def numbers(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation over replicates (0 of one) of each number."""
        return {name: (float(values.mean()), _deviation(values)) for name, values in self.answer.items()}

    def line(self) -> str:
        """One line: verdict, then every number, with what was wanted where it is missed."""
        wanted = {one.value: f" (wanted {one.wanted()})" for one in self.broken}
        numbers = [
            f"{name} {mean:.3g} ± {sd:.2g}{wanted.get(name, '')}" for name, (mean, sd) in self.numbers.items()
        ]
        parts = (f"{self.id}: {self.status}", ", ".join(numbers), self.note)
        return "; ".join(part for part in parts if part)


def judge(name: str, entry: Finding, answer: Answer) -> Verdict:
    """
    Hold the numbers of a protocol against the criteria of a finding.

    Parameters
    ----------
    name : str
        Id of the finding.
    entry : Finding
        One that is asked for.
    answer : mapping of {str : ndarray}
        Each of shape (replicate,). One that is not finite breaks its criterion.

    Raises
    ------
    InputError
        The protocol does not give a number that a criterion needs.
    """
    for one in entry.criteria:
        if one.value not in answer:
            raise unknown("number", one.value, answer, f"the protocol of {name}")
    kept = {one.value: np.asarray(answer[one.value], dtype=np.float64) for one in entry.criteria}
    broken = tuple(one for one in entry.criteria if not one.holds(float(kept[one.value].mean())))
    if entry.use == "model":
        return Verdict(name, "compared", kept, broken)
    return Verdict(name, "fails" if broken else "passes", kept, broken)


def unasked(name: str, entry: Finding) -> Verdict:
    """Verdict of a finding that the model cannot be asked for."""
    return Verdict(name, "context" if entry.use == "context" else "not modelled", note=entry.not_modelled)


def _deviation(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else 0.0
