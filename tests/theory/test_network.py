"""What the circuit must do whatever its weights: be silent without input, and fire alike at any size."""

import numpy as np
import pytest

from dhmodel import simulate
from dhmodel.engine.feed import white_noise
from dhmodel.parameters.layout import FIBRE_CLASSES, POPULATIONS
from dhmodel.streams import stream

SILENT = {
    "circuit.scale": 0.25,
    **{f"cell.{name}.noise_sd": "0 pA" for name in POPULATIONS},
    **{f"cell.{name}.bias": "0 pA" for name in POPULATIONS},
    **{f"background.{name}.rate": "0 Hz" for name in FIBRE_CLASSES},
    "pag.drive": 0,
}


def test_silence_without_input():
    ds = simulate(set=SILENT, duration="2 s", spikes=True)
    assert (ds["source_rate"] == 0).all()
    assert (ds["rate"] == 0).all()
    assert sum(ds[f"spike_time_{name}"].size for name in POPULATIONS) == 0


def test_a_pinch_ends_the_silence():
    assert (simulate(set=SILENT, stimulus="pinch", duration="1 s")["rate"].sel(population="WDR") > 1).all()


def test_background_current_is_an_ornstein_uhlenbeck_process(circuit):
    """Variance one and correlation exp(-lag/tau), in units of noise_sd, from white noise in the feed."""
    arrays = circuit.isolated(cells__noise_sd=1e-12)
    noise = white_noise(stream(3, 0, "noise"), 600, circuit.structure.cells)
    tau = circuit.P["cell.noise_tau"]
    ends = np.arange(0.1, 0.5, 0.01)
    runs = [circuit.final(arrays, circuit.feed(end, noise=noise), "cells.i_noise")[0] / 1e-12 for end in ends]
    values = np.array(runs)  # (time, cell); 10 ms are two time constants
    assert values.mean() == pytest.approx(0, abs=0.06)
    assert values.var() == pytest.approx(1, rel=0.07)
    correlation = (values[1:] * values[:-1]).mean() / values.var()
    assert correlation == pytest.approx(np.exp(-0.01 / tau), abs=0.05)


REPLICATES = 12


@pytest.fixture(scope="module", params=["naive", "snl"])
def two_sizes(request):
    """Rates under pinch at half and at full size, (replicate, population), the same seed for both."""
    return [
        simulate(
            state=request.param,
            stimulus="pinch",
            set={"circuit.scale": scale},
            duration="1.5 s",
            seed=21,
            replicates=REPLICATES,
        )["rate"]
        for scale in (0.5, 1.0)
    ]


@pytest.mark.parametrize("population", ["WDR", "PN", "EX", "GLY", "GABA_PV"])
def test_rates_do_not_depend_on_the_size_of_the_circuit(two_sizes, population):
    half, full = (rates.sel(population=population).values for rates in two_sizes)
    # Three standard errors of the difference, as the replicates show it; in-degrees and weights do not scale.
    error = np.sqrt((half.var(ddof=1) + full.var(ddof=1)) / REPLICATES)
    assert half.mean() == pytest.approx(full.mean(), abs=3 * error + 0.05)
