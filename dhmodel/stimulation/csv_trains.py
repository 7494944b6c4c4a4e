"""Spike trains in CSV files: one row per spike, ``fibre,class,time``."""

import csv
from collections.abc import Iterator
from itertools import repeat
from os import PathLike
from pathlib import Path

from dhmodel.errors import InputError, quoted
from dhmodel.stimulation.fibre_units import Unit
from dhmodel.stimulation.trains import SpikeTrains

__all__ = ["read_csv", "to_csv"]

_COLUMNS = ("fibre", "class", "time")

# bytes of a file, which in memory takes some ten times as much
_LARGEST = 10**9


def to_csv(trains: SpikeTrains, path: str | PathLike[str]) -> None:
    """
    Write ``fibre,class,time`` rows, times in s to the last bit; a silent fibre has one row without a time.

    `read_trains` of the file gives the same trains.

    Parameters
    ----------
    trains : SpikeTrains
    path : str or path
        Ends in ``.csv``; a file of that name is replaced.

    Raises
    ------
    InputError
        Another ending.
    """
    if Path(path).suffix.lower() != ".csv":
        raise InputError(f"trains: cannot write {quoted(str(path))}, needs a name that ends in .csv")
    offsets = trains.offsets().tolist()
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for fibre, name in enumerate(trains.classes.tolist()):
            times = trains.times[offsets[fibre] : offsets[fibre + 1]].tolist()
            rows.writerows(zip(repeat(fibre), repeat(name), times, strict=False))  # floats by repr
            if not times:
                rows.writerow((fibre, name, ""))


def read_csv(path: Path, by: str | None) -> list[Unit]:
    """
    Read the fibres of a file; `by` names the column of the class if it is not ``class``.

    Raises
    ------
    InputError
        Names the line: a missing column or field, not a number, or a fibre of two classes.
    """
    rows = _rows(path)
    line, header = next(rows, (0, []))
    if not header:
        raise InputError(f"{path}: empty file, needs a header {','.join(_COLUMNS)}")
    kind = by or "class"
    fibre, time, stated_in = _find([name.strip() for name in header], f"{path} line {line}", kind, by)
    found: dict[str, tuple[Unit, list[int]]] = {}
    for line, row in rows:
        if len(row) != len(header):
            raise InputError(f"{path} line {line}: {len(row)} fields, the header has {len(header)}")
        name, text = row[fibre].strip(), row[time].strip()
        stated = None if stated_in is None else row[stated_in].strip()
        if name not in found:
            found[name] = _csv_unit(path, line, name, stated, kind)
        unit, lines = found[name]
        if stated != unit.stated:
            other = f"{quoted(stated)}, but {quoted(unit.stated)} in {unit.where}"
            raise InputError(f"{path} line {line}: fibre {quoted(name)} is {other}")
        if text:
            unit.times.append(_number(text, path, line))
            lines.append(line)
    return [unit for unit, _ in found.values()]


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, each with the number of its line."""
    if not path.is_file():
        raise InputError(f"{path}: not a file")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path}: larger than {_LARGEST // 10**9} GB; give a part of it")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            for row in reader:
                if row:
                    yield reader.line_num, row
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file: {error}") from None


def _find(header: list[str], where: str, kind: str, by: str | None) -> tuple[int, int, int | None]:
    """Position of the columns of fibre, time and class; that of the class may be absent, unless asked for."""
    for name in ("fibre", "time", kind):
        times = header.count(name)
        if times > 1 or (not times and (name != kind or by)):
            raise InputError(
                f"{where}: needs one column {quoted(name)}, has {times}; the columns are {', '.join(header)}"
            )
    return header.index("fibre"), header.index("time"), header.index(kind) if kind in header else None


def _csv_unit(path: Path, line: int, name: str, stated: str | None, kind: str) -> tuple[Unit, list[int]]:
    """A fibre without a spike yet, and the list of the lines of its spikes."""
    where, lines = f"{path} line {line}", list[int]()
    if not name:
        raise InputError(f"{where}: no name of the fibre")
    annotations = {} if stated is None else {kind: stated}
    return Unit(name, where, stated, annotations, [], lambda spike: f"{path} line {lines[spike]}"), lines


def _number(text: str, path: Path, line: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{path} line {line}: time {quoted(text)} is not a number (of seconds)") from None
