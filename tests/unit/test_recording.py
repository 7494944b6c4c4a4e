"""Spikes with known answers in, numbers and a Dataset out."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from dhmodel import recording as rec
from dhmodel.errors import EngineError, InputError
from dhmodel.parameters.layout import POPULATIONS, SOURCES
from dhmodel.provenance import provenance
from dhmodel.recording import Recording, summarise

P = {
    "recording.bin": 0.01,
    "recording.active_spikes": 2,
    **{f"window.{name}.start": start for name, start in zip(rec.WINDOWS, (0, 0.02, 0.09, 0.5), strict=True)},
    **{f"window.{name}.stop": stop for name, stop in zip(rec.WINDOWS, (0.02, 0.09, 0.5, 0.8), strict=True)},
}
SIZES = dict.fromkeys(POPULATIONS, 10) | {"PN": 4}
WDR, PN = POPULATIONS.index("WDR"), POPULATIONS.index("PN")
FIRST = {name: 10 * index for index, name in enumerate(POPULATIONS)}
ATTRIBUTES = {
    "parameters": json.dumps(P),
    "parameters_digest": "0123456789abcdef",
    "seed": np.int64(1),
    "n_neurons": 184,
    "dt": 1e-4,
    "target": "cpp",
}


def recording(spikes=(), shocks=(), duration=1.0, **more):
    """A recording of (time, population, neuron within it) triples."""
    times = [time for time, _, _ in spikes]
    neurons = [FIRST[population] + neuron for _, population, neuron in spikes]
    sources = more.get("source_rate", {"AB": 8.9})
    shocks = np.array(shocks, float)
    return Recording(
        np.array(times, float), np.array(neurons, int), SIZES, duration, np.array([]), shocks, sources
    )


def dataset(recordings, spikes=False, **attributes):
    shocks = recordings[0].shocks
    return rec.to_dataset(
        [summarise(one, P) for one in recordings],
        recordings if spikes else None,
        ATTRIBUTES | attributes,
        rec.coords(P, recordings[0].duration, shocks),
    )


def test_rate_is_per_neuron_and_leaves_warm_up_and_overrun_out():
    spikes = [(-0.1, "WDR", 0), (0.0, "WDR", 0), (1.999, "WDR", 9), (2.0, "WDR", 0), (0.5, "PN", 3)]
    rate = summarise(recording(spikes, duration=2.0), P)["rate"]
    expected = np.zeros(len(POPULATIONS))
    expected[WDR] = 2 / (10 * 2.0)
    expected[PN] = 1 / (4 * 2.0)
    np.testing.assert_allclose(rate, expected)


def test_active_counts_neurons_with_two_spikes_within_their_population():
    spikes = [
        (0.1, "WDR", 0),
        (0.2, "WDR", 0),
        (0.1, "WDR", 1),
        (0.1, "PN", 3),
        (0.2, "PN", 3),
        (0.3, "PN", 3),
    ]
    active = summarise(recording(spikes), P)["active"]
    assert active[WDR] == pytest.approx(0.1)
    assert active[PN] == pytest.approx(0.25)
    assert active.sum() == pytest.approx(0.35)
    three = summarise(recording(spikes), P | {"recording.active_spikes": 3})["active"]
    assert three[WDR] == 0
    assert three[PN] == pytest.approx(0.25)


def test_psth_puts_a_spike_on_an_edge_into_the_bin_that_starts_there():
    on_edges = [(k * 0.01, "WDR", 0) for k in range(100)]
    psth = summarise(recording(on_edges), P)["psth"]
    assert psth.shape == (len(POPULATIONS), 100)
    np.testing.assert_allclose(psth[WDR], 1 / (10 * 0.01))
    from_steps = [(k * 100 * 1e-4, "WDR", 0) for k in range(100)]
    np.testing.assert_allclose(summarise(recording(from_steps), P)["psth"][WDR], 10)


def test_psth_mean_over_time_is_the_rate():
    generator = np.random.default_rng(5)
    spikes = [
        (t, "PN", n) for t, n in zip(generator.uniform(0, 3, 500), generator.integers(0, 4, 500), strict=True)
    ]
    result = summarise(recording(spikes, duration=3.0), P)
    assert result["psth"][PN].mean() == pytest.approx(result["rate"][PN])


def test_last_bin_of_an_uneven_duration_has_its_own_width():
    result = summarise(recording([(0.022, "WDR", 0)], duration=0.025), P)
    assert result["psth"].shape == (len(POPULATIONS), 3)
    assert result["psth"][WDR, 2] == pytest.approx(1 / (10 * 0.005))
    np.testing.assert_array_equal(rec.coords(P, 0.025)["time"][1], [0, 0.01, 0.02])


def test_count_separates_windows_shocks_and_populations():
    spikes = [
        (0.019, "WDR", 0),
        (0.02, "WDR", 0),
        (0.0899, "WDR", 1),
        (0.09, "PN", 0),
        (0.4999, "PN", 1),
        (0.5, "PN", 2),
    ]
    later = [(t + 1.0, population, neuron) for t, population, neuron in spikes[:1]]
    count = summarise(recording(spikes + later, shocks=[0.0, 1.0], duration=2.0), P)["count"]
    assert count.shape == (2, len(POPULATIONS), 4)
    np.testing.assert_allclose(count[0, WDR], [0.1, 0.2, 0, 0])
    np.testing.assert_allclose(count[0, PN], [0, 0, 0.5, 0.25])
    np.testing.assert_allclose(count[1, WDR], [0.1, 0, 0, 0])
    assert count.sum() == pytest.approx(0.3 + 0.75 + 0.1)


@pytest.mark.parametrize("shock", [0.0, 0.3, 100.0, 1234.7])
def test_a_spike_on_a_window_edge_belongs_to_the_window_that_starts_there(shock):
    count = summarise(recording([(shock + 0.02, "WDR", 0), (shock + 0.09, "WDR", 0)], [shock], shock + 1), P)[
        "count"
    ]
    np.testing.assert_allclose(count[0, WDR], [0, 0.1, 0.1, 0])


def test_windows_that_reach_into_the_next_shock_are_missing():
    spikes = [(0.1, "WDR", 0), (0.6, "WDR", 0)]
    count = summarise(recording(spikes, shocks=[0.0, 0.5], duration=2.0), P)["count"]
    np.testing.assert_array_equal(np.isnan(count[0, WDR]), [False, False, False, True])
    np.testing.assert_allclose(count[0, WDR, 2], 0.1)
    np.testing.assert_allclose(count[1, WDR], [0, 0, 0.1, 0])
    fast = summarise(recording(spikes, shocks=[0.0, 0.25], duration=2.0), P)["count"]
    np.testing.assert_array_equal(np.isnan(fast[0, PN]), [False, False, True, True])


def test_windows_that_run_past_the_end_or_start_in_the_warm_up_are_missing():
    count = summarise(recording(shocks=[-1.0, 0.0, 1.0, 3.0], duration=1.6), P)["count"]
    missing = np.isnan(count[:, WDR])
    np.testing.assert_array_equal(missing, [[True] * 4, [False] * 4, [False, False, False, True], [True] * 4])
    whole = summarise(recording(shocks=[0.0], duration=0.8), P)["count"]
    assert np.isfinite(whole).all()


def test_no_count_without_shocks():
    assert "count" not in summarise(recording(), P)
    assert "stimulus_index" not in rec.coords(P, 1.0)


def test_source_rates_come_in_order_and_a_missing_class_was_silent():
    rates = summarise(recording(source_rate={"CORTEX": 2.0, "IA": 1.0}), P)["source_rate"]
    np.testing.assert_array_equal(rates, [1, 0, 0, 0, 0, 0, 0, 0, 2])


def test_order_of_spikes_does_not_matter():
    spikes = [(0.3, "WDR", 2), (0.1, "PN", 0), (0.2, "WDR", 1), (0.05, "WDR", 2)]
    one, other = (summarise(recording(order, [0.0]), P) for order in (spikes, spikes[::-1]))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_every_dimension_of_every_variable_is_described_and_matches():
    result = summarise(recording(shocks=[0.0]), P)
    coordinates = rec.coords(P, 1.0, [0.0])
    assert set(result) == set(rec.VARIABLES)
    for name, array in result.items():
        assert array.shape == tuple(coordinates[dim][1].size for dim in rec.dims(name))
        assert rec.describe(name)["long_name"]
    assert rec.describe("rate")["units"] == "Hz"


def test_unknown_variable_names_the_nearest():
    with pytest.raises(InputError, match='"rats".*nearest: "rate"'):
        rec.dims("rats")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": np.array([0.1, np.nan])}, "times: 1 of 2 values are not finite"),
        ({"times": np.array([0.1])}, "1 spike times, but 2 neuron numbers"),
        ({"neurons": np.array([0, 184])}, "neuron numbers 0 to 184, of 184"),
        ({"neurons": np.array([-1, 3])}, "neuron numbers -1 to 3, of 184"),
    ],
)
def test_impossible_spikes_are_an_engine_error(change, message):
    good = recording([(0.1, "EX", 0), (0.2, "EX", 1)])
    with pytest.raises(EngineError, match=message):
        replace(good, **change)


def test_non_finite_rates_are_an_engine_error():
    with pytest.raises(EngineError, match="source_rate: 1 of 9"):
        summarise(recording(source_rate={"AB": np.inf}), P)
    summary = summarise(recording(), P) | {"rate": np.full(len(POPULATIONS), np.nan)}
    with pytest.raises(EngineError, match="rate: 19 of 19"):
        rec.to_dataset([summary], None, ATTRIBUTES, rec.coords(P, 1.0))


def test_bad_input_is_named():
    with pytest.raises(InputError, match="duration is 0"):
        recording(duration=0.0)
    with pytest.raises(InputError, match="shocks need ascending times"):
        recording(shocks=[1.0, 0.5])
    with pytest.raises(InputError, match='unknown source class "AX"'):
        recording(source_rate={"AX": 1.0})
    with pytest.raises(InputError, match=r"window.C: starts at 0.6 s, but stops at 0.5 s"):
        summarise(recording(shocks=[0.0]), P | {"window.C.start": 0.6})
    with pytest.raises(InputError, match="attribute seed is missing"):
        provenance({name: value for name, value in ATTRIBUTES.items() if name != "seed"})


class Quantity(np.ndarray):
    """Behaves like a Brian2 quantity: an array with a dimension that survives numpy functions."""

    dim = "second"


def quantity(values):
    return np.asarray(values, float).view(Quantity)


def test_quantities_never_get_in():
    plain = recording([(0.1, "WDR", 0), (0.6, "WDR", 0)], [0.0, 0.5], 2.0)
    united = replace(
        plain,
        times=quantity(plain.times),
        shocks=quantity(plain.shocks),
        duration=quantity(2.0),
        source_rate={"AB": quantity(8.9)},
    )
    summary = {name: quantity(array) for name, array in summarise(united, P).items()}
    ds = rec.to_dataset(
        [summary], [united], ATTRIBUTES | {"dt": quantity(1e-4)}, rec.coords(P, 2.0, united.shocks)
    )
    for name, variable in ds.variables.items():
        assert type(variable.values) is np.ndarray, name
    assert type(ds.attrs["dt"]) is float
    xr.testing.assert_equal(ds, dataset([plain], spikes=True))


def test_dataset_has_names_units_and_leading_replicate():
    ds = dataset([recording([(0.1, "WDR", 0)], [0.0]), recording([(0.1, "WDR", 0), (0.2, "WDR", 1)], [0.0])])
    assert ds["count"].dims == ("replicate", "stimulus_index", "population", "window")
    assert ds["psth"].dims == ("replicate", "population", "time")
    assert tuple(ds.population.values) == POPULATIONS
    assert tuple(ds.source.values) == SOURCES
    np.testing.assert_allclose(ds["rate"].sel(population="WDR"), [0.1, 0.2])
    np.testing.assert_allclose(ds["psth"].sel(population="WDR", time=0.1), [10, 10])
    assert float(
        ds["count"].sel(population="WDR", window="C").isel(replicate=1, stimulus_index=0)
    ) == pytest.approx(0.2)
    for name, variable in ds.data_vars.items():
        assert {"units", "long_name"} <= set(variable.attrs), name
    assert all("long_name" in coordinate.attrs for coordinate in ds.coords.values())


def test_stored_spikes_are_those_that_were_counted():
    one = recording(
        [(0.3, "WDR", 2), (-0.1, "WDR", 0), (0.1, "WDR", 1), (0.1, "PN", 3), (1.0, "PN", 0)], [0.0]
    )
    ds = dataset([one, replace(one, pulses=np.array([0.0, 0.02]))], spikes=True)
    np.testing.assert_array_equal(ds.spike_time_WDR, [0.1, 0.3, 0.1, 0.3])
    np.testing.assert_array_equal(ds.spike_neuron_WDR, [1, 2, 1, 2])
    np.testing.assert_array_equal(ds.spike_replicate_WDR, [0, 0, 1, 1])
    np.testing.assert_array_equal(ds.spike_neuron_PN, [3, 3])
    assert ds.spike_neuron_PN.attrs["population_size"] == 4
    assert ds.spike_time_EX.size == 0
    np.testing.assert_array_equal(ds.pulse_time, [0.0, 0.02])
    np.testing.assert_array_equal(ds.pulse_replicate, [1, 1])
    np.testing.assert_array_equal(ds.shock_replicate, [0, 1])


def test_provenance_is_plain_and_complete():
    attrs = provenance(ATTRIBUTES | {"drugs": (("ap5", 1.0),), "spikes": True, "store": None})
    assert type(attrs["seed"]) is int
    assert json.loads(attrs["parameters"]) == P
    assert json.loads(attrs["drugs"]) == [["ap5", 1.0]]
    assert (attrs["spikes"], attrs["store"]) == ("true", "null")
    assert all(type(value) in (str, int, float) for value in attrs.values())
    assert attrs["numpy_version"] == np.__version__
    assert {"dhmodel_version", "brian2_version", "python_version"} <= set(attrs)
    assert attrs["created"].endswith("+00:00")


@pytest.mark.parametrize("kind", ["netcdf", "zarr"])
def test_round_trip_keeps_everything(tmp_path, kind):
    ds = dataset([recording([(0.1, "WDR", 0)], [0.0, 0.5])] * 2, spikes=True)
    if kind == "netcdf":
        ds.to_netcdf(tmp_path / "ds.nc", engine="h5netcdf")
        back = xr.load_dataset(tmp_path / "ds.nc", engine="h5netcdf")
    else:
        ds.to_zarr(tmp_path / "ds.zarr", zarr_format=3, consolidated=False)
        back = xr.open_zarr(tmp_path / "ds.zarr", consolidated=False).load()
    xr.testing.assert_identical(ds, back)
    assert np.isnan(back["count"].sel(stimulus_index=0, window="post")).all()


def test_packaged_parameters_are_the_documented_windows():
    from dhmodel.parameters import parameter

    assert {path: parameter(path).si for path in P} == pytest.approx(P)


def test_a_hundred_thousand_spikes_take_milliseconds():
    generator = np.random.default_rng(1)
    times = np.sort(generator.uniform(0, 16, 100_000))
    big = Recording(
        times, generator.integers(0, 184, times.size), SIZES, 16.0, np.array([]), np.arange(15.0), {}
    )
    spent = []
    for _ in range(5):
        begin = time.process_time()
        summarise(big, P)
        spent.append(time.process_time() - begin)
    assert min(spent) < 0.02
