"""Read-outs of populations that take turns, from spikes with known answers."""

from types import SimpleNamespace

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.evidence.asking.turns import phase, turn, waiting


class Given:
    """A trial of 20 s with given spikes: population to (times, cells) of its one replicate."""

    plan = SimpleNamespace(duration=20.0)

    def __init__(self, **spikes):
        self._spikes = spikes

    def spikes(self, population):
        times, cells = self._spikes[population]
        return [(np.asarray(times, float), np.asarray(cells, int))]

    def cells(self, population):
        return 2


def alternating(length, rate=10):
    """ON fires for `length` s, then OFF, and so on, both cells of a class alike."""
    times = np.arange(0.05, 20, 1 / rate)
    first = (times // length) % 2 == 0
    both = [(np.repeat(times[one], 2), np.tile([0, 1], one.sum())) for one in (first, ~first)]
    return Given(ON=both[0], OFF=both[1])


@pytest.mark.parametrize("length", [2, 4, 5])
def test_turns_have_their_length_and_are_out_of_phase(length):
    run = alternating(length)
    assert turn(run, "ON", "OFF").item() == pytest.approx(length)
    assert phase(run, "ON", "OFF").item() == pytest.approx(-1)
    assert phase(run, "ON", "ON").item() == pytest.approx(1)


def test_a_run_without_two_changes_has_no_turn():
    assert np.isnan(turn(alternating(15), "ON", "OFF").item())


def test_waiting_is_the_time_to_the_next_spike_of_each_cell():
    run = Given(OFF=([1.0, 3.0, 5.0, 7.5], [0, 1, 0, 0]))
    assert waiting(run, "OFF", 3.0).values.tolist() == [[2.0, 0.0]]
    assert waiting(run, "OFF", 4.0).values.tolist() == [[1.0, 16.0]]  # what is left of the run


def test_a_time_outside_of_the_run_is_refused():
    with pytest.raises(InputError, match="20 s is no time of a run of 20 s"):
        waiting(Given(OFF=([], [])), "OFF", 20.0)
