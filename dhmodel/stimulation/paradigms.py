"""
Stimulation paradigms as data: those of ``paradigms.toml``, and those that a user writes.

A paradigm is a list of channels. A channel is either a group of parameters of the package, or a table of
fields that makes parameters of its own: ``frequency`` of the paradigm ``theta`` becomes ``theta.frequency``,
which can be set and swept like any other. Fields that are not given are those of the group that the channel
is ``like``. A file ``theta.toml`` needs no more than this::

    about = "theta bursts with a slow train beside them"

    [[channels]]
    frequency = "5 Hz"
    pulses_per_burst = 4
    burst_frequency = "100 Hz"
    recharge = "active"

    [[channels]]
    name = "slow"
    like = "subperception"
    contact = 4
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import numpy as np

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import Parameter, choice, parameter, paths
from dhmodel.parameters.schema import Read
from dhmodel.stimulation.electrode import configuration
from dhmodel.texts import read_toml
from dhmodel.units import scale

_FILE = Path(__file__).parent / "paradigms.toml"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# the group that defines which fields a channel has
_MODEL = "tonic"
# keys of a channel's table that are no parameters
_STRUCTURE = ("name", "like", "fractions")


@dataclass(frozen=True, eq=False)
class Paradigm:
    """
    A stimulation paradigm; without channels it does nothing.

    Attributes
    ----------
    name : str
        Lower case letters, digits and underscores.
    channels : tuple of (str or mapping)
        Groups of parameters, such as ``"tonic"``, or tables of fields, such as ``{"frequency": "40 Hz"}``.
        A table may have a ``name`` (needed where there are several), a group that it is ``like`` (``"tonic"``
        if not given), and ``fractions`` of the current by contact in place of the field ``contacts``.
    about, source, read : str
        What it is, where it comes from, and how that was read (`dhmodel.parameters.schema.Read`).
    scenario : str
        Path of a choice parameter that names a rival mechanism; empty for none.
    closed_loop : bool
        Whether a controller sets the current of every pulse from the compound potentials before it.
    base, cycle : str
        Path of a choice parameter that names the paradigm to use in place of channels, and the group whose
        ``on`` and ``off`` switch it; empty for none.

    Raises
    ------
    InputError
        A name, field, value or contact that cannot be.
    """

    name: str
    channels: tuple[str | Mapping[str, object], ...] = ()
    about: str = ""
    source: str = "given by the user"
    read: str = "hypothesis"
    scenario: str = ""
    closed_loop: bool = False
    base: str = ""
    cycle: str = ""

    def __post_init__(self) -> None:
        _check_fields(self)
        object.__setattr__(self, "channels", tuple(self.channels))
        for group in self.groups:
            if self.groups.count(group) > 1:
                raise InputError(
                    f'{self.where}: channel "{group}" is there twice; give each a name of its own'
                )

    @property
    def where(self) -> str:
        """How messages call it."""
        return f'paradigm "{self.name}"'

    @cached_property
    def _plugs(self) -> "tuple[_Plug, ...]":
        return tuple(_plug(self, channel) for channel in self.channels)

    @property
    def groups(self) -> tuple[str, ...]:
        """The parameter group of each channel."""
        return tuple(plug.group for plug in self._plugs)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that it brings along, beside those of the package."""
        return tuple(one for plug in self._plugs for one in plug.parameters)

    def contacts(self, P: Mapping[str, float], group: str) -> dict[int, float]:
        """Contacts of the lead that a channel uses, and the fraction of its current that each carries."""
        plug = self._plugs[self.groups.index(group)]
        fractions = dict(plug.fractions) or configuration(choice(P, f"{group}.contacts"))
        shift = int(P[f"{group}.contact"])
        return {contact + shift: fraction for contact, fraction in fractions.items()}

    def digest(self) -> str:
        """Identify it: the first 16 hex digits of the SHA-256 of all but the texts about it."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        facts = [
            [
                [plug.group, plug.fractions, [[one.path, one.si] for one in plug.parameters]]
                for plug in self._plugs
            ],
            [self.name, self.scenario, self.closed_loop, self.base, self.cycle],
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        """Its name."""
        return self.name

    def __eq__(self, other: object) -> bool:
        return self.digest() == other.digest() if isinstance(other, Paradigm) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest())


@dataclass(frozen=True)
class _Plug:
    """A channel: its group, the parameters it brings, and contacts of its own, if any."""

    group: str
    parameters: tuple[Parameter, ...] = ()
    fractions: tuple[tuple[int, float], ...] = ()


@lru_cache(maxsize=1)
def paradigms() -> Mapping[str, Paradigm]:
    """Every stimulation paradigm of the package, by name."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return MappingProxyType({name: _from_table(name, table, _FILE.name) for name, table in tables.items()})


def find_paradigm(given: object) -> Paradigm:
    """
    Find a paradigm by what a user may give for one.

    Parameters
    ----------
    given : str, path or Paradigm
        A name, the path of a TOML file (ending in ``.toml``), or a paradigm.

    Returns
    -------
    Paradigm

    Raises
    ------
    InputError
        No such paradigm, a file that cannot be read, or the name of one of the package for another.
    """
    if isinstance(given, Path) or (isinstance(given, str) and given.endswith(".toml")):
        found = read_paradigm(given)
    elif isinstance(given, Paradigm):
        found = given
    elif isinstance(given, str) and given in paradigms():
        return paradigms()[given]
    else:
        raise unknown("paradigm", given, paradigms())
    if paradigms().get(found.name, found) != found:
        raise InputError(f"{found.where}: the package has another one of this name; use another name")
    return found


def read_paradigm(file: str | Path) -> Paradigm:
    """
    Read a paradigm from a TOML file whose keys are the attributes of `Paradigm`.

    Its name is that of the file unless it says otherwise.

    Raises
    ------
    InputError
        The file cannot be read, has an unknown key, or describes what cannot be.
    """
    path = Path(file)
    return _from_table(path.stem, read_toml(path, path.name), path.name)


def effective(P: Mapping[str, float], given: object) -> Paradigm:
    """Find a paradigm, with the channels, scenario and loop of its base where it has one; again: the same."""
    found = given if isinstance(given, Paradigm) else find_paradigm(given)
    if not found.base:
        return found
    return replace(paradigms()[choice(P, found.base)], cycle=found.cycle)


def brought(given: object) -> tuple[Parameter, ...]:
    """Parameters that a user's own paradigm brings along; none for a name of the package, right or wrong."""
    own = isinstance(given, Paradigm | Path) or (isinstance(given, str) and given.endswith(".toml"))
    return find_paradigm(given).parameters if own else ()


def channel_fields() -> tuple[str, ...]:
    """Names of the parameters that every channel has."""
    return tuple(path.removeprefix(f"{_MODEL}.") for path in paths() if path.startswith(f"{_MODEL}."))


def _from_table(name: str, table: Mapping[str, Any], where: str) -> Paradigm:
    known = [one.name for one in fields(Paradigm)]
    for key in table:
        if key not in known:
            raise unknown("key", key, known, where)
    return Paradigm(**{"name": name, **table})


def _check_fields(given: Paradigm) -> None:
    if not isinstance(given.name, str) or not _NAME.fullmatch(given.name):
        raise InputError(
            f"paradigm: name: got {quoted(given.name)}, needs lower case letters, digits and underscores"
        )
    for key in ("about", "source", "read", "scenario", "base", "cycle"):
        if not isinstance(text := getattr(given, key), str):
            raise InputError(f"{given.where}: {key}: got {quoted(text)}, needs text")
    if given.read not in get_args(Read):
        raise unknown("read", given.read, get_args(Read), given.where)
    for key in ("scenario", "base"):
        if (path := getattr(given, key)) and not parameter(path).choices:
            raise InputError(f"{given.where}: {key}: {path} is no choice among names")
    for name in ("on", "off") if given.cycle else ():
        parameter(f"{given.cycle}.{name}")
    if not isinstance(given.closed_loop, bool):
        raise InputError(f"{given.where}: closed_loop: got {quoted(given.closed_loop)}, needs true or false")
    if isinstance(given.channels, str | Mapping) or not isinstance(given.channels, Iterable):
        raise InputError(
            f"{given.where}: channels: got {quoted(given.channels)}, needs a list of names or tables"
        )
    if given.base and given.channels:
        raise InputError(f"{given.where}: has channels and a base; give one of the two")


def _plug(owner: Paradigm, channel: object) -> _Plug:
    groups = [
        path.removesuffix(".pulses_per_burst") for path in paths() if path.endswith(".pulses_per_burst")
    ]
    if isinstance(channel, str):
        return _Plug(_one_of(channel, groups, "channel", owner))
    if not isinstance(channel, Mapping):
        raise InputError(f"{owner.where}: channel: got {quoted(channel)}, needs a name or a table")
    name = channel.get("name", "")
    if name != "" and not (isinstance(name, str) and _NAME.fullmatch(name)):
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
    return _Plug(group, tuple(_own(owner, group, like, name, given) for name in names), fractions)


def _one_of(name: Any, allowed: list[str], kind: str, owner: Paradigm) -> str:
    if name not in allowed:
        raise unknown(kind, name, allowed, owner.where)
    return str(name)


def _own(owner: Paradigm, group: str, like: str, name: str, given: Mapping[str, object]) -> Parameter:
    """One parameter of a channel: as that of the group it is like, or as given."""
    path = f"{group}.{name}"
    own = replace(parameter(f"{like}.{name}"), path=path)
    if name not in given:
        return own
    si = own.check(given[name], owner.where)
    value = si if isinstance(si, str) else si / scale(own.unit)
    return replace(own, value=value, si=si, source=owner.source, read=owner.read)


def _fractions(owner: Paradigm, channel: Mapping[str, object]) -> tuple[tuple[int, float], ...]:
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
