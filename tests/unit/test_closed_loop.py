"""The controller, the loops that it must stop, and the plant of fibres that it acts on."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from dhmodel.errors import DHModelError, InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.axon import Axon, Bank
from dhmodel.stimulation.closed_loop import (
    Controller,
    LoopDiverged,
    closed_loop,
    compare,
    open_loop,
    prescribe,
)
from dhmodel.stimulation.ecap import amplitudes, responses
from dhmodel.stimulation.motion import motion
from dhmodel.stimulation.plant import BankPlant, Disturbance, Response, at_rest, disturbance, single_pulse
from dhmodel.stimulation.recorder import recorder
from dhmodel.stimulation.regulation import regulate
from dhmodel.stimulation.waveforms import Channel, Schedule, Shape, segments

SLOPE = 0.1  # V/A of the stand-in


@dataclass
class Line:
    """A plant that is zero below 1 mA and linear above; `gain` is what the disturbance makes of a current."""

    gain: np.ndarray
    noise: float = 0.0
    sent: int = 0

    @property
    def times(self):
        return np.arange(self.gain.size) * 0.02

    def pulse(self, number, amperes):
        assert number == self.sent
        self.sent += 1
        worth = amperes * self.gain[number]
        ecap = SLOPE * max(worth - 1e-3, 0.0)
        heard = ecap + self.noise * np.random.default_rng(number).standard_normal()
        return Response(worth, heard, ecap, max(worth - 1e-3, 0.0) / 1e-3, 2e-3 / self.gain[number])


def controller(**change):
    good = {
        "target": 30e-6,
        "start": 1.3e-3,
        "lowest": 0.1e-3,
        "highest": 4e-3,
        "step": 0.13e-3,
        "slope": SLOPE,
    }
    judged = {"gain": 0.3, "memory": 1, "compensation": 0.0, "watch": 50, "bound": 1.0}
    return Controller(**(good | judged | change))


def swaying(pulses=3000):
    times = np.arange(pulses) * 0.02
    return 1 + 0.25 * np.sin(2 * np.pi * 0.25 * times) + 0.2 * (times > 20)


def test_the_loop_finds_the_current_that_a_step_asks_for():
    loop = closed_loop(Line(np.where(np.arange(400) < 100, 1.0, 0.5)), controller())
    assert loop.amperes[90] == pytest.approx(1.3e-3)
    assert loop.amperes[-1] == pytest.approx(2.6e-3, rel=1e-3)
    assert loop.ecap[-1] == pytest.approx(30e-6, rel=1e-3)
    assert loop.worth[-1] == pytest.approx(1.3e-3, rel=1e-3)


def test_closed_loop_holds_what_open_loop_does_not():
    still = closed_loop(Line(swaying()), controller())
    fixed = open_loop(Line(swaying()), 1.3e-3, 30e-6)
    found = compare(still, fixed, (1e-3, 1.6e-3), 0.2e-3)
    assert found["recruited_sd_ratio"] < 0.2
    assert found["deviation_ratio"] < 0.2
    assert found["in_window_closed"] > 0.99 > 0.8 > found["in_window_open"]
    assert (fixed.amperes == 1.3e-3).all()
    assert found["charge_open"] == pytest.approx(3000 * 1.3e-3 * 0.2e-3)
    assert found["deviation_open"] == pytest.approx(np.abs(fixed.measured - 30e-6).mean())


def test_the_comparison_has_no_ratio_where_open_loop_does_not_vary():
    still = Line(np.full(100, 0.5))  # recruits nothing
    loop = open_loop(still, 1.3e-3, 30e-6)
    assert np.isnan(compare(loop, loop, (1e-3, 2e-3), 2e-4)["recruited_sd_ratio"])


def test_current_keeps_within_step_and_limits():
    limits = controller(highest=1.5e-3, lowest=1.2e-3)
    loop = closed_loop(Line(np.concatenate([np.full(100, 0.2), np.full(100, 3.0)])), limits)
    assert loop.amperes.max() == 1.5e-3
    assert loop.amperes.min() == 1.2e-3
    assert np.abs(np.diff(closed_loop(Line(swaying()), controller(step=5e-6)).amperes)).max() <= 5.001e-6


def test_memory_averages_the_last_potentials():
    heard = np.array([0.0, 10e-6, 40e-6, 50e-6])
    one, two = (controller(memory=memory, step=1.0).next(1.3e-3, heard) for memory in (1, 2))
    assert one == pytest.approx(1.3e-3 + 0.3 * (30e-6 - 50e-6) / SLOPE)
    assert two == pytest.approx(1.3e-3 + 0.3 * (30e-6 - 45e-6) / SLOPE)


def test_compensation_corrects_for_a_lead_that_hears_less():
    plain, corrected = controller(), controller(compensation=1.0)
    assert plain.heard(20e-6, 2.6e-3) == 20e-6
    assert corrected.heard(20e-6, 2.6e-3) == pytest.approx(40e-6)


@pytest.mark.parametrize("gain", [2.5, 5.0, 50.0])
def test_an_oscillating_loop_is_stopped_with_its_trace(gain):
    noisy = Line(np.ones(3000), noise=1e-6)
    with pytest.raises(LoopDiverged, match=f"oscillates.*loop.gain is {gain:g}") as stopped:
        closed_loop(noisy, controller(gain=gain))
    trace = stopped.value.trace
    assert noisy.sent == trace.time.size < 300
    assert trace.amperes.shape == trace.ecap.shape == trace.distance.shape == trace.time.shape
    assert np.ptp(trace.amperes[-20:]) > 0.1e-3
    assert isinstance(stopped.value, DHModelError)
    assert "\n" not in str(stopped.value)


def test_a_slow_oscillation_of_a_loop_with_memory_is_stopped():
    with pytest.raises(LoopDiverged, match="oscillates"):
        closed_loop(Line(np.ones(3000), noise=1e-6), controller(gain=4.0, memory=4, step=1e-3))


@pytest.mark.parametrize(("worth", "limit"), [(1.3, "upper limit"), (0.9, "lower limit")])
def test_feedback_of_the_wrong_sign_is_stopped(worth, limit):
    with pytest.raises(LoopDiverged, match=limit):
        closed_loop(Line(np.full(3000, worth)), controller(gain=-0.3))


def test_a_potential_that_is_not_finite_stops_the_loop():
    gain = np.ones(100)
    gain[40] = np.inf
    with pytest.raises(LoopDiverged, match="not finite") as stopped:
        closed_loop(Line(gain), controller())
    assert stopped.value.trace.time.size == 41


def test_a_good_loop_is_not_stopped():
    # too weak at its limit, then fast and deep disturbances, and much noise
    weak = closed_loop(Line(np.full(500, 0.2)), controller())
    assert (weak.amperes[-100:] == 4e-3).all()
    coughs = np.where(np.arange(3000) % 250 < 15, 2.0, 1.0)
    assert closed_loop(Line(coughs, noise=5e-6), controller()).time.size == 3000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"target": 0.0}, "target is 0"),
        ({"slope": -1.0}, "slope is -1"),
        ({"start": np.nan}, "start is nan"),
        ({"gain": np.inf}, "loop.gain: got inf"),
        ({"memory": 0}, "loop.memory: got 0, allowed: at least 1"),
    ],
)
def test_impossible_controllers_are_refused(change, says):
    with pytest.raises(InputError, match=says):
        controller(**change)


def growth(amperes):
    return SLOPE * max(amperes - 1e-3, 0.0)


def test_a_prescription_takes_target_and_slope_from_the_growth_of_the_response():
    P = resolve(set={"loop.dose": 1.4, "loop.step": 0.05, "loop.ceiling": 2})
    made = prescribe(P, growth, 1e-3)
    assert made.start == pytest.approx(1.4e-3)
    assert made.target == pytest.approx(40e-6)
    assert made.slope == pytest.approx(SLOPE)
    assert (made.step, made.highest) == pytest.approx((0.07e-3, 2.8e-3))


def test_a_target_in_volts_sets_the_current():
    made = prescribe(resolve(set={"loop.target": "25 uV"}), growth, 1e-3)
    assert made.target == pytest.approx(25e-6)
    assert made.start == pytest.approx(1.25e-3)


def test_targets_out_of_reach_are_refused():
    with pytest.raises(InputError, match="loop.target: got 5000 uV, allowed: up to 900 uV"):
        prescribe(resolve(set={"loop.target": "5 mV"}), growth, 1e-3)
    with pytest.raises(InputError, match="does not grow with the current at 0.5 mA"):
        prescribe(resolve(set={"loop.dose": 0.5}), growth, 1e-3)


FIBRES = 120


def bank():
    """Fibres whose threshold at 0.2 ms lies at 0.8 to 1.6 mA."""
    model = Axon(
        tau=(0.04e-3, 0.25e-3, 1e-3),
        activation_tau=1e-9,
        accommodation=0.3,
        accommodation_tau=3e-3,
        accommodation_linear=1.0,
        relative=1.0,
        relative_tau=0.7e-3,
        supernormal=0.0,
        supernormal_tau=3e-3,
        fatigue=0.0,
        fatigue_tau=30.0,
        noise=0.01,
        noise_tau=1e-3,
    )
    gains = np.zeros((FIBRES, 1, 3, 1))
    gains[:, 0, 1, 0] = -1 / (np.linspace(0.8e-3, 1.6e-3, FIBRES) * -np.expm1(-0.8))
    keys = np.random.default_rng(0).integers(0, 2**63, FIBRES).astype(np.uint64)
    return Bank(model, gains, np.full(FIBRES, 0.7e-3), keys)


def schedule(pulses=100, gap=0.02):
    zero = np.zeros(pulses, dtype=np.int64)
    shape = Shape(np.array([0.0, 0.25e-3]), np.array([0.2e-3, 0.2e-3]), np.array([-1.0, 1.0]))
    return Schedule(
        0.005 + np.arange(pulses) * gap,
        np.ones(pulses),
        zero,
        zero,
        (shape,),
        (Channel("closed_loop", {0: 1.0}),),
    )


VELOCITY = np.linspace(25.0, 40.0, FIBRES)


def record(P=None):
    return recorder(P or resolve(), "rat", np.full(FIBRES, 6e-6), VELOCITY, np.full(FIBRES, 0.5e-3))


def at_peace(pulses=100):
    return Disturbance(*np.ones((3, pulses)))


def test_the_plant_is_the_bank_and_its_recording():
    pulses, amperes = schedule(30), 1.3e-3 * (1 + 0.1 * np.sin(np.arange(30)))
    plant = BankPlant(bank(), record(), pulses, at_peace(30), 1, 0)
    found = [plant.pulse(number, current) for number, current in enumerate(amperes)]
    whole = bank().advance(segments(pulses, amperes, 0.005, 0.7))
    expected = amplitudes(responses(record(), pulses.times, whole))
    assert [response.ecap for response in found] == pytest.approx(expected.tolist(), rel=1e-3)
    assert np.array_equal(plant.launched().pulse, whole.pulse)
    assert np.array_equal(plant.launched().fibre, whole.fibre)
    counts = np.bincount(whole.pulse, minlength=30) / FIBRES
    assert [response.recruited for response in found] == pytest.approx(counts.tolist())


def test_a_disturbance_changes_the_worth_of_current_and_potential():
    near = replace(at_peace(2), current=np.array([1.0, 1.25]), potential=np.array([1.0, 2.0]))
    plant, other = (BankPlant(bank(), record(), schedule(2), near, 1, 0) for _ in range(2))
    plain = BankPlant(bank(), record(), schedule(2), at_peace(2), 1, 0)
    plant.pulse(0, 1e-3), plain.pulse(0, 1e-3), other.pulse(0, 1e-3)
    assert plant.pulse(1, 1e-3).ecap == pytest.approx(2 * plain.pulse(1, 1.25e-3).ecap)
    assert other.pulse(1, 1e-3).worth == 1.25e-3


def test_noise_comes_from_a_named_stream_and_has_its_spread():
    P = resolve(set={"ecap.noise": "3 uV"})

    def noise(seed):
        loop = open_loop(BankPlant(bank(), record(P), schedule(300), at_peace(300), seed, 0), 1.2e-3, 1e-6)
        return loop.measured - loop.ecap

    one, again, other = noise(1), noise(1), noise(2)
    assert one.std() == pytest.approx(np.sqrt(2) * 3e-6, rel=0.15)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_growth_at_rest_is_zero_below_threshold():
    grown = at_rest(bank, record(), schedule())
    assert grown(0.5e-3) == 0
    assert 0 < grown(1.0e-3) < grown(1.2e-3) < grown(1.4e-3)


@pytest.mark.parametrize(
    ("pulses", "says"),
    [
        (schedule(3, gap=0.5e-3), "got pulses 0.5 ms apart, allowed: at least 0.61 ms"),
        (replace(schedule(2), scale=np.array([1.0, 2.0])), "all of one shape, scale and channel"),
        (schedule(0), "one or more pulses"),
    ],
)
def test_pulses_that_a_loop_cannot_use_are_refused(pulses, says):
    with pytest.raises(InputError, match=says):
        single_pulse(pulses)


def test_closed_loop_rejects_movement_on_fibres():
    P, pulses = resolve(), schedule(1000)
    moves = motion(P, 0.5e-3, 20, 1, 0, [(0, "sitting"), (5, "lying"), (12, "standing")])
    disturbed = disturbance(moves, lambda h: h**-1.0, record(P), VELOCITY, pulses.times)
    assert disturbed.distance == pytest.approx(moves.distance(pulses.times))
    made = prescribe(P, at_rest(bank, record(P), pulses), 0.85e-3)

    def plant():
        return BankPlant(bank(), record(P), pulses, disturbed, 1, 0)

    found = compare(
        closed_loop(plant(), made), open_loop(plant(), made.start, made.target), (0.85e-3, 1.36e-3), 2e-4
    )
    assert found["recruited_sd_ratio"] < 0.4
    assert found["in_window_closed"] > found["in_window_open"] + 0.1


def test_regulation_of_the_reference_fibres():
    pulses = schedule(300)
    timetable = [(0, "sitting"), (2, "lying")]
    made = regulate(resolve(), pulses, 1, 0, timetable)
    found = made.report()
    assert found["recruited_sd_ratio"] < 0.5
    assert found["deviation_closed"] < found["deviation_open"]
    data = made.dataset()
    assert data.ecap.dims == ("loop", "pulse")
    assert data.sizes == {"loop": 2, "pulse": 300}
    assert all("units" in data[name].attrs and "long_name" in data[name].attrs for name in data.data_vars)
    assert data.attrs["in_window_closed"] == float(data.in_window.sel(loop="closed").mean())
    again = regulate(resolve(), pulses, 1, 0, timetable)
    assert np.array_equal(again.closed.amperes, made.closed.amperes)
    assert not np.array_equal(
        regulate(resolve(), pulses, 2, 0, timetable).closed.amperes, made.closed.amperes
    )
