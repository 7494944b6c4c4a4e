"""Natural input: discharge patterns against renewal theory, and stimuli against what their parameters say."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dhmodel.errors import InputError
from dhmodel.parameters import paths, resolve
from dhmodel.stimulation import patterns
from dhmodel.stimulation.fibres import make_fibres, members
from dhmodel.stimulation.natural import Scene, natural_spikes, outside_refractory
from dhmodel.stimulation.stimulus import default_duration, shock_onsets, stimuli
from dhmodel.stimulation.transfer import TRANSFERS

INJURED = {
    "injury.ectopic_c_fraction": 0.35,
    "injury.ectopic_c_rate": "1.8 Hz",
    "injury.ectopic_ab_fraction": 0.15,
    "injury.ectopic_ab_rate": "10 Hz",
}
SILENT = {f"background.{name}.rate": "0 Hz" for name in ("AB", "CP", "CN")}


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def spikes(stimulus="spontaneous", stop=5.0, start=-1.0, seed=1, **changes):
    """Natural spikes with some parameters set, and those parameters."""
    P = resolve(set=changes.pop("set", None))
    return P, *natural_spikes(Scene(P, make_fibres(P, seed, 0), start, stop, seed, 0), stimulus)


def counts(P, fibres, name):
    """Spikes of each fibre of a class or part."""
    return np.bincount(fibres, minlength=1000)[members(P, name)]


def intervals(times, units):
    order = np.lexsort((times, units))
    return np.diff(times[order])[np.diff(units[order]) == 0]


@pytest.mark.parametrize(("rate", "refractory"), [(0.05, 0.005), (9.0, 0.7e-3), (100.0, 5e-3)])
def test_poisson_has_its_rate_and_the_variability_of_a_dead_time_process(rng, rate, refractory):
    times, units = patterns.poisson(rng, 400, rate, refractory, -1.0, 1.0 + 200 / rate)
    seconds, gaps = 2.0 + 200 / rate, intervals(times, units)
    cv = 1 - rate * refractory
    assert times.size / (400 * seconds) == pytest.approx(rate, rel=4 / np.sqrt(times.size))
    assert gaps.std() / gaps.mean() == pytest.approx(cv, abs=0.02)
    assert gaps.min() >= refractory


@pytest.mark.parametrize("stimulus", ["pinch", "vonfrey", "windup"])
def test_severed_fibres_feel_nothing_and_keep_their_ectopic_discharge(stimulus):
    nerve = {"vonfrey.force": "100 mN"} | SILENT
    felt = {}
    for severed in (0.0, 0.5, 1.0):
        P, _, fibres = spikes(stimulus, stop=3.0, set=nerve | {"injury.severed": severed})
        felt[severed] = set(fibres.tolist())
    assert felt[1.0] == set() < felt[0.5] < felt[0.0]
    assert len(felt[0.5]) == pytest.approx(len(felt[0.0]) / 2, rel=0.3)
    P, _, fibres = spikes(stimulus, set=nerve | INJURED | {"injury.severed": 1.0})
    assert np.unique(fibres[np.isin(fibres, members(P, "CP"))]).size == round(0.35 * members(P, "CP").size)


def test_pulses_to_the_root_reach_severed_fibres_too():
    P, _, fibres = spikes("windup_root", stop=3.0, set=SILENT | {"injury.severed": 1.0})
    assert set(fibres.tolist()) == set(members(P, "AB.centre").tolist())


def test_poisson_is_stationary_from_the_first_moment(rng):
    times, _ = patterns.poisson(rng, 200_000, 100.0, 5e-3, 2.0, 2.02)
    density = np.histogram(times, bins=20, range=(2.0, 2.02))[0] / (200_000 * 1e-3)
    assert density == pytest.approx(np.full(20, 100.0), rel=0.04)


@pytest.mark.parametrize("size", [1.0, 5.0])
def test_bursts_have_their_mean_rate_and_size(rng, size):
    times, units = patterns.bursts(rng, 300, 10.0, size, 50.0, 0.7e-3, 0.0, 60.0)
    assert times.size / (300 * 60) == pytest.approx(10, rel=0.03)
    assert (times < 1).sum() / 300 == pytest.approx(10, rel=0.1)
    gaps = intervals(times, units)
    rhythmic = np.abs(50 * gaps - 1) <= 0.2001
    # a few pauses are as short as a rhythmic interval
    assert rhythmic.mean() == pytest.approx(1 - 1 / size, abs=0.1)
    assert gaps.min() >= 0.7e-3


@pytest.mark.parametrize("rate", [-1.0, 1500.0])
def test_rates_out_of_reach_are_refused(rng, rate):
    with pytest.raises(InputError, match="refractory"):
        patterns.poisson(rng, 3, rate, 1e-3, 0.0, 1.0)
    with pytest.raises(InputError, match="refractory"):
        patterns.bursts(rng, 3, 60.0, 100.0, 50.0, 1e-3, 0.0, 1.0)


def test_strokes_touch_one_spot_after_the_other(rng):
    times, units = patterns.strokes(rng, 11, 80.0, 2.0, 0.4, 0.7e-3, -3.0, 60.0)
    phase = (times * 2.0) % 1.0 - 0.6 * units / 10  # since this spot was first touched, in strokes
    assert phase.min() > -1e-9 and phase.max() < 0.4 + 1e-9
    assert times.size / (11 * 63) == pytest.approx(80 * 0.4, rel=0.05)
    assert np.histogram(phase, bins=4, range=(0, 0.4))[0] == pytest.approx(
        np.full(4, times.size / 4), rel=0.06
    )
    assert times.min() < -2.5 and intervals(times, units).min() >= 0.7e-3


def test_contact_throughout_is_plain_discharge(rng):
    times, _ = patterns.strokes(rng, 200, 20.0, 1.0, 1.0, 0.7e-3, 0.0, 20.0)
    assert times.size / (200 * 20) == pytest.approx(20, rel=0.02)


@pytest.mark.parametrize(("frequency", "contact"), [(0.0, 0.5), (1.0, 0.0)])
def test_a_brush_that_never_touches_is_silent(rng, frequency, contact):
    assert patterns.strokes(rng, 5, 30.0, frequency, contact, 1e-3, 0.0, 9.0)[0].size == 0


def test_shocks_arrive_after_the_delay_of_each_fibre(rng):
    delays, onsets = np.array([6e-3, 0.2]), np.array([0.0, 1.0, 2.0])
    times, units = patterns.shocks(rng, onsets, delays, 0.0)
    assert units.tolist() == [0, 0, 0, 1, 1, 1]
    assert times == pytest.approx([0.006, 1.006, 2.006, 0.2, 1.2, 2.2])
    jittered, _ = patterns.shocks(rng, np.zeros(4000), delays, 0.1)
    assert jittered[:4000].std() == pytest.approx(0.1 * 6e-3, rel=0.05)
    assert patterns.shocks(rng, np.zeros(4000), delays, 1.0)[0].min() == 0


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 0.05))))
def test_refractory_spikes_are_left_out_one_by_one(pairs):
    fibres = np.array([fibre for fibre, _ in sorted(pairs)], dtype=np.int64)
    times = np.array([time for _, time in sorted(pairs)])
    refractory, expected, last = np.array([1e-3, 10e-3]), [], {0: -np.inf, 1: -np.inf}
    for i, (fibre, time) in enumerate(zip(fibres, times, strict=True)):
        if time - last[fibre] >= refractory[fibre]:
            expected.append(i)
            last[fibre] = time
    assert outside_refractory(times, fibres, refractory).tolist() == expected


def test_background_is_low_and_has_the_stated_rates():
    P, times, fibres = spikes(stop=399.0)
    for name, rate in (("IA", 0.0), ("AB", 0.5), ("AD", 0.0), ("CP", 0.05), ("CN", 0.05)):
        assert counts(P, fibres, name).mean() / 400 == pytest.approx(rate, rel=0.06)


def test_ectopic_discharge_is_absent_in_the_healthy_cord():
    _, times, _ = spikes(set=SILENT)
    assert times.size == 0


def test_ectopic_discharge_has_the_stated_fibres_and_rates():
    P, times, fibres = spikes(stop=99.0, set=SILENT | INJURED)
    for name, number, rate in (("CP", 28, 1.8), ("CN", 28, 1.8), ("AB", 12, 10.0)):
        active = counts(P, fibres, name)
        assert (active > 0).sum() == number
        assert active.sum() / (100 * number) == pytest.approx(rate, rel=0.1)
    assert counts(P, fibres, "AD").sum() == 0


def test_pinch_drives_nociceptors_and_slowly_adapting_fibres_of_the_centre():
    P, _, fibres = spikes("pinch", stop=99.0, set=SILENT)
    for name, rate in (
        ("AD", 5.0),
        ("CP", 1.5),
        ("CN", 1.5),
        ("AB.centre.SAI", 9.0),
        ("AB.centre.RA", 0.0),
        ("AB.surround", 0.0),
    ):
        assert counts(P, fibres, name).mean() / 100 == pytest.approx(rate, rel=0.05)


def test_background_and_stimulus_on_one_fibre_share_its_refractory_period():
    busy = {
        "background.CP.rate": "60 Hz",
        "pinch.C.rate": "60 Hz",
        "background.AD.rate": "200 Hz",
        "pinch.AD.rate": "200 Hz",
    }
    P, times, fibres = spikes("pinch", stop=10.0, set=busy)
    for name, refractory in (("CP", 5e-3), ("AD", 1e-3)):
        chosen = np.isin(fibres, members(P, name))
        assert intervals(times[chosen], fibres[chosen]).min() >= refractory


def test_brush_drives_the_centre_only():
    P, _, fibres = spikes("brush", stop=99.0, set=SILENT)
    assert counts(P, fibres, "AB.centre").mean() / 100 == pytest.approx(15, rel=0.05)
    assert counts(P, fibres, "AB.surround").sum() + counts(P, fibres, "AD").sum() == 0


def test_a_receptive_field_without_a_centre_answers_nothing():
    for name in ("brush", "pinch", "volley"):
        P, _, fibres = spikes(name, set=SILENT | {"circuit.AB.surround": 1})
        assert counts(P, fibres, "AB").sum() == 0


def test_a_volley_brings_one_spike_per_fibre_at_the_conduction_time_of_its_class():
    P, times, fibres = spikes("volley", stop=1.0, set=SILENT)
    for name, mean, sd in (("AB.centre", 6e-3, 1e-3), ("AD", 30e-3, 5e-3), ("CP", 0.2, 0.02)):
        chosen = times[np.isin(fibres, members(P, name))]
        assert (counts(P, fibres, name) == 1).all()
        assert chosen.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(chosen.size))
        assert chosen.std() == pytest.approx(sd, rel=0.4)
    assert counts(P, fibres, "AB.surround").sum() + counts(P, fibres, "IA").sum() == 0


def test_a_fibre_answers_every_shock_after_the_same_time():
    P, times, fibres = spikes("windup", stop=16.0, set=SILENT | {"fibre.jitter": 0})
    one = times[fibres == members(P, "CN")[7]]
    assert np.diff(one) == pytest.approx(np.ones(15))


def test_a_fraction_of_the_fibres_can_be_excited():
    P, _, fibres = spikes("volley", stop=1.0, set=SILENT | {"volley.AD": 0.25, "volley.C": 0})
    assert counts(P, fibres, "AD").sum() == 10
    assert counts(P, fibres, "CP").sum() + counts(P, fibres, "CN").sum() == 0


def test_the_same_background_lies_under_every_stimulus():
    busy = INJURED | {"background.IA.rate": "5 Hz"}  # no stimulus but those of reflexes reaches a muscle
    P, *rest = spikes(set=busy)
    muscle = np.isin(rest[1], members(P, "IA"))
    assert muscle.sum() > 100
    for name in stimuli().keys() - {"h_reflex", "t_reflex"}:
        _, times, fibres = spikes(name, set=busy)
        chosen = np.isin(fibres, members(P, "IA"))
        assert times[chosen].tolist() == rest[0][muscle].tolist()


def test_continuous_stimuli_run_through_the_warmup_and_shocks_do_not():
    for name, before in (("pinch", True), ("brush", True), ("volley", False), ("windup", False)):
        _, times, _ = spikes(name, set=SILENT)
        assert (times < 0).any() == before


def test_shocks_follow_delay_frequency_and_number():
    P = resolve(set={"windup.frequency": "2 Hz", "windup.number": 4, "windup.delay": "3 s"})
    assert shock_onsets(P, "windup", 60.0).tolist() == [3.0, 3.5, 4.0, 4.5]
    assert shock_onsets(P, "windup", 4.0).tolist() == [3.0, 3.5]
    assert shock_onsets(resolve(set={"volley.delay": "0.2 s"}), "volley", 1.0).tolist() == [0.2]
    assert shock_onsets(P, "pinch", 60.0).size == 0


def test_default_duration_holds_the_windows_of_the_last_shock():
    P = resolve(set={"windup.frequency": "0.5 Hz", "windup.delay": "1 s"})
    assert default_duration(P, "windup") == 1 + 15 / 0.5 + 1
    assert default_duration(P, "volley") == 1
    assert default_duration(P, "pinch") == default_duration(P, "spontaneous") == 5


def test_stimuli_name_parameters_and_fibres_that_exist():
    known, P = set(paths()), resolve()
    for entry in stimuli().values():
        parts = (entry.press, entry.warming, entry.current, entry.patch, entry.during)
        named = [path for part in parts if part for path in part.model_dump().values()]
        for drive in entry.drives:
            named += [drive.frequency, drive.contact, drive.share]
            function = TRANSFERS[drive.transfer] if drive.transfer else None
            named += [f"{drive.rate}.{one.name}" for one in fields(function)] if function else [drive.rate]
            assert members(P, drive.fibres).size
        for shocks in filter(None, (entry.shocks, entry.conditioning)):
            named += [value for value in shocks.model_dump().values() if isinstance(value, str)]
            named += shocks.recruits.values()
            assert all(members(P, group).size for group in shocks.recruits)
        assert {path for path in named if path} <= known
