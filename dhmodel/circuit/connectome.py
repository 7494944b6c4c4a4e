"""Wiring as arrays: fixed in-degree per target cell, so every seed has the same number of synapses."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dhmodel.circuit.conditions import EXCITATORY, INHIBITORY, inhibition_factor, survivors, weight_factor
from dhmodel.errors import InputError
from dhmodel.parameters.layout import (
    FIBRE_CLASSES,
    POPULATIONS,
    SOURCES,
    population_sizes,
    source_sizes,
    starts,
    surround,
)
from dhmodel.streams import stream

__all__ = ["WEIGHTS", "Connection", "connections", "synapse_counts", "wiring"]

#: Weight names of each pathway: parameter leaf -> variable of the synapse.
WEIGHTS = {
    "from_sources": {"ampa": "ampa", "nmda": "nmda", "nk1": "nk1", "modulatory": "mod"},
    "excitation": {"ampa": "ampa", "nmda": "nmda"},
    "inhibition": {"gaba_a": "gaba_a", "glycine": "glycine", "gaba_b": "gaba_b"},
    "presynaptic": {"pad": "jump"},
    "descending": {"opioid": "opioid_jump", "alpha2": "alpha2_jump", "ht3": "ht3_jump"},
}


@dataclass(frozen=True)
class Connection:
    """One row of the connection matrix."""

    pre: str
    post: str
    in_degree: int
    weights: Mapping[str, float]

    @property
    def pathway(self) -> str:
        """Pathway that carries it; InputError if nothing does."""
        source, cell = (
            self.pre.removesuffix("_centre").removesuffix("_surround") in SOURCES,
            self.post in POPULATIONS,
        )
        if source and cell:
            return "from_sources"
        if self.pre in EXCITATORY and cell:
            return "excitation"
        if self.pre in INHIBITORY:
            return "inhibition" if cell else "presynaptic"
        if source and self.post in FIBRE_CLASSES:
            return "descending"
        raise InputError(
            f"connection.{self.pre}.{self.post}: no pathway leads from {self.pre} to {self.post}"
        )


def connections(P: Mapping[str, float]) -> list[Connection]:
    """Rows of the connection matrix, from the parameters below ``connection``."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for path, value in P.section("connection").items():
        pre, post, leaf = path.split(".")
        rows.setdefault((pre, post), {})[leaf] = value
    return [
        Connection(pre, post, int(row["in_degree"]), {k: v for k, v in row.items() if k != "in_degree"})
        for (pre, post), row in rows.items()
    ]


def synapse_counts(P: Mapping[str, float]) -> dict[str, int]:
    """Number of synapses per pathway: it depends on sizes and in-degrees only."""
    sizes = population_sizes(P) | source_sizes(P)
    counts = dict.fromkeys(WEIGHTS, 0)
    for row in connections(P):
        counts[row.pathway] += row.in_degree * sizes[row.post]
    return counts


def wiring(P: Mapping[str, float], seed: int, replicate: int) -> dict[str, np.ndarray]:
    """Draw the connectome.

    Returns
    -------
    dict of {str : ndarray}
        Per pathway: ``.i`` and ``.j`` (indices within the pathway's ranges, see `structure.PATHWAYS`), one array per weight
        (SI units), and ``.delay`` (s) for central pathways. Sorted by source.
    """
    arrays: dict[str, np.ndarray] = {}
    rows = connections(P)
    for pathway in WEIGHTS:
        parts = [_draw(P, row, seed, replicate) for row in rows if row.pathway == pathway]
        joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        order = np.argsort(joined["i"], kind="stable")
        arrays |= {f"{pathway}.{key}": value[order] for key, value in joined.items()}
        if pathway in ("excitation", "inhibition"):
            low, high = P["synapse.delay_low"], max(P["synapse.delay_low"], P["synapse.delay_high"])
            arrays[f"{pathway}.delay"] = stream(seed, replicate, f"delay.{pathway}").uniform(
                low, high, order.size
            )
    return arrays


def _draw(P, row: Connection, seed, replicate) -> dict[str, np.ndarray]:
    sizes = population_sizes(P) | source_sizes(P)
    n_post, pathway = sizes[row.post], row.pathway
    candidates = _candidates(P, row.pre)
    chosen = _choose(
        stream(seed, replicate, f"wiring.{row.pre}.{row.post}"),
        n_post,
        len(candidates),
        row.in_degree,
        exclude_self=row.pre == row.post,
    )
    first = _first(P, pathway)
    part = {
        "i": first[row.pre.removesuffix("_centre").removesuffix("_surround")] + candidates[chosen].ravel(),
        "j": np.repeat(_post_start(P, row.post) + np.arange(n_post), row.in_degree),
    }
    alive = survivors(P, row.pre, len(candidates), seed, replicate)[chosen].ravel()
    spread = (
        inhibition_factor(P, row.pre, row.post, n_post, seed, replicate)
        if pathway == "inhibition"
        else np.ones(n_post)
    )
    for leaf, name in WEIGHTS[pathway].items():
        weight = row.weights.get(leaf, 0.0) * weight_factor(P, row.pre, row.post, leaf)
        part[name] = weight * alive * np.repeat(spread, row.in_degree)
    return part


def _candidates(P, pre) -> np.ndarray:
    """Units of a class, or of one part of Abeta, that may be presynaptic; indices within the class."""
    if pre in ("AB_centre", "AB_surround"):
        return np.flatnonzero(surround(P) == (pre == "AB_surround"))
    return np.arange((population_sizes(P) | source_sizes(P))[pre])


def _choose(rng, n_post, n_pre, in_degree, exclude_self) -> np.ndarray:
    """Choose `in_degree` of `n_pre` per target, without repetition where there are enough; shape (n_post, in_degree)."""
    lottery = rng.random((n_post, n_pre))
    if exclude_self:
        np.fill_diagonal(lottery, 2.0)
    ranked = np.argsort(lottery, axis=1)[:, : n_pre - exclude_self]
    return np.take(ranked, np.arange(in_degree) % ranked.shape[1], axis=1)


def _first(P, pathway) -> dict[str, int]:
    """Index of each class's first unit within the presynaptic range of a pathway."""
    if pathway in ("from_sources", "descending"):
        return starts(source_sizes(P))
    first = starts(population_sizes(P))
    range_start = first[EXCITATORY[0] if pathway == "excitation" else INHIBITORY[0]]
    return {name: start - range_start for name, start in first.items()}


def _post_start(P, post) -> int:
    return (starts(population_sizes(P)) if post in POPULATIONS else starts(source_sizes(P)))[post]
