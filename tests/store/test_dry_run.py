"""What `--dry-run` tells is what then happens: runs that are left, files and bytes."""

from pathlib import Path

import fakes
import pytest
import small

from dhmodel.errors import StoreError
from dhmodel.sweep.cost import estimate

SMALLER = {"tonic.frequency": ["0 Hz", "50 Hz"], "state": ["snl"]}
ROWS = {"points": [{"tonic.frequency": f, "state": "snl"} for f in ("50 Hz", "7 Hz", "0 Hz")]}


def told(path: Path, **changes) -> dict[str, str]:
    text = estimate(small.spec(**changes), path, 1)
    return dict(line.split(maxsplit=1) for line in text.splitlines())


@pytest.mark.parametrize(
    "changes, total, there",
    [
        ({"axes": SMALLER}, 4, 4),
        ({"axes": SMALLER, "replicates": 3}, 6, 4),
        ({"axes": SMALLER | {"state": ["naive", "snl"]}}, 8, 4),
        ({"axes": {}, "design": ROWS}, 6, 4),
        ({"axes": SMALLER | {"stimulus": ["spontaneous", "windup"]}}, 8, 4),
    ],
)
def test_what_is_there_already_is_left_out(tmp_path, changes, total, there):
    path = tmp_path / "x.zarr"
    small.sweep(path, axes=SMALLER)
    before = sorted(file for file in path.rglob("*"))
    lines = told(path, **changes)
    assert lines["done"] == f"{there} of them in {path}; {total - there} left"
    assert sorted(path.rglob("*")) == before and len(fakes.runs()) == 4
    small.sweep(path, **changes)
    assert len(fakes.runs()) == 4 + total - there
    assert told(path, **changes)["disk"].startswith("no more; ")


@pytest.mark.parametrize("frequencies, replicates", [(2, 1), (40, 2)])
def test_the_store_is_no_larger_than_told(tmp_path, frequencies, replicates):
    path = tmp_path / "x.zarr"
    axes = {"tonic.frequency": [f"{f} Hz" for f in range(1, frequencies + 1)], "stimulus": ["windup"]}
    _, _, most, unit, _, _, _, files, *_ = told(path, axes=axes, replicates=replicates)["disk"].split()
    small.sweep(path, axes=axes, replicates=replicates)
    found = list(path.rglob("*"))
    size = sum(512 * one.stat().st_blocks for one in found)
    assert size <= float(most) * {"kB": 1e3, "MB": 1e6}[unit] <= 3 * size
    assert sum(one.is_file() for one in found) == pytest.approx(int(files), abs=3)


def test_the_store_of_another_sweep_is_refused(done):
    with pytest.raises(StoreError, match="belongs to another sweep"):
        told(done, seed=2)
