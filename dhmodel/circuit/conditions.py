"""What a state of the cord does to the circuit: injury knobs turned into factors and reversal potentials."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dhmodel.streams import stream

__all__ = [
    "DEEP",
    "EXCITATORY",
    "INHIBITORY",
    "chloride_reversal",
    "inhibition_factor",
    "survivors",
    "weight_factor",
]

EXCITATORY = ("EX", "TAC")
INHIBITORY = ("GABA_PV", "GABA_DYN", "GABA_ISL", "GLY")
#: Populations of the deep horn: faster glycine receptors, smaller chloride shift.
DEEP = ("TAC", "GLY", "WDR")

#: The parameters that multiply the weights of each receptor: its scale (drugs turn it) and the injury's
#: share. Presynaptic receptors of descending axons have none of their own.
_FACTORS = {
    "ampa": ("synapse.ampa.scale",),
    "nmda": ("synapse.nmda.scale",),
    "nk1": ("synapse.nk1.scale",),
    "modulatory": ("synapse.modulatory.scale",),
    "gaba_a": ("synapse.gaba_a.scale", "injury.gaba_a"),
    "gaba_b": ("synapse.gaba_b.scale", "injury.gaba_a"),
    "glycine": ("synapse.glycine.scale", "injury.glycine"),
    "pad": ("terminal.pad_scale", "injury.pad"),
    "ht3": ("injury.ht3",),
    "opioid": (),
    "alpha2": (),
}


def chloride_reversal(P: Mapping[str, float], population: str) -> float:
    """Chloride reversal potential of a population, V: it rises as KCC2 is lost (Coull et al. 2003)."""
    share = P["chloride.deep_share"] if population in DEEP else 1.0
    return P["chloride.reversal"] + P["chloride.shift"] * (1 - P["injury.kcc2"]) * share


def weight_factor(P: Mapping[str, float], pre: str, post: str, receptor: str) -> float:
    """Factor on a synaptic weight from drugs (receptor scales) and injury."""
    factor = 1.0
    for path in _FACTORS[receptor]:
        factor *= P[path]
    if pre == "EX" and post in INHIBITORY:
        factor *= P["injury.ex_to_inh"]
    if pre == "EX" and post == "EX":
        factor *= P["injury.ex_to_ex"]
    if pre == "NA":
        factor *= P["injury.noradrenaline"]
    return factor


def survivors(
    P: Mapping[str, float], population: str, number: int, seed: int, replicate: int
) -> NDArray[np.bool_]:
    """Which cells of an inhibitory population are alive, shape (number,); all cells of any other are."""
    alive = np.ones(number, dtype=bool)
    lost = round(P["injury.inhibitory_loss"] * number) if population in INHIBITORY else 0
    if lost:
        alive[stream(seed, replicate, f"loss.{population}").permutation(number)[:lost]] = False
    return alive


def inhibition_factor(
    P: Mapping[str, float], pre: str, post: str, number: int, seed: int, replicate: int
) -> NDArray[np.float64]:
    """Factor on the inhibition that each cell of `post` receives from `pre`, shape (number,).

    One draw serves the glycinergic surround (``GLY``), another all other inhibitory populations.
    """
    kind = "surround" if pre == "GLY" else "local"
    spread = P[f"cell.{post}.{kind}_sd"]
    factor: NDArray[np.float64] = np.exp(
        spread * stream(seed, replicate, f"inhibition.{kind}.{post}").standard_normal(number)
    )
    return factor
