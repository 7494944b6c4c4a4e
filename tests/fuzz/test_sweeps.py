"""Axes, zipped axes, points, samples and files of points."""

import csv
import io

import inputs
from claims import check_numbers, outcome, tries
from hypothesis import example, given
from hypothesis import strategies as st

from dhmodel.arguments import read_axes, read_design, read_pairs
from dhmodel.errors import DHModelError
from dhmodel.listing import list_drugs
from dhmodel.sweep.layout import make_layout
from dhmodel.sweep.spec import build_spec

NAMES = (
    "paradigm",
    "state",
    "stimulus",
    "lesion",
    *(f"drugs.{drug}" for drug in list_drugs()),
    *inputs.PATHS,
)
TEXTS = {
    "paradigm": inputs.paradigm_names,
    "state": inputs.state_names,
    "stimulus": inputs.stimulus_names,
    "lesion": inputs.lesions,
}


def values(name):
    """A value of an axis, mostly a good one."""
    if name in TEXTS:
        return st.one_of(TEXTS[name], inputs.anything)
    good = inputs.allowed(name) if name in inputs.PATHS else st.floats(0, 1)
    return st.one_of(good, good, good, inputs.quantities(), inputs.anything)


@st.composite
def columns(draw, most=2):
    """Names and values, perhaps of one length."""
    length = draw(st.integers(0, 3))
    found = {}
    for name in draw(
        st.lists(st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), inputs.near(NAMES)), max_size=most)
    ):
        number = length if draw(st.integers(0, 9)) else draw(st.integers(0, 4))
        found[name] = draw(
            st.one_of(st.lists(values(name), min_size=number, max_size=number), inputs.anything)
        )
    return found


@st.composite
def points(draw):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    rows = [{name: draw(values(name)) for name in names} for _ in range(draw(st.integers(0, 3)))]
    if rows and not draw(st.integers(0, 4)):
        rows[0] = draw(inputs.anything)
    return rows


ranges = st.dictionaries(
    inputs.near(NAMES),
    st.one_of(
        st.tuples(inputs.quantities(), inputs.quantities()).map(list),
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["log", "lin"])).map(list),
        inputs.anything,
    ),
    max_size=3,
)
samples = st.one_of(
    st.fixed_dictionaries(
        {"ranges": st.one_of(ranges, inputs.anything), "number": st.one_of(st.integers(0, 16), inputs.whole)},
        optional={
            "method": st.one_of(st.sampled_from(["latin", "sobol", "saltelli"]), inputs.anything),
            "seed": inputs.whole,
            "more": inputs.anything,
        },
    ),
    inputs.anything,
)
designs = st.fixed_dictionaries(
    {},
    optional={
        "zip": st.one_of(columns(), inputs.anything),
        "points": st.one_of(points(), inputs.anything),
        "sample": samples,
    },
)
fixed = st.fixed_dictionaries(
    {},
    optional={
        "paradigm": inputs.paradigm_names,
        "set": inputs.settings_(1),
        "seed": inputs.whole,
        "duration": inputs.durations,
        "warmup": inputs.durations,
        "replicate": st.just(1),
    },
)


def check(axes, arguments, replicates, design):
    spec = outcome(build_spec, axes, arguments, replicates, design=design)
    if isinstance(spec, DHModelError):
        return
    assert len(spec.plans) == len({spec.index(point) for point in range(len(spec.plans))}) > 0
    for axis in (*spec.axes, *spec.columns):
        check_numbers({f"{axis.name} {at}": value for at, value in enumerate(axis.values)})
    spec.identity()


@tries(150)
@given(st.one_of(columns(), inputs.anything), fixed, st.one_of(st.just(1), inputs.whole), st.just({}))
def test_any_axes_make_a_sweep_or_one_line(axes, arguments, replicates, design):
    check(axes, arguments, replicates, design)


@tries(250)
@given(columns(1), fixed, st.just(1), designs)
def test_any_points_make_a_sweep_or_one_line(axes, arguments, replicates, design):
    check(axes, arguments, replicates, design)


@tries(60)
@given(columns(2))
def test_what_a_sweep_stores_is_known_before_or_refused_in_one_line(axes):
    spec = outcome(build_spec, axes, {"set": {"recording.bin": "10 ms"}}, 1)
    if not isinstance(spec, DHModelError):
        outcome(make_layout, spec.plans)


texts = st.lists(
    st.one_of(st.builds("{}={}".format, inputs.near(NAMES), inputs.quantities()), inputs.odd_text), max_size=3
)


@tries(150)
@given(
    texts,
    texts,
    texts,
    st.one_of(st.none(), inputs.odd_text, st.builds("{}:{}".format, st.just("latin"), inputs.odd_text)),
)
@example([], [], [], "latin:" + "1" * 5000)
def test_any_text_of_the_command_line_is_read_or_refused_in_one_line(pairs, axes, zipped, sample):
    outcome(read_pairs, "--set", pairs)
    outcome(read_axes, axes)
    outcome(read_design, zipped, None, sample, axes)


@st.composite
def tables(draw):
    """Bytes that may be a CSV file of points."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = draw(st.lists(inputs.near(NAMES), max_size=3))
    writer.writerow(names)
    for _ in range(draw(st.integers(0, 3))):
        cells = st.one_of(inputs.quantities(), st.text(max_size=5))
        count = len(names) if draw(st.integers(0, 4)) else draw(st.integers(0, 4))
        writer.writerow(draw(st.lists(cells, min_size=count, max_size=count)))
    return out.getvalue().encode("utf-8", "surrogatepass")


@tries(200)
@given(st.one_of(tables(), st.binary(max_size=200)))
def test_any_file_of_points_is_a_sweep_or_one_line(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "points.csv"
    file.write_bytes(content)
    design = outcome(read_design, None, file, None, None)
    if not isinstance(design, DHModelError):
        check({}, {}, 1, design)
