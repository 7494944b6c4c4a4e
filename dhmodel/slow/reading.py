"""
Protocols as data: what is on from when to when, over minutes, days and weeks.

A file ``mine.toml`` needs no more than this::

    about = "half an hour of tonic stimulation, pinched every ten minutes"
    duration = "90 min"
    state = "snl"

    [[entries]]
    name = "stimulation"
    start = "30 min"
    stop = "60 min"
    paradigm = "tonic"

    [[tests]]
    name = "pinch"
    stimulus = "pinch"
    every = "10 min"

An entry holds any of `paradigm`, `stimulus`, `state`, `lesion`, `set`, `inputs` and `drugs`, and perhaps
`repeat`, a list of ``{ number, every }``, one in the other: three sessions a day for four weeks are
``[{ number = 3, every = "2 h" }, { number = 28, every = "1 day" }]``. A drug is a dose or
``{ dose, onset, washout }``, with time constants; a lesion is written as in `dhmodel.simulate`. Entries stand
in the order in which they begin; several may be on at once where they do not contradict each other: paradigms
that enter by different routes act together, such as ``tonic`` of one and ``cpm`` of another entry, or
``"tonic+cpm"`` of one. An entry of a paradigm with sessions of pulses that says neither `stop` nor `duration`
lasts one session. A test is a stimulus at the times `at`, or `every` so long from `start` to `stop`; it is a
run of its own, which slow states do not feel; `vary`, a parameter and a list of its values, makes it a row of
tests (``press 20 mN``, ``press 40 mN``, ...), from which thresholds are read. `state`, `lesion` and `set`,
values of parameters and of numbers of slow states and quantities (``slow.<name>.<number>``), hold throughout;
`scenario` names a set of such values (see `dhmodel.scenarios`), over which those of `set` stand;
`initial` gives slow states that do not begin at rest, and `epoch`, `settle`, `warmup` and `tolerance` are
arguments of `dhmodel.protocol`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import resolve
from dhmodel.parameters.schema import Read
from dhmodel.scenarios import scenario
from dhmodel.slow import fields
from dhmodel.slow.fields import Table
from dhmodel.slow.timetable import Entry, Settings, Test, Timetable
from dhmodel.stimulation.afferents import stimuli
from dhmodel.stimulation.conditions import session_length
from dhmodel.stimulation.paradigms import Paradigm, brought, combine, find_paradigm, pieces
from dhmodel.texts import read_toml
from dhmodel.units import canonical, to_si

__all__ = ["protocols", "read_timetable"]

FOLDER = Path(__file__).parent / "protocols"

_LOOP = {"epoch": "s", "settle": "s", "warmup": "s", "tolerance": "1"}
_KEYS = (
    "about",
    "source",
    "read",
    "duration",
    "state",
    "lesion",
    "scenario",
    "set",
    "initial",
    "entries",
    "tests",
    *_LOOP,
)
_ENTRY = (
    "name",
    "start",
    "stop",
    "duration",
    "repeat",
    "paradigm",
    "stimulus",
    "state",
    "lesion",
    "set",
    "inputs",
    "drugs",
)
_TEST = ("name", "stimulus", "at", "every", "start", "stop", "duration", "set", "vary")
_CONTENT = ("paradigm", "stimulus", "state", "lesion", "set", "inputs", "drugs")


def protocols() -> dict[str, str]:
    """Name every protocol of the package, and say what it is about."""
    files = sorted(FOLDER.glob("*.toml"))
    return {file.stem: str(read_toml(file, file.name).get("about", "")) for file in files}


def read_timetable(given: object) -> Timetable:
    """
    Read and validate a protocol.

    Parameters
    ----------
    given : str, path or mapping
        The name of a protocol of the package, the path of a TOML file, or what such a file would hold.

    Raises
    ------
    InputError
        One line that names the entry: unknown names or keys, times that cannot be or lie beyond the end,
        entries out of order or that contradict each other, a file outside of the protocol's folder.
    """
    if isinstance(given, Mapping):
        return _Reader("given", Path()).timetable(given)
    if isinstance(given, str) and not given.endswith(".toml"):
        known = sorted(file.stem for file in FOLDER.glob("*.toml"))
        if given not in known:
            raise unknown("protocol", given, known, "the package (or FILE.toml)")
        given = FOLDER / f"{given}.toml"
    if not isinstance(given, str | Path):
        raise InputError(f"protocol: got {quoted(given)}, needs a name, a TOML file or a mapping")
    file = Path(given)
    return _Reader(file.stem, file.parent).timetable(read_toml(file, str(file)))


@dataclass(frozen=True)
class _Reader:
    """Reads the tables of one protocol; `folder` is where its files are."""

    name: str
    folder: Path

    def timetable(self, table: Table) -> Timetable:
        where = f"protocol {self.name}"
        fields.check_keys(table, _KEYS, where)
        if "duration" not in table:
            raise InputError(f'{where}: duration: is missing, needs a quantity in s such as "90 min"')
        duration = fields.time_of(table["duration"], f"{where}: duration", least=None)
        base, numbers = self._base(table, where)
        entries = self._entries(fields.tables(table, "entries", where), duration, base, where)
        given = [one for test in fields.tables(table, "tests", where) for one in fields.varied(test, where)]
        tests = tuple(self._test(one, duration, where) for one in given)
        _refuse_twice([one.name for one in entries] + [one.name for one in tests], where)
        texts = {key: fields.text(table.get(key, ""), f"{where}: {key}") for key in ("about", "source")}
        read = table.get("read", "hypothesis")
        if read not in get_args(Read):
            raise unknown("read", read, get_args(Read), where)
        initial = {
            k: to_si(v, "1", f"{where}: initial: {k}")
            for k, v in fields.table_of(table, "initial", where).items()
        }
        loop = {
            key: to_si(table[key], unit, f"{where}: {key}") for key, unit in _LOOP.items() if key in table
        }
        return Timetable(
            self.name,
            texts["about"],
            texts["source"],
            read,
            duration,
            base,
            entries,
            tests,
            MappingProxyType(numbers),
            MappingProxyType(initial),
            MappingProxyType(loop),
            table,
        )

    def _base(self, table: Table, where: str) -> tuple[Settings, dict[str, object]]:
        """What holds throughout: settings of the circuit, and numbers of slow states."""
        given = {**scenario(table.get("scenario", ""), where), **fields.table_of(table, "set", where)}
        numbers = {path: value for path, value in given.items() if str(path).startswith("slow.")}
        plain = {path: value for path, value in given.items() if path not in numbers}
        told = {key: table[key] for key in ("state", "lesion") if key in table}
        return self._settings({"state": "naive", **told, "set": plain}, where), numbers

    def _entries(self, tables: list[Table], duration: float, base: Settings, where: str) -> tuple[Entry, ...]:
        made = tuple(self._entry(one, duration, base, where) for one in tables)
        for one, other in zip(made, made[1:], strict=False):
            if other.spans[0][0] < one.spans[0][0]:
                raise InputError(
                    f"{where}: entry {quoted(other.name)} begins before {quoted(one.name)}, which is above it"
                )
        for one, other in combinations(made, 2):
            _refuse_contradiction(one, other, where)
        return made

    def _entry(self, table: Table, duration: float, base: Settings, where: str) -> Entry:
        name = fields.name_of(table, "entry", where)
        here = f"{where}: entry {quoted(name)}"
        fields.check_keys(table, _ENTRY, here)
        settings = self._settings({k: table[k] for k in _CONTENT if k in table}, here)
        if not settings.things():
            raise InputError(f"{here}: switches nothing on; needs one of {', '.join(_CONTENT)}")
        start = fields.time_of(table.get("start", "0 s"), f"{here}: start")
        length = _length(table, start, base.joined(settings), here)
        if length <= 0:
            raise InputError(f"{here}: lasts {length:g} s, needs more than 0 s")
        spans = tuple((t, canonical(t + length)) for t in fields.onsets(table, start, here))
        for (_, end), (begin, _) in zip(spans, spans[1:], strict=False):
            if begin < end:
                raise InputError(f"{here}: repeat: begins again at {begin:g} s, but lasts until {end:g} s")
        if spans[-1][1] > duration:
            raise InputError(f"{here}: lasts until {spans[-1][1]:g} s, past the end at {duration:g} s")
        return Entry(name, spans, settings)

    def _test(self, table: Table, duration: float, where: str) -> Test:
        name = fields.name_of(table, "test", where)
        here = f"{where}: test {quoted(name)}"
        fields.check_keys(table, _TEST, here)
        stimulus = table.get("stimulus", "spontaneous")
        if not isinstance(stimulus, str) or stimulus not in stimuli():
            raise unknown("stimulus", stimulus, stimuli(), here)
        times = fields.test_times(table, duration, here)
        length = fields.time_of(table["duration"], f"{here}: duration") if "duration" in table else None
        if length == 0:
            raise InputError(f"{here}: duration: got 0 s, needs more than 0 s")
        return Test(name, stimulus, times, length, fields.table_of(table, "set", here))

    def _settings(self, table: Table, where: str) -> Settings:
        state, stimulus = table.get("state", ""), table.get("stimulus", "spontaneous")
        if "state" in table:
            fields.check_state(state, where)
        if not isinstance(stimulus, str) or stimulus not in stimuli():
            raise unknown("stimulus", stimulus, stimuli(), where)
        paradigm = self._paradigm(table.get("paradigm", "none"), where)
        driven = {
            name: fields.drive(name, value, where)
            for name, value in fields.table_of(table, "inputs", where).items()
        }
        given = {
            name: fields.drug(name, value, where)
            for name, value in fields.table_of(table, "drugs", where).items()
        }
        cut = fields.lesion(table.get("lesion"), where)
        return Settings(paradigm, stimulus, state, fields.table_of(table, "set", where), driven, given, cut)

    def _paradigm(self, given: object, where: str) -> str | Paradigm:
        if several := pieces(given):
            try:
                return combine([find_paradigm(self._paradigm(one, where)) for one in several])
            except InputError as error:
                raise InputError(f"{where}: {str(error).removeprefix(f'{where}: ')}") from None
        if isinstance(given, str) and given.endswith(".toml"):
            home = self.folder.resolve()
            file = (home / given).resolve()
            if not file.is_relative_to(home):
                raise InputError(f"{where}: paradigm: {quoted(given)} lies outside of the protocol's folder")
            return find_paradigm(file)
        try:
            found = find_paradigm(given)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        return found.name if isinstance(given, str) else found


def _length(table: Table, start: float, settings: Settings, where: str) -> float:
    """How long an entry lasts, s: as it says, or as a session of its pulses takes."""
    if "stop" in table and "duration" not in table:
        return canonical(fields.time_of(table["stop"], f"{where}: stop") - start)
    if "duration" in table and "stop" not in table:
        return fields.time_of(table["duration"], f"{where}: duration")
    if "stop" not in table:
        chosen = settings.paradigm
        P = resolve(settings.state or "naive", dict(settings.set), None, brought(chosen))
        if session := session_length(P, find_paradigm(chosen)):
            return canonical(session)
    raise InputError(f"{where}: needs a stop or a duration, one of the two")


def _refuse_twice(names: list[str], where: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{where}: {quoted(name)} is the name of two entries or tests")


def _refuse_contradiction(one: Entry, other: Entry, where: str) -> None:
    """Refuse two entries that are on at once and set the same thing."""
    ours, theirs = one.settings.things(), other.settings.things()
    shared = sorted(ours.keys() & theirs.keys())
    overlap = next(_overlaps(one.spans, other.spans), None) if shared else None
    if overlap is not None:
        raise InputError(
            f"{where}: entries {quoted(one.name)} and {quoted(other.name)} both set {shared[0]} at "
            f"{overlap:g} s"
        )


def _overlaps(
    one: tuple[tuple[float, float], ...], other: tuple[tuple[float, float], ...]
) -> Iterator[float]:
    """Times at which two rows of spans, each in the order of time, are on at once."""
    i = j = 0
    while i < len(one) and j < len(other):
        begin, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if begin < end:
            yield begin
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
