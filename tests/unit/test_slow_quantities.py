"""Quantities of slow states: what a file may say of them, when they are found, and what moves with them."""

import json
import sys

import numpy as np
import pytest
import xarray as xr

from dhmodel.cli import main
from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import POPULATIONS, SOURCES
from dhmodel.slow.epochs import Stretch, advance
from dhmodel.slow.functions import functions
from dhmodel.slow.reading import read_timetable
from dhmodel.slow.running import make_run
from dhmodel.slow.states import DRIVES, inputs, load, package
from dhmodel.slow.targets import Targets

TEXTS = 'about = "a"\nsource = "definition"\nread = "convention"\n'
CONSTANTS = 'on = { value = 1, unit = "min" }\noff = { value = 1, unit = "min" }\n'
QUANTITY = f'[push]\n{TEXTS}equals = "gain * exercise"\ngain = {{ value = 2, unit = "1" }}\n'
STATE = f'[calm]\n{TEXTS}target = "push"\n{CONSTANTS}'


def quantity(name, equals, numbers=""):
    return f'[{name}]\n{TEXTS}equals = "{equals}"\n{numbers}'


def state(name, target):
    return f'[{name}]\n{TEXTS}target = "{target}"\n{CONSTANTS}'


def made(tmp_path, *texts):
    file = tmp_path / "slow.toml"
    file.write_text("\n".join(texts))
    return load(file)


def targets_of(slow, **numbers):
    known = {one.path: float(one.si) for one in slow.numbers}
    return Targets(slow, known | {path.replace("__", "."): value for path, value in numbers.items()})


def test_a_quantity_is_data(tmp_path):
    slow = made(tmp_path, STATE, QUANTITY)
    assert list(slow.states) == ["calm"] and list(slow.quantities) == ["push"]
    gain = slow.quantities["push"].numbers["gain"]
    assert gain in slow.numbers and (gain.path, gain.source) == ("slow.push.gain", "definition")
    for given, led in (({}, 0.6), ({"slow__push__gain": 5.0}, 1.5)):
        targets = targets_of(slow, **given).under({"exercise": 0.3}, functions({}, {}))
        assert targets(np.zeros(1), functions({}, {})) == pytest.approx([led])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gain * exercise", "gin * exercise", r'unknown name "gin" in .*push: equals.*nearest: "gain"'),
        ("gain * exercise", "hil(exercise, gain)", 'unknown function "hil".*nearest: "hill"'),
        ("gain * exercise", "gain * rate('OF')", 'unknown population "OF".*nearest: "OFF"'),
        ("gain * exercise", "gain *", "push: equals: .* is not an expression"),
        ('target = "push"', 'target = "pull"', 'unknown name "pull" in .*calm: target.*nearest: "push"'),
        ("[push]", "[exercise]", "exercise: is the name of a drive, an input, a state or a quantity already"),
        ("gain = {", 'on = { value = 1, unit = "s" }\ngain = {', "push: has on, but `equals` makes"),
        ("gain = {", "rest = 0\ngain = {", "push: has rest, but"),
        ("gain = {", "max = 2\ngain = {", "push: has max, but"),
        ("gain = {", 'target = "0"\ngain = {', "push: has target, but"),
        ("gain = {", 'acts."pag.drive".add = "gain"\ngain = {', "push: has acts, but"),
        ("gain = {", 'equal = "0"\ngain = {', "push: equal: "),
        ("gain = { value = 2", "gain = { valu = 2", "push.gain: value"),
        ("gain = {", "calm = {", "push.calm: is the name of a state or a quantity"),
        ('equals = "gain * exercise"', "", "push: target: Field required"),
    ],
)  # fmt: skip
def test_a_bad_quantity_is_one_line(tmp_path, old, new, message):
    text = f"{STATE}\n{QUANTITY}"
    assert old in text
    with pytest.raises(InputError, match=message) as error:
        made(tmp_path, text.replace(old, new))
    assert "\n" not in str(error.value)


def test_a_quantity_with_the_name_of_a_state_in_another_file_is_refused(tmp_path):
    (tmp_path / "a.toml").write_text(state("push", "exercise"))
    (tmp_path / "b.toml").write_text(QUANTITY)
    with pytest.raises(InputError, match="b.toml: push: is the name of .* a state or a quantity already"):
        load(tmp_path)


def test_quantities_come_after_those_that_they_use(tmp_path):
    chain = quantity("c", "a + b"), quantity("b", "2 * a"), quantity("a", "exercise")
    slow = made(tmp_path, *chain, state("calm", "c"))
    assert list(slow.quantities) == ["a", "b", "c"]
    targets = targets_of(slow).under({"exercise": 0.1}, functions({}, {}))
    assert targets(np.zeros(1), functions({}, {})) == pytest.approx([0.3])


def test_a_circle_of_quantities_is_refused_by_one_that_lies_in_it(tmp_path):
    circle = quantity("outside", "b"), quantity("b", "2 * c"), quantity("c", "b + 1")
    with pytest.raises(InputError, match=r'slow.toml: [bc]: equals: "(2 \* c|b \+ 1)" depends on itself'):
        made(tmp_path, *circle, STATE, QUANTITY)


def test_a_quantity_may_ask_for_the_state_whose_target_asks_for_it(tmp_path):
    slow = made(tmp_path, quantity("left", "1 - calm"), state("calm", "0.5 * left"))
    targets = targets_of(slow).under({}, functions({}, {}))
    assert [targets(np.array([x]), functions({}, {})).item() for x in (0, 0.4)] == pytest.approx([0.5, 0.3])


def test_what_asks_for_states_or_drugs_by_way_of_quantities_is_coupled(tmp_path):
    slow = made(
        tmp_path,
        quantity("held", "exercise"),
        quantity("moving", "2 * calm"),
        quantity("further", "moving + held"),
        quantity("drugged", "free('cb1')"),
        *(state(f"of_{name}", name) for name in ("held", "further", "drugged")),
        state("calm", "exercise"),
    )
    targets = targets_of(slow)
    assert targets.coupled == {"moving", "further", "drugged", "of_further", "of_drugged"}
    P = {"receptor.cb1.free": 1.0}
    now = targets.under({"exercise": 0.1}, functions(P, {}))
    states = np.array([0, 0, 0, 0.25])
    assert now(states, functions(P, {})) == pytest.approx([0.1, 0.6, 1, 0.1])
    later = now(2 * states, functions(P, {}, {"receptor.cb1.free": 0.2}))
    assert later == pytest.approx([0.1, 1.1, 0.2, 0.1])


def moved(slow):
    """States of a file after 100 s of full exercise, from 0, with time constants of a minute."""
    number = len(slow.states)
    now = targets_of(slow).under({"exercise": 1.0}, functions({}, {}))

    def field(_):
        return lambda states: now(states, functions({}, {}))

    zero, tau = np.zeros(number), np.full(number, 60.0)
    stretch = Stretch(0, 100.0, zero, tau, tau, np.ones(number), np.zeros(number, dtype=bool), field)
    return advance(stretch, zero, zero, lambda _: {}, 0.01).states


def test_a_quantity_of_a_state_moves_with_it_within_a_stretch(tmp_path):
    """Against the solution: one state follows exercise, the other a quantity of the first."""
    slow = made(tmp_path, quantity("half", "one / 2"), state("one", "exercise"), state("two", "half"))
    x = 100.0 / 60.0
    assert moved(slow) == pytest.approx([1 - np.exp(-x), (1 - (1 + x) * np.exp(-x)) / 2], abs=2e-3)


def test_a_quantity_gives_the_same_bits_as_its_expression_written_out(tmp_path):
    for folder in ("named", "written"):
        (tmp_path / folder).mkdir()
    states = state("one", "exercise * left"), state("two", "one * left")
    named = moved(made(tmp_path / "named", quantity("left", "1 - two"), *states))
    written = moved(made(tmp_path / "written", *(text.replace("left", "(1 - two)") for text in states)))
    assert np.array_equal(named, written) and named.min() > 0.1


def chosen(given=None):
    """What a protocol in which nothing happens chooses, with numbers that the caller sets."""
    loop = {"epoch": 1.0, "settle": 0.2, "warmup": 0.2, "tolerance": 0.02}
    return make_run(read_timetable({"duration": "1 h"}), None, None, given, loop, 1, "auto").chosen


def test_the_activity_of_the_cortex_falls_as_its_inhibition_gathers():
    """What potentiation is led to, drives held, against its equation written out."""
    targets, names = chosen().targets, list(package().states)
    assert {"cortex_activity", "cortex_potentiation"} <= targets.coupled
    assert not {"cortex_reached", "cortex_calcium", "cortex_inhibition"} & targets.coupled
    rates = (f"rate.{name}" for name in (*POPULATIONS, *SOURCES))
    drives = dict.fromkeys((*DRIVES, *inputs(), *rates), 0.0)
    drives |= {"rtms_bursts": 5.0, "rtms_calcium": 2.0, "rtms_motor": 0.3}
    called = functions(resolve("naive"), drives)
    now, found = targets.under(drives, called), []
    for inhibition in (0.0, 0.3):
        states = np.zeros(len(names))
        states[names.index("cortex_threshold")] = 1.0
        states[names.index("cortex_inhibition")] = inhibition
        found.append(now(states, called)[names.index("cortex_potentiation")])
    pace = 20 * 0.85 * 5 * 2 * 0.3**2 / (0.3**2 + 0.1**2)
    assert found == pytest.approx([pace * (1.5 * 2 / (2 + 0.5 * (1 + x**2)) - 1) for x in (0, 0.3)])


def test_a_number_of_a_quantity_can_be_set():
    path = "slow.cortex_activity.largest"
    assert (chosen().numbers[path], chosen({path: 2}).targets.own["cortex_activity"]["largest"]) == (1.5, 2)
    with pytest.raises(InputError, match=r'cortex_activity.largest: got "1", allowed: at least 1.01'):
        chosen({path: 1})
    with pytest.raises(
        InputError, match=f'unknown parameter "slow.cortex_activity.large".*nearest: "{path}"'
    ):
        chosen({"slow.cortex_activity.large": 2})


def test_a_number_of_a_quantity_can_be_set_on_the_command_line(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "still.toml").write_text(
        'duration = "1 min"\nepoch = "1 s"\nsettle = "0.2 s"\nset = { "circuit.scale" = 0.25 }\n'
    )
    given = ["run", "--protocol", "still.toml", "--out", "still.nc", "--set", "slow.cortex_reached.half=0.2"]
    monkeypatch.setattr(sys, "argv", ["dhmodel", *given])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    with xr.open_dataset(tmp_path / "still.nc") as ds:
        assert json.loads(ds.attrs["slow_parameters"])["slow.cortex_reached.half"] == 0.2
