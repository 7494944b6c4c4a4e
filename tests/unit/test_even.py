"""Even draws: the same spread in every cord, and in every part of the map; who is where differs."""

import numpy as np
import pytest

from dhmodel.even import NEIGHBOURS, even, even_normal, normal, places
from dhmodel.parameters import resolve
from dhmodel.stimulation.cord import circuit_fibres
from dhmodel.streams import normals, stream


@pytest.mark.parametrize("number", [1, 7, 8, 60, 179])
def test_one_number_lies_in_each_of_as_many_equal_parts(number):
    shares = even(stream(1, 0, "test"), number)
    assert np.array_equal(np.sort((shares * number).astype(int)), np.arange(number))


def test_nothing_is_drawn_for_nobody():
    assert even(stream(1, 0, "test"), 0).shape == (0,)


def test_neighbours_on_the_map_have_the_whole_range():
    shares = even(stream(1, 0, "test"), 64)
    along_the_map = shares[np.argsort(places(64))].reshape(-1, NEIGHBOURS)
    parts = np.sort((along_the_map * NEIGHBOURS).astype(int), axis=1)
    assert np.array_equal(parts, np.tile(np.arange(NEIGHBOURS), (8, 1)))


def test_every_unit_can_have_any_number():
    shares = np.array([even(stream(seed, 0, "test"), 16) for seed in range(400)])
    # the mean of 400 even numbers has a standard deviation of 0.289 / 20
    assert np.abs(shares.mean(axis=0) - 0.5).max() < 5 * 0.289 / 20
    assert shares.min(axis=0).max() < 0.1 and shares.max(axis=0).min() > 0.9


def test_quantities_and_cords_are_independent():
    names = [("cells.threshold.TAC", 0), ("excitation.TAC", 0), ("cells.threshold.TAC", 1)]
    drawn = np.array([normals(1, replicate, name, 2000) for name, replicate in names])
    off_diagonal = np.corrcoef(drawn)[np.triu_indices(3, 1)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(2000)


def test_normal_numbers_have_the_moments_of_the_normal_distribution():
    drawn = even_normal(stream(1, 0, "test"), 1000)
    # independent draws would miss by 0.03 and 0.02
    assert abs(drawn.mean()) < 0.003
    assert abs(drawn.std() - 1) < 0.01
    assert normal(np.array([0.5]))[0] == pytest.approx(0.0, abs=1e-3)


def test_cords_recruit_alike():
    P = resolve()
    depths = np.array([circuit_fibres(P, 1, cord).depth.mean() for cord in range(20)])
    # of a hundred independent fibres the means would differ by 6 % of the mean
    assert depths.std() / depths.mean() < 0.02
