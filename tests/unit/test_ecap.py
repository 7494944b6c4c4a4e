"""The compound potential: one fibre's share, superposition, latency, growth, rate and synchrony."""

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.axon import Axon, Bank, Launched
from dhmodel.stimulation.cord import reference
from dhmodel.stimulation.ecap import amplitudes, average, responses, trace
from dhmodel.stimulation.recorder import Source, lead_recorder, recorder, recording_gain
from dhmodel.stimulation.waveforms import Channel, Schedule, Shape, segments

P = resolve(set={"ecap.rat.distance": "10 mm", "ecap.rat.spacing": "40 mm"})


def spikes(fibre, pulse, time):
    fibre = np.asarray(fibre, dtype=np.int64)
    return Launched(
        fibre,
        np.asarray(pulse, dtype=np.int64),
        np.asarray(time, dtype=np.float64),
        np.ones(fibre.size, bool),
    )


def alike(n, velocity=25.0, P=P):
    """A recording of fibres that do not differ, the second contact far behind the first."""
    return recorder(P, "rat", np.full(n, 6e-6), np.full(n, velocity), np.full(n, 0.5e-3), np.ones(n))


def mixed(n=400, seed=0):
    rng = np.random.default_rng(seed)
    diameter = rng.uniform(5e-6, 8e-6, n)
    return recorder(P, "rat", diameter, 5e6 * diameter, rng.uniform(0.3e-3, 0.8e-3, n), np.ones(n))


def volley(n, pulses=1, gap=20e-3):
    """Every fibre launches a spike 0.2 ms after each pulse."""
    pulse = np.repeat(np.arange(pulses), n)
    return spikes(np.tile(np.arange(n), pulses), pulse, pulse * gap + 0.2e-3)


def test_potential_of_a_source_equals_the_integral_along_the_line():
    source, passing = Source(0.1e-3, 1.7), np.array(0.08e-3)
    s = np.linspace(-2e-3, 2e-3, 400_001)
    width = np.where(s < 0, 0.1e-3, 0.17e-3)
    curvature = ((s / width) ** 2 - 1) / width**2 * np.exp(-((s / width) ** 2) / 2) * 0.1e-3**2
    for t in (-0.3e-3, 0.0, 0.1e-3, 0.5e-3):
        expected = np.trapezoid(curvature / np.hypot(t - s, passing), s)
        assert source.potential(np.array(t), passing) == pytest.approx(expected, rel=2e-3, abs=1e-3)


def test_far_away_a_source_is_a_quadrupole():
    source = Source(0.1e-3, 1.0)
    near, far = -source.potential(np.zeros(2), np.array([5e-3, 10e-3]))
    assert near / far == pytest.approx(8, rel=0.02)


def test_one_fibre_gives_positive_negative_positive_and_no_net_charge():
    record = alike(1)
    wave = responses(record, np.zeros(1), volley(1))[0]
    first = wave[: round(1.6e-3 * record.sampling)]  # before the spike nears the second contact
    trough = first.argmin()
    p1, p2 = first[:trough].max(), first[trough:].max()
    assert 0 < p1 < -first.min()
    assert 0 < p2 < -first.min()
    # the whole passage, on a fast fibre with the second contact out of the window
    fast = responses(alike(1, velocity=10.0), np.zeros(1), volley(1))[0]
    assert abs(fast.sum()) < 0.02 * np.abs(fast).sum()


def test_n1_comes_after_distance_over_velocity():
    record = alike(1)
    wave = responses(record, np.zeros(1), volley(1))[0]
    # 10 mm at 25 m/s, launched 0.2 ms after the pulse
    assert record.times[wave.argmin()] == pytest.approx(0.6e-3, abs=0.03e-3)


def test_the_second_contact_is_subtracted():
    close = recorder(
        resolve(set={"ecap.rat.spacing": "1 mm"}), "rat", np.full(1, 6e-6), np.full(1, 25.0), np.full(1, 5e-4)
    )
    apart = recorder(P, "rat", np.full(1, 6e-6), np.full(1, 25.0), np.full(1, 5e-4))
    one, two = (amplitudes(responses(record, np.zeros(1), volley(1)))[0] for record in (close, apart))
    assert 0 < one < two


def test_no_spikes_no_potential():
    silent = responses(mixed(), np.arange(3.0), spikes([], [], []))
    assert silent.shape == (3, mixed().samples)
    assert not silent.any()
    assert not amplitudes(silent).any()
    assert not trace(mixed(), spikes([], [], []), 0.0, 0.1).any()


def test_spikes_superpose():
    record = mixed()
    rng = np.random.default_rng(1)
    fibre, time = rng.integers(0, 400, 60), rng.uniform(0, 0.5e-3, 60)
    whole = responses(record, np.zeros(1), spikes(fibre, np.zeros(60), time))[0]
    single = sum(
        responses(record, np.zeros(1), spikes([f], [0], [t]))[0] for f, t in zip(fibre, time, strict=True)
    )
    assert whole == pytest.approx(single, abs=1e-6 * np.abs(whole).max())


def test_interpolated_shapes_are_close_to_the_exact_ones():
    record = mixed()
    fibre = int(np.argsort(record.passing)[137])
    wave = responses(record, np.zeros(1), spikes([fibre], [0], [0.2e-3]))[0]
    passing = record.passing[fibre, None]
    exact = sum(
        record.weight[contact, fibre]
        * record.source.potential(record.times - 0.2e-3 - record.arrival[contact, fibre], passing)
        for contact in (0, 1)
    )
    assert np.abs(wave - exact).max() < 0.04 * np.abs(exact).max()


def test_responses_are_the_windows_of_the_trace():
    record = mixed()
    rng = np.random.default_rng(2)
    pulse = np.repeat(np.arange(300), 5)
    fired = spikes(rng.integers(0, 400, 1500), pulse, pulse * 0.02 + rng.uniform(0, 0.3e-3, 1500))
    onsets = np.arange(300) * 0.02
    rows = responses(record, onsets, fired)
    whole = trace(record, fired, 0.0, 6.0)
    starts = np.round(onsets * record.sampling).astype(int)
    windows = np.stack([whole[start : start + record.samples] for start in starts])
    assert windows == pytest.approx(rows, abs=1e-3 * np.abs(rows).max())
    assert average(record, whole, 0.0, onsets) == pytest.approx(
        rows.mean(axis=0), abs=1e-3 * np.abs(rows).max()
    )


def test_a_trace_may_begin_between_launch_and_arrival():
    record, fired = alike(1), volley(1)
    late = trace(record, fired, 0.4e-3, 1e-3)
    assert late.argmin() == pytest.approx(0.2e-3 * record.sampling, abs=2)


def test_amplitude_is_from_the_trough_to_the_highest_point_after_it():
    waves = np.array([[0.0, 9.0, -2.0, 3.0, 1.0], [0.0, 1.0, -1.0, -5.0, -4.0]])
    assert amplitudes(waves).tolist() == [5.0, 1.0]


def test_growth_is_zero_below_threshold_and_about_linear_above():
    record = mixed()
    threshold = np.random.default_rng(3).permutation(np.linspace(1, 2, 400))
    currents = np.linspace(0.5, 2, 31)

    def response(current):
        on = np.flatnonzero(threshold <= current)
        return amplitudes(responses(record, np.zeros(1), spikes(on, 0 * on, 2e-4 + 0.0 * on)))[0]

    grown = np.array([response(current) for current in currents])
    assert not grown[currents < 1].any()
    above = currents > 1.05
    assert np.corrcoef(currents[above], grown[above])[0, 1] > 0.995
    line = np.polyfit(currents[above], grown[above], 1)
    assert -line[1] / line[0] == pytest.approx(1.0, abs=0.1)


def test_latency_in_the_rat_is_below_two_milliseconds():
    P = resolve()
    record = lead_recorder(P, reference(P, "column", 400))
    wave = responses(record, np.zeros(1), volley(400))[0]
    trough = wave.argmin()
    peak = trough + wave[trough:].argmax()
    assert 0.2e-3 < record.times[trough] < record.times[peak] < 2e-3


def bank(n, seed=0):
    """Fibres whose threshold at 0.2 ms lies at 0.8 to 1 mA."""
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
    gains = np.zeros((n, 1, 3, 1))
    gains[:, 0, 1, 0] = -1 / (np.linspace(0.8e-3, 1e-3, n) * -np.expm1(-0.8))
    keys = np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)
    return Bank(model, gains, np.full(n, 0.7e-3), keys)


def evoked(n, frequency, amperes, duration):
    times = np.arange(0, duration, 1 / frequency)
    zero = np.zeros(times.size, dtype=np.int64)
    shape = Shape(np.array([0.0]), np.array([0.2e-3]), np.array([-1.0]))
    schedule = Schedule(times, np.ones(times.size), zero, zero, (shape,), (Channel("tonic", {0: 1.0}),))
    current = segments(schedule, np.full(times.size, amperes), 0.0, duration + 5e-3)
    return times, bank(n).advance(current)


def test_amplitude_falls_with_rate_when_fibres_fail():
    record = mixed(200)
    slow = amplitudes(responses(record, *evoked(200, 50, 1.1e-3, 0.1)))
    fast = amplitudes(responses(record, *evoked(200, 1200, 1.1e-3, 0.1)))
    assert fast[0] == pytest.approx(slow[0], rel=0.05)
    assert slow[1:].mean() > 0.9 * slow[0]
    assert fast[20:].mean() < 0.7 * slow[0]


def test_spikes_out_of_step_give_a_small_potential_at_the_same_rate():
    record, n = mixed(200), 200
    onsets = np.arange(0.01, 0.49, 0.02)
    together = spikes(np.tile(np.arange(n), 24), np.repeat(np.arange(24), n), np.repeat(onsets + 2e-4, n))
    anywhen = np.repeat(onsets, n) + np.random.default_rng(4).uniform(0, 0.02, together.time.size)
    apart = spikes(together.fibre, together.pulse, anywhen)
    step, loose = (
        amplitudes(average(record, trace(record, fired, 0.0, 0.55), 0.0, onsets))
        for fired in (together, apart)
    )
    assert loose < 0.1 * step


def test_farther_contacts_hear_less_as_if_set_up_there():
    n = 50
    velocity, reach = np.full(n, 40.0), np.linspace(3e-3, 4e-3, n)
    near = recorder(P, "human", np.full(n, 8e-6), velocity, reach)
    far = recorder(P, "human", np.full(n, 8e-6), velocity, reach + 1e-3)
    left = recording_gain(near, velocity, np.array([-1e-3, 0.0, 1e-3]))
    assert left[0] > left[1] == 1 > left[2]
    depth = [
        (record.weight[0] @ record.source.potential(np.zeros(n), record.passing)) for record in (near, far)
    ]
    assert left[2] == pytest.approx(depth[1] / depth[0], rel=1e-6)
    with pytest.raises(InputError, match="3 mm|0.003 m away"):
        recording_gain(near, velocity, np.array([-3e-3]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"species": "cat"}, 'unknown species "cat"; allowed: rat, human'),
        ({"velocity": np.array([30.0])}, "velocity 1"),
        ({"reach": np.array([0.0, 1e-3])}, "reach must be positive"),
        ({"diameter": np.array([np.nan, 6e-6])}, "diameter must be positive"),
    ],
)
def test_bad_fibres_are_refused(change, says):
    good = {"diameter": np.full(2, 6e-6), "velocity": np.full(2, 30.0), "reach": np.full(2, 1e-3)}
    given = {"species": "rat"} | good | change
    with pytest.raises(InputError, match=says):
        recorder(P, **given)


def test_no_fibres_are_refused():
    none = np.empty(0)
    with pytest.raises(InputError, match="one or more fibres"):
        recorder(P, "rat", none, none, none)


def test_an_average_needs_a_pulse_within_the_trace():
    with pytest.raises(InputError, match="none of 1 pulses"):
        average(alike(1), np.zeros(20), 0.0, np.zeros(1))
