"""The flag that moves frozen numbers. Without it, a test never writes."""

import csv
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def freezing(request):
    """Rows to be written at the end, or None where the frozen numbers stand."""
    if not request.config.getoption("--freeze-rates"):
        yield None
        return
    rows = []
    yield rows
    with open(Path(__file__).with_name("rates.csv"), "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("state", "stimulus", "population", "mean", "sd"))
        writer.writerows(sorted(rows))
