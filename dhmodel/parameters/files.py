"""
Reading of the TOML files of parameters and presets.

A table with the key ``value`` is a parameter, named by the dotted path of the table. Any other table may give
``source`` and ``read`` for all below it, and name a group that it is ``like``: it then has every parameter of
that group, and its own tables say only what differs.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from dhmodel.errors import InputError, quoted
from dhmodel.parameters.schema import (
    ChoiceEntry,
    Parameter,
    ParameterEntry,
    StateEntry,
    to_parameter,
    validated,
)
from dhmodel.texts import read_toml

__all__ = ["read_entries", "read_parameters", "with_model"]

_INHERITED = ("source", "read")
_GROUP_KEYS = (*_INHERITED, "like")


@dataclass(frozen=True)
class _Leaf:
    """The table of one parameter, with the file it stands in."""

    path: str
    file: str
    table: dict[str, Any]

    def parameter(self) -> Parameter:
        model: type[ChoiceEntry | ParameterEntry] = ChoiceEntry if "choices" in self.table else ParameterEntry
        return to_parameter(self.path, validated(model, self.table, f"{self.file}: {self.path}"))


def read_parameters(files: Iterable[Path]) -> dict[str, Parameter]:
    """
    Every parameter of some files, by path, in their order.

    Raises
    ------
    InputError
        A file is not TOML, an entry breaks the schema, or a path is defined twice.
    """
    leaves: dict[str, _Leaf] = {}
    likes: dict[str, str] = {}
    for file in files:
        for leaf in _leaves(read_toml(file, file.name), "", {}, file.name, likes):
            if leaf.path in leaves:
                raise InputError(f"{file.name}: {leaf.path} is defined in another file too")
            leaves[leaf.path] = leaf
    _complete(leaves, likes)
    return {path: leaf.parameter() for path, leaf in leaves.items()}


def _leaves(
    table: dict[str, Any], path: str, inherited: dict[str, str], file: str, likes: dict[str, str]
) -> Iterator[_Leaf]:
    """Yield every parameter, with source and reading of its groups; put into `likes` who is like whom."""
    if "value" in table and not isinstance(table["value"], dict):
        yield _Leaf(path, file, inherited | table)
        return
    own = {key: table[key] for key in _GROUP_KEYS if isinstance(table.get(key), str)}
    if "like" in own:
        likes[path] = own["like"]
    passed = inherited | {key: text for key, text in own.items() if key in _INHERITED}
    for key, below in table.items():
        here = f"{path}.{key}" if path else key
        if isinstance(below, dict):
            yield from _leaves(below, here, passed, file, likes)
        elif key not in own:
            raise InputError(
                f'{file}: {here} is neither a table, nor the text "source", "read" or "like" of its group'
            )


def _complete(leaves: dict[str, _Leaf], likes: Mapping[str, str]) -> None:
    """Give every group the parameters of the group that it is like, under its own where it has them."""
    for group, model in likes.items():
        below = [leaf for path, leaf in leaves.items() if path.startswith(f"{model}.")]
        if not below:
            raise InputError(f"{group} is like {quoted(model)}, which has no parameters")
        for leaf in below:
            path = group + leaf.path.removeprefix(model)
            own = leaves.pop(path, None)
            # a value of its own needs a source of its own
            rest = {key: part for key, part in leaf.table.items() if own is None or key not in _INHERITED}
            table = rest | (own.table if own else {})
            leaves[path] = _Leaf(path, own.file if own else leaf.file, table)


def with_model(name: str, entries: Mapping[str, StateEntry], chain: tuple[str, ...] = ()) -> StateEntry:
    """Give a state what the state that it is like has, under its own."""
    entry = entries[name]
    if not entry.like:
        return entry
    if entry.like not in entries or entry.like in (name, *chain):
        raise InputError(f"states.toml: {name} is like {quoted(entry.like)}, which is no other state")
    model = with_model(entry.like, entries, (*chain, name))
    both = {
        "set": MappingProxyType({**model.set, **entry.set}),
        "spread": MappingProxyType({**model.spread, **entry.spread}),
    }
    return entry.model_copy(update=both)


def read_entries[Entry: BaseModel](file: Path, model: type[Entry]) -> dict[str, Entry]:
    """Every table of a file as an entry of a kind, by name."""
    tables = read_toml(file, file.name)
    return {name: validated(model, table, f"{file.name}: {name}") for name, table in tables.items()}
