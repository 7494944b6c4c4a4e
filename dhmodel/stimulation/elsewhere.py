"""
Spike sources outside of the segment: fibres of a remote segment, the dorsal-column nuclei, the motor cortex.

Cells of the dorsal-column nuclei relay to the brainstem the spikes that pulses start in the columns: each
listens to some of the fibres and passes on a part of what it hears. What the skin sends up the columns on its
own is left out. The cortex is silent unless a paradigm drives it.
"""

from collections.abc import Mapping

import numpy as np

from dhmodel.parameters.layout import ELSEWHERE, class_of, source_sizes
from dhmodel.stimulation.fibres import property_group
from dhmodel.stimulation.natural import outside_refractory
from dhmodel.stimulation.patterns import Spikes, nothing, poisson
from dhmodel.stimulation.trains import SpikeTrains, sort
from dhmodel.streams import stream

__all__ = ["elsewhere", "relayed"]


def elsewhere(
    P: Mapping[str, float], trunks: Spikes, duration: float, warmup: float, seed: int, replicate: int
) -> SpikeTrains:
    """
    Spikes of all sources outside of the segment over [-warmup, duration) s, numbered class after class.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    trunks : (times, fibres)
        Spikes that pulses start in the dorsal column, sorted by fibre; times in s.
    duration, warmup : float
        In s.
    seed, replicate : int

    Raises
    ------
    InputError
        A rate that the refractory period forbids.
    """
    sizes = {name: source_sizes(P)[name] for name in ELSEWHERE}
    parts, first = [], 0
    for name, number in sizes.items():
        if name.endswith("_REMOTE"):
            times, unit = _remote(P, name, number, duration, warmup, seed, replicate)
        elif name == "DCN":
            times, unit = relayed(P, number, trunks, seed, replicate)
        else:
            times, unit = nothing()
        parts.append((times, first + unit))
        first += number
    times, units = sort(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return SpikeTrains(times, units, class_of(sizes)).between(-warmup, duration)


def _remote(
    P: Mapping[str, float],
    name: str,
    number: int,
    duration: float,
    warmup: float,
    seed: int,
    replicate: int,
) -> Spikes:
    """Background of the fibres of the remote segment, and what is added to it."""
    like = name.removesuffix("_REMOTE")
    rate = P[f"background.{like}.rate"] + P[f"remote.{like}.rate"]
    refractory = P[f"fibre.{property_group(like)}.refractory"]
    return poisson(stream(seed, replicate, f"remote.{name}"), number, rate, refractory, -warmup, duration)


def relayed(P: Mapping[str, float], number: int, trunks: Spikes, seed: int, replicate: int) -> Spikes:
    """
    Spikes of the dorsal-column nuclei, of `number` units, from those that pulses start in the columns.

    Each unit hears ``dcn.convergence`` fibres and passes on each of their spikes with the probability
    ``dcn.relay``, unless it is refractory; where a part of the column is cut (``injury.dorsal_column``), the
    spikes of that part of the fibres do not come.

    Returns
    -------
    times, units : ndarray of float64, ndarray of int64
        In s, sorted by unit, then by time.
    """
    times, fibre = trunks
    fibres = int(fibre.max(initial=-1)) + 1
    if not fibres:
        return nothing()
    order = stream(seed, replicate, "dcn.cut").permutation(fibres)
    reaching = np.isin(fibre, order[: round(P["injury.dorsal_column"] * fibres)])
    times, fibre = times[reaching], fibre[reaching]
    rng, parts = stream(seed, replicate, "dcn.relay"), []
    heard = rng.integers(0, fibres, (number, int(P["dcn.convergence"])))
    bounds = np.searchsorted(fibre, np.arange(fibres + 1)).tolist()
    for unit in range(number):
        own = np.concatenate([times[bounds[one] : bounds[one + 1]] for one in heard[unit].tolist()])
        passed = np.sort(own[rng.random(own.size) < P["dcn.relay"]])
        parts.append((passed + P["dcn.latency"], np.full(passed.size, unit)))
    spikes, units = (np.concatenate(part) for part in zip(*parts, strict=True))
    kept = outside_refractory(spikes, units, np.full(number, P["dcn.refractory"]))
    return spikes[kept], units[kept]
