"""Spike trains of many fibres: what stimulation hands to the circuit."""

import hashlib
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError, quoted

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """
    Spikes that arrive at the dorsal horn, sorted by fibre, then by time.

    Attributes
    ----------
    times : ndarray of float64, shape (spikes,)
        Arrival at the terminal, conduction included, in s. Time zero is the end of the warm-up.
    fibres : ndarray of int64, shape (spikes,)
        Index of the fibre of each spike.
    classes : ndarray of str, shape (fibres,)
        Class of each fibre.

    Raises
    ------
    InputError
        Shapes differ, a time is not finite, an index is out of range, or the spikes are not sorted.
    """

    times: Floats
    fibres: Indices
    classes: NDArray[np.str_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", _numbers(self.times, "times"))
        object.__setattr__(self, "fibres", _indices(self.fibres))
        object.__setattr__(self, "classes", _names(self.classes))
        _check(self)

    def __len__(self) -> int:
        return self.times.size

    @property
    def n_fibres(self) -> int:
        """Number of fibres, the silent ones included."""
        return self.classes.size

    def offsets(self) -> Indices:
        """Shape (fibres + 1,): the spikes of fibre i are ``times[offsets[i]:offsets[i + 1]]``."""
        return np.searchsorted(self.fibres, np.arange(self.n_fibres + 1))

    def rate(self, stop: float, start: float = 0.0) -> dict[str, float]:
        """Mean rate per fibre of each class over [start, stop) s, in Hz."""
        counted = self.between(start, stop)
        spikes = np.bincount(counted.fibres, minlength=self.n_fibres)
        names = dict.fromkeys(self.classes.tolist())
        return {name: float(spikes[self.classes == name].mean() / (stop - start)) for name in names}

    def of(self, name: str) -> "SpikeTrains":
        """Trains of the fibres of one class, numbered from 0; no fibres if there is no such class."""
        members = self.classes == name
        chosen = members[self.fibres]
        number = np.cumsum(members) - 1
        return SpikeTrains(self.times[chosen], number[self.fibres[chosen]], self.classes[members])

    def shift(self, dt: float) -> "SpikeTrains":
        """The same trains, `dt` s later."""
        return SpikeTrains(self.times + dt, self.fibres, self.classes)

    def between(self, start: float, stop: float) -> "SpikeTrains":
        """The spikes in [start, stop) s; the fibres stay as they are."""
        chosen = (self.times >= start) & (self.times < stop)
        return SpikeTrains(self.times[chosen], self.fibres[chosen], self.classes)

    def digest(self) -> str:
        """Identity of the trains: equal for equal spikes of equal fibres and for no others."""
        facts = hashlib.sha256("\n".join(self.classes.tolist()).encode())
        facts.update(self.fibres.tobytes())
        facts.update(self.times.tobytes())
        return facts.hexdigest()[:16]

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write a CSV file that `read_trains` reads without loss; see `interop.to_csv`."""
        from dhmodel.stimulation import interop  # it imports this module

        interop.to_csv(self, path)

    def to_neo(self, *, start: float | None = None, stop: float | None = None) -> Any:
        """Make a ``neo.Segment`` from `start` to `stop` s; see `interop.to_neo`."""
        from dhmodel.stimulation import interop

        return interop.to_neo(self, start=start, stop=stop)


def concat(a: SpikeTrains, b: SpikeTrains) -> SpikeTrains:
    """Trains of the fibres of `a`, then of those of `b`, which are numbered after them."""
    return SpikeTrains(
        np.concatenate([a.times, b.times]),
        np.concatenate([a.fibres, b.fibres + a.n_fibres]),
        np.concatenate([a.classes, b.classes]),
    )


def sort(times: Floats, fibres: Indices) -> tuple[Floats, Indices]:
    """Spikes in any order, sorted by fibre, then by time."""
    order = np.argsort(times)
    # numpy sorts small integers by radix: twice as fast as a lexsort
    small = fibres[order].astype(np.min_scalar_type(fibres.max(initial=0)))
    order = order[np.argsort(small, kind="stable")]
    return times[order], fibres[order]


def _numbers(given: object, what: str) -> Floats:
    try:
        found = np.asarray(given)
        if found.dtype.kind not in "fiu" and found.size:
            raise TypeError
        return found.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"spike trains: {what}: got {quoted(given)}, needs a list of numbers") from None


def _indices(given: object) -> Indices:
    if isinstance(given, np.ndarray) and given.dtype == np.int64:
        return given
    numbers = _numbers(given, "fibres")
    whole = (np.abs(numbers) < 2**53) & (numbers == np.rint(numbers))
    if not np.all(whole):
        wrong = float(np.extract(~whole, numbers)[0])
        raise InputError(f"spike trains: fibres: got {wrong!r}, needs whole numbers that index the classes")
    return numbers.astype(np.int64)


def _names(given: object) -> NDArray[np.str_]:
    try:
        return np.asarray(given, dtype=np.str_)
    except (TypeError, ValueError):
        raise InputError(f"spike trains: classes: got {quoted(given)}, needs a list of names") from None


def _check(trains: SpikeTrains) -> None:
    times, fibres = trains.times, trains.fibres
    if times.ndim != 1 or times.shape != fibres.shape or trains.classes.ndim != 1:
        raise InputError(
            f"spike trains: times {times.shape} and fibres {fibres.shape} must be lists of equal length"
        )
    if not np.isfinite(times).all():
        spike = int(np.argmin(np.isfinite(times)))
        raise InputError(
            f"spike trains: spike {spike}, of fibre {fibres[spike]}: time {times[spike]} is not finite"
        )
    if fibres.size and not (0 <= fibres.min() and fibres.max() < trains.n_fibres):
        wrong = fibres[(fibres < 0) | (fibres >= trains.n_fibres)][0]
        raise InputError(
            f"spike trains: fibre {wrong} is outside 0 to {trains.n_fibres - 1}, the fibres of `classes`"
        )
    step = np.diff(fibres)
    wrong = (step < 0) | ((step == 0) & (np.diff(times) < 0))
    if wrong.any():
        spike = int(np.argmax(wrong)) + 1
        raise InputError(
            "spike trains: spikes are not sorted by fibre, then by time, as"
            f" spike {spike}, {float(times[spike])!r} s of fibre {fibres[spike]}, shows"
        )
