"""Wiring as arrays: fixed in-degree per target cell, so every seed has the same number of synapses."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.circuit.conditions import EXCITATORY, INHIBITORY, inhibition_factor, survivors, weight_factor
from dhmodel.circuit.receptors import Effects, receptor_effects
from dhmodel.circuit.structure import DELAYED
from dhmodel.errors import InputError, unknown
from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import (
    DESCENDING,
    FIBRE_CLASSES,
    POPULATIONS,
    SOURCES,
    population_sizes,
    positions,
    source_sizes,
    starts,
)
from dhmodel.streams import stream

__all__ = ["WEIGHTS", "Array", "Connection", "connections", "synapse_counts", "wiring"]

type Array = NDArray[Any]

#: Weights of each pathway: parameter leaf -> variable of the synapse.
WEIGHTS = {
    "from_sources": {"ampa": "ampa", "nmda": "nmda", "nk1": "nk1", "modulatory": "mod"},
    "excitation": {"ampa": "ampa", "nmda": "nmda"},
    "inhibition": {"gaba_a": "gaba_a", "glycine": "glycine", "gaba_b": "gaba_b"},
    "presynaptic": {"pad": "jump", "pad_slow": "slow_jump", "gaba_b": "gaba_b_jump"},
    "descending": {"opioid": "opioid_jump", "alpha2": "alpha2_jump", "ht3": "ht3_jump"},
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

    def _find_pathway(self) -> str:
        to_cell, to_fibre = self.post in POPULATIONS, self.post in FIBRE_CLASSES
        if self.pre in SOURCES and to_cell:
            return "from_sources"
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
    drawing = _Drawing(P, seed, replicate)
    arrays: dict[str, Array] = {}
    rows = [row for row in connections(P) if row.in_degree]
    for pathway in dict.fromkeys(row.pathway for row in rows):
        parts = [drawing.synapses(row) for row in rows if row.pathway == pathway]
        joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        order = np.argsort(joined["i"], kind="stable")
        arrays |= {f"{pathway}.{key}": value[order] for key, value in joined.items()}
        if pathway in DELAYED:
            arrays[f"{pathway}.delay"] = drawing.delays(pathway, order.size)
    return arrays


@dataclass(frozen=True)
class _Drawing:
    """The draws of one replicate, with what all of them need of the circuit."""

    P: Parameters
    seed: int
    replicate: int

    @cached_property
    def sizes(self) -> dict[str, int]:
        return population_sizes(self.P) | source_sizes(self.P)

    @cached_property
    def first(self) -> dict[str, int]:
        """Index of the first unit of each class among all cells, or among all sources."""
        return starts(population_sizes(self.P)) | starts(source_sizes(self.P))

    @cached_property
    def alive(self) -> dict[str, NDArray[np.bool_]]:
        return {
            name: survivors(self.P, name, self.sizes[name], self.seed, self.replicate) for name in INHIBITORY
        }

    @cached_property
    def effects(self) -> dict[str, Effects]:
        return receptor_effects(self.P)

    def synapses(self, row: Connection) -> dict[str, Array]:
        """Draw the synapses of one row: source, target and weights of each."""
        rng = stream(self.seed, self.replicate, f"wiring.{row.pre}.{row.post}")
        ordered = np.argsort(positions(self.P, row.pre), kind="stable")
        chosen = ordered[_choose(rng, self._preference(row)[:, ordered], row.in_degree)].ravel()
        strength = self._strength(row, chosen)
        n_post = self.sizes[row.post]
        part: dict[str, Array] = {
            "i": self._first_in_range(row) + chosen,
            "j": np.repeat(self.first[row.post] + np.arange(n_post), row.in_degree),
        }
        for receptor, name in WEIGHTS[row.pathway].items():
            factor = weight_factor(self.P, row.pre, row.post, _LIKE.get(receptor, receptor))
            part[name] = row.weights.get(receptor, 0.0) * factor * strength
            if row.pathway == "inhibition" and receptor != "gaba_b":
                part[name] = part[name] * self._inhibition(row)
        if row.pathway == "from_sources":
            part["steady"] = np.full(chosen.size, row.steady)
        return part

    def delays(self, pathway: str, number: int) -> Array:
        """Draw the delays of a central pathway, s."""
        low, high = self.P["synapse.delay_low"], self.P["synapse.delay_high"]
        return stream(self.seed, self.replicate, f"delay.{pathway}").uniform(low, max(low, high), number)

    def _preference(self, row: Connection) -> NDArray[np.float64]:
        """Logarithm of how likely each unit is chosen by each target, shape (targets, units)."""
        far = positions(self.P, row.post)[:, None] - positions(self.P, row.pre)[None, :]
        preference: NDArray[np.float64] = -((far / row.width) ** 2) / 2
        if row.gap:
            # A floor, for whoever lies in the very middle is unlikely but not impossible.
            preference += np.log(np.maximum(-np.expm1(-((far / row.gap) ** 2) / 2), 1e-6))
        if row.pre == row.post:
            np.fill_diagonal(preference, -np.inf)
        return preference

    def _strength(self, row: Connection, chosen: Array) -> Array:
        """Factor on each synapse's weights: drugs change output, lost cells are silent, inputs vary."""
        strength = np.full(chosen.size, self.effects[row.pre].release if row.pre in POPULATIONS else 1.0)
        if row.pre in INHIBITORY:
            strength *= self.alive[row.pre][chosen]
        if row.pathway != "inhibition" and row.post in POPULATIONS and row.pre not in DESCENDING:
            strength *= np.repeat(self._excitability(row.post), row.in_degree)
        return strength

    def _inhibition(self, row: Connection) -> Array:
        """Factor on the fast inhibition by each synapse; GABA that spills over reaches all cells alike."""
        n_post = self.sizes[row.post]
        spread = inhibition_factor(self.P, row.pre, row.post, n_post, self.seed, self.replicate)
        return np.repeat(spread, row.in_degree)

    def _excitability(self, post: str) -> NDArray[np.float64]:
        """Factor on all excitation that each cell of `post` receives, lognormal with mean 1."""
        sd = self.P[f"cell.{post}.excitation_sd"]
        rng = stream(self.seed, self.replicate, f"excitation.{post}")
        factor: NDArray[np.float64] = np.exp(sd * rng.standard_normal(self.sizes[post]) - sd**2 / 2)
        return factor

    def _first_in_range(self, row: Connection) -> int:
        """Index of the presynaptic class's first unit within the presynaptic range of its pathway."""
        if row.pre in SOURCES:
            return self.first[row.pre]
        return self.first[row.pre] - self.first[(EXCITATORY if row.pre in EXCITATORY else INHIBITORY)[0]]


def _choose(rng: np.random.Generator, preference: NDArray[np.float64], in_degree: int) -> NDArray[np.int64]:
    """Choose `in_degree` inputs per target, shape (targets, in_degree).

    `preference` is the logarithm of their chances, shape (targets, units), units in the order of their
    places. One input comes from each of `in_degree` equal shares of the chances (stratified sampling), so
    that inputs keep their spatial profile in a circuit of any size; a unit that is worth more than a share
    is chosen more than once, as a fibre that makes several contacts.
    """
    chances = np.cumsum(np.exp(preference - preference.max(axis=1, keepdims=True)), axis=1)
    chances /= chances[:, -1:]
    shares = (np.arange(in_degree) + rng.random((len(chances), in_degree))) / in_degree
    rows = np.arange(len(chances))[:, None]
    # one sorted array for all targets: the chances of target n lie between n and n + 1
    found = np.searchsorted((chances + rows).ravel(), (shares + rows).ravel(), side="right")
    chosen: NDArray[np.int64] = found.reshape(shares.shape) - rows * chances.shape[1]
    return np.minimum(chosen, chances.shape[1] - 1)
