"""Parameters, states, drugs, stimuli, durations, seeds: what a simulation may be asked for."""

import json
import math

import inputs
import numpy as np
import pytest
from claims import check_numbers, guarded, outcome, tries
from hypothesis import given
from hypothesis import strategies as st

from dhmodel.errors import DHModelError, EngineError, InputError
from dhmodel.parameters import Parameters, cohort, parameter, resolve
from dhmodel.simulate import measure, plan, simulate
from dhmodel.units import to_si


def arguments(**fixed):
    given = {
        "paradigm": inputs.paradigm_names,
        "state": inputs.state_names,
        "stimulus": inputs.stimulus_names,
        "drugs": st.one_of(st.none(), inputs.doses, inputs.anything),
        "lesion": inputs.lesions,
        "set": st.one_of(inputs.settings_(), inputs.anything),
        "duration": inputs.durations,
        "warmup": inputs.durations,
        "seed": inputs.whole,
        "target": st.sampled_from(["auto", "cpp", "numpy", "Cpp", ""]),
        "fill": st.sampled_from(["background", "silent", ""]),
    }
    return st.fixed_dictionaries({}, optional=given | fixed)


@tries(300)
@given(arguments())
def test_any_arguments_make_a_plan_of_finite_numbers_or_one_line(given):
    check_plan(outcome(plan, **given))


@tries(60)
@given(
    st.fixed_dictionaries(
        {"paradigm": st.sampled_from(sorted(inputs.list_paradigms())), "set": inputs.good_settings}
    )
)
def test_any_allowed_parameters_make_a_plan_of_finite_numbers_or_one_line(given):
    check_plan(outcome(plan, **given))


def check_plan(found):
    if isinstance(found, DHModelError):
        return
    check_numbers(found.parameters)
    assert Parameters(json.loads(found.parameters.json())) == found.parameters
    assert 0 < found.duration < math.inf and 0 <= found.warmup < math.inf and len(found.digest()) == 16


@tries(300)
@given(
    st.one_of(inputs.quantities(), inputs.anything, inputs.odd_text), st.sampled_from([*inputs.UNITS, "S/s"])
)
def test_any_text_is_a_finite_number_or_one_line_that_names_it(given, unit):
    found = outcome(to_si, given, unit, "here")
    if isinstance(found, DHModelError):
        assert str(found).startswith("here: got ") and "needs" in str(found)
    else:
        assert math.isfinite(found)


@tries(300)
@given(st.sampled_from(inputs.PATHS).flatmap(lambda path: st.tuples(st.just(path), inputs.allowed(path))))
def test_what_the_declared_range_allows_is_taken(pair):
    path, value = pair
    found = outcome(resolve, "naive", {path: value})
    assert not isinstance(found, DHModelError)
    assert parameter(path).choices or math.isfinite(found[path])


@tries(100)
@given(inputs.state_names, inputs.whole)
def test_any_cohort_is_a_list_of_states_or_one_line(state, number):
    if isinstance(number, int) and abs(number) > 1000:
        number %= 1000
    outcome(cohort, state, number)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"duration": "1e300 s"}, r"duration: 1e\+300 s, allowed: at most 86400 s"),
        ({"warmup": "2 h", "duration": "25 h"}, r"duration: 90000 s, allowed"),
        (
            {"set": {"circuit.TAC.number": 10**9}},
            r"circuit\.scale: 1 times circuit\.TAC\.number = 1e\+09 units",
        ),
        ({"set": {"tonic.frequency": "5 " + "(" * 150}}, "unknown unit"),
        ({"set": {"tonic.frequency": "5 " + "(" * 12 + "km" + "^9)" * 12 + "/s"}}, "unknown unit"),
        ({"seed": 2**63}, r"seed: got 9223372036854775808, allowed: at most"),
        ({"state": "\x1b[31mnaive"}, r'unknown state "\\x1b\[31mnaive"'),
        ({"paradigm": "\0.toml"}, "embedded null"),
    ],
)
def test_what_was_found(given, message):
    with pytest.raises(InputError, match=message):
        plan(**given)


def test_extremes_are_no_warning_of_numpy(circuit):
    """At a potential that no cell reaches, the gate of the A current is shut or open."""
    given = {"circuit.scale": 0.25, "a_current.activation_half": "1e9 mV"}
    with guarded():
        assert np.isfinite(measure(plan(set=given, duration="50 ms", warmup="0 s"), 0)["rate"]).all()


def test_too_little_memory_is_one_line(circuit):
    given = {"circuit.scale": 0.25, "axon.spacing.square": "1e12 1/um"}
    with (
        guarded(),
        pytest.raises(EngineError, match=r"not enough memory for 1 x 0\.1 s with these parameters"),
    ):
        simulate("tonic", set=given, duration="0.1 s", warmup="0 s")
