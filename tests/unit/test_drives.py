import numpy as np
import pytest

from dhmodel.circuit.drives import Injection, offsets
from dhmodel.circuit.populations import cell_constants
from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import population_sizes, starts

P = resolve()
CELLS = sum(population_sizes(P).values())


def background(noise, sd):
    """The filter of the engine (`equations.SLOW`), for one cell."""
    shared = cell_constants(P)
    keep, fresh = shared["noise_keep"][0], shared["noise_fresh"][0]
    current, trace = 0.0, []
    for white in noise:
        current = keep * current + fresh * sd * white
        trace.append(current)
    return np.array(trace)


def injected(rows, population, current, on):
    """Offsets of the noise of every cell that a current makes."""
    noise = np.zeros((rows, CELLS), np.float32)
    for offset in offsets([Injection(population, current, np.array(on))], P):
        offset.add_to(noise)
    return noise


def test_the_background_current_settles_at_the_injected_one():
    noise = injected(200, "GABA_ISL", 20e-12, [[0.05, 0.15]])
    cell = starts(population_sizes(P))["GABA_ISL"]
    trace = background(noise[:, cell], P["cell.GABA_ISL.noise_sd"])
    assert trace[:50].max() == 0
    assert trace[149] == pytest.approx(20e-12, rel=1e-5)
    assert trace[199] < 0.01e-12


def test_other_populations_are_left_alone():
    noise = injected(20, "WDR", 1e-12, [[0, 1.0]])
    touched = np.flatnonzero(noise.any(axis=0))
    first = starts(population_sizes(P))["WDR"]
    assert touched.tolist() == list(range(first, first + population_sizes(P)["WDR"]))


def test_an_unknown_population_is_named():
    with pytest.raises(InputError, match='unknown population "WDX".*nearest: "WDR"'):
        offsets([Injection("WDX", 1e-12, np.array([[0, 1.0]]))], P)


def test_a_population_without_noise_takes_no_current():
    quiet = resolve(set={"cell.PN.noise_sd": "0 pA"})
    with pytest.raises(InputError, match="cell.PN.noise_sd: got 0"):
        offsets([Injection("PN", 1e-12, np.array([[0, 1.0]]))], quiet)
