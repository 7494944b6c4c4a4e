"""
Descending input: RVM ON and OFF cells and noradrenergic cells as spike sources, set by the drive of the PAG.

A rising drive slows ON cells and speeds up OFF and noradrenergic cells; axons that no longer reach the
segment (``injury.descending``) are silent. Their feedback loop, the slow alternation of ON and OFF states and
their answer to noxious input are absent.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dhmodel.parameters.layout import DESCENDING, class_of, source_sizes, starts
from dhmodel.stimulation.patterns import poisson
from dhmodel.stimulation.trains import SpikeTrains, sort
from dhmodel.streams import stream


def descending_trains(
    P: Mapping[str, float], duration: float, warmup: float, seed: int, replicate: int
) -> SpikeTrains:
    """
    Spikes of the descending cells over [-warmup, duration) s, numbered class after class.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    duration, warmup : float
        In s.
    seed, replicate : int

    Returns
    -------
    SpikeTrains
        Times of discharge; the way down to the cord is part of the connection to the circuit.

    Raises
    ------
    InputError
        A rate that the refractory period forbids.
    """
    sizes = {name: source_sizes(P)[name] for name in DESCENDING}
    parts = []
    for name, first in starts(sizes).items():
        rng = stream(seed, replicate, f"descending.{name}")
        refractory = P["descending.refractory"]
        times, cell = poisson(rng, sizes[name], descending_rate(P, name), refractory, -warmup, duration)
        kept = ~_cut(P, name, sizes[name], seed, replicate)[cell]
        parts.append((times[kept], first + cell[kept]))
    times, cells = sort(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return SpikeTrains(times, cells, class_of(sizes))


def _cut(P: Mapping[str, float], name: str, number: int, seed: int, replicate: int) -> NDArray[np.bool_]:
    """Which axons of a class no longer reach the segment, shape (number,)."""
    lost = number - round(P["injury.descending"] * number)
    cut = np.zeros(number, dtype=bool)
    cut[stream(seed, replicate, f"descending.cut.{name}").permutation(number)[:lost]] = True
    return cut


def descending_rate(P: Mapping[str, float], name: str) -> float:
    """Rate in Hz of a descending class at ``pag.drive``: linear between its rates at drive 0 and 1."""
    low, high = P[f"descending.{name}.rate_low"], P[f"descending.{name}.rate_high"]
    return low + P["pag.drive"] * (high - low)
