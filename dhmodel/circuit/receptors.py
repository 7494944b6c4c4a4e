"""What activated receptors do to cells and terminals, from the parameters below ``receptor``.

A receptor is active by ``activation * free``: what the cord releases or a drug gives, times the fraction that
no antagonist holds. Effects are linear in it and stand relative to ``tone``, for the default values of
everything else contain the tone. What descending axons do with every spike is not here: it passes through
the synapses, whose weights `conditions.weight_factor` multiplies by ``free``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from types import MappingProxyType

from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import FIBRE_CLASSES, POPULATIONS
from dhmodel.parameters.resolved import Items

__all__ = ["Effects", "receptor_effects"]

#: What injury leaves or adds of a receptor's effect: (receptor, effect) -> parameters that multiply it.
_LEFT = {
    ("gaba_a", "chloride"): ("injury.gaba_a",),
    ("gaba_a", "release"): ("injury.pad",),
    ("alpha2", "potassium"): ("injury.alpha2",),
    ("alpha2", "release"): ("injury.alpha2",),
}

#: Effects that are factors on release, of fibres and of populations, or on that of the ascending axons of a
#: population onto ON and OFF cells alone; the others add up. Kind of effect -> attribute of `Effects`.
_FACTORS = {"release": "release", "output": "release", "ascending": "ascending"}


@dataclass(frozen=True)
class Effects:
    """What all receptors together do to one population or fibre class, relative to the tone.

    Attributes
    ----------
    potassium, chloride : float
        Conductances opened, S; negative where an antagonist takes away a tone.
    current : float
        A, depolarising if positive.
    release : float
        Factor on what its terminals or synapses release.
    ascending : float
        Factor on what its axons release onto ON and OFF cells, beside `release`.
    """

    potassium: float = 0.0
    chloride: float = 0.0
    current: float = 0.0
    release: float = 1.0
    ascending: float = 1.0


def receptor_effects(P: Parameters) -> Mapping[str, Effects]:
    """Add up what all receptors do to each population and each fibre class, by its name."""
    return _receptor_effects(P.below("receptor", "injury"))


@lru_cache(maxsize=64)
def _receptor_effects(numbers: Items) -> Mapping[str, Effects]:
    P = Parameters(dict(numbers))
    sums: dict[str, dict[str, float]] = {name: {} for name in (*POPULATIONS, *FIBRE_CLASSES)}
    factors = {name: {"release": 1.0, "ascending": 1.0} for name in sums}
    for path, size in P.section("receptor").items():
        if path.count(".") == 1:
            continue  # not an effect: free, activation, tone
        receptor, kind, target = path.split(".")
        active, tone = _activation(P, receptor, kind), P[f"receptor.{receptor}.tone"]
        if kind in _FACTORS:
            factors[target][_FACTORS[kind]] *= max(1 + size * active, 0.0) / (1 + size * tone)
        else:
            sums[target][kind] = sums[target].get(kind, 0.0) + size * (active - tone)
    return MappingProxyType({name: Effects(**sums[name], **factors[name]) for name in sums})


def _activation(P: Mapping[str, float], receptor: str, kind: str) -> float:
    """Activation of a receptor as far as one of its effects goes, injury included."""
    left = prod(P[path] for path in _LEFT.get((receptor, kind), ()))
    return P[f"receptor.{receptor}.activation"] * P[f"receptor.{receptor}.free"] * left
