"""Shapes of pulses, trains of events, and the piecewise constant currents they make."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dhmodel.stimulation import timing
from dhmodel.stimulation.waveforms import Channel, Schedule, Segments, active, monophasic, passive, segments

ALL_SHAPES = (
    monophasic(-1, 200e-6),
    active(-1, 200e-6, 50e-6),
    active(1, 100e-6, 0, 0.1),
    passive(-1, 200e-6, 0, 1, 1e-3, 1.0),
    passive(-1, 1e-3, 20e-6, 5, 1e-3, 4e-3),
)


def schedule(times, shapes, shape=0, channel=0, scale=1.0):
    times = np.asarray(times, dtype=float)
    fill = [np.broadcast_to(x, times.shape) for x in (scale, shape, channel)]
    channels = tuple(Channel(f"c{i}", {i: 1.0}) for i in range(int(np.max(channel, initial=0)) + 1))
    return Schedule(times, fill[0].astype(float), fill[1].astype(int), fill[2].astype(int), shapes, channels)


def current(one: Schedule, amperes, channel, times):
    """The current at given times, pulse by pulse and phase by phase."""
    total = np.zeros(times.size)
    for onset, scale, which, of, ampere in zip(
        one.times, one.scale, one.shape, one.channel, amperes, strict=True
    ):
        shape = one.shapes[which]
        for start, width, level in zip(shape.start, shape.width, shape.level, strict=True):
            begin = onset + start
            total += (of == channel) * scale * ampere * level * ((times >= begin) & (times < begin + width))
    return total


def at(made: Segments, times):
    edges = made.start + np.cumsum(made.duration)
    return made.current[np.searchsorted(edges, times, side="right")]


# shapes


@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_phases_are_in_order_and_the_first_is_the_pulse(shape):
    end = shape.start + shape.width
    assert shape.start[0] == 0 and abs(shape.level[0]) == 1
    assert (shape.width > 0).all() and (shape.start[1:] >= end[:-1] - 1e-15).all()
    assert (np.sign(shape.level[1:]) == -np.sign(shape.level[0])).all()
    assert shape.extent == pytest.approx(end[-1])


def test_charge_is_recovered_or_stays():
    assert monophasic(-1, 200e-6).net == pytest.approx(-200e-6)
    assert active(-1, 200e-6, 50e-6).net == pytest.approx(0, abs=1e-18)
    # five pulses charge the capacitor, and all of it flows back after the last
    assert passive(-1, 1e-3, 0, 5, 1e-3, 1.0).net == pytest.approx(4e-3)


def test_an_asymmetric_counter_pulse_is_lower_and_longer():
    shape = active(-1, 100e-6, 20e-6, 0.1)
    assert shape.level.tolist() == [-1, 0.1]
    assert shape.width == pytest.approx([100e-6, 1e-3]) and shape.start == pytest.approx([0, 120e-6])
    assert shape.net == pytest.approx(0, abs=1e-18)


@given(st.floats(1e-5, 1e-1), st.floats(1e-5, 1e-1), st.integers(1, 9))
def test_passive_recovery_follows_the_discharge_of_a_capacitor(tau, longest, pulses):
    shape = passive(-1, 200e-6, 30e-6, pulses, tau, longest)
    assert shape.net == pytest.approx((pulses - 1) * 200e-6, abs=1e-12)
    edges = shape.start[1:] + shape.width[1:] - 230e-6
    assert edges[-1] <= longest * (1 + 1e-9) and edges[-1] <= 5.0001 * tau
    recovered = np.cumsum(shape.level[1:] * shape.width[1:]) / (pulses * 200e-6)
    exact = np.expm1(-edges / tau) / np.expm1(-edges[-1] / tau)
    assert recovered == pytest.approx(exact, rel=1e-6)


# segments


@st.composite
def schedules(draw):
    number = draw(st.integers(0, 6))
    times = np.sort(draw(st.lists(st.integers(0, 12), min_size=number, max_size=number, unique=True)))
    shape = draw(st.lists(st.integers(0, 4), min_size=number, max_size=number))
    return schedule(times * 20e-3, ALL_SHAPES, np.array(shape, dtype=int), np.arange(number) % 2)


@given(schedules(), st.floats(-0.05, 0.1), st.floats(0.101, 0.3))
def test_segments_are_the_current_of_every_pulse(one, start, stop):
    amperes = 1e-3 * (1 + np.arange(len(one)))
    made = segments(one, amperes, start, stop)
    assert made.start == start and made.duration.sum() == pytest.approx(stop - start, rel=1e-9)
    assert made.duration.min() > 0
    edges = start + np.concatenate([[0.0], np.cumsum(made.duration)])
    middle = (edges[:-1] + edges[1:]) / 2
    for channel in range(made.current.shape[1]):
        np.testing.assert_allclose(
            made.current[:, channel], current(one, amperes, channel, middle), atol=1e-15
        )
    assert made.pulse.tolist() == [int((one.times <= t).sum()) - 1 for t in middle]


def test_windows_join_to_the_whole():
    one = schedule(np.arange(20) / 50, (active(-1, 200e-6, 50e-6),))
    amperes = np.linspace(1e-3, 2e-3, 20)
    whole = segments(one, amperes, -0.01, 0.41)
    times = np.random.default_rng(1).uniform(-0.01, 0.41, 500)
    cuts = [-0.01, 0.0001, 0.02, 0.0602, 0.1401, 0.41]
    for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
        part, inside = segments(one, amperes, start, stop), times[(times >= start) & (times < stop)]
        assert (at(part, inside) == at(whole, inside)).all()
        assert part.duration @ np.abs(part.current) == pytest.approx(
            np.interp([start, stop], *_charge(whole)) @ [-1, 1], abs=1e-15
        )


def _charge(made):
    """Time, and absolute charge delivered until then."""
    edges = made.start + np.concatenate([[0.0], np.cumsum(made.duration)])
    return edges, np.concatenate([[0.0], np.cumsum(made.duration * np.abs(made.current[:, 0]))])


def test_quiet_time_is_looked_at_when_the_response_peaks():
    made = segments(schedule([1e-3], (monophasic(-1, 200e-6),)), np.array([1e-3]), 0, 0.01)
    edges = np.cumsum(made.duration)
    assert edges == pytest.approx([1e-3, 1.2e-3, 1.22e-3, 1.26e-3, 1.36e-3, 10e-3])
    assert made.pulse.tolist() == [-1, 0, 0, 0, 0, 0]
    # a gap of 50 us has room for one look only
    made = segments(schedule([0], (active(-1, 200e-6, 50e-6),)), np.array([1e-3]), 0, 1e-3)
    assert np.cumsum(made.duration)[:4] == pytest.approx([200e-6, 220e-6, 250e-6, 450e-6])


def test_scale_multiplies_and_phases_that_touch_make_one_edge():
    one = schedule(np.arange(5) * 2e-3, (active(-1, 1e-3),), scale=np.arange(5))
    made = segments(one, np.full(5, 1e-3), 0, 0.01)
    assert made.duration == pytest.approx(np.full(10, 1e-3))
    assert made.current[:, 0] == pytest.approx(1e-3 * np.outer(np.arange(5), [-1, 1]).ravel())


def test_without_pulses_there_is_one_quiet_segment():
    made = segments(schedule([], ()), np.empty(0), 0, 2)
    assert made.duration.tolist() == [2] and made.pulse.tolist() == [-1]
    assert made.current.shape == (1, 1) and not made.current.any()


# trains


@pytest.mark.parametrize(
    ("frequency", "start", "stop", "number"), [(50.0, 0.0, 1.0, 50), (0.0, 0.0, 1.0, 0), (3.0, 2.0, 1.0, 0)]
)
def test_regular_events_stop_before_the_end(frequency, start, stop, number):
    assert timing.regular(frequency, start, stop).size == number


def test_jittered_intervals_have_the_spread_asked_for_and_keep_the_shortest():
    rng = np.random.default_rng(1)
    intervals = np.diff(timing.jittered(rng, 50, 0.2, 1e-3, 400))
    assert intervals.mean() == pytest.approx(0.02, rel=0.01)
    assert intervals.std() == pytest.approx(0.004, rel=0.03)
    assert abs(np.corrcoef(intervals[1:], intervals[:-1])[0, 1]) < 0.03
    assert np.diff(timing.jittered(rng, 50, 1.0, 5e-3, 100)).min() == pytest.approx(5e-3)


def test_poisson_events_have_the_rate_and_the_dead_time():
    times = timing.poisson(np.random.default_rng(2), 100, 2e-3, 200)
    intervals = np.diff(times)
    assert times.size == pytest.approx(20_000, rel=0.03)
    assert intervals.min() >= 2e-3
    # the coefficient of variation of an exponential after a dead time
    assert intervals.std() / intervals.mean() == pytest.approx(1 - 0.2, rel=0.03)


@pytest.mark.parametrize("make", [lambda r, stop: timing.jittered(r, 50, 0.3, 0, stop),
                                  lambda r, stop: timing.poisson(r, 50, 1e-3, stop)])  # fmt: skip
def test_a_longer_random_train_begins_like_a_shorter_one(make):
    short, long = make(np.random.default_rng(3), 2), make(np.random.default_rng(3), 20)
    assert short.size > 50 and (long[: short.size] == short).all() and long[short.size] >= 2


@pytest.mark.parametrize("depth", [0, 0.5, 1])
@pytest.mark.parametrize("modulation", [0.7, 10, 90])
def test_sinusoidal_events_fall_where_the_integral_of_the_rate_is_whole(depth, modulation):
    times = timing.sinusoidal(50, depth, modulation, 3)
    angle = 2 * np.pi * modulation
    count = 50 * (times + depth / angle * (1 - np.cos(angle * times)))
    assert count == pytest.approx(np.arange(times.size), abs=1e-6)
    after = 50 * (3 + depth / angle * (1 - np.cos(angle * 3)))
    assert times.size == np.ceil(after - 1e-9)


def test_cycling_leaves_out_the_off_periods():
    assert timing.on_time(100, 30, 90) == 30 and timing.on_time(125, 30, 90) == 35
    assert timing.on_time(-1, 30, 90) == 0 and timing.on_time(7, 0, 0) == 7
    times = timing.cycled(timing.regular(40, 0, timing.on_time(200, 30, 90)), 30, 90)
    assert times.size == 40 * 60
    assert times[1199] == pytest.approx(29.975) and times[1200] == pytest.approx(120)
    assert ((times % 120) < 30).all()
    assert (timing.cycled(np.array([1.0, 2.0]), 0, 0) == [1, 2]).all()


def test_bursts():
    assert timing.in_bursts(np.array([0.0, 1.0]), 3, 500) == pytest.approx([0, 2e-3, 4e-3, 1, 1.002, 1.004])


def test_a_minute_of_10_khz_becomes_segments_in_seconds():
    one = schedule(np.arange(600_000) / 1e4, (active(-1, 30e-6, 20e-6),))
    made = segments(one, np.full(600_000, 1e-3), 0, 60)
    assert made.duration.size == 4 * 600_000
    assert made.duration @ np.abs(made.current[:, 0]) == pytest.approx(600_000 * 60e-9, rel=1e-9)
