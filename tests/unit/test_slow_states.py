"""Slow states as data: what the package's say, what a new one needs, and what no state may say."""

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import parameter, paths, resolve, states
from dhmodel.scenarios import scenarios
from dhmodel.slow.functions import functions
from dhmodel.slow.states import inputs, load, package, slow_states
from dhmodel.units import to_si

ASKED = {
    "opioid_brainstem", "opioid_mu", "opioid_delta", "opioid_kappa", "noradrenaline", "serotonin_inhibitory",
    "serotonin_facilitatory", "acetylcholine", "endocannabinoid", "endocannabinoid_late",
    "endocannabinoid_exercise", "movement_attenuation", "substance_p", "adenosine", "gaba", "glia",
    "bdnf_spinal", "bdnf_cortical", "kcc2", "fatigue", "cortex_early", "cortex_late", "ia_depression",
}  # fmt: skip

STATE = """
[calm]
about = "calm"
source = "definition"
read = "convention"
rest = "value('pag.drive')"
target = "hill(rate('OFF'), half) + exercise"
on = { value = 1, unit = "min" }
off = { value = 2, unit = "min" }
half = { value = 10, unit = "Hz" }
size = { value = 0.5, unit = "1" }

[calm.acts]
"pag.drive" = { add = "size" }
"""


def made(tmp_path, text=STATE):
    file = tmp_path / f"s{abs(hash(text))}.toml"
    file.write_text(text)
    return load(file).states


def test_every_state_asked_for_is_there():
    assert slow_states().keys() >= ASKED


@pytest.mark.parametrize("name", slow_states())
def test_every_state_has_equation_unit_constants_and_source(name):
    state = slow_states()[name]
    assert state.about and state.source and state.read and state.target.text
    assert state.unit in ("1", "nmol/l") and state.low < state.high
    for key in ("on", "off"):
        assert 10 <= state.numbers[key].si <= 10 * 86_400
        assert to_si(state.numbers[key].default(), "s", name) > 0
    for act in state.acts:
        one, size = parameter(act.path), state.numbers[act.size]
        assert size.unit == ("1" if act.factor else one.unit)


@pytest.mark.parametrize("cord", states())
def test_every_state_rests_within_its_bounds_in_every_cord(cord):
    from dhmodel.parameters import resolve
    from dhmodel.slow.functions import of_cord

    P = resolve(cord)
    for name, state in slow_states().items():
        rest = state.rest.evaluate({key: one.si for key, one in state.numbers.items()}, of_cord(P))
        assert state.low <= rest <= state.high, name


def test_numbers_are_parameters_with_paths_of_their_own():
    found = {one.path: one for one in package().numbers}
    assert found["slow.gaba.off"].si == 540 and not found.keys() & set(paths())
    assert found["slow.gaba.off"].check("5 min") == 300
    with pytest.raises(InputError, match="slow.gaba.off"):
        found["slow.gaba.off"].check("0 min")


def test_adding_a_state_is_data(tmp_path):
    calm = made(tmp_path)["calm"]
    assert calm.numbers["half"].path == "slow.calm.half" and calm.numbers["half"].source == "definition"
    P, drives = {"pag.drive": 0.4}, {"rate.OFF": 30.0}
    assert calm.rest.evaluate({}, functions(P, drives)) == 0.4
    assert calm.target.evaluate({"half": 10.0, "exercise": 0.1}, functions(P, drives)) == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("half) +", "hlf) +", r'unknown name "hlf" in .*: calm: target.*nearest: "half"'),
        ("hill(", "hil(", 'unknown function "hil".*nearest: "hill"'),
        ("'OFF'", "'OF'", 'unknown population "OF".*nearest: "OFF"'),
        ("+ exercise", "+ exercise.real", r"target: .* is not allowed"),
        ("value('pag.drive')", "value('pag.drve')", 'unknown path "pag.drve".*nearest: "pag.drive"'),
        ("value('pag.drive')", "rate('OFF')", 'unknown function "rate" in .*: calm: rest'),
        ('on = { value = 1, unit = "min" }', "", "calm: has no on, a time constant"),
        ('on = { value = 1, unit = "min" }', 'on = { value = 1, unit = "Hz" }', "calm.on: got"),
        ('on = { value = 1, unit = "min" }', 'on = { value = 0, unit = "min" }', "slow.calm.on: got"),
        ('on = { value = 1, unit = "min" }', 'on = { valu = 1, unit = "min" }', "calm.on: value"),
        ('"pag.drive" = {', '"pag.drve" = {', 'unknown parameter "pag.drve".*calm: acts'),
        ('"pag.drive" = {', '"anatomy.species" = {', 'unknown parameter "anatomy.species"'),
        ('add = "size"', 'add = "sice"', 'unknown number "sice".*nearest: "size"'),
        ('add = "size"', 'add = "size", times = "size"', "needs one of add and times"),
        ('add = "size"', 'add = "size", free = "my"', '"my" is no receptor'),
        ("[calm", "[exercise", "exercise: is the name of a drive, an input, a state or a quantity already"),
        ('read = "convention"', 'read = "guess"', "calm: read"),
    ],
)  # fmt: skip
def test_a_bad_state_is_one_line(tmp_path, old, new, message):
    assert old in STATE
    with pytest.raises(InputError, match=message) as error:
        made(tmp_path, STATE.replace(old, new))
    assert "\n" not in str(error.value)


def test_a_name_in_two_files_is_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(STATE)
    with pytest.raises(
        InputError, match="b.toml: calm: is the name of a drive, an input, a state or a quantity already"
    ):
        load(tmp_path)


def test_a_size_in_another_unit_than_the_parameter_is_refused(tmp_path):
    with pytest.raises(InputError, match="calm: acts: pag.drive: size is in pA, the parameter in 1"):
        made(
            tmp_path,
            STATE.replace('size = { value = 0.5, unit = "1" }', 'size = { value = 0.5, unit = "pA" }'),
        )


def test_ambient_gaba_rests_at_the_published_values():
    """Stiller et al. 1996: 8.1 nmol/l intact, 5.7 injured without allodynia, 2.3 allodynic."""
    from dhmodel.parameters import resolve
    from dhmodel.slow.functions import of_cord

    gaba = slow_states()["gaba"]
    own = {key: one.si for key, one in gaba.numbers.items()}
    rest = [gaba.rest.evaluate(own, of_cord(resolve(cord))) for cord in ("naive", "cci", "allodynic")]
    assert rest == pytest.approx([8.1, 5.7, 2.3], abs=0.05)


def test_every_scenario_sets_what_there_is():
    known = {one.path: one for one in package().numbers}
    for name, one in scenarios().items():
        assert one.about and one.source and one.set, name
        for path, value in one.set.items():
            (known[path] if path in known else parameter(path)).check(value)


def test_functions_of_expressions():
    called = functions({"receptor.cb1.free": 1.0}, {"rate.WDR": 3.0}, {"receptor.cb1.free": 0.2})
    assert called["free"]("cb1") == 0.2
    assert called["rate"]("WDR") == 3
    assert [called["hill"](x, 2.0) for x in (-1, 0, 2)] == [0, 0, 0.5]
    assert called["hill"](4.0, 2.0, 2) == 0.8
    assert called["band"](0.0, 50, 1) == 0 and called["band"](50.0, 50, 1) == 1
    assert called["band"](50 * np.e, 50, 1) == pytest.approx(np.exp(-0.5))
    assert called["band"](50 / np.e, 50, 1) == pytest.approx(np.exp(-0.5))
    assert [called["above"](x, 0.4) for x in (0.1, 0.9)] == [0, 0.5]
    assert [called["clip"](x, 0, 1) for x in (-1, 0.5, 2)] == [0, 0.5, 1]
    assert called["max"](1, 2) == 2 and called["min"](1, 2) == 1


def test_every_input_is_explained():
    assert all(one.about and one.source and one.min <= 0 <= one.max for one in inputs().values())


def test_noradrenaline_needs_serotonin_in_one_scenario_alone():
    """Under methysergide nothing of it is left where the loop is all there is, and all of it by default."""
    state, cord = slow_states()["noradrenaline"], resolve("naive")
    drugged = resolve("naive", drugs={"methysergide": 1.0})
    there = functions(cord, {"rate.NA": 5.0}), functions(cord, {"rate.NA": 5.0}, drugged)
    by_default = {key: one.si for key, one in state.numbers.items()} | {"cholinergic": 1.0}
    by_scenario = by_default | {"needs_5ht": scenarios()["loop_alone"].set["slow.noradrenaline.needs_5ht"]}
    plain, blocked = (state.target.evaluate(by_default, calls) for calls in there)
    assert blocked == plain > 0
    plain, blocked = (state.target.evaluate(by_scenario, calls) for calls in there)
    assert plain > 0 and blocked == 0


@pytest.mark.parametrize("name", ["noradrenaline", "gaba"])
@pytest.mark.parametrize(
    "without", [{"drugs": {"mt3": 1.0}}, {"drugs": {"atropine": 1.0}}, {"set": {"injury.acetylcholine": 0}}]
)
def test_what_lasts_minutes_needs_acetylcholine_at_m4(name, without):
    """Atropine, an M4 antagonist or a cord that releases none takes it away, one of M1 a part of it."""
    state, gate = slow_states()[name], package().quantities["cholinergic"]
    rates = {f"rate.{one}": 5.0 for one in ("NA", "GABA_PV", "GABA_DYN", "GABA_ISL")}

    def target(set=None, drugs=None):
        cord = resolve("naive", set=set)
        calls = functions(cord, rates, resolve("naive", set=set, drugs=drugs))
        numbers = {key: one.si for key, one in state.numbers.items()}
        return state.target.evaluate(numbers | {"cholinergic": gate.equals.evaluate({}, calls)}, calls)

    assert target(**without) == 0 < target(drugs={"pirenzepine": 1.0}) < target()
