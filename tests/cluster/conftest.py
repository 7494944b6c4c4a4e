import sys
from pathlib import Path

import pytest

# the fakes are those of the store's tests, and worker processes import them by name
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "store")]


@pytest.fixture(autouse=True)
def runs_file(tmp_path, monkeypatch):
    """Where the fakes of this test note their runs."""
    monkeypatch.setenv("RUNS", str(tmp_path / "runs.txt"))
    return tmp_path / "runs.txt"


@pytest.fixture(scope="module")
def undisturbed():
    import small

    return small.sweep(None).dataset()
