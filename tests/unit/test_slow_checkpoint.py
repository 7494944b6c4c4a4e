"""The file that keeps the epochs of a protocol: one process has it, and a kill loses nothing finished."""

import os
import signal
import subprocess
import sys
import time

import pytest
import xarray as xr

import dhmodel as dh
from dhmodel.errors import StoreError
from dhmodel.slow import memo
from dhmodel.slow.memo import HEAD, Memo

TABLE = {
    "duration": "1 h",
    "state": "snl",
    "set": {"circuit.scale": 0.25},
    "epoch": "1 s",
    "settle": "0.2 s",
    "warmup": "0.2 s",
    "tolerance": 0.1,
    "entries": [{"name": "scs", "start": "10 min", "stop": "30 min", "paradigm": "tonic"}],
    "tests": [{"name": "pinch", "stimulus": "pinch", "at": ["29 min", "50 min"], "duration": "1 s"}],
}
CHILD = f"""
import sys, time
import dhmodel as dh
from dhmodel.slow import memo
measure = memo.measure
memo.measure = lambda plan, replicate: (time.sleep(0.3), measure(plan, replicate))[1]
dh.protocol({TABLE!r}, seed=3, checkpoint=sys.argv[1])
"""


def epochs(file) -> int:
    return len([line for line in file.read_text().splitlines() if line.strip()]) - 1 if file.exists() else 0


@pytest.fixture
def child(tmp_path):
    """A process in the middle of a protocol, and its file."""
    file = tmp_path / "p.epochs"
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(file)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while epochs(file) < 3:
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.02)
    yield process, file
    process.kill()
    process.communicate()


def test_one_process_at_a_time_and_a_kill_loses_nothing_finished(child, monkeypatch):
    process, file = child
    with pytest.raises(
        StoreError, match="p.epochs: another process runs this protocol; wait for it"
    ) as refused:
        dh.protocol(TABLE, seed=3, checkpoint=file)
    assert "\n" not in str(refused.value)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept, runs = epochs(file), []
    measure = memo.measure
    monkeypatch.setattr(memo, "measure", lambda *unit: runs.append(unit) or measure(*unit))
    resumed = dh.protocol(TABLE, seed=3, checkpoint=file)
    assert kept >= 3 and len(runs) > 0
    ran, runs[:] = len(runs), []
    whole = dh.protocol(TABLE, seed=3)
    assert kept + ran == len(runs)
    xr.testing.assert_identical(
        resumed.drop_vars("epochs").drop_attrs(), whole.drop_vars("epochs").drop_attrs()
    )


def test_a_file_is_free_when_its_process_is_done_with_it(tmp_path):
    file = tmp_path / "p.epochs"
    with Memo(file), pytest.raises(StoreError, match="another process runs this protocol"):
        Memo(file)
    with pytest.raises(ZeroDivisionError), Memo(file):
        raise ZeroDivisionError
    file.unlink()
    with Memo(file):
        assert file.read_text() == f"{HEAD}\n"


def test_a_file_deleted_while_it_is_opened_is_made_anew(tmp_path, monkeypatch):
    file, lock = tmp_path / "p.epochs", memo.fcntl.flock
    deleted = []

    def flock(opened, how):
        if not deleted:  # as who had it does when it has finished
            deleted.append(file.unlink())
        lock(opened, how)

    monkeypatch.setattr(memo.fcntl, "flock", flock)
    with Memo(file), pytest.raises(StoreError, match="another process"):
        Memo(file)
    assert deleted
