"""Numbers and numbering of cells and of spike sources."""

import numpy as np
import pytest

from dhmodel.circuit.conditions import EXCITATORY, INHIBITORY, PROJECTING
from dhmodel.parameters.layout import (
    DESCENDING,
    FIBRE_CLASSES,
    POPULATIONS,
    SOURCES,
    class_of,
    population_sizes,
    positions,
    slowly_adapting,
    source_sizes,
    starts,
    surround,
)


def numbers(scale, **changes):
    P = {f"circuit.{name}.number": 10 * (i + 1) for i, name in enumerate(POPULATIONS + SOURCES)}
    changed = {f"circuit.{name}.number": n for name, n in changes.items()}
    return P | changed | {"circuit.scale": scale, "circuit.AB.surround": 0.4}


def test_sizes_scale_and_keep_their_order():
    sizes = population_sizes(numbers(2.0))
    assert tuple(sizes) == POPULATIONS
    assert sizes["EX"] == 20
    assert sizes["PN"] == 160
    assert tuple(source_sizes(numbers(1.0))) == SOURCES
    assert source_sizes(numbers(1.0))["IA"] == 200


def test_populations_that_share_a_range_are_neighbours():
    for span in (EXCITATORY, INHIBITORY, PROJECTING, DESCENDING):
        first = POPULATIONS.index(span[0])
        assert POPULATIONS[first : first + len(span)] == span


def test_no_class_falls_below_eight():
    assert set(population_sizes(numbers(0.01)).values()) == {8}
    assert set(source_sizes(numbers(0.01)).values()) == {8}


def test_starts_and_classes_agree():
    sizes = source_sizes(numbers(0.5))
    classes = class_of(sizes)
    assert len(classes) == sum(sizes.values())
    for name, start in starts(sizes).items():
        assert (classes[start : start + sizes[name]] == name).all()
    assert tuple(starts(sizes)) == SOURCES
    assert starts(sizes)["IA"] == 0


@pytest.mark.parametrize(("number", "expected"), [(50, 20), (51, 20), (8, 3)])
def test_the_ab_fibres_farthest_from_the_middle_lie_in_the_surround(number, expected):
    P = numbers(1.0, AB=number)
    mask, far = surround(P), np.abs(positions(P, "AB"))
    assert mask.shape == (number,)
    assert mask.sum() == expected
    assert far[mask].min() >= far[~mask].max()


@pytest.mark.parametrize("name", ["EX", "AB"])
@pytest.mark.parametrize("number", [1, 8, 51])
def test_positions_are_evenly_spaced_around_the_middle(name, number):
    x = np.sort(positions(numbers(1.0, **{name: number}), name))
    assert x.size == max(number, 8)
    np.testing.assert_allclose(x, -x[::-1], atol=1e-12)
    np.testing.assert_allclose(np.diff(x), 2 / x.size)
    assert x[-1] == pytest.approx(1 - 1 / x.size)


def test_positions_keep_within_the_extent_of_their_class():
    P = numbers(1.0, WDR=40) | {"circuit.WDR.extent": 0.3}
    assert np.abs(positions(P, "WDR")).max() == pytest.approx(0.3 * (1 - 1 / 40))


def test_every_run_of_indices_covers_the_map():
    x = positions(numbers(1.0, EX=180), "EX")
    for start in range(0, 150, 15):
        some = np.sort(x[start : start + 30])
        assert np.diff(some).max() < 0.2 and some[0] < -0.8 and some[-1] > 0.8


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_surround_may_be_empty_or_everything(fraction):
    mask = surround(numbers(1.0, AB=50) | {"circuit.AB.surround": fraction})
    assert mask.mean() == fraction


def test_ab_fibres_alternate_in_adaptation():
    P = numbers(1.0, AB=51)
    assert np.flatnonzero(slowly_adapting(P)).tolist() == list(range(0, 51, 2))
    # both kinds occur in the centre and in the surround alike
    assert abs(slowly_adapting(P)[surround(P)].mean() - 0.5) < 0.05


def test_fibres_come_before_descending_cells():
    assert SOURCES[: len(FIBRE_CLASSES)] == FIBRE_CLASSES
