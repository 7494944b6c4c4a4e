"""Spike trains from elsewhere: CSV files, Neo objects and every file that Neo reads; and back."""

import math
import os
from os import PathLike
from pathlib import Path
from typing import Any

from dhmodel.errors import InputError, quoted
from dhmodel.stimulation.csv_trains import read_csv, to_csv
from dhmodel.stimulation.fibre_units import Classes, Unit, assemble
from dhmodel.stimulation.neo_trains import open_file, read_neo, to_neo
from dhmodel.stimulation.trains import SpikeTrains
from dhmodel.units import to_si

__all__ = ["read_trains", "to_csv", "to_neo"]


def read_trains(
    source: Any,
    classes: Classes | None = None,
    *,
    by: str | None = None,
    segment: int | None = None,
    duration: object = None,
    warmup: object = "0 s",
) -> SpikeTrains:
    """
    Read spike trains from a CSV file, a Neo object or a file that Neo reads.

    A CSV file has a header with the columns ``fibre``, ``time`` (s) and, unless `classes` tells them,
    ``class``; one row per spike, in any order of fibres, ascending within a fibre; a row without a time names
    a silent fibre. Times of Neo trains are converted to s and keep Neo's zero, whatever their ``t_start``;
    ``read_trains(...).shift(-12.5)`` makes 12.5 s the new zero.

    Fibres are numbered as the source lists them, or by name where every name is another whole number.

    Parameters
    ----------
    source : str, path, neo.SpikeTrain, list of neo.SpikeTrain, neo.Segment or neo.Block
        A path that ends in ``.csv`` is a CSV file; Neo reads any other, but for those whose reading would run
        code that they contain, such as a pickle.
    classes : mapping of {str : str or None} or callable, optional
        Class of each fibre, one of ``IA``, ``AB``, ``AD``, ``CP`` and ``CN``; None leaves the fibre out. A
        mapping is asked for the name of the fibre, then for the class that the source states; a callable is
        given the name and the annotations (for CSV, the column of the class). By default the source states
        the class: in the column ``class``, or the annotation ``fibre_class``.
    by : str, optional
        The annotation or column that states the class, in place of ``fibre_class`` or ``class``; a mapping is
        then not asked for names of fibres.
    segment : int, optional
        Which segment, from 0, where several hold spike trains.
    duration, warmup : str or Brian2 quantity, optional
        Every spike must lie in [-warmup, duration): negative times are allowed only within the warm-up.

    Returns
    -------
    SpikeTrains

    Raises
    ------
    InputError
        One line that says where: no such file, an empty one, a missing column or class, not a number, a time
        that is not finite, out of range or unsorted; or Neo is needed and not installed.

    Examples
    --------
    >>> dh.read_trains("trains.csv", {"A-beta": "AB", "C-nociceptor": "CP"})
    >>> dh.read_trains(segment, by="cell_type", classes={"LTMR": "AB", "HTMR": "AD", "noise": None})
    """
    stop = math.inf if duration is None else to_si(duration, "s", "duration")
    before = to_si(warmup, "s", "warmup")
    units, where = _units(source, by, segment)
    return assemble(units, classes, by, where, stop, before)


def _units(source: Any, by: str | None, segment: int | None) -> tuple[list[Unit], str]:
    """The fibres of a source, and what to call it."""
    if not isinstance(source, str | PathLike):
        return read_neo(source, "trains", by, segment), "trains"
    path = Path(source)
    if not str(source) or not os.path.exists(path):
        raise InputError(f"trains: no file {quoted(str(source))}")
    if path.suffix.lower() != ".csv":
        return read_neo(open_file(path), str(path), by, segment), str(path)
    if segment is not None:
        raise InputError(f"{path}: segment {segment} asked for, but a CSV file has none")
    return read_csv(path, by), str(path)
