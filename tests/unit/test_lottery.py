"""Choosing sources: blocks draw what one piece draws, and both ways to draw have one distribution."""

import numpy as np
import pytest

from dhmodel.circuit import lottery
from dhmodel.circuit.lottery import Space, choose
from dhmodel.streams import stream


def space(targets=40, units=60, width=0.3, gap=0.0, itself=False):
    return Space(np.linspace(-1, 1, targets), np.linspace(-1, 1, units), width, gap, itself)


def rng(name="x"):
    return stream(1, 0, name)


def by_hand(rng, space, in_degree):
    """All tickets at once, sorted."""
    preference = space.preference(space.targets[:, None] - space.units)
    if space.itself:
        np.fill_diagonal(preference, -np.inf)
    tickets = np.log(rng.standard_exponential(preference.shape)) - preference
    allowed = min(int(np.isfinite(preference).sum(axis=1).min()), len(space.units))
    return np.argsort(tickets, axis=1)[:, np.arange(in_degree) % allowed]


@pytest.mark.parametrize("block", [1, 130, 2**20])
@pytest.mark.parametrize("in_degree", [1, 7, 59, 150])
@pytest.mark.parametrize("itself", [False, True])
def test_blocks_draw_what_one_piece_draws(monkeypatch, block, in_degree, itself):
    monkeypatch.setattr(lottery, "BLOCK", block)
    here = space(targets=60, itself=itself)
    assert np.array_equal(choose(rng(), here, in_degree), by_hand(rng(), here, in_degree))


def counts(here, in_degree, times):
    """How often each unit is chosen by each target, shape (targets, units)."""
    total = np.zeros((here.targets.size, here.units.size))
    for k in range(times):
        chosen = choose(stream(k, 0, "draw"), here, in_degree)
        np.add.at(total, (np.arange(len(chosen))[:, None], chosen), 1)
    return total


@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_accepting_has_the_distribution_of_the_lottery(monkeypatch, gap):
    here, times, in_degree = space(units=60, gap=gap), 200, 4
    one = counts(here, in_degree, times)
    monkeypatch.setattr(lottery, "MANY", 0)
    monkeypatch.setattr(lottery, "REACH", 0.1)
    monkeypatch.setattr(lottery, "SUCCESS", 0.001)
    other = counts(here, in_degree, times)
    assert not np.array_equal(one, other)  # it went the other way
    p = (one + other) / (2 * times)
    seen = p * (1 - p) > 0.002
    z = (one - other)[seen] / np.sqrt(2 * times * (p * (1 - p))[seen])
    assert np.abs(z).max() < 5 and z.std() == pytest.approx(1, abs=0.1)


def test_many_cells_are_chosen_once_each_and_never_by_themselves():
    here = space(targets=3000, units=3000, itself=True)
    assert here.targets.size * here.units.size > lottery.MANY
    chosen = choose(rng(), here, 8)
    assert chosen.shape == (3000, 8) and chosen.min() >= 0 and chosen.max() < 3000
    assert (np.diff(np.sort(chosen, axis=1), axis=1) > 0).all()
    assert not (chosen == np.arange(3000)[:, None]).any()
    assert np.abs(here.targets[:, None] - here.units[chosen]).mean() == pytest.approx(0.23, abs=0.03)


def test_where_few_are_in_reach_the_lottery_decides(monkeypatch):
    """Too narrow for drawing and accepting: it would try for ever."""
    monkeypatch.setattr(lottery, "MANY", 0)
    here = space(width=1e-4)
    assert np.array_equal(choose(rng(), here, 3), by_hand(rng(), here, 3))
