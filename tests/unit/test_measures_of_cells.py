"""Measures of single cells, receptive fields and correlation against trains made by hand."""

import numpy as np
import pytest
import xarray as xr

from dhmodel import measures
from dhmodel.errors import InputError
from dhmodel.recording import Recording

TIMES = np.array([0.1, 0.5, 1.0, 1.2, 1.9999, 2.0, 0.3])
CELLS = np.array([0, 0, 0, 1, 1, 1, 3])


def regular(rate, start, stop):
    return np.arange(start, stop, 1 / rate) + 0.5 / rate


def trains(*of_cells):
    """Times and cells of the trains of cells 0, 1, ..."""
    return np.concatenate(of_cells), np.repeat(np.arange(len(of_cells)), [len(one) for one in of_cells])


def test_counts_and_rates_of_a_window_begin_with_its_first_edge():
    assert measures.cell_counts(TIMES, CELLS, 5, 1.0, 2.0).tolist() == [1, 2, 0, 0, 0]
    assert measures.cell_rates(TIMES, CELLS, 5, 0.0, 2.0).tolist() == [1.5, 1, 0, 0.5, 0]
    with pytest.raises(InputError, match="window: got 2 to 1 s"):
        measures.cell_counts(TIMES, CELLS, 5, 2.0, 1.0)


def test_a_spike_on_the_edge_belongs_to_the_window_in_spite_of_rounding():
    assert measures.cell_counts([0.1 + 0.2 - 1e-12], [0], 1, 0.3, 1.0).tolist() == [1]


def test_active_cells_are_a_fraction_of_all():
    assert measures.active_cells(TIMES, CELLS, 5, 0.0, 3.0) == 0.4
    assert measures.active_cells(TIMES, CELLS, 5, 0.0, 3.0, at_least=1) == 0.6


def test_cells_respond_that_fire_more_than_chance():
    times, cells = trains(
        np.r_[regular(10, 0, 1), regular(10, 1, 3)],  # as before
        np.r_[regular(10, 0, 1), regular(30, 1, 3)],  # three times as much
        regular(1, 1, 3),  # silent before, two spikes
        np.array([2.5]),  # silent before, one spike
        np.r_[regular(30, 0, 1), regular(10, 1, 3)],  # less
        np.r_[regular(10, 0, 1), regular(13, 1, 3)],  # within chance
        np.array([]),
    )
    found = measures.responding(times, cells, 7, before=(0, 1), during=(1, 3))
    assert found.tolist() == [False, True, True, False, False, False, False]
    lenient = measures.responding(times, cells, 7, (0, 1), (1, 3), deviations=0.5)
    assert lenient.tolist() == [False, True, True, False, False, True, False]


def test_changed_cells_are_counted_among_those_that_fired():
    lost = measures.changed([10, 10, 10, 0, 0.04], [4, 5, 20, 3, 0])
    np.testing.assert_array_equal(lost, [1, 0, 0, np.nan, np.nan])
    assert measures.changed([10, 10], [4, 9], below=0.95).tolist() == [1, 1]
    with pytest.raises(InputError, match="got 2 and 1 cells"):
        measures.changed([1, 2], [1])


def test_latency_is_the_median_of_first_spikes():
    events = [1.0, 2.0, 3.0]
    times = [1.01, 1.02, 2.03, 3.05, 0.5, 1.5, 2.999, 3.2]
    cells = [0, 0, 0, 0, 0, 1, 1, 2]
    found = measures.first_latency(times, cells, 4, events, within=0.3)
    np.testing.assert_allclose(found, [0.03, np.nan, 0.2, np.nan], atol=1e-8)
    found = measures.first_latency(times, cells, 4, events, within=2.0)
    np.testing.assert_allclose(found, [0.03, (0.5 + 0.999) / 2, 0.2, np.nan], atol=1e-8)


def test_measures_of_spikes_apply_to_every_replicate():
    ds = xr.Dataset(
        {
            "spike_time_WDR": ("spike_WDR", [0.1, 0.2, 0.3, 0.1]),
            "spike_neuron_WDR": ("spike_WDR", [0, 0, 2, 1], {"population_size": 3}),
            "spike_replicate_WDR": ("spike_WDR", [0, 0, 0, 1]),
        },
        {"replicate": [0, 1]},
    )
    rates = measures.replicates(ds, "WDR", measures.cell_rates, start=0.0, stop=0.5)
    assert rates.dims == ("replicate", "cell")
    assert rates.values.tolist() == [[4, 0, 2], [0, 2, 0]]
    active = measures.replicates(ds, "WDR", measures.active_cells, start=0.0, stop=0.5, at_least=1)
    np.testing.assert_allclose(active, [2 / 3, 1 / 3])
    with pytest.raises(InputError, match='unknown variable "spike_neuron_PN"'):
        measures.replicates(ds, "PN", measures.cell_rates, start=0.0, stop=0.5)


def test_a_recording_gives_the_spikes_of_a_population():
    one = Recording(
        np.array([-0.5, 0.1, 0.2, 0.3]), np.array([3, 0, 2, 4]), {"WDR": 2, "PN": 3}, 1.0, [], [], {}
    )
    times, cells, n = one.of("PN")
    assert (times.tolist(), cells.tolist(), n) == ([-0.5, 0.2, 0.3], [1, 0, 2], 3)
    with pytest.raises(InputError, match='unknown population "WDX"'):
        one.of("WDX")


def test_the_field_of_a_cell_is_the_share_of_places_that_drive_it():
    rates = [[5, 0, 2], [5, 1, 2], [0, 0, 2], [5, 0, 2]]
    assert measures.field_size(rates, [0, 0, 2]).tolist() == [0.75, 0.25, 0]
    assert measures.field_size(rates, [0, 0, 0], added=3).tolist() == [0.75, 0, 0]
    with pytest.raises(InputError, match="needs the same cells"):
        measures.field_size(rates, [0, 0])


def test_the_surround_takes_from_the_centre():
    found = measures.surround_ratio(centre=[11, 11, 1.5, 1], wide=[6, 21, 9, 1], rest=[1, 1, 1, 1])
    np.testing.assert_array_equal(found, [0.5, 2, np.nan, np.nan])


def test_correlation_of_like_opposite_and_independent_cells():
    steps = np.arange(0.005, 1, 0.02)
    like = trains(steps[::2], steps[::2], steps[::2])
    assert measures.correlation(*like, 3, 0.0, 1.0) == pytest.approx(1)
    opposite = trains(steps[::2], steps[1::2])
    assert measures.correlation(*opposite, 2, 0.0, 1.0) == pytest.approx(-1)
    rng = np.random.default_rng(4)
    alone = rng.uniform(0, 200, 40_000), rng.integers(0, 20, 40_000)
    assert measures.correlation(*alone, 20, 0.0, 200.0) == pytest.approx(0, abs=0.003)


def test_correlation_is_that_of_numpy_and_leaves_silent_cells_out():
    rng = np.random.default_rng(5)
    common = rng.uniform(0, 20, 200)
    times, cells = trains(*[np.r_[common, rng.uniform(0, 20, 100)] for _ in range(4)])
    counts = [np.histogram(times[cells == cell], bins=200, range=(0, 20))[0] for cell in range(4)]
    expected = np.corrcoef(counts)[np.triu_indices(4, 1)].mean()
    assert measures.correlation(times, cells, 4, 0.0, 20.0, bin=0.1) == pytest.approx(expected)
    assert measures.correlation(times, cells, 9, 0.0, 20.0, bin=0.1) == pytest.approx(expected)
    shifted = measures.correlation(times + 5, cells, 9, 5.0, 25.0, bin=0.1)
    assert shifted == pytest.approx(expected, abs=0.01)


def test_correlation_needs_cells_and_bins():
    assert np.isnan(measures.correlation(np.array([0.1, 0.2]), np.array([0, 0]), 5, 0.0, 1.0))
    with pytest.raises(InputError, match="got 1 bins of 0.8 s"):
        measures.correlation(TIMES, CELLS, 5, 0.0, 1.0, bin=0.8)
