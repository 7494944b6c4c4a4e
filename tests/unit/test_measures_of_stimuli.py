"""Evoked rates, thresholds and slopes, wind-up and release against data whose answers are known."""

import numpy as np
import pytest
import xarray as xr

from dhmodel import measures
from dhmodel.errors import InputError

FORCES = [0.0, 0.05, 0.1, 0.2]


def swept(rises):
    """Sweep of force: 1 Hz before 1 s, and a rise in Hz until 2 s, by force; PN rise by half."""
    time = np.round(np.arange(0, 3, 0.01), 9)
    on = ((time >= 1) & (time < 2)).astype(float)
    wdr = 1 + np.asarray(rises, float)[:, np.newaxis] * on
    pn = 0.5 * np.asarray(rises, float)[:, np.newaxis] * on
    data = np.stack([wdr, pn], axis=1)[:, np.newaxis]
    force = ("vonfrey.force", FORCES, {"units": "N"})
    return xr.Dataset(
        {"psth": (("vonfrey.force", "replicate", "population", "time"), data, {"units": "Hz"})},
        {
            "vonfrey.force": force,
            "replicate": [0],
            "population": ["WDR", "PN"],
            "time": time,
        },
    )


def test_evoked_is_the_rate_less_that_before():
    ds = swept([0, 2, 8, 24])
    evoked = measures.evoked(ds, during=(1, 2), before=(0, 1))
    np.testing.assert_allclose(evoked.sel(population="WDR")[:, 0], [0, 2, 8, 24])
    np.testing.assert_allclose(measures.between(ds, 1.5, 2.5).sel(population="WDR")[:, 0], [1, 2, 5, 13])
    np.testing.assert_allclose(measures.evoked(ds, during=(2, 3), before=(0, 1)), 0)
    assert evoked.attrs["units"] == "Hz"


def test_the_onset_is_where_the_rate_has_risen():
    time = np.round(np.arange(0, 4, 0.01), 9)
    ramp = 2 + 10 * np.clip(time + 0.005 - 1, 0, None)  # at the middle of each bin
    psth = np.stack([ramp, np.full(time.size, 2.0)])[np.newaxis]
    ds = xr.Dataset(
        {"psth": (("replicate", "population", "time"), psth)}, {"population": ["WDR", "PN"], "time": time}
    )
    found = measures.onset(ds, before=(0, 1), criterion=5)
    np.testing.assert_allclose(found, [[1.5, np.inf]])
    assert found.attrs["units"] == "s"


def test_a_stretch_begins_and_ends_with_bins():
    ds = swept([0, 0, 0, 0])
    with pytest.raises(InputError, match="between: no bin begins from 4 to 5 s; there is 0 to 2.99 s"):
        measures.between(ds, 4, 5)
    for stretch in ((0.005, 1), (0, 1.005)):
        with pytest.raises(InputError, match="cuts a bin of 0.01 s"):
            measures.between(ds, *stretch)
    with pytest.raises(InputError, match='unknown variable "psth"'):
        measures.between(ds.drop_vars("psth"), 0, 1)


def test_the_threshold_is_where_the_output_crosses_the_criterion():
    output = measures.output(measures.evoked(swept([0, 2, 8, 24]), (1, 2), (0, 1)))
    np.testing.assert_allclose(output[:, 0], [0, 1.5, 6, 18])
    found = measures.threshold(output, "vonfrey.force", criterion=3)
    assert found.dims == ("replicate",) and found.attrs["units"] == "N"
    assert float(found[0]) == pytest.approx(0.05 + 0.05 / 3)
    assert float(measures.threshold(output, "vonfrey.force", 18)[0]) == pytest.approx(0.2)
    assert float(measures.threshold(output, "vonfrey.force", 19)[0]) == np.inf
    assert float(measures.threshold(output, "vonfrey.force", -1)[0]) == 0
    with pytest.raises(InputError, match='unknown dimension "force"'):
        measures.threshold(output, "force")


def test_the_suprathreshold_slope_leaves_the_rest_out():
    output = measures.output(measures.evoked(swept([0, 2, 8, 24]), (1, 2), (0, 1)))
    assert float(measures.slope(output, "vonfrey.force", above=0.1)[0]) == pytest.approx(120)
    assert measures.slope(output, "vonfrey.force").attrs["units"] == "Hz/N"
    every = np.polyfit(FORCES, [0, 1.5, 6, 18], 1)[0]
    assert float(measures.slope(output, "vonfrey.force")[0]) == pytest.approx(every)
    found = measures.threshold(output, "vonfrey.force", 3)
    assert float(measures.slope(output, "vonfrey.force", above=found)[0]) == pytest.approx(120)
    never = measures.threshold(output, "vonfrey.force", 100)
    assert np.isnan(measures.slope(output, "vonfrey.force", above=never)).all()


def test_output_is_of_the_projection_cells_alone():
    rates = xr.DataArray([1.0, 3.0, 50.0], {"population": ["WDR", "PN", "EX"]}, ("population",))
    assert float(measures.output(rates)) == 2
    with pytest.raises(InputError, match='unknown population "SG"'):
        measures.output(rates, ["SG"])


def test_crossing_is_the_first_one_and_passes_nothing_over():
    x = [0, 1, 2, 3]
    assert measures.crossing(x, [[0, 4, 0, 8], [8, 0, 0, 0], [0, 0, 0, 0]], 2).tolist() == [0.5, 0, np.inf]
    assert np.isnan(measures.crossing(x, [0, np.nan, 4, 4], 2))
    assert measures.crossing(x, [0, 4, np.nan, 4], 2) == 0.5
    with pytest.raises(InputError, match="ascending"):
        measures.crossing([0, 0], [1, 2], 1)


def test_steepness_is_the_line_of_least_squares_over_what_is_there():
    rng = np.random.default_rng(2)
    x, y = np.arange(6.0), rng.normal(size=(3, 6))
    np.testing.assert_allclose(measures.steepness(x, y), np.polyfit(x, y.T, 1)[0])
    gap = np.array([0.0, np.nan, 4.0, 6.0])
    assert measures.steepness(np.arange(4), gap) == pytest.approx(2)
    assert np.isnan(measures.steepness(np.arange(3), [1, np.nan, np.nan]))


def test_windup_slope_and_area():
    counts = np.array([[2, 4, 6, 8, 8, 8], [3, 3, 3, 3, 3, 3], [5, 3, 1, 1, 1, 1]])
    np.testing.assert_allclose(measures.windup_slope(counts, over=4), [2, 0, -1.4])
    np.testing.assert_allclose(measures.windup_area(counts), [24, 0, -18])
    assert np.isnan(measures.windup_slope([1, np.nan, 3]))
    assert np.isnan(measures.windup_area([1, np.nan, 3]))
    assert measures.windup_slope([1, 2, np.nan], over=2) == 1
    with pytest.raises(InputError, match="got 1 responses"):
        measures.windup_slope([4.0])


def test_windup_of_a_dataset_has_slope_and_area():
    dims = ("replicate", "stimulus_index", "population", "window")
    data = np.array([[2, 4, 6, 8], [3, 3, 3, 3]], float)[:, :, np.newaxis, np.newaxis]
    ds = xr.Dataset({"count": (dims, data)}, {"population": ["WDR"], "window": ["C"]})
    found = measures.windup_ratio(ds)
    np.testing.assert_allclose(found["slope"], [2, 0])
    np.testing.assert_allclose(found["area"], [12, 0])


@pytest.mark.parametrize("frequency", [1.0, 50.0, 200.0])
def test_release_by_a_regular_train_settles_as_theory_says(frequency):
    depression, recovery = 0.3, 0.2
    times = np.arange(400) / frequency
    left = np.exp(-1 / (frequency * recovery))
    steady = (1 - left) / (1 - (1 - depression) * left)
    found = measures.release(times, np.zeros(400, int), depression, recovery)
    assert found[0] == 1
    assert found[1] == pytest.approx(1 - depression * left)
    assert found[-1] == pytest.approx(steady)


def test_release_follows_each_fibre_by_itself():
    one, two = np.array([0.0, 0.01, 0.5]), np.array([0.2, 0.21])
    together = measures.release(np.r_[one, two], np.r_[0, 0, 0, 4, 4], 0.5, 0.1)
    apart = [measures.release(train, np.zeros(train.size, int), 0.5, 0.1) for train in (one, two)]
    np.testing.assert_allclose(together, np.concatenate(apart))
    assert measures.release([], [], 0.5, 0.1).size == 0
    with pytest.raises(InputError, match="sorted"):
        measures.release([0.1, 0.0], [0, 0], 0.5, 0.1)


def test_release_per_pulse_declines_over_a_train_that_the_axons_follow():
    pulses = np.arange(250) / 50
    times, fibres = np.tile(pulses + 2e-3, 10), np.repeat(np.arange(10), 250)
    found = measures.release_per_pulse(times, fibres, 10, pulses, depression=0.3, recovery=0.2)
    left = np.exp(-0.02 / 0.2)
    assert found[0] == pytest.approx(1)
    assert found[-1] == pytest.approx((1 - left) / (1 - 0.7 * left))
    half = measures.release_per_pulse(times, fibres, 20, pulses, 0.3, 0.2, steady=0.4)
    np.testing.assert_allclose(half, (0.4 + 0.6 * found) / 2)


def test_release_per_pulse_leaves_out_what_came_before_and_later():
    times, pulses = [0.5, 1.0, 1.1, 1.15, 1.2, 1.5], [1.0, 1.1, 1.2]
    assert measures.release_per_pulse(times, [0] * 6, 1, pulses, 0.0, 1.0).tolist() == [1, 1, 1]
    assert measures.release_per_pulse(times, [0] * 6, 1, pulses, 0.0, 1.0, within=1.0).tolist() == [1, 2, 2]
    with pytest.raises(InputError, match="got no pulses"):
        measures.release_per_pulse([0.1], [0], 1, [], 0.3, 0.2)
