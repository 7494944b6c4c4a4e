"""What a run says of its stimulation beside what the cells do: names, units and meaning, as data."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from dhmodel.texts import read_toml

__all__ = ["Quantity", "delivered"]

_FILE = Path(__file__).with_suffix(".toml")


class Quantity(NamedTuple):
    """A number that a run tells: its SI unit, and what it means."""

    unit: str
    about: str


@lru_cache(maxsize=1)
def delivered() -> Mapping[str, Quantity]:
    """Every number that a run tells of its stimulation, by name; 0 where nothing of the kind is sent."""
    tables = read_toml(_FILE, _FILE.name)
    return MappingProxyType({name: Quantity(**table) for name, table in tables.items()})
