"""Wiring: who may be connected, how often, and what it weighs."""

import numpy as np
import pytest

from dhmodel.circuit.connectome import WEIGHTS, Connection, connections, synapse_counts, wiring
from dhmodel.circuit.structure import DELAYED, PATHWAYS
from dhmodel.errors import InputError
from dhmodel.parameters import paths, resolve
from dhmodel.parameters.layout import (
    BRAINSTEM,
    DESCENDING,
    FIBRE_CLASSES,
    HORN,
    REMOTE,
    population_sizes,
    positions,
    source_sizes,
    starts,
)

SMALL = {"circuit.scale": 0.25}
#: First population of the range that a pathway begins from.
FIRST = {
    "excitation": "EX",
    "inhibition": "GABA_PV",
    "presynaptic": "GABA_PV",
    "supraspinal": "WDR",
    "descending": "ON",
}


def drawn(seed=1, replicate=0, state="naive", drugs=None, **changes):
    P = resolve(state, SMALL | {path.replace("__", "."): value for path, value in changes.items()}, drugs)
    return P, wiring(P, seed, replicate)


def synapses(P, arrays, row, weight=None):
    """Sources and targets of one row, by their index in their class, and a weight if it is named."""
    cells, sources = population_sizes(P), source_sizes(P)
    first = starts(cells) | starts(sources)
    start = first[row.pre] - (first[FIRST[row.pathway]] if row.pathway in FIRST else 0)
    i, j = arrays[f"{row.pathway}.i"] - start, arrays[f"{row.pathway}.j"] - first[row.post]
    sizes = cells | sources
    own = (i >= 0) & (i < sizes[row.pre]) & (j >= 0) & (j < sizes[row.post])
    return (i[own], j[own]) if weight is None else (i[own], j[own], arrays[f"{row.pathway}.{weight}"][own])


def row_of(P, pre, post):
    return next(row for row in connections(P) if (row.pre, row.post) == (pre, post))


def test_every_target_has_its_in_degree():
    P, arrays = drawn()
    sizes = population_sizes(P) | source_sizes(P)
    expected = {}
    for row in connections(P):
        key = row.pathway, row.pre, row.post
        expected[key] = expected.get(key, 0) + row.in_degree
    for row in connections(P):
        _, j = synapses(P, arrays, row)
        inputs = np.bincount(j, minlength=sizes[row.post])
        assert set(inputs.tolist()) == {expected[row.pathway, row.pre, row.post]}, row.name


def test_every_pathway_has_as_many_synapses_as_announced():
    P, arrays = drawn()
    assert {name: arrays[f"{name}.i"].size for name in WEIGHTS} == synapse_counts(P)
    assert set(WEIGHTS) == set(PATHWAYS)


def test_indices_lie_in_the_ranges_of_their_pathway():
    P, arrays = drawn()
    cells, sources = population_sizes(P), source_sizes(P)
    first = starts(cells)
    ranges = {
        "cells": sum(cells.values()),
        "sources": sum(sources.values()),
        "excitatory": cells["EX"] + cells["TAC"],
        "inhibitory": first["GLY"] + cells["GLY"] - first["GABA_PV"],
        "projecting": first["A5"] + cells["A5"] - first["WDR"],
        "descending": first["A5"] + cells["A5"] - first["ON"],
    }
    for name, (pre, post) in PATHWAYS.items():
        assert 0 <= arrays[f"{name}.i"].min() and arrays[f"{name}.i"].max() < ranges[pre]
        assert 0 <= arrays[f"{name}.j"].min() and arrays[f"{name}.j"].max() < ranges[post]


def test_synapses_are_sorted_by_source():
    _, arrays = drawn()
    assert all((np.diff(arrays[f"{name}.i"]) >= 0).all() for name in PATHWAYS)


def test_no_cell_connects_to_itself():
    P, arrays = drawn()
    i, j = synapses(P, arrays, row_of(P, "EX", "EX"))
    assert i.size > 100 and not (i == j).any()


def test_hardly_anybody_is_chosen_twice_where_there_are_enough():
    P, arrays = drawn(circuit__scale=5)
    for pre, post in (("EX", "WDR"), ("GABA_PV", "AB"), ("CP", "EX")):
        pairs = np.stack(synapses(P, arrays, row_of(P, pre, post)))
        assert np.unique(pairs, axis=1).shape[1] > 0.9 * pairs.shape[1]


def test_inputs_keep_their_spatial_profile_in_a_circuit_of_any_size():
    """A truncated normal around each target, whether there are fewer fibres than inputs or far more."""
    for scale in (0.25, 1, 4):
        P, arrays = drawn(circuit__scale=scale, connection__AB__WDR__width=0.2)
        far = distances(P, arrays, row_of(P, "AB", "WDR"))
        assert np.sqrt((far**2).mean()) == pytest.approx(0.2, rel=0.06)
        assert (far < 0.2).mean() == pytest.approx(0.683, abs=0.06)


def test_where_there_are_too_few_some_make_several_contacts():
    P, arrays = drawn(circuit__scale=0.1)
    row = row_of(P, "OFF", "EX")  # no map: all chances are equal
    i, j = synapses(P, arrays, row)
    number = population_sizes(P)["OFF"]
    assert row.in_degree > number == 8
    times = [np.bincount(i[j == target], minlength=number) for target in range(population_sizes(P)["EX"])]
    # equal shares of the chances: nobody gets more than those that overlap with his own
    assert all(1 < counted.max() <= np.ceil(row.in_degree / number) + 1 for counted in times)


def distances(P, arrays, row):
    """Somatotopic distance of every synapse of a row."""
    i, j = synapses(P, arrays, row)
    return np.abs(positions(P, row.pre)[i] - positions(P, row.post)[j])


def test_inputs_come_from_near_by_and_the_nearer_the_narrower():
    wide, narrow = "connection__AB__WDR__width", 0.1
    far = distances(*drawn(circuit__scale=5, **{wide: 1.5}), row_of(resolve(), "AB", "WDR"))
    near = distances(*drawn(circuit__scale=5, **{wide: narrow}), row_of(resolve(), "AB", "WDR"))
    assert np.sqrt((near**2).mean()) == pytest.approx(narrow, rel=0.1)
    assert np.sqrt((far**2).mean()) > 4 * narrow


def test_a_gap_spares_the_middle():
    P, arrays = drawn(circuit__scale=5, connection__GLY__WDR__gap=0.6, connection__GLY__WDR__width=0.8)
    beyond = distances(P, arrays, row_of(P, "GLY", "WDR"))
    P, arrays = drawn(circuit__scale=5, connection__GLY__WDR__gap=0, connection__GLY__WDR__width=0.8)
    around = distances(P, arrays, row_of(P, "GLY", "WDR"))
    assert (beyond < 0.2).mean() < 0.2 * (around < 0.2).mean()


def test_surround_inhibition_of_wdr_cells_is_wider_than_their_excitation():
    P, arrays = drawn(circuit__scale=1)
    excitation, inhibition = (distances(P, arrays, row_of(P, pre, "WDR")) for pre in ("AB", "GLY"))
    assert inhibition.mean() > 2 * excitation.mean()


def test_release_that_does_not_depress_is_that_of_the_row():
    P, arrays = drawn(connection__AB__GLY__steady=0.4, connection__AB__WDR__steady=0.1)
    for post, share in (("GLY", 0.4), ("WDR", 0.1)):
        assert set(synapses(P, arrays, row_of(P, "AB", post), "steady")[2]) == {share}
    assert set(synapses(P, arrays, row_of(P, "CP", "EX"), "steady")[2]) == {0.0}


def test_excitation_varies_between_cells_not_between_synapses_of_a_cell():
    P, arrays = drawn(circuit__scale=5, cell__PN__excitation_sd=0.5)
    for pre in ("AD", "EX"):
        _, j, weights = synapses(P, arrays, row_of(P, pre, "PN"), "ampa")
        _, one_each = np.unique(j, return_index=True)
        factors = weights[one_each] / P[f"connection.{pre}.PN.ampa"]
        assert weights.tolist() == weights[one_each][j].tolist()
        assert factors.mean() == pytest.approx(1, abs=4 * 0.53 / np.sqrt(factors.size))
        assert np.log(factors).std() == pytest.approx(0.5, rel=0.2)


def test_a_pathway_without_synapses_is_left_out():
    none = {
        path: 0
        for path in paths()
        if path.startswith("connection.GABA") and path.endswith("in_degree")
        if path.split(".")[2] in ("AB", "AD", "CP", "CN")
    }
    P = resolve(set=SMALL | none)
    assert synapse_counts(P)["presynaptic"] == 0
    assert {name.split(".")[0] for name in wiring(P, 1, 0)} == set(PATHWAYS) - {"presynaptic"}


def test_same_seed_same_wiring():
    (_, a), (_, b) = drawn(seed=4, replicate=2), drawn(seed=4, replicate=2)
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("other", [{"seed": 5}, {"replicate": 1}])
def test_another_seed_or_replicate_is_another_wiring_of_the_same_size(other):
    (_, a), (_, b) = drawn(seed=4), drawn(**{"seed": 4} | other)
    for name in PATHWAYS:
        assert a[f"{name}.i"].shape == b[f"{name}.i"].shape
        assert not np.array_equal(a[f"{name}.j"], b[f"{name}.j"])
    assert not np.array_equal(a["excitation.delay"], b["excitation.delay"])


def test_parameters_that_are_no_sizes_leave_the_wiring_alone():
    (_, a), (_, b) = drawn(), drawn(state="snl", tonic__frequency="10 Hz")
    assert all(np.array_equal(a[f"{name}.{end}"], b[f"{name}.{end}"]) for name in PATHWAYS for end in "ij")


def test_only_central_pathways_have_delays_and_they_lie_in_their_range():
    P, arrays = drawn()
    assert {name.split(".")[0] for name in arrays if name.endswith(".delay")} == set(DELAYED)
    for name in DELAYED:
        delays = arrays[f"{name}.delay"]
        far = P["synapse.supraspinal_delay"] if name == "supraspinal" else 0.0
        assert P["synapse.delay_low"] <= delays.min() < delays.max() <= P["synapse.delay_high"] + far


def test_the_way_between_cord_and_brainstem_takes_longer_up_and_down():
    P, arrays = drawn()
    low, high, far = (P[f"synapse.{name}"] for name in ("delay_low", "delay_high", "supraspinal_delay"))
    for pre, post, added in (
        ("PN", "ON", far),
        ("WDR_REMOTE", "SRD", far),
        ("NA", "WDR", far),
        ("OFF", "EX", far),
        ("PAG", "OFF", 0),
        ("ON", "OFF", 0),
        ("SRD", "A5", 0),
        ("NA", "A5", 0),
    ):
        delays = synapses(P, arrays, row_of(P, pre, post), "delay")[2]
        assert low + added <= delays.min() < delays.max() <= high + added


def test_a_lower_bound_above_the_upper_one_is_the_delay():
    P, arrays = drawn(synapse__delay_low="3 ms")
    assert set(arrays["excitation.delay"]) == {P["synapse.delay_low"]}


def weight(pre, post, name, **changes):
    P, arrays = drawn(**changes)
    return synapses(P, arrays, row_of(P, pre, post), name)[2]


def test_weights_are_those_of_the_row():
    P, _ = drawn()
    alike = {"cell__PN__excitation_sd": 0, "cell__WDR__excitation_sd": 0}
    assert set(weight("AD", "PN", "ampa", **alike)) == {P["connection.AD.PN.ampa"]}
    assert set(weight("CP", "WDR", "nk1", **alike)) == {P["connection.CP.WDR.nk1"]}
    assert set(weight("CP", "WDR", "ampa", **alike)) == {0.0}
    assert set(weight("GABA_PV", "AB", "jump")) == {P["connection.GABA_PV.AB.pad"]}


@pytest.mark.parametrize(
    ("pre", "post", "name", "path", "value", "factor"),
    [
        ("GABA_DYN", "PN", "gaba_a", "injury__gaba_a", 0.4, 0.4),
        ("GABA_DYN", "PN", "gaba_b", "injury__gaba_a", 0.4, 1),
        ("GABA_DYN", "PN", "gaba_b", "injury__gaba_release", 0.4, 0.4),
        ("GABA_DYN", "PN", "glycine", "injury__gaba_a", 0.4, 1),
        ("GABA_DYN", "PN", "glycine", "injury__glycine", 0.4, 0.4),
        ("GABA_PV", "AB", "jump", "injury__pad", 0.4, 0.4),
        ("GABA_PV", "AB", "jump", "terminal__pad_scale", 0.5, 0.5),
        ("GABA_PV", "CP", "slow_jump", "terminal__pad_scale", 0.5, 0.5),
        ("GABA_PV", "CP", "slow_jump", "injury__pad", 0.4, 0.4),
        ("GABA_ISL", "CP", "gaba_b_jump", "synapse__gaba_b__scale", 0.5, 0.5),
        ("EX", "GABA_DYN", "ampa", "injury__ex_to_inh", 0.7, 0.7),
        ("EX", "PN", "ampa", "injury__ex_to_inh", 0.7, 1),
        ("EX", "EX", "ampa", "injury__ex_to_ex", 1.3, 1.3),
        ("TAC", "EX", "ampa", "injury__ex_to_ex", 1.3, 1),
        ("NA", "WDR", "mod", "injury__noradrenaline", 0.6, 0.6),
        ("A5", "WDR", "mod", "injury__noradrenaline", 0.6, 0.6),
        ("OFF", "EX", "mod", "injury__noradrenaline", 0.6, 1),
        ("ON", "AD", "ht3_jump", "injury__ht3", 2, 2),
        ("AB", "TAC", "nmda", "synapse__nmda__scale", 0, 0),
        ("EX", "EX", "nmda", "synapse__nmda__scale", 0, 0),
        ("CP", "PN", "nk1", "synapse__nk1__scale", 0, 0),
        ("NA", "PN", "mod", "synapse__modulatory__scale", 0, 0),
    ],
)
def test_injury_and_drugs_multiply_weights(pre, post, name, path, value, factor):
    P, _ = drawn()
    before, after = weight(pre, post, name), weight(pre, post, name, **{path: value})
    assert before.max() > 0
    assert after == pytest.approx(factor * before)


def to_the_horn(P):
    """Rows from descending cells to the segment, each with a weight that it has."""
    target = (*HORN, *FIBRE_CLASSES)
    for row in connections(P):
        if row.pre in DESCENDING and row.post in target:
            receptor = next(name for name, size in row.weights.items() if size)
            yield row, WEIGHTS[row.pathway][receptor]


def beyond_the_segment(P):
    """Rows whose targets lie in the brainstem or the remote segment, each with a weight that it has."""
    for row in connections(P):
        if row.post in (*BRAINSTEM, *REMOTE):
            yield row, WEIGHTS[row.pathway][next(name for name, size in row.weights.items() if size)]


@pytest.mark.parametrize("left", [0.0, 0.5])
def test_cut_axons_weigh_nothing_on_the_segment_and_the_others_what_they_did(left):
    P, intact = drawn(circuit__scale=1)
    _, arrays = drawn(circuit__scale=1, injury__descending=left)
    cut = {}
    for row, name in to_the_horn(P):
        i, _, before = synapses(P, intact, row, name)
        after = synapses(P, arrays, row, name)[2]
        assert (before > 0).all()
        silent = set(i[after == 0].tolist())
        assert after[~np.isin(i, list(silent))].tolist() == before[~np.isin(i, list(silent))].tolist()
        cut.setdefault(row.pre, set()).update(silent)
        # the same cells to every target
        assert silent == cut[row.pre] & set(i.tolist())
    number = population_sizes(P)["ON"]
    projecting = set(DESCENDING) - {"NEUTRAL"}  # cells that do not project to the segment in the model
    assert {name: len(cells) for name, cells in cut.items()} == dict.fromkeys(projecting, number * (1 - left))


def test_a_cut_below_the_brainstem_leaves_its_own_synapses():
    P, intact = drawn()
    _, arrays = drawn(injury__descending=0)
    for row, name in beyond_the_segment(P):
        before, after = (synapses(P, one, row, name)[2] for one in (intact, arrays))
        assert before.tolist() == after.tolist() and (before > 0).all(), row.name


EVERY_RECEPTOR = {"cnqx": 1, "ap5": 1, "bicuculline": 1, "strychnine": 1, "atipamezole": 1, "way100635": 1}


def test_what_is_done_to_the_segment_spares_synapses_of_brainstem_and_remote_segment():
    P, intact = drawn()
    scales = {path.replace(".", "__"): 0 for path in paths() if path.endswith(".scale") and "synapse" in path}
    injured = {
        "injury__gaba_a": 0.2,
        "injury__ex_to_ex": 2,
        "injury__noradrenaline": 0.2,
        "injury__alpha2": 3,
    }
    _, arrays = drawn(drugs=EVERY_RECEPTOR, **scales, **injured)
    assert not arrays["excitation.ampa"].any() and not arrays["inhibition.gaba_a"].any()
    for row, name in beyond_the_segment(P):
        before, after = (synapses(P, one, row, name)[2] for one in (intact, arrays))
        assert before.tolist() == after.tolist() and (before > 0).all(), row.name


def test_lost_inhibitory_cells_are_silent_and_no_others():
    P, arrays = drawn(injury__inhibitory_loss=0.5)
    number = population_sizes(P)["GABA_DYN"]
    i, _, weights = synapses(P, arrays, row_of(P, "GABA_DYN", "EX"), "glycine")
    silent = {cell for cell in range(number) if (i == cell).any() and not weights[i == cell].any()}
    sounding = {cell for cell in range(number) if weights[i == cell].all() and (i == cell).any()}
    assert len(silent) == round(0.5 * number) and len(silent | sounding) == number
    # The same cells are lost to every target.
    i, _, weights = synapses(P, arrays, row_of(P, "GABA_DYN", "PN"), "gaba_a")
    assert set(i[weights == 0].tolist()) <= silent and not set(i[weights > 0].tolist()) & silent
    assert (synapses(P, arrays, row_of(P, "EX", "WDR"), "ampa")[2] > 0).all()


def test_inhibition_varies_between_cells_not_between_synapses_of_a_cell():
    P, arrays = drawn()
    _, j, weights = synapses(P, arrays, row_of(P, "GLY", "WDR"), "glycine")
    per_cell = [set(weights[j == cell].tolist()) for cell in range(population_sizes(P)["WDR"])]
    assert all(len(values) == 1 for values in per_cell)
    assert len(set.union(*per_cell)) == population_sizes(P)["WDR"]


def test_inhibition_varies_by_the_stated_spread():
    P, arrays = drawn(circuit__scale=5)
    spread = P["cell.WDR.local_sd"]
    _, j, weights = synapses(P, arrays, row_of(P, "GABA_DYN", "WDR"), "gaba_a")
    _, one_each = np.unique(j, return_index=True)
    factors = np.log(weights[one_each] / P["connection.GABA_DYN.WDR.gaba_a"])
    assert factors.size == 200
    assert factors.std() == pytest.approx(spread, rel=0.2)
    assert factors.mean() == pytest.approx(0, abs=4 * spread / np.sqrt(200))


@pytest.mark.parametrize(
    ("pre", "post"),
    [("MN", "EX"), ("PN", "AB"), ("PAG", "AB"), ("EX", "AB"), ("AB", "CP"), ("ON", "IX"), ("XY", "EX")],
)
def test_a_connection_that_no_pathway_carries_is_refused(pre, post):
    with pytest.raises(InputError, match=f"connection.{pre}.{post}: no pathway leads from {pre} to {post}"):
        Connection(pre, post, 3, {"ampa": 1e-9})


def test_a_receptor_that_the_pathway_lacks_is_refused():
    with pytest.raises(
        InputError, match='unknown receptor "gaba_a" in connection.EX.PN; allowed: ampa, nmda'
    ):
        Connection("EX", "PN", 3, {"gaba_a": 1e-9})


@pytest.mark.parametrize("left", [1.0, 0.5, 0.0])
def test_a_cut_cord_loses_corticospinal_inhibition_of_terminals_too(left):
    P, arrays = drawn(injury__descending=left)
    intact = drawn()[1]["corticospinal.jump"]
    number = source_sizes(P)["CORTEX"]
    for post in ("AB", "CP", "CN"):
        i, _, jump = synapses(P, arrays, row_of(P, "CORTEX", post), "jump")
        silent = set(i[jump == 0].tolist())
        assert len(silent) == number - round(left * number)
        assert not silent & set(i[jump > 0].tolist())
    kept = arrays["corticospinal.jump"] > 0
    assert (arrays["corticospinal.jump"][kept] == intact[kept]).all()
