"""A process that dies, or loses its disk, at any step of writing: nothing finished is lost or made up."""

import errno
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import fakes
import numpy as np
import pytest
import small
import xarray as xr
from test_trouble import unprivileged, write_protected

from dhmodel.errors import StoreError
from dhmodel.sweep import chunks, growing, journal, shelf
from dhmodel.sweep.journal import NAME
from dhmodel.sweep.opening import open_dataset
from dhmodel.sweep.store import SweepStore, open_store

AXES = {"tonic.frequency": ["0 Hz", "10 Hz", "50 Hz"], "stimulus": ["spontaneous", "windup"]}
UNITS = 12
PWRITE = os.pwrite
STRIDE = int(os.environ.get("STRIDE", 73))
"""Of so many steps of writing, one at which a process is killed; with 1 it takes half an hour."""


def sweep(path: Path | None, measure=fakes.measure, **changes) -> SweepStore:
    return small.sweep(path, measure, **({"axes": AXES} | changes))


@pytest.fixture(scope="module")
def undisturbed():
    return sweep(None).dataset().drop_attrs()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store in which nothing has run."""
    path = tmp_path_factory.mktemp("made") / "x.zarr"
    with pytest.MonkeyPatch.context() as patch:
        small.divide(patch, 3)
        open_store(small.spec(AXES), path).release()
    return path


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Blocks of three units, and a journal that is emptied after five: all that happens, often."""
    small.divide(monkeypatch, 3)
    monkeypatch.setattr(shelf, "LIMIT", 5 * small.LARGEST)


def plainly(path: Path) -> xr.Dataset:
    return xr.open_zarr(path, chunks=None)


def identical(path: Path, undisturbed: xr.Dataset) -> bool:
    return open_dataset(path).load().drop_attrs().identical(undisturbed)


def in_child(work: Callable[[], object]) -> int:
    """Exit status of a process that does some work, having all modules already."""
    if (child := os.fork()) == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Dying:
    """Stands in for `os` and dies at one of the steps of writing; a write is half done by then."""

    STEPS = ("pwrite", "fsync", "fdatasync", "ftruncate", "replace", "rename", "link")

    def __init__(self, step: int):
        self.left = step

    def __getattr__(self, name: str):
        return self._counted(name) if name in self.STEPS else getattr(os, name)

    def _counted(self, name: str):
        def call(*arguments):
            self.left -= 1
            if self.left == 0:
                if name == "pwrite":
                    file, content, offset = arguments
                    os.pwrite(file, content[: len(content) // 2], offset)
                os.kill(os.getpid(), signal.SIGKILL)
            return getattr(os, name)(*arguments)

        return call


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Whether a process that does some work came as far as a step, at which it is killed."""

    def dying() -> None:
        shelf.FLUSH_EVERY = 0.0
        chunks.os = growing.os = journal.os = Dying(step)  # type: ignore[assignment]
        work()

    status = in_child(dying)
    assert status in (0, -signal.SIGKILL)
    return status != 0


def is_true(path: Path, undisturbed: xr.Dataset) -> int:
    """Number of units that are done as dhmodel sees it; none is wrong, nor as plain xarray sees it."""
    plain, whole = plainly(path), open_dataset(path)
    for ds in (plain, whole):
        done = (ds["status"] == 2).load()
        assert ds["rate"].where(done).equals(undisturbed["rate"].where(done))
        assert ds["psth"].where(done).equals(undisturbed["psth"].where(done))
    assert int((plain["status"] == 2).sum()) <= int(done.sum())
    return int(done.sum())


def test_killed_at_steps_of_a_sweep(tmp_path, made, undisturbed, runs_file):
    for step in range(2, 1000, STRIDE):
        path = shutil.copytree(made, tmp_path / f"{step}.zarr")
        if not killed_at(step, partial(sweep, path)):
            break
        runs, finished = Counter(fakes.runs()), is_true(path, undisturbed)
        assert finished >= len(runs) - 1  # all but the one whose record was being written
        sweep(path)
        again = Counter(fakes.runs()) - runs
        assert sum(again.values()) == UNITS - finished and identical(path, undisturbed)
        assert not list(path.rglob(".*.part")) and not (path / NAME).exists()
        runs_file.unlink()
    assert step > 300 and finished == UNITS  # at the last kill


def test_killed_at_steps_of_growing(tmp_path, undisturbed, runs_file):
    smaller = tmp_path / "smaller.zarr"
    sweep(smaller, axes=AXES | {"tonic.frequency": ["50 Hz", "0 Hz"]})
    finished = Counter(fakes.runs())
    for step in range(1, 1000, 3 * STRIDE):
        path = shutil.copytree(smaller, tmp_path / f"{step}.zarr")
        if not killed_at(step, partial(sweep, path)):
            break
        sweep(path)
        runs = Counter(fakes.runs())
        # nothing ran twice but the one whose record was being written
        assert len(runs) == UNITS and sum(runs.values()) <= UNITS + 1 and identical(path, undisturbed)
        assert [file.name for file in tmp_path.glob(f"*{step}.zarr*")] == [path.name]
        runs_file.write_text("".join(f"{run}\n" for run in finished))
    assert step > 300


def test_killed_at_random_moments_again_and_again(tmp_path, undisturbed, monkeypatch):
    path, rng, finished = tmp_path / "x.zarr", np.random.default_rng(5), 0
    monkeypatch.setenv("SECONDS", "0.02")
    for _ in range(6):
        if (child := os.fork()) == 0:
            sweep(path)
            os._exit(0)
        time.sleep(rng.uniform(0.1, 0.6))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if path.exists():
            before, finished = finished, is_true(path, undisturbed)
            assert finished >= before
    sweep(path)
    assert identical(path, undisturbed)


def test_what_is_in_the_journal_is_done_for_us_and_not_for_plain_xarray(tmp_path, monkeypatch, undisturbed):
    monkeypatch.setattr(shelf, "LIMIT", 2**30)
    path, seen = tmp_path / "x.zarr", []

    def looking(plan, replicate):
        if not len(seen) % 4:
            is_true(path, undisturbed)
        seen.append([int((ds["status"] == 2).sum()) for ds in (open_dataset(path), plainly(path))])
        return fakes.measure(plan, replicate)

    sweep(path, looking)
    assert seen == [[number, 0] for number in range(UNITS)]
    assert (plainly(path)["status"] == 2).all()


def test_after_a_while_it_is_done_for_plain_xarray_too(tmp_path, monkeypatch, undisturbed):
    monkeypatch.setattr(shelf, "FOLD_EVERY", 0.0)
    monkeypatch.setattr(shelf, "FOLD_SHARE", np.inf)
    path, seen = tmp_path / "x.zarr", []

    def looking(plan, replicate):
        seen.append(int((plainly(path)["status"] == 2).sum()))
        return fakes.measure(plan, replicate)

    sweep(path, looking)
    assert seen == list(range(UNITS)) and identical(path, undisturbed)


GARBLED = {
    "cut in a record": lambda content, size: (content[: 3 * size + 100], 3),
    "a flipped bit": lambda content, size: (flipped(content, 2 * size + 1000), 5),
    "a hole of zeros": lambda content, size: (content[:size] + bytes(2 * size) + content[3 * size :], 4),
    "another number of the unit": lambda content, size: (bytes([content[0] ^ 1]) + content[1:], 5),
    "zeros behind": lambda content, size: (content + bytes(3 * size), 6),
    "something else": lambda content, size: (b"hello " * size, 0),
    "nothing": lambda content, size: (b"", 0),
}


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]


@pytest.fixture(scope="module")
def killed(tmp_path_factory, request):
    """A store of which six units are in the journal alone."""
    path = tmp_path_factory.mktemp("killed") / "x.zarr"

    def dying(plan, replicate):
        dying.runs += 1
        if dying.runs == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return fakes.result(plan, replicate)

    dying.runs = 0
    assert in_child(lambda: sweep(path, dying)) == -signal.SIGKILL
    return path


@pytest.mark.parametrize("damage", GARBLED.values(), ids=GARBLED)
def test_a_garbled_journal_costs_the_units_that_are_garbled(tmp_path, killed, damage, undisturbed):
    path = shutil.copytree(killed, tmp_path / "x.zarr")
    size = (path / NAME).stat().st_size // 6
    content, whole = damage((path / NAME).read_bytes(), size)
    (path / NAME).write_bytes(content)
    assert is_true(path, undisturbed) == whole
    sweep(path)
    assert len(fakes.runs()) == UNITS - whole and identical(path, undisturbed)


def test_a_journal_of_another_layout_is_not_taken_for_data(tmp_path, killed, undisturbed):
    path = shutil.copytree(killed, tmp_path / "x.zarr")
    axes = AXES | {"tonic.frequency": ["0 Hz", "20 Hz", "50 Hz", "10 Hz"]}
    sweep(tmp_path / "other.zarr", axes=axes)
    shutil.copy(path / NAME, tmp_path / "other.zarr" / NAME)
    ds = open_dataset(tmp_path / "other.zarr").load().drop_attrs()
    assert ds.identical(sweep(None, axes=axes).dataset().drop_attrs())


def test_a_journal_in_a_read_only_store_is_seen_and_left_alone(tmp_path, killed):
    path = shutil.copytree(killed, tmp_path / "x.zarr")
    write_protected(path)
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    code = (
        "import sys, test_journal; from pathlib import Path; path = Path(sys.argv[1])\n"
        "print(int((test_journal.open_dataset(path)['status'] == 2).sum())); test_journal.sweep(path)"
    )
    refused = unprivileged(code, path)
    assert refused.stdout == "6\n", refused.stderr
    assert f"StoreError: {path}: cannot write: Permission denied" in refused.stderr and not fakes.runs()
    assert before == {file: file.stat().st_mtime_ns for file in path.rglob("*")}


class Full:
    """Stands in for a call of `os`; the disk is full after some of them, in the middle of a write."""

    def __init__(self, call: str, good: int):
        self.call, self.left = getattr(os, call), good

    def __call__(self, *arguments):
        self.left -= 1
        if self.left >= 0:
            return self.call(*arguments)
        if self.left == -1 and self.call is PWRITE:
            file, content, offset = arguments
            return self.call(file, content[:1000], offset)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["pwrite", "fsync", "replace", "fdatasync"])
def test_a_disk_that_is_full_at_any_write_loses_nothing(tmp_path, monkeypatch, call, made, undisturbed):
    path, refusals = shutil.copytree(made, tmp_path / "x.zarr"), 0
    for good in (1, 20):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, Full(call, good))
            try:
                sweep(path)
            except StoreError as error:
                assert "cannot write: No space left on device" in str(error)
                refusals += 1
        assert is_true(path, undisturbed) >= len(set(fakes.runs())) - 1
    sweep(path)
    # a run whose result found no space is the only one that was done again
    assert refusals and len(fakes.runs()) <= UNITS + refusals and identical(path, undisturbed)
