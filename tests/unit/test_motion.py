"""Movements of the lead: what they do to its distance, and what the distance does to a current."""

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.motion import Coughs, Motion, Postures, Rhythm, motion, multiplier, tabulated

TIMES = np.arange(0, 60, 0.01)


def still(**change):
    """No rhythm and no cough, but for what is asked for."""
    quiet = {"breathing.amplitude": 0, "heartbeat.amplitude": 0, "step.amplitude": 0, "cough.rate": "0 Hz"}
    return resolve(set={f"motion.{name}": value for name, value in (quiet | change).items()})


def test_postures_follow_the_timetable():
    P = still()
    moves = motion(P, 4e-3, 60, 1, 0, [(0, "sitting"), (10, "lying"), (30, "standing")])
    at = moves.distance(np.array([5.0, 20.0, 50.0])) / 4e-3
    assert at.tolist() == pytest.approx([1, 1 + P["motion.lying"], 1 + P["motion.standing"]])


def test_each_posture_comes_in_turn_by_default():
    P = still(dwell="10 s")
    at = motion(P, 1e-3, 50, 1, 0).distance(np.array([5.0, 15.0, 25.0, 45.0])) / 1e-3
    assert at.tolist() == pytest.approx([1, 1 + P["motion.lying"], 1 + P["motion.standing"], 1])


def test_a_change_of_posture_takes_its_time():
    change = Postures(np.array([0.0, 10.0]), np.array([0.0, -0.4]), transition=2.0)
    assert change(np.array([10.0, 11.0, 12.0])).tolist() == pytest.approx([0, -0.2, -0.4])


def test_steps_are_taken_only_while_walking():
    moves = motion(still(**{"step.amplitude": 0.05}), 1e-3, 60, 1, 0, [(0, "standing"), (30, "walking")])
    distance = moves.distance(TIMES)
    assert np.ptp(distance[TIMES < 30]) == 0
    assert np.ptp(distance[TIMES > 32]) == pytest.approx(0.1 * 1e-3 * 1.1, rel=0.01)


def test_a_rhythm_has_its_frequency_and_amplitude():
    P = still(**{"breathing.amplitude": 0.03})
    sway = motion(P, 1.0, 400, 1, 0, [(0, "sitting")]).distance(np.arange(0, 400, 0.01)) - 1
    assert sway.max() == pytest.approx(0.03, rel=0.01)
    cycles = np.count_nonzero((sway[1:] >= 0) & (sway[:-1] < 0))
    assert cycles == pytest.approx(400 * P["motion.breathing.frequency"], rel=0.1)


def test_a_cough_is_a_brief_transient():
    cough = Coughs(np.array([1.0]), amplitude=-0.3, duration=0.4)
    assert cough(np.array([0.9, 1.2, 1.5])).tolist() == pytest.approx([0, -0.3, 0])
    assert not Coughs(np.empty(0), -0.3, 0.4)(TIMES).any()


def test_coughs_come_at_their_rate():
    moves = motion(still(**{"cough.rate": "0.5 Hz"}), 1.0, 2000, 1, 0, [(0, "sitting")])
    coughs = next(part for part in moves.parts if isinstance(part, Coughs))
    assert coughs.onsets.size == pytest.approx(1000, abs=100)


def test_movements_multiply():
    moves = Motion(2e-3, (lambda t: np.full(t.shape, 0.1), lambda t: np.full(t.shape, -0.5)))
    assert moves.distance(np.zeros(2)).tolist() == pytest.approx([1.1e-3, 1.1e-3])


def test_same_seed_same_motion_and_a_longer_run_begins_alike():
    P = resolve()
    short, again, other, replicate = (
        motion(P, 1e-3, duration, seed, rep).distance(np.arange(0, 30, 0.01))
        for duration, seed, rep in ((30, 1, 0), (30, 1, 0), (30, 2, 0), (30, 1, 1))
    )
    long = motion(P, 1e-3, 300, 1, 0).distance(np.arange(0, 30, 0.01))
    assert np.array_equal(short, again)
    assert long == pytest.approx(short)
    assert not np.allclose(short, other)
    assert not np.allclose(short, replicate)


def test_no_beat_where_the_frequency_is_zero():
    P = still(**{"heartbeat.amplitude": 0.1, "heartbeat.frequency": "0 Hz"})
    assert np.ptp(motion(P, 1.0, 60, 1, 0, [(0, "sitting")]).distance(TIMES)) == 0


def test_a_lead_that_would_touch_the_cord_is_refused():
    deep = Rhythm(np.arange(0.0, 100.0), 0.99, np.array([[-np.inf, np.inf]]))
    with pytest.raises(InputError, match="allowed: above 0.05"):
        Motion(1e-3, (deep,)).distance(TIMES)


@pytest.mark.parametrize(
    ("timetable", "says"),
    [
        ([(0, "siting")], 'unknown posture "siting".*nearest: "sitting"'),
        ([], "ascending"),
        ([(5, "lying"), (5, "sitting")], "ascending"),
        ([(0, "lying"), (float("nan"), "sitting")], "finite"),
    ],
)
def test_bad_timetables_are_refused(timetable, says):
    with pytest.raises(InputError, match=says):
        motion(resolve(), 1e-3, 10, 1, 0, timetable)


def test_a_current_is_worth_more_when_the_lead_is_near():
    worth = multiplier(lambda h: h**-2.0, np.array([1e-3, 2e-3, 4e-3]), 2e-3)
    assert worth.tolist() == pytest.approx([4, 1, 0.25])


def test_a_table_stands_for_a_costly_coupling():
    calls = []

    def costly(distance):
        calls.append(distance)
        return distance**-1.5

    quick = tabulated(costly, 1e-3, 8e-3)
    made = len(calls)
    distance = np.linspace(1e-3, 8e-3, 500)
    assert quick(distance) == pytest.approx(distance**-1.5, rel=1e-9)
    assert len(calls) == made < 50


def test_bad_couplings_are_refused():
    with pytest.raises(InputError, match="positive ascending"):
        tabulated(lambda h: 1.0, 2e-3, 1e-3)
    with pytest.raises(InputError, match="positive and finite"):
        tabulated(lambda h: 0.0, 1e-3, 2e-3)
