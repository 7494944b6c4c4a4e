"""
Foreman et al. 1976: one dorsal-column pulse during pinch (finding `foreman1976_stt_timecourse`).

Criterion: min(r[5:30 ms]) <= 0.25 and 0.3 <= mean r(50 ms) <= 0.7 and mean r(100 ms) >= 0.6, half-recovery
over cells spans at least 3x; and the mean lies within the spread of the four cells digitised by Zhang et al.
2014 (ModelDB 168414).
"""

import numpy as np
import pytest

from dhmodel.evidence.protocols import foreman

pytestmark = pytest.mark.evidence

# firing in % of before the pulse: (ms, %) of the four digitised cells, each 100 % at the pulse; the finding's
# published mean (11 % at 10 ms) interpolates between these points
DIGITISED = (
    ((0, 100), (12.0, 9.5), (13.7, 15.2), (28.2, 58.9), (59.0, 63.1), (123.9, 87.5)),
    (
        (0, 100),
        (5.0, 21.0),
        (10.0, 18.1),
        (15.7, 52.7),
        (19.6, 53.6),
        (49.9, 75.6),
        (80.4, 82.1),
        (110.0, 81.4),
    ),
    ((0, 100), (4.4, 0.0), (30.6, 0.0), (51.2, 49.8), (81.6, 96.0), (103.7, 131.7)),
    ((0, 100), (4.3, 0.0), (78.8, 0.0), (98.5, 40.0)),
)


@pytest.fixture(scope="module")
def answer(seed, replicates):
    return foreman(replicates, seed)


def at(answer, ms):
    return float(np.interp(ms * 1e-3, answer["latency"], answer["percent"]))


def test_pinch_drives_the_cells_as_in_the_experiment(answer):
    assert 20 <= answer["before"].mean() <= 70


def test_a_short_excitation_comes_first(answer):
    early = answer["latency"] < 0.008
    assert answer["percent"][early & (answer["latency"] > 0)].max() > 100


def test_then_a_trough(answer):
    inside = (answer["latency"] >= 0.005) & (answer["latency"] <= 0.03)
    assert answer["percent"][inside].min() <= 25


def test_half_of_the_firing_is_back_at_50_ms_and_most_at_100_ms(answer):
    assert 30 <= at(answer, 50) <= 70
    assert at(answer, 100) >= 60


@pytest.mark.parametrize("ms", [10, 20, 30, 50, 80, 98])
def test_the_mean_lies_within_the_spread_of_the_cells(answer, ms):
    cells = [np.interp(ms, *zip(*cell, strict=True)) for cell in DIGITISED if cell[0][0] <= ms <= cell[-1][0]]
    assert min(cells) <= at(answer, ms) <= max(cells)


def test_recovery_times_of_the_cells_span_at_least_threefold(answer):
    times = answer["half_recovery"][np.isfinite(answer["half_recovery"])]
    low, high = np.percentile(times, [5, 95])
    assert high / low >= 3
