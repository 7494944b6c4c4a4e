"""Stores that are larger than what is read, held in memory or counted in files."""

import json
import resource
import sys
import tracemalloc
from collections.abc import Callable
from math import prod
from pathlib import Path

import fakes
import numpy as np
import pytest
import small
import xarray as xr
import zarr
from test_journal import in_child

from dhmodel.errors import StoreError
from dhmodel.parameters.layout import POPULATIONS
from dhmodel.sweep import blocks, journal, shelf
from dhmodel.sweep.datasets import export_store
from dhmodel.sweep.opening import open_dataset
from dhmodel.sweep.report import status_text

POINTS, REPLICATES = 100_000, 20
FREQUENCY = "tonic.frequency"


class Opened:
    """Files that this process has opened below a folder; Python itself tells."""

    def __init__(self):
        self.folder, self.files = None, []
        sys.addaudithook(self._note)  # which cannot be taken away again

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and self.folder and str(arguments[0]).startswith(self.folder):
            self.files.append(Path(str(arguments[0])))

    def during(self, folder: Path, work: Callable[[], object]) -> list[Path]:
        """Files that some work opens, each as often as it does."""
        self.folder, self.files = str(folder), []
        try:
            work()
        finally:
            self.folder = None
        return self.files


@pytest.fixture(scope="module")
def opened():
    return Opened()


def of_results(files: list[Path], store: Path) -> list[str]:
    """Variables of results of which a chunk is among some files."""
    parts = [file.relative_to(store).parts for file in files]
    known = {"psth", "rate", "count", "active", "source_rate", "current", "charge_per_second"}
    return [part[0] for part in parts if part[0] in known and part[1:2] == ("c",)]


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """
    The store of two million runs, of which the first 30 points are done.

    It is that of a sweep of 1000 points, made wider: blocks and pieces are those of a large sweep.
    """
    path = tmp_path_factory.mktemp("wide") / "x.zarr"
    axes = {FREQUENCY: [f"{number} Hz" for number in range(50)], "stimulus": ["windup"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fakes, "result", lambda plan, replicate, one={}: one.setdefault(0, RESULT(plan, 0)))
        small.sweep(path, axes=axes, replicates=REPLICATES, duration="5 s")
    widen(path)
    return path


RESULT = fakes.result


def widen(path: Path) -> None:
    group = zarr.open_group(path, mode="r+")
    for name, array in list(group.arrays()):
        dims = array.metadata.dimension_names or ()
        if FREQUENCY not in dims:
            continue
        shape = (POINTS, *array.shape[1:])
        if array.ndim > 3:
            array.resize(shape)
            continue
        values = np.zeros(shape, array.dtype)
        values[: array.shape[0]] = array[...]
        if name == FREQUENCY:
            values = np.arange(POINTS) / 100
        if name == "status":
            values[30:] = 0
        chunks = shape if name == FREQUENCY else blocks.division(shape, blocks.FEW)
        group.create_array(
            name,
            data=values,
            chunks=chunks,
            dimension_names=dims,
            attributes=dict(array.attrs),
            overwrite=True,
        )
    zarr.consolidate_metadata(group.store)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_two_million_runs_open_without_their_results(wide, opened):
    for opening in (open_dataset, lambda path: xr.open_zarr(path, chunks=None)):
        files = opened.during(wide, lambda: opening(wide))  # noqa: B023
        assert not of_results(files, wide) and len(files) < 100
        assert sum(file.stat().st_size for file in set(files) if file.exists()) < 1_000_000
    assert open_dataset(wide)["status"].size == 2_000_000 and open_dataset(wide)["psth"].nbytes > 60e9
    # as many files of every variable as there are blocks, which are full but for what a point would cut
    block, size = open_dataset(wide)["psth"].encoding["shards"], open_dataset(wide)["psth"].nbytes
    assert size / blocks.BLOCK < POINTS * REPLICATES / np.prod(block[:3]) < 1.5 * size / blocks.BLOCK < 7_000


def test_one_point_of_two_million_runs_is_read_alone(wide, opened):
    ds = open_dataset(wide)
    ds["psth"][29].load()  # what is imported on first use is not counted
    tracemalloc.start()
    point = ds["psth"].isel({FREQUENCY: 7})
    files = opened.during(wide, point.load)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert of_results(files, wide) == ["psth"] * len(files) and len(set(files)) == 1
    assert np.prod(ds["psth"].encoding["shards"]) * 8 > 20e6 and peak < 4 * point.nbytes < 7e6


def test_the_status_of_two_million_runs_is_told_without_their_results(wide, opened):
    told: list[str] = []
    files = opened.during(wide, lambda: told.append(status_text(open_dataset(wide))))
    assert "600 of 2000000 runs done (0%)" in told[0] and "1999400 pending" in told[0]
    assert not of_results(files, wide) and len(files) < 100


@pytest.fixture
def narrow(monkeypatch):
    """Blocks of 1.5 MB, so that 18 MB are many; results that compress."""
    shape = len(POPULATIONS), 2700
    one = 8 * prod(shape)
    monkeypatch.setattr(blocks, "PIECE", one)
    monkeypatch.setattr(blocks, "BLOCK", 4 * one)
    monkeypatch.setattr(shelf, "LIMIT", 4 * one)

    def even(plan, replicate):
        fakes.note(plan, replicate)
        psth = np.full(shape, plan.parameters[FREQUENCY] + replicate / 1000)
        return {"psth": psth, "rate": np.ones(shape[0])}

    def sweep(path, replicates):
        axes = {FREQUENCY: ["1 Hz", "2 Hz"], "stimulus": ["spontaneous"]}
        return small.sweep(path, even, axes=axes, replicates=replicates, duration="27 s")

    return sweep


def peak_of(work: Callable[[], object]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_a_store_is_written_grown_and_exported_in_little_memory(tmp_path, narrow):
    path, file = tmp_path / "x.zarr", tmp_path / "x.nc"
    narrow(tmp_path / "warm.zarr", 1)  # what is imported and kept on first use is not counted
    written = peak_of(lambda: narrow(path, 23))
    grown = peak_of(lambda: narrow(path, 24))
    exported = peak_of(lambda: export_store(path, file))
    with xr.open_dataset(file) as ds:
        assert ds["psth"].nbytes > 18e6 and ds["psth"].dims[:3] == (FREQUENCY, "stimulus", "replicate")
        assert (ds["status"] == 2).all() and len(fakes.runs()) == 2 + 2 * 24
        for point, frequency in enumerate((1, 2)):
            expected = frequency + np.arange(24) / 1000
            assert np.array_equal(ds["psth"][point, 0, :, -1, -1], expected)
    assert max(written, grown, exported) < 12e6


@pytest.mark.parametrize("limit", [0, 2000, 20_000, 100_000])
def test_an_export_that_finds_no_space_leaves_nothing(in_blocks, tmp_path, limit):
    def export() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        with pytest.raises(StoreError, match=r"x.nc: cannot write: File too large$"):
            export_store(in_blocks, tmp_path / "x.nc")

    assert in_child(export) == 0
    assert {one.name for one in tmp_path.iterdir()} == {"blocks.zarr"}


def test_what_a_sweep_is_exported_as_is_what_it_was(in_blocks, tmp_path):
    export_store(in_blocks, tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc") as exported:
        assert exported.load().identical(open_dataset(in_blocks).load())
        assert json.loads(exported.attrs["sweep"])["format"] == 3


def test_what_is_in_the_journal_is_exported_too(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shelf.Shelf, "fold", lambda self: None)
        small.sweep(tmp_path / "x.zarr")
    assert (tmp_path / "x.zarr" / journal.NAME).stat().st_size > 24 * small.LARGEST
    told = export_store(tmp_path / "x.zarr", tmp_path / "x.nc")
    assert told.endswith("24 of 24 runs done")
    with xr.open_dataset(tmp_path / "x.nc") as exported:
        assert exported.load().drop_attrs().identical(small.sweep(None).dataset().drop_attrs())
