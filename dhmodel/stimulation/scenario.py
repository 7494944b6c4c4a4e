"""Rival mechanisms of a paradigm on which the evidence disagrees: what each adds to what the fibres do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dhmodel.parameters import choice
from dhmodel.stimulation.paradigms import Paradigm

__all__ = ["Effect", "effect"]

#: Cells that a direct current is thought to reach: inhibitory ones of the superficial horn (Lee et al. 2020).
_INHIBITORY = ("GABA_DYN", "GABA_ISL")


@dataclass(frozen=True)
class Effect:
    """
    What a scenario adds while the stimulation is on.

    Attributes
    ----------
    gain : float
        Factor on the current as the fibres meet it.
    blocked : float
        Fraction of the dorsal-column fibres of which no spike, natural or evoked, reaches the horn.
    currents : mapping of {str : float}
        Population to a current into its cells, in A.
    """

    gain: float = 1.0
    blocked: float = 0.0
    currents: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def effect(P: Mapping[str, float], paradigm: Paradigm) -> Effect:
    """
    The effect of the scenario that is chosen for a paradigm; none where it has no scenarios.

    ``sparse_abeta`` adds nothing: it is what the fibre model yields.
    """
    if not paradigm.scenario:
        return Effect()
    group = paradigm.scenario.rpartition(".")[0]
    return _SCENARIOS[choice(P, paradigm.scenario)](P, group)


def _inhibitory_drive(P: Mapping[str, float], group: str) -> Effect:
    """A current that grows with the rate of pulses, as what a field does to a membrane may sum up."""
    faster = P[f"{group}.frequency"] / P[f"{group}.inhibitory_rate"]
    current = P[f"{group}.inhibitory_current"] * faster ** P[f"{group}.inhibitory_power"]
    return Effect(currents=dict.fromkeys(_INHIBITORY, current))


_SCENARIOS: Mapping[str, Callable[[Mapping[str, float], str], Effect]] = {
    "sparse_abeta": lambda P, group: Effect(),
    "inhibitory_drive": _inhibitory_drive,
    "conduction_block": lambda P, group: Effect(blocked=P[f"{group}.block_fraction"]),
    "desynchronised_abeta": lambda P, group: Effect(gain=P[f"{group}.desynchronised_gain"]),
}
