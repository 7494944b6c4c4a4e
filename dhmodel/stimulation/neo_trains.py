"""Spike trains as Neo objects and in the files that Neo reads; Neo is imported when it is needed."""

import os
from collections.abc import Iterable
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from dhmodel.errors import InputError, listing, quoted, unknown
from dhmodel.stimulation.fibre_units import Unit
from dhmodel.stimulation.trains import SpikeTrains

__all__ = ["open_file", "read_neo", "to_neo"]

_CLASS = "fibre_class"

#: Readers of Neo that run what a file says: `pickle.load`, and `eval`.
_RUNNING = ("PickleIO", "ElphyIO")

# of a folder that holds one recording: Neo looks at every file below
_FILES, _FOLDERS = 2000, 1000


def to_neo(trains: SpikeTrains, *, start: float | None = None, stop: float | None = None) -> Any:
    """
    Make a Neo segment with one train per fibre, in s, annotated with ``fibre`` and ``fibre_class``.

    `read_trains` of the segment gives the same trains.

    Parameters
    ----------
    trains : SpikeTrains
    start, stop : float, optional
        ``t_start`` and ``t_stop`` of every train, in s; by default zero, or the first spike if that is
        earlier, and the last spike.

    Returns
    -------
    neo.Segment

    Raises
    ------
    InputError
        A spike lies outside, or Neo is not installed.
    """
    neo = _neo()
    start = float(trains.times.min(initial=0.0) if start is None else start)
    stop = float(trains.times.max(initial=start) if stop is None else stop)
    if trains.times.size and not (start <= trains.times.min() and trains.times.max() <= stop):
        first, last = trains.times.min(), trains.times.max()
        raise InputError(
            f"trains: spikes from {first:g} to {last:g} s, start to stop is {start:g} to {stop:g} s"
        )
    segment = neo.Segment(name="dhmodel")
    offsets = trains.offsets().tolist()
    for fibre, name in enumerate(trains.classes.tolist()):
        times = trains.times[offsets[fibre] : offsets[fibre + 1]]
        about = {"name": str(fibre), "fibre": fibre, _CLASS: name}
        segment.spiketrains.append(neo.SpikeTrain(times, units="s", t_start=start, t_stop=stop, **about))
    return segment


def _neo() -> Any:
    try:
        return import_module("neo")
    except ImportError:
        raise InputError("trains: Neo is not installed; pip install 'dhmodel[interop]' brings it") from None


def open_file(path: Path) -> Any:
    """Blocks of a file, from the first of Neo's readers of spike trains that can read it.

    Not ``neo.get_io``: of several readers for one ending it takes the first, be it one of other signals.
    """
    neo = _neo()
    failures = []
    for reader in _readers(neo, path):
        try:
            return reader(str(path)).read()
        except Exception as error:  # the readers of Neo raise whatever their formats do
            failures.append(f"{reader.__name__}: {' '.join(str(error).split())}")
    why = failures[0] if failures else "Neo knows no such ending"
    raise InputError(f"{path}: neither .csv nor spike trains that Neo can read ({why})")


def _readers(neo: Any, path: Path) -> list[Any]:
    """Readers of spike trains that may be able to read a file or folder, without those that run code."""
    try:
        if path.is_dir() and sum(len(files) for _, _, files in islice(os.walk(path), _FOLDERS)) > _FILES:
            raise InputError(f"{path}: a folder of more than {_FILES} files; name that of the recording")
        found = [one for one in neo.io.list_candidate_ios(path) if neo.SpikeTrain in one.supported_objects]
    except (ValueError, OSError) as error:  # no reader at all, or no right to look
        if isinstance(error, InputError):
            raise
        return []
    safe = [one for one in found if one.__name__ not in _RUNNING]
    if found and not safe:
        raise InputError(
            f"{path}: {found[0].__name__} of Neo would run code that the file contains; if you trust it, load"
            " it yourself and give the Neo object"
        )
    return safe


def read_neo(source: Any, where: str, by: str | None, segment: int | None) -> list[Unit]:
    """
    Find the trains of a Neo object, or of a list of them; the arguments are those of `interop.read_trains`.

    Raises
    ------
    InputError
        Not a Neo object, several segments to choose from, no such annotation, another unit than one of time,
        or a time outside ``t_start`` to ``t_stop``.
    """
    trains = _pick(_segments(_neo(), source, where), segment, where)
    return [_unit(train, number, f"{where}, train {number}", by) for number, train in enumerate(trains)]


def _segments(neo: Any, source: Any, where: str) -> list[list[Any]]:
    """Trains of each segment; a list of trains is a segment."""
    if isinstance(source, neo.Block):
        return [list(segment.spiketrains) for segment in source.segments]
    if isinstance(source, neo.Segment):
        return [list(source.spiketrains)]
    if isinstance(source, neo.SpikeTrain):
        return [[source]]
    items = list(source) if isinstance(source, Iterable) else [source]
    if all(isinstance(item, neo.SpikeTrain) for item in items):
        return [items]
    if all(isinstance(item, neo.Block | neo.Segment) for item in items):
        return [trains for item in items for trains in _segments(neo, item, where)]
    raise InputError(
        f"{where}: got a {type(source).__name__}, needs a path, neo.Block, Segment or list of SpikeTrain,"
        " or for a simulation dhmodel.SpikeTrains"
    )


def _pick(segments: list[list[Any]], segment: int | None, where: str) -> list[Any]:
    if segment is not None:
        if segment not in range(len(segments)):
            raise InputError(f"{where}: segment {segment} of {len(segments)}, needs 0 to {len(segments) - 1}")
        return segments[segment]
    filled = [number for number, trains in enumerate(segments) if trains]
    if len(filled) > 1:
        numbers = listing([str(number) for number in filled])
        raise InputError(f"{where}: spike trains in segments {numbers}; choose one with segment")
    return segments[filled[0]] if filled else []


def _unit(train: Any, number: int, where: str, by: str | None) -> Unit:
    name = str(train.name or number)
    if by is not None and by not in train.annotations:
        raise unknown("annotation", by, [str(key) for key in train.annotations], f"{where} ({quoted(name)})")
    try:
        start, stop, times = (
            np.asarray(given.rescale("s").magnitude, dtype=np.float64)
            for given in (train.t_start, train.t_stop, train)
        )
    except ValueError as error:
        raise InputError(f"{where}: its unit is not one of time: {error}") from None
    outside = np.flatnonzero((times < start) | (times > stop))
    if outside.size:
        spike = int(outside[0])
        raise InputError(
            f"{where}, spike {spike}: time {float(times[spike])!r} s outside t_start to t_stop,"
            f" {float(start):g} to {float(stop):g} s"
        )
    about, stated = dict(train.annotations), train.annotations.get(by or _CLASS)
    return Unit(name, where, stated, about, times.tolist(), lambda spike: f"{where}, spike {spike}")
