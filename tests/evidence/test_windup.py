"""
Wind-up (finding `windup_protocol_1Hz`, and the knock-outs that the design study of the circuit asks for).

Criterion: count_n / count_1 >= 1.5 at 1 Hz, about 1 at 0.1 Hz; each of AP5, CAN block and NK1 block removes
at least half of the growth; the first response mostly survives AP5. Means over five seeds, none of them used
for calibration (that is seed 1000).
"""

import numpy as np
import pytest

from dhmodel.evidence.protocols import windup

pytestmark = pytest.mark.evidence


@pytest.fixture(scope="module")
def answer(seed, replicates):
    return {name: float(np.mean(values)) for name, values in windup(replicates, seed).items()}


def test_c_spikes_grow_over_sixteen_stimuli_at_1_hz(answer):
    assert answer["last"] / answer["first"] >= 1.5


def test_they_stay_flat_at_a_tenth_of_that(answer):
    assert 0.8 <= answer["slow_ratio"] <= 1.2


@pytest.mark.parametrize("drug", ["ap5", "can_blocker", "nk1_antagonist"])
def test_each_block_removes_at_least_half_of_the_growth(answer, drug):
    assert answer[f"left_{drug}"] <= 0.5


def test_the_first_response_mostly_survives_ap5(answer):
    assert answer["first_ap5"] >= 0.5
