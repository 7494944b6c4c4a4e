"""Seeds of the evidence: five replicates of a seed that no calibration has used."""

import pytest


@pytest.fixture(scope="session")
def seed():
    return 7


@pytest.fixture(scope="session")
def replicates():
    return 5
