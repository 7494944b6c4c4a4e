"""Protocols of findings as data: what is run, and which numbers come of it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

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
        One parameter and its values: the run is then a family of runs, one for each value.
    """

    paradigm: Text | None = None
    state: Text | None = None
    stimulus: Text | None = None
    drugs: dict[str, Number] = Field(default_factory=dict)
    set: dict[str, str | Number] = Field(default_factory=dict)
    duration: Text | None = None
    warmup: Text | None = None
    vary: dict[str, list[str | Number]] = Field(default_factory=dict, max_length=1)

    @field_validator("paradigm")
    @classmethod
    def _of_the_package(cls, name: str | None) -> str | None:
        if name is not None and name.endswith(".toml"):
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
    Runs of the circuit, and numbers over what they recorded.

    Attributes
    ----------
    every : Run
        What all runs share.
    runs : dict of {str : Run}
    numbers : dict of {str : str}
        Expressions over the names of runs and of other numbers.
    """

    every: Run = Field(default_factory=Run)
    runs: dict[str, Run] = Field(min_length=1)
    numbers: dict[str, Text] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _needs_both(cls, table: Any) -> Any:
        if isinstance(table, dict) and not (table.get("runs") and table.get("numbers")):
            raise ValueError("needs runs and numbers")
        return table

    def merged(self) -> dict[str, Run]:
        """Every run with what all share."""
        return {name: run.over(self.every) for name, run in self.runs.items()}
