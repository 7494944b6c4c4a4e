"""Rival mechanisms of 10 kHz: what each adds to the spikes of the fibre model."""

import numpy as np
import pytest

from dhmodel import simulate
from dhmodel.errors import InputError
from dhmodel.parameters import parameter, resolve
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.paradigms import find_paradigm
from dhmodel.stimulation.scenario import _SCENARIOS, Effect, effect

SMALL = {"circuit.scale": 0.25}


def khz(scenario, **settings):
    chosen = {f"khz.{name}": value for name, value in settings.items()}
    return resolve(set={"khz.scenario": scenario, "background.AB.rate": "5 Hz", **chosen})


def given(P, paradigm="khz"):
    return afferent_input(P, paradigm, "spontaneous", 4.0, 0.0, 1, 0)


def test_every_choice_is_a_scenario_and_the_default_adds_nothing():
    assert set(parameter("khz.scenario").choices) == set(_SCENARIOS)
    assert effect(resolve(), find_paradigm("khz")) == Effect()
    assert effect(khz("inhibitory_drive"), find_paradigm("tonic")) == Effect()


def test_10_khz_below_perception_excites_few_fibres():
    # 2 and 49 Hz; at 0.9 the nearest fibres fire, 12 Hz over all
    below, above = (given(khz("sparse_abeta", amplitude=share)).trunk_rate for share in (0.8, 1.1))
    assert below < 5 < above


def test_desynchronised_fibres_fire_more():
    sparse, strong = (given(khz(name)).trunk_rate for name in ("sparse_abeta", "desynchronised_abeta"))
    assert strong > 10 * sparse


def test_blocked_fibres_bring_nothing_while_stimulation_is_on():
    P = khz("conduction_block", block_fraction=0.5, delay="2 s", amplitude=0.1)
    trains = given(P).trains.of("AB")
    before, during = (trains.between(*span) for span in ((0.0, 2.0), (2.0, 4.0)))
    silent = np.setdiff1d(np.arange(trains.n_fibres), during.fibres)
    # at 5 Hz for 2 s a fibre is silent by chance once in 22,000
    assert silent.size == pytest.approx(0.5 * trains.n_fibres, abs=4)
    assert np.isin(silent, before.fibres).all()
    none = given(khz("conduction_block", block_fraction=0, amplitude=0.1)).trains
    assert np.array_equal(none.times, given(resolve(set={"background.AB.rate": "5 Hz"}), "none").trains.times)


def test_the_current_into_inhibitory_cells_grows_with_the_rate_of_pulses():
    def current(frequency):
        P = khz("inhibitory_drive", frequency=frequency, inhibitory_current="8 pA", inhibitory_power=3)
        return effect(P, find_paradigm("khz")).currents

    assert current("10 kHz") == pytest.approx({"GABA_DYN": 8e-12, "GABA_ISL": 8e-12})
    assert current("5 kHz")["GABA_ISL"] == pytest.approx(1e-12)


def test_a_current_into_inhibitory_cells_makes_them_fire():
    common = {"duration": "1 s", "replicates": 2}
    drive = {"khz.scenario": "inhibitory_drive", "khz.inhibitory_current": "60 pA", "khz.amplitude": 0.1}
    off = simulate("none", set=SMALL, **common)["rate"].mean("replicate")
    on = simulate("khz", set=SMALL | drive, **common)["rate"].mean("replicate")
    for name in ("GABA_DYN", "GABA_ISL"):
        assert on.sel(population=name) > off.sel(population=name) + 1
    late = simulate("khz", set=SMALL | drive | {"khz.delay": "0.5 s"}, **common)["psth"].mean("replicate")
    islet = late.sel(population="GABA_ISL")
    assert islet.sel(time=slice(0.6, 1)).mean() > islet.sel(time=slice(0, 0.49)).mean() + 5


def test_an_unknown_scenario_is_named():
    with pytest.raises(InputError, match='khz.scenario.*"sparse".*nearest: "sparse_abeta"'):
        resolve(set={"khz.scenario": "sparse"})
