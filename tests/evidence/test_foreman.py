"""
Foreman et al. 1976: one dorsal-column pulse during pinch, beside the four cells digitised by Zhang et al.
2014 (ModelDB 168414). The criteria of the finding are in the ledger; here is the course between them.
"""

import numpy as np
import pytest

from dhmodel.evidence.asking.readouts import before_pulses, level, peak
from dhmodel.evidence.asking.trials import Trial, plans
from dhmodel.evidence.ledger import finding
from dhmodel.simulate import record

pytestmark = pytest.mark.evidence

# firing in % of before the pulse: (ms, %) of the four digitised cells, each 100 % at the pulse; the finding's
# published mean (11 % at 10 ms) interpolates between these points
DIGITISED = (
    ((0, 100), (12.0, 9.5), (13.7, 15.2), (28.2, 58.9), (59.0, 63.1), (123.9, 87.5)),
    (
        (0, 100),
        (5.0, 21.0),
        (10.0, 18.1),
        (15.7, 52.7),
        (19.6, 53.6),
        (49.9, 75.6),
        (80.4, 82.1),
        (110.0, 81.4),
    ),
    ((0, 100), (4.4, 0.0), (30.6, 0.0), (51.2, 49.8), (81.6, 96.0), (103.7, 131.7)),
    ((0, 100), (4.3, 0.0), (78.8, 0.0), (98.5, 40.0)),
)


@pytest.fixture(scope="module")
def trial(seed, replicates):
    (plan,) = plans(finding("foreman1976_stt_timecourse"), seed).values()
    return Trial(plan, [record(plan, number) for number in range(replicates)])


@pytest.mark.xfail(strict=True, reason="before pulses the model fires 74 Hz, the cells at most 70")
def test_pinch_drives_the_cells_as_in_the_experiment(trial):
    assert 20 <= before_pulses(trial, "WDR").mean() <= 70


def test_a_short_excitation_comes_first(trial):
    assert peak(trial, "WDR", 0.0, 0.008).mean() > 100


#: Boutons have vesicles again, and nothing of the inhibition lasts.
EIGHTY = pytest.mark.xfail(strict=True, reason="80 ms: the model fires 94.0 %, the cells at most 93.6 %")


@pytest.mark.parametrize("ms", [10, 20, 30, 50, pytest.param(80, marks=EIGHTY), 98])
def test_the_mean_lies_within_the_spread_of_the_cells(trial, ms):
    cells = [np.interp(ms, *zip(*cell, strict=True)) for cell in DIGITISED if cell[0][0] <= ms <= cell[-1][0]]
    assert min(cells) <= level(trial, "WDR", 1e-3 * ms).mean() <= max(cells)
