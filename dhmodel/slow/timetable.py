"""What a protocol is once it is read (see `reading`): entries and tests by their times."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import itemgetter
from typing import Any

from dhmodel.stimulation.paradigms import Paradigm, find_paradigm

__all__ = ["Drug", "Entry", "Settings", "Test", "Timetable"]


_BY_NAME = ("set", "inputs", "drugs", "lesion")


@dataclass(frozen=True)
class Drug:
    """A dose, 0 to 1, and its time constants of onset and wash-out in s; 0 is at once."""

    dose: float
    onset: float = 0.0
    washout: float = 0.0


@dataclass(frozen=True)
class Settings:
    """What is on: nothing unless it says otherwise. `set` holds values as users give them."""

    paradigm: str | Paradigm = "none"
    stimulus: str = "spontaneous"
    state: str = ""
    set: Mapping[str, object] = field(default_factory=dict)
    inputs: Mapping[str, float] = field(default_factory=dict)
    drugs: Mapping[str, Drug] = field(default_factory=dict)
    lesion: Mapping[str, float] = field(default_factory=dict)

    def things(self) -> dict[str, object]:
        """Everything that is set here, by a name that two entries which contradict each other share."""
        whole = {"stimulus": self.stimulus, "state": self.state}
        found: dict[str, object] = {k: v for k, v in whole.items() if v != getattr(Settings(), k)}
        for part in find_paradigm(self.paradigm).parts:
            if part.name != "none":
                found[f"paradigm {part.name}" if part.routes else "paradigm"] = part
        for kind in _BY_NAME:
            found |= {f"{kind}.{name}": value for name, value in getattr(self, kind).items()}
        return found

    def joined(self, other: "Settings") -> "Settings":
        """Everything that is set here or there."""
        changes: dict[str, Any] = {kind: {**getattr(self, kind), **getattr(other, kind)} for kind in _BY_NAME}
        for kind in ("stimulus", "state"):
            if kind in other.things():
                changes[kind] = getattr(other, kind)
        both = find_paradigm([self.paradigm, other.paradigm])
        changes["paradigm"] = both if self._own or other._own else both.name
        return replace(self, **changes)

    @property
    def _own(self) -> bool:
        """Whether the paradigm is a user's own, or may be."""
        return isinstance(self.paradigm, Paradigm)


@dataclass(frozen=True)
class Entry:
    """A line of the timetable: when it is on, as (start, stop) in s, in order, and what that means."""

    name: str
    spans: tuple[tuple[float, float], ...]
    settings: Settings

    def begun(self, time: float) -> int:
        """How many of its spans have begun at a time."""
        return bisect_right(self.spans, time, key=itemgetter(0))


@dataclass(frozen=True)
class Test:
    """A test stimulus: when, in s; its duration in s, or None for that of the stimulus; values set for it."""

    name: str
    stimulus: str
    times: tuple[float, ...]
    duration: float | None
    set: Mapping[str, object]

    def settings(self) -> Settings:
        """What is on beside the timetable's settings."""
        return Settings(stimulus=self.stimulus, set=self.set)


@dataclass(frozen=True)
class Timetable:
    """
    A validated protocol.

    Attributes
    ----------
    name, about, source, read : str
    duration : float
        In s.
    base : Settings
        State of the cord and values that hold throughout.
    entries : tuple of Entry
    tests : tuple of Test
    numbers : mapping of {str : object}
        Numbers of slow states that it sets, as they are given.
    initial : mapping of {str : float}
        Slow states that do not begin at rest.
    loop : mapping of {str : float}
        ``epoch``, ``settle``, ``warmup`` (s) and ``tolerance``, as far as it says them.
    table : mapping
        As it was given, for the record.
    """

    name: str
    about: str
    source: str
    read: str
    duration: float
    base: Settings
    entries: tuple[Entry, ...]
    tests: tuple[Test, ...]
    numbers: Mapping[str, object]
    initial: Mapping[str, float]
    loop: Mapping[str, float]
    table: Mapping[str, Any]

    @cached_property
    def changes(self) -> list[float]:
        """Every time at which something is switched, and begin and end, in s, ascending."""
        spans = [time for entry in self.entries for span in entry.spans for time in span]
        return sorted({0.0, self.duration, *spans})

    def test_times(self) -> list[tuple[float, Test]]:
        """Every test with its time in s, in the order of `tests` and then of time."""
        return [(time, test) for test in self.tests for time in test.times]

    def on(self, time: float) -> list[Entry]:
        """Entries that are on from this time until the next change; at the end, those before it."""
        time = min(time, self.changes[-2])
        return [one for one in self.entries if (n := one.begun(time)) and time < one.spans[n - 1][1]]

    def settings(self, time: float) -> Settings:
        """What is on from this time until the next change."""
        found = self.base
        for entry in self.on(time):
            found = found.joined(entry.settings)
        return found

    def cut(self, lesion: Mapping[str, float]) -> "Timetable":
        """Return the same protocol in a cord with these lesions (fraction by name) in place of its own."""
        table = {**self.table, "lesion": dict(lesion)}
        return replace(self, base=replace(self.base, lesion=lesion), table=table)

    def in_state(self, state: str) -> "Timetable":
        """Return the same protocol in a cord of another state."""
        return replace(self, base=replace(self.base, state=state), table={**self.table, "state": state})

    def drugs(self, time: float = 0.0) -> dict[str, Drug]:
        """Every drug that is ever given, as in the entry that began last at a time, or else is first."""
        found: dict[str, tuple[float, Drug]] = {}
        for entry in self.entries:
            number = entry.begun(time)
            since = entry.spans[number - 1][0] if number else -1.0
            for name, drug in entry.settings.drugs.items():
                if name not in found or since > found[name][0]:
                    found[name] = since, drug
        return {name: drug for name, (_, drug) in found.items()}
