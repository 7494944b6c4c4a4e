"""A store that serves a larger sweep: what is finished is kept, wherever it belongs now."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import fakes
import pytest
import small

from dhmodel.errors import StoreError
from dhmodel.sweep.opening import open_dataset

HERE = Path(__file__).parent

SMALLER = {"tonic.frequency": ["0 Hz", "50 Hz"], "state": ["snl"], "stimulus": ["spontaneous"]}
LARGER = {"tonic.frequency": ["50 Hz", "10 Hz", "0 Hz"], "state": ["naive", "snl"]}
POINTS = {"points": [{"tonic.frequency": f, "state": "snl"} for f in ("50 Hz", "7 Hz", "0 Hz")]}


def same(path: Path, **changes) -> bool:
    """Whether a store is that of a sweep that was never a smaller one, bit for bit."""
    whole = small.sweep(None, **changes).dataset().drop_attrs()
    return open_dataset(path).load().drop_attrs().identical(whole)


@pytest.mark.parametrize(
    "changes, new",
    [
        ({"axes": SMALLER | {"tonic.frequency": ["0 Hz", "10 Hz", "50 Hz"]}}, 2),
        ({"axes": SMALLER, "replicates": 3}, 2),
        # longer bins in time, and counts that there were not
        ({"axes": SMALLER | {"stimulus": ["windup", "spontaneous"]}, "set": {"windup.number": 12}}, 4),
        ({"axes": dict(reversed(SMALLER.items()))}, 0),
        ({"axes": LARGER | {"stimulus": ["spontaneous", "pinch"]}, "replicates": 3}, 32),
        ({"axes": LARGER}, 8),
        ({"axes": {"stimulus": ["spontaneous"]}, "design": POINTS}, 2),
    ],
)
def test_a_larger_sweep_computes_what_is_new_and_no_more(tmp_path, changes, new):
    path, first = tmp_path / "x.zarr", {name: changes[name] for name in changes if name == "set"}
    small.sweep(path, axes=SMALLER, **first)
    before = fakes.runs()
    small.sweep(path, **changes)
    assert len(before) == 4 and len(fakes.runs()) == 4 + new
    assert same(path, **changes)
    assert {file.name for file in tmp_path.iterdir()} == {"x.zarr", "runs.txt"}
    small.sweep(path, **changes)
    assert len(fakes.runs()) == 4 + new + small.spec(**changes).replicates * len(small.spec(**changes).plans)


def test_what_failed_is_tried_again_when_the_store_grows(tmp_path, runs_file):
    path, axes = tmp_path / "x.zarr", small.AXES | {"tonic.frequency": ["0 Hz", "10 Hz"]}
    assert small.sweep(path, fakes.measure_raising, axes=axes).count("failed") == 1
    runs_file.with_name("runs.txt.mended").touch()
    small.sweep(path, fakes.measure_raising)
    assert len(fakes.runs()) == 16 + 1 + 8 and same(path)


def test_a_smaller_sweep_is_refused_because_it_would_lose_results(tmp_path):
    path = tmp_path / "x.zarr"
    small.sweep(path, axes=LARGER)
    for changes in ({"axes": {"tonic.frequency": ["0 Hz"]}}, {"axes": LARGER, "replicates": 1}):
        with pytest.raises(StoreError, match="belongs to another sweep, which differs in "):
            small.sweep(path, **changes)
    assert same(path, axes=LARGER)


KILLED = """
import os, signal, sys
import small
from pathlib import Path
from dhmodel.sweep import growing
renamed, rename = [], os.rename
def dying(source, target):
    if len(renamed) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    renamed.append(rename(source, target))
growing.os.rename = dying
small.sweep(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("renames", [0, 1])
def test_killed_while_the_store_grows(tmp_path, renames):
    path = tmp_path / "x.zarr"
    small.sweep(path, axes=small.AXES | {"state": ["snl"]})
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    dead = subprocess.run([sys.executable, "-c", KILLED, str(path), str(renames)], env=environment)
    assert dead.returncode == -signal.SIGKILL and path.exists() == (renames == 0)
    small.sweep(path)
    assert len(fakes.runs()) == small.UNITS and same(path)
    assert {file.name for file in tmp_path.iterdir()} == {"x.zarr", "runs.txt"}


def test_a_disk_that_fills_up_while_the_store_grows_leaves_it_as_it_was(tmp_path):
    path = tmp_path / "x.zarr"
    small.sweep(path, axes=SMALLER)
    code = (
        "import resource, sys, small; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "from pathlib import Path; small.sweep(Path(sys.argv[1]), axes={'state': ['naive', 'snl']})"
    ).replace("{'state': ['naive', 'snl']}", repr(LARGER | {"stimulus": ["spontaneous"]}))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    full = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, capture_output=True, text=True
    )
    assert f"StoreError: {path}: cannot write: File too large" in full.stderr
    assert same(path, axes=SMALLER) and len(fakes.runs()) == 4 * 2
    assert {file.name for file in tmp_path.iterdir()} == {"x.zarr", "runs.txt"}
