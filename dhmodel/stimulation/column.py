"""The circuit's fibres in the dorsal column: their conduction, and their branches into the horn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dhmodel.stimulation.cord import CordFibres
from dhmodel.stimulation.fibres import Fibres
from dhmodel.stimulation.trains import Floats, Indices
from dhmodel.streams import stream


@dataclass(frozen=True, eq=False)
class Column:
    """
    The fibres that run in the dorsal column under the electrode; every array has one entry per such fibre.

    Attributes
    ----------
    index : ndarray of int64
        Which fibre it is, ascending.
    latency, conduction, refractory : ndarray of float64
        Electrode to segment, receptor to segment, absolute refractory period, in s.
    follow_half : ndarray of float64
        Rate of spikes in the trunk at which the branch into the horn carries half of them, in Hz.
    follow_power, follow_tau, jitter : float
        Steepness of the failure of branches, time constant (s) of the rate that drives it, and spread (sd, s)
        of the arrival times of evoked spikes.
    """

    index: Indices
    latency: Floats
    conduction: Floats
    refractory: Floats
    follow_half: Floats
    follow_power: float
    follow_tau: float
    jitter: float


def make_column(
    P: Mapping[str, float], fibres: Fibres, cord: CordFibres, seed: int, replicate: int
) -> Column:
    """
    Branches and conduction of the circuit's fibres under the electrode, in one replicate.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    fibres : Fibres
        All afferent fibres.
    cord : CordFibres
        Those under the electrode.
    seed, replicate : int

    Returns
    -------
    Column
    """
    index = cord.index
    # drawn for every fibre, so that a fibre keeps its properties when the fractions change
    spread = stream(seed, replicate, "column.follow_half").standard_normal(fibres.classes.size)[index]
    return Column(
        index=index,
        latency=cord.latency,
        conduction=fibres.conduction[index],
        refractory=fibres.refractory[index],
        follow_half=P["column.follow_half"] * np.exp(P["column.follow_half_sd"] * spread),
        follow_power=P["column.follow_power"],
        follow_tau=P["column.follow_tau"],
        jitter=P["column.jitter"],
    )
