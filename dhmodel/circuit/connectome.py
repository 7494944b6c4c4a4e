"""Wiring as arrays: fixed in-degree per target cell, so every seed has the same number of synapses."""

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
    source_sizes,
    starts,
    surround,
)
from dhmodel.streams import stream

__all__ = ["WEIGHTS", "Array", "Connection", "connections", "synapse_counts", "wiring"]

type Array = NDArray[Any]

#: Weights of each pathway: parameter leaf -> variable of the synapse.
WEIGHTS = {
    "from_sources": {"ampa": "ampa", "nmda": "nmda", "nk1": "nk1", "modulatory": "mod"},
    "excitation": {"ampa": "ampa", "nmda": "nmda"},
    "inhibition": {"gaba_a": "gaba_a", "glycine": "glycine", "gaba_b": "gaba_b"},
    "presynaptic": {"pad": "jump"},
    "descending": {"opioid": "opioid_jump", "alpha2": "alpha2_jump", "ht3": "ht3_jump"},
}

#: Parts of a class by name: the class, and whether it is the part in the surround of the receptive field.
PARTS = {"AB_centre": ("AB", False), "AB_surround": ("AB", True)}


@dataclass(frozen=True)
class Connection:
    """One row of the connection matrix.

    Parameters
    ----------
    pre, post : str
        Classes of units; `pre` may be a part of one (``AB_centre``, ``AB_surround``).
    in_degree : int
        Synapses per target.
    weights : mapping of {str : float}
        Peak conductance (S) or jump (1) of one synapse, by receptor.

    Raises
    ------
    InputError
        If no pathway leads from `pre` to `post`, or it has no such receptor.
    """

    pre: str
    post: str
    in_degree: int
    weights: Mapping[str, float]
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

    @property
    def pre_class(self) -> str:
        """Class that `pre` is, or is a part of."""
        return PARTS[self.pre][0] if self.pre in PARTS else self.pre

    def _find_pathway(self) -> str:
        to_cell, to_fibre = self.post in POPULATIONS, self.post in FIBRE_CLASSES
        if self.pre_class in SOURCES and to_cell:
            return "from_sources"
        if self.pre_class in DESCENDING and to_fibre:
            return "descending"
        if self.pre_class in EXCITATORY and to_cell:
            return "excitation"
        if self.pre_class in INHIBITORY and (to_cell or to_fibre):
            return "inhibition" if to_cell else "presynaptic"
        raise InputError(f"{self.name}: no pathway leads from {self.pre} to {self.post}")


def connections(P: Parameters) -> list[Connection]:
    """Rows of the connection matrix, from the parameters below ``connection``."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for path, value in P.section("connection").items():
        pre, post, leaf = path.split(".")
        rows.setdefault((pre, post), {})[leaf] = value
    return [Connection(pre, post, int(row.pop("in_degree")), row) for (pre, post), row in rows.items()]


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
    def in_surround(self) -> NDArray[np.bool_]:
        return surround(self.P)

    @cached_property
    def effects(self) -> dict[str, Effects]:
        return receptor_effects(self.P)

    def synapses(self, row: Connection) -> dict[str, Array]:
        """Draw the synapses of one row: source, target and weights of each."""
        n_post = self.sizes[row.post]
        candidates = self._candidates(row)
        rng = stream(self.seed, self.replicate, f"wiring.{row.pre}.{row.post}")
        # A part that has no fibres sends nothing: there must be as many synapses, but they weigh nothing.
        pool = candidates if candidates.size else np.arange(self.sizes[row.pre_class])
        chosen = pool[
            _choose(rng, n_post, pool.size, row.in_degree, exclude_self=row.pre == row.post)
        ].ravel()
        strength = self._strength(row, chosen) if candidates.size else np.zeros(chosen.size)
        part = {
            "i": self._first_in_range(row) + chosen,
            "j": np.repeat(self.first[row.post] + np.arange(n_post), row.in_degree),
        }
        for receptor, name in WEIGHTS[row.pathway].items():
            weight = row.weights.get(receptor, 0.0) * weight_factor(self.P, row.pre, row.post, receptor)
            part[name] = weight * strength
        return part

    def delays(self, pathway: str, number: int) -> Array:
        """Draw the delays of a central pathway, s."""
        low, high = self.P["synapse.delay_low"], self.P["synapse.delay_high"]
        return stream(self.seed, self.replicate, f"delay.{pathway}").uniform(low, max(low, high), number)

    def _candidates(self, row: Connection) -> Array:
        """Units that may be presynaptic, index within their class."""
        if row.pre in PARTS:
            return np.flatnonzero(self.in_surround == PARTS[row.pre][1])
        return np.arange(self.sizes[row.pre])

    def _strength(self, row: Connection, chosen: Array) -> Array:
        """Factor on each synapse's weights: drugs change output, lost cells are silent, inhibition varies."""
        strength = np.full(chosen.size, self.effects[row.pre].release if row.pre in POPULATIONS else 1.0)
        if row.pre in INHIBITORY:
            strength *= self.alive[row.pre][chosen]
        if row.pathway == "inhibition":
            n_post = self.sizes[row.post]
            spread = inhibition_factor(self.P, row.pre, row.post, n_post, self.seed, self.replicate)
            strength *= np.repeat(spread, row.in_degree)
        return strength

    def _first_in_range(self, row: Connection) -> int:
        """Index of the presynaptic class's first unit within the presynaptic range of its pathway."""
        if row.pre_class in SOURCES:
            return self.first[row.pre_class]
        return self.first[row.pre] - self.first[(EXCITATORY if row.pre in EXCITATORY else INHIBITORY)[0]]


def _choose(
    rng: np.random.Generator, n_post: int, n_pre: int, in_degree: int, exclude_self: bool
) -> NDArray[np.int64]:
    """Choose `in_degree` of `n_pre` per target, shape (n_post, in_degree).

    Without repetition where there are enough; else everyone is chosen about equally often.
    """
    lottery = rng.random((n_post, n_pre))
    if exclude_self:
        np.fill_diagonal(lottery, 2.0)
    ranked = np.argsort(lottery, axis=1)[:, : n_pre - exclude_self]
    chosen: NDArray[np.int64] = np.take(ranked, np.arange(in_degree) % ranked.shape[1], axis=1)
    return chosen
