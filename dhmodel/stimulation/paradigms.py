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

A paradigm without an electrode has routes instead (see `ways`). Paradigms joined by ``+`` act together.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import Parameter, choice, parameter
from dhmodel.parameters.schema import Read
from dhmodel.stimulation.channels import NAME, Plug, plug
from dhmodel.stimulation.electrode import configuration
from dhmodel.stimulation.ways import FIELDS, Ways, compiled
from dhmodel.texts import read_toml

_FILES = tuple(Path(__file__).parent / name for name in ("paradigms.toml", "routes.toml"))


# what a paradigm without an electrode says in lists, and in tables
_LISTS, _TABLES = ("routes", "refuses"), ("terms", "delivers")


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
    pulses, on, off, requires, terms, routes, delivers, refuses
        How it enters without an electrode; see `dhmodel.stimulation.ways.Ways`.
    combined : tuple of Paradigm
        Those that act together in a combination, such as ``tonic+cpm``; see `combine`.

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
    pulses: str = ""
    on: str = "0"
    off: str = "1e9"
    requires: str = ""
    terms: Mapping[str, str] = field(default_factory=dict)
    routes: Sequence[Mapping[str, object]] = ()
    delivers: Mapping[str, str] = field(default_factory=dict)
    refuses: Sequence[Mapping[str, str]] = ()
    combined: tuple["Paradigm", ...] = ()

    def __post_init__(self) -> None:
        _check_fields(self)
        object.__setattr__(self, "channels", tuple(self.channels))
        for name in _LISTS:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.routes:
            _ = self.ways  # complains of what cannot be
        for group in self.groups:
            if self.groups.count(group) > 1:
                raise InputError(
                    f'{self.where}: channel "{group}" is there twice; give each a name of its own'
                )

    @cached_property
    def ways(self) -> Ways:
        """How it enters without an electrode."""
        return compiled(self.name, self._routing, self.where)

    @property
    def _routing(self) -> dict[str, object]:
        """What it says of its routes."""
        lists = {name: list(getattr(self, name)) for name in _LISTS}
        tables = {name: dict(getattr(self, name)) for name in _TABLES}
        return {name: getattr(self, name) for name in FIELDS} | lists | tables

    @property
    def where(self) -> str:
        """How messages call it."""
        return f'paradigm "{self.name}"'

    @property
    def parts(self) -> tuple["Paradigm", ...]:
        """Those that it is a combination of, or itself alone."""
        return self.combined or (self,)

    @property
    def electrode(self) -> "Paradigm":
        """The part of it that sends pulses through a lead; ``none`` where there is no such part."""
        return next((one for one in self.parts if one.channels or one.base), paradigms()["none"])

    @cached_property
    def _plugs(self) -> tuple[Plug, ...]:
        return tuple(plug(self, channel) for channel in self.channels)

    @property
    def groups(self) -> tuple[str, ...]:
        """The parameter group of each channel."""
        return tuple(one.group for one in self._plugs)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that it brings along, beside those of the package."""
        own = tuple(one for each in self._plugs for one in each.parameters)
        return own + tuple(one for part in self.combined for one in part.parameters)

    def contacts(self, P: Mapping[str, float], group: str) -> dict[int, float]:
        """Contacts of the lead that a channel uses, and the fraction of its current that each carries."""
        own = dict(self._plugs[self.groups.index(group)].fractions)
        fractions = own or configuration(choice(P, f"{group}.contacts"))
        shift = int(P[f"{group}.contact"])
        return {contact + shift: fraction for contact, fraction in fractions.items()}

    def digest(self) -> str:
        """Identify it: the first 16 hex digits of the SHA-256 of all but the texts about it."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        facts = [
            [
                [each.group, each.fractions, [[one.path, one.si] for one in each.parameters]]
                for each in self._plugs
            ],
            [self.name, self.scenario, self.closed_loop, self.base, self.cycle],
            *([self._routing] if self.routes else []),
            *(part.digest() for part in self.combined),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        """Its name."""
        return self.name

    def __eq__(self, other: object) -> bool:
        return self.digest() == other.digest() if isinstance(other, Paradigm) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest())


@lru_cache(maxsize=1)
def paradigms() -> Mapping[str, Paradigm]:
    """Every stimulation paradigm of the package, by name."""
    found: dict[str, Paradigm] = {}
    for file in _FILES:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        found |= {name: _from_table(name, table, file.name) for name, table in tables.items()}
    return MappingProxyType(found)


def find_paradigm(given: object) -> Paradigm:
    """
    Find a paradigm by what a user may give for one.

    Parameters
    ----------
    given : str, path, Paradigm or sequence of these
        A name, the path of a TOML file (ending in ``.toml``), or a paradigm. Several of these, in a sequence
        or joined by ``+``, act together.

    Returns
    -------
    Paradigm

    Raises
    ------
    InputError
        No such paradigm, a file that cannot be read, the name of one of the package for another, or several
        that cannot act together (see `combine`).
    """
    if several := pieces(given):
        return combine([find_paradigm(one) for one in several])
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


def combine(parts: Sequence[Paradigm]) -> Paradigm:
    """
    Make one paradigm of several that act together: at most one with an electrode, and any others once each.

    The order does not matter; ``none`` adds nothing.

    Raises
    ------
    InputError
        Two with an electrode, or the same twice.
    """
    order = list(paradigms())
    several = [one for part in parts for one in part.parts if one.channels or one.base or one.routes]
    several.sort(key=lambda one: (order.index(one.name) if one.name in order else len(order), one.name))
    name = "+".join(one.name for one in several)
    electrodes = [one.name for one in several if not one.routes]
    if len(electrodes) > 1:
        raise InputError(
            f'paradigm "{name}": {" and ".join(electrodes)} both need the electrode; give one of them'
        )
    for one in several:
        if [other.name for other in several].count(one.name) > 1:
            raise InputError(f'paradigm "{name}": {one.name} is there twice, and its route is one')
    if len(several) < 2:
        return several[0] if several else paradigms()["none"]
    about = "; ".join(one.about for one in several)
    source = "; ".join(dict.fromkeys(one.source for one in several))
    return Paradigm(name, (), about, source, "hypothesis", combined=tuple(several))


def effective(P: Mapping[str, float], given: object) -> Paradigm:
    """
    Find what a paradigm does with the electrode; again: the same.

    Where it has a base, that of the base; of a combination, the part that has one; ``none`` without any.
    """
    found = (given if isinstance(given, Paradigm) else find_paradigm(given)).electrode
    if not found.base:
        return found
    return replace(paradigms()[choice(P, found.base)], cycle=found.cycle)


def brought(given: object) -> tuple[Parameter, ...]:
    """Parameters that a user's own paradigm brings along; none for a name of the package, right or wrong."""
    if several := pieces(given):
        return tuple(one for piece in several for one in brought(piece))
    own = isinstance(given, Paradigm | Path) or (isinstance(given, str) and given.endswith(".toml"))
    return find_paradigm(given).parameters if own else ()


def pieces(given: object) -> list[Any]:
    """What a user joins to act together, as in ``"tonic+cpm"`` or a list; nothing if it is a single one."""
    if isinstance(given, list | tuple):
        return list(given)
    joined = isinstance(given, str) and "+" in given
    return [one.strip() for one in str(given).split("+")] if joined else []


def _from_table(name: str, table: Mapping[str, Any], where: str) -> Paradigm:
    known = [one.name for one in fields(Paradigm) if one.init and one.name != "combined"]
    for key in table:
        if key not in known:
            raise unknown("key", key, known, where)
    return Paradigm(**{"name": name, **table})


def _check_fields(given: Paradigm) -> None:
    if not given.combined and not (isinstance(given.name, str) and NAME.fullmatch(given.name)):
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
    for kind, names, needs in ((list | tuple, _LISTS, "a list of tables"), (Mapping, _TABLES, "a table")):
        for name in names:
            if not isinstance(value := getattr(given, name), kind):
                raise InputError(f"{given.where}: {name}: got {quoted(value)}, needs {needs}")
    if not given.routes and any(getattr(given, key) for key in ("pulses", "terms", "delivers", "refuses")):
        raise InputError(f"{given.where}: says what belongs to routes, but has none")
    for name in ("on", "off") if given.cycle else ():
        parameter(f"{given.cycle}.{name}")
    if not isinstance(given.closed_loop, bool):
        raise InputError(f"{given.where}: closed_loop: got {quoted(given.closed_loop)}, needs true or false")
    if isinstance(given.channels, str | Mapping) or not isinstance(given.channels, Iterable):
        raise InputError(
            f"{given.where}: channels: got {quoted(given.channels)}, needs a list of names or tables"
        )
    if sum(map(bool, (given.base, given.channels, given.routes))) > 1:
        raise InputError(f"{given.where}: has channels and a base, or routes beside them; give one")
