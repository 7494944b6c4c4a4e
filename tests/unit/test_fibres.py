"""Dorsal-column fibres: recruitment, following, collisions and refractoriness, each against theory."""

import heapq
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.fibres import (
    Column,
    Fibres,
    make_column,
    make_fibres,
    members,
)
from dhmodel.stimulation.paradigms import regular
from dhmodel.stimulation.trains import sort
from dhmodel.stimulation.transit import filtered_rate, keep_apart, stimulate, transit

REFRACTORY, LATENCY, CONDUCTION = 0.7e-3, 1.5e-3, 6e-3


class Certain:
    """Stands in for a random generator: every fibre that can follow does."""

    def random(self, shape):
        return np.zeros(shape)


def column(n: int = 1, **changes) -> Column:
    """`n` alike fibres at threshold 1."""
    same = {
        "threshold": 1.0,
        "latency": LATENCY,
        "conduction": CONDUCTION,
        "refractory": REFRACTORY,
        "follow_half": 110.0,
    }
    arrays = {name: np.full(n, value) for name, value in same.items()}
    rule = {"follow_power": 4.0, "follow_tau": 0.3, "recovery": 0.6e-3, "jitter": 0.0}
    return replace(Column(index=np.arange(n), **arrays, **rule), **changes)


def run(line: Column, pulses, natural_times=(), natural_fibres=(), rng=None, amplitude=2.0):
    pulses = np.asarray(pulses, dtype=float)
    natural = np.asarray(natural_times, dtype=float), np.asarray(natural_fibres, dtype=np.int64)
    return transit(line, pulses, np.full(pulses.size, amplitude), *natural, rng or Certain())


def event_simulation(line: Column, fibre: int, pulses, natural):
    """
    The same physics, fibre by fibre and event by event: two spikes that are alive when they meet both end.

    Returns the pulses whose spikes reach the segment, and which natural spikes do.
    """
    latency, conduction = line.latency[fibre], line.conduction[fibre]
    events = [(p, "pulse", k, -1) for k, p in enumerate(pulses)]
    for n, t in enumerate(natural):
        events += [(t - conduction, "born", n, -1), (t, "enters", n, -1), (t + latency, "passes", n, -1)]
        for k, p in enumerate(pulses):
            events.append(((t + p + latency) / 2, "meet", n, k))
    for k, p in enumerate(pulses):
        events += [(p + latency, "arrives", k, -1), (p + latency + conduction, "at receptor", k, -1)]
    heapq.heapify(events)
    natural_alive, evoked_alive = set(), set()
    entered, arrived = set(), set()
    electrode = receptor = -np.inf
    while events:
        time, kind, one, other = heapq.heappop(events)
        if kind == "pulse" and time - electrode > line.refractory[fibre]:
            evoked_alive.add(one)
            electrode = time
        elif kind == "born" and time - receptor > line.refractory[fibre]:
            natural_alive.add(one)
        elif kind == "enters" and one in natural_alive:
            entered.add(one)
        elif kind == "passes" and one in natural_alive:
            natural_alive.remove(one)
            electrode = time
        elif kind == "meet" and one in natural_alive and other in evoked_alive:
            natural_alive.remove(one)
            evoked_alive.remove(other)
        elif kind == "arrives" and one in evoked_alive:
            arrived.add(one)
        elif kind == "at receptor" and one in evoked_alive:
            evoked_alive.remove(one)
            receptor = time
    return arrived, entered


def random_case(seed: int):
    """Five unlike fibres, irregular pulses and natural spikes, dense enough to meet often."""
    rng = np.random.default_rng(seed)
    n = 5
    line = column(
        n,
        latency=rng.uniform(0.5e-3, 4e-3, n),
        conduction=rng.uniform(0.5e-3, 10e-3, n),
        refractory=rng.uniform(0.3e-3, 1.5e-3, n),
    )
    pulses = np.cumsum(rng.exponential(rng.choice([1e-3, 4e-3, 15e-3]), rng.integers(1, 40)))
    intervals = line.refractory + rng.exponential(rng.choice([1e-3, 5e-3, 30e-3]), (40, n))
    natural = (np.cumsum(intervals, axis=0) - 0.02).T
    keep = natural < pulses[-1] + 0.02
    return line, pulses, natural[keep], np.nonzero(keep)[0]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_collisions_agree_with_an_event_simulation(seed):
    line, pulses, times, fibres = random_case(seed)
    result = run(line, pulses, times, fibres)
    for fibre in range(line.index.size):
        arrived, entered = event_simulation(line, fibre, pulses, times[fibres == fibre])
        assert set(result.pulse[result.fibre == fibre].tolist()) == arrived
        assert set(np.flatnonzero(result.spared[fibres == fibre]).tolist()) == entered


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_spikes_at_the_segment_are_a_refractory_period_apart(seed):
    line, pulses, times, fibres = random_case(seed)
    result = run(line, pulses, times, fibres)
    evoked = pulses[result.pulse] + line.latency[result.fibre]
    arrived, where = sort(
        np.concatenate([times[result.spared], evoked]), np.concatenate([fibres[result.spared], result.fibre])
    )
    apart = np.diff(arrived)[np.diff(where) == 0] - line.refractory[where[1:]][np.diff(where) == 0]
    assert apart.min(initial=0.0) > -1e-12


@pytest.mark.parametrize(
    ("natural_ms", "natural_enters", "evoked_arrives"),
    [
        (-1.5 - 0.8, True, True),  # passed the electrode long enough before the pulse
        (-1.5 - 0.1, True, False),  # passed the electrode, left it refractory
        (-1.4, True, False),  # met between segment and electrode
        (1.4, True, False),
        (1.6, False, True),  # met between receptor and segment
        (1.5 + 12.0 - 0.1, False, True),
        (1.5 + 12.0 + 0.6, False, True),  # receptor refractory
        (1.5 + 12.0 + 0.8, True, True),
    ],
)
def test_where_a_natural_spike_meets_an_evoked_one(natural_ms, natural_enters, evoked_arrives):
    result = run(column(), [0.0], [1e-3 * natural_ms], [0])
    assert result.spared.tolist() == [natural_enters]
    assert (result.pulse.size == 1) == evoked_arrives


def test_an_evoked_spike_removes_one_natural_spike_only():
    result = run(column(), [0.0], [4e-3, 8e-3], [0, 0])
    assert result.spared.tolist() == [False, True]


def test_stimulation_occludes_ongoing_input_in_proportion_to_its_rate():
    # a pulse costs 2 * CONDUCTION + REFRACTORY of natural time; 2 * LATENCY of it stops an evoked spike
    rng, n, rate, frequency, seconds = np.random.default_rng(3), 200, 2.0, 20.0, 20.0
    number = rng.poisson(rate * seconds, n)
    times = np.concatenate([np.sort(rng.uniform(0, seconds, k)) for k in number])
    fibres = np.repeat(np.arange(n), number)
    result = run(column(n), regular(frequency, 0.0, seconds), times, fibres)
    lost = (~result.spared).sum() / times.size
    expected = frequency * (2 * CONDUCTION + REFRACTORY)
    # pulses that a natural spike stopped, or that found the electrode refractory, spare a little of it
    assert lost == pytest.approx(
        expected * (1 - rate * 2 * LATENCY), abs=3 * np.sqrt(0.25 / times.size) + 2e-3
    )
    stopped = result.launched.sum() - result.pulse.size
    assert stopped / times.size == pytest.approx(frequency * 2 * LATENCY, rel=0.15)


def test_regular_trains_drive_the_filter_to_their_own_frequency():
    for frequency in (1.0, 50.0, 1000.0):
        pulses = regular(frequency, 0.0, 3.0)
        rise = frequency * (1 - np.exp(-np.arange(pulses.size) / frequency / 0.3))
        assert filtered_rate(pulses, 0.3) == pytest.approx(rise)


@pytest.mark.parametrize("frequency", [10.0, 50.0, 110.0, 300.0, 1000.0])
def test_following_in_the_steady_state_is_the_stated_rule(frequency):
    line, pulses = column(200), regular(frequency, 0.0, 6.0)
    result = run(line, pulses, rng=np.random.default_rng(1))
    steady = pulses > 3.0
    trials = steady.sum() * 200
    expected = 1 / (1 + (frequency / 110) ** 4)
    spread = np.sqrt(expected * (1 - expected) / trials)
    assert result.launched[steady].sum() / trials == pytest.approx(expected, abs=4 * spread)


def test_50_hz_is_followed_and_1_khz_hardly():
    low = run(column(100), regular(50.0, 0.0, 5.0), rng=np.random.default_rng(1))
    high = run(column(100), regular(1000.0, 0.0, 5.0), rng=np.random.default_rng(1))
    assert low.launched.sum() / 500 == pytest.approx(50, rel=0.06)
    assert (np.bincount(high.pulse, minlength=high.launched.size) == high.launched).all()  # nothing to meet
    assert high.launched[1000:].sum() / 400 < 0.3


@pytest.mark.parametrize("interval_ms", [0.5, 0.69, 1.0, 1.5, 3.0])
def test_second_of_two_pulses_follows_the_recovery_curve(interval_ms):
    n = 20000
    result = run(column(n), [0.0, 1e-3 * interval_ms], rng=np.random.default_rng(2))
    failing = 1 + (filtered_rate(np.array([0.0, 1e-3 * interval_ms]), 0.3)[1] / 110) ** 4
    expected = max(0.0, 1 - np.exp(-(interval_ms - 0.7) / 0.6)) / failing
    assert result.launched[0] == n
    assert result.launched[1] / n == pytest.approx(expected, abs=0.015)


def test_random_numbers_do_not_depend_on_amplitude():
    line = replace(column(40), threshold=np.linspace(0.5, 3, 40))
    pulses = regular(150.0, 0.0, 1.0)
    few = run(line, pulses, rng=np.random.default_rng(5), amplitude=1.0)
    all_fibres = run(line, pulses, rng=np.random.default_rng(5), amplitude=9.0)
    shared = all_fibres.fibre <= few.fibre.max()
    assert few.pulse.tolist() == all_fibres.pulse[shared].tolist()
    assert set(few.fibre.tolist()) == set(np.flatnonzero(line.threshold <= 1.0).tolist())


def test_recruitment_is_a_lognormal_threshold_curve():
    P = resolve(set={"circuit.AB.number": 20000})
    threshold = make_column(P, make_fibres(P, 1, 0), 1, 0).threshold
    for amplitude in (1.0, 1.3, 2.0):
        expected = NormalDist().cdf(np.log(amplitude) / P["column.threshold_sd"] + NormalDist().inv_cdf(0.05))
        assert (threshold <= amplitude).mean() == pytest.approx(expected, abs=0.01)
    assert NormalDist().cdf(
        np.log(2) / P["column.threshold_sd"] + NormalDist().inv_cdf(0.05)
    ) == pytest.approx(0.9, abs=0.002)
    assert (threshold > 0).all() and (threshold < 1e6).all()


@pytest.mark.parametrize(("amplitude", "fibres"), [(0.0, 0), (1e6, 82)])
def test_no_amplitude_recruits_nothing_and_a_huge_one_everything(amplitude, fibres):
    P = resolve()
    made = make_fibres(P, 1, 0)
    result = run(make_column(P, made, 1, 0), [0.0], amplitude=amplitude)
    assert result.launched.tolist() == [fibres]


def test_fibre_properties_have_the_stated_moments():
    P = resolve(set={"circuit.AB.number": 20000, "circuit.CN.number": 20000})
    fibres = make_fibres(P, 1, 0)
    line = make_column(P, fibres, 1, 0)
    assert fibres.conduction[members(P, "CN")].mean() == pytest.approx(0.2, rel=0.01)
    assert fibres.conduction[members(P, "CN")].std() == pytest.approx(0.02, rel=0.03)
    assert line.latency.mean() == pytest.approx(1.5e-3, rel=0.02)
    assert line.latency.std() == pytest.approx(0.7e-3, rel=0.05)
    assert np.median(line.follow_half) == pytest.approx(110, rel=0.01)
    assert np.log(line.follow_half).std() == pytest.approx(0.2, rel=0.03)


def test_a_part_of_the_fibres_runs_in_the_column():
    P = resolve(set={"column.AB_fraction": 0.5, "column.IA_fraction": 0.25})
    fibres = make_fibres(P, 1, 0)
    line = make_column(P, fibres, 1, 0)
    assert [(fibres.classes[line.index] == name).sum() for name in ("IA", "AB")] == [5, 40]
    whole = make_column(resolve(), fibres, 1, 0)
    kept = np.isin(whole.index, line.index)
    assert whole.threshold[kept].tolist() == line.threshold[np.isin(line.index, whole.index)].tolist()


def test_members_of_parts():
    P = resolve()
    assert members(P, "AB.centre").size + members(P, "AB.surround").size == members(P, "AB").size
    assert set(members(P, "AB.centre.SAI")) == set(members(P, "AB.centre")) & set(members(P, "AB.SAI"))
    assert not set(members(P, "AB.RA")) & set(members(P, "AB.SAI"))
    for name in ("AX", "AB.middle", "AD.centre"):
        with pytest.raises(InputError, match="nearest"):
            members(P, name)


def test_jitter_keeps_spikes_apart_and_after_their_pulses():
    line = column(50, jitter=2e-3)
    fibres = Fibres(np.repeat("AB", 50), line.conduction, line.refractory)
    pulses = regular(150.0, 0.0, 2.0)
    natural = np.sort(np.random.default_rng(0).uniform(0, 2, 50)), np.arange(50)
    times, where = stimulate(line, fibres, pulses, np.full(pulses.size, 2.0), natural, 1, 0)
    same = np.diff(where) == 0
    assert times.size > 1000
    assert np.diff(times)[same].min() >= REFRACTORY - 1e-9
    assert times.min() >= 0


@given(st.lists(st.floats(0, 0.02), min_size=1), st.lists(st.floats(0, 0.02)))
def test_keep_apart_delays_no_more_than_it_must(one, other):
    times = np.array([*sorted(one), *sorted(other)])
    fibres = np.repeat([0, 1], [len(one), len(other)])
    apart = keep_apart(times, fibres, np.array([1e-3, 5e-3]))
    for fibre, gap in ((0, 1e-3), (1, 5e-3)):
        last = -np.inf
        for before, after in zip(times[fibres == fibre], apart[fibres == fibre], strict=True):
            last = max(before, last + gap)
            assert after == pytest.approx(last, abs=1e-12)
