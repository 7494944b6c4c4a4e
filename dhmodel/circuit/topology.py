"""Who is connected to whom: the part of the wiring that weights, drugs and injury do not touch.

Sweeps ask for the same connectome at every point, once per replicate: it is drawn once per process and kept,
as far as `dhmodel.kept` allows. Its arguments are all that decides it, so that nothing can be out of date.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dhmodel.circuit.sampling import Space, choose
from dhmodel.kept import frozen, kept
from dhmodel.parameters.layout import population_sizes, positions, source_sizes, starts
from dhmodel.parameters.resolved import Items
from dhmodel.streams import stream

__all__ = ["Row", "Synapses", "draw"]

type Indices = NDArray[np.int32]


@dataclass(frozen=True)
class Row:
    """What decides the sources of the synapses of one row of the connection matrix.

    Attributes
    ----------
    pre, post : str
        Classes of units.
    in_degree : int
        Synapses per target.
    width, gap : float
        See `dhmodel.circuit.connectome.Connection`.
    """

    pre: str
    post: str
    in_degree: int
    width: float
    gap: float


class Synapses(NamedTuple):
    """The synapses of one pathway, sorted by source; read-only arrays of shape (synapses,).

    Attributes
    ----------
    i, j : ndarray of int32
        Source and target, index within the pathway's ranges, see `structure.PATHWAYS`.
    row : ndarray of int32
        Index of the row that each belongs to.
    """

    i: Indices
    j: Indices
    row: Indices


@kept
def draw(numbers: Items, first_of_range: int, rows: tuple[Row, ...], seed: int, replicate: int) -> Synapses:
    """Draw the synapses of the rows of one pathway.

    Parameters
    ----------
    numbers : tuple of (str, float)
        The parameters below ``circuit``.
    first_of_range : int
        Number of the first unit of the presynaptic range of the pathway, from which a source is counted.
    rows : tuple of Row
        Those of the pathway, at least one.
    seed, replicate : int
        The same arguments give the same synapses.
    """
    P = dict(numbers)
    first = starts(population_sizes(P)) | starts(source_sizes(P))
    parts = []
    for number, row in enumerate(rows):
        rng = stream(seed, replicate, f"wiring.{row.pre}.{row.post}")
        space = Space(positions(P, row.post), positions(P, row.pre), row.width, row.gap, row.pre == row.post)
        chosen = choose(rng, space, row.in_degree)
        targets = np.repeat(first[row.post] + np.arange(len(chosen)), row.in_degree)
        source = first[row.pre] - first_of_range + chosen.ravel()
        parts.append((source, targets, np.full(targets.size, number)))
    i, j, row_of = (np.concatenate(part).astype(np.int32) for part in zip(*parts, strict=True))
    order = np.argsort(i, kind="stable")
    return Synapses(*(frozen(part[order]) for part in (i, j, row_of)))
