"""Published findings as data: what was seen, the protocol that asks the model, what counts as agreement.

An entry is a table of one of the files in ``findings``. Its protocol is either data, runs of the circuit or
timetables over minutes to weeks (see `dhmodel.evidence.ledger.timetables`) and numbers as expressions over
what they gave (see `dhmodel.expressions`), or the name of a Python protocol (see
`dhmodel.evidence.protocols.catalogue`). A protocol may set what an experimenter sets, and nothing of the
model itself, unless the entry names the exception as an ablation.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.evidence.ledger.protocol import Entry, Protocol
from dhmodel.parameters.schema import Number, Read, Text
from dhmodel.texts import read_toml

__all__ = ["FOLDER", "Criterion", "Finding", "Use", "finding", "findings", "load"]

FOLDER = Path(__file__).parents[1] / "findings"

type Use = Literal["physiology", "model", "context", "unverified"]


class Criterion(Entry):
    """
    What a number of a protocol must be, mean over replicates; bounds inclusive.

    Attributes
    ----------
    value : str
        Name of the number in the answer of the protocol.
    min, max : float, optional
        Bounds, at least one.
    about : str
        What the number is, and its unit if it has one.
    """

    value: Text
    min: Number | None = None
    max: Number | None = None
    about: Text

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self

    def holds(self, number: float) -> bool:
        """Whether a number lies within the bounds; one that could not be computed (NaN) does not."""
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


class Finding(Entry):
    """
    One published finding, the protocol that asks the model for it, and the criteria of agreement.

    Attributes
    ----------
    area : str
        Field it belongs to, such as ``scs/tonic``.
    read : str
        How the source was read.
    use : str
        ``physiology`` findings pass or fail; ``model`` ones, of other models, are compared; ``unverified``
        ones are judged but never gate; ``context`` ones are outcomes in patients, which a circuit cannot be
        scored on.
    published : str
        The published value, as far as there is one.
    published_value : float or list of two, optional
        Number, or range, to be drawn beside the model's first number.
    protocol : str or Protocol, optional
        Name of a Python protocol, or runs and numbers as data.
    not_modelled : str
        Why the model cannot be asked, and which mechanism that waits for; in place of protocol and criteria.
    scenario : str
        Of several accounts of a mechanism, the one that the verdict depends on; empty if none.
    ablation : str
        Why the protocol changes the model itself; empty if it does not.
    limits : str
        What the protocol leaves out of the published experiment; empty if nothing that matters.
    criteria : list of Criterion
        The first is about the main number.
    """

    area: Text
    statement: Text
    citation: Text
    doi: str = ""
    read: Read
    use: Use
    published: str = ""
    published_value: Number | list[Number] | None = None
    protocol: Protocol | Text | None = None
    not_modelled: str = ""
    scenario: str = ""
    ablation: str = ""
    limits: str = ""
    criteria: list[Criterion] = Field(default_factory=list)

    @property
    def asked(self) -> bool:
        """Whether the model is asked for it at all."""
        return self.protocol is not None

    @property
    def follows(self) -> frozenset[str]:
        """Scenarios that its runs and timetables follow in place of the default set."""
        if not isinstance(self.protocol, Protocol):
            return frozenset()
        runs = (run.scenario for run in self.protocol.merged().values())
        timetables = (table.get("scenario") for table in self.protocol.joined().values())
        return frozenset(name for name in (*runs, *timetables) if name)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, table: Any) -> Any:
        """Take ``numbers`` beside ``protocol``, which reads better in a file, as part of it."""
        if isinstance(table, dict) and isinstance(table.get("protocol"), dict) and "numbers" in table:
            rest = {key: value for key, value in table.items() if key != "numbers"}
            return rest | {"protocol": {**table["protocol"], "numbers": table["numbers"]}}
        return table

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if isinstance(self.published_value, list) and len(self.published_value) != 2:
            raise ValueError("published_value needs a number, or two for a range")
        if self.protocol is None and self.criteria:
            raise ValueError("criteria without a protocol")
        if self.protocol is None and self.use != "context" and not self.not_modelled:
            raise ValueError("needs a protocol or not_modelled")
        if self.protocol is not None and self.not_modelled:
            raise ValueError("has a protocol and not_modelled, one of them is wrong")
        if self.protocol is not None and (self.use == "context" or not self.criteria):
            raise ValueError("a protocol needs criteria, and a context row has neither")
        return self


@lru_cache(maxsize=4)
def load(folder: Path = FOLDER) -> Mapping[str, Finding]:
    """
    Every finding in the files of a folder, by id, in the order of the files.

    Raises
    ------
    InputError
        A file is not TOML, an entry breaks the schema, or an id is there twice.
    """
    found: dict[str, Finding] = {}
    for file in sorted(folder.glob("*.toml")):
        for name, table in read_toml(file, file.name).items():
            if name in found:
                raise InputError(f"{file.name}: {name} is in another file too")
            found[name] = _validated(f"{file.name}: {name}", table)
    return MappingProxyType(found)


def findings() -> Mapping[str, Finding]:
    """Every finding of the package, by id; see `load`."""
    return load()


def finding(name: str) -> Finding:
    """The finding of that id; InputError naming the nearest ones if there is none."""
    if name not in findings():
        raise unknown("finding", name, findings())
    return findings()[name]


def _validated(where: str, table: object) -> Finding:
    try:
        return Finding.model_validate(table)
    except ValidationError as error:
        # a protocol may be text or a table; of the complaints about both, the deepest is about what was meant
        first = max(error.errors(), key=lambda one: len(one["loc"]))
        key = ".".join(str(part) for part in first["loc"])
        given = "" if isinstance(first["input"], dict) else f", got {quoted(first['input'])}"
        raise InputError(f"{where}: {key}: {first['msg']}{given}".replace(": :", ":")) from None
