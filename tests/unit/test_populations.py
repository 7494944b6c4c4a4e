"""Cells and terminals: class constants, spread, and what a state of the cord changes in them."""

import numpy as np
import pytest

from dhmodel.circuit import assemble
from dhmodel.circuit.conditions import DEEP, chloride_reversal
from dhmodel.circuit.populations import (
    PATTERNS,
    cell_arrays,
    cell_constants,
    firing_pattern,
    peak_gain,
    source_arrays,
)
from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import (
    ELSEWHERE,
    FIBRE_CLASSES,
    HORN,
    POPULATIONS,
    population_sizes,
    source_sizes,
    starts,
)


def cells(seed=1, replicate=0, state="naive", drugs=None, **changes):
    P = resolve(state, {path.replace("__", "."): value for path, value in changes.items()}, drugs)
    return P, cell_arrays(P, seed, replicate)


def of(P, array, population):
    sizes = population_sizes(P)
    first = starts(sizes)[population]
    return array[first : first + sizes[population]]


def integrated_peak(rise, decay, step=2e-5):
    """Peak of y in x' = -x/rise, y' = gain*x - y/decay after a unit jump of x, by small steps."""
    t = np.arange(0, 3 * max(rise, decay), step)
    x, y, peak = 1.0, 0.0, 0.0
    for _ in t:
        slope = peak_gain(rise, decay) * x - y / decay
        x -= step * x / rise
        y += step * slope
        peak = max(peak, y)
    return peak


@pytest.mark.parametrize(
    ("rise", "decay"), [(0.002, 0.1), (0.05, 0.2), (0.1, 0.05), (0.03, 0.03), (0.03, 0.0300001)]
)
def test_a_unit_jump_peaks_at_one(rise, decay):
    assert integrated_peak(rise, decay) == pytest.approx(1, rel=5e-3)


def test_fractions_of_firing_patterns_are_those_of_the_parameters():
    P = resolve()
    for name in POPULATIONS:
        pattern = firing_pattern(P, name, 1000)
        for kind in PATTERNS[:-1]:
            assert (pattern == kind).mean() == pytest.approx(P.get(f"circuit.{name}.{kind}", 0), abs=5e-4)


@pytest.mark.parametrize("delayed", [0, 0.3, 0.5, 0.7, 1])
@pytest.mark.parametrize("number", [1, 2, 5, 8, 45])
def test_every_cell_has_one_firing_pattern_in_the_stated_order(delayed, number):
    P = {"circuit.EX.delayed": delayed, "circuit.EX.initial_burst": 1 - delayed}
    pattern = firing_pattern(P, "EX", number)
    assert pattern.size == number
    order = [PATTERNS.index(kind) for kind in pattern]
    assert order == sorted(order)


def test_fractions_beyond_one_are_refused():
    message = "circuit.EX.delayed and circuit.EX.initial_burst: got 1.15 together, allowed: at most 1"
    with pytest.raises(InputError, match=message):
        assemble.structure(resolve(set={"circuit.EX.delayed": 1}))


@pytest.mark.parametrize("name", POPULATIONS)
def test_delayed_and_gap_cells_carry_their_a_current_and_no_others(name):
    P, arrays = cells()
    pattern = firing_pattern(P, name, population_sizes(P)[name])
    stated = {kind: P[f"a_current.{kind}.conductance"] for kind in ("delayed", "gap")}
    assert of(P, arrays["g_a"], name).tolist() == [stated.get(kind, 0.0) for kind in pattern]


def test_gates_of_the_a_current_begin_as_at_rest():
    P, arrays = cells(a_current__delayed__activation_tau="3 ms")
    one = slice(0, 1)  # a delayed EX cell
    away = {gate: P["cell.EX.rest"] - P[f"a_current.{gate}_half"] for gate in ("activation", "inactivation")}
    opened = 1 / (1 + np.exp(-away["activation"] / P["a_current.activation_slope"]))
    left = 1 / (1 + np.exp(away["inactivation"] / P["a_current.inactivation_slope"]))
    assert arrays["a_activation"][one] == pytest.approx(opened)
    assert arrays["a_inactivation"][one] == pytest.approx(left)
    assert arrays["a_opening"][one] == pytest.approx(-np.expm1(-P["simulation.dt"] / 3e-3))


def test_a_gate_with_no_time_constant_opens_at_once():
    _, arrays = cells(a_current__delayed__activation_tau="0 ms")
    assert arrays["a_opening"][0] == 1


def test_the_ranges_of_the_a_current_begin_with_the_cells_that_have_it():
    ranges = assemble.structure(resolve()).a_current
    own = cells()[1]["g_a"] > 0
    assert own.sum() == sum(own[start:stop].sum() for _, start, stop in ranges)
    for name, start, stop in ranges:
        assert stop - start == population_sizes(resolve())[name]
        assert own[start] and (np.diff(own[start:stop].astype(int)) <= 0).all()


def test_how_many_cells_have_it_is_no_matter_of_the_compiled_circuit():
    few = resolve(set={"circuit.EX.delayed": 0.01, "circuit.GABA_DYN.gap": 0.5})
    assert assemble.structure(few) == assemble.structure(resolve())


def test_populations_without_such_cells_have_no_range():
    none = {"circuit__EX__delayed": 0, "circuit__GABA_DYN__gap": 0, "circuit__PN__gap": 0}
    P, arrays = cells(**none)
    assert assemble.structure(P).a_current == ()
    assert not arrays["g_a"].any()


def test_no_receptor_is_tonically_active_by_itself():
    _, arrays = cells()
    assert not arrays["tonic_k"].any() and not arrays["tonic_chloride"].any()


def test_only_wdr_cells_carry_can_and_calcium_and_plateau_cells_more():
    P, arrays = cells(circuit__scale=5)
    wdr = of(P, arrays["g_can"], "WDR")
    plateau = round(P["circuit.WDR.plateau"] * wdr.size)
    assert P["can.plateau_low"] <= wdr[:plateau].min() < wdr[:plateau].max() <= P["can.plateau_high"]
    assert P["can.weak_low"] <= wdr[plateau:].min() < wdr[plateau:].max() <= P["can.weak_high"]
    for name in set(POPULATIONS) - {"WDR"}:
        assert not of(P, arrays["g_can"], name).any()
        assert not of(P, arrays["calcium_per_spike"], name).any()


def test_the_can_blocker_takes_all_of_it():
    assert not cells(drugs={"can_blocker": 1.0})[1]["g_can"].any()


def test_initial_burst_cells_adapt_in_their_own_way():
    P, arrays = cells()
    pattern = firing_pattern(P, "GABA_DYN", population_sizes(P)["GABA_DYN"])
    step = of(P, arrays["adaptation_b"], "GABA_DYN")
    rate = of(P, arrays["adaptation_rate"], "GABA_DYN")
    assert set(step[pattern == "initial_burst"]) == {P["cell.initial_burst.adaptation_b"]}
    assert set(step[pattern == "tonic"]) == {P["cell.GABA_DYN.adaptation_b"]}
    assert set(rate[pattern == "initial_burst"]) == {1 / P["cell.initial_burst.adaptation_tau"]}


def test_heterogeneity_has_the_stated_mean_and_spread():
    P, arrays = cells(circuit__scale=20)
    for name in ("EX", "GABA_PV", "PN"):
        capacitance, threshold = 1 / of(P, arrays["elastance"], name), of(P, arrays["threshold"], name)
        number, cv, sd = (
            capacitance.size,
            P[f"cell.{name}.capacitance_cv"],
            P[f"cell.{name}.threshold_sd"],
        )
        mean = P[f"cell.{name}.capacitance"]
        assert capacitance.mean() == pytest.approx(mean, abs=4 * cv * mean / np.sqrt(number))
        assert np.log(capacitance).std() == pytest.approx(cv, rel=0.1)
        assert threshold.mean() == pytest.approx(P[f"cell.{name}.threshold"], abs=4 * sd / np.sqrt(number))
        assert threshold.std() == pytest.approx(sd, rel=0.1)


def test_without_spread_all_cells_of_a_class_are_alike():
    P, arrays = cells(cell__EX__capacitance_cv=0, cell__EX__threshold_sd="0 mV")
    assert np.ptp(of(P, arrays["elastance"], "EX")) == np.ptp(of(P, arrays["threshold"], "EX")) == 0


@pytest.mark.parametrize("population", HORN)
def test_chloride_rises_as_kcc2_is_lost_and_less_in_the_deep_horn(population):
    intact, lost = resolve(), resolve(set={"injury.kcc2": 0.4})
    shift = chloride_reversal(lost, population) - chloride_reversal(intact, population)
    share = intact["chloride.deep_share"] if population in DEEP else 1
    assert chloride_reversal(intact, population) == intact["chloride.reversal"]
    assert shift == pytest.approx(0.6 * intact["chloride.shift"] * share)
    P, arrays = cells(injury__kcc2=0.4)
    assert set(of(P, arrays["e_chloride"], population)) == {chloride_reversal(lost, population)}


@pytest.mark.parametrize("population", sorted(set(POPULATIONS) - set(HORN)))
def test_chloride_outside_of_the_segment_stays_as_it_is(population):
    P, arrays = cells(injury__kcc2=0.4)
    assert set(of(P, arrays["e_chloride"], population)) == {P["chloride.reversal"]}


def test_glycine_is_faster_in_the_deep_horn():
    P, arrays = cells()
    for name in POPULATIONS:
        decay = P["synapse.glycine.decay_deep" if name in DEEP else "synapse.glycine.decay"]
        assert set(of(P, arrays["glycine_rate"], name)) == {1 / decay}


def test_same_seed_same_cells_and_another_seed_others():
    (_, a), (_, b), (_, c), (_, d) = cells(), cells(), cells(seed=2), cells(replicate=1)
    assert all(np.array_equal(a[name], b[name]) for name in a)
    for name in ("v", "elastance", "threshold", "g_can"):
        assert not np.array_equal(a[name], c[name]) and not np.array_equal(a[name], d[name])


def test_arrays_have_one_value_per_unit_or_one_for_all():
    P = resolve()
    number, sources = sum(population_sizes(P).values()), sum(source_sizes(P).values())
    assert {array.shape for array in cells()[1].values()} == {(number,)}
    assert {array.shape for array in cell_constants(P).values()} == {(1,)}
    assert {array.shape for array in source_arrays(P, 1, 0).values()} == {(sources,), (1,)}
    assert all(np.isfinite(array).all() for array in assemble.arrays(P, 1, 0).values())


def test_terminals_have_the_parameters_of_their_class_and_sources_elsewhere_none():
    P = resolve()
    arrays, first, sizes = source_arrays(P, 1, 0), starts(source_sizes(P)), source_sizes(P)
    for name in FIBRE_CLASSES:
        own = slice(first[name], first[name] + sizes[name])
        assert set(arrays["depletion"][own]) == {P[f"terminal.{name}.depression"]}
        assert set(arrays["recovery"][own]) == {P[f"terminal.{name}.recovery"]}
        for gain in ("pad_gain", "gaba_b_gain", "opioid_gain", "alpha2_gain", "ht3_gain"):
            assert set(arrays[gain][own]) == {P[f"terminal.{name}.{gain}"]}
    elsewhere = slice(first[ELSEWHERE[0]], None)
    assert not arrays["depletion"][elsewhere].any() and not arrays["pad_gain"][elsewhere].any()


def test_ranges_of_the_structure_hold_their_populations():
    P = resolve()
    sizes, structure = population_sizes(P), assemble.structure(P)
    first = starts(sizes)
    assert structure.excitatory == (first["EX"], first["TAC"] + sizes["TAC"])
    assert structure.inhibitory == (first["GABA_PV"], first["GLY"] + sizes["GLY"])
    assert structure.projecting == (first["WDR"], first["MN"])
    assert structure.descending == (first["ON"], first["A5"] + sizes["A5"])
    assert structure.wdr == (first["WDR"], first["WDR"] + sizes["WDR"])
    assert structure.cells == first["MN"] + sizes["MN"]


def test_structure_does_not_depend_on_what_enters_as_arrays():
    changed = {
        "connection.CP.PN.ampa": "9 nS",
        "synapse.nmda.decay": "50 ms",
        "pag.drive": 1,
        "injury.kcc2": 0.2,
    }
    assert assemble.structure(resolve("snl", changed)) == assemble.structure(resolve())
    assert assemble.structure(resolve(set={"circuit.scale": 0.5})) != assemble.structure(resolve())
    assert assemble.structure(resolve(set={"connection.CP.PN.in_degree": 9})) != assemble.structure(resolve())
