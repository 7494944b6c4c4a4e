"""
Protocols of findings about effects that build up over minutes, by way of `dhmodel.protocol`.

Each takes the number of replicates and the seed, uses the default parameters but for what its text states,
and returns numbers by name, each of shape (replicate,).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dhmodel.evidence.protocols.runs import Floats
from dhmodel.slow.protocol import protocol

type Answer = dict[str, Floats]

OUTPUT = ("WDR", "PN")
"""Their summed firing under pinch stands for what the animal feels."""

LOOP: dict[str, Any] = {"epoch": "3 s", "tolerance": 0.05}
"""Short epochs and wide steps: relief changes by hundredths, what it is asked for by tenths."""

SEGMENT_DEAF = {"injury.denervation.AB": 1, "injury.denervation.IA": 1}
"""Columns that go on to the brainstem while nothing of them reaches the segment."""


def descending_share(replicates: int, seed: int) -> Answer:
    """Relief of an injured cord by half an hour of 50 Hz: whole, without descending axons, by them alone."""
    whole = relief(replicates, seed)
    cut = relief(replicates, seed, settings={"injury.descending": 0})
    alone = relief(replicates, seed, settings=SEGMENT_DEAF)
    return {"relief": whole, "share_cut": cut / whole, "loop_alone": alone}


def monoamines(replicates: int, seed: int) -> Answer:
    """Share of that relief that is left under antagonists of 5-HT1 and 5-HT2, and of alpha2 receptors."""
    return _left(replicates, seed, ("methysergide", "idazoxan"))


def muscarinic(replicates: int, seed: int) -> Answer:
    """Share of that relief that is left under muscarinic antagonists."""
    left = _left(replicates, seed, ("atropine", "mt3", "pirenzepine", "af_dx_116"))
    others = np.minimum(left["pirenzepine"], left["af_dx_116"])
    return left | {"m4_first": others - left["mt3"]}


def relief(
    replicates: int, seed: int, drug: str = "", settings: Mapping[str, object] | None = None
) -> Floats:
    """
    Share of the output under pinch that half an hour of 50 Hz takes away from a nerve-injured cord.

    Parameters
    ----------
    replicates, seed : int
    drug : str
        At full dose from the beginning, before stimulation too.
    settings : mapping of {str : object}, optional
        Values of parameters throughout.
    """
    entries: list[dict[str, Any]] = [
        {"name": "drug", "duration": "40 min", "drugs": {drug: 1.0}} if drug else {},
        {"name": "stimulation", "start": "10 min", "duration": "30 min", "paradigm": "tonic"},
    ]
    test = {"name": "pinch", "stimulus": "pinch", "at": ["9 min", "40 min"]}
    table = {"duration": "40 min", "state": "snl", "entries": [one for one in entries if one]}
    whole = {**table, "set": dict(settings or {}), "tests": [test]}
    ds = protocol(whole, seed=seed, replicates=replicates, **LOOP)
    before, after = ds["rate"].sel(population=list(OUTPUT)).sum("population").transpose("test", ...).values
    found: Floats = 1 - after / before
    return found


def _left(replicates: int, seed: int, drugs: tuple[str, ...]) -> Answer:
    """Relief under each drug, as a share of that without."""
    whole = relief(replicates, seed)
    return {drug: relief(replicates, seed, drug) / whole for drug in drugs}
