"""Wiring as arrays: fixed in-degree per target cell, so every seed has the same number of synapses."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.circuit import topology
from dhmodel.circuit.conditions import (
    EXCITATORY,
    INHIBITORY,
    MODULATING,
    PROJECTING,
    SPARED,
    axons_cut,
    inhibition_factor,
    survivors,
    weight_factor,
)
from dhmodel.circuit.receptors import Effects, receptor_effects
from dhmodel.circuit.structure import DELAYED, PATHWAYS
from dhmodel.circuit.topology import Synapses
from dhmodel.errors import InputError, unknown
from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import (
    BRAINSTEM,
    DESCENDING,
    FIBRE_CLASSES,
    POPULATIONS,
    SOURCES,
    population_sizes,
    source_sizes,
    starts,
)
from dhmodel.streams import normals, stream

__all__ = ["WEIGHTS", "Array", "Connection", "connections", "synapse_counts", "wiring"]

type Array = NDArray[Any]

#: Weights of each pathway: parameter leaf -> variable of the synapse.
WEIGHTS = {
    "from_sources": {"ampa": "ampa", "nmda": "nmda", "nk1": "nk1"},
    "excitation": {"ampa": "ampa", "nmda": "nmda"},
    "inhibition": {"gaba_a": "gaba_a", "glycine": "glycine", "gaba_b": "gaba_b"},
    "presynaptic": {"pad": "jump", "pad_slow": "slow_jump", "gaba_b": "gaba_b_jump"},
    "supraspinal": {"ampa": "ampa", "nmda": "nmda", "nk1": "nk1", "gaba_a": "gaba_a", "modulatory": "mod"},
    "descending": {"opioid": "opioid_jump", "alpha2": "alpha2_jump", "ht3": "ht3_jump"},
    "corticospinal": {"pad": "jump", "pad_slow": "slow_jump", "gaba_b": "gaba_b_jump"},
}

#: What drugs and injury do to a receptor, they do to another one too: slow presynaptic inhibition is GABA-A.
_LIKE = {"pad_slow": "pad"}


@dataclass(frozen=True)
class Connection:
    """One row of the connection matrix.

    Parameters
    ----------
    pre, post : str
        Classes of units.
    in_degree : int
        Synapses per target.
    weights : mapping of {str : float}
        Peak conductance (S) or jump (1) of one synapse, by receptor.
    width : float
        Spatial width: inputs at a somatotopic distance d are drawn in proportion to exp(-d^2/(2 width^2)).
    gap : float
        Width of a gap in the middle of that: the proportion is lower by the factor 1 - exp(-d^2/(2 gap^2)).
    steady : float
        Share of the release that does not depress; for afferent fibres.

    Raises
    ------
    InputError
        If no pathway leads from `pre` to `post`, or it has no such receptor.
    """

    pre: str
    post: str
    in_degree: int
    weights: Mapping[str, float]
    width: float = math.inf
    gap: float = 0.0
    steady: float = 0.0
    pathway: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pathway", self._find_pathway())
        for receptor in self.weights:
            if receptor not in WEIGHTS[self.pathway]:
                raise unknown("receptor", receptor, WEIGHTS[self.pathway], self.name)

    @property
    def name(self) -> str:
        """Path of the row's parameters."""
        return f"connection.{self.pre}.{self.post}"

    def topology(self) -> topology.Row:
        """What of it decides who is connected to whom."""
        return topology.Row(self.pre, self.post, self.in_degree, self.width, self.gap)

    def _find_pathway(self) -> str:
        to_cell, to_fibre = self.post in POPULATIONS, self.post in FIBRE_CLASSES
        if self.pre in SOURCES and to_cell:
            return "from_sources"
        if self.pre == "CORTEX" and to_fibre:
            return "corticospinal"
        if self.pre in PROJECTING and to_cell:
            return "supraspinal"
        if self.pre in DESCENDING and to_fibre:
            return "descending"
        if self.pre in EXCITATORY and to_cell:
            return "excitation"
        if self.pre in INHIBITORY and (to_cell or to_fibre):
            return "inhibition" if to_cell else "presynaptic"
        raise InputError(f"{self.name}: no pathway leads from {self.pre} to {self.post}")


def connections(P: Parameters) -> list[Connection]:
    """Rows of the connection matrix, from the parameters below ``connection``."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for path, value in P.section("connection").items():
        pre, post, leaf = path.split(".")
        rows.setdefault((pre, post), {})[leaf] = value
    made = []
    for (pre, post), row in rows.items():
        space = {name: row.pop(name) for name in ("width", "gap", "steady") if name in row}
        made.append(Connection(pre, post, int(row.pop("in_degree")), row, **space))
    return made


def synapse_counts(P: Parameters) -> dict[str, int]:
    """Count the synapses of each pathway: they depend on sizes and in-degrees only."""
    sizes = population_sizes(P) | source_sizes(P)
    counts = dict.fromkeys(WEIGHTS, 0)
    for row in connections(P):
        counts[row.pathway] += row.in_degree * sizes[row.post]
    return counts


def wiring(P: Parameters, seed: int, replicate: int) -> dict[str, Array]:
    """Draw the connectome.

    Returns
    -------
    dict of {str : ndarray}
        Per pathway: ``.i`` and ``.j`` (source and target of each synapse, index within the pathway's ranges,
        see `structure.PATHWAYS`), one array per weight (SI units), and ``.delay`` (s) for central pathways.
        Sorted by source. A pathway without synapses is left out.
    """
    drawing, numbers = _Drawing(P, seed, replicate), P.below("circuit")
    arrays: dict[str, Array] = {}
    every = [row for row in connections(P) if row.in_degree]
    for pathway in dict.fromkeys(row.pathway for row in every):
        rows = [row for row in every if row.pathway == pathway]
        begin = drawing.first[PATHWAYS[pathway][0]]
        drawn = topology.draw(numbers, begin, tuple(row.topology() for row in rows), seed, replicate)
        values = {"i": drawn.i, "j": drawn.j, **drawing.weights(pathway, rows, drawn)}
        arrays |= {f"{pathway}.{key}": value for key, value in values.items()}
        if pathway in DELAYED:
            arrays[f"{pathway}.delay"] = drawing.delays(pathway, rows, drawn)
    return arrays


@dataclass(frozen=True)
class _Drawing:
    """What varies from unit to unit in one replicate, and what the parameters make of it."""

    P: Parameters
    seed: int
    replicate: int

    @cached_property
    def sizes(self) -> dict[str, int]:
        return population_sizes(self.P)

    @cached_property
    def first(self) -> dict[str, int]:
        """Number of the first unit of each range that a pathway begins from."""
        begin = starts(self.sizes)
        owners = {"excitatory": EXCITATORY, "inhibitory": INHIBITORY, "projecting": PROJECTING}
        found = {name: begin[of[0]] for name, of in (owners | {"descending": DESCENDING}).items()}
        return found | {"sources": 0}

    @cached_property
    def cut(self) -> NDArray[np.bool_]:
        """Whose descending axon no longer reaches the segment, shape (cells,)."""
        of = self.seed, self.replicate
        return self._joined(POPULATIONS, lambda name, n: axons_cut(self.P, name, n, *of))

    @cached_property
    def effects(self) -> Mapping[str, Effects]:
        return receptor_effects(self.P)

    @cached_property
    def alive(self) -> NDArray[np.bool_]:
        """Which inhibitory cells are, shape (inhibitory cells,)."""
        return self._joined(INHIBITORY, lambda name, n: survivors(self.P, name, n, self.seed, self.replicate))

    @cached_property
    def excitability(self) -> NDArray[np.float64]:
        """Factor on all excitation that each cell receives, lognormal with mean 1, shape (cells,)."""
        return self._joined(POPULATIONS, self._excitability)

    def inhibition(self, pre: str) -> NDArray[np.float64]:
        """Factor on the inhibition that each cell receives from a population, shape (cells,)."""
        return self._joined(
            POPULATIONS, lambda name, n: inhibition_factor(self.P, pre, name, n, self.seed, self.replicate)
        )

    def weights(self, pathway: str, rows: Sequence[Connection], drawn: Synapses) -> dict[str, Array]:
        """Weights of every synapse of a pathway, by the names of the synapse's variables."""
        strength = self._strength(pathway, rows, drawn)
        fast = strength * self._inhibition(rows, drawn) if pathway == "inhibition" else strength
        values: dict[str, Array] = {}
        for receptor, name in WEIGHTS[pathway].items():
            of_row = [
                row.weights.get(receptor, 0.0)
                * weight_factor(self.P, row.pre, row.post, _LIKE.get(receptor, receptor))
                for row in rows
            ]
            # GABA that spills over reaches all alike
            values[name] = np.array(of_row)[drawn.row] * (strength if receptor == "gaba_b" else fast)
        if pathway == "from_sources":
            values["steady"] = np.array([row.steady for row in rows])[drawn.row]
        return values

    def delays(self, pathway: str, rows: Sequence[Connection], drawn: Synapses) -> Array:
        """Draw the delays of a central pathway, s: those between cord and brainstem are longer."""
        low, high = self.P["synapse.delay_low"], self.P["synapse.delay_high"]
        rng = stream(self.seed, self.replicate, f"delay.{pathway}")
        local: Array = rng.uniform(low, max(low, high), drawn.i.size)
        far = np.array([(row.pre in BRAINSTEM) != (row.post in BRAINSTEM) for row in rows])[drawn.row]
        return local + self.P["synapse.supraspinal_delay"] * far

    def _strength(self, pathway: str, rows: Sequence[Connection], drawn: Synapses) -> NDArray[np.float64]:
        """Factor on each synapse's weights: drugs change output, lost cells are silent, inputs vary."""
        release = [self._release(row) for row in rows]
        strength: NDArray[np.float64] = np.array(release)[drawn.row]
        if PATHWAYS[pathway][0] == "inhibitory":
            strength *= self.alive[drawn.i]
        if pathway in ("from_sources", "excitation"):
            strength *= self.excitability[drawn.j]
        if pathway in ("supraspinal", "descending"):
            to_cord = np.array([row.post not in SPARED for row in rows])[drawn.row]
            cell = drawn.i + self.first[PATHWAYS[pathway][0]]
            strength *= ~(to_cord & self.cut[cell])
        if pathway == "corticospinal":
            number, first = source_sizes(self.P)["CORTEX"], starts(source_sizes(self.P))["CORTEX"]
            cut = axons_cut(self.P, "CORTEX", number, self.seed, self.replicate)
            strength *= ~cut[drawn.i - first]
        return strength

    def _release(self, row: Connection) -> float:
        """Factor on what the axons of a row release, from receptors on them."""
        if row.pre not in POPULATIONS:
            return 1.0
        of = self.effects[row.pre]
        return of.release * of.ascending if row.post in MODULATING else of.release

    def _inhibition(self, rows: Sequence[Connection], drawn: Synapses) -> NDArray[np.float64]:
        """Factor on the fast inhibition by each synapse."""
        surround = np.array([row.pre == "GLY" for row in rows])[drawn.row]
        factor: NDArray[np.float64] = np.where(
            surround, self.inhibition("GLY")[drawn.j], self.inhibition("GABA_PV")[drawn.j]
        )
        return factor

    def _excitability(self, post: str, number: int) -> NDArray[np.float64]:
        sd = self.P.get(f"cell.{post}.excitation_sd", 0.0)
        draws = normals(self.seed, self.replicate, f"excitation.{post}", number)
        factor: NDArray[np.float64] = np.exp(sd * draws - sd**2 / 2)
        return factor

    def _joined(self, names: Sequence[str], of: Callable[[str, int], Array]) -> Array:
        """Values of the units of several populations, one population after the other."""
        return np.concatenate([of(name, self.sizes[name]) for name in names])
