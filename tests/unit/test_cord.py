"""Fibres under the electrode: where they run, and that each keeps its own properties."""

from statistics import NormalDist

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import positions, surround
from dhmodel.stimulation.cord import KINDS, circuit_fibres, distance, preset, reaching, reference
from dhmodel.stimulation.fibres import fibre_sizes, members

P = resolve()
OWN = ("diameter", "spacing", "velocity", "lateral", "depth", "offset", "latency")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("species", ["rat", "human"])
def test_a_reference_population_has_the_stated_distributions(species, kind):
    Q = resolve(set={"anatomy.species": species})
    fibres = reference(Q, kind)
    group = "root" if kind == "motor" else kind
    shift = abs(preset(Q, "column.surround_shift")) if kind == "column" else 0.0
    logs = np.log(fibres.diameter)
    assert np.exp(logs.mean()) == pytest.approx(preset(Q, f"{kind}.diameter"), rel=0.01)
    assert logs.std() == pytest.approx(preset(Q, f"{kind}.diameter_sd"), rel=0.03)
    for name in ("lateral", "depth"):
        low, high = preset(Q, f"{group}.{name}_min"), preset(Q, f"{group}.{name}_max")
        values, slack = getattr(fibres, name), shift if name == "lateral" else 0.0
        assert low - slack <= values.min() and values.max() <= high
        assert values.max() - values.min() > 0.9 * (high - low)


def test_properties_of_a_reference_population_are_independent():
    fibres = reference(P)
    table = np.corrcoef([fibres.diameter, fibres.depth, fibres.offset, fibres.latency])
    assert np.abs(table[~np.eye(4, dtype=bool)]).max() < 0.15


def test_a_reference_population_is_the_same_every_time():
    np.testing.assert_array_equal(reference(P).diameter, reference(P).diameter)


def test_an_unknown_kind_of_fibre_is_an_error():
    with pytest.raises(InputError, match='unknown kind of fibre "colum"; allowed: .*; nearest: "column"'):
        reference(P, "colum")


def test_the_same_seed_gives_the_same_fibres_and_another_one_others():
    first, again, other = (circuit_fibres(P, *which) for which in ((1, 0), (1, 0), (1, 1)))
    np.testing.assert_array_equal(first.depth, again.depth)
    assert not np.array_equal(first.depth, other.depth)


def test_a_fibre_keeps_its_properties_when_the_fractions_change():
    every = circuit_fibres(resolve(set={"column.IA_fraction": 1}), 1, 0)
    some = circuit_fibres(resolve(set={"column.AB_fraction": 0.3, "column.IA_fraction": 0.5}), 1, 0)
    where = np.searchsorted(every.index, some.index)
    for name in OWN:
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[where])


def test_a_rostral_lead_lies_over_some_of_the_same_fibres_which_take_longer():
    caudal = circuit_fibres(P, 1, 0)
    Q = resolve(set={"lead.level": 2})
    rostral = circuit_fibres(Q, 1, 0)
    assert set(rostral.index) < set(caudal.index)
    assert len(rostral) == pytest.approx(reaching(Q) / reaching(P) * len(caudal), abs=2)
    where = np.searchsorted(caudal.index, rostral.index)
    later = rostral.latency - caudal.latency[where]
    np.testing.assert_allclose(later * rostral.velocity, 2 * preset(P, "segment_length"))
    assert distance(Q) - distance(P) == pytest.approx(2 * preset(P, "segment_length"))


def test_all_fibres_of_the_segment_run_under_a_lead_over_it():
    assert reaching(P) == 1
    fibres = circuit_fibres(resolve(set={"column.IA_fraction": 0}), 1, 0)
    np.testing.assert_array_equal(fibres.index, members(P, "AB"))


def test_fibres_of_the_surround_lie_apart_by_the_stated_shift():
    still = resolve(set={"anatomy.rat.column.surround_shift": "0 mm", "column.IA_fraction": 0})
    moved = resolve(set={"anatomy.rat.column.surround_shift": "-0.1 mm", "column.IA_fraction": 0})
    shift = circuit_fibres(moved, 1, 0).lateral - circuit_fibres(still, 1, 0).lateral
    np.testing.assert_allclose(shift, np.where(surround(P), -0.1e-3, 0.0), atol=1e-12)


@pytest.mark.parametrize("firmness", [0.0, 0.7, 1.0])
def test_caudal_fields_run_medially_as_firmly_as_stated(firmness):
    changes = {"anatomy.rat.column.somatotopy": firmness, "anatomy.rat.column.surround_shift": "0 mm"}
    Q = resolve(set=changes | {"circuit.AB.number": 2000, "column.IA_fraction": 0})
    lateral = circuit_fibres(Q, 1, 0).lateral
    low, high = preset(Q, "column.lateral_min"), preset(Q, "column.lateral_max")
    normal = NormalDist()
    skin, place = (1 + positions(Q, "AB")) / 2, np.clip((lateral - low) / (high - low), 1e-4, 1 - 1e-4)
    scores = [[normal.inv_cdf(p) for p in values] for values in (skin, place)]
    assert np.corrcoef(scores)[0, 1] == pytest.approx(firmness, abs=0.04)
    # fibres are as evenly spread as without the map
    assert np.quantile(place, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.04)


def test_spindle_fibres_do_not_count_as_surround():
    index = circuit_fibres(resolve(set={"column.IA_fraction": 1}), 1, 0).index
    assert (index < fibre_sizes(P)["IA"]).sum() == fibre_sizes(P)["IA"]


def test_nodes_of_a_straight_fibre_stand_one_spacing_apart_at_one_depth():
    fibres = reference(P, "column", 20)
    x, y, z = fibres.nodes(5e-3)
    np.testing.assert_allclose(np.diff(x), np.broadcast_to(fibres.spacing[:, None], np.diff(x).shape))
    assert (x.min(axis=1) <= -4.5e-3).all() and (x.max(axis=1) >= 4.5e-3).all()
    np.testing.assert_array_equal(y[:, 0], fibres.lateral)
    np.testing.assert_array_equal(z[:, 0], fibres.depth)


def test_a_root_fibre_comes_from_the_side_and_turns_into_the_cord():
    fibres = reference(P, "root", 50)
    x, y, z = fibres.nodes(5e-3)
    outside = x < fibres.entry[:, None]
    assert (z[outside] == 0).all() and (z[~outside] >= 0).all()
    np.testing.assert_allclose(z[:, -1], fibres.depth, rtol=1e-3)
    assert (y >= fibres.lateral[:, None] - 1e-12).all()
    steps = np.hypot(np.diff(x), np.diff(y)) / fibres.spacing[:, None]
    both = outside[:, 1:] == outside[:, :-1]
    np.testing.assert_allclose(steps[both], 1.0)
    run, across = x[:, 0] - x[:, 1], y[:, 0] - y[:, 1]
    np.testing.assert_allclose(np.arctan2(across, -run), fibres.angle)


def test_thick_fibres_conduct_faster_and_arrive_earlier():
    fibres = reference(resolve(set={"column.terminal_delay_sd": "0 ms", "lead.level": 3}))
    order = np.argsort(fibres.diameter)
    assert (np.diff(fibres.velocity[order]) >= 0).all()
    assert (np.diff(fibres.latency[order]) <= 0).all()
