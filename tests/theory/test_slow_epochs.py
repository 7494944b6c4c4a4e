"""The loop of epochs against solutions on paper, and against many short epochs that project nothing."""

import numpy as np
import pytest

from dhmodel.errors import EngineError
from dhmodel.slow.epochs import FINEST, LARGEST, Stretch, advance

HOUR = 3600.0


def stretch(field, on, off=None, rest=0.0, stop=HOUR, acting=None, start=0.0):
    on = np.atleast_1d(np.asarray(on, dtype=float))
    return Stretch(
        start,
        stop,
        np.broadcast_to(np.asarray(rest, dtype=float), on.shape),
        on,
        on if off is None else np.atleast_1d(np.asarray(off, dtype=float)),
        np.ones(on.shape),
        np.ones(on.shape, dtype=bool) if acting is None else np.asarray(acting),
        field,
    )


def towards_drive(drives):
    """Every state relaxes towards the drive."""
    return lambda states: np.full(states.shape, drives["u"])


class Fake:
    """A circuit whose drive is a function of the states; counts its epochs."""

    def __init__(self, of):
        self.of, self.epochs = of, 0

    def __call__(self, states):
        self.epochs += 1
        return {"u": float(self.of(states))}


def run(one, states, fake, tolerance=0.02, times=()):
    states = np.atleast_1d(np.asarray(states, dtype=float))
    return advance(one, states, np.zeros(states.shape), fake, tolerance, times)


@pytest.mark.parametrize(("begin", "aim", "tau"), [(0.0, 1.0, 600.0), (1.0, 0.25, 90.0)])
def test_constant_drive_is_the_exponential(begin, aim, tau):
    times = np.linspace(0, HOUR, 13)
    one = stretch(towards_drive, on=600.0, off=90.0)
    track = run(one, begin, Fake(lambda _: aim), times=times)
    found = [sample.states[0] for sample in track.samples]
    assert np.allclose(found, aim + (begin - aim) * np.exp(-times / tau), atol=1e-12)
    assert [sample.time for sample in track.samples] == times.tolist()
    assert track.error.max() < 1e-12


def test_nothing_moves_at_rest_and_costs_one_epoch_at_each_end_whatever_the_time():
    for stop in (60.0, HOUR, 1000 * HOUR):
        fake = Fake(lambda _: 0.3)
        track = run(stretch(towards_drive, on=[60.0, 1e5], rest=0.3, stop=stop), [0.3, 0.3], fake)
        assert track.states.tolist() == [0.3, 0.3] and track.error.tolist() == [0, 0]
        assert fake.epochs == 2


def linear(gain):
    """A circuit with u = 1 + gain * x, and the solution of the equation that it closes."""
    return Fake(
        lambda states: 1 + gain * states[0]
    ), lambda t, tau: (1 - np.exp(-(1 - gain) * t / tau)) / (1 - gain)


@pytest.mark.parametrize("gain", [-2.0, -0.5, 0.4])
def test_feedback_through_the_circuit_converges_with_the_tolerance(gain):
    errors, epochs = [], []
    for tolerance in (0.04, 0.02, 0.01, 0.005):
        fake, solution = linear(gain)
        times = np.linspace(0, 2000.0, 41)
        track = run(stretch(towards_drive, on=900.0, stop=2000.0), 0.0, fake, tolerance, times)
        found = np.array([sample.states[0] for sample in track.samples])
        errors.append(np.abs(found - solution(times, 900.0)).max())
        epochs.append(fake.epochs)
        assert errors[-1] <= tolerance
    assert errors[-1] < errors[0] / 4 and epochs == sorted(epochs)


@pytest.mark.parametrize("gain", [-2.0, -0.5, 0.4])
def test_the_estimate_is_of_the_size_of_the_error(gain):
    times = np.linspace(0, 2000.0, 9)[1:]
    fake, solution = linear(gain)
    track = run(stretch(towards_drive, on=900.0, stop=2000.0), 0.0, fake, 0.02, times)
    true = np.array([abs(sample.states[0] - solution(sample.time, 900.0)) for sample in track.samples])
    told = np.array([sample.error[0] for sample in track.samples])
    assert np.all(true <= told) and told.max() < 0.2


def test_the_loop_equals_short_epochs_that_project_nothing():
    """Step doubling against a brute-force run: an epoch every 5 s and every 2.5 s, on a shortened problem."""

    def of(states):
        return 1 / (1 + np.exp(4 * states[0] - 2)) + 0.3 * states[1] ** 2

    def field(drives):
        return lambda states: np.array([drives["u"], 0.5 * drives["u"] + 0.4 * states[0]])

    def brute(step):
        states = np.array([0.0, 0.0])
        taus = np.array([40.0, 200.0])
        for _ in range(round(600 / step)):
            aim = field({"u": of(states)})(states)
            states = aim + (states - aim) * np.exp(-step / taus)
        return states

    reference = 2 * brute(2.5) - brute(5.0)  # first order: the two differ by the error of the finer one
    fake = Fake(of)
    one = stretch(field, on=[40.0, 200.0], stop=600.0)
    fine = run(one, [0.0, 0.0], Fake(of), tolerance=0.002).states
    assert np.allclose(fine, reference, atol=1e-3)
    track = run(one, [0.0, 0.0], fake, tolerance=0.02)
    assert np.all(np.abs(track.states - reference) <= np.maximum(track.error, 0.005))
    assert fake.epochs < 30  # where the brute-force run takes 120


def test_cost_grows_with_what_changes_and_not_with_time():
    def epochs(stop):
        fake = Fake(lambda states: 1 - 0.8 * states[0])
        run(stretch(towards_drive, on=600.0, stop=stop), 0.0, fake)
        return fake.epochs

    assert epochs(1e7) <= epochs(1e4) + 3


def test_a_state_that_does_not_act_asks_for_no_epochs():
    fake = Fake(lambda _: 1.0)
    one = stretch(towards_drive, on=[600.0, 700.0], acting=[False, False])
    run(one, [0.0, 0.0], fake)
    assert fake.epochs == 2
    acting = Fake(lambda _: 1.0)
    run(stretch(towards_drive, on=[600.0, 700.0]), [0.0, 0.0], acting)
    assert acting.epochs > 5


def test_away_from_rest_is_on_and_back_is_off_whichever_the_sign():
    def ends(begin, aim):
        one = stretch(towards_drive, on=100.0, off=1000.0, rest=0.5, stop=100.0)
        return run(one, begin, Fake(lambda _: aim)).states[0]

    for sign in (1, -1):
        away = 0.5 + sign * 0.3
        assert ends(0.5, away) == pytest.approx(0.5 + sign * 0.3 * (1 - np.exp(-1)), abs=1e-9)
        assert ends(away, 0.5) == pytest.approx(0.5 + sign * 0.3 * np.exp(-0.1), abs=1e-9)


def test_stretches_end_to_end_are_one_course():
    """A course that is cut where nothing changes moves on where it was."""
    times = np.linspace(0, HOUR, 7)
    whole = run(stretch(towards_drive, on=700.0), 0.0, Fake(lambda _: 0.8), times=times)
    first = run(stretch(towards_drive, on=700.0, stop=1500.0), 0.0, Fake(lambda _: 0.8))
    second = run(stretch(towards_drive, on=700.0, start=1500.0), first.states, Fake(lambda _: 0.8))
    assert second.states == pytest.approx(whole.states, abs=1e-12)


def test_noise_of_the_circuit_does_not_stall_the_loop():
    """Drives that jump with every change of the states, as those of a chaotic circuit do."""
    fake = Fake(lambda states: 0.5 + 0.1 * np.sign(np.sin(1e6 * states[0])))
    track = run(stretch(towards_drive, on=600.0), 0.0, fake, tolerance=0.005)
    assert fake.epochs < 1 / (FINEST * 0.005) * 2
    assert abs(track.states[0] - 0.5) < 0.11


def test_no_step_is_longer_than_the_allowance():
    visited = []

    def of(states):
        visited.append(states[0])
        return 1.0

    advance(stretch(towards_drive, on=600.0), np.zeros(1), np.zeros(1), lambda s: {"u": of(s)}, 0.02)
    assert np.diff(visited).max() <= LARGEST * 0.02 * (1 + 1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_leaves_the_real_numbers_is_an_error(bad):
    with pytest.raises(EngineError, match="drive u is not finite"):
        run(stretch(towards_drive, on=600.0), 0.0, Fake(lambda _: bad))
    with pytest.raises(EngineError, match="a state is not finite"):
        run(stretch(lambda _: lambda states: states * np.nan, on=600.0), 0.0, Fake(lambda _: 1.0))
