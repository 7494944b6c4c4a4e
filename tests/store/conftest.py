import shutil
import sys
from pathlib import Path

import pytest

# worker processes import the fakes by name, from the path of this process
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def runs_file(tmp_path, monkeypatch):
    """Where the fakes of this test note their runs."""
    monkeypatch.setenv("RUNS", str(tmp_path / "runs.txt"))
    return tmp_path / "runs.txt"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A finished sweep that no test may touch."""
    import small

    path = tmp_path_factory.mktemp("original") / "x.zarr"
    small.sweep(path)
    return path


@pytest.fixture(scope="module")
def original_in_blocks(tmp_path_factory):
    """The same in blocks of four units, and pieces of one; no test may touch it."""
    import small

    path = tmp_path_factory.mktemp("blocks") / "x.zarr"
    with pytest.MonkeyPatch.context() as patch:
        small.divide(patch)
        small.sweep(path)
    return path


@pytest.fixture
def in_blocks(original_in_blocks, tmp_path):
    """A finished sweep in blocks of one's own."""
    return shutil.copytree(original_in_blocks, tmp_path / "blocks.zarr")


@pytest.fixture
def done(original, tmp_path):
    """A finished sweep of one's own."""
    return shutil.copytree(original, tmp_path / "x.zarr")
