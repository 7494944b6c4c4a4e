"""What a store holds, when it is refused, and that it is there whole or not at all."""

import json
import os
import subprocess
import sys
import warnings
import zipfile
from math import prod
from pathlib import Path

import fakes
import numpy as np
import pytest
import small
import xarray as xr

from dhmodel.errors import StoreError
from dhmodel.parameters import resolve
from dhmodel.sweep.blocks import PIECE, Blocks, division
from dhmodel.sweep.datasets import export_store, load_dataset
from dhmodel.sweep.opening import open_dataset

HERE = Path(__file__).parent


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_plain_xarray_opens_it_without_a_warning(done, recwarn):
    ds = xr.open_zarr(done)
    assert not [warning for warning in recwarn if "onsolidated" in str(warning.message)]
    assert ds["rate"].dims == ("tonic.frequency", "state", "stimulus", "replicate", "population")
    assert ds["psth"].dims[-2:] == ("population", "time")
    assert ds["count"].dims[-3:] == ("stimulus_index", "population", "window")
    assert list(ds["tonic.frequency"].values) == [0, 10, 50]
    assert ds["tonic.frequency"].attrs["units"] == "Hz"
    assert [str(state) for state in ds["state"].values] == ["naive", "snl"]


def test_continuing_and_reading_it_warns_of_nothing(done):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small.sweep(done)
        load_dataset(done)


def test_every_variable_has_units_and_a_long_name(done):
    ds = xr.open_zarr(done)
    assert {name for name, v in ds.data_vars.items() if not {"units", "long_name"} <= set(v.attrs)} == set()


def test_every_value_is_where_it_belongs(done):
    ds, spec = open_dataset(done), small.spec()
    for point, replicate in spec.units():
        expected = fakes.result(spec.plans[point], replicate)
        stored = ds.isel(dict(zip(ds["status"].dims, (*spec.index(point), replicate), strict=True)))
        assert np.array_equal(stored["rate"], expected["rate"])
        assert np.array_equal(stored["psth"][:, : expected["psth"].shape[1]], expected["psth"])
        if "count" in expected:
            assert np.array_equal(stored["count"], expected["count"])


def test_what_a_point_does_not_have_is_missing_and_the_store_says_so(done):
    ds = open_dataset(done)
    spontaneous = ds.sel(stimulus="spontaneous")
    assert spontaneous["count"].isnull().all() and not ds.sel(stimulus="windup")["count"].isnull().any()
    shorter = ds.sel(stimulus="windup")["psth"]
    assert shorter.isel(time=-1).isnull().all() and not spontaneous["psth"].isnull().any()
    assert "NaN where" in ds["count"].attrs["missing"]


def test_units_of_a_block_share_a_chunk_and_large_ones_have_pieces(in_blocks, done):
    for name in ("rate", "psth", "count", "active", "source_rate"):
        whole, divided = (xr.open_zarr(store)[name] for store in (done, in_blocks))
        assert (whole.encoding["shards"] or whole.encoding["chunks"]) == whole.shape
        assert (whole.encoding["shards"] is None) == (whole.nbytes <= PIECE)
        rest = divided.shape[4:]
        block = divided.encoding["shards"] or divided.encoding["chunks"]
        assert block == (1, 1, 2, 2, *rest)
        if name == "psth":
            assert divided.encoding["chunks"] == (1, 1, 1, 1, *rest)
    assert len(list((done / "psth").rglob("c/*/*/*/*/*/*"))) == 1
    assert len(list((in_blocks / "psth").rglob("c/*/*/*/*/*/*"))) == 6


@pytest.mark.parametrize(
    "shape, most, size",
    [
        ((100, 20), 40, (2, 20)),
        ((100, 20), 7, (1, 7)),
        ((3, 2, 2, 2), 4, (1, 1, 2, 2)),
        ((10, 10, 3), 70, (2, 10, 3)),
        ((7,), 3, (3,)),
        ((5, 4), 0, (1, 1)),
    ],
)
def test_blocks_are_runs_of_all_units(shape, most, size):
    assert division(shape, most) == size
    blocks = Blocks(shape, size)
    units = [blocks.units(block) for block in range(prod(blocks.grid))]
    assert max(one.size for one in units) <= max(most, 1)
    assert np.concatenate([one.ravel() for one in units]).tolist() == list(range(prod(shape)))
    everything = np.arange(prod(shape)).reshape(shape)
    for block, mine in enumerate(units):
        assert (blocks.of(mine.ravel()) == block).all()
        assert np.array_equal(everything[blocks.region(block)], mine)
        assert np.array_equal(mine[blocks.within(mine.ravel())], mine.ravel())


def test_attributes_tell_parameters_and_versions(done):
    attrs = open_dataset(done).attrs
    first = resolve("naive", {"tonic.frequency": "0 Hz", "windup.number": 3})
    assert json.loads(attrs["parameters"]) == dict(first) and attrs["parameters_digest"] == first.digest()
    assert attrs["seed"] == 1 and attrs["n_neurons"] == 710 and attrs["paradigm"] == "tonic"
    assert {"dhmodel_version", "brian2_version", "numpy_version", "python_version", "created"} <= set(attrs)
    assert "state" not in attrs and "stimulus" not in attrs  # they are axes


def test_parameters_of_every_point_can_be_read_back(done):
    ds = open_dataset(done)
    at = ds.sel({"tonic.frequency": 50, "state": "snl", "stimulus": "windup"})
    expected = resolve("snl", {"tonic.frequency": "50 Hz", "windup.number": 3})
    changed = json.loads(str(at["parameters_changed"].item()))
    assert json.loads(ds.attrs["parameters"]) | changed == dict(expected)
    assert at["parameters_digest"].item() == expected.digest()


def test_a_swept_network_size_is_not_stamped_as_one_number(tmp_path):
    small.sweep(tmp_path / "x.zarr", axes={"circuit.scale": [0.25, 1]}, replicates=1)
    assert open_dataset(tmp_path / "x.zarr").attrs["n_neurons"] == "varies"


def test_a_sweep_in_memory_or_in_blocks_gives_the_same(done, in_blocks):
    in_memory = small.sweep(None).dataset().drop_attrs()
    for stored in (done, in_blocks):
        assert in_memory.identical(open_dataset(stored).load().drop_attrs())


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"axes": small.AXES | {"tonic.frequency": ["0 Hz", "20 Hz", "50 Hz"]}}, "tonic.frequency"),
        ({"axes": {"state": ["naive"]}}, "axes"),
        ({"axes": small.AXES | {"tonic.frequency": ["0 Hz", "10 Hz"]}}, "tonic.frequency ([0.0, 10.0, 50.0]"),
        ({"replicates": 1}, "replicates (2 there, 1 asked)"),
        ({"seed": 2}, "seed (1 there, 2 asked)"),
        ({"duration": "2 s"}, "duration (nothing there, 2.0 asked)"),
        ({"set": {"windup.number": 4}}, "set: windup.number (3 there, 4 asked)"),
        ({"drugs": {"ap5": 1}}, "drugs: ap5 (nothing there, 1.0 asked)"),
        ({"target": "numpy"}, 'target ("cpp" there, "numpy" asked)'),
    ],
)
def test_the_store_of_another_sweep_is_refused_and_left_alone(done, changes, named):
    before = everything(done)
    with pytest.raises(StoreError) as refusal:
        small.sweep(done, **changes)
    assert f"{done}: belongs to another sweep" in str(refusal.value) and named in str(refusal.value)
    assert everything(done) == before and not fakes.runs()


def test_another_version_of_the_code_is_another_sweep(done, monkeypatch):
    monkeypatch.setattr(sys.modules["dhmodel.sweep.spec"], "version", lambda name: "9.9")
    with pytest.raises(StoreError, match=r'code version \("[0-9.]+" there, "9.9" asked\)'):
        small.sweep(done)


def test_other_code_is_another_sweep_even_of_the_same_version(done, monkeypatch):
    monkeypatch.setattr(sys.modules["dhmodel.sweep.spec"].code, "digest", lambda: "0123456789abcdef")
    with pytest.raises(
        StoreError, match=r'digest of the code \("[0-9a-f]{16}" there, "0123456789abcdef" asked\)'
    ):
        small.sweep(done)


def as_format(store: Path, number: int) -> None:
    def change(root):
        identity = json.loads(root["attributes"]["sweep"]) | {"format": number}
        root["attributes"]["sweep"] = json.dumps(identity)

    edit(store / "zarr.json", change)


def test_a_store_of_an_older_version_opens_but_is_not_continued(done):
    for number in (1, 2):
        as_format(done, number)
        assert (open_dataset(done)["status"] == 2).all()
        refusal = rf"made by an older dhmodel \(store format {number}, now 3\); it can be read"
        with pytest.raises(StoreError, match=refusal):
            small.sweep(done)


def test_a_store_that_format_2_made_is_read_and_exported_as_it_was(tmp_path):
    """With a chunk for every unit and no journal; these are the sums when it was made."""
    with zipfile.ZipFile(HERE / "format_2.zip") as packed:
        packed.extractall(tmp_path)
    (tmp_path / "format_2.zarr" / ".lock").touch()  # which it had
    store, before = tmp_path / "format_2.zarr", everything(tmp_path / "format_2.zarr")
    assert export_store(store, tmp_path / "x.nc") == f"saved {tmp_path / 'x.nc'}: 4 of 4 runs done"
    for ds in (open_dataset(store), xr.open_zarr(store), xr.open_dataset(tmp_path / "x.nc")):
        assert ds["rate"].dims == ("state", "stimulus", "replicate", "population")
        assert (ds["status"] == 2).all()
        sums = [float(ds[name].sum()) for name in ("rate", "psth", "count")]
        assert sums == pytest.approx([17.410932667911062, 466.39254049015994, 30.969638485405074], rel=1e-12)
    with pytest.raises(StoreError, match="store format 2, now 3"):
        small.sweep(store, axes={"state": ["naive", "snl"]}, replicates=1)
    assert everything(store) == before


def test_a_store_of_a_newer_version_is_not_opened(done):
    as_format(done, 99)
    for use in (open_dataset, small.sweep):
        with pytest.raises(StoreError, match="made by a newer dhmodel .store format 99, .* upgrade dhmodel"):
            use(done)


DAMAGE = {
    "root truncated": lambda store: truncate(store / "zarr.json"),
    "root emptied": lambda store: (store / "zarr.json").write_text(""),
    "root removed": lambda store: (store / "zarr.json").unlink(),
    "root of another kind": lambda store: (store / "zarr.json").write_text('{"zarr_format": 3}'),
    "identity gone": lambda store: edit(store / "zarr.json", lambda root: root["attributes"].pop("sweep")),
    "identity torn": lambda store: edit(
        store / "zarr.json", lambda root: root["attributes"].update(sweep='{"axes":')
    ),
    "variable's metadata truncated": lambda store: truncate(store / "rate" / "zarr.json"),
    "variable's metadata removed": lambda store: (store / "psth" / "zarr.json").unlink(),
    "variable of another shape": lambda store: edit(
        store / "rate" / "zarr.json", lambda root: root.update(shape=[1, 1, 1, 1, 1])
    ),
    "status truncated": lambda store: truncate(store / "status" / "c" / "0" / "0" / "0" / "0"),
    "status lost": lambda store: (store / "status" / "c" / "0" / "0" / "0" / "0").unlink(),
}


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def edit(file: Path, change) -> None:
    root = json.loads(file.read_text())
    change(root)
    file.write_text(json.dumps(root))


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_corrupt_store_is_refused_in_one_line(done, damage):
    damage(done)
    with pytest.raises(StoreError) as refusal:
        small.sweep(done)
    assert str(refusal.value).startswith(f"{done}: ") and "\n" not in str(refusal.value)
    assert not fakes.runs()


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="not a store"):
        small.sweep(tmp_path)
    assert everything(tmp_path) == {"notes.txt"}


def test_reading_what_is_not_there(tmp_path):
    with pytest.raises(StoreError, match="there is no such store"):
        open_dataset(tmp_path / "x.zarr")


def test_a_place_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write: Not a directory"):
        small.sweep(tmp_path / "file" / "x.zarr")
    assert everything(tmp_path) == {"file"}


def test_a_read_only_file_system_cannot_be_written():
    with pytest.raises(StoreError, match="/proc/x/x.zarr: cannot write: "):
        small.sweep(Path("/proc/x/x.zarr"))


@pytest.mark.parametrize("limit", [0, 500, 2000])
def test_a_disk_that_fills_up_while_the_store_is_made_leaves_nothing(tmp_path, limit):
    code = (
        f"import resource, small; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from pathlib import Path; small.sweep(Path('new/folder/x.zarr'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert "StoreError: new/folder/x.zarr: cannot write: File too large" in run.stderr
    assert everything(tmp_path) == set()


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(HERE)}
