"""
Shechter et al. 2013 (findings `shechter2013_windup_C_50Hz` and `shechter2013_windup_1kHz_null`), both halves
with one parameter set.

Criterion: 0.45 <= C_sum(50 Hz) / C_sum <= 0.85 and |C_sum(1 kHz) / C_sum - 1| < 0.2, in SNL rats. The
published test comes after five minutes of conditioning; that needs the slow states, which this circuit does
not have yet. Here stimulation starts 1 s before the wind-up train and goes on through it. The null at 1 kHz
rests on the rule that fibres fail at high pulse rates, which is an assumption (`column.follow_half`): without
it the circuit is inhibited at 1 kHz as at 50 Hz.
"""

import pytest

from dhmodel.evidence.protocols import shechter

pytestmark = pytest.mark.evidence


@pytest.fixture(scope="module", params=["snl", "naive"])
def answer(request, seed, replicates):
    return {name: values.mean() for name, values in shechter(replicates, seed, request.param).items()}


def test_50_hz_lowers_the_c_spikes_of_a_windup_train(answer):
    assert 0.45 <= answer["ratio_50"] <= 0.85


def test_1_khz_does_not(answer):
    assert 0.8 <= answer["ratio_1000"] <= 1.2
