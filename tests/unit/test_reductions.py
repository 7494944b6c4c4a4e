"""Reductions over a family of runs, such as the cords of a cohort."""

import numpy as np
import pytest
import xarray as xr

from dhmodel.errors import InputError
from dhmodel.evidence.asking import reductions
from dhmodel.evidence.asking.functions import function
from dhmodel.evidence.asking.trials import plans
from dhmodel.evidence.ledger.entries import findings


def of_family(*rows):
    return xr.DataArray(np.array(rows, dtype=float), dims=("value", "replicate"))


def test_share_counts_runs_in_each_replicate():
    fired = of_family([3, 1], [2, 5], [1, 5], [9, 5])
    assert reductions.share(fired > 2).values == pytest.approx([0.5, 0.75])


def test_correlation_is_that_of_ranks():
    rising, cubed = of_family([1.0], [2.0], [3.0], [10.0]), of_family([1.0], [8.0], [27.0], [1000.0])
    assert reductions.rank_correlation(rising, cubed).values == pytest.approx([1.0])
    assert reductions.rank_correlation(rising, -cubed).values == pytest.approx([-1.0])
    # 1 - 6 sum d^2 / (n (n^2 - 1)) with ranks 1 2 3 4 against 2 1 4 3
    swapped = of_family([2.0], [1.0], [9.0], [4.0])
    assert reductions.rank_correlation(rising, swapped).values == pytest.approx([1 - 6 * 4 / 60])


def test_trend_is_the_correlation_with_the_place_in_the_family():
    assert reductions.trend(of_family([5, 4], [7, 4], [9, 1])).values == pytest.approx([1.0, -np.sqrt(3) / 2])


def test_what_is_of_no_family_is_refused():
    one = xr.DataArray([1.0, 2.0], dims="replicate")
    for call in (lambda: reductions.share(one), lambda: reductions.rank_correlation(one, one)):
        with pytest.raises(InputError, match="needs something of a family of runs"):
            call()


def test_a_family_of_states_has_a_plan_for_each_cord():
    made = plans(findings()["E05"], 7)["held"]
    assert list(made) == [f"naive#{cord}" for cord in range(10)]
    drives = {one.parameters["pag.drive"] for one in made.values()}
    assert len(drives) == 10


def test_a_name_is_given_once():
    def correlation():
        """A read-out has this name."""

    with pytest.raises(ValueError, match="two functions of the ledger's expressions are named correlation"):
        function(correlation)
