"""
Rival readings of the literature, as sets of values that a simulation or a protocol takes on by name.

Where sources contradict each other the default follows one of them, or none; ``scenarios.toml`` holds what
would have to be otherwise for the other.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict

from dhmodel.errors import InputError, unknown
from dhmodel.parameters.schema import Read, Text, validated
from dhmodel.texts import read_toml

__all__ = ["Scenario", "of_circuit", "scenario", "scenarios"]

FILE = Path(__file__).parent / "scenarios.toml"


class Scenario(BaseModel):
    """What a scenario sets: values of parameters and of numbers of slow states, as users give them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    about: Text
    source: Text
    read: Read
    set: Mapping[str, str | float | int]


@lru_cache(maxsize=1)
def scenarios() -> Mapping[str, Scenario]:
    """Every scenario of the package, by name."""
    tables = read_toml(FILE, FILE.name)
    return MappingProxyType(
        {name: validated(Scenario, table, f"{FILE.name}: {name}") for name, table in tables.items()}
    )


def scenario(name: object, where: str) -> Mapping[str, object]:
    """
    Return what a scenario sets; nothing for the empty name.

    Raises
    ------
    InputError
        There is no scenario of that name.
    """
    if name == "":
        return {}
    if not isinstance(name, str) or name not in scenarios():
        raise unknown("scenario", name, scenarios(), where)
    return scenarios()[name].set


def of_circuit(name: object) -> Mapping[str, object]:
    """
    Return what a scenario sets in a circuit without slow states, such as `dhmodel.simulate` runs.

    Raises
    ------
    InputError
        There is no scenario of that name, or it changes numbers of slow states alone.
    """
    given = scenario(name, "")
    plain = {path: value for path, value in given.items() if not path.startswith("slow.")}
    if given and not plain:
        raise InputError(f"scenario: {name} changes slow states alone, which only a protocol has")
    return plain
