"""Paradigms: the patterns of those in the package, those a user writes, and what is refused."""

import json
import pickle
import time
from functools import partial

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import Parameters, choice, parameter, paths, resolve
from dhmodel.stimulation.channels import channel_fields
from dhmodel.stimulation.electrode import configurations
from dhmodel.stimulation.paradigms import (
    Paradigm,
    brought,
    effective,
    find_paradigm,
    paradigms,
)
from dhmodel.stimulation.schedule import check_schedule, schedule
from dhmodel.stimulation.waveforms import segments

NAMES = ["none", "tonic", "khz", "burst", "closed_loop", "dtm", "high_dose", "subperception", "intermittent"]
BY_ROUTES = ["rtms", "exercise", "cpm", "rpms"]

THETA = """
about = "theta bursts on two poles, over a slow channel"
source = "nobody yet"
read = "hypothesis"

[[channels]]
name = "theta"
frequency = "5 Hz"
pulses_per_burst = 4
burst_frequency = "100 Hz"
pulse_width = "300 us"
recharge = "active"
fractions = { 0 = 0.7, 1 = 0.3, -1 = -1.0 }

[[channels]]
name = "slow"
like = "subperception"
contact = 4
"""


def made(name, duration=1.0, seed=1, replicate=0, **settings):
    extra = brought(name)
    P = resolve(set={path.replace("__", "."): value for path, value in settings.items()}, extra=extra)
    return schedule(P, name, duration, seed, replicate)


def trace(one, stop=0.5):
    """Everything that leaves the stimulator, for comparison."""
    currents = segments(one, np.full(len(one), 1e-3), 0.0, stop)
    contacts = [sorted(channel.contacts.items()) for channel in one.channels]
    return contacts, currents.duration.round(9).tolist(), currents.current.round(12).tolist()


# those of the package


def test_all_paradigms_are_there_and_say_where_they_come_from():
    assert list(paradigms()) == [*NAMES, *BY_ROUTES]
    for entry in paradigms().values():
        assert entry.about and entry.source != "given by the user" and entry.read
        assert not entry.parameters
    assert [name for name in NAMES if paradigms()[name].closed_loop] == ["closed_loop"]
    assert [name for name in NAMES if paradigms()[name].scenario] == ["khz"]


@pytest.mark.parametrize(
    ("name", "rate", "width", "phases", "amplitude", "scale"),
    [
        ("tonic", 50, 200e-6, 5, 2, "ecap"),
        ("khz", 10_000, 30e-6, 2, 0.9, "perception"),
        ("burst", 200, 1e-3, 1, 0.5, "motor"),
        ("closed_loop", 50, 200e-6, 5, 1.3, "ecap"),
        ("high_dose", 500, 500e-6, 2, 0.9, "ecap"),
        ("subperception", 90, 200e-6, 2, 0.8, "perception"),
    ],
)
def test_patterns_are_the_documented_ones(name, rate, width, phases, amplitude, scale):
    one, P = made(name), resolve()
    assert len(one) == rate and (one.scale == 1).all()
    assert one.shapes[0].width[0] == pytest.approx(width) and one.shapes[0].width.size == phases
    assert one.shapes[0].level[0] == -1
    assert [channel.name for channel in one.channels] == [name]
    assert (P[f"{name}.amplitude"], choice(P, f"{name}.amplitude_scale")) == (amplitude, scale)


def test_bursts_are_five_pulses_at_500_hz_forty_times_a_second():
    times = made("burst").times.reshape(-1, 5)
    assert times[:, 0] == pytest.approx(np.arange(40) / 40)
    assert np.diff(times, axis=1) == pytest.approx(np.full((40, 4), 2e-3))


def test_charge_of_a_burst_is_recovered_after_it_or_after_every_pulse():
    passive, active = made("burst"), made("burst", burst__recharge="active")
    last = passive.shape.reshape(-1, 5) == 1
    assert last.all(axis=0).tolist() == [False] * 4 + [True] and not last[:, :4].any()
    assert passive.shapes[0].width.size == 1
    # all of the burst's charge flows back after its last pulse, and nothing is left before the next
    burst = sum(passive.shapes[i].net for i in passive.shape[:5])
    assert burst == pytest.approx(0, abs=1e-15)
    assert 8e-3 + passive.shapes[1].extent < 25e-3
    assert len(active.shapes) == 1 and active.shapes[0].net == 0
    assert (active.times == passive.times).all()


def test_dtm_runs_two_channels_on_contacts_of_their_own():
    one = made("dtm")
    assert [channel.name for channel in one.channels] == ["dtm.low", "dtm.high"]
    assert np.bincount(one.channel).tolist() == [50, 1200]
    assert not set(one.channels[0].contacts) & set(one.channels[1].contacts)
    assert (np.diff(one.times) >= 0).all()
    assert [shape.width[0] for shape in one.shapes] == pytest.approx([150e-6, 50e-6])


@pytest.mark.parametrize("base", ["burst", "tonic", "khz", "dtm", "closed_loop"])
def test_intermittent_switches_its_base(base):
    settings = {"intermittent__base": base, "intermittent__on": "0.1 s", "intermittent__off": "0.3 s"}
    one, steady = made("intermittent", 0.9, **settings), made(base, 0.9)
    assert [channel.name for channel in one.channels] == [channel.name for channel in steady.channels]
    first = steady.times[steady.times < 0.1 - 1e-9]
    assert one.times == pytest.approx(np.concatenate([first, first + 0.4, first + 0.8]))
    P = resolve(set={"intermittent.base": base})
    assert effective(P, "intermittent").scenario == paradigms()[base].scenario
    assert effective(P, "intermittent").closed_loop == paradigms()[base].closed_loop
    assert (schedule(P, effective(P, "intermittent"), 0.9, 1, 0).times == made(base, 0.9).times).all()


def test_intermittent_bursts_are_on_for_30_of_120_seconds():
    times = made("intermittent", 240.0).times
    assert times.size == 2 * 30 * 200 and ((times % 120) < 30).all()


def test_every_field_of_a_channel_changes_what_is_sent():
    """The fields that set amplitude apart: they scale the current, which is not part of a schedule."""
    base = {"pulses_per_burst": 2, "modulation": "none"}
    other = {
        "frequency": "20 Hz", "pulses_per_burst": 3, "burst_frequency": "300 Hz", "pulse_width": "100 us",
        "interphase_gap": "30 us", "recharge": "active", "polarity": "anodic", "delay": "1 ms",
        "duration": "0.1 s", "contacts": "guarded", "contact": 1,
    }  # fmt: skip
    changes = [(base, {name: value}) for name, value in other.items()]
    changes += [({"recharge": "active"}, {"recharge_ratio": 0.5})]
    changes += [
        ({"off": "0.1 s", "on": "0.1 s"}, {"on": "0.05 s"}),
        ({"off": "0.1 s", "on": "0.1 s"}, {"off": "0.2 s"}),
    ]
    changes += [(base, {"modulation": name}) for name in ("jitter", "sine", "poisson")]
    changes += [
        ({"modulation": "jitter"}, {"modulation_depth": 0.1}),
        ({"modulation": "sine"}, {"modulation_depth": 0.1}),
    ]
    changes += [({"modulation": "sine"}, {"modulation_frequency": "3 Hz"})]
    for fixed, change in changes:
        before, after = ({f"tonic__{k}": v for k, v in x.items()} for x in (fixed, fixed | change))
        assert trace(made("tonic", **before)) != trace(made("tonic", **after)), change
    tested = {name for _, change in changes for name in change}
    assert set(channel_fields()) == tested | {"amplitude", "amplitude_scale", "current"}


def test_passive_recharge_has_its_time_constant_and_share():
    for path, value in (("stimulator__recharge_tau", "2 ms"), ("stimulator__recharge_share", 0.1)):
        assert trace(made("tonic")) != trace(made("tonic", **{path: value}))


def test_charge_may_be_left_unrecovered():
    assert [shape.net for shape in made("tonic", tonic__recharge="none").shapes] == pytest.approx([-200e-6])


def test_anodic_pulses_are_cathodic_ones_with_the_other_sign():
    cathodic, anodic = made("tonic").shapes[0], made("tonic", tonic__polarity="anodic").shapes[0]
    assert (anodic.level == -cathodic.level).all() and (anodic.start == cathodic.start).all()


def test_delay_and_duration_bound_the_pulses():
    settings = {"tonic__delay": "0.5 s", "tonic__duration": "0.1 s"}
    assert made("tonic", 5.0, **settings).times == pytest.approx([0.5, 0.52, 0.54, 0.56, 0.58])
    assert made("tonic", 0.55, **settings).times == pytest.approx([0.5, 0.52, 0.54])
    assert len(made("tonic", 0.4, **settings)) == 0
    assert len(made("tonic", tonic__frequency="0 Hz")) == 0 and len(made("none")) == 0


def test_random_trains_depend_on_seed_and_replicate_and_on_nothing_else():
    settings = {f"dtm__{which}__modulation": "jitter" for which in ("low", "high")}
    one = made("dtm", 1.0, 3, 2, **settings)
    assert (one.times == made("dtm", 1.0, 3, 2, **settings).times).all()
    for seed, replicate in ((4, 2), (3, 3)):
        assert not np.array_equal(one.times, made("dtm", 1.0, seed, replicate, **settings).times)
    # the channels have streams of their own
    alone = made("dtm", 1.0, 3, 2, dtm__high__frequency="0 Hz", dtm__low__modulation="jitter")
    assert (alone.times == one.times[one.channel == 0]).all()
    long = made("dtm", 2.0, 3, 2, **settings)
    assert (long.times[: len(one)] == one.times).all()


@pytest.mark.parametrize("modulation", ["jitter", "sine", "poisson"])
@pytest.mark.parametrize("name", ["tonic", "burst", "high_dose"])
def test_modulated_pulses_never_overlap(name, modulation):
    depth = 0.3 if modulation == "sine" and name == "high_dose" else 0.6
    one = made(name, 20.0, **{f"{name}__modulation": modulation, f"{name}__modulation_depth": depth})
    extent = np.array([shape.extent for shape in one.shapes])[one.shape]
    assert (np.diff(one.times) > extent[:-1] - 1e-9).all()
    assert np.diff(one.times).std() > 0


def test_contacts_are_configurations_of_the_lead():
    assert parameter("tonic.contacts").choices == tuple(configurations())
    assert made("tonic", tonic__contacts="guarded", tonic__contact=-2).channels[0].contacts == {
        -3: -0.5,
        -2: 1.0,
        -1: -0.5,
    }


def test_the_base_of_intermittent_is_any_other_paradigm():
    assert parameter("intermittent.base").choices == tuple(
        n for n in NAMES if n not in ("none", "intermittent")
    )


# those of a user


@pytest.fixture
def theta(tmp_path):
    file = tmp_path / "two_places.toml"
    file.write_text(THETA)
    return file


def test_a_file_makes_a_paradigm_with_parameters_of_its_own(theta):
    found = find_paradigm(str(theta))
    assert found == find_paradigm(theta) and found.name == str(found) == "two_places"
    assert found.groups == ("two_places.theta", "two_places.slow")
    one = {p.path: p for p in found.parameters}
    assert (
        one["two_places.theta.frequency"].si == 5
        and one["two_places.theta.pulse_width"].default() == "300 us"
    )
    assert one["two_places.theta.frequency"].source == "nobody yet"
    # what is not given is that of the group it is like, with its source
    assert one["two_places.theta.amplitude"].si == parameter("tonic.amplitude").si
    assert one["two_places.slow.frequency"].si == parameter("subperception.frequency").si
    assert one["two_places.slow.frequency"].source == parameter("subperception.frequency").source
    # its contacts are listed, so there is no configuration to set
    assert "two_places.theta.contacts" not in one and "two_places.slow.contacts" in one


def test_a_file_runs_and_its_fields_can_be_set(theta):
    one = made(theta)
    assert np.bincount(one.channel).tolist() == [20, 90]
    assert one.channels[0].contacts == {-1: -1.0, 0: 0.7, 1: 0.3}
    assert one.channels[0].pulses_per_burst == 4
    faster = made(theta, two_places__theta__frequency="10 Hz", two_places__theta__contact=1)
    assert np.bincount(faster.channel).tolist() == [40, 90]
    assert faster.channels[0].contacts == {0: -1.0, 1: 0.7, 2: 0.3}


def test_a_paradigm_of_python_is_that_of_a_file(theta):
    table = {
        "frequency": "5 Hz",
        "pulses_per_burst": 4,
        "burst_frequency": "0.1 kHz",
        "pulse_width": "0.3 ms",
    }
    contacts = {"fractions": {1: 0.3, 0: 0.7, -1: -1}}
    first = {"name": "theta", "recharge": "active", **table, **contacts}
    second = {"name": "slow", "like": "subperception", "contact": 4}
    written = Paradigm("two_places", [first, second])
    assert written == find_paradigm(theta) and hash(written) == hash(find_paradigm(theta))
    assert trace(made(written)) == trace(made(theta))


def test_a_single_channel_needs_no_name_and_groups_may_be_mixed_in():
    own = Paradigm("mine", ["high_dose", {"frequency": "7 Hz", "contact": 3}])
    assert own.groups == ("high_dose", "mine")
    assert np.bincount(made(own, mine__amplitude=3).channel).tolist() == [500, 7]


def test_identity_is_the_content():
    def digest(**change):
        return Paradigm(**{"name": "mine", "channels": [{"frequency": "7 Hz"}]} | change).digest()

    same = [digest(), digest(about="words"), digest(channels=[{"frequency": "0.007 kHz"}])]
    same.append(pickle.loads(pickle.dumps(Paradigm("mine", [{"frequency": "7 Hz"}]))).digest())
    assert len(set(same)) == 1
    others = [
        digest(name="other"),
        digest(channels=[{"frequency": "8 Hz"}]),
        digest(channels=[{"frequency": "7 Hz", "fractions": {0: 1}}]),
        digest(channels=[{"frequency": "7 Hz"}, "high_dose"]),
        digest(closed_loop=True),
        digest(scenario="khz.scenario"),
    ]
    assert len({same[0], *others}) == 1 + len(others)


def test_parameters_of_a_paradigm_are_extra_to_those_of_the_package(theta):
    extra = brought(theta)
    P = resolve(set={"two_places.slow.frequency": "9 Hz"}, extra=extra)
    assert P["two_places.slow.frequency"] == 9 and len(P) == len(resolve()) + len(extra)
    assert paths(extra)[-len(extra) :] == tuple(one.path for one in extra)
    assert parameter("two_places.slow.frequency", extra).si == 90
    assert brought("tonic") == brought("tonik") == brought(None) == ()
    with pytest.raises(InputError, match='unknown parameter "two_places.slow.frequency"'):
        resolve(set={"two_places.slow.frequency": "9 Hz"})


# refusals


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        (
            "tonic",
            {"pulse_width": "30 ms"},
            'tonic.pulse_width: got "30000 us", with its recharge a pulse takes',
        ),
        ("tonic", {"pulse_width": "30 ms"}, "allowed: at most 20 ms (tonic.frequency = 50 Hz)"),
        ("subperception", {"pulse_width": "6 ms"}, "takes 12 ms; allowed: at most 11.1111 ms"),
        (
            "burst",
            {"pulse_width": "2.5 ms"},
            "at most 2 ms from pulse to pulse (burst.burst_frequency = 500 Hz)",
        ),
        (
            "burst",
            {"pulses_per_burst": 20},
            "burst.pulses_per_burst: got 20, a burst takes 39 ms; allowed: at m",
        ),
        (
            "tonic",
            {"interphase_gap": "20 ms"},
            "no time for passive recharge before the next pulse; allowed: less",
        ),
        ("tonic", {"interphase_gap": "20 ms"}, "less than 19800 us"),
        (
            "khz",
            {"interphase_gap": "50 us"},
            "takes 0.11 ms; allowed: at most 0.1 ms (khz.frequency = 10000 Hz)",
        ),
        (
            "high_dose",
            {"modulation": "sine", "modulation_depth": 1, "frequency": "600 Hz"},
            "at its fastest)",
        ),
        ("high_dose", {"frequency": "1 kHz", "modulation": "poisson"}, "they take 1 ms of 1 ms"),
        ("tonic", {"on": "1 s"}, 'tonic.on: got "1 s" with tonic.off = 0 s; give both, or neither'),
        ("tonic", {"off": "1 s"}, 'tonic.off: got "1 s" with tonic.on = 0 s; give both, or neither'),
        ("intermittent", {"off": "0 s"}, 'intermittent.off: got "0 s", allowed: at least 0.001 s'),
        (
            "tonic",
            {"amplitude_scale": "current"},
            'tonic.current: got "0 mA" with tonic.amplitude_scale = current',
        ),
        (
            "tonic",
            {"current": "2 mA"},
            'tonic.current: got "2 mA", of no effect with tonic.amplitude_scale = ecap',
        ),
        ("tonic", {"recharge": "pasive"}, 'allowed: passive, active, none; nearest: "passive"'),
        ("tonic", {"pulse_width": "0 us"}, 'tonic.pulse_width: got "0 us", allowed: at least 1 us'),
        ("tonic", {"pulses_per_burst": 0}, "tonic.pulses_per_burst: got "),
        ("tonic", {"amplitude": -1}, "tonic.amplitude: got "),
        ("tonik", {}, 'unknown paradigm "tonik"; allowed: tonic, none'),
        ("gone.toml", {}, "gone.toml: No such file"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(name, settings, says):
    def check():
        check_schedule(resolve(set={f"{name}.{field}": value for field, value in settings.items()}), name)

    for attempt in (partial(made, name, **{f"{name}__{field}": x for field, x in settings.items()}), check):
        with pytest.raises(InputError) as error:
            attempt()
        assert says in str(error.value)
        assert "\n" not in str(error.value)


def test_cycling_is_set_in_one_place():
    with pytest.raises(InputError, match="burst.on: cycled by intermittent.on and intermittent.off already"):
        made("intermittent", burst__on="1 s", burst__off="1 s")


def test_channels_that_share_a_contact_may_take_turns():
    turns = {"dtm__high__frequency": "50 Hz", "dtm__high__contact": 1, "dtm__high__delay": "10 ms"}
    assert len(made("dtm", **turns)) == 100
    says = r"dtm.high.contacts: at 0.0002 s a pulse overlaps one of dtm.low on contact 1"
    with pytest.raises(InputError, match=says):
        made("dtm", **turns | {"dtm__high__delay": "0.2 ms"})
    with pytest.raises(InputError, match="overlaps one of dtm.low on contact 1"):
        check_schedule(resolve(set={"dtm.high.contact": 1}), "dtm")


def test_a_check_costs_no_more_than_a_second_of_pulses():
    P = resolve(set={"khz.delay": "100 h", "khz.modulation": "jitter", "khz.modulation_depth": 0.01})
    begin = time.process_time()
    for name in NAMES:
        check_schedule(P, name)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "My Paradigm"}, "paradigm: name"),
        ({"name": 5}, "paradigm: name"),
        ({"channels": "tonic"}, "needs a list of names or tables"),
        ({"channels": {"frequency": "5 Hz"}}, "needs a list of names or tables"),
        ({"channels": ["tonik"]}, 'unknown channel "tonik" in paradigm "mine"'),
        ({"channels": [5]}, "needs a name or a table"),
        ({"channels": [{"frequenzy": "5 Hz"}]}, 'unknown field "frequenzy" in paradigm "mine"'),
        ({"channels": [{"frequency": 5}]}, 'mine.frequency in paradigm "mine": got 5 (a bare number)'),
        ({"channels": [{"frequency": "-5 Hz"}]}, "allowed: 0 Hz to 20000 Hz"),
        ({"channels": [{"recharge": "pasive"}]}, 'unknown mine.recharge "pasive" in paradigm "mine"'),
        ({"channels": [{"like": "tonik"}]}, 'nearest: "tonic"'),
        ({"channels": [{"name": "A b"}]}, "name of a channel"),
        ({"channels": [{}, {}]}, 'channel "mine" is there twice'),
        ({"channels": ["tonic", "tonic"]}, 'channel "tonic" is there twice'),
        ({"channels": [{"fractions": {0: 0.5}}]}, "positive ones sum to 1"),
        ({"channels": [{"fractions": {0: 1, 1: -0.5}}]}, "negative ones to 0 or -1"),
        ({"channels": [{"fractions": {"a": 1}}]}, "fractions"),
        ({"channels": [{"fractions": {0: 1}, "contacts": "bipolar"}]}, "give one of the two"),
        ({"name": "dtm", "channels": [{}]}, 'the package has parameters "dtm" already'),
        ({"name": "pag", "channels": [{}]}, 'the package has parameters "pag" already'),
        ({"read": "somewhere"}, 'unknown read "somewhere"'),
        ({"about": 5}, "about: got 5, needs text"),
        ({"closed_loop": "yes"}, "closed_loop"),
        ({"scenario": "khz.frequency"}, "scenario: khz.frequency is no choice"),
        ({"base": "khz.scenaro"}, 'nearest: "khz.scenario"'),
        ({"base": "intermittent.base", "channels": ["tonic"]}, "has channels and a base"),
        ({"cycle": "intermitent"}, 'unknown parameter "intermitent.on"'),
    ],
)
def test_a_broken_paradigm_is_refused_in_one_line(arguments, says):
    with pytest.raises(InputError) as error:
        Paradigm(**{"name": "mine"} | arguments)
    assert says in str(error.value), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [("a = [", "mine.toml: "), ("chanels = []", 'unknown key "chanels" in mine.toml'), ("name = 5", "name")],
)
def test_a_broken_file_is_refused(tmp_path, text, says):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(InputError, match=says):
        find_paradigm(tmp_path / "mine.toml")


def test_a_name_of_the_package_is_taken():
    with pytest.raises(InputError, match='paradigm "tonic": the package has another one of this name'):
        find_paradigm(Paradigm("tonic", ["burst"]))
    assert find_paradigm(paradigms()["tonic"]) is paradigms()["tonic"]


def test_choices_survive_a_dataset():
    P = resolve(set={"khz.scenario": "conduction_block"})
    assert choice(Parameters(json.loads(P.json())), "khz.scenario") == "conduction_block"
