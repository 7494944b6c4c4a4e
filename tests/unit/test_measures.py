"""Measures of data whose answers are known beforehand."""

import numpy as np
import pytest
import xarray as xr

from dhmodel import measures
from dhmodel.errors import InputError

FREQUENCIES = [0.0, 1.0, 50.0]

# Foreman et al. 1976, four primate spinothalamic cells as digitised by Zhang et al. 2014 (ModelDB 168414):
# time in ms after the dorsal column pulse, and firing in percent of before
FOREMAN = (
    ([0.0, 12.0, 13.7, 28.2, 59.0, 123.9], [100.0, 9.5, 15.2, 58.9, 63.1, 87.5]),
    ([0.0, 5.0, 10.0, 15.7, 19.6, 49.9, 80.4, 110.0], [100.0, 21.0, 18.1, 52.7, 53.6, 75.6, 82.1, 81.4]),
    ([0.0, 4.4, 30.6, 51.2, 81.6, 103.7], [100.0, 0.0, 0.0, 49.8, 96.0, 131.7]),
    ([0.0, 4.3, 78.8, 98.5], [100.0, 0.0, 0.0, 40.0]),
)


def frequency_data(rates):
    """Rates (tonic.frequency, replicate) of one population."""
    coords = {"tonic.frequency": FREQUENCIES, "population": ["WDR"]}
    data = np.asarray(rates, float)[..., np.newaxis]
    return xr.Dataset(
        {"rate": (("tonic.frequency", "replicate", "population"), data, {"units": "Hz"})}, coords
    )


def train_data(counts):
    """C-window counts (replicate, stimulus_index) of WDR; PN has twice as many, the other window none."""
    counts = np.asarray(counts, float)
    data = np.stack([np.stack([counts, 0 * counts], -1), np.stack([2 * counts, 0 * counts], -1)], -2)
    dims = ("replicate", "stimulus_index", "population", "window")
    return xr.Dataset(
        {"count": (dims, data, {"units": "1"})}, {"population": ["WDR", "PN"], "window": ["C", "post"]}
    )


def curve(times, values):
    """Percent at instants, as a kernel with bins of no width."""
    coords = {"latency": ("latency", times), "width": ("latency", np.zeros(len(times)))}
    return xr.DataArray(np.asarray(values, float), coords, ("latency",))


def test_percent_pairs_each_replicate_with_its_own_baseline():
    result = measures.percent_of_baseline(frequency_data([[10, 20], [5, 20], [20, 10]]))
    percent = result["percent"].sel(population="WDR")
    np.testing.assert_allclose(percent, [[100, 100], [50, 100], [200, 50]])
    np.testing.assert_allclose(result["mean"].sel(population="WDR"), [100, 75, 125])
    np.testing.assert_allclose(result["sd"].sel(population="WDR"), [0, 50 / np.sqrt(2), 150 / np.sqrt(2)])
    np.testing.assert_allclose(result["baseline"].sel(population="WDR"), [10, 20])
    assert not result["silent"].any()
    assert result["percent"].attrs["units"] == "%"


def test_one_silent_baseline_leaves_no_percentage_at_all():
    result = measures.percent_of_baseline(frequency_data([[10, 0.049], [5, 20], [20, 10]]))
    assert result["silent"].all()
    assert np.isnan(result["percent"]).all()
    assert np.isnan(result["mean"]).all()
    assert not measures.percent_of_baseline(frequency_data([[10, 0.05], [5, 20], [20, 10]]))["silent"].any()
    lower = measures.percent_of_baseline(frequency_data([[10, 0.049], [5, 20], [20, 10]]), floor=0.01)
    assert np.isfinite(lower["percent"]).all()


def test_percent_of_a_single_replicate_has_no_sd():
    result = measures.percent_of_baseline(frequency_data([[10], [5], [20]]))
    np.testing.assert_allclose(result["mean"].values.ravel(), [100, 50, 200])
    assert np.isnan(result["sd"]).all()


def test_percent_takes_any_point_and_says_what_there_is():
    result = measures.percent_of_baseline(frequency_data([[10], [5], [20]]), value=50)
    np.testing.assert_allclose(result["mean"].values.ravel(), [50, 25, 100])
    with pytest.raises(InputError, match="tonic.frequency: no baseline at 7; there is 0, 1, 50"):
        measures.percent_of_baseline(frequency_data([[10], [5], [20]]), value=7)
    with pytest.raises(InputError, match='unknown variable "rats"'):
        measures.percent_of_baseline(frequency_data([[10], [5], [20]]), variable="rats")
    with pytest.raises(InputError, match='unknown dimension of rate "burst.rate"'):
        measures.percent_of_baseline(frequency_data([[10], [5], [20]]), dim="burst.rate")


def test_windup_ratio_is_last_three_over_first():
    result = measures.windup_ratio(train_data([[2, 5, 7, 8, 9], [4, 4, 4, 4, 4]]))
    np.testing.assert_allclose(result["ratio"], [4, 1])
    np.testing.assert_allclose(result["growth"], [6, 0])
    assert float(result["ratio_of_means"]) == pytest.approx(6 / 3)
    assert float(result["growth_of_means"]) == pytest.approx(3)
    assert float(measures.windup_ratio(train_data([[2, 5, 7, 8, 9]]), "PN", last=1)["last"][0]) == 18


def test_windup_without_a_first_response_has_growth_but_no_ratio():
    result = measures.windup_ratio(train_data([[0, 1, 2, 3], [0, 1, 2, 3]]))
    assert np.isnan(result["ratio"]).all()
    assert np.isnan(result["ratio_of_means"])
    np.testing.assert_allclose(result["growth"], 2)


def test_missing_responses_are_not_passed_over():
    cut = train_data([[2, 5, 7, 8, np.nan]])
    assert np.isnan(measures.windup_ratio(cut)["ratio"]).all()
    assert np.isnan(measures.total_count(cut)["total"].sel(population="WDR")).all()


def test_windup_names_what_is_wrong():
    with pytest.raises(InputError, match='unknown window "Cc"'):
        measures.windup_ratio(train_data([[1, 2, 3, 4]]), window="Cc")
    with pytest.raises(InputError, match='unknown population "WRD".*nearest: "WDR"'):
        measures.windup_ratio(train_data([[1, 2, 3, 4]]), "WRD")
    with pytest.raises(InputError, match="last: got 4, needs 1 to 3"):
        measures.windup_ratio(train_data([[1, 2, 3, 4]]), last=4)
    with pytest.raises(InputError, match="count: this Dataset has none"):
        measures.total_count(frequency_data([[10], [5], [20]]))


def test_growth_left_after_a_block():
    control, blocked = (
        train_data([[4, 10, 10, 10], [8, 12, 12, 12]]),
        train_data([[2, 4, 4, 4], [6, 6, 6, 6]]),
    )
    result = measures.growth_left(control, blocked)
    assert float(result["growth_left"]) == pytest.approx(1 / 5)
    assert float(result["first_left"]) == pytest.approx(4 / 6)
    np.testing.assert_allclose(result["growth_left_replicate"], [1 / 3, 0])
    np.testing.assert_allclose(result["first_left_replicate"], [0.5, 0.75])
    assert np.isnan(
        measures.growth_left(blocked, train_data([[2, 2, 2, 2], [6, 6, 6, 6]]))["growth_left_replicate"][1]
    )


def test_total_count_sums_the_train_and_spreads_over_replicates():
    result = measures.total_count(train_data([[1, 2, 3], [3, 4, 5]]))
    np.testing.assert_allclose(result["total"].sel(population="WDR"), [6, 12])
    assert float(result["mean"].sel(population="PN")) == 18
    assert float(result["sd"].sel(population="WDR")) == pytest.approx(6 / np.sqrt(2))


def test_active_fraction_of_stored_spikes():
    spikes = xr.Dataset(
        {
            "spike_neuron_WDR": ("spike_WDR", [0, 0, 1, 1, 1, 3], {"population_size": 4}),
            "spike_replicate_WDR": ("spike_WDR", [0, 0, 0, 1, 1, 1]),
        },
        {"replicate": [0, 1], "population": ["WDR"]},
    )
    np.testing.assert_allclose(measures.active_fraction(spikes), [[0.25], [0.25]])
    np.testing.assert_allclose(measures.active_fraction(spikes, at_least=1), [[0.5], [0.5]])
    np.testing.assert_allclose(measures.active_fraction(spikes, at_least=3), [[0], [0]])
    with pytest.raises(InputError, match='unknown variable "spike_neuron_WDR"'):
        measures.active_fraction(spikes.drop_vars("spike_neuron_WDR"))


def test_peri_event_counts_each_neuron_in_each_bin():
    events = [1.0, 2.0]
    times = [0.995, 1.0, 1.005, 2.005, 2.0099, 2.01, 1.5]
    neurons = [0, 0, 1, 1, 1, 0, 0]
    result = measures.peri_event(times, neurons, 3, events, [-0.01, 0, 0.005, 0.01])
    expected = np.array([[1 / 0.01, 1 / 0.005, 0], [0, 0, 3 / 0.005], [0, 0, 0]]) / 2
    np.testing.assert_allclose(result["rate"], expected)
    np.testing.assert_allclose(result["width"], [0.01, 0.005, 0.005])


def test_peri_event_takes_spikes_in_any_order_and_near_several_events():
    generator = np.random.default_rng(3)
    times, neurons = generator.uniform(0, 2, 400), generator.integers(0, 5, 400)
    events, bins = np.arange(0.2, 1.8, 0.05), np.linspace(-0.1, 0.1, 9)
    expected = np.zeros((5, 8))
    for event in events:
        for neuron in range(5):
            expected[neuron] += np.histogram(times[neurons == neuron] - event, bins)[0]
    result = measures.peri_event(times, neurons, 5, events, bins)
    np.testing.assert_allclose(result["rate"] * 0.025 * events.size, expected)


def test_peri_event_refuses_nothing_to_align_to():
    with pytest.raises(InputError, match="events: none given"):
        measures.peri_event([0.1], [0], 1, [], [0, 1])
    with pytest.raises(InputError, match="ascending edges"):
        measures.peri_event([0.1], [0], 1, [0.0], [0, 0])


def test_kernel_is_percent_of_before_for_each_cell_and_pooled():
    rate = [[10.0, 20.0, 7.5], [40.0, 40.0, 10.0], [0.0, 0.0, 5.0]]
    coords = {"latency": ("latency", [-0.03, -0.01, 0.0]), "width": ("latency", [0.02, 0.01, 0.01])}
    peri = xr.Dataset({"rate": (("neuron", "latency"), rate)}, coords)
    result = measures.kernel(peri)
    np.testing.assert_allclose(result["before"], [40 / 3, 40, 0])
    np.testing.assert_allclose(result["percent"].isel(latency=2), [56.25, 25, np.nan])
    np.testing.assert_allclose(result["mean"].isel(latency=2), (56.25 + 25) / 2)
    np.testing.assert_allclose(result["pooled"].isel(latency=2), 100 * 22.5 / (160 / 3))
    with pytest.raises(InputError, match="no bin ends before the event"):
        measures.kernel(peri.isel(latency=[2]))


@pytest.mark.parametrize(("cell", "expected"), [(0, 0.0252), (1, 0.0153), (2, 0.0513), (3, np.inf)])
def test_half_recovery_of_foremans_cells_is_as_published(cell, expected):
    times, values = FOREMAN[cell]
    grid = np.arange(0, times[-1], 0.1)
    found = measures.half_recovery(curve(grid / 1000, np.interp(grid, times, values)))
    assert float(found) == pytest.approx(expected, abs=2e-4)


def test_half_recovery_reads_bins_at_their_middle_and_keeps_other_dimensions():
    coords = {"latency": ("latency", [0.0, 0.01, 0.02, 0.03]), "width": ("latency", [0.01] * 4)}
    rows = [[100, 0, 25, 75], [100, 60, 80, 90], [np.nan] * 4, [0, 40, 45, 49]]
    kernels = xr.DataArray(rows, coords, ("neuron", "latency"))
    np.testing.assert_allclose(measures.half_recovery(kernels), [0.03, np.nan, np.nan, np.inf])
    np.testing.assert_allclose(measures.half_recovery(kernels, level=20)[0], 0.023)
    with pytest.raises(InputError, match="no bin has its middle between 0.1 and 0.2 s"):
        measures.half_recovery(kernels, trough=(0.1, 0.2))


def test_half_recovery_seeks_the_trough_between_5_and_30_ms():
    times = [0.002, 0.015, 0.04, 0.09, 0.12]
    assert float(measures.half_recovery(curve(times, [0, 10, 90, 0, 100]))) == pytest.approx(0.0275)
    assert np.isnan(measures.half_recovery(curve(times, [0, 60, 90, 0, 100])))


def test_spread_has_mean_sd_and_sem_of_every_variable():
    ds = frequency_data([[1, 3], [2, 2], [0, 4]]).assign(size=("population", [40]))
    result = measures.spread(ds)
    assert set(result.data_vars) == {"rate"}
    np.testing.assert_allclose(result["rate"].sel(statistic="mean", population="WDR"), [2, 2, 2])
    np.testing.assert_allclose(result["rate"].sel(statistic="sd", population="WDR"), np.sqrt([2, 0, 8]))
    np.testing.assert_allclose(result["rate"].sel(statistic="sem", population="WDR"), [1, 0, 2])
    assert result["rate"].attrs["units"] == "Hz"
    with pytest.raises(InputError, match='unknown dimension "seeds"'):
        measures.spread(ds, "seeds")
