"""What the command line makes of the arguments it is given."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.texts import read_text

if TYPE_CHECKING:
    from dhmodel.stimulation.trains import SpikeTrains

__all__ = [
    "FIGURES",
    "KINDS",
    "check_store",
    "figure_file",
    "read_axes",
    "read_design",
    "read_input",
    "read_kind",
    "read_lesion",
    "read_pairs",
    "read_ranges",
    "refuse",
]

KINDS = (
    "paradigms",
    "states",
    "drugs",
    "lesions",
    "stimuli",
    "protocols",
    "slow_states",
    "scenarios",
    "sweeps",
    "findings",
    "readouts",
    "parameters",
)
"""What can be listed."""

FIGURES = ("png", "pdf", "svg")
"""Endings of figure files."""


def read_pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """Read ``NAME=VALUE`` arguments; a repeated name is an error, because the last would hide the others."""
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise InputError(f"{option}: got {quoted(text)}, needs NAME=VALUE")
        if name.strip() in found:
            raise InputError(f"{option}: {name.strip()} is there twice")
        found[name.strip()] = value.strip()
    return found


def read_lesion(given: list[str] | None) -> str | None:
    """Read ``NAME`` and ``NAME=FRACTION`` arguments as one text; None without any."""
    return "+".join(given) if given else None


def read_input(
    file: Path | None, classes: list[str] | None, duration: str | None, warmup: str
) -> "SpikeTrains | None":
    """Read `--trains`; here, not in `simulate`, because only here are the classes known."""
    named = read_pairs("--class", classes)
    if file is None:
        if named:
            raise InputError("--class: needs --trains FILE")
        return None
    from dhmodel.stimulation.interop import read_trains

    told = {name: None if value == "none" else value for name, value in named.items()}
    return read_trains(file, told or None, duration=duration, warmup=warmup)


def read_axes(given: list[str] | None) -> dict[str, list[str]]:
    """Read ``NAME=V1,V2,...`` arguments: the values of each axis."""
    return _lists("--axis", given)


def read_ranges(given: list[str] | None) -> dict[str, list[str]]:
    """Read ``NAME=LOW,HIGH[,log]`` arguments: the bounds of each range."""
    return _lists("--range", given)


def _lists(option: str, given: list[str] | None) -> dict[str, list[str]]:
    pairs = read_pairs(option, given)
    return {name: [value.strip() for value in text.split(",")] for name, text in pairs.items()}


def read_design(
    zipped: list[str] | None, points: Path | None, sample: str | None, ranges: list[str] | None
) -> dict[str, Any]:
    """Read `--zip`, `--points`, `--sample` and `--range`: the arguments of `dhmodel.sweep` of these names."""
    found: dict[str, Any] = {}
    if zipped:
        found["zip"] = _lists("--zip", zipped)
    if points is not None:
        found["points"] = _rows(points)
    if sample is not None:
        found["sample"] = _sample(sample) | {"ranges": read_ranges(ranges)}
    elif ranges:
        raise InputError("--range: needs --sample METHOD:NUMBER")
    return found


def _rows(file: Path) -> list[dict[str, str]]:
    """Points of a CSV file: names in its first line, a point in each other."""
    text = read_text(file, f"--points: {file}", "CSV", "utf-8-sig")
    try:
        lines = [[cell.strip() for cell in line] for line in csv.reader(text.splitlines())]
    except csv.Error as error:
        raise InputError(f"--points: {file}: not CSV: {error}") from None
    head, *rows = [line for line in lines if any(line)] or [[]]
    if len(set(head)) < len(head):
        raise InputError(f"--points: {file}: a name is there twice in the first line")
    for number, row in enumerate(rows):
        if len(row) != len(head):
            raise InputError(f"--points: {file}: point {number} has {len(row)} values, needs {len(head)}")
    return [dict(zip(head, row, strict=True)) for row in rows]


# of a whole number
_DIGITS = 18


def _sample(text: str) -> dict[str, Any]:
    method, *numbers = text.split(":")
    if len(numbers) not in (1, 2) or not all(
        number.isdecimal() and len(number) <= _DIGITS for number in numbers
    ):
        raise InputError(f"--sample: got {quoted(text)}, needs METHOD:NUMBER or METHOD:NUMBER:SEED")
    return {"method": method, **dict(zip(("number", "seed"), map(int, numbers), strict=False))}


def read_kind(kind: str) -> Mapping[str, str]:
    """Find the names of a kind of thing, and what each is about."""
    from dhmodel import listing

    if kind == "sweeps":
        from dhmodel.sweep.files import sweeps

        return sweeps()
    if kind == "protocols":
        from dhmodel.slow.reading import protocols

        return protocols()
    if kind == "slow_states":
        from dhmodel.slow.states import package

        slow = package()
        states = {name: f"{one.target.text}: {one.about}" for name, one in slow.states.items()}
        used = slow.quantities.items()  # by name in what states say
        return states | {name: f"= {one.equals.text} [{one.unit}]: {one.about}" for name, one in used}
    if kind == "scenarios":
        from dhmodel.scenarios import scenarios

        return {name: one.about for name, one in scenarios().items()}
    if kind == "findings":
        from dhmodel.evidence.ledger import findings

        return {name: f"[{one.area}, {one.use}] {one.statement}" for name, one in findings().items()}
    if kind == "readouts":
        from dhmodel.evidence.asking.numbers import functions

        return functions()
    if kind == "parameters":
        from dhmodel.parameters import parameter, paths
        from dhmodel.slow.states import package

        found = [*map(parameter, paths()), *package().numbers]
        return {one.path: f"{one.default()}  {one.about}" for one in found}
    if kind not in KINDS:
        raise unknown("kind of thing", kind, KINDS)
    listed: dict[str, str] = getattr(listing, f"list_{kind}")()
    return listed


def check_store(store: Path) -> None:
    """Refuse the name of a paradigm where a store is needed, saying how to draw that."""
    from dhmodel.listing import list_paradigms

    if not store.name:  # here, or the root: what beside it would be called has no name
        raise InputError(f"{store}: is no store; give its name, such as results/sweep.zarr")
    paradigm = store.name in list_paradigms() or store.suffix == ".toml"
    if paradigm and (store.is_file() or not store.exists()):
        raise InputError(f"{store}: is no store; for what a paradigm delivers: --paradigm {store}")


def figure_file(out: Path | None, default: Path) -> tuple[Path, str]:
    """Read `--out` of a figure: the file, and its ending."""
    file = out or default
    ending = file.suffix.removeprefix(".")
    if ending not in FIGURES:
        raise InputError(f"--out: got {quoted(str(file))}, allowed endings: {', '.join(FIGURES)}")
    return file, ending


def refuse(needs: str, **given: object) -> None:
    """Refuse options that would be of no effect, saying what they need."""
    for name, value in given.items():
        if value not in (None, []):
            raise InputError(f"--{name}: of no effect without {needs}")
