"""Isolated cells against the AdEx equations, integrated independently."""

from dataclasses import dataclass

import numpy as np
import pytest

from dhmodel.parameters.layout import HORN, POPULATIONS, class_of, population_sizes

STEPS = 20  # of the oracle, per millisecond


def adex(c, duration):
    """
    Spike times of AdEx cells by Runge-Kutta of fourth order at 0.05 ms, one array per cell.

    `c` holds the cells' parameters by name; Brette and Gerstner 2005 J Neurophysiol 94:3637, equations 1-3.
    """
    capacitance, step = 1 / c["elastance"], 1e-3 / STEPS

    def slopes(v, w):
        spike = c["leak"] * c["slope"] * np.exp(np.minimum((v - c["threshold"]) / c["slope"], 30))
        dv = (c["leak"] * (c["rest"] - v) + spike + c["bias"] - w) / capacitance
        return dv, c["adaptation_rate"] * (c["adaptation_a"] * (v - c["rest"]) - w)

    v, w, wake = c["rest"].copy(), np.zeros_like(c["rest"]), np.zeros_like(c["rest"])
    spikes = [[] for _ in v]
    for n in range(round(duration / step)):
        free = n * step >= wake - 1e-9
        k1 = slopes(v, w)
        k2 = slopes(v + k1[0] * step / 2, w + k1[1] * step / 2)
        k3 = slopes(v + k2[0] * step / 2, w + k2[1] * step / 2)
        k4 = slopes(v + k3[0] * step, w + k3[1] * step)
        dv, dw = ((a + 2 * b + 2 * d + e) * step / 6 for a, b, d, e in zip(k1, k2, k3, k4, strict=True))
        # In the refractory period the potential stands still, adaptation goes on.
        v, w = np.where(free, v + dv, v), w + dw
        for i in np.flatnonzero(v > c["spike_level"]):
            spikes[i].append((n + 1) * step)
            v[i], w[i], wake[i] = (
                c["reset"][i],
                w[i] + c["adaptation_b"][i],
                (n + 1) * step + c["refractory_period"],
            )
    return [np.array(times) for times in spikes]


def rates(trains):
    """Rate between first and last spike, Hz; 0 with fewer than three spikes."""
    return np.array([(t.size - 1) / (t[-1] - t[0]) if t.size > 2 else 0.0 for t in trains])


def by_cell(spikes, cells):
    return [spikes.times[spikes.cells == i] for i in range(cells)]


@dataclass(frozen=True)
class Curve:
    """Every cell under a constant current of its own: its parameters, and its spikes by engine and oracle."""

    population: np.ndarray
    cells: dict
    engine: list
    oracle: list


@pytest.fixture(scope="module")
def curve(circuit):
    arrays = circuit.isolated()
    # Threshold currents of the passive cells, times 0.6 to 4, in another order than that of the cells.
    drive = 0.6 + 3.4 * (np.arange(circuit.structure.cells) * 0.381966 % 1)
    drive *= np.where(arrays["cells.adaptation_a"] > 0, 5, 1)  # which opposes the current
    arrays["cells.bias"] = drive * arrays["cells.leak"] * (arrays["cells.threshold"] - arrays["cells.rest"])
    cells = {
        name.removeprefix("cells."): values if values.size > 1 else values[0]
        for name, values in arrays.items()
        if name.startswith("cells.")
    }
    engine = by_cell(circuit.run(arrays, circuit.feed(1.0)), circuit.structure.cells)
    return Curve(class_of(population_sizes(circuit.P)), cells, engine, adex(cells, 1.0))


def test_f_i_curve_is_that_of_the_equations(curve):
    expected = rates(curve.oracle)
    assert (expected > 20).sum() > 60 and expected.max() > 80
    # Cells that adapt below threshold cease to fire at a bifurcation: see the next test.
    plain = curve.cells["adaptation_a"] == 0
    horn = np.isin(curve.population, HORN)
    # Of faster cells the lag of the next test is over 2 %; one spike more or less where a cell hardly fires.
    told = plain & horn & (expected < 60)
    assert told.sum() > 60
    assert rates(curve.engine)[told] == pytest.approx(expected[told], rel=0.02, abs=0.5)


def test_intervals_lag_by_no_more_than_the_upstroke(curve):
    """The spike current is held over each step: 0.1 ms, up to five of them, whatever the rate."""
    engine, oracle = rates(curve.engine), rates(curve.oracle)
    both = (oracle > 20) & (curve.cells["adaptation_a"] == 0)
    assert set(curve.population[both]) == set(POPULATIONS)
    lag = 1 / engine[both] - 1 / oracle[both]
    assert np.abs(lag).max() < 5e-4


def test_cells_that_adapt_below_threshold_begin_as_the_equations_do(curve):
    bursting = np.flatnonzero(curve.cells["adaptation_a"] > 0)
    pairs = [(curve.engine[i], curve.oracle[i]) for i in bursting]
    assert [a.size > 0 for a, _ in pairs] == [b.size > 0 for _, b in pairs]
    begun = [(a[0], b[0]) for a, b in pairs if b.size]
    assert len(begun) >= 3
    assert [a for a, _ in begun] == pytest.approx([b for _, b in begun], rel=0.01, abs=4e-4)


def test_rheobase_is_the_analytic_one(curve):
    c = curve.cells
    rheobase = c["leak"] * (c["threshold"] - c["rest"] - c["slope"])  # without sub-threshold adaptation
    distance = c["bias"] / rheobase - 1
    clear = (c["adaptation_a"] == 0) & (np.abs(distance) > 0.03)
    fires = np.array([times.size > 0 for times in curve.engine])
    assert clear.sum() > 80 and (distance[clear] < 0).sum() > 5
    assert fires[clear].tolist() == (distance[clear] > 0).tolist()


def test_first_spike_comes_when_the_equations_say(curve):
    both = [
        (a[0], b[0]) for a, b in zip(curve.engine, curve.oracle, strict=True) if a.size > 3 and b.size > 3
    ]
    measured, expected = np.array(both).T
    assert measured.size > 60
    # The spike current is held over each step: the upstroke lags by up to four of them.
    assert measured == pytest.approx(expected, rel=0.01, abs=4e-4)


def test_without_the_a_current_delayed_cells_are_like_others(circuit):
    first = first_spikes(circuit, conductance=0.0)
    assert first["delayed"] == pytest.approx(first["tonic"], rel=1e-6)


def test_the_a_current_delays_the_first_spike(circuit):
    first = first_spikes(circuit, conductance=circuit.P["a_current.delayed.conductance"])
    assert first["delayed"] > 1.5 * first["tonic"]


def first_spikes(circuit, conductance):
    """Time of the first spike of a delayed and of a tonic EX cell, alike in all else."""
    ex = circuit.cells("EX")
    own = circuit.arrays()
    delayed, tonic = ex[0], ex[-1]
    assert own["cells.g_a"][delayed] > 0 and own["cells.g_a"][tonic] == 0
    same = {name: own[f"cells.{name}"].copy() for name in ("elastance", "threshold")}
    for values in same.values():
        values[delayed] = values[tonic]
    bias = np.zeros(circuit.structure.cells)
    rest, leak = circuit.P["cell.EX.rest"], circuit.P["cell.EX.leak"]
    bias[[delayed, tonic]] = 1.6 * leak * (same["threshold"][tonic] - rest)
    g_a = np.where(own["cells.g_a"] > 0, conductance, 0.0)
    arrays = circuit.isolated(
        cells__bias=bias, cells__g_a=g_a, cells__a_inactivation=own["cells.a_inactivation"],
        cells__elastance=same["elastance"], cells__threshold=same["threshold"],
    )  # fmt: skip
    spikes = circuit.run(arrays, circuit.feed(1.0))
    return {
        name: spikes.times[spikes.cells == cell].min()
        for name, cell in (("delayed", delayed), ("tonic", tonic))
    }
