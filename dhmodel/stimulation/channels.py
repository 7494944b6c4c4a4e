"""Channels of the stimulator as data: groups of parameters of the package, or tables of a user's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import Parameter, parameter, paths
from dhmodel.units import scale

__all__ = ["NAME", "Owner", "Plug", "channel_fields", "plug"]

NAME = re.compile(r"[a-z][a-z0-9_]*")
"""What a paradigm or a channel may be called."""

# the group that defines which fields a channel has
_MODEL = "tonic"
# keys of a channel's table that are no parameters
_STRUCTURE = ("name", "like", "fractions")


class Owner(Protocol):
    """The paradigm that a channel belongs to, as far as channels need to know."""

    @property
    def name(self) -> str:
        """Begins the paths of parameters."""

    @property
    def where(self) -> str:
        """How messages call it."""

    @property
    def source(self) -> str:
        """Where its numbers come from."""

    @property
    def read(self) -> str:
        """How that was read."""


@dataclass(frozen=True)
class Plug:
    """A channel: its group, the parameters it brings, and contacts of its own, if any."""

    group: str
    parameters: tuple[Parameter, ...] = ()
    fractions: tuple[tuple[int, float], ...] = ()


def channel_fields() -> tuple[str, ...]:
    """Names of the parameters that every channel has."""
    return tuple(path.removeprefix(f"{_MODEL}.") for path in paths() if path.startswith(f"{_MODEL}."))


def plug(owner: Owner, channel: object) -> Plug:
    """
    Read one channel of a paradigm.

    Raises
    ------
    InputError
        A name, field, value or contact that cannot be.
    """
    groups = [
        path.removesuffix(".pulses_per_burst") for path in paths() if path.endswith(".pulses_per_burst")
    ]
    if isinstance(channel, str):
        return Plug(_one_of(channel, groups, "channel", owner))
    if not isinstance(channel, Mapping):
        raise InputError(f"{owner.where}: channel: got {quoted(channel)}, needs a name or a table")
    name = channel.get("name", "")
    if name != "" and not (isinstance(name, str) and NAME.fullmatch(name)):
        raise InputError(f"{owner.where}: name of a channel: got {quoted(name)}, needs lower case letters")
    group = f"{owner.name}.{name}" if name else owner.name
    like = _one_of(channel.get("like", _MODEL), groups, "channel", owner)
    given = {key: value for key, value in channel.items() if key not in _STRUCTURE}
    names = list(channel_fields())
    for key in given:
        _one_of(key, names, "field", owner)
    fractions = _fractions(owner, channel)
    if any(one == group or one.startswith(f"{group}.") for one in paths()):
        raise InputError(f'{owner.where}: the package has parameters "{group}" already; use another name')
    if fractions:
        names.remove("contacts")
    return Plug(group, tuple(_own(owner, group, like, name, given) for name in names), fractions)


def _one_of(name: Any, allowed: list[str], kind: str, owner: Owner) -> str:
    if name not in allowed:
        raise unknown(kind, name, allowed, owner.where)
    return str(name)


def _own(owner: Owner, group: str, like: str, name: str, given: Mapping[str, object]) -> Parameter:
    """One parameter of a channel: as that of the group it is like, or as given."""
    path = f"{group}.{name}"
    own = replace(parameter(f"{like}.{name}"), path=path)
    if name not in given:
        return own
    si = own.check(given[name], owner.where)
    value = si if isinstance(si, str) else si / scale(own.unit)
    return replace(own, value=value, si=si, source=owner.source, read=owner.read)


def _fractions(owner: Owner, channel: Mapping[str, object]) -> tuple[tuple[int, float], ...]:
    """Contacts that a channel lists itself; the keys of a table of TOML are text."""
    given = channel.get("fractions", {})
    if "fractions" in channel and "contacts" in channel:
        raise InputError(f"{owner.where}: a channel has contacts and fractions; give one of the two")
    needs = "needs contact numbers with fractions whose positive ones sum to 1 and negative ones to 0 or -1"
    refusal = InputError(f"{owner.where}: fractions: got {quoted(given)}, {needs}")
    if not isinstance(given, Mapping):
        raise refusal
    try:
        pairs = tuple(sorted((int(str(contact)), float(share)) for contact, share in given.items()))
    except (TypeError, ValueError):
        raise refusal from None
    out = sum(share for _, share in pairs if share > 0)
    back = sum(share for _, share in pairs if share < 0)
    if given and not (np.isclose(out, 1) and (np.isclose(back, -1) or back == 0)):
        raise refusal
    return pairs
