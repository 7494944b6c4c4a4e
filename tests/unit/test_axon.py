"""The fast fibre model: response, threshold, what spikes leave behind, and noise, against theory."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dhmodel import native
from dhmodel.errors import InputError
from dhmodel.even import QUANTILES
from dhmodel.parameters import resolve
from dhmodel.stimulation import axon_kernel, axon_state
from dhmodel.stimulation.axon import Axon, Bank, Traffic, axon, join, peaks
from dhmodel.stimulation.axon_twin import hashed
from dhmodel.stimulation.waveforms import Segments

needs_compiler = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")

REFRACTORY = 0.7e-3
COMPILED = axon_kernel.library
PLAIN = Axon(
    tau=(100e-6, 300e-6, 1e-3),
    activation_tau=150e-6,
    accommodation=0.0,
    accommodation_tau=3e-3,
    accommodation_linear=5.0,
    relative=0.0,
    relative_tau=1e-3,
    supernormal=0.0,
    supernormal_tau=3e-3,
    fatigue=0.0,
    fatigue_tau=30.0,
    noise=0.0,
    noise_tau=1e-3,
)
BRIEF = replace(PLAIN, tau=(1e-6, 2e-6, 3e-6), activation_tau=1e-6)  # forgets within a pulse
INSTANT = replace(PLAIN, activation_tau=1e-12)  # the activation is the square of the response: level = y


@pytest.fixture(params=[pytest.param("compiled", marks=needs_compiler), "numpy"])
def backend(request, monkeypatch):
    """Each test that asks for it runs on both backends."""
    if request.param == "numpy":
        monkeypatch.setattr(axon_kernel, "library", lambda: None)


def one_site(*gain: float, fibres: int = 1):
    """Gains in 1/A of alike fibres: one site, one channel."""
    return np.tile(np.array(gain).reshape(1, 1, 3, 1), (fibres, 1, 1, 1))


def keys(fibres: int, seed: int = 1):
    return np.random.default_rng(seed).integers(0, 2**64, fibres, dtype=np.uint64)


def make_bank(constants: Axon, gains, traffic=None, refractory=REFRACTORY):
    return Bank(constants, gains, np.full(len(gains), refractory), keys(len(gains)), traffic)


def currents(duration, current, start=0.0):
    duration, current = np.asarray(duration, dtype=float), np.asarray(current, dtype=float)
    current = current.reshape(duration.size, -1)
    return Segments(start, duration, current, np.cumsum((current != 0).any(axis=1)) - 1)


def pulses(times, width=50e-6, amplitudes=1.0, stop=None):
    """Rectangular pulses on one channel, from time 0 on."""
    times = np.asarray(times, dtype=float)
    edges = np.append(np.stack([times, times + width], axis=1).ravel(), stop or times[-1] + 2 * width)
    current = np.zeros(edges.size)
    current[1::2] = amplitudes
    duration = np.diff(edges, prepend=0.0)
    return currents(duration[duration > 0], current[duration > 0])


def cut(segments: Segments, *places: int):
    """The same currents in several parts, each beginning exactly where the one before ends."""
    edges = np.cumsum(np.concatenate([[segments.start], segments.duration]))
    for begin, end in zip((0, *places), (*places, segments.duration.size), strict=True):
        span = slice(begin, end)
        yield Segments(
            float(edges[begin]), segments.duration[span], segments.current[span], segments.pulse[span]
        )


def random_case(seed: int):
    """Unlike fibres with noise, fatigue and natural spikes, on several channels, and irregular currents."""
    rng = np.random.default_rng(seed)
    n, channels, m = rng.integers(1, 20), rng.integers(1, 4), rng.integers(2, 400)
    constants = Axon(
        tau=tuple(rng.uniform(20e-6, 2e-3, 3)),
        activation_tau=rng.uniform(50e-6, 500e-6),
        accommodation=rng.uniform(0, 0.5),
        accommodation_tau=rng.uniform(1e-3, 5e-3),
        accommodation_linear=rng.uniform(0.5, 5),
        relative=rng.uniform(0, 2),
        relative_tau=1e-3,
        supernormal=rng.uniform(0, 0.8),
        supernormal_tau=rng.uniform(1e-3, 5e-3),
        fatigue=rng.uniform(0, 0.02),
        fatigue_tau=rng.uniform(0.1, 30),
        noise=rng.uniform(0, 0.1),
        noise_tau=1e-3,
    )
    duration = rng.choice([20e-6, 30e-6, 100e-6, 1e-3, 5e-3], m) * rng.uniform(0.5, 1, m)
    current = rng.standard_normal((m, channels)) * (rng.random((m, channels)) < 0.5)
    fibres = np.sort(rng.integers(0, n, rng.integers(0, 20 * n)))
    times = rng.uniform(-0.01, duration.sum(), fibres.size)
    times = times[np.lexsort((times, fibres))]
    traffic = Traffic(times, fibres, rng.uniform(0.5e-3, 3e-3, n), rng.uniform(1e-3, 10e-3, n))
    gains = rng.standard_normal((n, 2 * channels, 3, channels)) * rng.uniform(0.3, 3)
    return constants, gains, traffic, currents(duration, current, start=rng.uniform(-1, 1))


def outcome(bank: Bank, *parts: Segments):
    launched = join([bank.advance(part) for part in parts])
    return launched.fibre, launched.pulse, launched.time, launched.arrives, bank.spared()


# The two backends, and calls in parts


@needs_compiler
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_both_backends_give_the_same_spikes(seed):
    constants, gains, traffic, segments = random_case(seed)
    compiled = outcome(make_bank(constants, gains, traffic), segments)
    highest = peaks(constants, gains, segments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(axon_kernel, "library", lambda: None)
        twin = outcome(make_bank(constants, gains, traffic), segments)
        assert peaks(constants, gains, segments) == pytest.approx(highest, rel=1e-12)
    for one, other in zip(compiled, twin, strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, rtol=0, atol=1e-12)


def test_the_random_cases_do_spike():
    cases = [random_case(seed) for seed in range(60)]
    spikes = [outcome(make_bank(c, g, t), s) for c, g, t, s in cases]
    assert sum(case[0].size for case in spikes) > 1000
    assert sum((~case[3]).sum() for case in spikes) > 5  # evoked spikes that met natural ones
    assert sum((~case[4]).sum() for case in spikes) > 10  # natural ones that met evoked ones


@pytest.mark.parametrize("seed", range(5))
def test_a_call_in_parts_is_exactly_one_call(backend, seed):
    constants, gains, traffic, segments = random_case(seed)
    m = segments.duration.size
    whole = outcome(make_bank(constants, gains, traffic), segments)
    parts = outcome(make_bank(constants, gains, traffic), *cut(segments, 1, m // 3, m // 3 + 1, m - 1))
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_where_slabs_are_cut_changes_nothing(backend, monkeypatch):
    constants, gains, traffic, segments = random_case(3)
    whole = outcome(make_bank(constants, gains, traffic), segments)
    monkeypatch.setattr(axon_state, "_SLAB", 7)
    parts = outcome(make_bank(constants, gains, traffic), segments)
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


@needs_compiler
@pytest.mark.parametrize("channels", [1, 2])
def test_a_train_that_changes_after_it_has_settled_is_followed(monkeypatch, channels):
    """A regular train repeats its levels to the last bit; another amplitude, channel or gap must be seen."""
    rng = np.random.default_rng(channels)
    constants = replace(axon(resolve()), noise=0.02, accommodation=0.05)
    gains = rng.uniform(0.5, 2, (11, 2, 3, channels))
    current = np.zeros((12_000, channels))
    current[::2, 0] = 1.0
    current[6001::2, -1] = -0.1  # an anodic phase, on another channel if there is one
    current[9000::200, 0] = 3.0
    duration = np.where(np.arange(12_000) % 2, 70e-6, 30e-6)
    duration[8001] = 3e-3
    train = currents(duration, current)
    whole = outcome(make_bank(constants, gains), train)
    parts = outcome(make_bank(constants, gains), *cut(train, 3001, 6101, 9173))
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))
    late = whole[1] > 3000  # pulses after the first change
    assert 100 < late.sum() < whole[1].size - 100
    monkeypatch.setattr(axon_kernel, "library", lambda: None)
    twin = outcome(make_bank(constants, gains), train)
    assert whole[0].shape == twin[0].shape
    assert all(np.allclose(one, other, rtol=0, atol=1e-12) for one, other in zip(whole, twin, strict=True))


def test_no_segments_give_no_spikes(backend):
    bank = make_bank(PLAIN, one_site(1, 0, 0))
    assert len(bank.advance(Segments(0.0, np.empty(0), np.empty((0, 1)), np.empty(0, dtype=np.int64)))) == 0


@needs_compiler
def test_without_a_compiler_numpy_is_used_with_one_warning(monkeypatch):
    monkeypatch.setattr(native, "compiler", lambda: None)
    axon_kernel.library.cache_clear()
    with pytest.warns(UserWarning, match="no C.. compiler .* numpy computes the fibres") as caught:
        for _ in range(2):
            make_bank(PLAIN, one_site(9, 0, 0)).advance(pulses([1e-3]))
    assert len(caught) == 1
    axon_kernel.library.cache_clear()


# Response and threshold


def fine(segments: Segments, step=2e-6):
    """The same currents, each segment in equal parts of about `step`."""
    parts = np.maximum(np.round(segments.duration / step).astype(int), 1)
    again = [np.repeat(array, parts, axis=0) for array in (segments.current, segments.pulse)]
    return Segments(segments.start, np.repeat(segments.duration / parts, parts), *again)


def charged(width, tau, activation_tau):
    """Activation after a pulse of one steady threshold: (1 - exp(-t / tau))^2 through the filter, in full."""
    # weight and time constant of each part of the square
    decays = [(1.0, np.inf), (-2.0, tau), (1.0, tau / 2)]
    end = np.exp(-width / activation_tau)
    return sum(
        weight * (np.exp(-width / part) - end) / (1 - activation_tau / part) for weight, part in decays
    )


@pytest.mark.parametrize("width", [30e-6, 100e-6, 1e-3])
def test_strength_duration_curve_of_one_component(backend, width):
    highest = peaks(PLAIN, one_site(2.0, 0, 0), fine(pulses([0.0], width, stop=width)))
    expected = 2.0 * np.sqrt(charged(width, PLAIN.tau[0], PLAIN.activation_tau))
    assert highest[0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("width", [30e-6, 100e-6, 1e-3])
def test_strength_duration_curve_of_an_instant_activation_is_exponential(backend, width):
    highest = peaks(INSTANT, one_site(2.0, 0, 0), pulses([0.0], width))
    assert highest[0] == pytest.approx(2.0 * -np.expm1(-width / PLAIN.tau[0]), rel=1e-6)


def slow_integration(constants: Axon, gain, segments: Segments, dt=2e-8):
    """The differential equations in small steps (explicit Euler): q and a at the end of each segment."""
    x, q, a, tau, seen = np.zeros(3), 0.0, 0.0, np.array(constants.tau), []
    for duration, current in zip(segments.duration, segments.current[:, 0], strict=True):
        for _ in range(round(duration / dt)):
            y = max(x.sum(), 0.0)
            x = x + dt / tau * (gain * current - x)
            a += dt / constants.accommodation_tau * (q - a)
            q += dt / constants.activation_tau * (y**2 - q)
        seen.append((q, a))
    return np.array(seen).T


def test_the_level_solves_the_differential_equations(backend):
    gain = np.array([1.0, 0.7, -0.3])
    segments = currents([200e-6, 20e-6, 100e-6, 160e-6, 300e-6], [1.0, -0.5, -0.5, 0.0, 2.0])
    expected = np.sqrt(slow_integration(PLAIN, gain, fine(segments))[0])
    for last in (20, 100, 110, 160, 250, 390):  # within and at the ends of the five
        part = next(cut(fine(segments), last))
        highest = peaks(PLAIN, one_site(*gain), part)[0]
        assert highest == pytest.approx(expected[:last].max(), rel=2e-3)


def test_lasting_activation_raises_the_squared_threshold(backend):
    """Every current of the train is tried; the least that fires is where q less accommodation reaches 1."""
    constants = replace(PLAIN, accommodation=0.8, accommodation_tau=0.5e-3, accommodation_linear=0.4)
    gain, train = np.array([1.0, 0.7, -0.3]), currents([1e-3, 0.2e-3, 1e-3], [1.0, -0.5, 1.4])
    q, a = slow_integration(constants, gain, fine(train))
    amperes = np.linspace(0.5, 2.5, 401)
    q, a = np.multiply.outer(amperes**2, q), np.multiply.outer(amperes**2, a)
    reached = (q - 0.8 * a * np.minimum(a, 0.4)).max(axis=1) >= 1
    bank = make_bank(constants, np.multiply.outer(amperes, one_site(*gain)[0]))
    fired = np.bincount(bank.advance(fine(train)).fibre, minlength=amperes.size) > 0
    assert amperes[fired.argmax()] == pytest.approx(amperes[reached.argmax()], abs=2 * 0.005)
    assert amperes[fired.argmax()] > 1.02 / peaks(constants, one_site(*gain), fine(train))[0]


def test_within_a_segment_the_activation_sees_the_filtered_mean_of_the_response(backend):
    gain, width = np.array([1.0, 0.7, -0.3]), 200e-6
    t = (np.arange(100_000) + 0.5) * width / 100_000
    response = (gain * -np.expm1(-t[:, None] / np.array(PLAIN.tau))).sum(axis=1)
    weight = np.exp((t - width) / PLAIN.activation_tau)
    mean = (weight * response).sum() / weight.sum()
    expected = mean * np.sqrt(-np.expm1(-width / PLAIN.activation_tau))
    assert peaks(PLAIN, one_site(*gain), currents([width], [1.0]))[0] == pytest.approx(expected, rel=1e-8)


def test_equal_time_constants_are_the_limit_of_near_ones(backend):
    near, equal = (replace(PLAIN, activation_tau=PLAIN.tau[1] * factor) for factor in (1.001, 1))
    segments, gains = pulses([0.0], 200e-6), one_site(0, 1.0, 0)
    assert peaks(equal, gains, segments) == pytest.approx(peaks(near, gains, segments), rel=1e-3)


def test_lasting_activation_by_its_ends_is_that_of_the_relaxation():
    """For long and short segments, and where both time constants are equal."""
    durations = np.array([1e-15, 1e-7, 20e-6, 1e-3, 50e-3])
    for tau in (PLAIN.activation_tau, 3e-3):
        weights = axon_state._lasting(replace(PLAIN, accommodation_tau=tau), durations)
        for duration, (slow, first, last) in zip(durations, weights, strict=True):
            t = (np.arange(200_000) + 0.5) * duration / 200_000
            q, end = (0.4 + 0.5 * np.exp(-x / PLAIN.activation_tau) for x in (t, duration))
            added = (np.exp((t - duration) / tau) * q).mean() * duration / tau
            assert slow == pytest.approx(np.exp(-duration / tau), rel=1e-5, abs=1e-12)
            assert first * 0.9 + last * end == pytest.approx(added, rel=1e-5)


def test_a_vanishing_segment_changes_nothing(backend):
    whole = currents([100e-6, 100e-6], [1.0, -1.0])
    split = currents([100e-6, 1e-21, 100e-6], [1.0, -1.0, -1.0])
    expected = peaks(PLAIN, one_site(1.0, 0.5, 0), whole)
    assert peaks(PLAIN, one_site(1.0, 0.5, 0), split) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_peak_is_proportional_to_the_current(backend, seed):
    constants, gains, _, segments = random_case(seed)
    tripled = replace(segments, current=3 * segments.current)
    assert peaks(constants, gains, tripled) == pytest.approx(3 * peaks(constants, gains, segments), rel=1e-12)


def test_a_fibre_fires_from_its_threshold_on(backend):
    constants, gains, _, segments = random_case(4)
    quiet = replace(constants, noise=0.0, accommodation=0.0)
    threshold = 1 / peaks(quiet, gains, segments)
    for factor, fire in ((1 - 1e-9, False), (1 + 1e-9, True)):
        for fibre in range(len(gains)):
            scaled = replace(segments, current=factor * threshold[fibre] * segments.current)
            bank = make_bank(quiet, gains[fibre : fibre + 1])
            assert (len(bank.advance(scaled)) > 0) == fire


def test_the_most_depolarised_site_decides(backend):
    gains = np.array([[[[1.0], [0], [0]], [[-3.0], [0], [0]]]])
    width = 3e-3  # as good as for ever
    assert peaks(PLAIN, gains, pulses([0.0], width))[0] == pytest.approx(1.0, rel=1e-4)
    assert peaks(PLAIN, gains, pulses([0.0], width, -1.0))[0] == pytest.approx(3.0, rel=1e-4)


def test_channels_add(backend):
    gains = one_site(2.0, 0.3, 0.1)
    both = np.concatenate([gains, 0.5 * gains], axis=3)
    one = pulses([0.0, 1e-3], 100e-6)
    two = replace(one, current=one.current * np.array([[0.4, 1.2]]))
    assert peaks(PLAIN, both, two) == pytest.approx(peaks(PLAIN, gains, one), rel=1e-12)


@pytest.mark.parametrize("interval", [100e-6, 400e-6])
def test_activations_of_separate_pulses_sum_up(backend, interval):
    brisk = replace(PLAIN, tau=(1e-6, 1e-6, 1e-6))  # so the response to a pulse is over with it
    first, second = (peaks(brisk, one_site(1.0, 0, 0), pulses(t)) for t in ([0.0], [0.0, interval]))
    expected = 1 + np.exp(-interval / PLAIN.activation_tau)
    assert (second[0] / first[0]) ** 2 == pytest.approx(expected, rel=1e-2)


def test_responses_to_pulses_below_threshold_sum_up(backend):
    slow = one_site(0, 0, 1.0)
    one = peaks(INSTANT, slow, pulses([0.0]))[0]
    expected = 1 + np.exp(-100e-6 / PLAIN.tau[2])
    assert peaks(INSTANT, slow, pulses([0.0, 100e-6]))[0] / one == pytest.approx(expected, rel=1e-6)


def test_an_anodic_phase_right_after_takes_back_part_of_a_slow_activation(backend):
    alone = currents([30e-6, 20e-6, 20e-6, 60e-6], [1.0, 0.0, 0.0, 0.0])
    recharged = currents([30e-6, 20e-6, 20e-6, 60e-6], [1.0, -1.0, -0.5, 0.0])
    one, other = (peaks(PLAIN, one_site(1.0, 0.3, 0), fine(each))[0] for each in (alone, recharged))
    assert other < 0.9 * one
    one, other = (peaks(INSTANT, one_site(1.0, 0.3, 0), fine(each))[0] for each in (alone, recharged))
    assert other == pytest.approx(one, rel=1e-3)


def test_a_crossing_within_a_segment_is_interpolated(backend):
    """On the relaxation of the activation; early by the time that the membrane takes to charge."""
    lasting = currents([1e-3], [2.0])
    coarse = make_bank(PLAIN, one_site(1.0, 0, 0)).advance(lasting).time[0]
    exact = make_bank(PLAIN, one_site(1.0, 0, 0)).advance(fine(lasting)).time[0]
    assert coarse < exact < coarse + 0.15e-3 < 0.3e-3
    # from the activation before a segment to that after it, with its time constant
    first = currents([40e-6, 40e-6], [2.0, 2.0])
    squares = [peaks(PLAIN, one_site(1.0, 0, 0), part)[0] ** 2 for part in (next(cut(first, 1)), first)]
    wanted = np.mean(squares)
    strong = replace(first, current=first.current / np.sqrt(wanted))
    tau = PLAIN.activation_tau
    late = -tau * np.log1p(0.5 * np.expm1(-40e-6 / tau))
    assert make_bank(PLAIN, one_site(1.0, 0, 0)).advance(strong).time[0] == pytest.approx(
        40e-6 + late, rel=1e-9
    )


def test_10_khz_is_followed_near_threshold_and_silences_fibres_well_above_it(backend):
    """The default constants; one fibre just above the threshold of the train, one at five times that."""
    constants = replace(axon(resolve()), noise=0.0)
    times = 100e-6 * np.arange(1000)
    segments = pulses(times, 30e-6, stop=0.1)
    single = one_site(1.0, 0, 0)
    gains = (
        np.concatenate([single * multiple for multiple in (1.3, 5.0)]) / peaks(constants, single, segments)[0]
    )
    launched = make_bank(constants, gains).advance(segments)
    near, above = (launched.time[launched.fibre == fibre] for fibre in (0, 1))
    assert (near > 50e-3).sum() > 10
    assert 0 < above.size < 10 and above[-1] < 20e-3


# After a spike


@pytest.mark.parametrize("interval", [0.5e-3, 0.69e-3, 0.8e-3, 1.5e-3, 4e-3])
def test_recovery_is_absolute_then_exponential(backend, interval):
    constants = replace(BRIEF, relative=1.5, relative_tau=0.6e-3)
    needed = 1 + 1.5 * np.exp(-(interval - REFRACTORY) / 0.6e-3)
    for level in (0.99 * needed, 1.01 * needed):
        segments = pulses([1e-3, 1e-3 + interval], amplitudes=[1.0, level])
        # the first is launched at once, the second tested at the end of its pulse, 50 us later
        launched = make_bank(constants, one_site(1.0 + 1e-6, 0, 0)).advance(segments)
        end = interval + 50e-6 - (launched.time[0] - 1e-3)
        recovered = end >= REFRACTORY and level >= 1 + 1.5 * np.exp(-(end - REFRACTORY) / 0.6e-3)
        assert launched.pulse.tolist() == [0] + [1] * int(recovered)
    assert launched.pulse.size == 1 + (end >= REFRACTORY)


@pytest.mark.parametrize("interval", [1e-3, 3e-3, 8e-3])
def test_after_refractoriness_comes_supernormality(backend, interval):
    constants = replace(BRIEF, relative=1.5, relative_tau=0.1e-3, supernormal=0.4, supernormal_tau=3e-3)
    for factor, spikes in ((0.99, 1), (1.01, 2)):
        since = interval + 50e-6 - REFRACTORY  # tested at the end of the pulse, after a spike at its begin
        needed = 1 + 1.5 * np.exp(-since / 0.1e-3) - 0.4 * np.exp(-since / 3e-3)
        segments = pulses([0.0, interval], amplitudes=[5.0, factor * needed])
        assert len(make_bank(constants, one_site(1.0, 0, 0)).advance(segments)) == spikes
    assert needed < 1


def test_fatigue_adds_up_until_pulses_fail(backend):
    constants = replace(BRIEF, fatigue=0.01, fatigue_tau=2.0)
    period, margin, fatigue, expected = 10e-3, 0.3, 0.0, []
    launched = make_bank(constants, one_site(1 + margin, 0, 0)).advance(pulses(period * np.arange(1, 300)))
    for pulse in range(299):
        if fatigue <= margin:
            expected.append(pulse)
            fatigue += 0.01
        fatigue *= np.exp(-period / 2.0)
    assert launched.pulse.tolist() == expected
    assert expected[:30] == list(range(30)) and len(expected) < 200


def test_fatigue_fades(backend):
    constants = replace(BRIEF, fatigue=0.5, fatigue_tau=0.1)
    for pause, spikes in ((0.1 * np.log(0.5 / 0.2) - 1e-3, 1), (0.1 * np.log(0.5 / 0.2) + 1e-3, 2)):
        segments = pulses([1e-3, 1e-3 + pause])
        assert len(make_bank(constants, one_site(1.2, 0, 0)).advance(segments)) == spikes


def test_nothing_starts_within_the_refractory_period(backend):
    constants, gains, _, segments = random_case(7)
    strong = replace(segments, current=5 * segments.current)
    launched = make_bank(constants, gains).advance(strong)
    for fibre in range(len(gains)):
        assert np.diff(launched.time[launched.fibre == fibre]).min() >= REFRACTORY * (1 - 1e-9)


# Noise


def test_firing_near_threshold_has_the_probability_of_the_noise(backend):
    constants, n, trials = replace(BRIEF, noise=0.05), 2000, 20
    for level in (0.95, 1.0, 1.03):
        segments = pulses(5e-3 * np.arange(1, trials + 1))
        launched = make_bank(constants, one_site(level, 0, 0, fibres=n)).advance(segments)
        expected = NormalDist(1, 0.05).cdf(level)
        spread = np.sqrt(expected * (1 - expected) / (n * trials))
        assert len(launched) / (n * trials) == pytest.approx(expected, abs=4 * spread + 1e-3)
        # trials are independent: the numbers of spikes per fibre are binomial
        counts = np.bincount(launched.fibre, minlength=n)
        assert counts.var() == pytest.approx(trials * expected * (1 - expected), rel=0.15)


def test_noise_is_the_same_within_a_bin_and_another_in_the_next(backend):
    constants = replace(BRIEF, noise=0.05, noise_tau=4e-3)
    times = 0.1e-3 + np.array([0.0, 2.0, 4.0, 6.0]) * 1e-3
    bank = make_bank(constants, one_site(1.0, 0, 0, fibres=500))
    launched = bank.advance(pulses(times))
    fired = np.zeros((500, 4), dtype=bool)
    fired[launched.fibre, launched.pulse] = True
    assert (fired[:, 0] == fired[:, 1]).all() and (fired[:, 2] == fired[:, 3]).all()
    assert 0.4 < (fired[:, 0] == fired[:, 2]).mean() < 0.6


def test_hash_is_splitmix64():
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert hashed(np.array([1234567], dtype=np.uint64), np.arange(4)).tolist() == expected


def test_quantiles_are_standard_normal():
    assert QUANTILES.mean() == pytest.approx(0, abs=1e-12)
    assert QUANTILES.std() == pytest.approx(1, abs=1e-3)


# Input


def test_constants_come_from_the_parameters():
    P = resolve(set={"axon.relative": 2.5, "axon.tau_2": "0.3 ms"})
    assert axon(P).relative == 2.5 and axon(P).tau[1] == 0.3e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gains_that_are_not_finite_are_refused(bad):
    for use in (lambda g: make_bank(PLAIN, g), lambda g: peaks(PLAIN, g, pulses([0.0]))):
        with pytest.raises(InputError, match="gains: got one that is not finite"):
            use(one_site(1.0, bad, 0))


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 0, 3, 1), (1, 2, 4, 1)])
def test_gains_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match=r"gains: got shape .*, needs \(fibres, sites, 3, channels\)"):
        make_bank(PLAIN, np.zeros(shape))


def test_one_refractory_period_and_key_per_fibre():
    with pytest.raises(InputError, match=r"needs one of each for 2 fibres"):
        Bank(PLAIN, one_site(1, 0, 0, fibres=2), np.zeros(2), keys(3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"current": np.array([[np.nan], [0.0]])}, "current that is not finite"),
        ({"current": np.zeros((2, 2))}, r"current of shape \(2, 2\), needs \(2, 1\)"),
        ({"duration": np.array([1e-3, np.inf])}, "time that is not finite"),
        ({"duration": np.array([1e-3, 0.0])}, "duration that is not positive"),
        ({"start": np.nan}, "time that is not finite"),
    ],
)
def test_currents_that_no_fibre_could_follow_are_refused(changes, message):
    segments = replace(currents([1e-3, 1e-3], [1.0, 0.0]), **changes)
    bank = make_bank(PLAIN, one_site(1, 0, 0))
    with pytest.raises(InputError, match=f"segments: got a?.*{message}"):
        bank.advance(segments)


def test_a_gap_between_calls_is_refused(backend):
    bank = make_bank(PLAIN, one_site(1, 0, 0))
    bank.advance(currents([1e-3], [0.0]))
    with pytest.raises(InputError, match="segments: got a start at 0.002 s, needs 0.001 s"):
        bank.advance(currents([1e-3], [0.0], start=2e-3))
