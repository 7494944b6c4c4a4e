"""Stores that cannot be written, are damaged or shared, runs that never end, clocks that jump."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import fakes
import pytest
import small
from test_faults import HERE, same, start, wait_for

from dhmodel.errors import InputError, StoreError
from dhmodel.sweep.opening import open_dataset


@pytest.fixture(scope="module")
def undisturbed():
    return small.sweep(None).dataset()


def chunks(store: Path, variable: str) -> list[Path]:
    return sorted(file for file in (store / variable / "c").rglob("*") if file.is_file())


def truncate(file: Path, to: float = 0.5) -> None:
    os.truncate(file, int(file.stat().st_size * to))


# --- read-only ---


def write_protected(folder: Path):
    for file in [folder, *folder.rglob("*")]:
        file.chmod(file.stat().st_mode & ~0o222)


def unprivileged(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python as one whom permissions stop, which they do not stop root."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root without setpriv cannot give up its rights")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


SWEEP = "import sys, small; from pathlib import Path; small.sweep(Path(sys.argv[1]){})"


def test_a_finished_store_that_is_read_only_is_done_and_cannot_grow(done):
    write_protected(done)
    finished = unprivileged(SWEEP.format(", progress=True"), done)
    assert finished.returncode == 0 and "all 24 runs are done; nothing to compute" in finished.stderr
    grown = unprivileged(SWEEP.format(", replicates=3"), done)
    assert f"StoreError: {done}: cannot write: Permission denied" in grown.stderr and not fakes.runs()


def test_an_unfinished_store_that_is_read_only_is_refused_before_anything_runs(tmp_path, monkeypatch):
    path = tmp_path / "x.zarr"
    small.sweep(path, fakes.measure_raising)
    write_protected(path)
    refused = unprivileged(SWEEP.format(""), path)
    assert f"StoreError: {path}: cannot write: Permission denied" in refused.stderr
    assert len(fakes.runs()) == small.UNITS


# --- damage ---


@pytest.mark.parametrize("variable", ["rate", "psth", "count", "current"])
@pytest.mark.parametrize("to", [0, 0.5, 0.9, None], ids=["emptied", "half", "nearly whole", "lost"])
def test_a_damaged_chunk_is_found_and_its_units_computed_again(in_blocks, variable, to, undisturbed):
    file = chunks(in_blocks, variable)[5]
    file.unlink() if to is None else truncate(file, to)
    small.sweep(in_blocks)
    assert not fakes.runs()  # nobody looked
    small.sweep(in_blocks, options={"check": True})
    assert len(fakes.runs()) == 4 and same(in_blocks, undisturbed)


def test_damage_is_found_before_a_store_grows(in_blocks):
    truncate(chunks(in_blocks, "rate")[0])
    with pytest.raises(StoreError, match="corrupt store .* with --check computes damaged runs again"):
        small.sweep(in_blocks, replicates=3)
    small.sweep(in_blocks, replicates=3, options={"check": True})
    assert len(fakes.runs()) == 4 + 12
    assert same(in_blocks, small.sweep(None, replicates=3).dataset())


def test_a_flipped_bit_is_an_error_and_no_other_number(in_blocks):
    """A few bits of the compressed form, such as one that its format leaves unused, mean nothing."""
    file = chunks(in_blocks, "psth")[5]
    whole, content = open_dataset(in_blocks).load(), file.read_bytes()
    places = range(0, len(content), len(content) // 20)
    errors = 0
    for place in places:
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            assert open_dataset(in_blocks).load().equals(whole)
        except (
            RuntimeError,
            ValueError,
        ) as error:  # zarr's own; a Dataset that is open already no longer asks us
            assert re.search(r"(?i)checksum|corrupt|decompress", str(error))
            errors += 1
    assert errors >= len(places) - 2


def test_after_a_kill_damage_is_looked_for_unasked(tmp_path, undisturbed):
    path = tmp_path / "x.zarr"
    small.sweep(path, fakes.measure_raising)
    sweep = start(path, 1, "measure_endless")  # of the one that failed
    wait_for(small.UNITS + 1)
    sweep.kill()
    sweep.communicate()
    truncate(chunks(path, "rate")[0])  # as a disk may leave files that does not keep its promises
    small.sweep(path)
    assert len(fakes.runs()) == small.UNITS + 1 + small.UNITS
    assert same(path, undisturbed)


# --- two parents ---


def test_a_second_process_is_refused_and_the_first_goes_on(tmp_path, undisturbed):
    path = tmp_path / "x.zarr"
    first = start(path, 1, SECONDS="0.1")
    wait_for(2)
    for changes in ({}, {"replicates": 3}):
        with pytest.raises(StoreError, match="another process is writing to this store; wait for it"):
            small.sweep(path, **changes)
    assert open_dataset(path)["status"].shape == (3, 2, 2, 2)  # readers may
    assert first.wait(60) == 0 and first.communicate()
    assert len(fakes.runs()) == small.UNITS and same(path, undisturbed)


def test_of_two_processes_that_make_the_same_store_at_once_one_computes_it(tmp_path, undisturbed):
    path = tmp_path / "x.zarr"
    both = [start(path, 1, SECONDS="0.2") for _ in range(2)]
    told = [process.communicate(timeout=120)[1] for process in both]
    assert sorted(process.returncode != 0 for process in both) == [False, True], told
    assert any("another process is writing to this store" in text for text in told)
    assert set(Counter(fakes.runs()).values()) == {1} and same(path, undisturbed)
    assert {file.name for file in tmp_path.iterdir()} == {"x.zarr", "runs.txt"}


# --- a run that never ends ---


def test_a_run_that_never_ends_fails_and_the_others_finish(tmp_path, runs_file, undisturbed):
    path, options = tmp_path / "x.zarr", {"time_limit": "1 s"}
    begun = time.monotonic()
    store = small.sweep(path, fakes.measure_endless, options=options)
    assert time.monotonic() - begun < 60
    assert store.count("done") == small.UNITS - 1 and len(fakes.runs()) == small.UNITS
    assert list(store.errors().values()) == ["not done within the time limit of 1 s"]
    runs_file.with_name("runs.txt.mended").touch()
    small.sweep(path, fakes.measure_endless, options=options)
    assert len(fakes.runs()) == small.UNITS + 1 and same(path, undisturbed)


@pytest.mark.parametrize(
    "limit, message", [("0 s", "needs more than 0 s"), (5, "bare number"), ("5 Hz", "needs a quantity in s")]
)
def test_a_bad_time_limit_is_refused_before_anything_is_written(tmp_path, limit, message):
    with pytest.raises(InputError, match=message):
        small.sweep(tmp_path / "x.zarr", options={"time_limit": limit})
    assert not list(tmp_path.iterdir())


# --- clocks ---


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler to make a clock that jumps")
def test_a_clock_that_jumps_ten_years_back_changes_nothing(tmp_path, undisturbed):
    path, shim = tmp_path / "x.zarr", tmp_path / "clock_jump.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, HERE / "clock_jump.c", "-ldl"], check=True)
    environment = {"LD_PRELOAD": str(shim), "JUMP": str(tmp_path / "jump"), "SECONDS": "0.1"}
    sweep = start(path, 2, "measure", "time_limit=30 s", **environment)
    wait_for(8)
    (tmp_path / "jump").touch()
    told = sweep.communicate(timeout=60)[1]
    assert sweep.returncode == 0, told
    year = "import datetime; print(datetime.datetime.now().year)"
    shown = subprocess.run([sys.executable, "-c", year], env=os.environ | environment, capture_output=True)
    assert int(shown.stdout) < time.localtime().tm_year - 8  # it did jump
    assert len(fakes.runs()) == small.UNITS and same(path, undisturbed)
