"""How evenly dorsal-column fibres are shared between pulse rates: by hand, and of paradigms."""

import numpy as np
import pytest

from dhmodel.simulate import measure, plan
from dhmodel.stimulation.axon import Launched
from dhmodel.stimulation.mixing import rate_mix
from dhmodel.stimulation.waveforms import Channel, Schedule, monophasic

SMALL = {"circuit.scale": 0.5}


def sent(*rates):
    """A schedule of one second with a channel of each rate, in Hz."""
    channel = np.repeat(np.arange(len(rates)), rates)
    times = np.concatenate([np.arange(rate) / rate for rate in rates])
    order = np.argsort(times, kind="stable")
    channels = tuple(Channel(f"c{number}", {0: 1.0}) for number in range(len(rates)))
    fixed = np.ones(order.size), np.zeros(order.size, dtype=int), channel[order]
    return Schedule(times[order], *fixed, (monophasic(-1, 1e-4),), channels)


def started(*spikes):
    """So many spikes on each fibre."""
    fibre = np.repeat(np.arange(len(spikes)), spikes)
    return Launched(fibre, np.zeros_like(fibre), np.zeros(fibre.size), np.ones(fibre.size, dtype=bool))


@pytest.mark.parametrize(
    ("rates", "spikes", "mix"),
    [
        ((50,), (50, 50, 0), 0),  # one rate
        ((50, 52), (50, 52, 50, 52), 0),  # two that are as good as one
        ((50, 1200), (0, 0), 0),  # none is driven
        ((50, 1200), (50, 50), 0),  # one rate drives all
        ((50, 1200), (50, 400), 1),  # halves; a fibre of 400 Hz misses pulses of 1200 Hz
        ((50, 1200), (50, 400, 0, 0), 0.25),  # halves of half of them
        ((50, 1200), (50, 600, 600, 600), 0.75),  # 2 * (1 - (1/4)^2 - (3/4)^2)
        ((5, 50, 500), (5, 50, 500), 1),
    ],
)
def test_shares_by_hand(rates, spikes, mix):
    assert rate_mix(sent(*rates), started(*spikes), len(spikes), 1.0) == pytest.approx(mix)


def test_only_stimulation_at_two_rates_mixes_them():
    found = {
        name: measure(plan(name, state="snl", set=SMALL, duration="0.5 s", warmup="0.1 s"), 0)
        for name in ("none", "tonic", "dtm")
    }
    assert [float(found[name]["rate_mix"]) for name in ("none", "tonic")] == [0, 0]
    assert 0.02 < float(found["dtm"]["rate_mix"]) < 1
