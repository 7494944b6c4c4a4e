"""Cells and terminals as arrays: one value per unit, drawn around the class's mean where a spread is stated."""

from collections.abc import Mapping

import numpy as np

from dhmodel.circuit.conditions import DEEP, chloride_reversal
from dhmodel.parameters.layout import FIBRE_CLASSES, population_sizes, source_sizes, starts
from dhmodel.streams import stream

__all__ = ["cell_arrays", "cell_constants", "firing_pattern", "peak_gain", "source_arrays"]


def peak_gain(rise: float, decay: float) -> float:
    """Rate constant (1/s) at which the rising state must feed the decaying one for a peak of one per unit jump."""
    peak_time = rise * decay / (decay - rise) * np.log(decay / rise)
    return (decay - rise) / (rise * decay * (np.exp(-peak_time / decay) - np.exp(-peak_time / rise)))


def firing_pattern(P: Mapping[str, float], population: str, number: int) -> np.ndarray:
    """Firing pattern of each cell, shape (number,): delayed cells first, then initial-burst, then tonic ones."""
    delayed = round(P.get(f"circuit.{population}.delayed", 0.0) * number)
    burst = round(P.get(f"circuit.{population}.initial_burst", 0.0) * number)
    return np.repeat(["delayed", "initial_burst", "tonic"], [delayed, burst, number - delayed - burst])


def cell_arrays(P: Mapping[str, float], seed: int, replicate: int) -> dict[str, np.ndarray]:
    """Parameters and initial states of every cell, by the names of `equations.CELL`; SI units, shape (cells,)."""
    parts = [_population(P, name, number, seed, replicate) for name, number in population_sizes(P).items()]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _population(P, name, number, seed, replicate) -> dict[str, np.ndarray]:
    cell = P.section(f"cell.{name}")
    burst = firing_pattern(P, name, number) == "initial_burst"
    delayed = firing_pattern(P, name, number) == "delayed"
    adaptation = {
        key: np.where(burst, P[f"cell.initial_burst.{key}"], cell[key])
        for key in ("adaptation_a", "adaptation_b", "adaptation_tau")
    }
    cv = cell["capacitance_cv"]
    capacitance = cell["capacitance"] * np.exp(
        cv * _normal(seed, replicate, f"capacitance.{name}", number) - cv**2 / 2
    )
    wdr = name == "WDR"
    constants = {
        "leak": cell["leak"],
        "rest": cell["rest"],
        "reset": cell["reset"],
        "bias": cell["bias"],
        "noise_sd": cell["noise_sd"],
        "e_chloride": chloride_reversal(P, name),
        **_slow_receptors(P, wdr),
        "glycine_rate": 1 / P["synapse.glycine.decay_deep" if name in DEEP else "synapse.glycine.decay"],
        "calcium_per_spike": P["calcium.per_spike"] if wdr else 0.0,
    }
    arrays = {key: np.full(number, value) for key, value in constants.items()}
    arrays |= {
        "v": np.full(number, cell["rest"]) + 2e-3 * _normal(seed, replicate, f"initial.{name}", number),
        "elastance": 1 / capacitance,
        "threshold": cell["threshold"]
        + cell["threshold_sd"] * _normal(seed, replicate, f"threshold.{name}", number),
        "adaptation_a": adaptation["adaptation_a"],
        "adaptation_b": adaptation["adaptation_b"],
        "adaptation_rate": 1 / adaptation["adaptation_tau"],
        "g_can": _can(P, number, seed, replicate) if wdr else np.zeros(number),
        "g_a": np.where(delayed, P["a_current.conductance"], 0.0),
        "a_inactivation": np.where(delayed, _a_at_rest(P, cell["rest"]), 0.0),
    }
    return arrays


def _normal(seed, replicate, name, number) -> np.ndarray:
    return stream(seed, replicate, f"cells.{name}").standard_normal(number)


def _slow_receptors(P, wdr) -> dict[str, float]:
    rise, decay, step = (
        P["synapse.nk1.rise_wdr" if wdr else "synapse.nk1.rise"],
        P["synapse.nk1.decay"],
        P["simulation.slow_dt"],
    )
    return {"nk1_rise_keep": np.exp(-step / rise), "nk1_gain": step * peak_gain(rise, decay)}


def _can(P, number, seed, replicate) -> np.ndarray:
    """CAN conductance: cells with a plateau first, uniform within the stated ranges (Morisset and Nagy 1999)."""
    plateau = np.arange(number) < round(P["circuit.WDR.plateau"] * number)
    share = stream(seed, replicate, "cells.can").random(number)
    low = np.where(plateau, P["can.plateau_low"], P["can.weak_low"])
    high = np.where(plateau, P["can.plateau_high"], P["can.weak_high"])
    return P["can.scale"] * (low + share * (high - low))


def _a_at_rest(P, rest) -> float:
    return 1 / (1 + np.exp((rest - P["a_current.inactivation_half"]) / P["a_current.inactivation_slope"]))


def cell_constants(P: Mapping[str, float]) -> dict[str, float]:
    """Parameters that all cells share, by the names of `equations.CELL`; SI units."""
    step, nmda, gaba_b = P["simulation.slow_dt"], P.section("synapse.nmda"), P.section("synapse.gaba_b")
    noise_keep = np.exp(-step / P["cell.noise_tau"])
    return {
        "step": P["simulation.dt"],
        "slope": P["cell.slope"],
        "spike_level": P["cell.spike_level"],
        "refractory_period": P["cell.refractory"],
        "e_excitatory": P["synapse.excitatory_reversal"],
        "e_potassium": P["synapse.potassium_reversal"],
        "e_can": P["can.reversal"],
        "mg_ratio": nmda["magnesium"] / nmda["mg_half"],
        "mg_slope": nmda["mg_slope"],
        "ampa_decay": P["synapse.ampa.decay"],
        "gaba_a_decay": P["synapse.gaba_a.decay"],
        "nmda_rise": nmda["rise"],
        "nmda_decay": nmda["decay"],
        "nmda_gain": nmda["decay"] * peak_gain(nmda["rise"], nmda["decay"]),
        "nk1_keep": np.exp(-step / P["synapse.nk1.decay"]),
        "gaba_b_rise_keep": np.exp(-step / gaba_b["rise"]),
        "gaba_b_keep": np.exp(-step / gaba_b["decay"]),
        "gaba_b_gain": step * peak_gain(gaba_b["rise"], gaba_b["decay"]),
        "mod_keep": np.exp(-step / P["synapse.modulatory.decay"]),
        "noise_keep": noise_keep,
        "noise_fresh": np.sqrt(1 - noise_keep**2),
        "calcium_decay": P["calcium.decay"],
        "calcium_per_charge": P["calcium.per_charge"],
        "can_decay": P["can.decay"],
        **{
            f"a_{key}": P[f"a_current.{key}"]
            for key in (
                "activation_half",
                "activation_slope",
                "inactivation_half",
                "inactivation_slope",
                "inactivation_tau",
            )
        },
    }


def source_arrays(P: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Parameters and initial states of every terminal, by the names of `equations.TERMINAL`; shape (sources,) or scalar."""
    sizes = source_sizes(P)
    first = starts(sizes)
    number = sum(sizes.values())
    # Descending axons release the same amount with every spike.
    arrays = {
        "depletion": np.zeros(number),
        "recovery": np.ones(number),
        "baseline": np.ones(number),
        "resource": np.ones(number),
        "t_last": np.full(number, -1e6),
        **{f"{name}_gain": np.zeros(number) for name in ("pad", "opioid", "alpha2", "ht3")},
    }
    for name in FIBRE_CLASSES:
        units = slice(first[name], first[name] + sizes[name])
        terminal = P.section(f"terminal.{name}")
        arrays["depletion"][units] = terminal["depression"]
        arrays["recovery"][units] = terminal["recovery"]
        for key in ("pad_gain", "opioid_gain", "alpha2_gain", "ht3_gain"):
            arrays[key][units] = terminal[key]
    step = P["simulation.slow_dt"]
    return arrays | {
        "pad_keep": np.exp(-step / P["terminal.pad_decay"]),
        "mod_keep": np.exp(-step / P["synapse.modulatory.decay"]),
    }
