"""
Frozen firing rates of a small network: every population under every stimulus in two states of the cord.

The numbers in `rates.csv` are means over ten replicates of one seed; each carries a tolerance taken from the
spread over those replicates (see `tolerance`). Processors and compilers change single spikes, not these
rates. They move on purpose only: ``pytest tests/identical --freeze-rates`` writes them anew.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from dhmodel import simulate
from dhmodel.parameters.layout import POPULATIONS
from dhmodel.stimulation.afferents import stimuli

FROZEN = Path(__file__).with_name("rates.csv")
SEED, REPLICATES = 42, 10
STIMULI = tuple(stimuli())
STATES = ("naive", "snl")  # the others are these two with knobs turned
DURATION = {"windup": "4 s"}


def simulated(state, stimulus):
    """Mean and sd over replicates of the rate of every population, Hz."""
    ds = simulate(
        state=state,
        stimulus=stimulus,
        duration=DURATION.get(stimulus, "2 s"),
        set={"circuit.scale": 0.25},
        seed=SEED,
        replicates=REPLICATES,
    )
    return ds["rate"].mean("replicate").values, ds["rate"].std("replicate", ddof=1).values


def frozen():
    with open(FROZEN, newline="") as file:
        return {(row["state"], row["stimulus"], row["population"]): row for row in csv.DictReader(file)}


def tolerance(sd):
    """Return a quarter of the standard error of the mean, Hz: trains, cells and wiring are the same, only
    rounding is not.

    Single and double precision differ by a fiftieth of a standard error at most (seen on one machine, all
    combinations).
    """
    return max(0.02, 0.25 * sd / np.sqrt(REPLICATES))


@pytest.mark.parametrize("stimulus", STIMULI)
@pytest.mark.parametrize("state", STATES)
def test_rates_are_those_frozen(state, stimulus, freezing):
    mean, sd = simulated(state, stimulus)
    if freezing is not None:
        freezing.extend(
            (state, stimulus, name, f"{m:.4f}", f"{s:.4f}")
            for name, m, s in zip(POPULATIONS, mean, sd, strict=True)
        )
        return
    stored = frozen()
    for name, value in zip(POPULATIONS, mean, strict=True):
        row = stored[state, stimulus, name]
        assert value == pytest.approx(float(row["mean"]), abs=tolerance(float(row["sd"]))), (
            f"{name}, {stimulus}, {state}"
        )


def test_every_combination_is_frozen_and_none_is_left_over(freezing):
    if freezing is not None:
        pytest.skip("the numbers are being written")
    wanted = {(state, stimulus, name) for state in STATES for stimulus in STIMULI for name in POPULATIONS}
    assert set(frozen()) == wanted
