"""Runs of the compiled circuit, at the smallest size built, with parameters from all of their ranges."""

import inputs
from claims import SLOW, check_arrays, check_message, outcome, tries
from hypothesis import event, given
from hypothesis import strategies as st

from dhmodel.circuit import assemble
from dhmodel.errors import DHModelError
from dhmodel.parameters import resolve
from dhmodel.simulate import measure, plan
from dhmodel.sweep.executors import InProcess, Task

SCALE = {"circuit.scale": 0.25}
#: What decides the compiled code; anything else serves the same build.
FIXED = ("circuit.", "simulation.", "connection.")


def runnable(path: str) -> bool:
    return not path.startswith(FIXED) and not path.endswith((".number", ".on", ".off"))


changes = st.lists(
    st.sampled_from([path for path in inputs.PATHS if runnable(path)]), min_size=1, max_size=4, unique=True
)
some = changes.flatmap(lambda paths: st.fixed_dictionaries({path: inputs.allowed(path) for path in paths}))


def test_the_build_is_that_of_the_other_tests(circuit):
    assert circuit.P == resolve(set=SCALE)


@tries(6, SLOW)
@given(
    some,
    st.sampled_from(sorted(inputs.list_paradigms())),
    st.sampled_from(sorted(inputs.list_states())),
    st.sampled_from(["spontaneous", "pinch", "windup", "brush"]),
)
def test_a_run_of_allowed_parameters_is_finite_or_fails_with_a_reason(
    circuit, changes, paradigm, state, stimulus
):
    chosen = outcome(
        plan,
        paradigm,
        state=state,
        stimulus=stimulus,
        set={**changes, **SCALE},
        duration="0.3 s",
        warmup="0.1 s",
    )
    if isinstance(chosen, DHModelError) or assemble.structure(chosen.parameters) != circuit.structure:
        event("refused, or of another build")
        return
    *_, end = outcome(lambda: list(InProcess(measure).run([Task(0, 0, chosen)])))
    event(f"{end.status} {end.error[:40]}")
    if end.status == "failed":
        check_message(end.error)
        assert "Error: " not in end.error[:30], end.error  # an error that the package does not know
    else:
        check_arrays(end.arrays)
