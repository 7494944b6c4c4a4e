"""
Firing patterns of isolated cells under current steps, against the fractions of the literature.

Steps of 1 s grow by a quarter each; a cell's pattern is that at twice its rheobase, as in slice recordings,
where the pattern is read well above threshold. Background noise stays on.
"""

import numpy as np
import pytest

from dhmodel.circuit.populations import firing_pattern
from dhmodel.measures import after_discharge_count, firing_pattern_of
from dhmodel.simulate import plan, prepare, record

ISOLATED = {
    f"synapse.{receptor}.scale": 0
    for receptor in ("ampa", "nmda", "nk1", "gaba_a", "glycine", "gaba_b", "modulatory")
}
AMPLITUDES = 10 * 1.25 ** np.arange(15)  # pA
PATTERNED = ("EX", "GABA_DYN", "PN", "GABA_ISL")


def trains(population, amplitude, duration):
    """Spike times of every cell from the onset of the step, s."""
    step = {"current_step.population": population, "current_step.amplitude": f"{amplitude} pA"}
    chosen = plan(
        stimulus="current_step", set=ISOLATED | step, duration=f"{duration} s", warmup="0.3 s", seed=7
    )
    prepare(chosen)
    one = record(chosen, 0)
    onset = chosen.parameters["current_step.on"]
    first = sum(one.sizes[name] for name in list(one.sizes)[: list(one.sizes).index(population)])
    own = [one.times[one.neurons == first + i] - onset for i in range(one.sizes[population])]
    return [np.sort(times) for times in own], chosen.parameters


def pattern_of(answers):
    """Pattern at twice the rheobase: the least step to which the cell answers, as to every larger one."""
    fires = [bool(((times >= 0) & (times < 1)).any()) for times in answers]
    silent = np.flatnonzero(~np.array(fires))
    rheobase = silent[-1] + 1 if silent.size else 0
    twice = 2 * AMPLITUDES[min(rheobase, len(AMPLITUDES) - 1)]
    return firing_pattern_of(answers[int(np.argmin(np.abs(AMPLITUDES - twice)))], 1.0)


@pytest.fixture(scope="module", params=PATTERNED)
def found(request):
    """Stated and seen pattern of every cell of a population."""
    steps = [trains(request.param, amplitude, 1.25) for amplitude in AMPLITUDES]
    P = steps[0][1]
    seen = [pattern_of(answers) for answers in zip(*(cells for cells, _ in steps), strict=True)]
    return request.param, firing_pattern(P, request.param, len(seen)), np.array(seen)


#: Fractions that recordings show: P004 (PN), P025-P026 (DYN), P027 (islet cells); EX is a design choice.
PUBLISHED = {
    "PN": {"tonic": 0.85, "initial_burst": 0.12, "gap": 0.03},
    "GABA_DYN": {"initial_burst": 0.44, "gap": 0.30, "tonic": 0.24},
    "EX": {"delayed": 0.60, "tonic": 0.25, "initial_burst": 0.15},
    "GABA_ISL": {"tonic": 1.0},
}


def test_fractions_of_patterns_are_those_of_recordings(found):
    population, _, seen = found
    for pattern, fraction in PUBLISHED[population].items():
        assert (seen == pattern).mean() == pytest.approx(fraction, abs=0.1), pattern


def test_nearly_every_cell_fires_as_its_parameters_intend(found):
    _, stated, seen = found
    assert (stated == seen).mean() >= 0.85


@pytest.fixture(scope="module")
def discharge():
    """Spikes of every WDR cell after a step, and which cells are plateau cells."""
    cells, P = trains("WDR", 250, 2.3)
    after = after_discharge_count(cells, P["current_step.off"] - P["current_step.on"])
    return after, np.arange(len(cells)) < round(P["circuit.WDR.plateau"] * len(cells))


@pytest.mark.xfail(strict=True, reason="0.40, at most 0.38: a fifth of the other cells fire on too")
def test_a_third_of_the_wdr_cells_fires_on_after_a_step(discharge):
    """P022, Morisset and Nagy 1999: 28 % of lamina V neurons show plateau potentials and after-discharge."""
    after, _ = discharge
    assert (after >= 12).mean() == pytest.approx(0.28, abs=0.1)


def test_plateau_cells_fire_on_longest(discharge):
    after, plateau = discharge
    assert np.median(after[plateau]) > 3 * np.median(after[~plateau]) + 5
