"""From the electrode to the horn: collisions with natural spikes, collaterals, arrival times."""

import heapq
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dhmodel import native
from dhmodel.stimulation import axon_kernel
from dhmodel.stimulation.axon import Axon, Bank, Traffic
from dhmodel.stimulation.column import Column
from dhmodel.stimulation.fibres import Fibres
from dhmodel.stimulation.timing import regular
from dhmodel.stimulation.trains import sort
from dhmodel.stimulation.transit import Passage, filtered_rate, following, keep_apart, normal, uniform
from dhmodel.stimulation.waveforms import Segments

REFRACTORY, LATENCY, CONDUCTION = 0.7e-3, 1.5e-3, 6e-3
WIDTH = 1e-10  # s: pulses so short that nothing happens meanwhile

#: Fires at every pulse that finds it past the absolute refractory period.
READY = Axon((1e-12, 1e-12, 1e-12), 1e-12, 0.0, 1e-3, 1.0, 0.0, 1e-3, 0.0, 1e-3, 0.0, 1.0, 0.0, 1e-3)

BACKENDS = [
    pytest.param("compiled", marks=pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")),
    "numpy",
]


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    """Each test that asks for it runs on both backends."""
    if request.param == "numpy":
        monkeypatch.setattr(axon_kernel, "library", lambda: None)


def column(n: int = 1, **changes) -> Column:
    """`n` alike fibres."""
    same = {
        "latency": LATENCY,
        "conduction": CONDUCTION,
        "refractory": REFRACTORY,
        "follow_half": 110.0,
    }
    arrays = {name: np.full(n, value) for name, value in same.items()}
    rule = {"follow_power": 4.0, "follow_tau": 0.3, "jitter": 0.0}
    return replace(Column(index=np.arange(n), **arrays, **rule), **changes)


def brief(pulses, start=-0.1, stop=0.1) -> Segments:
    """Very short and very strong pulses, `stop` seconds of quiet after the last."""
    pulses = np.asarray(pulses, dtype=float)
    edges = np.append(np.stack([pulses, pulses + WIDTH], axis=1).ravel(), pulses.max(initial=0.0) + stop)
    current = np.zeros((edges.size, 1))
    current[1::2] = 1.0
    return Segments(start, np.diff(edges, prepend=start), current, (np.arange(edges.size) + 1) // 2 - 1)


def bank(line: Column, times=(), fibres=()) -> Bank:
    traffic = Traffic(
        np.asarray(times, dtype=float), np.asarray(fibres, dtype=np.int64), line.latency, line.conduction
    )
    n = line.index.size
    return Bank(READY, np.full((n, 1, 3, 1), 1e6), line.refractory, np.arange(n, dtype=np.uint64), traffic)


def passage(line: Column, times=(), fibres=(), seed=1, gain=1e6) -> Passage:
    """The column fibres are the first of all fibres; two more run elsewhere."""
    n = line.index.size
    everyone = Fibres(np.full(n + 2, "AB"), np.full(n + 2, CONDUCTION), np.full(n + 2, REFRACTORY))
    natural = np.asarray(times, dtype=float), np.asarray(fibres, dtype=np.int64)
    gains = np.broadcast_to(np.reshape(gain, (-1, 1, 1, 1)), (n, 1, 3, 1))
    return Passage(READY, line, everyone, gains, natural, seed, 0)


# Collisions


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


@pytest.mark.parametrize("kernel", BACKENDS)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_collisions_agree_with_an_event_simulation(kernel, seed):
    line, pulses, times, fibres = random_case(seed)
    with pytest.MonkeyPatch.context() as patch:
        if kernel == "numpy":
            patch.setattr(axon_kernel, "library", lambda: None)
        under_test = bank(line, times, fibres)
        launched = under_test.advance(brief(pulses))
    for fibre in range(line.index.size):
        arrived, entered = event_simulation(line, fibre, pulses, times[fibres == fibre])
        assert set(launched.pulse[launched.arrives & (launched.fibre == fibre)].tolist()) == arrived
        assert set(np.flatnonzero(under_test.spared()[fibres == fibre]).tolist()) == entered


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_spikes_at_the_segment_are_a_refractory_period_apart(seed):
    line, pulses, times, fibres = random_case(seed)
    under_test = bank(line, times, fibres)
    launched, spared = under_test.advance(brief(pulses)), under_test.spared()
    evoked = (launched.time + line.latency[launched.fibre])[launched.arrives]
    arrived, where = sort(
        np.concatenate([times[spared], evoked]),
        np.concatenate([fibres[spared], launched.fibre[launched.arrives]]),
    )
    apart = np.diff(arrived)[np.diff(where) == 0] - line.refractory[where[1:]][np.diff(where) == 0]
    assert apart.min(initial=0.0) > -1e-9


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
def test_where_a_natural_spike_meets_an_evoked_one(backend, natural_ms, natural_enters, evoked_arrives):
    under_test = bank(column(), [1e-3 * natural_ms], [0])
    launched = under_test.advance(brief([0.0]))
    assert under_test.spared().tolist() == [natural_enters]
    assert launched.arrives.sum() == evoked_arrives


def test_an_evoked_spike_removes_one_natural_spike_only(backend):
    under_test = bank(column(), [4e-3, 8e-3], [0, 0])
    under_test.advance(brief([0.0]))
    assert under_test.spared().tolist() == [False, True]


def test_a_natural_spike_that_passes_the_electrode_tires_the_fibre(backend):
    tired = replace(READY, fatigue=0.5)
    line = column()
    for natural, spikes in (([], 1), ([-0.1], 0)):
        on = np.zeros(len(natural), dtype=np.int64)
        traffic = Traffic(np.array(natural), on, line.latency, line.conduction)
        gains = np.full((1, 1, 3, 1), 1.2 / 3)
        fibre = Bank(tired, gains, line.refractory, np.zeros(1, dtype=np.uint64), traffic)
        assert len(fibre.advance(brief([0.0], start=-0.2))) == spikes


def test_stimulation_occludes_ongoing_input_in_proportion_to_its_rate():
    # a pulse costs 2 * CONDUCTION + REFRACTORY of natural time; 2 * LATENCY of it stops an evoked spike
    rng, n, rate, frequency, seconds = np.random.default_rng(3), 200, 2.0, 20.0, 20.0
    number = rng.poisson(rate * seconds, n)
    times = np.concatenate([np.sort(rng.uniform(0, seconds, k)) for k in number])
    under_test = bank(column(n), times, np.repeat(np.arange(n), number))
    launched = under_test.advance(brief(regular(frequency, 0.0, seconds)))
    lost = (~under_test.spared()).sum() / times.size
    expected = frequency * (2 * CONDUCTION + REFRACTORY)
    # pulses that a natural spike stopped, or that found the electrode refractory, spare a little of it
    spread = 3 * np.sqrt(0.25 / times.size) + 2e-3
    assert lost == pytest.approx(expected * (1 - rate * 2 * LATENCY), abs=spread)
    assert (~launched.arrives).sum() / times.size == pytest.approx(frequency * 2 * LATENCY, rel=0.15)


# Following


def test_regular_trains_drive_the_filter_to_their_own_frequency():
    for frequency in (1.0, 50.0, 1000.0):
        pulses = regular(frequency, 0.0, 3.0)
        rise = frequency * (1 - np.exp(-np.arange(pulses.size) / frequency / 0.3))
        assert filtered_rate(pulses, 0.3) == pytest.approx(rise)


@pytest.mark.parametrize("frequency", [10.0, 50.0, 110.0, 300.0, 1000.0])
def test_collaterals_in_the_steady_state_follow_by_the_stated_rule(frequency):
    n, under_test = 200, passage(column(200))
    pulses = regular(frequency, 0.0, 6.0)
    launched = under_test.advance(brief(pulses))
    times, _ = under_test.arrivals()
    assert len(launched) == n * pulses.size  # the trunks follow every pulse
    trials = n * (pulses > 3.0).sum()
    expected = 1 / (1 + (frequency / 110) ** 4)
    spread = np.sqrt(expected * (1 - expected) / trials)
    assert (times > 3.0 + LATENCY).sum() / trials == pytest.approx(expected, abs=4 * spread)


def test_what_drives_the_failure_is_the_rate_of_the_trunk_not_that_of_the_pulses():
    refractory = np.full(50, 19.5e-3)  # so every twentieth pulse of 1 kHz
    line = column(50, refractory=refractory, latency=np.full(50, LATENCY))
    under_test = passage(line)
    launched = under_test.advance(brief(regular(1000.0, 0.0, 3.0)))
    assert len(launched) == 50 * 150
    expected = 1 / (1 + (50 / 110) ** 4)
    assert under_test.arrivals()[0].size / len(launched) == pytest.approx(expected, abs=0.02)


def test_a_spike_that_never_reaches_the_branch_does_not_tire_it():
    line = column(1, follow_half=np.array([1e-3]))  # follows the first, and no other
    alone, met = passage(line), passage(line, [0.1 + 1e-4], [0])
    for under_test in (alone, met):
        under_test.advance(brief([0.1, 0.2]))
    assert alone.arrivals()[0] == pytest.approx([0.1 + LATENCY])
    assert met.arrivals()[0] == pytest.approx([0.1 + 1e-4, 0.2 + LATENCY])


def test_chance_falls_with_the_filtered_rate_of_each_fibre():
    line = column(2, follow_half=np.array([50.0, 200.0]))
    times = np.concatenate([regular(100.0, 0.0, 3.0)] * 2)
    chance = following(line, times, np.repeat([0, 1], 300))
    assert chance[[0, 300]].tolist() == [1.0, 1.0]
    assert chance[[299, 599]] == pytest.approx([1 / 17, 16 / 17], rel=1e-3)


def test_random_numbers_have_their_distributions():
    keys, counter = np.arange(2000, dtype=np.uint64)[:, None], np.arange(50)
    flat, bell = uniform(keys, counter), normal(keys, counter)
    assert flat.min() >= 0 and flat.max() < 1
    assert np.histogram(flat, 10, (0, 1))[0] == pytest.approx(10_000, rel=0.05)
    assert bell.mean() == pytest.approx(0, abs=0.015) and bell.std() == pytest.approx(1, abs=0.01)
    assert np.abs(np.corrcoef(flat[:, :5].T) - np.eye(5)).max() < 0.1


# What arrives


def test_currents_in_parts_give_exactly_the_same_arrivals(backend):
    line, pulses, times, fibres = random_case(5)
    line = replace(line, jitter=0.2e-3)
    whole, parts = passage(line, times, fibres), passage(line, times, fibres)
    segments = brief(pulses)
    whole.advance(segments)
    edges = np.cumsum(np.concatenate([[segments.start], segments.duration]))
    for k in range(segments.duration.size):
        span = slice(k, k + 1)
        parts.advance(
            Segments(float(edges[k]), segments.duration[span], segments.current[span], segments.pulse[span])
        )
    for one, other in zip(whole.arrivals(), parts.arrivals(), strict=True):
        assert np.array_equal(one, other)


def test_spikes_of_a_fibre_do_not_depend_on_other_fibres():
    few, many = (passage(column(3, jitter=0.2e-3), gain=gain) for gain in ([1e6, 0, 0], [1e6, 1e6, 1e6]))
    for under_test in (few, many):
        under_test.advance(brief(regular(150.0, 0.0, 1.0)))
    times, fibres = many.arrivals()
    assert np.unique(fibres).tolist() == [0, 1, 2]
    assert few.arrivals()[0].tolist() == times[fibres == 0].tolist()


def test_the_same_seed_gives_the_same_spikes_and_another_does_not():
    trains = []
    for seed in (1, 1, 2):
        trains.append(passage(column(5, jitter=0.2e-3), seed=seed))
        trains[-1].advance(brief(regular(150.0, 0.0, 1.0)))
    first, same, other = (train.arrivals()[0] for train in trains)
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_jitter_has_the_stated_spread_and_nothing_arrives_before_its_pulse():
    line = column(500, jitter=0.2e-3)
    under_test = passage(line)
    under_test.advance(brief([0.0, 1.0]))
    late = under_test.arrivals()[0] % 1.0 - LATENCY
    assert late.mean() == pytest.approx(0, abs=3 * 0.2e-3 / np.sqrt(late.size))
    assert late.std() == pytest.approx(0.2e-3, rel=0.1)
    early = passage(replace(line, jitter=5e-3))
    early.advance(brief([0.0]))
    assert early.arrivals()[0].min() == pytest.approx(0, abs=WIDTH)


def test_arrivals_are_sorted_and_a_refractory_period_apart():
    line, pulses, times, fibres = random_case(8)
    under_test = passage(replace(line, jitter=2e-3, refractory=np.full(5, REFRACTORY)), times, fibres)
    under_test.advance(brief(pulses))
    arrived, where = under_test.arrivals()
    assert (np.diff(where) >= 0).all()
    assert np.diff(arrived)[np.diff(where) == 0].min() > REFRACTORY * (1 - 1e-9)


def test_fibres_outside_the_column_keep_their_spikes():
    line = column(2, index=np.array([1, 3]))
    under_test = passage(line, [1e-3, 4e-3, 1e-3, 4e-3], [0, 1, 2, 3])
    under_test.advance(brief([0.0]))
    times, fibres = under_test.arrivals()
    assert fibres.tolist() == [0, 1, 2, 3]
    assert times == pytest.approx([1e-3, LATENCY, 1e-3, LATENCY])


def test_without_currents_the_natural_spikes_arrive_as_they_were():
    times, fibres = passage(column(2), [1e-3, 4e-3, 1e-3], [0, 0, 1]).arrivals()
    assert times.tolist() == [1e-3, 4e-3, 1e-3] and fibres.tolist() == [0, 0, 1]


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
