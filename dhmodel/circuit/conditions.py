"""What a state of the cord does to the circuit: injury knobs turned into factors and reversal potentials."""

from collections.abc import Mapping

import numpy as np

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

_INJURED_RECEPTOR = {
    "gaba_a": "injury.gaba_a",
    "gaba_b": "injury.gaba_a",
    "glycine": "injury.glycine",
    "pad": "injury.pad",
    "ht3": "injury.ht3",
}
_RECEPTOR_SCALE = {"pad": "terminal.pad_scale"}


def chloride_reversal(P: Mapping[str, float], population: str) -> float:
    """Chloride reversal potential of a population, V: it rises as KCC2 is lost (Coull et al. 2003)."""
    share = P["chloride.deep_share"] if population in DEEP else 1.0
    return P["chloride.reversal"] + P["chloride.shift"] * (1 - P["injury.kcc2"]) * share


def weight_factor(P: Mapping[str, float], pre: str, post: str, receptor: str) -> float:
    """Factor on a synaptic weight from drugs (receptor scales) and injury."""
    factor = P.get(_RECEPTOR_SCALE.get(receptor, f"synapse.{receptor}.scale"), 1.0)
    factor *= P.get(_INJURED_RECEPTOR.get(receptor, ""), 1.0)
    if pre == "EX" and post in INHIBITORY:
        factor *= P["injury.ex_to_inh"]
    if pre == "EX" and post == "EX":
        factor *= P["injury.ex_to_ex"]
    if pre == "NA":
        factor *= P["injury.noradrenaline"]
    return factor


def survivors(P: Mapping[str, float], population: str, number: int, seed: int, replicate: int) -> np.ndarray:
    """Which cells of an inhibitory population are alive, bool of shape (number,)."""
    alive = np.ones(number, dtype=bool)
    lost = round(P["injury.inhibitory_loss"] * number) if population in INHIBITORY else 0
    alive[stream(seed, replicate, f"loss.{population}").permutation(number)[:lost]] = False
    return alive


def inhibition_factor(
    P: Mapping[str, float], pre: str, post: str, number: int, seed: int, replicate: int
) -> np.ndarray:
    """Factor on the inhibition that each cell receives, shape (number,); one draw for glycinergic surround, one for the rest."""
    if pre not in INHIBITORY:
        return np.ones(number)
    kind = "surround" if pre == "GLY" else "local"
    spread = P[f"cell.{post}.{kind}_sd"]
    return np.exp(spread * stream(seed, replicate, f"inhibition.{kind}.{post}").standard_normal(number))
