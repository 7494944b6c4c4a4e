"""Reading the entries of ``paradigms.toml`` and ``stimuli.toml``."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict

from dhmodel.errors import unknown
from dhmodel.parameters.schema import Read, Text

FOLDER = Path(__file__).parent


class Entry(BaseModel):
    """Something with a name: what it is, where it comes from, and how that was read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    about: Text
    source: Text
    read: Read


def load[E: Entry](file: str, model: type[E]) -> Mapping[str, E]:
    """Entries of a file in this folder, by name."""
    tables = tomllib.loads((FOLDER / file).read_text(encoding="utf-8"))
    return MappingProxyType({name: model.model_validate(table) for name, table in tables.items()})


def find[E: Entry](kind: str, name: str, entries: Mapping[str, E]) -> E:
    """
    The entry of that name.

    Raises
    ------
    InputError
        There is none; the message lists the names.
    """
    if not isinstance(name, str) or name not in entries:
        raise unknown(kind, name, entries)
    return entries[name]
