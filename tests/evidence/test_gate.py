"""
The gate to lamina I (finding `torsney2006_gate`).

Criterion: spikes of lamina I projection cells to Abeta input about 0 in health, more than 0 when GABA-A and
glycine are blocked, and abolished by AP5.
"""

import pytest

from dhmodel.evidence.protocols import gate

pytestmark = pytest.mark.evidence


@pytest.fixture(scope="module")
def answer(seed, replicates):
    return {name: values.mean() for name, values in gate(replicates, seed).items()}


def test_projection_cells_are_silent_to_brush_in_health(answer):
    assert answer["naive"] < 0.05


def test_blocking_gaba_a_and_glycine_opens_them_to_brush(answer):
    assert answer["disinhibited"] > 1


def test_nmda_block_closes_them_again(answer):
    assert answer["disinhibited_ap5"] < 0.05 * answer["disinhibited"]
