"""Routes: sessions of pulses, added spikes and currents, and what is refused."""

import numpy as np
import pytest

import dhmodel as dh
from dhmodel.delivered import delivered
from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import source_sizes
from dhmodel.simulate import plan, record
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.conditions import conditions
from dhmodel.stimulation.paradigms import Paradigm, find_paradigm
from dhmodel.stimulation.routes import joined
from dhmodel.stimulation.sessions import Session
from dhmodel.stimulation.trains import SpikeTrains

PATTERNS = ["1hz", "5hz", "10hz", "20hz", "itbs", "ctbs", "pitbs", "pctbs"]

QUIET = {
    f"background.{name}.rate": "0 Hz" for name in ("IA", "AB", "AD", "CP", "CN")
}  # nothing but what the routes bring


def brought(paradigm, duration=2.0, warmup=0.0, state="naive", **settings):
    """What a paradigm brings to the fibres, with nothing else going on."""
    values = {path.replace("__", "."): value for path, value in settings.items()}
    P = resolve(state, QUIET | values, None, find_paradigm(paradigm).parameters)
    return P, afferent_input(P, paradigm, "spontaneous", duration, warmup, 1, 0)


def session(pattern):
    return Session.of(resolve(), f"rtms.{pattern}")


# sessions


@pytest.mark.parametrize(
    ("pattern", "pulses", "length"),
    [
        ("1hz", 1200, 1200),
        ("5hz", 1500, 29 * 30 + 10),
        ("10hz", 3000, 29 * 30 + 10),
        ("20hz", 1600, 19 * 30 + 4),
        ("itbs", 600, 192),
        ("ctbs", 600, 40),
        ("pitbs", 1200, 392),
        ("pctbs", 1200, 80),
    ],
)
def test_a_session_has_its_pulses_and_its_length(pattern, pulses, length):
    times = session(pattern).times(0.0, 1e4)
    assert times.size == pulses and (np.diff(times) > 0).all()
    assert session(pattern).length == pytest.approx(length)
    assert times[-1] < length


def test_theta_bursts_are_three_pulses_at_50_hz_every_200_ms_two_of_ten_seconds():
    bursts = session("itbs").times(5.0, 1e4).reshape(-1, 3)
    assert np.diff(bursts, axis=1) == pytest.approx(np.full((200, 2), 0.02))
    trains = bursts[:, 0].reshape(-1, 10)
    assert trains == pytest.approx(5 + np.add.outer(10 * np.arange(20), 0.2 * np.arange(10)))
    steady = session("ctbs").times(0.0, 1e4).reshape(-1, 3)
    assert steady[:, 0] == pytest.approx(0.2 * np.arange(200))


def test_a_session_that_is_cut_short_begins_like_a_whole_one():
    for pattern in PATTERNS:
        whole = session(pattern).times(0.5, 1e4)
        assert (session(pattern).times(0.5, 33.0) == whole[whole < 33]).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rtms.itbs.pulses_per_burst": 12}, "rtms.itbs.pulses_per_burst: got 12, a burst takes 240 ms;"),
        ({"rtms.itbs.off": "0 s"}, "rtms.itbs.on: got 2 s with rtms.itbs.off = 0 s; give both"),
        ({"rtms.itbs.on": "0.1 s"}, "rtms.itbs.on: got 0.1 s, too short for a pulse at 5 Hz; allowed: at"),
        ({"rtms.intensity": "121 %"}, 'rtms.intensity: got "121 %", allowed: 0 % to 120 %'),
        ({"rtms.intensity": 1.1}, "rtms.intensity: got 1.1 (a bare number), needs a quantity in %"),
        ({"rtms.target": "vertex"}, 'rtms.target: got "vertex", which has no route into the circuit; allo'),
        ({"rtms.target": "m2"}, "unknown rtms.target"),
        ({"rtms.pattern": "25hz"}, "unknown rtms.pattern"),
    ],
)
def test_magnetic_pulses_that_cannot_be_are_refused_in_one_line(settings, message):
    with pytest.raises(InputError) as caught:
        plan("rtms", set={"rtms.pattern": "itbs"} | settings)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_bursts_leave_more_calcium_than_single_pulses_and_fast_ones_more_than_slow_ones():
    """A lone pulse leaves 1 over what counts as rest; a burst sums what its pulses leave."""
    found = {
        pattern: conditions(resolve(set={"rtms.pattern": pattern}), find_paradigm("rtms"), 1.0)[0].delivered()
        for pattern in PATTERNS
    }
    P = resolve()
    assert found["1hz"]["rtms_calcium"] == pytest.approx(1 / P["rtms.calcium.resting"])
    kept, gap = np.exp(-np.array([0.02, 0.2]) / P["rtms.calcium.decay"])
    burst = (1 + kept + kept**2) / (1 - gap) / P["rtms.calcium.resting"]
    for pattern in ("itbs", "ctbs", "pitbs", "pctbs"):
        assert found[pattern]["rtms_calcium"] == pytest.approx(burst)
        assert found[pattern]["rtms_bursts"] == found[pattern]["rtms_rate"] / 3
    calcium = [found[pattern]["rtms_calcium"] for pattern in ("1hz", "5hz", "10hz", "20hz", "itbs")]
    assert calcium == sorted(calcium)
    still = conditions(resolve(set={"rtms.intensity": "0 %"}), find_paradigm("rtms"), 1.0)[0].delivered()
    assert still["rtms_bursts"] == 0 == still["rtms_motor"]


# routes


def test_each_pulse_of_the_cortex_is_a_spike_of_the_cells_it_reaches():
    P, inputs = brought("rtms", 2.0, rtms__intensity="107 %", rtms__delay="0.5 s")
    ((name, (times, units)),) = inputs.routed.elsewhere
    number = source_sizes(P)["CORTEX"]
    assert name == "CORTEX" and np.unique(units).size == round(0.5 * number)
    assert inputs.routed.pulses == pytest.approx(0.5 + 0.1 * np.arange(15))
    first = times[units == units[0]]
    assert first == pytest.approx(inputs.routed.pulses + P["rtms.latency"], abs=2e-3)
    assert inputs.routed.delivered.items() >= {"rtms_rate": 7.5, "rtms_efficacy": 0.5}.items()


def test_recruitment_grows_with_intensity_and_a_stronger_pulse_reaches_the_same_cells_too():
    cells = []
    for percent in (0, 80, 90, 100, 120):
        _, inputs = brought("rtms", 0.5, rtms__intensity=f"{percent} %")
        cells.append(set(inputs.routed.elsewhere[0][1][1].tolist()))
    assert all(few <= many for few, many in zip(cells, cells[1:], strict=False))
    assert [len(one) for one in cells] == [0, 2, 4, 7, 14]  # 20 x hill(intensity, 107 %, 8)


@pytest.mark.parametrize("target", ["dlpfc", "insula"])
def test_other_targets_reach_the_pag_and_not_the_cord(target):
    _, inputs = brought("rtms", 2.0, rtms__target=target)
    assert not inputs.routed.elsewhere and len(inputs.trains) == 0
    ((population, current, on),) = inputs.currents
    assert population == "PAG" and current > 0 and on.tolist() == [[0.0, 2.0]]
    _, none = brought("rtms", 2.0, rtms__target=target, rtms__intensity="0 %")
    assert not none.currents


def test_peripheral_pulses_recruit_ia_then_abeta_hardly_adelta():
    P, inputs = brought("rpms", 10.0)
    rates, sizes = inputs.trains.rate(10.0), source_sizes(P)
    reached = 1.2**6 / (1.2**6 + 1)
    assert rates["IA"] == pytest.approx(5 * round(reached * sizes["IA"]) / sizes["IA"], rel=0.01)
    assert rates["AB"] == pytest.approx(5 * round(0.6 * reached * sizes["AB"]) / sizes["AB"], rel=0.01)
    assert rates["AD"] == pytest.approx(5 * round(0.02 * reached * sizes["AD"]) / sizes["AD"], rel=0.01)
    assert rates["CP"] == rates["CN"] == 0
    assert inputs.routed.delivered["rpms_rate"] == 5
    muscle = brought("rpms", 10.0, rpms__site="muscle")[1].trains.rate(10.0)
    assert muscle["IA"] == pytest.approx(rates["IA"] / 2, rel=0.15)


def test_evoked_volleys_arrive_after_half_the_way_from_the_skin():
    _, inputs = brought("rpms", 0.1)
    _, slow = brought("rpms", 0.1, rpms__way=1)
    ia, far = inputs.trains.of("IA").times, slow.trains.of("IA").times
    assert 0 < np.median(ia) == pytest.approx(np.median(far) / 2, rel=0.1)


def test_reafference_comes_from_the_limb_of_the_segment_alone():
    shares = {"exercise__reafference__IA": 1, "exercise__reafference__AB": 0.5}
    rates = brought("exercise", 5.0, **shares)[1].trains.rate(5.0)
    assert rates["IA"] == pytest.approx(34, rel=0.1) and rates["AB"] == pytest.approx(17, rel=0.1)
    remote = brought("exercise", 5.0, exercise__limb="remote")[1]
    assert len(remote.trains) == 0
    assert [name for name, _ in remote.routed.elsewhere] == ["CORTEX", "AD_REMOTE", "CP_REMOTE"]
    assert (rates["AD"], rates["CP"]) == (0, pytest.approx(0, abs=0.1))


def test_muscle_afferents_rise_with_time_load_and_injury():
    def fine(duration=20.0, state="naive", **settings):
        return brought("exercise", duration, state=state, **settings)[1].trains.of("AD").times

    hard = {
        "exercise__kind": "isometric",
        "exercise__intensity": "100 %",
        "exercise__muscle__isometric": 1,
        "exercise__muscle__tau": "0.2 min",
    }
    times = fine(**hard)
    assert (times < 10).sum() < 0.5 * (times >= 10).sum()
    ready = fine(5.0, exercise__muscle__gathered=1, **hard).size
    assert ready == pytest.approx(5 * 2 * 40 * 0.4, rel=0.25)
    assert fine(5.0, exercise__muscle__gathered=1, exercise__intensity="40 %").size == 0
    intact = {"injury__severed": 0}  # so that what is left is the muscle's drive
    painful = fine(5.0, "snl", exercise__limb="painful", exercise__muscle__gathered=1, **hard, **intact).size
    assert painful > 1.5 * ready


def test_exercise_ends_when_it_is_said_to():
    whole = {"exercise__reafference__IA": 1}
    _, inputs = brought("exercise", 4.0, exercise__on="1 s", exercise__off="2 s", **whole)
    times = inputs.trains.times
    assert times.min() >= 1 and times.max() < 2 and times.size > 500
    assert inputs.routed.delivered["exercise_intensity"] == pytest.approx(0.7 / 4)


@pytest.mark.parametrize(
    ("state", "limb", "message"),
    [
        ("naive", "painful", 'exercise.limb: got "painful", but the limb of this segment is healthy in this'),
        ("snl", "healthy", 'exercise.limb: got "healthy", but the limb of this segment is painful in this'),
        ("cci#3", "healthy", "allowed: painful, remote"),
        ("snl", "left", 'unknown exercise.limb "left"'),
    ],
)
def test_a_limb_that_the_state_does_not_have_is_refused(state, limb, message):
    with pytest.raises(InputError) as caught:
        plan("exercise", state=state, set={"exercise.limb": limb})
    assert message in str(caught.value)
    assert plan("exercise", state=state, set={"exercise.limb": "remote"}).paradigm.name == "exercise"


def test_more_than_the_whole_reserve_is_refused():
    with pytest.raises(InputError, match='exercise.intensity: got "101 %", allowed: 0 % to 100 %'):
        plan("exercise", set={"exercise.intensity": "101 %"})
    with pytest.raises(InputError, match="exercise: ends at 1 s, needs to be later than it begins, 2 s"):
        plan("exercise", set={"exercise.on": "2 s", "exercise.off": "1 s"})


def test_a_remote_pinch_drives_remote_nociceptors_as_a_pinch_does_local_ones():
    P, inputs = brought("cpm", 10.0, cpm__strength=2)
    found = dict(inputs.routed.elsewhere)
    rates = {name: times.size / 10 / source_sizes(P)[name] for name, (times, _) in found.items()}
    assert rates["AD_REMOTE"] == pytest.approx(2 * P["pinch.AD.rate"], rel=0.15)
    assert rates["CP_REMOTE"] == pytest.approx(2 * P["pinch.C.rate"], rel=0.15)
    assert len(inputs.trains) == 0 and inputs.routed.delivered["conditioning"] == 1


def test_remote_heat_follows_the_transfer_function_of_heat():
    def spikes(temperature):
        settings = {
            "cpm__kind": "heat",
            "cpm__heat__temperature": temperature,
            "cpm__heat__ramp": "20 degC/s",
        }
        _, inputs = brought("cpm", 10.0, **settings)
        return dict(inputs.routed.elsewhere)["CP_REMOTE"][0].size, inputs.routed.delivered["conditioning"]

    counts, told = zip(*[spikes(f"{degrees} degC") for degrees in (34, 42, 45, 50)], strict=True)
    assert counts[0] < counts[1] < counts[2] < counts[3] and told == (0, 1, 1, 1)
    # the same function as that of a local test stimulus: rates of CP fibres at the same temperature
    local = {
        "heat.temperature": "50 degC",
        "heat.ramp": "20 degC/s",
        "heat.hold": "100 s",
        "heat.delay": "0 s",
    }
    P = resolve(set=QUIET | local)
    here = afferent_input(P, "none", "heat", 10.0, 0.0, 1, 0).trains.rate(10.0)["CP"]
    assert counts[3] / 10 / source_sizes(P)["CP_REMOTE"] == pytest.approx(here, rel=0.2)


def test_an_innocuous_stimulus_conditions_nothing():
    _, inputs = brought("cpm", 2.0, cpm__kind="innocuous")
    assert not inputs.routed.elsewhere and inputs.routed.delivered == {"conditioning": 0}


def test_spikes_added_to_sources_keep_their_refractory_period():
    P = resolve()
    trains = SpikeTrains([0.1, 0.5], [0, 1], ["AD_REMOTE", "CORTEX", "CORTEX"])
    spikes = np.array([0.5005, 0.7, 0.9]), np.array([0, 0, 1])
    found = joined(P, trains, [("CORTEX", spikes)])
    assert found.times.tolist() == [0.1, 0.5, 0.7, 0.9] and found.fibres.tolist() == [0, 1, 1, 2]
    assert joined(P, trains, []) is trains


def test_what_is_delivered_is_in_the_dataset_with_its_unit():
    ds = dh.simulate("rtms+cpm", duration="0.5 s", warmup="0.1 s")
    assert ds.attrs["paradigm"] == "rtms+cpm"
    assert {name: float(ds[name][0]) for name in ("rtms_rate", "conditioning", "rpms_rate", "current")} == {
        "rtms_rate": 10, "conditioning": 1, "rpms_rate": 0, "current": 0,
    }  # fmt: skip
    assert ds["rtms_rate"].attrs["units"] == "Hz" and set(delivered()) <= set(ds)
    assert float(ds["source_rate"].sel(source="CORTEX")[0]) > 0


def test_a_current_into_the_pag_makes_it_fire_more():
    rates = [
        float(dh.simulate("rtms", set={"rtms.target": "dlpfc", "rtms.intensity": percent}, duration="2 s")
              ["rate"].sel(population="PAG")[0])
        for percent in ("0 %", "120 %")
    ]  # fmt: skip
    assert rates[1] > 1.3 * rates[0]


# a user's own


MINE = """
about = "a vibrator on the tendon"
on = "0.5"
off = "1.5"
[terms]
hertz = "80"
[[routes]]
name = "spindles"
to = "IA"
rate = "hertz * (1 - exp(-t / 0.2))"
share = "0.5"
[delivers]
rpms_rate = "hertz * present"
"""


def test_a_user_writes_a_paradigm_by_routes_without_code(tmp_path):
    (tmp_path / "vibration.toml").write_text(MINE)
    P, inputs = brought(str(tmp_path / "vibration.toml"), 3.0)
    times = inputs.trains.of("IA").times
    assert times.min() >= 0.5 and times.max() < 1.5
    assert times.size == pytest.approx(source_sizes(P)["IA"] / 2 * 80 * (1 - 0.2), rel=0.15)
    assert inputs.routed.delivered["rpms_rate"] == pytest.approx(80 / 3)
    both = record(plan(f"tonic+{tmp_path / 'vibration.toml'}", duration="0.3 s", warmup="0.1 s"), 0)
    assert both.delivered["current"] > 0 and both.pulses.size == 15


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"routes": [{"name": "a", "to": "CORTEXT", "rate": "1"}]}, "nearest"),
        ({"routes": [{"name": "a", "to": "IA"}]}, "needs one of pulses, rate, transfer and current"),
        ({"routes": [{"name": "a", "to": "IA", "current": "1"}]}, "a population takes a current"),
        ({"routes": [{"name": "a", "to": "IA", "pulses": "1"}]}, "but the paradigm has no pulses"),
        ({"routes": [{"name": "a", "to": "IA", "rate": "speed"}]}, 'unknown name "speed"'),
        ({"routes": [{"name": "a", "to": "IA", "rate": "value('x.y')"}]}, 'unknown path "x.y"'),
        ({"routes": [{"name": "a", "to": "IA", "rate": "1", "only": {"limb": ["left"]}}]}, "unknown choice"),
        ({"routes": [{"name": "a", "to": "IA", "rate": "1"}], "delivers": {"me": "1"}}, "unknown quantity"),
        ({"routes": [{"name": "a", "to": "IA", "rate": "1"}], "channels": ["tonic"]}, "routes beside them"),
        ({"routes": 5}, "routes: got 5, needs a list of tables"),
        ({"routes": ["IA"]}, "routes.0"),
        ({"routes": [{"name": "a", "to": "IA", "rate": "1"}], "terms": "a"}, 'terms: got "a", needs a table'),
        ({"routes": [{"name": "a", "to": "IA", "rate": "1"}], "pulses": "tonic"}, '"tonic" is no pattern of'),
        ({"routes": [{"name": "a", "to": "IA", "rate": "1"}], "pulses": "pag.drive"}, "is no pattern of pul"),
        ({"routes": [{"name": "a", "to": "IA", "rate": "1"}], "requires": "rtms.target"}, "unknown choice"),
        ({"routes": [{"name": "a", "to": "IA", "rate": "1"}], "on": 5}, "on: Input should be a valid string"),
        ({"terms": {"a": "1"}}, "says what belongs to routes, but has none"),
        ({"routes": [{"name": "a", "to": "IA", "rate": "a"}], "terms": {"a": "b", "b": "a"}}, "on itself"),
    ],
)
def test_routes_that_cannot_be_are_refused_when_they_are_read(fields, message):
    with pytest.raises(InputError) as caught:
        Paradigm("mine", **fields)
    assert message in str(caught.value) and 'paradigm "mine"' in str(caught.value)


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ({"rate": "-1"}, "gives -1 Hz, needs 0 Hz or more"),
        ({"rate": "1 / 0"}, "route a: rate: gives nan, needs a finite number"),
        ({"rate": "'much'"}, 'gives "much", needs a finite number'),
        ({"rate": "(-1) ** 0.5"}, "needs a finite number"),
        ({"rate": "exp(1000)"}, "math range error"),
        ({"rate": "1", "share": "value('pag.drive') / 0"}, "gives nan"),
        ({"rate": "1", "share": "1.2"}, "gives 1.2, needs 0 to 1"),
        ({"rate": "2000"}, "a rate of 2000 Hz cannot be reached with a refractory period"),
    ],
)
def test_rates_and_shares_out_of_reach_are_refused(route, message):
    mine = Paradigm("mine", routes=[{"name": "a", "to": "IA", **route}])
    with pytest.raises(InputError) as caught:
        record(plan(mine, duration="0.2 s", warmup="0 s"), 0)
    assert message in str(caught.value)
