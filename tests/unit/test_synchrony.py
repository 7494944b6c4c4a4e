import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.measures import locking, synchrony


def test_units_that_fire_alike_are_fully_synchronous():
    times = np.tile(np.arange(0.005, 1, 0.02), 8)
    units = np.repeat(np.arange(8), 50)
    assert synchrony(times, units, 8, 1.0) == pytest.approx(1)


def test_independent_units_share_one_over_their_number():
    rng = np.random.default_rng(1)
    units = np.repeat(np.arange(20), 2000)
    assert synchrony(rng.random(units.size) * 100, units, 20, 100.0) == pytest.approx(0.05, rel=0.05)


def test_silence_is_not_synchronous():
    assert synchrony(np.empty(0), np.empty(0, dtype=np.int64), 5, 1.0) == 0


def test_no_time_is_an_error():
    with pytest.raises(InputError, match="synchrony: got 5 units and 0 bins"):
        synchrony(np.empty(0), np.empty(0, dtype=np.int64), 5, 1e-4)


def test_locking_is_one_for_a_regular_train_and_falls_with_jitter():
    train = np.arange(1000) / 50
    jitter = 1e-3 * np.random.default_rng(2).standard_normal(1000)
    assert locking(train, 50) == pytest.approx(1)
    # of normal jitter: exp(-2 (pi f sd)^2)
    assert locking(train + jitter, 50) == pytest.approx(np.exp(-2 * (np.pi * 0.05) ** 2), rel=0.01)
    assert locking(np.empty(0), 50) == 0
