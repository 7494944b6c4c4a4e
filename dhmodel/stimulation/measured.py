"""Given spike trains as input of the circuit: they take the place of its own fibres, class by class."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError, unknown
from dhmodel.parameters.layout import class_of, starts
from dhmodel.stimulation.fibres import fibre_sizes
from dhmodel.stimulation.trains import Floats, Indices, SpikeTrains

__all__ = ["FILLS", "as_input", "check_span", "check_time"]

FILLS = ("background", "repeat", "silent")
"""What the fibres of a class carry for which no train is given; see `as_input`."""

# in place of the number of a given train
_BACKGROUND, _SILENT = -1, -2


def as_input(
    trains: SpikeTrains,
    P: Mapping[str, float],
    *,
    fill: str = "background",
    background: SpikeTrains | None = None,
) -> SpikeTrains:
    """
    Put given trains in the place of the circuit's fibres.

    The given fibres of a class replace the circuit's fibres of that class, the first the first and so on. A
    replaced fibre carries the given spikes and no others: stimuli and pulses do not reach it. Classes without
    a given fibre keep their background. Of class AB the first fibres lie in the centre of the receptive
    field, and every other one, from the first on, adapts slowly.

    Parameters
    ----------
    trains : SpikeTrains
        Any number of fibres of any afferent class, up to as many as the circuit has.
    P : mapping of {str : float}
        The resolved parameters, which say how many fibres of each class the circuit has.
    fill : str
        What the other fibres of a given class do: ``"background"``, as they would without given trains;
        ``"repeat"``, carry the given trains again, in the same order; ``"silent"``, nothing.
    background : SpikeTrains, optional
        What the circuit's fibres carry without given trains, such as `dhmodel.afferents` makes it; by default
        nothing.

    Returns
    -------
    SpikeTrains
        Over the fibres of the circuit, numbered as it numbers them.

    Raises
    ------
    InputError
        Unknown class or `fill`, more fibres than the circuit has, or a background of another circuit.
    """
    if fill not in FILLS:
        raise unknown("fill", fill, FILLS)
    sizes = fibre_sizes(P)
    classes = class_of(sizes)
    if background is None:
        background = SpikeTrains(np.empty(0), np.empty(0, dtype=np.int64), classes)
    elif not np.array_equal(background.classes, classes):
        raise InputError(
            "background: its fibres are not those of the circuit; make it with the same parameters"
        )
    _check_fit(trains, P, sizes)
    return _gather(_places(trains, sizes, fill), trains, background)


def check_span(trains: SpikeTrains, duration: float, warmup: float = 0.0) -> None:
    """
    Refuse trains with a spike outside [-warmup, duration), both in s.

    Raises
    ------
    InputError
        Names the first such spike and its fibre.
    """
    outside = np.flatnonzero((trains.times < -warmup) | (trains.times >= duration))
    if outside.size:
        fibre = int(trains.fibres[outside[0]])
        where = f"trains: fibre {fibre} ({trains.classes[fibre]})"
        check_time(float(trains.times[outside[0]]), where, duration, warmup)


def check_time(time: float, where: str, duration: float = math.inf, warmup: float = 0.0) -> None:
    """
    Refuse a spike time that is not finite, or outside [-warmup, duration), all in s.

    Raises
    ------
    InputError
        Begins with `where`.
    """
    if not math.isfinite(time):
        raise InputError(f"{where}: time {time} is not finite")
    if time < -warmup:
        raise InputError(
            f"{where}: time {time!r} s is negative, allowed only within the warm-up, here {warmup:g} s long"
        )
    if time >= duration:
        raise InputError(
            f"{where}: time {time!r} s is out of range, needs less than the duration of {duration:g} s"
        )


def _check_fit(trains: SpikeTrains, P: Mapping[str, float], sizes: Mapping[str, int]) -> None:
    names, numbers = np.unique(trains.classes, return_counts=True)
    for name, given in zip(names.tolist(), numbers.tolist(), strict=True):
        if name not in sizes:
            raise unknown("fibre class", name, sizes, "trains")
        if given > sizes[name]:
            enough = math.ceil(100 * given / P[f"circuit.{name}.number"]) / 100
            raise InputError(
                f"trains: {given} fibres of class {name}, the circuit has {sizes[name]};"
                f" circuit.scale = {enough:g} makes room for them"
            )


def _places(trains: SpikeTrains, sizes: Mapping[str, int], fill: str) -> Indices:
    """Number of the train that each fibre of the circuit carries, or what it does without one."""
    places = np.full(sum(sizes.values()), _BACKGROUND)
    for name, start in starts(sizes).items():
        given = np.flatnonzero(trains.classes == name)
        if not given.size:
            continue
        members = places[start : start + sizes[name]]
        if fill == "repeat":
            members[:] = np.resize(given, members.size)
        else:
            members[given.size :] = _SILENT if fill == "silent" else _BACKGROUND
            members[: given.size] = given
    return places


def _gather(places: NDArray[np.int64], trains: SpikeTrains, background: SpikeTrains) -> SpikeTrains:
    given, natural = _by_fibre(trains), _by_fibre(background)
    pieces: list[Floats] = []
    for fibre, place in enumerate(places.tolist()):
        if place == _BACKGROUND:
            pieces.append(natural[fibre])
        else:
            pieces.append(np.empty(0) if place == _SILENT else given[place])
    fibres = np.repeat(np.arange(places.size), [piece.size for piece in pieces])
    return SpikeTrains(np.concatenate(pieces), fibres, background.classes)


def _by_fibre(trains: SpikeTrains) -> list[Floats]:
    """Spike times of each fibre."""
    return np.split(trains.times, trains.offsets()[1:-1]) if trains.n_fibres else []
