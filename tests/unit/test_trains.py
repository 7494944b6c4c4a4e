"""Spike trains: what they refuse, how they are numbered, cut, joined and counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dhmodel.errors import InputError
from dhmodel.stimulation.trains import SpikeTrains, concat, sort

CLASSES = ["AB", "AB", "CP", "CP"]


@pytest.fixture
def trains() -> SpikeTrains:
    return SpikeTrains([-0.5, 0.1, 0.2, 0.2, 1.5], [0, 0, 0, 2, 2], CLASSES)


@pytest.mark.parametrize(
    ("times", "fibres", "names"),
    [
        ([0.2, 0.1], [0, 0], r"sorted .*spike 1, 0\.1 s of fibre 0"),
        ([0.1, 0.2, 0.3], [0, 1, 0], r"sorted .*spike 2, 0\.3 s of fibre 0"),
        ([0.1, np.nan], [0, 0], "spike 1, of fibre 0: time nan is not finite"),
        ([-np.inf, 0.1], [2, 2], "spike 0, of fibre 2: time -inf is not finite"),
        ([0.1], [4], "outside"),
        ([0.1], [-1], "outside"),
        ([0.1, 0.2], [0], "equal length"),
    ],
)
def test_refuses_trains_that_are_not_trains(times, fibres, names):
    with pytest.raises(InputError, match=names):
        SpikeTrains(times, fibres, CLASSES)


def test_offsets_delimit_each_fibre(trains):
    assert trains.offsets().tolist() == [0, 3, 3, 5, 5]
    assert trains.offsets().dtype == np.int64


def test_no_spikes_at_all_is_fine():
    empty = SpikeTrains([], [], CLASSES)
    assert empty.offsets().tolist() == [0, 0, 0, 0, 0]
    assert empty.rate(1.0) == {"AB": 0.0, "CP": 0.0}


def test_rate_is_per_fibre_and_leaves_out_the_warmup(trains):
    assert trains.rate(1.0) == {"AB": 1.0, "CP": 0.5}
    assert trains.rate(1.0, start=-1.0) == {"AB": 0.75, "CP": 0.25}


def test_between_holds_its_start_and_not_its_stop(trains):
    cut = trains.between(0.1, 1.5)
    assert cut.times.tolist() == [0.1, 0.2, 0.2]
    assert cut.n_fibres == 4


def test_of_numbers_the_fibres_of_a_class_from_zero(trains):
    c_fibres = trains.of("CP")
    assert c_fibres.fibres.tolist() == [0, 0]
    assert c_fibres.times.tolist() == [0.2, 1.5]
    assert c_fibres.n_fibres == 2
    assert trains.of("GLY").n_fibres == 0


def test_shift_and_concat(trains):
    both = concat(trains, SpikeTrains([0.3], [0], ["ON"]).shift(1.0))
    assert both.fibres.tolist() == [0, 0, 0, 2, 2, 4]
    assert both.times[-1] == pytest.approx(1.3)
    assert both.classes.tolist() == [*CLASSES, "ON"]


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(0, 400))))
def test_sort_is_by_fibre_then_time(spikes):
    times = np.array([time for time, _ in spikes])
    fibres = np.array([fibre for _, fibre in spikes], dtype=np.int64)
    expected = sorted((fibre, time) for time, fibre in spikes)
    found = sort(times, fibres)
    assert list(zip(found[1].tolist(), found[0].tolist(), strict=True)) == expected


def test_digest_is_that_of_spikes_fibres_and_classes(trains):
    others = [
        SpikeTrains([-0.5, 0.1, 0.2, 0.2, 1.25], [0, 0, 0, 2, 2], CLASSES),
        SpikeTrains(trains.times, [0, 0, 0, 1, 1], CLASSES),
        SpikeTrains(trains.times, trains.fibres, [*CLASSES[:3], "CN"]),
        SpikeTrains(trains.times, trains.fibres, [*CLASSES, "CP"]),
    ]
    assert trains.digest() == trains.shift(0.0).digest()
    assert len({one.digest() for one in (trains, *others)}) == 5
