"""
Sweep files: axes, points, fixed arguments and report as data.

A TOML file with the tables ``axes`` (name to list of values), ``fixed`` (arguments of `dhmodel.sweep`, seed
and replicates among them), ``report`` (`populations`, and the `baseline` as one axis and value) and a line
``about``; points that are no grid stand in a table ``zip`` or ``sample`` or in tables ``[[points]]``, the
arguments of `dhmodel.sweep` of these names. The files of the package are known by their names.

A paradigm that is a file lies in the folder of the sweep file, or below: its path is relative to that folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters.layout import HORN, POPULATIONS
from dhmodel.stimulation.paradigms import pieces, read_paradigm
from dhmodel.sweep.design import DESIGNS
from dhmodel.sweep.spec import ARGUMENTS
from dhmodel.texts import read_toml

FOLDER = Path(__file__).parent / "specs"
_KEYS: dict[str, tuple[type, str]] = {
    "about": (str, "text"),
    "axes": (dict, "a table"),
    "zip": (dict, "a table"),
    "points": (list, "a list of tables"),
    "sample": (dict, "a table"),
    "fixed": (dict, "a table"),
    "report": (dict, "a table"),
}


@dataclass(frozen=True)
class Report:
    """
    What to tell of the results.

    Attributes
    ----------
    populations : tuple of str
        Whose firing; by default that of all in the dorsal horn.
    axis : str
        Swept axis that the report runs along.
    baseline : str, float or int
        The value on it that counts as 100 %, as written.
    """

    populations: tuple[str, ...]
    axis: str
    baseline: object


@dataclass(frozen=True)
class SweepFile:
    """
    A sweep as data.

    Attributes
    ----------
    name, about : str
    axes : dict
        First argument of `dhmodel.sweep`.
    design : dict
        At most one of its arguments `zip`, `points` and `sample`.
    arguments : dict
        Its keyword arguments, `replicates` among them.
    report : Report or None
    """

    name: str
    about: str
    axes: Mapping[str, list[object]]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    report: Report | None = None
    design: Mapping[str, Any] = field(default_factory=dict)


def sweeps() -> dict[str, str]:
    """Name every sweep of the package, and say what it is about."""
    return {file.stem: _load(file).about for file in sorted(FOLDER.glob("*.toml"))}


def read_sweep(name: str) -> SweepFile:
    """
    Read a sweep file.

    Parameters
    ----------
    name : str
        A sweep of the package, or the path of a TOML file.

    Raises
    ------
    InputError
        There is no such sweep or file, it is not TOML, or it holds something else than a sweep.
    """
    if Path(name).suffix == ".toml":
        return _load(Path(name))
    known = sorted(file.stem for file in FOLDER.glob("*.toml"))
    if name not in known:
        raise unknown("sweep", name, known, "the package (or FILE.toml)")
    return _load(FOLDER / f"{name}.toml")


def _load(file: Path) -> SweepFile:
    table = read_toml(file, str(file))
    for key, value in table.items():
        if key not in _KEYS:
            raise unknown("key", key, _KEYS, str(file))
        kind, needed = _KEYS[key]
        if not isinstance(value, kind):
            raise InputError(f"{file}: {key} is {quoted(value)}, needs to be {needed}")
    table = _with_paradigms(table, file)
    fixed = table.get("fixed", {})
    for key in fixed:
        if key not in (*ARGUMENTS, "replicates"):
            raise unknown("argument", key, (*ARGUMENTS, "replicates"), f"[fixed] of {file}")
    axes = table.get("axes", {})
    report = _report(table["report"], axes, file) if "report" in table else None
    design = {name: table[name] for name in DESIGNS if name in table}
    return SweepFile(file.stem, table.get("about", ""), axes, fixed, report, design)


def _with_paradigms(table: dict[str, Any], file: Path) -> dict[str, Any]:
    """Put paradigms in the place of the names of their files, wherever one may stand."""
    found = dict(table)
    for key in found.keys() & {"axes", "zip", "fixed"}:
        found[key] = _with_paradigm(found[key], file)
    if "points" in found:
        found["points"] = [_with_paradigm(one, file) for one in found["points"]]
    return found


def _with_paradigm(table: Any, file: Path) -> Any:
    given = table.get("paradigm") if isinstance(table, dict) else None
    if isinstance(given, list):
        return table | {"paradigm": [_paradigm(one, file) for one in given]}
    return table if given is None else table | {"paradigm": _paradigm(given, file)}


def _paradigm(given: object, file: Path) -> object:
    """Read a paradigm that is a file; symbolic links may not lead out of the folder either."""
    if several := pieces(given):
        return [_paradigm(one, file) for one in several]
    if not isinstance(given, str) or not given.endswith(".toml"):
        return given
    folder = file.parent.resolve()
    try:
        path = (folder / given).resolve()
    except ValueError as error:  # a name that no file can have
        raise InputError(f"{file}: paradigm {quoted(given)}: {error}") from None
    if not path.is_relative_to(folder):
        raise InputError(f"{file}: paradigm {quoted(given)} lies outside the folder of this file")
    return read_paradigm(path)


def _report(table: dict[str, Any], axes: Mapping[str, object], file: Path) -> Report:
    where = f"[report] of {file}"
    for key in table:
        if key not in ("populations", "baseline"):
            raise unknown("key", key, ("populations", "baseline"), where)
    populations, baseline = table.get("populations", list(HORN)), table.get("baseline")
    if not isinstance(populations, list):
        raise InputError(f"{where}: populations is {quoted(populations)}, needs to be a list")
    for name in populations:
        if name not in POPULATIONS:
            raise unknown("population", name, POPULATIONS, where)
    if not isinstance(baseline, dict) or len(baseline) != 1:
        raise InputError(f"{where}: baseline is {quoted(baseline)}, needs one axis and its value")
    ((axis, value),) = baseline.items()
    if axis not in axes:
        raise unknown("axis", axis, axes, where)
    return Report(tuple(populations), axis, value)
