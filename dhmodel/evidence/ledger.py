"""Published findings as data, and what the model's numbers say about them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dhmodel.errors import EngineError, InputError, quoted, unknown
from dhmodel.parameters.schema import Read, Text

__all__ = ["Criterion", "Finding", "Verdict", "finding", "findings", "judge"]

FILE = Path(__file__).parent / "findings.toml"

type Use = Literal["physiology", "model", "context", "unverified"]
type Status = Literal["passes", "fails", "compared"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Criterion(_Entry):
    """
    What a number of a protocol must be, mean over replicates; bounds inclusive.

    Attributes
    ----------
    value : str
        Name of the number in the answer of the protocol.
    min, max : float, optional
        Bounds, at least one.
    about : str
    """

    value: Text
    min: float | None = None
    max: float | None = None
    about: Text

    def holds(self, number: float) -> bool:
        """Whether a number lies within the bounds."""
        return (self.min is None or number >= self.min) and (self.max is None or number <= self.max)

    def wanted(self) -> str:
        """Say the bounds, such as ``0.3 to 0.6``."""
        match self.min, self.max:
            case None, high:
                return f"at most {high:g}"
            case low, None:
                return f"at least {low:g}"
            case low, high:
                return f"{low:g} to {high:g}"


class Finding(_Entry):
    """
    One published finding, the protocol that asks the model for it, and the criteria of agreement.

    Attributes
    ----------
    use : str
        ``physiology`` findings are passed or failed; ``model`` ones, of other models, are compared.
    protocol : str
        Name of a protocol, see `dhmodel.evidence.catalogue`.
    published : str
        The published value, as far as there is one.
    limits : str
        What the protocol leaves out of the published experiment; empty if nothing that matters.
    """

    area: Text
    statement: Text
    citation: Text
    doi: str = ""
    read: Read
    use: Use
    protocol: Text
    published: Text
    limits: str = ""
    criteria: list[Criterion] = Field(min_length=1)


@dataclass(frozen=True)
class Verdict:
    """
    What the model answers to a finding.

    Attributes
    ----------
    id : str
    status : str
        ``passes``, ``fails`` or, for findings of other models, ``compared``.
    numbers : mapping of {str : (float, float)}
        Mean and standard deviation over replicates (0 of one) of each number with a criterion.
    broken : tuple of Criterion
        Those that do not hold.
    """

    id: str
    status: Status
    numbers: Mapping[str, tuple[float, float]]
    broken: tuple[Criterion, ...]

    def line(self) -> str:
        """One line: verdict, then every number, with what was wanted where it is missed."""
        wanted = {one.value: f" (wanted {one.wanted()})" for one in self.broken}
        numbers = (
            f"{name} {mean:.3g} ± {sd:.2g}{wanted.get(name, '')}" for name, (mean, sd) in self.numbers.items()
        )
        return f"{self.id}: {self.status}; {', '.join(numbers)}"


@lru_cache(maxsize=1)
def findings() -> Mapping[str, Finding]:
    """
    Every finding, by id.

    Raises
    ------
    InputError
        An entry breaks the schema.
    """
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return MappingProxyType({name: _validated(name, table) for name, table in tables.items()})


def finding(name: str) -> Finding:
    """The finding of that id; InputError naming the nearest ones if there is none."""
    if name not in findings():
        raise unknown("finding", name, findings())
    return findings()[name]


def judge(name: str, answer: Mapping[str, NDArray[np.float64]]) -> Verdict:
    """
    Hold the numbers of a protocol against the criteria of a finding.

    Parameters
    ----------
    name : str
        Id of the finding.
    answer : mapping of {str : ndarray}
        Each of shape (replicate,).

    Raises
    ------
    InputError
        No such finding, or the protocol does not give a number that a criterion needs.
    EngineError
        A number is not finite.
    """
    entry = finding(name)
    numbers = {}
    for one in entry.criteria:
        if one.value not in answer:
            raise unknown("number", one.value, answer, f"the protocol of {name}")
        values = np.asarray(answer[one.value], dtype=np.float64)
        if not np.isfinite(values).all():
            raise EngineError(f"{name}: {one.value} is not finite")
        numbers[one.value] = (float(values.mean()), float(values.std(ddof=1)) if values.size > 1 else 0.0)
    broken = tuple(one for one in entry.criteria if not one.holds(numbers[one.value][0]))
    if entry.use != "physiology":
        return Verdict(name, "compared", numbers, broken)
    return Verdict(name, "fails" if broken else "passes", numbers, broken)


def _validated(name: str, table: object) -> Finding:
    try:
        return Finding.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"findings.toml: {name}: {key}: {first['msg']}, got {quoted(first['input'])}"
        ) from None
