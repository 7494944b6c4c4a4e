"""Sweeps that are interrupted, killed or starved: nothing finished is lost, nothing is done twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import fakes
import numpy as np
import pytest
import small

from dhmodel.errors import EngineError, StoreError
from dhmodel.sweep.opening import open_dataset
from dhmodel.sweep.runner import SweepInterrupted
from dhmodel.sweep.store import SweepStore

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def undisturbed():
    return small.sweep(None).dataset()


def same(path: Path, undisturbed) -> bool:
    """Whether every result equals an undisturbed run, bit for bit."""
    return open_dataset(path).load().drop_attrs().identical(undisturbed.drop_attrs())


def start(
    path: Path, workers: int, measure: str = "measure", *options: str, **environment: str
) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "small.py"), str(path), str(workers), measure, *options]
    # a session of its own, as a terminal would give it: an interrupt must not reach the process that tests
    return subprocess.Popen(
        command, env=os.environ | environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(number: int) -> None:
    deadline = time.monotonic() + 60
    while len(fakes.runs()) < number:
        assert time.monotonic() < deadline, f"only {len(fakes.runs())} runs started"
        time.sleep(0.02)


def alive(session: int) -> list[str]:
    """Processes that are left of a session, as /proc shows them."""
    stats = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            stats.append(file.read_text().rpartition(")")[2].split())
    return [state for state, _, _, of_session, *_ in stats if int(of_session) == session and state != "Z"]


def test_a_finished_sweep_computes_nothing_and_says_so(tmp_path, capsys):
    small.sweep(tmp_path / "x.zarr")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "x.zarr").rglob("*")}
    small.sweep(tmp_path / "x.zarr", progress=True)
    assert len(fakes.runs()) == small.UNITS
    assert f"all {small.UNITS} runs are done; nothing to compute" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "x.zarr").rglob("*")}


def test_two_workers_give_what_one_process_gives(tmp_path, undisturbed):
    small.sweep(tmp_path / "x.zarr", workers=2)
    assert same(tmp_path / "x.zarr", undisturbed)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_what_is_finished_and_the_next_start_does_the_rest(tmp_path, workers, undisturbed):
    path = tmp_path / "x.zarr"
    sweep = start(path, workers, SECONDS="0.1")
    wait_for(8)
    os.killpg(sweep.pid, signal.SIGINT)  # as the terminal does
    message = sweep.communicate(timeout=30)[1]
    assert sweep.returncode != 0 and not alive(sweep.pid)
    started = Counter(fakes.runs())
    status = open_dataset(path)["status"].values
    finished = int((status == 2).sum())
    assert 4 <= finished <= len(started) and set(np.unique(status)) == {0, 2}
    assert (
        f"{finished} of {small.UNITS} runs are done and kept in {path}; start the same command again"
        in message
    )
    small.sweep(path)
    runs = Counter(fakes.runs())
    assert len(runs) == small.UNITS and sum(runs.values()) == len(started) + small.UNITS - finished
    assert same(path, undisturbed)


def test_ctrl_c_in_the_middle_of_a_write_waits_for_its_end(tmp_path, monkeypatch, undisturbed):
    written, write = [], SweepStore._write

    def pressed_meanwhile(self, index, arrays):
        os.kill(os.getpid(), signal.SIGINT)
        write(self, index, arrays)
        written.append(index)

    monkeypatch.setattr(SweepStore, "_write", pressed_meanwhile)
    with pytest.raises(SweepInterrupted, match=f"1 of {small.UNITS} runs are done"):
        small.sweep(tmp_path / "x.zarr")
    assert len(written) == 1
    monkeypatch.undo()
    small.sweep(tmp_path / "x.zarr")
    assert same(tmp_path / "x.zarr", undisturbed)


def test_a_killed_parent_loses_nothing_finished_and_its_workers_end(tmp_path, undisturbed):
    path = tmp_path / "x.zarr"
    sweep = start(path, 2, SECONDS="0.1")
    wait_for(8)
    sweep.kill()
    sweep.wait()
    deadline = time.monotonic() + 20
    while alive(sweep.pid):
        assert time.monotonic() < deadline, f"left over: {alive(sweep.pid)}"
        time.sleep(0.05)
    finished = int((open_dataset(path)["status"].values == 2).sum())
    before = len(fakes.runs())
    assert finished >= 4
    small.sweep(path)
    assert len(fakes.runs()) == before + small.UNITS - finished
    assert same(path, undisturbed)


def test_a_killed_worker_costs_its_unit_one_attempt(tmp_path, capsys, undisturbed):
    store = small.sweep(tmp_path / "x.zarr", fakes.measure_killed_once, workers=2, progress=True)
    assert store.count("done") == small.UNITS
    told = capsys.readouterr().err
    assert (
        "tonic.frequency=10 Hz, state=snl, stimulus=windup, replicate 1: worker process was killed by SIGKILL"
        in told
    )
    assert (
        Counter(fakes.runs()).most_common(1) == [("10 snl windup 1", 2)]
        and len(fakes.runs()) == small.UNITS + 1
    )
    assert same(tmp_path / "x.zarr", undisturbed)


def test_a_unit_that_always_kills_its_worker_fails_and_the_others_finish(tmp_path):
    store = small.sweep(tmp_path / "x.zarr", fakes.measure_killed, workers=2)
    assert store.count("done") == small.UNITS - 1
    assert list(store.errors().values()) == ["worker process was killed by SIGKILL (out of memory?), 2 times"]


def test_the_last_unit_kills_its_only_worker(tmp_path):
    only = {"tonic.frequency": ["10 Hz"], "state": ["snl"], "stimulus": ["windup"]}
    store = small.sweep(tmp_path / "x.zarr", fakes.measure_killed, workers=2, axes=only)
    assert (store.count("done"), store.count("failed")) == (1, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_nan_is_a_failure_and_not_data(tmp_path, workers):
    store = small.sweep(tmp_path / "x.zarr", fakes.measure_nan, workers=workers)
    failed = open_dataset(tmp_path / "x.zarr").sel(
        {"tonic.frequency": 10, "state": "snl", "stimulus": "windup"}
    )
    assert store.count("failed") == 1 and store.count("done") == small.UNITS - 1
    assert failed["status"].values.tolist() == [2, 3]
    assert failed["rate"].isnull().all("population").values.tolist() == [False, True]
    assert str(failed["error"].values[1]) == "rate is not finite; the simulation blew up"


def test_a_failed_unit_is_tried_again_at_the_next_start(tmp_path, runs_file, undisturbed):
    store = small.sweep(tmp_path / "x.zarr", fakes.measure_raising)
    assert list(store.errors().values()) == ["ValueError: first line second line"]
    runs_file.with_name("runs.txt.mended").touch()
    again = small.sweep(tmp_path / "x.zarr", fakes.measure_raising)
    assert again.count("done") == small.UNITS and not again.errors()
    assert len(fakes.runs()) == small.UNITS + 1
    assert same(tmp_path / "x.zarr", undisturbed)


def test_a_disk_that_fills_up_midway_ends_the_sweep_and_keeps_what_is_finished(tmp_path, undisturbed):
    path = tmp_path / "x.zarr"
    sweep = start(path, 1, "measure_filling_disk")
    message = sweep.communicate(timeout=60)[1]
    assert sweep.returncode != 0 and f"StoreError: {path}: cannot write: File too large; 4 of 24" in message
    assert len(fakes.runs()) == 5 and int((open_dataset(path)["status"].values == 2).sum()) == 4
    assert not list(path.rglob("*.partial")) and not list(path.rglob("*.new"))
    small.sweep(path)
    assert len(fakes.runs()) == 5 + small.UNITS - 4
    assert same(path, undisturbed)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "measure, message",
    [
        (fakes.measure_on_full_disk, "No space left on device"),
        (fakes.measure_on_full_disk_by_numpy, "cannot write the run folder"),
    ],
)
def test_a_full_disk_under_a_run_ends_the_sweep_at_once(tmp_path, workers, measure, message):
    with pytest.raises(StoreError, match=f"{message}; 0 of 24 runs are done and kept"):
        small.sweep(tmp_path / "x.zarr", measure, workers=workers)
    assert len(fakes.runs()) <= 2 * workers
    assert set(np.unique(open_dataset(tmp_path / "x.zarr")["status"])) <= {0, 3}


def test_a_worker_that_cannot_start_is_an_error_and_no_hang(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(fakes.measure, "__module__", "fakes_gone")
    monkeypatch.setitem(sys.modules, "fakes_gone", fakes)
    with pytest.raises(
        EngineError, match="a sweep worker could not start or did not stay up .ended with status 1"
    ):
        small.sweep(tmp_path / "x.zarr", workers=2)
    assert "fakes_gone" in capfd.readouterr().err


def test_a_worker_imports_no_simulator_and_uses_one_thread(tmp_path):
    store = small.sweep(tmp_path / "x.zarr", fakes.measure_without_brian2, workers=2)
    assert store.errors() == {}


def test_a_script_needs_no_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\nimport small\nprint('imported')\nsmall.sweep(Path('x.zarr'), workers=2)\n"
    )
    run = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["imported"] and len(fakes.runs()) == small.UNITS


def test_an_interrupt_without_a_store_says_that_nothing_is_kept(monkeypatch):
    def interrupted(plan, replicate):
        raise KeyboardInterrupt

    with pytest.raises(SweepInterrupted, match="without a store nothing is kept"):
        small.sweep(None, interrupted)


def test_what_all_workers_share_is_built_once_for_each_unfinished_point_and_first(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr(small, "prepare", lambda plan: built.append((plan, len(fakes.runs()))))
    small.sweep(tmp_path / "x.zarr")
    assert {plan for plan, _ in built} == set(small.spec().plans) and len(built) == small.UNITS / 2
    assert {before for _, before in built} == {0}
    small.sweep(tmp_path / "x.zarr")
    assert len(built) == small.UNITS / 2


def test_the_longest_runs_start_first(tmp_path):
    small.sweep(tmp_path / "x.zarr")
    stimuli = [run.split()[2] for run in fakes.runs()]
    assert stimuli == sorted(stimuli, key=["spontaneous", "windup"].index)  # 5 s before 3.8 s
