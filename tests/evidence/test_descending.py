"""Descending control: raising the drive of the PAG lowers the output of the dorsal horn (the design study of
the circuit, signs of ON, OFF and NA cells)."""

import pytest

from dhmodel import sweep

pytestmark = pytest.mark.evidence


@pytest.fixture(scope="module")
def rates(seed, replicates):
    found = sweep(
        {"pag.drive": [0.0, 0.4, 1.0], "state": ["naive", "snl"]},
        stimulus="pinch",
        duration="3 s",
        seed=seed,
        replicates=replicates,
        progress=False,
    )
    return found["rate"].mean("replicate")


@pytest.mark.parametrize("population", ["WDR", "PN"])
@pytest.mark.parametrize("state", ["naive", "snl"])
def test_more_pag_drive_less_output(rates, population, state):
    none, rest, full = rates.sel(population=population, state=state).values
    assert none > rest > full
