"""Graded stimuli: rates against what their transfer functions say, thresholds, and who is recruited."""

import numpy as np
import pytest

from dhmodel import afferents
from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import FIBRE_CLASSES, positions
from dhmodel.stimulation import patterns
from dhmodel.stimulation.course import Press, Warming
from dhmodel.stimulation.fibres import members
from dhmodel.stimulation.stimulus import acts, default_duration, shock_onsets, stimulus
from dhmodel.stimulation.terminals import terminal_release
from dhmodel.stimulation.transfer import transfer

QUIET = {f"background.{name}.rate": "0 Hz" for name in ("AB", "CP", "CN")}
MANY = QUIET | {"circuit.scale": 10}
PRESSED = 4.0  # a press of 5 s without edges, but for the first second


def drawn(name, seconds, **settings):
    """Trains of a stimulus without background, ten times as many fibres, and the parameters."""
    given = MANY | {key.replace("__", "."): value for key, value in settings.items()}
    return resolve(set=given), afferents(stimulus=name, set=given, duration=f"{seconds} s", seed=7)


def pressed(force, **settings):
    """Spikes of each fibre in 4 s of a steady press, by class."""
    edges = {"vonfrey__duration": "5 s", "vonfrey__rise": "0 s", "vonfrey__delay": "0 s", "vonfrey__width": 2}
    P, trains = drawn("vonfrey", 6, vonfrey__force=force, **edges | settings)
    inside = (trains.times >= 1) & (trains.times < 1 + PRESSED)
    spikes = np.bincount(trains.fibres[inside], minlength=trains.n_fibres)
    return {name: spikes[members(P, name)] for name in ("AB.SAI", "AB.RA", "AD", "CP", "CN")}


@pytest.mark.parametrize(("name", "rate"), [("AB.SAI", 13.6), ("AD", 4.7), ("CN", 3.2)])
def test_a_press_of_100_mN_gives_the_rates_of_medlock(name, rate):
    assert pressed("100 mN")[name].mean() / PRESSED == pytest.approx(rate, rel=0.06)


@pytest.mark.parametrize(("name", "group"), [("AB.SAI", "SAI"), ("AD", "AD"), ("CN", "C")])
def test_rates_rise_along_the_slope_and_end_at_the_plateau(name, group):
    alike = {f"vonfrey__{group}__spread": 0, f"vonfrey__{group}__threshold": "10 mN"}
    P = resolve()
    slope, span = P[f"vonfrey.{group}.slope"], P[f"vonfrey.{group}.span"]
    assert pressed("10 mN", **alike)[name].sum() == 0
    for force, above in (("60 mN", 0.05), ("90 mN", 0.08), ("5 N", span)):
        spikes = pressed(force, **alike)[name]
        mean = slope * min(above, span)
        assert spikes.mean() / PRESSED == pytest.approx(mean, rel=4 / np.sqrt(spikes.sum()))


def test_a_stronger_press_recruits_more_of_each_class_and_keeps_the_others():
    weaker = None
    for force in ("5 mN", "20 mN", "50 mN", "200 mN"):
        spikes = pressed(force)
        if weaker:
            assert all((spikes[name] >= weaker[name]).all() for name in spikes)
            assert spikes["AD"].sum() > weaker["AD"].sum()
        weaker = spikes
    share = {force: (pressed(force)["AD"] > 0).mean() for force in ("10 mN", "20 mN", "50 mN")}
    assert share["10 mN"] < 0.25 < share["20 mN"] < 0.6 < share["50 mN"] < 1


def test_low_threshold_fibres_saturate_and_a_fibres_are_steeper_than_c_fibres():
    low, high, highest = (pressed(force) for force in ("200 mN", "1 N", "4 N"))
    assert highest["AB.SAI"].sum() == high["AB.SAI"].sum()
    assert high["AD"].sum() > 4 * low["AD"].sum()
    assert high["CN"].sum() < 1.1 * low["CN"].sum()


def test_rapidly_adapting_fibres_fire_while_the_force_changes():
    P, trains = drawn("vonfrey", 5)
    times = trains.times[np.isin(trains.fibres, members(P, "AB.RA"))]
    since = times - P["vonfrey.delay"]
    edges = (since < 0.22) | ((since > 2.8) & (since < 3.02))
    assert times.size > 1000 and edges.all()


def test_desensitised_fibres_feel_less_of_the_force():
    half = pressed("100 mN", vonfrey__SAI__sensitivity=0.5)["AB.SAI"]
    assert half.tolist() == pressed("50 mN")["AB.SAI"].tolist()


def test_no_force_no_spikes():
    assert all(spikes.sum() == 0 for spikes in pressed("0 mN").values())


def test_half_of_the_peptidergic_fibres_feel_force_and_a_quarter_of_the_others_heat():
    assert (pressed("1 N")["CP"] > 0).mean() == 0.5
    P, trains = drawn("heat", 11, heat__temperature="50 degC")
    warm = np.bincount(trains.fibres, minlength=trains.n_fibres)
    assert (warm[members(P, "CN")] > 0).mean() == 0.25


def test_a_larger_share_of_fibres_holds_the_smaller_and_its_spikes():
    few, many = (pressed("30 mN", fibre__CN__mechanical=share)["CN"] for share in (0.2, 1))
    assert (few > 0).sum() > 20 and many.sum() > 3 * few.sum()
    assert few[few > 0].tolist() == many[few > 0].tolist()


def test_presses_repeat_and_leave_pauses():
    P, trains = drawn("vonfrey", 10, vonfrey__number=2, vonfrey__frequency="0.2 Hz", vonfrey__force="1 N")
    times = trains.times[np.isin(trains.fibres, members(P, "AB"))]
    pressing = ((times >= 1) & (times < 4.02)) | ((times >= 6) & (times < 9.02))
    assert pressing.all() and (times > 6).sum() == pytest.approx((times < 5).sum(), rel=0.05)
    assert acts(P, "vonfrey", 7.0).tolist() == [[1, 4], [6, 7]]
    assert default_duration(P, "vonfrey") == 10
    with pytest.raises(InputError, match="vonfrey.duration: 3 s does not fit between presses at 0.5 Hz"):
        drawn("vonfrey", 10, vonfrey__number=2, vonfrey__frequency="0.5 Hz")


def test_the_force_rises_stays_and_falls():
    press = Press(np.array([1.0, 5.0]), 3.0, 0.5, 2.0)
    given = [0.9, 1.0, 1.25, 1.5, 3.0, 3.75, 3.999, 4.0, 4.5, 5.25]
    assert press.at(np.array(given)) == pytest.approx([0, 0, 1, 2, 2, 1, 0.004, 0, 0, 1])
    assert press.moving(np.array(given)).tolist() == [
        False,
        *[True] * 2,
        False,
        False,
        *[True] * 2,
        *[False] * 2,
        True,
    ]
    assert Press(np.array([1.0]), 3.0, 0.0, 2.0).at(np.array([1.0, 3.9])).tolist() == [2, 2]


def test_the_skin_warms_holds_and_is_left():
    warming = Warming(onset=1.0, base=32.0, target=44.0, speed=6.0, hold=2.0)
    times = np.array([0.5, 1.0, 2.0, 3.0, 4.9, 5.0])
    assert warming.at(times).tolist() == [32, 32, 38, 44, 44, 32]
    assert warming.change(times).tolist() == [0, 6, 6, 0, 0, 0]
    assert warming.epochs().tolist() == [[1, 5]]
    assert Warming(0.0, 32.0, 20.0, 4.0, 0.0).change(np.array([1.0])).tolist() == [-4]


def warmed(speed, target="46 degC", **settings):
    """Mean rate of heat-sensitive fibres between 41.5 and 46 degC, by class; conduction taken off."""
    seconds = 1 + 14 / speed
    at_once = {f"fibre__{name}__conduction": "0.01 ms" for name in ("C", "AD")}
    given = at_once | {"heat__hold": "0 s", "heat__ramp": f"{speed} degC/s", "heat__temperature": target}
    P, trains = drawn("heat", seconds + 0.5, **given | settings)
    hot = 32 + speed * (trains.times - 1) >= 41.5
    own = {name: np.isin(trains.fibres, members(P, name)) for name in ("CP", "AD")}
    return {name: (hot & mine).sum() / members(P, name).size / (4.5 / speed) for name, mine in own.items()}


@pytest.mark.parametrize(("speed", "rate"), [(0.3, 1.22), (2, 4.57), (6, 13.45)])
def test_c_fibres_code_the_speed_of_warming_as_yarnitsky_found(speed, rate):
    assert warmed(speed, heat__C__spread="0 degC")["CP"] == pytest.approx(rate, rel=0.1)


def test_slow_heat_is_carried_by_c_fibres_and_fast_heat_by_a_fibres_too():
    slow, fast = warmed(0.9), warmed(6.5)
    assert slow["AD"] < 0.1 * slow["CP"]
    assert fast["AD"] > 0.5 * fast["CP"]


def test_slow_heat_reaches_the_rates_of_yeomans_in_time():
    slow = {"heat__ramp": "0.9 degC/s", "heat__delay": "0 s", "heat__temperature": "46 degC"}
    P, trains = drawn("heat", 13, fibre__C__conduction="0.01 ms", **slow)
    times = trains.times[np.isin(trains.fibres, members(P, "CP"))]
    early, late = (
        np.sum((times >= start) & (times < start + 2)) / 2 / members(P, "CP").size for start in (8, 10)
    )
    assert early < 1 < late
    assert late == pytest.approx(1.5, rel=0.3)


def test_heat_below_every_threshold_is_not_felt():
    assert warmed(2, "38 degC") == {"CP": 0, "AD": 0}
    assert warmed(2, "20 degC") == {"CP": 0, "AD": 0}


def recruited(intensity, name="shock", **settings):
    P, trains = drawn(name, 1, **{f"{name}__intensity": intensity} | settings)
    fired = np.zeros(trains.n_fibres, dtype=bool)
    fired[trains.fibres] = True
    return {name: fired[members(P, name)] for name in ("AB.centre", "AD", "CP", "CN")}


@pytest.mark.parametrize(
    ("intensity", "expected"),
    [(0.7, (0, 0, 0)), (1, (0.5, 0, 0)), (1.3, (1, 0, 0)), (2.1, (1, 0, 0)), (3, (1, 0.5, 0)),
     (14, (1, 1, 0)), (17, (1, 1, 0.25)), (20, (1, 1, 0.5)), (26, (1, 1, 1)), (100, (1, 1, 1))],
)  # fmt: skip
def test_the_intensity_of_a_shock_recruits_class_after_class(intensity, expected):
    share = recruited(intensity)
    assert [share[name].mean() for name in ("AB.centre", "AD", "CP")] == pytest.approx(expected, abs=1e-9)
    assert share["CN"].mean() == share["CP"].mean()


def test_a_stronger_shock_excites_the_same_fibres_and_more():
    fewer, more = recruited(16), recruited(24)
    assert (fewer["CP"] <= more["CP"]).all() and fewer["CP"].sum() < more["CP"].sum()


def test_windup_shocks_are_one_and_a_half_times_the_c_threshold_by_default():
    P = resolve()
    assert P["windup.intensity"] == 1.5 * P["shock.C.threshold"]
    assert all(one.all() for one in recruited(P["windup.intensity"], "windup", windup__number=1).values())
    assert recruited(20, "windup", windup__number=1)["CN"].mean() == 0.5


def test_classes_without_spread_fire_all_or_none():
    alike = {"shock__C__spread": 0}
    assert recruited(19.9, **alike)["CP"].mean() == 0
    assert recruited(20, **alike)["CP"].mean() == 1


def test_the_reach_of_a_shock_limits_who_can_fire():
    assert recruited(30, shock__AD__reach=0.5)["AD"].mean() == 0.5


def test_a_wide_brush_strokes_the_surround_too():
    for name, centre, around in (("brush", 15, 0), ("brush_wide", 15, 15), ("brush_surround", 0, 15)):
        P, trains = drawn(name, 20)
        spikes = np.bincount(trains.fibres, minlength=trains.n_fibres) / 20
        assert spikes[members(P, "AB.centre")].mean() == pytest.approx(centre, rel=0.05)
        assert spikes[members(P, "AB.surround")].mean() == pytest.approx(around, rel=0.05)


def test_thinned_discharge_follows_its_rate_and_keeps_the_dead_time():
    rng = np.random.default_rng(3)
    times, units = patterns.thinned(rng, 500, 80.0, lambda t, unit: 20 * t, 2e-3, 0.0, 4.0)
    density = np.histogram(times, bins=8, range=(0, 4))[0] / (500 * 0.5)
    assert density == pytest.approx(20 * np.arange(0.25, 4, 0.5), rel=0.06)
    order = np.lexsort((times, units))
    gaps = np.diff(times[order])[np.diff(units[order]) == 0]
    assert gaps.min() >= 2e-3


@pytest.mark.parametrize(
    ("stimulus", "given", "message"),
    [
        ("vonfrey", {"vonfrey.force": "-5 mN"}, "vonfrey.force: got .-5 mN., allowed: 0 mN to 5000 mN"),
        ("vonfrey", {"vonfrey.force": 0.1}, "vonfrey.force: got 0.1 .a bare number., needs a quantity in mN"),
        ("vonfrey", {"vonfrey.force": "10 g"}, "vonfrey.force: got .10 g. .unknown unit .g.."),
        ("heat", {"heat.temperature": "315 K"}, "heat.temperature: got .315 K. .* needs a quantity in degC"),
        ("heat", {"heat.temperature": "315 degC"}, "heat.temperature: got .315 degC., allowed: 0 degC to 60"),
        ("heat", {"heat.ramp": "0 degC/s"}, "heat.ramp: got .0 degC/s., allowed: 0.01 degC/s"),
        ("shock", {"shock.intensity": -1}, "shock.intensity: got .-1., allowed: at least 0"),
        ("vonfry", {}, 'unknown stimulus "vonfry".*nearest: "vonfrey"'),
        ("vonfrey", {"vonfrey.C.slope": "10 Hz/mN", "vonfrey.delay": "0 s"}, "a rate of 1000 Hz cannot"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(stimulus, given, message):
    with pytest.raises(InputError, match=message):
        afferents(stimulus=stimulus, set=given)


def test_an_unknown_transfer_function_is_refused():
    with pytest.raises(InputError, match='unknown transfer function "linear"'):
        transfer(resolve(), "linear", "vonfrey.AD")


def test_when_a_stimulus_acts():
    P = resolve()
    assert acts(P, "pinch", 5.0).tolist() == [[0, 5]]
    assert acts(P, "vonfrey", 5.0).tolist() == [[1, 4]]
    assert acts(P, "heat", 9.0).tolist() == [[1, 9]]
    assert acts(P, "current_step", 9.0).tolist() == [[0.2, 1.2]]
    assert acts(P, "windup", 9.0).size == acts(P, "spontaneous", 9.0).size == 0
    assert default_duration(P, "heat") == 1 + 7 + 1 + 1
    assert default_duration(P, "current_step") == pytest.approx(2.2)
    assert stimulus("vonfrey").course(P).force == 0.1


def test_a_stimulus_touches_its_patch_of_skin():
    for name in ("vonfrey", "pinch", "brush_wide", "heat"):
        patch = {f"{name.removesuffix('_wide')}__centre": 0.5, f"{name.removesuffix('_wide')}__width": 0.2}
        P, part = drawn(name, 10, **patch)
        _, whole = drawn(name, 10, **patch | {f"{name.removesuffix('_wide')}__width": 4})
        places = np.concatenate([positions(P, fibres) for fibres in FIBRE_CLASSES])
        inside = np.abs(places - 0.5) <= 0.1
        assert part.times.size > 100
        assert inside[part.fibres].all()
        assert part.times.tolist() == whole.times[inside[whole.fibres]].tolist()


def test_a_continuous_stimulus_may_begin_and_end():
    for name in ("pinch", "brush"):
        P, part = drawn(name, 6, **{f"{name}__on": "1 s", f"{name}__off": "3 s"})
        _, whole = drawn(name, 6)
        assert part.times.tolist() == whole.times[(whole.times >= 1) & (whole.times < 3)].tolist()
        assert acts(P, name, 6.0).tolist() == [[1, 3]]
        assert default_duration(P, name) == P["stimulus.duration"]
    with pytest.raises(InputError, match="pinch.off: got 1 s, needs to be later than pinch.on, 2 s"):
        drawn("pinch", 6, pinch__on="2 s", pinch__off="1 s")


def test_the_root_is_stimulated_regularly_beside_the_shocks_of_windup():
    quick = {"fibre__jitter": 0, "windup__frequency": "0.5 Hz"}
    P, alone = drawn("windup", 4, **quick)
    _, both = drawn("windup_root", 4, **quick | {"root__rate": "20 Hz"})
    assert shock_onsets(P, "windup_root", 4.0).tolist() == [0, 2]
    for name in ("AD", "CP", "AB.surround"):
        mine = [trains.times[np.isin(trains.fibres, members(P, name))].tolist() for trains in (alone, both)]
        assert mine[0] == mine[1]
    fibre = both.times[both.fibres == members(P, "AB.centre")[3]]
    assert np.diff(fibre) == pytest.approx(np.full(79, 0.05))
    assert drawn("windup_root", 4, **quick | {"root__rate": "0 Hz"})[1].times.size == alone.times.size


def test_injury_takes_from_the_answer_of_low_threshold_fibres_alone():
    whole, half = pressed("100 mN"), pressed("100 mN", injury__ltm_gain=0.5)
    for name in whole:
        expected = whole[name].mean() * (0.5 if name.startswith("AB") else 1)
        assert half[name].mean() == pytest.approx(expected, rel=0.05)
    P, trains = drawn("brush", 20, injury__ltm_gain=0.5)
    spikes = np.bincount(trains.fibres, minlength=trains.n_fibres)[members(P, "AB.centre")]
    assert spikes.mean() / 20 == pytest.approx(7.5, rel=0.05)
    assert all(
        spikes.sum() == 0 for name, spikes in pressed("1 N", injury__ltm_gain=0).items() if "AB" in name
    )


def test_release_of_terminals_declines_over_a_train():
    # Ia fibres, which lie deep, fire from 5 x ECAP threshold on
    given = {"tonic.frequency": "50 Hz", "tonic.amplitude": 5}
    P = resolve(set=QUIET | given)
    found = terminal_release(P, "tonic", "spontaneous", 5.0, 0.0, 7, 0)
    assert found.size == 250
    left = np.exp(-0.02 / P["terminal.AB.recovery"])
    settled = (1 - left) / (1 - (1 - P["terminal.AB.depression"]) * left)
    assert found[-20:].mean() / found[0] < 1.3 * settled
    steady = terminal_release(P, "tonic", "spontaneous", 5.0, 0.0, 7, 0, "IA")
    assert steady[-20:].mean() > found[-20:].mean() * steady[0] / found[0]
    with pytest.raises(InputError, match='unknown fibre class "A"'):
        terminal_release(P, "tonic", "spontaneous", 5.0, 0.0, 7, 0, "A")
