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


@pytest.fixture
def done(original, tmp_path):
    """A finished sweep of one's own."""
    return shutil.copytree(original, tmp_path / "x.zarr")
