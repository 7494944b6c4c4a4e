"""The complete, frozen parameter set of one simulation, and its identity."""

import json
from bisect import bisect_left
from collections.abc import ItemsView, Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from typing import Any

from dhmodel.errors import unknown


class Parameters(Mapping[str, float]):
    """
    Every parameter of one simulation in SI units: path to float, or to int where the parameter is an integer.

    A parameter that names one of a few alternatives holds that name as text; `choice` reads it.
    Frozen, picklable and hashable. Two sets are equal exactly if their digests are.
    ``Parameters(json.loads(text))`` reads back what `json` wrote.
    """

    _values: dict[str, Any]

    def __init__(self, values: Mapping[str, float | str]):
        self.__dict__["_values"] = dict(sorted(values.items()))

    def __getitem__(self, path: str) -> float:
        value: float = self._values[path]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def items(self) -> ItemsView[str, Any]:
        """Paths and values, sorted by path; quicker than what a mapping inherits."""
        return self._values.items()

    def __len__(self) -> int:
        return len(self._values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Parameters are frozen; resolve a new set instead")

    def __eq__(self, other: object) -> bool:
        return self._json == other._json if isinstance(other, Parameters) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._json)

    def __reduce__(self) -> tuple[type["Parameters"], tuple[dict[str, Any]]]:
        return Parameters, (self._values,)

    def __repr__(self) -> str:
        return f"<Parameters {self.digest()}: {len(self)} values>"

    @cached_property
    def _paths(self) -> list[str]:
        return list(self._values)

    @cached_property
    def _json(self) -> str:
        return json.dumps(self._values, separators=(",", ":"), allow_nan=False)

    def json(self) -> str:
        """Write canonical JSON: sorted paths, SI values."""
        return self._json

    def digest(self) -> str:
        """Identify the set: the first 16 hex digits of the SHA-256 of its canonical JSON."""
        return sha256(self._json.encode()).hexdigest()[:16]

    def section(self, group: str) -> dict[str, float]:
        """
        Select the values below a group, by their paths relative to it: ``section("tonic")["frequency"]``.

        Raises
        ------
        InputError
            No parameter lies below `group`.
        """
        start = len(group) + 1
        below = {path[start:]: self._values[path] for path in self._below(group)}
        if not below:
            raise unknown(
                "parameter group", group, sorted({path.rpartition(".")[0] for path in self._values})
            )
        return below

    def _below(self, group: str) -> list[str]:
        """Paths below a group; they stand together, for all are sorted."""
        first, last = (bisect_left(self._paths, group + end) for end in (".", chr(ord(".") + 1)))
        return self._paths[first:last]


def choice(P: Mapping[str, float], path: str) -> str:
    """
    Read a parameter that names one of a few alternatives, such as ``"khz.scenario"``.

    Such a parameter holds text in a mapping whose other values are all numbers.
    """
    return str(P[path])
