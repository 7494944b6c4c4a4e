"""What a state of the cord does to the circuit: injury knobs turned into factors and reversal potentials."""

from collections.abc import Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

from dhmodel.parameters.layout import BRAINSTEM, DESCENDING, HORN, REMOTE
from dhmodel.streams import normals, stream

__all__ = [
    "DEEP",
    "EXCITATORY",
    "INHIBITORY",
    "MODULATING",
    "PROJECTING",
    "axons_cut",
    "chloride_reversal",
    "denervated",
    "inhibition_factor",
    "survivors",
    "weight_factor",
]

EXCITATORY = ("EX", "TAC")
INHIBITORY = ("GABA_PV", "GABA_DYN", "GABA_ISL", "GLY")
#: Cells whose axons leave the cord for the brainstem, stay in it, or leave it for the cord.
PROJECTING = ("WDR", "PN", *REMOTE, *BRAINSTEM)
#: Cells of the rostral ventromedial medulla that answer noxious input.
MODULATING = ("ON", "OFF")
#: Noradrenergic cells: the locus coeruleus, and the group behind diffuse noxious inhibitory control.
NORADRENERGIC = ("NA", "A5")
#: What drugs to the segment and its injury do not reach.
SPARED = (*REMOTE, *BRAINSTEM)
#: Populations of the deep horn: faster glycine receptors, smaller chloride shift.
DEEP = ("TAC", "GLY", "WDR")

#: The parameters that multiply the weights of each receptor: what antagonists leave free, its scale (users
#: turn it) and the injury's share. Presynaptic receptors of descending axons have no scale.
_FACTORS = {
    "ampa": ("synapse.ampa.scale", "receptor.ampa.free"),
    "nmda": ("synapse.nmda.scale", "receptor.nmda.free"),
    "nk1": ("synapse.nk1.scale", "receptor.nk1.free"),
    "modulatory": ("synapse.modulatory.scale",),
    "gaba_a": ("synapse.gaba_a.scale", "receptor.gaba_a.free", "injury.gaba_a", "injury.gaba_release"),
    "gaba_b": ("synapse.gaba_b.scale", "receptor.gaba_b.free", "injury.gaba_release"),
    "glycine": ("synapse.glycine.scale", "receptor.glycine.free", "injury.glycine"),
    "pad": ("terminal.pad_scale", "receptor.gaba_a.free", "injury.pad", "injury.gaba_release"),
    "ht3": ("receptor.ht3.free", "injury.ht3"),
    "opioid": ("receptor.mu.free",),
    "alpha2": ("receptor.alpha2.free", "injury.alpha2"),
}

#: The same where descending axons open a conductance of their own: 5-HT1A by OFF cells, alpha2 by
#: noradrenergic cells, and 5-HT3 by ON cells, which stands as AMPA in the connection matrix.
_OF_DESCENDING = {
    ("OFF", "modulatory"): ("synapse.modulatory.scale", "receptor.ht1a.free"),
    ("NA", "modulatory"): ("synapse.modulatory.scale", "receptor.alpha2.free", "injury.alpha2"),
    ("A5", "modulatory"): ("synapse.modulatory.scale", "receptor.alpha2.free", "injury.alpha2"),
    ("ON", "ampa"): ("synapse.ampa.scale", "receptor.ht3.free"),
}


def chloride_reversal(P: Mapping[str, float], population: str) -> float:
    """Chloride reversal potential of a population, V: it rises as KCC2 is lost (Coull et al. 2003)."""
    if population not in HORN:
        return P["chloride.reversal"]
    share = P["chloride.deep_share"] if population in DEEP else 1.0
    return P["chloride.reversal"] + P["chloride.shift"] * (1 - P["injury.kcc2"]) * share


def weight_factor(P: Mapping[str, float], pre: str, post: str, receptor: str) -> float:
    """
    Factor on a synaptic weight from drugs (receptors left free), receptor scales and injury.

    All of them are those of the segment: synapses onto the brainstem and the remote segment are spared, but
    for what the injured segment itself sends to ON and OFF cells.
    """
    if post in SPARED:
        return P["injury.ascending"] if pre == "PN" and post in MODULATING else 1.0
    factor = prod(P[path] for path in _OF_DESCENDING.get((pre, receptor), _FACTORS[receptor]))
    if pre == "EX" and post in INHIBITORY:
        factor *= P["injury.ex_to_inh"]
    if pre == "EX" and post == "EX":
        factor *= P["injury.ex_to_ex"]
    if pre in NORADRENERGIC:
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


def axons_cut(
    P: Mapping[str, float], population: str, number: int, seed: int, replicate: int
) -> NDArray[np.bool_]:
    """Which cells of the brainstem or the cortex have axons that no longer reach the segment, (number,)."""
    descends = population in (*DESCENDING, "CORTEX")
    lost = number - round(P["injury.descending"] * number) if descends else 0
    cut = np.zeros(number, dtype=bool)
    if lost:
        cut[stream(seed, replicate, f"descending.cut.{population}").permutation(number)[:lost]] = True
    return cut


def denervated(
    P: Mapping[str, float], fibre_class: str, number: int, seed: int, replicate: int
) -> NDArray[np.bool_]:
    """Which fibres of a class have lost their terminals in the horn, shape (number,)."""
    lost = round(P[f"injury.denervation.{fibre_class}"] * number)
    chosen = np.zeros(number, dtype=bool)
    chosen[stream(seed, replicate, f"denervation.{fibre_class}").permutation(number)[:lost]] = True
    return chosen


def inhibition_factor(
    P: Mapping[str, float], pre: str, post: str, number: int, seed: int, replicate: int
) -> NDArray[np.float64]:
    """Factor on the inhibition that each cell of `post` receives from `pre`, shape (number,).

    One draw serves the glycinergic surround (``GLY``), another all other inhibitory populations.
    """
    kind = "surround" if pre == "GLY" else "local"
    spread = P.get(f"cell.{post}.{kind}_sd", 0.0)
    factor: NDArray[np.float64] = np.exp(
        spread * normals(seed, replicate, f"inhibition.{kind}.{post}", number)
    )
    return factor
