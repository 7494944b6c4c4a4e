"""
Single fields of a protocol's tables: each is checked, and a refusal says where it stands.

`where` names the table in messages, such as ``protocol mine: entry "stimulation"``.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import cuts, doses, states
from dhmodel.slow.states import inputs
from dhmodel.slow.timetable import Drug
from dhmodel.units import canonical, to_si

MOST = 100_000
"""Most times that an entry or a test may repeat."""

_LONGEST_NAME = 60

type Table = Mapping[str, Any]


def check_keys(table: object, allowed: tuple[str, ...], where: str) -> None:
    """Refuse what is no table, and keys that it does not have."""
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: got {quoted(table)}, needs a table")
    for key in table:
        if key not in allowed:
            raise unknown("key", key, allowed, where)


def tables(table: Table, key: str, where: str) -> list[Table]:
    """List of tables under a key, empty without."""
    found = table.get(key, [])
    if not isinstance(found, list | tuple) or not all(isinstance(one, Mapping) for one in found):
        raise InputError(f"{where}: {key}: got {quoted(found)}, needs a list of tables")
    return list(found)


def table_of(table: Table, key: str, where: str) -> Table:
    """Table under a key, empty without."""
    found = table.get(key, {})
    if not isinstance(found, Mapping):
        raise InputError(f"{where}: {key}: got {quoted(found)}, needs a table")
    return found


def text(given: object, where: str) -> str:
    """Text, or a refusal."""
    if not isinstance(given, str):
        raise InputError(f"{where}: got {quoted(given)}, needs text")
    return given


def name_of(table: object, kind: str, where: str) -> str:
    """Name of an entry or a test."""
    name = table.get("name", "") if isinstance(table, Mapping) else ""
    if not isinstance(name, str) or not name or name != " ".join(name.split()) or len(name) > _LONGEST_NAME:
        raise InputError(f"{where}: {kind}: got {quoted(name)} for a name, needs a line of text")
    return name


def check_state(given: object, where: str) -> None:
    """Complain of an unknown state; cords of a cohort are checked when they are resolved."""
    if not isinstance(given, str) or given.partition("#")[0] not in states():
        raise unknown("state", given, states(), where)


def lesion(given: object, where: str) -> dict[str, float]:
    """What is cut, name to fraction."""
    try:
        return dict(cuts(given))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def time_of(given: object, where: str, least: float | None = 0.0) -> float:
    """Time, s: 0 s or more, or with `least` None more than 0 s."""
    time = to_si(given, "s", where)
    if time < 0 or (least is None and time == 0):
        raise InputError(
            f"{where}: got {quoted(given)}, needs {'0 s or more' if least == 0 else 'more than 0 s'}"
        )
    return time


def onsets(table: Table, start: float, where: str) -> list[float]:
    """Onsets of an entry, s, ascending."""
    levels = []
    for one in tables(table, "repeat", where):
        check_keys(one, ("number", "every"), f"{where}: repeat")
        number = one.get("number", 1)
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST:
            raise InputError(
                f"{where}: repeat: number: got {quoted(number)}, needs a whole number, 1 to {MOST}"
            )
        levels.append(np.arange(number) * time_of(one.get("every", "0 s"), f"{where}: repeat: every"))
    if np.prod([level.size for level in levels], dtype=float) > MOST:
        raise InputError(f"{where}: repeat: more than {MOST} times")
    return sorted(canonical(start + float(sum(shifts))) for shifts in product(*levels))


def varied(table: Table, where: str) -> list[Table]:
    """Tests that differ in one parameter, each with its value in its name; or the one given."""
    if "vary" not in table:
        return [table]
    here = f"{where}: test {quoted(name_of(table, 'test', where))}"
    vary, rest = table_of(table, "vary", here), {key: one for key, one in table.items() if key != "vary"}
    if len(vary) != 1 or not all(isinstance(one, list | tuple) and one for one in vary.values()):
        raise InputError(f"{here}: vary: got {quoted(vary)}, needs one parameter and a list of its values")
    ((path, values),) = vary.items()
    own = table_of(table, "set", here)
    return [{**rest, "name": f"{rest['name']} {value}", "set": {**own, path: value}} for value in values]


def test_times(table: Table, duration: float, where: str) -> tuple[float, ...]:
    """Times of a test, s, ascending."""
    if ("at" in table) == ("every" in table):
        raise InputError(f"{where}: needs the times `at` or `every`, one of the two")
    if "at" in table:
        given = table["at"] if isinstance(table["at"], list | tuple) else [table["at"]]
        times = [time_of(one, f"{where}: at") for one in given]
    else:
        times = _even_times(table, duration, where)
    for time in times:
        if time > duration:
            raise InputError(f"{where}: at {time:g} s, past the end at {duration:g} s")
    if not times or len(set(times)) < len(times) or times != sorted(times):
        raise InputError(f"{where}: needs times in ascending order")
    return tuple(times)


def _even_times(table: Table, duration: float, where: str) -> list[float]:
    every = time_of(table["every"], f"{where}: every", least=None)
    start = time_of(table.get("start", "0 s"), f"{where}: start")
    stop = time_of(table["stop"], f"{where}: stop") if "stop" in table else duration
    if stop < start or (stop - start) / every > MOST:
        raise InputError(f"{where}: every: from {start:g} s to {stop:g} s every {every:g} s cannot be")
    return [canonical(start + number * every) for number in range(int((stop - start) / every + 1e-9) + 1)]


def drive(name: str, given: object, where: str) -> float:
    """Value of an input of slow states, within its range."""
    if name not in inputs():
        raise unknown("input", name, inputs(), where)
    value, entry = to_si(given, "1", f"{where}: {name}"), inputs()[name]
    if not entry.min <= value <= entry.max:
        raise InputError(f"{where}: {name}: got {value:g}, allowed: {entry.min:g} to {entry.max:g}")
    return value


def drug(name: str, given: object, where: str) -> Drug:
    """A dose, or a table of dose, onset and wash-out."""
    table = given if isinstance(given, Mapping) else {"dose": given}
    here = f"{where}: {name}"
    check_keys(table, ("dose", "onset", "washout"), here)
    try:
        ((_, dose),) = doses({name: table.get("dose", 1.0)})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    onset, washout = (time_of(table.get(key, "0 s"), f"{here}: {key}") for key in ("onset", "washout"))
    return Drug(dose, onset, washout)
