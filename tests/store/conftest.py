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
