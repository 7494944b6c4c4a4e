"""What a paradigm delivers without the circuit: the Dataset, its limits, and its table."""

import json

import numpy as np
import pytest
import xarray as xr

import dhmodel as dh
from dhmodel.errors import InputError
from dhmodel.measures import locking, synchrony
from dhmodel.parameters import resolve
from dhmodel.stimulation import curves, view
from dhmodel.stimulation.delivery import deliver
from dhmodel.stimulation.dose import dose
from dhmodel.stimulation.paradigms import paradigms
from dhmodel.stimulation.recruitment import amplitudes, recruited, scales
from dhmodel.stimulation.table import delivery_table
from dhmodel.stimulation.waveforms import segments

EIGHT = [name for name, one in paradigms().items() if one.channels or one.base]


@pytest.fixture(scope="module")
def seen():
    """Every paradigm, seen for a fifth of a second."""
    return {name: dh.stimulate(name, duration="0.2 s", fibres=100) for name in EIGHT}


def test_all_eight_paradigms_are_seen(seen):
    assert len(EIGHT) == 8
    for name, ds in seen.items():
        assert ds.attrs["paradigm"] == name
        assert ds.sizes["pulse"] > 0 and ds.sizes["fibre"] == 100
        assert ds.sizes["channel"] == (2 if name == "dtm" else 1)


@pytest.mark.parametrize("name", EIGHT)
def test_every_variable_has_a_unit_and_a_name_and_every_number_is_finite(seen, name):
    for key, variable in seen[name].data_vars.items():
        assert variable.attrs["units"] and variable.attrs["long_name"], key
        if key not in ("event_time", "event"):
            assert np.isfinite(variable.values).all(), key


@pytest.mark.parametrize("name", EIGHT)
def test_pulses_and_dose_are_those_that_are_delivered(seen, name):
    ds, P = seen[name], resolve()
    delivery = deliver(P, name, 0.2, 1, 0)
    np.testing.assert_array_equal(ds["pulse_time"], delivery.schedule.times)
    np.testing.assert_array_equal(ds["current"], delivery.sent)
    doses = dose(delivery.schedule, delivery.sent, 0.2)
    for channel in ds["channel"].values:
        for key, value in doses[str(channel)].items():
            assert float(ds[key].sel(channel=channel)) == value


@pytest.mark.parametrize("name", ["tonic", "khz", "dtm"])
def test_amplitudes_are_given_on_all_four_scales(seen, name):
    ds, P = seen[name], resolve()
    schedule = deliver(P, name, 0.2, 1, 0).schedule
    for number in range(ds.sizes["channel"]):
        expected = amplitudes(P, schedule, number)
        assert float(ds["nominal"][number]) == pytest.approx(expected["current"])
        for scale in view.SCALES:
            assert float(ds["multiple"].sel(scale=scale)[number]) == pytest.approx(expected[scale])
            at = getattr(scales(P, schedule, number), scale)
            assert float(ds["threshold"].sel(scale=scale)[number]) == at


def test_fractions_rates_and_synchrony_come_from_the_spikes_that_are_kept(seen):
    ds = seen["tonic"]
    times, fibres = ds["spike_time"].values, ds["spike_fibre"].values
    np.testing.assert_allclose(ds["fibre_rate"], np.bincount(fibres, minlength=100) / 0.2)
    assert float(ds["trunk_rate"]) == pytest.approx(times.size / 100 / 0.2)
    assert float(ds["synchrony"]) == synchrony(times, fibres, 100, 0.2)
    assert float(ds["locking"][0]) == pytest.approx(locking(times, 50.0))
    assert (np.diff(fibres) >= 0).all()
    for number, start in enumerate(ds["pulse_time"].values):
        after = np.unique(fibres[(times >= start) & (times < start + 0.02)])
        assert float(ds["recruited"][number]) == after.size / 100


def test_a_lone_pulse_gives_the_fraction_and_potential_of_the_curves():
    # thresholds leave out noise, and the little that a pulse accommodates
    setting = {"tonic.frequency": "1 Hz", "tonic.recharge": "active"}
    exact = {"axon.noise": 0.0, "axon.accommodation": 0.0}
    ds = dh.stimulate("tonic", set=setting | exact, duration="0.1 s", fibres=1000)
    used = float(ds["nominal"][0])
    grid = ds["grid"].values[0]
    fraction = np.interp(used, grid, ds["recruitment"].sel(kind="column").values[0])
    assert float(ds["recruited"][0]) == pytest.approx(fraction, abs=0.02)
    assert float(ds["ecap"][0]) == pytest.approx(np.interp(used, grid, ds["growth"].values[0]), rel=0.02)
    below = float((ds["fibre_threshold"][0] <= used).mean())
    assert below == pytest.approx(float(ds["recruited"][0]), abs=1e-9)


def test_the_recruitment_curves_are_those_of_the_reference_fibres(seen):
    ds, P = seen["tonic"], resolve()
    schedule = deliver(P, "tonic", 0.2, 1, 0).schedule
    for number, kind in enumerate(curves.KINDS):
        expected = recruited(P, schedule.channels[0], schedule.shapes[0], ds["grid"].values[0], kind)
        np.testing.assert_array_equal(ds["recruitment"].values[0, number], expected)
        assert expected[0] < 0.01 and expected[-1] > 0.95


@pytest.mark.parametrize("name", EIGHT)
def test_the_waveform_carries_the_charge_of_the_segments_over_two_periods(seen, name):
    ds = seen[name]
    time, current = ds["waveform_time"].values, ds["waveform"].values
    slowest = float(ds["frequency"].min())
    assert time[-1] - time[0] == pytest.approx(min(2 / slowest, 0.2 - time[0]))
    delivery = deliver(resolve(), name, 0.2, 1, 0)
    pieces = segments(delivery.schedule, delivery.sent, float(time[0]), float(time[-1]))
    flown = np.diff(time) @ np.abs(current[:-1])
    np.testing.assert_allclose(flown, pieces.duration @ np.abs(pieces.current), rtol=1e-9)


def test_an_event_is_one_burst_with_the_recovery_of_its_charge(seen):
    ds = seen["burst"]
    time, current = (ds[key].values[0] for key in ("event_time", "event"))
    phases = np.diff(time) * current[:-1]
    assert np.count_nonzero(phases < 0) == 5
    assert phases.sum() == pytest.approx(0, abs=1e-6 * -phases[phases < 0].sum())
    assert float(ds["stimulating"][0]) == pytest.approx(4 / 500 + 1e-3)


def test_pulses_that_coincide_share_what_they_recruit(seen):
    ds = seen["dtm"]
    times, channel = ds["pulse_time"].values, ds["pulse_channel"].values
    for low in np.flatnonzero(channel == 0):
        high = np.flatnonzero((np.abs(times - times[low]) < 1e-9) & (channel == 1))
        assert high.size == 1
        assert ds["recruited"].values[low] == ds["recruited"].values[high[0]] > 0.25
        assert ds["ecap"].values[low] == ds["ecap"].values[high[0]]


def test_closed_loop_keeps_both_loops_and_their_report(seen):
    ds = seen["closed_loop"]
    assert list(ds["loop"].values) == ["closed", "open"]
    np.testing.assert_array_equal(ds["current"], ds["loop_current"].sel(loop="closed"))
    np.testing.assert_array_equal(ds["ecap"], ds["loop_ecap"].sel(loop="closed"))
    assert np.ptp(ds["loop_current"].sel(loop="open").values) == 0
    worth = ds["loop_worth"].values
    inside = (worth >= ds.attrs["loop_perception"]) & (worth <= ds.attrs["loop_discomfort"])
    np.testing.assert_array_equal(ds["in_window"], inside)
    assert ds.attrs["loop_in_window_closed"] == inside[0].mean()
    assert "loop_current" not in seen["tonic"]


def test_long_trains_are_kept_in_part_and_the_attributes_say_so(monkeypatch):
    monkeypatch.setattr(view, "_ECAPS", 3)
    monkeypatch.setattr(view, "_SPIKES", 150)
    ds = dh.stimulate("tonic", duration="0.2 s", fibres=100)
    assert ds.attrs["ecap_pulses"] == 3
    assert np.isfinite(ds["ecap"]).values.tolist() == [True] * 3 + [False] * 7
    assert 0 < ds.sizes["spike"] <= 150
    assert float(ds["spike_time"].max()) < ds.attrs["spikes_until"] < 0.1
    assert float(ds["trunk_rate"]) > 15  # of all spikes, kept or not


def test_the_same_arguments_give_the_same_view_and_another_seed_another():
    def times(seed):
        ds = dh.stimulate("tonic", set={"tonic.modulation": "jitter"}, duration="0.2 s", fibres=20, seed=seed)
        return ds["pulse_time"].values

    np.testing.assert_array_equal(times(1), times(1))
    assert not np.array_equal(times(1), times(2))


def test_the_attributes_say_where_the_numbers_come_from_and_survive_a_file(seen, tmp_path):
    ds = seen["dtm"]
    assert json.loads(ds.attrs["parameters"])["dtm.low.frequency"] == 50
    assert ds.attrs["parameters_digest"] == resolve().digest()
    assert (ds.attrs["seed"], ds.attrs["replicate"], ds.attrs["species"]) == (1, 0, "rat")
    ds.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), ds)


def test_a_paradigm_of_the_users_own_with_a_silent_channel():
    silent = {"name": "off", "frequency": "0 Hz", "contacts": "monopolar", "contact": 4}
    own = dh.Paradigm("mine", [{"name": "on", "frequency": "40 Hz", "contacts": "monopolar"}, silent])
    ds = dh.stimulate(own, duration="0.1 s", fibres=50)
    assert ds["channel"].values.tolist() == ["mine.on"] and ds.sizes["pulse"] == 4
    assert float(ds["pulse_rate"][0]) == 40


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"paradigm": "tonik"}, 'unknown paradigm "tonik"'),
        ({"paradigm": "none"}, 'paradigm "none": sends no pulse in 1 s'),
        ({"set": {"tonic.delay": "2 s"}}, 'paradigm "tonic": sends no pulse in 1 s'),
        ({"duration": "0 s"}, 'duration: got "0 s", needs at least 1 ms'),
        ({"duration": 5}, "duration: got 5"),
        ({"fibres": 0}, "fibres: got 0, needs a whole number of at least 1"),
        ({"fibres": 2.5}, "fibres: got 2.5, needs a whole number"),
        ({"seed": -1}, "seed: got -1"),
        ({"replicate": "a"}, "replicate: got"),
        ({"state": "sni"}, 'unknown state "sni"'),
        ({"set": {"tonic.pulse_width": "30 ms"}}, "tonic.pulse_width"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as refused:
        dh.stimulate(**{"paradigm": "tonic"} | arguments)
    assert "\n" not in str(refused.value)


def test_the_table_has_a_column_for_each_channel(seen):
    ds = seen["dtm"]
    lines = delivery_table(ds).splitlines()
    assert lines[0] == "dtm, naive rat, 0.2 s, 100 dorsal-column fibres"
    assert lines[1].split() == ["dtm.low", "dtm.high"]
    rows = {line[:24].strip(): line[24:].split() for line in lines[2:]}
    assert [float(text) for text in rows["pulse rate (Hz)"]] == [50, 1200]
    expected = ds["charge_per_phase"].values * 1e9
    np.testing.assert_allclose([float(text) for text in rows["charge per phase (nC)"]], expected, rtol=1e-4)
    high = ds["recruited"].values[ds["pulse_channel"].values == 1].mean()
    assert float(rows["fibres recruited (%)"][1]) == pytest.approx(100 * high, rel=1e-4)


def test_the_table_of_a_closed_loop_compares_it_with_open_loop(seen):
    ds = seen["closed_loop"]
    lines = delivery_table(ds).splitlines()
    assert lines[-2].startswith("closed loop") and lines[-1].startswith("open loop")
    assert f"{100 * ds.attrs['loop_in_window_open']:.4g} % in window" in lines[-1]
