import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.evidence.asking import readouts
from dhmodel.evidence.asking.trials import Trial
from dhmodel.parameters.layout import population_sizes
from dhmodel.recording import Recording
from dhmodel.simulate import plan

LENGTH = 2.0


@pytest.fixture(scope="module")
def made():
    return plan("tonic", duration=f"{LENGTH} s", set={"circuit.scale": 0.1})


@pytest.fixture
def trial(made):
    """Write down what one replicate fired: population to times by cell; pulses at 0.5 and 1.5 s."""

    def write(**fired):
        sizes = population_sizes(made.parameters)
        first = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
        spikes = [
            (time, first[name] + cell)
            for name, cells in fired.items()
            for cell, times in enumerate(cells)
            for time in times
        ]
        times, neurons = np.array(spikes).T
        pulses = np.array([0.5, 1.5])
        one = Recording(times, neurons.astype(int), sizes, LENGTH, pulses, np.empty(0), {})
        return Trial(made, [one])

    return write


def test_several_populations_are_one_whose_cells_count_alike(trial):
    run = trial(EX=[[0.1, 0.2, 0.3]], PN=[[0.4]])
    sizes = run.recordings[0].sizes
    assert run.cells("EX+PN") == sizes["EX"] + sizes["PN"]
    assert readouts.rate(run, "EX+PN").item() == pytest.approx(4 / LENGTH / run.cells("EX+PN"))
    assert readouts.active(run, "EX+PN").item() == pytest.approx(1 / run.cells("EX+PN"))
    each = readouts.cells(run, "EX+PN").values[0]
    assert each[[0, sizes["EX"]]] == pytest.approx([1.5, 0.5])


def test_rate_of_cells_after_pulses(trial):
    run = trial(WDR=[[0.505, 0.515, 1.505], [0.45, 1.0]])
    after = readouts.cells_after(run, "WDR", 0.0, 0.02).values[0]
    before = readouts.cells_after(run, "WDR", -0.1, 0.0).values[0]
    assert after[:2] == pytest.approx([3 / 2 / 0.02, 0.0])
    assert before[:2] == pytest.approx([0.0, 1 / 2 / 0.1])
    assert readouts.cells_after(run, "WDR", 0.0, 0.02, 1, 2).values[0, 0] == pytest.approx(1 / 0.02)


def test_pulses_whose_window_is_cut_short_do_not_count(trial):
    run = trial(WDR=[[1.2]])
    assert readouts.cells_after(run, "WDR", 0.6, 0.8).values[0, 0] == pytest.approx(1 / 0.2)


def test_a_late_spike_is_no_answer(trial):
    run = trial(PN=[[0.51, 1.53], [0.9]])
    found = readouts.latency(run, "PN", within=0.1).values[0]
    assert found[0] == pytest.approx(0.02)
    assert np.isnan(found[1:]).all()
    assert readouts.latency(run, "PN").values[0, 1] == pytest.approx(0.4)


def test_a_parameter_of_the_run(trial):
    run = trial(WDR=[[1.0]])
    assert readouts.parameter(run, "synapse.gaba_a.decay").item() == pytest.approx(0.02)
    with pytest.raises(InputError, match='no parameter "tonic.polarity" that is a number'):
        readouts.parameter(run, "tonic.polarity")
