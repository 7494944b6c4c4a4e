"""Parameters, states, drugs, stimuli, durations, seeds: what a simulation may be asked for."""

import json
import math

import inputs
from claims import check_numbers, outcome, tries
from hypothesis import given
from hypothesis import strategies as st

from dhmodel.errors import DHModelError
from dhmodel.parameters import Parameters, cohort, parameter, resolve
from dhmodel.simulate import plan
from dhmodel.units import to_si


def arguments(**fixed):
    given = {
        "paradigm": inputs.paradigm_names,
        "state": inputs.state_names,
        "stimulus": inputs.stimulus_names,
        "drugs": st.one_of(st.none(), inputs.doses, inputs.anything),
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


@tries(200)
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
