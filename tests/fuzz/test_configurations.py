"""Files that say where a sweep runs and what goes on over hours; whatever they hold."""

import inputs
from claims import check_numbers, outcome, tries
from hypothesis import given
from hypothesis import strategies as st
from tables import contents, plain, put, trees

from dhmodel.errors import DHModelError
from dhmodel.slow.reading import read_timetable
from dhmodel.sweep.cluster_file import read_cluster

# --- clusters ---

CLUSTER_KEYS = (
    "workers memory address direct per_job walltime queue account options log_folder python image"
    " interface host namespace name cpus more"
).split()
cluster_values = st.one_of(
    trees,
    st.integers(0, 9),
    st.sampled_from(["2 GB", "1e400 GB", "tcp://h:1", "a; rm", "--x=1"]),
)
cluster_tables = st.fixed_dictionaries(
    {"kind": st.one_of(st.sampled_from(["local", "address", "slurm", "kubernetes"]), trees)},
    optional={
        **dict.fromkeys(
            [*CLUSTER_KEYS[1:], "interface", "host", "namespace", "name", "cpus", "more"], cluster_values
        ),
        "tls": st.one_of(
            st.fixed_dictionaries(
                dict.fromkeys(["ca", "cert", "key"], st.sampled_from(["a.pem", "/etc/passwd", "../a"]))
            ),
            trees,
        ),
    },
)


@tries(120)
@given(contents(cluster_tables))
def test_any_cluster_file_is_read_or_refused_in_one_line(tmp_path_factory, content):
    outcome(read_cluster, put(tmp_path_factory, "cluster.toml", content))


# --- protocols over hours ---

span = st.one_of(
    st.builds("{} {}".format, st.floats(0, 50), st.sampled_from(["s", "min", "h"])),
    inputs.quantities(["s", "h"]),
    trees,
)
NUMBER = st.one_of(st.integers(-1, 5), st.just(10**9), trees)
entries = st.fixed_dictionaries(
    {"name": st.one_of(st.sampled_from(["a", "b", "c"]), plain), "start": span},
    optional={
        "stop": span,
        "duration": span,
        "repeat": st.one_of(
            st.lists(st.fixed_dictionaries({"number": NUMBER, "every": span}), max_size=3), trees
        ),
        "paradigm": st.one_of(inputs.near(["tonic"]), st.sampled_from(["../x.toml", "/etc/x.toml"])),
        "stimulus": inputs.near(["pinch"]),
        "state": inputs.near(["snl"]),
        "lesion": inputs.lesions,
        "set": st.one_of(st.just({"tonic.frequency": "2 Hz"}), trees),
        "inputs": trees,
        "drugs": st.one_of(
            st.just({"naloxone": {"dose": 0.8, "onset": "3 min", "washout": "30 min"}}),
            st.just({"naloxone": 1}),
            trees,
        ),
    },
)
tests = st.fixed_dictionaries(
    {"name": plain, "stimulus": inputs.near(["pinch"])},
    optional={
        "at": st.one_of(st.lists(span, max_size=3), trees),
        "every": span,
        "start": span,
        "stop": span,
        "duration": span,
        "set": trees,
    },
)
protocol_tables = st.fixed_dictionaries(
    {"duration": st.one_of(st.just("2 h"), span)},
    optional={
        "state": inputs.near(["snl"]),
        "set": trees,
        "initial": trees,
        "entries": st.one_of(st.lists(entries, max_size=2), trees),
        "tests": st.one_of(st.lists(tests, max_size=2), trees),
        "epoch": span,
        "settle": span,
        "warmup": span,
        "tolerance": trees,
        "more": trees,
    },
)


@tries(150)
@given(contents(protocol_tables))
def test_any_protocol_file_is_a_timetable_or_one_line(tmp_path_factory, content):
    found = outcome(read_timetable, put(tmp_path_factory, "hours.toml", content))
    if not isinstance(found, DHModelError):
        check_numbers({"duration": found.duration})
