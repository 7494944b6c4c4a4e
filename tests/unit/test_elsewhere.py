"""Sources outside of the segment: remote fibres, dorsal-column nuclei, and the cortex, which is silent."""

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import ELSEWHERE
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.elsewhere import elsewhere, relayed
from dhmodel.stimulation.patterns import nothing

NUMBER = 20


def trains(trunks=None, seed=1, replicate=0, duration=20.0, **changes):
    P = resolve(set={path.replace("__", "."): value for path, value in changes.items()})
    return elsewhere(P, trunks or nothing(), duration, 1.0, seed, replicate)


def regular(fibres=40, rate=10.0, duration=10.0):
    """Spikes of fibres that fire regularly, each with a phase of its own, sorted by fibre."""
    period = 1 / rate
    one = np.arange(0, duration, period)
    times = np.concatenate([one + period * fibre / fibres for fibre in range(fibres)])
    return times, np.repeat(np.arange(fibres), one.size)


def relay(trunks, seed=1, replicate=0, **changes):
    P = resolve(set={path.replace("__", "."): value for path, value in changes.items()})
    return relayed(P, NUMBER, trunks, seed, replicate)


def test_without_a_paradigm_there_is_the_background_of_the_remote_segment_alone():
    rates, P = trains(duration=60.0).rate(60.0), resolve()
    assert tuple(rates) == ELSEWHERE
    assert rates["DCN"] == rates["CORTEX"] == 0
    for name in ("AD", "CP"):
        assert rates[f"{name}_REMOTE"] == pytest.approx(P[f"background.{name}.rate"], rel=0.25)


@pytest.mark.parametrize("name", ["AD", "CP"])
def test_remote_input_adds_to_the_background_of_its_fibres_alone(name):
    rest, driven = trains().rate(20.0), trains(**{f"remote__{name}__rate": "20 Hz"}).rate(20.0)
    added = {source: driven[source] - rest[source] for source in ELSEWHERE}
    assert added.pop(f"{name}_REMOTE") == pytest.approx(20, rel=0.05)
    assert set(added.values()) == {0}


def test_the_remote_segment_is_reproducible_and_keeps_the_refractory_period():
    first, again = (trains(remote__AD__rate="100 Hz", seed=2) for _ in range(2))
    assert first.times.tolist() == again.times.tolist() and first.fibres.tolist() == again.fibres.tolist()
    assert first.times.tolist() != trains(remote__AD__rate="100 Hz", seed=2, replicate=1).times.tolist()
    gaps = np.diff(first.times)[np.diff(first.fibres) == 0]
    assert gaps.min() >= resolve()["fibre.AD.refractory"] - 1e-12
    assert -1 <= first.times.min() and first.times.max() < 20


def test_a_remote_rate_beyond_the_refractory_period_is_refused():
    with pytest.raises(InputError, match="refractory"):
        trains(remote__AD__rate="200 Hz", fibre__AD__refractory="6 ms")


def test_a_relay_cell_passes_on_its_share_of_what_it_hears():
    trunks = regular()
    for convergence, chance in ((8, 0.2), (4, 0.2), (4, 0.5)):
        times, _ = relay(trunks, dcn__convergence=convergence, dcn__relay=chance, dcn__refractory="0 ms")
        expected = NUMBER * convergence * chance * 100  # spikes of each fibre
        assert times.size == pytest.approx(expected, rel=4 / np.sqrt(expected))


def test_relayed_spikes_are_those_of_the_column_a_latency_later():
    times, units = relay(regular(), dcn__latency="8 ms")
    assert np.isin(np.round(times - 8e-3, 9), np.round(regular()[0], 9)).all()
    assert set(units.tolist()) == set(range(NUMBER)) and (np.diff(units) >= 0).all()
    assert (np.diff(times)[np.diff(units) == 0] >= 0).all()


def test_relay_cells_keep_their_refractory_period():
    trunks = regular(rate=50.0)
    free, kept = (relay(trunks, dcn__refractory=time, dcn__relay=1) for time in ("0 ms", "5 ms"))
    gaps = [np.diff(times)[np.diff(units) == 0].min() for times, units in (free, kept)]
    assert gaps[0] < 1e-3 and gaps[1] >= 5e-3 - 1e-12
    assert kept[0].size < free[0].size


@pytest.mark.parametrize("left", [0.0, 0.25, 1.0])
def test_a_cut_column_takes_its_part_of_the_fibres_away(left):
    everything = {"dcn__relay": 1, "dcn__convergence": 200, "dcn__refractory": "0 ms", "dcn__latency": "0 s"}
    trunks = regular()
    times, _ = relay(trunks, injury__dorsal_column=left, **everything)
    fibre_of = dict(zip(np.round(trunks[0], 9).tolist(), trunks[1].tolist(), strict=True))
    heard = {fibre_of[time] for time in np.round(times, 9).tolist()}
    assert len(heard) == round(40 * left)


def test_pulses_reach_the_nuclei_and_no_other_source_does():
    P = resolve()
    given = afferent_input(P, "tonic", "spontaneous", 5.0, 0.0, 1, 0)
    rest, driven = (elsewhere(P, trunks, 5.0, 0.0, 1, 0).rate(5.0) for trunks in (nothing(), given.trunks))
    expected = given.trunk_rate * P["dcn.convergence"] * P["dcn.relay"]
    # some of it falls into the refractory period, for pulses drive all fibres at once
    assert 0.3 * expected < driven["DCN"] <= 1.1 * expected
    assert {name: driven[name] for name in ELSEWHERE if name != "DCN"} == {
        name: rest[name] for name in ELSEWHERE if name != "DCN"
    }
    assert elsewhere(P, nothing(), 5.0, 0.0, 1, 0).rate(5.0)["DCN"] == 0
