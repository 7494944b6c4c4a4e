"""Words for the answer of a cell to a current step."""

import numpy as np
import pytest

from dhmodel.measures import after_discharge_count, firing_pattern_of


@pytest.mark.parametrize(
    ("times", "pattern"),
    [
        ([], "silent"),
        ([-0.1, 1.2], "silent"),
        (np.arange(0.02, 1, 0.05), "tonic"),
        ([0.02, 0.06, 0.11, 0.17, 0.25, 0.35, 0.48, 0.66, 0.9], "tonic"),
        (np.arange(0.3, 1, 0.05), "delayed"),
        ([0.9], "delayed"),
        ([0.02], "initial_burst"),
        ([0.02, 0.03, 0.05, 0.2], "initial_burst"),
        ([0.02, *np.arange(0.4, 1, 0.05)], "gap"),
        ([0.02, 0.04, *np.arange(0.4, 1, 0.05)], "gap"),
        ([0.02, *np.arange(0.06, 1, 0.01)], "tonic"),
    ],
)
def test_patterns(times, pattern):
    assert firing_pattern_of(times, 1.0) == pattern


def test_a_pattern_scales_with_the_step():
    times = np.array([0.02, *np.arange(0.8, 2, 0.1)])
    assert firing_pattern_of(times, 2.0) == firing_pattern_of(times / 2, 1.0) == "gap"


def test_after_discharge_begins_50_ms_after_the_step_and_lasts_to_1_s():
    trains = [np.array([0.5, 1.01, 1.06, 1.5, 1.99, 2.01]), np.empty(0)]
    assert after_discharge_count(trains, 1.0).tolist() == [3, 0]
