"""Choosing sources: blocks choose what one piece chooses, both ways choose alike, profiles are kept."""

import numpy as np
import pytest

from dhmodel.circuit import sampling
from dhmodel.circuit.sampling import Space, choose
from dhmodel.even import even
from dhmodel.streams import stream


def space(targets=40, units=60, width=0.3, gap=0.0, itself=False):
    order = stream(0, 0, "places").permutation(units)
    places = ((2 * np.arange(units) + 1) / units - 1)[order]
    return Space(places if itself else np.linspace(-1, 1, targets), places, width, gap, itself)


def rng(name="x"):
    return stream(1, 0, name)


def by_hand(rng, here, in_degree):
    """Target after target: the unit in whose part of the chances each share lies."""
    within = np.stack([even(rng, here.targets.size) for _ in range(in_degree)], axis=1)
    shares = (np.arange(in_degree) + within) / in_degree
    order = np.argsort(here.units)
    chosen = np.empty(shares.shape, dtype=int)
    for target, place in enumerate(here.targets):
        far = place - here.units[order]
        chance = np.exp(-((far / here.width) ** 2) / 2)
        if here.gap:
            chance *= np.maximum(1 - np.exp(-((far / here.gap) ** 2) / 2), 1e-6)
        if here.itself:
            chance[order == target] = 0
        ends = np.cumsum(chance / chance.sum())
        chosen[target] = [order[np.argmax(ends > share)] for share in shares[target]]
    return chosen


@pytest.mark.parametrize("block", [1, 130, 2**20])
@pytest.mark.parametrize("in_degree", [1, 7, 59, 150])
@pytest.mark.parametrize(("itself", "gap"), [(False, 0.0), (True, 0.0), (False, 0.2)])
def test_each_share_of_the_chances_gives_one_source(monkeypatch, block, in_degree, itself, gap):
    monkeypatch.setattr(sampling, "BLOCK", block)
    here = space(itself=itself, gap=gap)
    assert np.array_equal(choose(rng(), here, in_degree), by_hand(rng(), here, in_degree))


@pytest.mark.parametrize("gap", [0.0, 0.2])
@pytest.mark.parametrize("width", [0.05, 0.3, 100.0])
@pytest.mark.parametrize("itself", [False, True])
def test_the_table_of_distances_chooses_the_same_units_or_their_neighbours(monkeypatch, width, gap, itself):
    here = space(targets=300, units=2000, width=width, gap=gap, itself=itself)
    exact = choose(rng(), here, 12)
    monkeypatch.setattr(sampling, "MANY", 0)
    monkeypatch.delattr(sampling, "_by_unit")
    found = choose(rng(), here, 12)
    off = np.abs(here.units[found] - here.units[exact]) / (2 / 2000)
    assert off.max() < 2.5
    assert not itself or not (found == np.arange(2000)[:, None]).any()


def test_unevenly_spaced_units_are_not_looked_up_by_distance(monkeypatch):
    here = Space(np.linspace(-1, 1, 9), np.linspace(-1, 1, 50) ** 3, 0.3, 0.0, False)
    exact = choose(rng(), here, 5)
    monkeypatch.setattr(sampling, "MANY", 0)
    assert np.array_equal(choose(rng(), here, 5), exact)


@pytest.mark.parametrize("units", [12, 60, 3000])
def test_the_profile_of_inputs_is_that_of_the_chances(units):
    here = space(targets=400, units=units, width=0.2)
    middle = np.abs(here.targets) < 0.3
    far = (here.targets[:, None] - here.units[choose(rng(), here, 10)])[middle]
    assert np.sqrt((far**2).mean()) == pytest.approx(0.2, rel=0.05)
