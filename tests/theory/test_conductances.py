"""Synaptic conductances of the compiled circuit against their analytic time courses."""

import numpy as np
import pytest

JUMP = 1e-9
SPIKE = 0.005  # s


def double_exponential(t, rise, decay):
    """Course with a peak of one (Roth and van Rossum 2009, Computational Modeling Methods, chapter 6)."""
    peak = rise * decay / (decay - rise) * np.log(decay / rise)
    return (np.exp(-t / decay) - np.exp(-t / rise)) / (np.exp(-peak / decay) - np.exp(-peak / rise))


def peak_time(rise, decay):
    return rise * decay / (decay - rise) * np.log(decay / rise)


def after_source_spike(circuit, receptor, variable, times):
    """Conductance behind a source's synapse, `times` s after its one spike, in jumps; and the target."""
    arrays = circuit.isolated()
    source, target = circuit.lone_synapse(arrays, "from_sources", **{receptor: JUMP})
    found = []
    for t in times:
        feed = circuit.feed(SPIKE + t, {source: [SPIKE]})
        (values,) = circuit.final(arrays, feed, f"cells.{variable}")
        assert np.count_nonzero(values) == 1
        found.append(values[target] / JUMP)
    return np.array(found), target


def after_cell_spike(circuit, receptor, variable, times, pathway="inhibition"):
    """The same behind a cell's synapse, `times` s after its one spike arrives."""
    arrays = circuit.isolated()
    cell, target = circuit.lone_synapse(arrays, pathway, **{receptor: JUMP})
    arrays["cells.v"][cell] = 0.0  # above the spike level: it fires in the first step, once
    delay = arrays[f"{pathway}.delay"][0]
    found = []
    for t in times:
        (values,) = circuit.final(arrays, circuit.feed(t + delay), f"cells.{variable}")
        assert np.count_nonzero(values) == 1
        found.append(values[target] / JUMP)
    return np.array(found), target


# The end of a run falls on a multiple of 10 ms, and so do these times, spike or delay included.
FAST = np.array([0.005, 0.015, 0.035, 0.095])
SLOW = np.array([0.095, 0.495, 0.995, 2.995])


def test_ampa_jumps_and_decays(circuit):
    found, _ = after_source_spike(circuit, "ampa", "g_ampa", FAST)
    assert found == pytest.approx(np.exp(-FAST / circuit.P["synapse.ampa.decay"]), rel=1e-3, abs=1e-6)


def test_nmda_is_a_double_exponential(circuit):
    rise, decay = circuit.P["synapse.nmda.rise"], circuit.P["synapse.nmda.decay"]
    found, _ = after_source_spike(circuit, "nmda", "g_nmda", FAST)
    expected = double_exponential(FAST, rise, decay)
    assert found / found[0] == pytest.approx(expected / expected[0], rel=1e-3)
    # The decaying state is fed by the rising one as of the start of each step: half a step's worth too much.
    excess = circuit.structure.dt / (2 * rise)
    assert found == pytest.approx(expected * (1 + excess), rel=0.002)
    assert excess < 0.03


@pytest.mark.parametrize("population", ["PN", "WDR"])
def test_nk1_rises_to_one_and_falls_over_seconds(circuit, population):
    rise = circuit.P["synapse.nk1.rise_wdr" if population == "WDR" else "synapse.nk1.rise"]
    decay = circuit.P["synapse.nk1.decay"]
    arrays = circuit.isolated()
    to = np.isin(arrays["from_sources.j"], circuit.cells(population))
    synapse = np.flatnonzero(to & (circuit.arrays()["from_sources.nk1"] > 0))[0]
    arrays["from_sources.nk1"][synapse] = JUMP
    target = arrays["from_sources.j"][synapse]
    times = np.append(SLOW, np.round(peak_time(rise, decay), 2) - SPIKE)
    found = []
    for t in times:
        feed = circuit.feed(SPIKE + t, {arrays["from_sources.i"][synapse]: [SPIKE]})
        found.append(circuit.final(arrays, feed, "cells.g_nk1")[0][target] / JUMP)
    assert found[-1] == pytest.approx(1, rel=0.01)
    assert found == pytest.approx(double_exponential(times, rise, decay), rel=0.02)  # a slow step of 1 ms


@pytest.mark.parametrize("receptor", ["gaba_a", "glycine"])
def test_fast_inhibition_arrives_after_its_delay_and_decays(circuit, receptor):
    times = np.array([0.009, 0.019, 0.039])
    found, target = after_cell_spike(circuit, receptor, f"g_{receptor}", times)
    decay = circuit.P[f"synapse.{receptor}.decay"]
    if receptor == "glycine":
        decay = 1 / circuit.arrays()["cells.glycine_rate"][target]
        assert decay in (circuit.P["synapse.glycine.decay"], circuit.P["synapse.glycine.decay_deep"])
    assert found == pytest.approx(np.exp(-times / decay), rel=1e-3)


def test_gaba_b_is_a_double_exponential(circuit):
    rise, decay = circuit.P["synapse.gaba_b.rise"], circuit.P["synapse.gaba_b.decay"]
    times = np.array([0.029, 0.089, 0.199, 0.399])
    found, _ = after_cell_spike(circuit, "gaba_b", "g_gaba_b", times)
    assert found == pytest.approx(double_exponential(times, rise, decay), rel=0.03)  # a slow step of 1 ms


@pytest.mark.parametrize("times_half", [0.1, 1.0, 10.0])
def test_gaba_b_channels_open_cooperatively(circuit, times_half):
    """A conductance g that receptors would open alone opens g * g/(g + half), with what else is potassium."""
    half, cells = circuit.P["synapse.gaba_b.half"], circuit.structure.cells
    arrays = circuit.isolated()
    arrays["cells.g_gaba_b"] = np.full(cells, times_half * half)
    drive, opened = circuit.final(arrays, circuit.feed(0.01), "cells.g_gaba_b", "cells.g_slow_k")
    share = drive / (drive + half)
    assert opened - circuit.arrays()["cells.tonic_k"] == pytest.approx(drive * share, rel=1e-4)


def test_excitation_between_cells_arrives_after_its_delay(circuit):
    times = np.array([0.009, 0.019])
    found, _ = after_cell_spike(circuit, "ampa", "g_ampa", times, pathway="excitation")
    assert found == pytest.approx(np.exp(-times / circuit.P["synapse.ampa.decay"]), rel=1e-3)


def test_descending_potassium_conductance_decays(circuit):
    times = np.array([0.009, 0.019, 0.039, 0.099])
    found, _ = after_cell_spike(circuit, "mod", "g_mod", times, pathway="supraspinal")
    assert found == pytest.approx(np.exp(-times / circuit.P["synapse.modulatory.decay"]), rel=0.006)


def test_depression_follows_the_recursion(circuit):
    """Release of a regular train: x' = 1 - (1 - x(1 - U)) exp(-1/(f tau)); Tsodyks and Markram 1997."""
    source = int(circuit.sources("AB")[0])
    spent, tau = circuit.P["terminal.AB.depression"], circuit.P["terminal.AB.recovery"]
    for frequency, number in ((10, 1), (10, 2), (10, 30), (50, 5), (50, 100)):
        x = 1.0
        for _ in range(number - 1):
            x = 1 - (1 - x * (1 - spent)) * np.exp(-1 / (frequency * tau))
        train = 0.001 + np.arange(number) / frequency
        feed = circuit.feed(train[-1] + 0.004, {source: train})
        (release,) = circuit.final(circuit.isolated(), feed, "sources.release")
        assert release[source] == pytest.approx(x, rel=1e-4)


@pytest.mark.parametrize("frequency", [20, 50, 100])
def test_depression_settles_at_the_mean_field_value(circuit, frequency):
    source = int(circuit.sources("AB")[0])
    spent, tau = circuit.P["terminal.AB.depression"], circuit.P["terminal.AB.recovery"]
    train = np.arange(0.001, 3, 1 / frequency)
    (release,) = circuit.final(circuit.isolated(), circuit.feed(3.0, {source: train}), "sources.release")
    assert release[source] == pytest.approx(1 / (1 + spent * frequency * tau), rel=0.05)


def test_fibres_without_depression_release_the_same_every_time(circuit):
    source = int(circuit.sources("CP")[0])
    assert circuit.P["terminal.CP.depression"] == 0
    feed = circuit.feed(1.0, {source: np.arange(0.001, 1, 0.02)})
    (release,) = circuit.final(circuit.isolated(), feed, "sources.release")
    assert release[source] == 1


def test_tonic_conductances_pull_the_resting_potential(circuit):
    """Rest of a cell with a tonic conductance: mean of the reversal potentials, weighted by conductance."""
    cell, c = int(circuit.cells("PN")[-1]), circuit.arrays()  # a tonic cell, without adaptation at rest
    leak, rest = (c[f"cells.{name}"][cell] for name in ("leak", "rest"))
    for name, reversal in (
        ("tonic_k", circuit.P["synapse.potassium_reversal"]),
        ("tonic_chloride", c["cells.e_chloride"][cell]),
    ):
        arrays = circuit.isolated(**{f"cells__{name}": 2e-9})
        (v,) = circuit.final(arrays, circuit.feed(0.4), "cells.v")
        assert v[cell] == pytest.approx((leak * rest + 2e-9 * reversal) / (leak + 2e-9), abs=2e-4)


@pytest.mark.parametrize("receptor", ["pad", "pad_slow", "gaba_b"])
def test_presynaptic_inhibition_lowers_release_and_decays(circuit, receptor):
    source, drive, wait = int(circuit.sources("CP")[0]), 0.5, 0.1
    gain = circuit.P[f"terminal.CP.{'gaba_b' if receptor == 'gaba_b' else 'pad'}_gain"]
    arrays = circuit.isolated()
    arrays[f"sources.{receptor}"] = np.full(circuit.structure.sources, drive)
    (release,) = circuit.final(arrays, circuit.feed(wait + 0.004, {source: [wait]}), "sources.release")
    left = drive * np.exp(-wait / circuit.P[f"terminal.{receptor}_decay"])
    assert release[source] == pytest.approx(1 - gain * left, rel=2e-3)


@pytest.mark.parametrize("steady", [0.0, 0.4, 1.0])
def test_the_steady_share_of_release_does_not_depress(circuit, steady):
    arrays = circuit.isolated()
    source, target = circuit.lone_synapse(arrays, "from_sources", ampa=JUMP, steady=steady)
    arrays["sources.depletion"][source], arrays["sources.recovery"][source] = 0.5, 10.0
    (g,) = circuit.final(arrays, circuit.feed(0.5, {source: [0.001, 0.499]}), "cells.g_ampa")
    (once,) = circuit.final(arrays, circuit.feed(0.5, {source: [0.499]}), "cells.g_ampa")
    assert g[target] / once[target] == pytest.approx(steady + (1 - steady) * 0.5, abs=0.03)


def test_inhibitory_boutons_run_out_and_recover(circuit):
    """A spike sends x = 1 - (1 - x')exp(-t/tau) of the vesicles, leaves x(1 - U); and so the synapse acts."""
    left, since, tau, spent = 0.3, 0.1, circuit.P["terminal.GABA_PV.recovery"], 0.2
    arrays = circuit.isolated()
    cell, target = circuit.lone_synapse(arrays, "inhibition", gaba_a=JUMP)
    arrays["cells.v"][cell] = 0.0  # above the spike level: it fires in the first step, once
    arrays["cells.resource"][cell], arrays["cells.t_last"][cell] = left, -since
    arrays["cells.depletion"][cell], arrays["cells.recovery"][cell] = spent, tau
    run = 0.01
    found = circuit.final(
        arrays, circuit.feed(run), "cells.release", "cells.resource", "cells.g_gaba_a", "cells.t_last"
    )
    release, resource, conductance, last = (values.astype(float) for values in found)
    x = 1 - (1 - left) * np.exp(-since / tau)
    assert release[cell] == pytest.approx(x, rel=1e-3)
    assert resource[cell] == pytest.approx(x * (1 - spent), rel=1e-3)
    assert last[cell] == pytest.approx(0, abs=circuit.structure.dt)
    after = run - arrays["inhibition.delay"][0]
    expected = JUMP * x * np.exp(-after / circuit.P["synapse.gaba_a.decay"])
    assert conductance[target] == pytest.approx(expected, rel=1e-3)


def test_only_inhibitory_cells_of_the_horn_run_out(circuit):
    arrays = circuit.arrays()
    inhibitory = np.concatenate([circuit.cells(name) for name in ("GABA_PV", "GABA_DYN", "GABA_ISL", "GLY")])
    depletes = np.flatnonzero(arrays["cells.depletion"])
    assert np.array_equal(np.sort(inhibitory), depletes)
    assert arrays["cells.depletion"][inhibitory[0]] == circuit.P["terminal.GABA_PV.depression"]
