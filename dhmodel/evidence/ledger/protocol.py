"""Protocols of findings as data: what is run, and which numbers come of it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dhmodel.evidence.ledger.timetables import EVERY, joined
from dhmodel.parameters.schema import Number, Text

__all__ = ["Entry", "Protocol", "Run"]


class Entry(BaseModel):
    """Base of all that a file of findings holds: unknown keys and other types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Run(Entry):
    """
    One simulation of a protocol, its keys those of `dhmodel.simulate`; what is left out has its default.

    Attributes
    ----------
    vary : dict of {str : list}
        One parameter, or ``state``, and its values: the run is then a family of runs, one for each value.
    """

    paradigm: Text | None = None
    state: Text | None = None
    lesion: Text | dict[str, Number] | None = None
    scenario: Text | None = None
    stimulus: Text | None = None
    drugs: dict[str, Number] = Field(default_factory=dict)
    set: dict[str, str | Number] = Field(default_factory=dict)
    duration: Text | None = None
    warmup: Text | None = None
    vary: dict[str, list[str | Number]] = Field(default_factory=dict, max_length=1)

    @field_validator("paradigm")
    @classmethod
    def _of_the_package(cls, name: str | None) -> str | None:
        if name is not None and ".toml" in name:
            raise ValueError("needs the name of a paradigm, not a file")
        return name

    def over(self, every: "Run") -> "Run":
        """Fill what the run leaves open from `every`; `set` and `drugs` are merged."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        merged = {name: {**getattr(every, name), **getattr(self, name)} for name in ("set", "drugs")}
        shared = {name: getattr(every, name) for name in every.model_fields_set}
        return Run(**{**shared, **own, **merged})


class Protocol(Entry):
    """
    Runs of the circuit, timetables over minutes to weeks, and numbers over what they gave.

    Attributes
    ----------
    every : Run
        What all runs share.
    runs : dict of {str : Run}
    timetables : dict of {str : dict}
        Each as `dhmodel.protocol` takes it; that of the name ``every`` is what all share, see
        `dhmodel.evidence.ledger.timetables`.
    numbers : dict of {str : str}
        Expressions over the names of runs, timetables and other numbers.
    """

    every: Run = Field(default_factory=Run)
    runs: dict[str, Run] = Field(default_factory=dict)
    timetables: dict[str, dict[str, Any]] = Field(default_factory=dict)
    numbers: dict[str, Text] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _is_whole(cls, table: Any) -> Any:
        if isinstance(table, dict) and not (
            (table.get("runs") or table.get("timetables")) and table.get("numbers")
        ):
            raise ValueError("needs runs or timetables, and numbers")
        return table

    def merged(self) -> dict[str, Run]:
        """Every run with what all share."""
        return {name: run.over(self.every) for name, run in self.runs.items()}

    def joined(self) -> dict[str, Mapping[str, Any]]:
        """
        Every timetable with what all share.

        Raises
        ------
        InputError
            One leaves out an entry or a test that is not shared.
        """
        shared = self.timetables.get(EVERY, {})
        return {name: joined(shared, own, name) for name, own in self.timetables.items() if name != EVERY}
