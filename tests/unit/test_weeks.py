"""Arms over weeks, discriminators of the thalamus, rows of tests and thresholds."""

import numpy as np
import pytest
import xarray as xr

from dhmodel.errors import InputError
from dhmodel.evidence.asking.over_time import summation, threshold
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import POPULATIONS, SOURCES
from dhmodel.scenarios import scenarios
from dhmodel.slow.functions import functions
from dhmodel.slow.reading import read_timetable
from dhmodel.slow.result import _summation
from dhmodel.slow.states import DRIVES, inputs, package
from dhmodel.slow.targets import Targets
from dhmodel.stimulation.afferents import afferents

PRESS = {"name": "press", "stimulus": "vonfrey", "at": ["1 s"], "vary": {"vonfrey.force": ["20 mN", "40 mN"]}}


def table(**more):
    return {"duration": "10 min", **more}


def target(state, **given):
    """Target of a slow state of an intact cord; drives, inputs and states are 0 but for those given."""
    slow = package()
    own = {
        one.path: float(given.get(one.path.removeprefix(f"slow.{state}."), one.si)) for one in slow.numbers
    }
    P = {path: given.get(path.replace(".", "_"), value) for path, value in resolve("naive").items()}
    drives = {name: given.get(name, 0.0) for name in (*DRIVES, *inputs())}
    drives |= {f"rate.{name}": given.get(f"rate_{name}", 0.0) for name in (*POPULATIONS, *SOURCES)}
    called = functions(P, drives)
    states = np.array([given.get(name, 0.0) for name in slow.states])
    return Targets(slow, own).under(drives, called)(states, called)[list(slow.states).index(state)]


def test_rows_of_tests():
    """A test that varies a parameter is one for each value, named by it."""
    tests = read_timetable(table(tests=[PRESS])).tests
    assert [(one.name, one.set["vonfrey.force"]) for one in tests] == [
        ("press 20 mN", "20 mN"), ("press 40 mN", "40 mN"),
    ]  # fmt: skip
    for vary in ({}, {"vonfrey.force": []}, {"vonfrey.force": ["1 mN"], "heat.temperature": ["40 degC"]}):
        with pytest.raises(InputError, match='test "press": vary: got .*needs one parameter and a list'):
            read_timetable(table(tests=[PRESS | {"vary": vary}]))


def graded(rates):
    """Dataset of tests of one stimulus of strengths 1, 2, 4."""
    return xr.Dataset(
        {
            "rate": (("replicate", "test", "population"), np.array(rates)[None, :, None]),
            "size": ("population", [4]),
        },
        {
            "population": ["WDR"],
            "test_time": ("test", [5.0] * 3),
            "test_stimulus": ("test", ["vonfrey"] * 3),
            "test_strength": ("test", [4.0, 1.0, 2.0]),
        },
    )


@pytest.mark.parametrize(
    ("rates", "found"), [([30, 0, 10], 3.0), ([5, 0, 2], 4.0), ([60, 30, 40], 1.0), ([30, 20, 25], 1.0)]
)
def test_thresholds(rates, found):
    """Between strengths by interpolation, at the cut-off if none is enough, at the weakest if all are."""
    assert float(threshold(graded(rates), "WDR", "vonfrey", "5 s", 20)[0]) == found


def test_no_threshold_without_strengths():
    with pytest.raises(InputError, match='"heat" at "5 s" has fewer strengths than a threshold needs'):
        threshold(graded([1, 2, 3]), "WDR", "heat", "5 s", 20)


def test_summation_is_a_slope_over_five_shocks():
    """Shocks after the fifth do not count; fewer give none."""
    from dhmodel.parameters.layout import POPULATIONS
    from dhmodel.recording import WINDOWS

    growing = np.arange(8.0)[:, None, None] * np.ones((1, len(POPULATIONS), len(WINDOWS)))
    growing[5:] = 100
    assert np.allclose(_summation({"count": growing}), 1)
    assert np.isnan(_summation({"count": growing[:4]})).all() and np.isnan(_summation({})).all()
    ds = graded([1, 2, 3]).assign(
        summation=(("replicate", "test", "population", "window"), np.ones((1, 3, 1, 1)))
    )
    ds = ds.assign_coords(window=["C"], test_name=("test", ["a", "b", "c"]))
    assert float(summation(ds, "WDR", "b", "C", "5 s")[0]) == 1


def test_discriminators_are_silent_until_c_input_is_enough():
    """Below their thresholds VM and MD do nothing; VM waits for minutes of it; lesions silence each."""
    for state in ("thalamus_md", "thalamus_input"):
        assert target(state, rate_CP=0.4, rate_CN=0.4) == 0 < target(state, rate_CP=1, rate_CP_REMOTE=1)
    assert target("thalamus_input", rate_CP=1.45) == 0 < target("thalamus_md", rate_CP=1.45)
    assert target("thalamus_vm", thalamus_input=0.2) < 0.01 < 0.9 < target("thalamus_vm", thalamus_input=0.8)
    assert target("thalamus_md", rate_CP=2, rate_CN=2, **{"thalamus_md": 0}) == 0
    assert target("thalamus_vm", thalamus_input=0.8, **{"thalamus_vm": 0}) == 0


def test_opioid_tone_of_training_waits_for_il4():
    """An injured cord whose IL-4 is low gains little of what one with IL-4 gains."""
    low, whole = (target("opioid_training", training=0.3, il4=level) for level in (0.6, 1.0))
    assert 0 < low < 0.05 * whole


def test_training_raises_il4_and_il10_of_muscle_and_lowers_tnf_through_glia():
    assert 0 == target("il10_muscle", training=0) < target("il10_muscle", training=0.3)
    assert target("il4", training=0.3) > target("il4", training=0)
    assert target("glia", il4=0.8) < target("glia", il4=0.6)
    assert target("tnf", glia=0.2) < target("tnf", glia=0.3)


def test_fatigue_needs_less_in_an_injured_cord():
    """Exercise that leaves a healthy cord alone tires an injured one, most with its own limb."""
    mild = {"exercise_intensity": 0.5, "exercise_kind": 1}
    hurt = {"injury_severed": 0.39, "injury_ectopic_c_fraction": 0.35, "injury_ectopic_ab_fraction": 0.15}
    assert target("fatigue", **mild) == 0 == target("fatigue", **mild, **hurt)
    assert target("fatigue", **mild, **hurt, exercise_local=1) > 0
    assert target("fatigue", exercise_intensity=1, exercise_kind=3) > 0


def test_slow_pulses_spare_glia_not_cytokines():
    """1 Hz does hardly anything where fast pulses do much, but in cytokines; a scenario makes it count."""
    slow, fast = ({"rtms_efficacy": 0.3, "rtms_motor": 0.3, "rtms_rate": rate} for rate in (1, 3.3))
    assert target("magnetic_sessions", **slow) < 0.1 * target("magnetic_sessions", **fast)
    assert target("slow_sessions", **slow) > 0.4 * target("slow_sessions", **fast)
    assert target("cortex_early", **slow) < 0.1 * target("cortex_early", **fast)
    more = scenarios()["slow_pulses_too"].set["slow.magnetic_sessions.slow_pulses"]
    assert target("magnetic_sessions", cortex_pulses=0.2, slow_pulses=more) >= 0.5


def test_sessions_over_another_cortex_leave_a_tenth():
    """T07: prefrontal sessions do no more than sham."""
    motor = target("magnetic_sessions", rtms_efficacy=0.3, rtms_motor=0.3, rtms_rate=3.3)
    prefrontal = target("magnetic_sessions", rtms_efficacy=0.3, rtms_rate=3.3)
    assert 0 < prefrontal == pytest.approx(0.1 * motor)


def test_motor_potentials_follow_synapses_and_relief_does_not():
    """Growth less shrinking of synapses is what motor potentials show; PAG drive is blind to it."""
    assert target("motor_potential", cortex_potentiation=0.2, cortex_depression=0.5) == pytest.approx(-0.3)
    theta = {"rtms_motor": 0.3, "rtms_rate": 10}
    grown = {"cortex_potentiation": 1, "cortex_depression": 0.2, "cortex_threshold": 0.9}
    assert target("cortex_early", **theta, **grown) == target("cortex_early", **theta) > 0


def test_sessions_saturate():
    """Twice the sessions a day raise IL-10 by less than twice, a fifth of them by more than a fifth."""
    half, day, twice = (target("il10", magnetic_sessions=x) for x in (0.05, 0.25, 0.5))
    assert day < twice < 2 * day and half > 0.2 * day


def test_relays_weigh_nociceptors_by_what_stimulates_them():
    """Each gain thins one kind of stimulus; touch fibres keep their rate."""

    def spikes(stimulus, relay, fibres):
        trains = afferents(stimulus=stimulus, set={f"relay.{relay}": 0.5}, duration="9 s", seed=3)
        return trains.rate(9.0)[fibres]

    for stimulus, own in (("pinch", "mechanical"), ("heat", "heat"), ("chemical", "chemical")):
        whole = {one: spikes(stimulus, one, "CP") for one in ("mechanical", "heat", "chemical")}
        others = {rate for one, rate in whole.items() if one != own}
        assert len(others) == 1 and whole[own] < 0.7 * others.pop()
    assert spikes("pinch", "mechanical", "AB") == spikes("pinch", "heat", "AB")
