"""The complete, frozen parameter set of one simulation, and its identity."""

import json
from bisect import bisect_left
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from typing import Any

from dhmodel.errors import unknown

type Items = tuple[tuple[str, float], ...]


class Base:
    """
    Values that many parameter sets share, each of which holds only what differs: defaults, for instance.

    Parameters
    ----------
    values : mapping of {str : float, int or str}
        Path to SI value.
    """

    def __init__(self, values: Mapping[str, Any]):
        self.values = dict(sorted(values.items()))
        self.paths = list(self.values)

    @cached_property
    def json(self) -> dict[str, str]:
        """Path to its entry in canonical JSON."""
        return {path: _entry(path, value) for path, value in self.values.items()}

    @cached_property
    def digest(self) -> str:
        """Identity of the values."""
        return sha256(_object(self.json.values()).encode()).hexdigest()


NOTHING = Base({})


class Parameters(Mapping[str, float]):
    """
    Every parameter of one simulation in SI units: path to float, or to int where the parameter is an integer.

    A parameter that names one of a few alternatives holds that name as text; `choice` reads it.
    Frozen, picklable and hashable. Two sets are equal exactly if their digests are.
    ``Parameters(json.loads(text))`` reads back what `json` wrote.

    Parameters
    ----------
    values : mapping of {str : float, int or str}
        Path to SI value; with a base, of what differs from it.
    base : Base, optional
        Values of all other paths.
    """

    _base: Base
    _own: dict[str, Any]

    def __init__(self, values: Mapping[str, float | str], base: Base = NOTHING):
        self.__dict__["_base"] = base
        self.__dict__["_own"] = dict(sorted(values.items()))

    def __getitem__(self, path: str) -> float:
        own = self._own
        value: float = own[path] if path in own else self._base.values[path]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def items(self) -> ItemsView[str, Any]:
        """Paths and values, sorted by path; quicker than what a mapping inherits."""
        return self._overlaid(self._base.values, self._own).items()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Parameters are frozen; resolve a new set instead")

    def __eq__(self, other: object) -> bool:
        return self.digest() == other.digest() if isinstance(other, Parameters) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest())

    def __reduce__(self) -> tuple[type["Parameters"], tuple[dict[str, Any], Base]]:
        return Parameters, (self._own, self._base)

    def __repr__(self) -> str:
        return f"<Parameters {self.digest()}: {len(self)} values>"

    @cached_property
    def _paths(self) -> list[str]:
        """All paths, sorted; few sets have one that is not in their base."""
        shared = self._base.values
        if all(path in shared for path in self._own):
            return self._base.paths
        return sorted({*shared, *self._own})

    def _overlaid[Value](self, shared: Mapping[str, Value], own: Mapping[str, Value]) -> dict[str, Value]:
        both = {**shared, **own}
        return both if len(both) == len(shared) else dict(sorted(both.items()))

    def json(self) -> str:
        """Write canonical JSON: sorted paths, SI values."""
        own = {path: _entry(path, value) for path, value in self._own.items()}
        return _object(self._overlaid(self._base.json, own).values())

    def digest(self) -> str:
        """Identify the set: the first 16 hex digits of the SHA-256 of its canonical JSON."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return sha256(self.json().encode()).hexdigest()[:16]

    def section(self, group: str) -> dict[str, float]:
        """
        Select the values below a group, by their paths relative to it: ``section("tonic")["frequency"]``.

        Raises
        ------
        InputError
            No parameter lies below `group`.
        """
        start = len(group) + 1
        below = {path[start:]: value for path, value in self.below(group)}
        if not below:
            raise unknown("parameter group", group, sorted({path.rpartition(".")[0] for path in self}))
        return below

    def below(self, *groups: str) -> Items:
        """Select the values below some groups: (path, value) pairs, hashable, to hand on these alone."""
        paths = self._paths
        chosen: list[str] = []
        for group in groups:  # all paths are sorted, so that those of a group stand together
            first, last = (bisect_left(paths, group + end) for end in (".", chr(ord(".") + 1)))
            chosen += paths[first:last]
        return tuple((path, self[path]) for path in chosen)


def _entry(path: str, value: Any) -> str:
    return f"{json.dumps(path)}:{json.dumps(value, allow_nan=False)}"


def _object(entries: Iterable[str]) -> str:
    return "{" + ",".join(entries) + "}"


def choice(P: Mapping[str, float], path: str) -> str:
    """
    Read a parameter that names one of a few alternatives, such as ``"khz.scenario"``.

    Such a parameter holds text in a mapping whose other values are all numbers.
    """
    return str(P[path])
