"""Motoneurons: H and tendon reflexes, what changes them, and the spastic state."""

import numpy as np
import pytest
import xarray as xr

import dhmodel as dh
from dhmodel import measures
from dhmodel.errors import InputError
from dhmodel.evidence.asking import readouts
from dhmodel.evidence.asking.trials import Trial
from dhmodel.parameters import resolve
from dhmodel.simulate import plan, record
from dhmodel.stimulation.stimulus import motor_share

FEW = {"stimulus.tail": "0.1 s"} | {
    f"{name}.{key}": value
    for name in ("h_reflex", "t_reflex")
    for key, value in (("number", 3), ("frequency", "2 Hz"), ("delay", "0.1 s"))
}


def size(stimulus="h_reflex", state="naive", **settings):
    values = FEW | {path.replace("__", "."): value for path, value in settings.items()}
    ds = dh.simulate(stimulus=stimulus, state=state, set=values, seed=11, replicates=2, warmup="0.2 s")
    return measures.reflex(ds).mean("replicate")


def test_the_m_wave_grows_from_nothing_to_all_axons():
    shares = [motor_share(resolve(set={"h_reflex.intensity": x}), "h_reflex") for x in (1, 1.5, 2)]
    assert shares == [0, 0.5, 1]
    assert motor_share(resolve(), "t_reflex") == motor_share(resolve(), "shock") == 0


def test_the_h_reflex_grows_then_falls_as_the_m_wave_grows():
    low, best, high, highest = (float(size(h_reflex__intensity=x).mean()) for x in (0.9, 1.3, 1.6, 2))
    assert low < 0.5 * best and high < 0.8 * best and highest == 0
    assert 0.2 < best < 0.9


def test_taps_reach_motoneurons_through_ia_fibres_alone():
    assert float(size("t_reflex").mean()) > 0.1
    assert float(size("t_reflex", t_reflex__IA=0).mean()) == 0
    assert float(size("t_reflex", injury__denervation__IA=1).mean()) == 0


def test_both_reflexes_follow_the_release_of_ia_terminals():
    for stimulus in ("h_reflex", "t_reflex"):
        full, less, least = (float(size(stimulus, terminal__IA__release=x).mean()) for x in (1, 0.8, 0.6))
        assert least < less < full and least < 0.6 * full


def test_a_second_shock_soon_after_the_first_finds_a_smaller_reflex():
    answers = size(h_reflex__frequency="10 Hz").values
    assert answers[1] < 0.8 * answers[0]


def test_spastic_reflexes_are_larger_alone_and_one_after_the_other():
    normal, spastic = (size(state=state, h_reflex__frequency="10 Hz") for state in ("naive", "spastic"))
    assert float(spastic[0]) > 1.1 * float(normal[0]) and float(spastic[1]) > 1.1 * float(normal[1])
    weak = {"t_reflex__IA": 0.5}  # far from all motoneurons
    assert float(size("t_reflex", "spastic", **weak).mean()) > 1.2 * float(size("t_reflex", **weak).mean())


def test_motoneurons_are_silent_without_input_and_fire_once_to_a_volley():
    ds = dh.simulate(duration="1 s", warmup="0.2 s", seed=11)
    assert float(ds["rate"].sel(population="MN")[0]) == 0
    assert float(ds["m_wave"][0]) == 0
    assert float(size(h_reflex__intensity=1.3).max()) <= 1


def test_reflex_of_known_counts():
    count = np.zeros((1, 2, 2, 4))
    count[0, :, 1] = [[0.5, 0.1, 3, 3], [np.nan, 0.1, 3, 3]]
    windows = ["Abeta", "Adelta", "C", "post"]
    dims = ("replicate", "stimulus_index", "population", "window")
    data = {"count": (dims, count), "m_wave": ("replicate", [0.25])}
    ds = xr.Dataset(data, {"population": ["WDR", "MN"], "window": windows})
    found = measures.reflex(ds)
    assert found.dims == ("replicate", "stimulus_index")
    assert found.values[0] == pytest.approx([0.45, np.nan], nan_ok=True)
    with pytest.raises(InputError, match="reflex: the stimulus has no shocks or taps"):
        measures.reflex(ds.drop_vars("count"))


def test_the_ledger_asks_for_the_same_number():
    chosen = plan(stimulus="h_reflex", set=FEW, warmup="0.2 s", seed=11)
    found = readouts.reflex(Trial(chosen, [record(chosen, number) for number in range(2)]))
    assert float(found.mean()) == pytest.approx(float(size().mean()))
