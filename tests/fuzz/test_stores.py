"""Stores that are not what was written: opened, told of, continued and exported, or refused in one line."""

import json
import shutil

import inputs
import pytest
import small
import zarr
from claims import SLOW, outcome, tries
from hypothesis import given, note
from hypothesis import strategies as st

from dhmodel.errors import DHModelError
from dhmodel.sweep.datasets import export_store, load_dataset
from dhmodel.sweep.opening import open_dataset, reading
from dhmodel.sweep.report import status_text

AXES = {"tonic.frequency": ["0 Hz", "50 Hz"], "state": ["naive", "snl"]}


def sweep(path, **options):
    return small.sweep(path, axes=AXES, replicates=2, stimulus="windup", **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished store, what is in it, and where copies of it may lie."""
    path = tmp_path_factory.mktemp("stores") / "x.zarr"
    sweep(path)
    return path, load_dataset(path), path.with_name("copy.zarr")


def copy(finished):
    path, _, other = finished
    for left in other.parent.glob("*copy.zarr*"):
        shutil.rmtree(left)
    shutil.copytree(path, other)
    return other


def files(store, kind):
    """Files of a store: ``metadata``, ``chunks`` or all, in an order that does not change."""
    found = sorted(file for file in store.rglob("*") if file.is_file())
    is_metadata = [file.name == "zarr.json" for file in found]
    wanted = {"metadata": [True], "chunks": [False], "any": [True, False]}[kind]
    return [file for file, one in zip(found, is_metadata, strict=True) if one in wanted]


@st.composite
def damage(draw):
    """How the bytes of a file change: a function of them, None if the file goes."""
    at, much = draw(st.integers(0, 10**6)), draw(st.binary(min_size=1, max_size=20))
    match draw(st.integers(0, 4)):
        case 0:
            return lambda content: content[: at % (len(content) + 1)]
        case 1:
            return lambda content: b""
        case 2:
            return lambda content: None
        case 3:
            return lambda content: much
    return lambda content: _over(content, at % max(len(content), 1), much)


def _over(content, at, much):
    return content[:at] + much + content[at + len(much) :]


def spoil(file, change):
    content = change(file.read_bytes())
    file.unlink() if content is None else file.write_bytes(content)


def check(store, original=None):
    """Everything that can be done with a store; results that are done are those that were, if told."""
    loaded = outcome(load_dataset, store)
    outcome(told, store)
    outcome(export_store, store, store.with_suffix(".nc"), True)
    for ds in (loaded, outcome(continued, store)):
        if original is not None and not isinstance(ds, DHModelError):
            done = ds["status"] == 2
            for name in ("rate", "psth", "count", "current"):
                there, here = ds[name].where(done), original[name].where(done)
                assert there.equals(here), f"{name}: other numbers"


def told(store):
    with reading(store):
        return status_text(open_dataset(store))


def continued(store):
    sweep(store, options={"check": True})
    return load_dataset(store)


@tries(6, SLOW)
@given(st.lists(st.tuples(st.integers(0, 10**6), damage()), min_size=1, max_size=3))
def test_damaged_chunks_cost_units_and_never_give_other_numbers(finished, changes):
    store = copy(finished)
    for at, change in changes:
        there = files(store, "chunks")
        spoil(there[at % len(there)], change)
        note(f"{there[at % len(there)].relative_to(store)}")
    check(store, finished[1])


@tries(6, SLOW)
@given(st.lists(st.tuples(st.integers(0, 10**6), damage()), min_size=1, max_size=2))
def test_damaged_metadata_are_read_or_refused_in_one_line(finished, changes):
    store = copy(finished)
    for at, change in changes:
        there = files(store, "metadata")
        spoil(there[at % len(there)], change)
    check(store)


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda part: st.one_of(
        st.lists(part, max_size=3), st.dictionaries(st.text(max_size=9), part, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def replaced(draw, tree):
    """Some JSON with one of its parts replaced by something else, or gone."""
    if isinstance(tree, dict) and tree and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(tree)))
        if not draw(st.integers(0, 5)):
            return {name: part for name, part in tree.items() if name != key}
        return tree | {key: draw(replaced(tree[key]))}
    if isinstance(tree, list) and tree and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(tree) - 1))
        return [*tree[:at], draw(replaced(tree[at])), *tree[at + 1 :]]
    return draw(st.one_of(values, st.just(10**12), st.just(-1), st.just("object"), st.just("../../etc")))


@tries(6, SLOW)
@given(st.data())
def test_metadata_that_are_json_of_anything_are_read_or_refused_in_one_line(finished, data):
    store = copy(finished)
    there = files(store, "metadata")
    file = there[data.draw(st.integers(0, len(there) - 1))]
    tree = json.loads(file.read_text())
    if file.parent == store and data.draw(st.booleans()):
        identity = data.draw(replaced(json.loads(tree["attributes"]["sweep"])))
        tree["attributes"]["sweep"] = json.dumps(identity)
    else:
        tree = data.draw(replaced(tree))
    file.write_text(json.dumps(tree))
    check(store)


@tries(6, SLOW)
@given(st.binary(max_size=300), st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_a_journal_of_any_bytes_costs_nothing_that_is_done(finished, content, at, much):
    store = copy(finished)
    (store / ".journal").write_bytes(_over(content, at % (len(content) + 1), much))
    check(store, finished[1])


@tries(6, SLOW)
@given(st.binary(max_size=200), inputs.odd_text)
def test_anything_in_place_of_a_store_is_one_line(tmp_path_factory, content, name):
    file = tmp_path_factory.getbasetemp() / "not.zarr"
    file.write_bytes(content)
    netcdf = file.with_suffix(".nc")
    netcdf.write_bytes(b"\x89HDF\r\n\x1a\n" + content)
    for path in (file, netcdf, file.with_name("none.zarr")):
        assert isinstance(outcome(load_dataset, path), DHModelError)
        assert isinstance(outcome(export_store, path, file.with_name("out.nc")), DHModelError)
    assert isinstance(outcome(sweep, file), DHModelError)


class Code:
    """Whoever unpickles this makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("format", [2, 3])
def test_no_pickle_in_a_store_is_read(tmp_path, format):
    import pickle

    store = tmp_path / "x.zarr"
    if format == 2:
        group = zarr.create_group(store, zarr_format=2)
        group.create_array("rate", shape=(1,), chunks=(1,), dtype="float64")
        described = json.loads((store / "rate" / ".zarray").read_text())
        described |= {
            "dtype": "|O",
            "filters": [{"id": "pickle", "protocol": 5}],
            "compressor": None,
            "fill_value": 0,
        }
        (store / "rate" / ".zarray").write_text(json.dumps(described))
        (store / "rate" / "0").write_bytes(pickle.dumps(Code(tmp_path / "run")))
        (store / "zarr.json").write_text(
            json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}})
        )
    else:
        zarr.create_group(store, zarr_format=3).create_array("rate", shape=(1,), chunks=(1,), dtype="float64")
        described = json.loads((store / "rate" / "zarr.json").read_text())
        described["codecs"] = [{"name": "numcodecs.pickle", "configuration": {"protocol": 5}}]
        (store / "rate" / "zarr.json").write_text(json.dumps(described))
        (store / "rate" / "c").mkdir()
        (store / "rate" / "c" / "0").write_bytes(pickle.dumps(Code(tmp_path / "run")))
    outcome(load_dataset, store)
    outcome(sweep, store)
    assert not (tmp_path / "run").exists()
