"""
Timetables of the ledger: several that differ in little, from what they share.

The table ``every`` holds what all share. A timetable that says the same key has its own value; of `set`,
`initial`, `entries` and `tests` it has the shared ones too, where an entry or a test of the same name takes
over what it does not say itself, and those named in `without` are left out. Entries are put in the order in
which they begin.
"""

from collections.abc import Mapping
from typing import Any

from dhmodel.errors import unknown
from dhmodel.units import to_si

__all__ = ["EVERY", "LOOP", "joined"]

EVERY = "every"

LOOP: Mapping[str, Any] = {"epoch": "3 s", "tolerance": 0.05}
"""Short epochs and wide steps: slow states change what cells do by hundredths, findings ask for tenths."""

_TABLES = ("set", "initial", "drugs", "inputs")
_LISTS = ("entries", "tests")

type Table = Mapping[str, Any]


def joined(shared: Table, own: Table, name: str) -> dict[str, Any]:
    """
    Join a timetable with what all share, and with `LOOP`.

    Parameters
    ----------
    shared, own : mapping
        As `dhmodel.protocol` takes them; `own` may hold `without`.
    name : str
        Of the timetable, for messages.

    Raises
    ------
    InputError
        `without` names what is not shared; a start is no time.
    """
    left = _left(shared, own.get("without", []), name)
    found = {**LOOP, **_over(left, {key: value for key, value in own.items() if key != "without"})}
    for key in _LISTS:
        if _named(left.get(key)) and _named(found.get(key)):
            found[key] = _by_name(left[key], own.get(key, []))
    if _named(found.get("entries")):
        found["entries"] = sorted(found["entries"], key=_start)
    return found


def _start(entry: Table) -> float:
    return to_si(entry.get("start", "0 s"), "s", f"entry {entry['name']}: start")


def _left(shared: Table, without: Any, name: str) -> dict[str, Any]:
    """What is shared, less the entries and tests that a timetable does without."""
    there = [one["name"] for key in _LISTS if _named(shared.get(key)) for one in shared[key]]
    gone = without if isinstance(without, list) else [without]
    for one in gone:
        if one not in there:
            raise unknown("entry or test", one, there, f"timetable {name}: without")
    return {
        key: [one for one in value if one["name"] not in gone] if key in _LISTS and _named(value) else value
        for key, value in shared.items()
    }


def _over(shared: Table, own: Table) -> dict[str, Any]:
    """One table over another; tables in them are joined."""
    both = {
        key: {**shared[key], **own[key]}
        for key in _TABLES
        if isinstance(shared.get(key), Mapping) and isinstance(own.get(key), Mapping)
    }
    return {**shared, **own, **both}


def _named(given: Any) -> bool:
    """Whether this is a list of tables with names, and not something that reading will complain of."""
    return isinstance(given, list) and all(
        isinstance(one, Mapping) and isinstance(one.get("name"), str) for one in given
    )


def _by_name(shared: list[Table], own: list[Table]) -> list[Table]:
    """Shared ones, each under the first of its name, then the others."""
    mine = list(own)
    found = []
    for one in shared:
        over = next((each for each in mine if each["name"] == one["name"]), None)
        if over is not None:
            mine.remove(over)
        found.append(_over(one, over or {}))
    return [*found, *mine]
