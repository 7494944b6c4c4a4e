"""Files as data: paradigms, sweeps, findings and their expressions; whatever they hold."""

import inputs
import numpy as np
import xarray as xr
from claims import check_numbers, outcome, tries
from hypothesis import example, given
from hypothesis import strategies as st
from tables import contents, plain, put, scalars, trees

from dhmodel.errors import DHModelError
from dhmodel.evidence import ledger
from dhmodel.evidence.asking import checks, numbers
from dhmodel.evidence.asking.functions import REGISTERED, WORDS
from dhmodel.expressions import parse
from dhmodel.simulate import plan
from dhmodel.stimulation.channels import channel_fields
from dhmodel.stimulation.paradigms import Paradigm
from dhmodel.sweep.files import read_sweep
from dhmodel.sweep.spec import build_spec

# --- paradigms ---

FIELDS = ("name", "like", "fractions", *channel_fields())


@st.composite
def channels(draw):
    if not draw(st.integers(0, 5)):
        return draw(st.one_of(inputs.near(["tonic", "burst", "dtm.low"]), scalars))
    found = {}
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=4)):
        path = f"tonic.{name}"
        good = {
            "name": st.sampled_from(["one", "two", "Three", ""]),
            "like": inputs.near(["tonic", "burst", "khz"]),
            "fractions": st.sampled_from(
                [{"0": 1.0}, {"0": 1.0, "1": -1.0}, {"0": 0.5, "1": 0.4}, {"x": 1}, {"99": 1}, 3]
            ),
        }
        good = good[name] if name in good else inputs.allowed(path)
        found[name] = draw(st.one_of(good, good, good, trees))
    return found


paradigm_tables = st.fixed_dictionaries(
    {"channels": st.one_of(st.lists(channels(), max_size=3), trees)},
    optional={
        "about": st.one_of(plain, trees),
        "name": st.one_of(st.sampled_from(["mine", "tonic", "x" * 200]), trees),
        "read": inputs.near(["hypothesis", "abstract"]),
        "scenario": inputs.near(["khz.scenario", "tonic.frequency"]),
        "closed_loop": st.one_of(st.booleans(), scalars),
        "base": inputs.near(["intermittent.base"]),
        "cycle": inputs.near(["intermittent", "tonic"]),
        "more": trees,
    },
)


@tries(250)
@given(contents(paradigm_tables))
def test_any_paradigm_file_is_a_plan_or_one_line(tmp_path_factory, content):
    file = put(tmp_path_factory, "mine.toml", content)
    found = outcome(plan, str(file))
    if not isinstance(found, DHModelError):
        check_numbers(found.parameters)


@tries(150)
@given(
    inputs.anything,
    inputs.anything,
    st.dictionaries(st.sampled_from(["about", "read", "scenario", "base", "closed_loop"]), inputs.anything),
)
def test_any_paradigm_made_of_objects_is_one_or_one_line(name, channels, more):
    outcome(Paradigm, name, channels, **more)
    outcome(Paradigm, "mine", channels, **more)
    outcome(Paradigm, "mine", [channels])
    outcome(Paradigm, "mine", [{"frequency": channels}])


# --- sweeps ---

sweep_values = st.one_of(st.lists(st.one_of(inputs.quantities(), scalars), max_size=3), trees)
sweep_axes = st.one_of(
    st.dictionaries(inputs.near(["tonic.frequency", "state", "pag.drive"]), sweep_values, max_size=2), trees
)
sweep_tables = st.fixed_dictionaries(
    {"axes": sweep_axes},
    optional={
        "about": trees,
        "zip": sweep_axes,
        "points": st.one_of(st.lists(sweep_axes, max_size=2), trees),
        "sample": st.one_of(st.fixed_dictionaries({"number": scalars, "ranges": sweep_axes}), trees),
        "fixed": st.one_of(
            st.dictionaries(
                inputs.near(["seed", "replicates", "duration", "set", "drugs", "paradigm"]), trees, max_size=3
            ),
            trees,
        ),
        "report": st.one_of(
            st.fixed_dictionaries(
                {"populations": trees, "baseline": st.one_of(st.just({"tonic.frequency": "0 Hz"}), trees)}
            ),
            trees,
        ),
        "more": trees,
    },
)


@tries(250)
@given(contents(sweep_tables))
def test_any_sweep_file_is_a_sweep_or_one_line(tmp_path_factory, content):
    file = put(tmp_path_factory, "sweep.toml", content)
    found = outcome(read_sweep, str(file))
    if not isinstance(found, DHModelError):
        arguments = dict(found.arguments)
        outcome(build_spec, found.axes, arguments, arguments.pop("replicates", 1), design=found.design)


@tries(60)
@given(inputs.odd_text)
def test_any_name_of_a_sweep_is_one_line(name):
    assert isinstance(outcome(read_sweep, name), DHModelError)


# --- findings ---

timetable_tables = st.fixed_dictionaries(
    {"duration": st.one_of(st.just("10 min"), trees)},
    optional={
        "without": st.one_of(st.just(["scs"]), trees),
        "set": st.one_of(st.just({"pag.drive": 1}), trees),
        "entries": st.one_of(
            st.just([{"name": "scs", "start": "1 min", "duration": "2 min", "paradigm": "tonic"}]),
            st.lists(trees, max_size=2),
        ),
        "tests": st.one_of(st.just([{"name": "x", "stimulus": "pinch", "at": ["5 min"]}]), trees),
        "more": trees,
    },
)

finding_tables = st.dictionaries(
    plain,
    st.one_of(
        trees,
        st.fixed_dictionaries(
            {
                "area": st.one_of(plain, trees),
                "statement": st.just("x"),
                "citation": st.just("y"),
                "read": st.just("abstract"),
                "use": st.sampled_from(["physiology", "context", "z"]),
                "numbers": st.one_of(
                    st.dictionaries(
                        st.sampled_from(["n", "m"]), st.deferred(lambda: expressions), max_size=2
                    ),
                    trees,
                ),
                "protocol": st.one_of(
                    st.fixed_dictionaries(
                        {
                            "runs": st.one_of(
                                st.dictionaries(
                                    st.sampled_from(["a", "b"]),
                                    st.one_of(st.just({"paradigm": "tonic"}), trees),
                                    max_size=2,
                                ),
                                trees,
                            )
                        },
                        optional={
                            "every": trees,
                            "timetables": st.dictionaries(
                                st.sampled_from(["every", "a", "t"]),
                                st.one_of(timetable_tables, trees),
                                max_size=3,
                            ),
                        },
                    ),
                    trees,
                ),
                "criteria": st.one_of(st.just([{"value": "n", "min": 1.0, "about": "n"}]), trees),
            }
        ),
    ),
    max_size=2,
)


@tries(200)
@given(contents(finding_tables))
def test_any_file_of_findings_is_asked_or_refused_in_one_line(tmp_path_factory, content):
    file = put(tmp_path_factory, "ledger.toml", content)
    folder = file.parent / "findings"
    folder.mkdir(exist_ok=True)
    file.rename(folder / "ledger.toml")
    found = outcome(ledger.load.__wrapped__, folder)
    if isinstance(found, DHModelError):
        return
    for name, entry in found.items():
        if not isinstance(outcome(checks.check, name, entry), DHModelError):
            if isinstance(entry.protocol, ledger.Protocol):
                outcome(numbers.units, name, entry, 1)


# --- expressions ---

VALUES = {
    "a": xr.DataArray([1.0, 2.0], dims="replicate"),
    "b": xr.DataArray([0.0, -3.0], dims="replicate"),
    "c": xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("replicate", "cell")),
    "n": 3.0,
}
atoms = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "n",
        "x",
        "0",
        "1",
        "2.5",
        "1e308",
        "9" * 400,
        '"WDR"',
        '"x"',
        "-1",
        "1j",
        "True",
        "None",
        "b'x'",
        "...",
    ]
)
expressions = st.recursive(
    atoms,
    lambda part: st.one_of(
        st.builds(
            "({} {} {})".format,
            part,
            st.sampled_from("+ - * / ** < <= > >= == and or % // @ | in is".split()),
            part,
        ),
        st.builds("{}{}".format, st.sampled_from(["-", "not ", "~", "+", "*"]), part),
        st.builds("{}({})".format, st.sampled_from([*REGISTERED, "eval", "__import__", "open"]), part),
        st.builds("{}({}, {})".format, st.sampled_from(sorted(REGISTERED)), part, part),
        st.builds("{}({}, population={})".format, st.sampled_from(sorted(REGISTERED)), part, part),
        st.builds("{}[{}]".format, part, part),
        st.builds("[{}, {}]".format, part, part),
        st.builds("{}.{}".format, part, st.sampled_from(["values", "__class__", "shape"])),
        st.builds("({} if {} else {})".format, part, part, part),
        st.builds("(lambda: {})".format, part),
        st.builds("[{} for x in {}]".format, part, part),
    ),
    max_leaves=5,
)


@tries(500)
@given(st.one_of(expressions, inputs.odd_text, st.text(max_size=30)))
@example("9**9**9**9")
@example('"a" * 10000000000')
@example("[1] * 10000000000")
@example("(" * 10_000)
@example("-" * 100_000 + "1")
@example("1" + "+1" * 20_000)
@example("a." * 10_000 + "a")
def test_any_expression_is_a_number_or_one_line(text):
    found = outcome(parse, text, "here")
    if isinstance(found, DHModelError):
        assert str(found).startswith("here: ")
        return
    outcome(found.check, [*VALUES, "x"], REGISTERED, WORDS)
    names = found.names()
    if names <= VALUES.keys():
        outcome(found.evaluate, VALUES, REGISTERED)
