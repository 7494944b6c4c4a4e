"""Cells and terminals as arrays: one value per unit, drawn around the class's mean where it has a spread."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.circuit.conditions import DEEP, INHIBITORY, chloride_reversal, denervated
from dhmodel.circuit.receptors import Effects, receptor_effects
from dhmodel.errors import InputError
from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import FIBRE_CLASSES, population_sizes, source_sizes, starts
from dhmodel.streams import normals, stream

__all__ = [
    "PATTERNS",
    "cell_arrays",
    "cell_constants",
    "firing_pattern",
    "has_a_current",
    "peak_gain",
    "source_arrays",
]

#: Firing patterns, in the order in which the cells of a population take them.
PATTERNS = ("delayed", "gap", "initial_burst", "tonic")

#: What presynaptic receptors do to release, one gain per fibre class.
GAINS = ("pad_gain", "gaba_b_gain", "opioid_gain", "alpha2_gain", "ht3_gain")

#: Spread of the membrane potential at the start, V; the warm-up forgets it.
INITIAL_SPREAD = 2e-3

#: Last spike of a unit that has not fired yet, s: long enough ago for any recovery.
NEVER = -1e6

type Array = NDArray[Any]


def peak_gain(rise: float, decay: float) -> float:
    """Rate (1/s) at which the rising state must feed the decaying one for a peak of one per unit jump."""
    if np.isclose(rise, decay, rtol=1e-6):
        return math.e / decay  # the limit: an alpha function
    peak_time = rise * decay / (decay - rise) * np.log(decay / rise)
    peak = np.exp(-peak_time / decay) - np.exp(-peak_time / rise)
    return float((decay - rise) / (rise * decay * peak))


def firing_pattern(P: Mapping[str, float], population: str, number: int) -> NDArray[np.str_]:
    """Firing pattern of each cell, shape (number,): `PATTERNS` in order, the tonic cells being the rest.

    Raises
    ------
    InputError
        If the stated fractions add up to more than one.
    """
    paths = [f"circuit.{population}.{pattern}" for pattern in PATTERNS[:-1]]
    stated = {path: P[path] for path in paths if path in P}
    if sum(stated.values()) > 1 + 1e-9:
        raise InputError(f"{' and '.join(stated)}: got {sum(stated.values()):g} together, allowed: at most 1")
    counts: list[int] = []
    for path in paths:
        # all of them may have been rounded up
        counts.append(min(round(stated.get(path, 0.0) * number), number - sum(counts)))
    return np.repeat(PATTERNS, [*counts, number - sum(counts)])


def has_a_current(P: Mapping[str, float], population: str, number: int) -> bool:
    """
    Whether a population may have delayed or gap cells, which have an A current and are its first ones.

    Stated fractions decide it, not how many cells they make: that is no part of the circuit's structure.
    """
    firing_pattern(P, population, number)  # complains of fractions that cannot be
    return any(P.get(f"circuit.{population}.{pattern}", 0.0) > 0 for pattern in ("delayed", "gap"))


def cell_arrays(P: Parameters, seed: int, replicate: int) -> dict[str, Array]:
    """Parameters and initial states of the cells, by the names of `equations.CELL`; SI, shape (cells,)."""
    effects = receptor_effects(P)
    parts = [
        _population(P, name, number, effects[name], seed, replicate)
        for name, number in population_sizes(P).items()
    ]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _population(
    P: Parameters, name: str, number: int, effects: Effects, seed: int, replicate: int
) -> dict[str, Array]:
    cell, wdr, pattern = P.section(f"cell.{name}"), name == "WDR", firing_pattern(P, name, number)

    def normal(quantity: str) -> Array:
        return normals(seed, replicate, f"cells.{quantity}.{name}", number)

    cv = cell["capacitance_cv"]
    capacitance = cell["capacitance"] * np.exp(cv * normal("capacitance") - cv**2 / 2)
    varied = {
        "v": cell["rest"] + INITIAL_SPREAD * normal("initial"),
        "w": np.full(number, cell.get("adaptation_start", 0.0) * _turn(name, seed, replicate)),
        "elastance": 1 / capacitance,
        "threshold": cell["threshold"] + cell["threshold_sd"] * normal("threshold"),
        "g_can": _can(P, number, seed, replicate) if wdr else np.zeros(number),
        **_a_cells(P, cell["rest"], pattern),
        **_adaptation(P, pattern, cell),
    }
    return varied | {k: np.full(number, v) for k, v in _class_constants(P, name, cell, effects).items()}


def _turn(name: str, seed: int, replicate: int) -> float:
    """How far a class is in its turn at the start, 0 to 1."""
    return float(stream(seed, replicate, f"cells.turn.{name}").random())


def _class_constants(
    P: Parameters, name: str, cell: Mapping[str, float], effects: Effects
) -> dict[str, float]:
    """What all cells of a population share."""
    wdr = name == "WDR"
    return {
        **{key: cell[key] for key in ("leak", "rest", "reset", "noise_sd")},
        "bias": cell["bias"] + effects.current + _driven(P, name),
        "tonic_k": effects.potassium,
        "tonic_chloride": effects.chloride,
        **_slow_receptors(P, wdr),
        "e_chloride": chloride_reversal(P, name),
        "glycine_rate": 1 / P["synapse.glycine.decay_deep" if name in DEEP else "synapse.glycine.decay"],
        "calcium_per_spike": P["calcium.per_spike"] if wdr else 0.0,
        **_boutons(P, name),
    }


def _boutons(P: Mapping[str, float], name: str) -> dict[str, float]:
    """Vesicles of a population's own boutons, which run out in inhibitory cells of the horn alone."""
    depletes = name in INHIBITORY
    return {
        "resource": 1.0,
        "t_last": NEVER,
        "depletion": P[f"terminal.{name}.depression"] if depletes else 0.0,
        "recovery": P[f"terminal.{name}.recovery"] if depletes else 1.0,
    }


def _driven(P: Mapping[str, float], name: str) -> float:
    """Current that the forebrain, or an experimenter, sends into a population of the brainstem, A."""
    group = {"PAG": "pag", "NA": "coeruleus"}.get(name)
    return P[f"{group}.drive"] * P[f"{group}.current"] if group else 0.0


def _adaptation(P: Parameters, pattern: NDArray[np.str_], cell: Mapping[str, float]) -> dict[str, Array]:
    """Adaptation of the population, or of initial-burst cells."""
    burst = pattern == "initial_burst"
    own = {
        key: np.where(burst, P[f"cell.initial_burst.{key}"], cell[key])
        for key in ("adaptation_a", "adaptation_b", "adaptation_tau")
    }
    rate = 1 / own.pop("adaptation_tau")
    return own | {"adaptation_rate": rate}


def _slow_receptors(P: Mapping[str, float], wdr: bool) -> dict[str, float]:
    rise, decay, step = (
        P["synapse.nk1.rise_wdr" if wdr else "synapse.nk1.rise"],
        P["synapse.nk1.decay"],
        P["simulation.slow_dt"],
    )
    return {"nk1_rise_keep": np.exp(-step / rise), "nk1_gain": step * peak_gain(rise, decay)}


def _can(P: Mapping[str, float], number: int, seed: int, replicate: int) -> Array:
    """CAN conductance, uniform within stated ranges; plateau cells first (Morisset and Nagy 1999)."""
    plateau = np.arange(number) < round(P["circuit.WDR.plateau"] * number)
    share = stream(seed, replicate, "cells.can").random(number)
    low = np.where(plateau, P["can.plateau_low"], P["can.weak_low"])
    high = np.where(plateau, P["can.plateau_high"], P["can.weak_high"])
    conductance: Array = P["can.scale"] * (low + share * (high - low))
    return conductance


def _a_cells(P: Mapping[str, float], rest: float, pattern: NDArray[np.str_]) -> dict[str, Array]:
    """A current of delayed and gap cells; its gates begin as in a cell at rest."""
    delayed, gap, step = pattern == "delayed", pattern == "gap", P["simulation.dt"]

    def own(quantity: str) -> Array:
        of_delayed, of_gap = (P[f"a_current.{kind}.{quantity}"] for kind in ("delayed", "gap"))
        return np.where(delayed, of_delayed, np.where(gap, of_gap, 0.0))

    def at_rest(gate: str, sign: int) -> Array:
        away = (rest - P[f"a_current.{gate}_half"]) / P[f"a_current.{gate}_slope"]
        return np.where(conductance > 0, 1 / (1 + np.exp(sign * away)), 0.0)

    conductance = own("conductance")
    with np.errstate(divide="ignore"):  # a time constant of 0 is a gate without delay
        opening, closing = (1 - np.exp(-step / own(f"{gate}_tau")) for gate in ("activation", "inactivation"))
    return {
        "g_a": conductance,
        "a_opening": opening,
        "a_closing": closing,
        "a_activation": at_rest("activation", -1),
        "a_inactivation": at_rest("inactivation", 1),
    }


def cell_constants(P: Parameters) -> dict[str, Array]:
    """Parameters that all cells share, by the names of `equations.CELL`; SI units, shape (1,)."""
    cell, can, calcium = P.section("cell"), P.section("can"), P.section("calcium")
    noise_keep = np.exp(-P["simulation.slow_dt"] / cell["noise_tau"])
    values = {
        "step": P["simulation.dt"],
        "slope": cell["slope"],
        "spike_level": cell["spike_level"],
        "refractory_period": cell["refractory"],
        "noise_keep": noise_keep,
        "noise_fresh": np.sqrt(1 - noise_keep**2),
        "e_can": can["reversal"],
        "can_decay": can["decay"],
        "calcium_decay": calcium["decay"],
        "calcium_per_charge": calcium["per_charge"],
        **_a_current(P),
        **_receptors(P),
    }
    return {name: np.array([value]) for name, value in values.items()}


def _a_current(P: Parameters) -> dict[str, float]:
    names = ("activation_half", "activation_slope", "inactivation_half", "inactivation_slope")
    current = P.section("a_current")
    return {f"a_{name}": current[name] for name in names}


def _receptors(P: Parameters) -> dict[str, float]:
    """Reversal potentials and kinetics; those of `equations.SLOW` as fractions kept over one slow step."""
    synapse, step = P.section("synapse"), P["simulation.slow_dt"]
    return {
        "e_excitatory": synapse["excitatory_reversal"],
        "e_potassium": synapse["potassium_reversal"],
        "ampa_decay": synapse["ampa.decay"],
        "gaba_a_decay": synapse["gaba_a.decay"],
        "mg_ratio": synapse["nmda.magnesium"] / synapse["nmda.mg_half"],
        "mg_slope": synapse["nmda.mg_slope"],
        "nmda_rise": synapse["nmda.rise"],
        "nmda_decay": synapse["nmda.decay"],
        "nmda_gain": synapse["nmda.decay"] * peak_gain(synapse["nmda.rise"], synapse["nmda.decay"]),
        "nk1_keep": np.exp(-step / synapse["nk1.decay"]),
        "gaba_b_rise_keep": np.exp(-step / synapse["gaba_b.rise"]),
        "gaba_b_keep": np.exp(-step / synapse["gaba_b.decay"]),
        "gaba_b_gain": step * peak_gain(synapse["gaba_b.rise"], synapse["gaba_b.decay"]),
        "gaba_b_half": synapse["gaba_b.half"],
        "mod_keep": np.exp(-step / synapse["modulatory.decay"]),
    }


def source_arrays(P: Parameters, seed: int, replicate: int) -> dict[str, Array]:
    """Parameters and initial states of every terminal, by the names of `equations.TERMINAL`.

    Returns
    -------
    dict of {str : ndarray}
        SI units, shape (sources,), or (1,) where all terminals share the value.
    """
    sizes = source_sizes(P)
    number, first = sum(sizes.values()), starts(sizes)
    # Sources outside of the segment release the same amount with every spike.
    arrays = {
        "depletion": np.zeros(number),
        "recovery": np.ones(number),
        "baseline": np.ones(number),
        "resource": np.ones(number),
        "t_last": np.full(number, NEVER),
        **{gain: np.zeros(number) for gain in GAINS},
    }
    effects = receptor_effects(P)
    for name in FIBRE_CLASSES:
        units = slice(first[name], first[name] + sizes[name])
        lost = denervated(P, name, sizes[name], seed, replicate)
        terminal = P.section(f"terminal.{name}")
        arrays["baseline"][units] = np.where(lost, 0.0, terminal["release"] * effects[name].release)
        arrays["depletion"][units] = terminal["depression"]
        arrays["recovery"][units] = terminal["recovery"]
        for gain in GAINS:
            arrays[gain][units] = terminal[gain]
    step = P["simulation.slow_dt"]
    return arrays | {
        **{
            f"{name}_keep": np.array([np.exp(-step / P[f"terminal.{name}_decay"])])
            for name in ("pad", "pad_slow", "gaba_b")
        },
        "mod_keep": np.array([np.exp(-step / P["synapse.modulatory.decay"])]),
    }
