"""Stimulation paradigms: entries of ``paradigms.toml``, and the pulses they send."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pydantic import BaseModel, ConfigDict

from dhmodel.stimulation.catalogue import Entry, find, load
from dhmodel.stimulation.trains import Floats


class PulseTrain(BaseModel):
    """The parameters, by path, that set a regular train of pulses at the electrode."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    frequency: str
    amplitude: str
    pulse_width: str
    delay: str
    duration: str


class Paradigm(Entry):
    """A stimulation paradigm; without `pulses` it does nothing."""

    pulses: PulseTrain | None = None


@dataclass(frozen=True, eq=False)
class Pulses:
    """
    Pulses at the electrode.

    Attributes
    ----------
    times : ndarray of float64, shape (pulses,)
        In s from the end of the warm-up, ascending.
    amplitudes : ndarray of float64, shape (pulses,)
        Multiples of the ECAP threshold at the pulse width used.
    """

    times: Floats
    amplitudes: Floats


@lru_cache(maxsize=1)
def paradigms() -> Mapping[str, Paradigm]:
    """Every stimulation paradigm, by name."""
    return load("paradigms.toml", Paradigm)


def paradigm(name: str) -> Paradigm:
    """The paradigm of that name; InputError naming the others if there is none."""
    return find("paradigm", name, paradigms())


def make_pulses(P: Mapping[str, float], name: str, duration: float) -> Pulses:
    """
    The pulses of a paradigm in [0, duration) s.

    Raises
    ------
    InputError
        No such paradigm.
    """
    train = paradigm(name).pulses
    if train is None:
        return Pulses(np.empty(0), np.empty(0))
    delay = P[train.delay]
    times = regular(P[train.frequency], delay, min(delay + P[train.duration], duration))
    return Pulses(times, np.full(times.size, P[train.amplitude]))


def regular(frequency: float, start: float, stop: float) -> Floats:
    """Times in s of events at a fixed frequency in Hz from `start` on, all before `stop`; none at 0 Hz."""
    if frequency == 0:
        return np.empty(0)
    times = start + np.arange(max(0, int(np.ceil((stop - start) * frequency)) + 1)) / frequency
    return times[times < stop]
