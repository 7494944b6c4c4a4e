"""Stimuli through the whole simulation: steps of current, force, and what measures make of them."""

import numpy as np
import pytest

from dhmodel import simulate
from dhmodel.errors import InputError
from dhmodel.measures import active_cells, between, evoked, replicates
from dhmodel.parameters import paths
from dhmodel.parameters.layout import HORN

ISOLATED = {path: 0 for path in paths() if path.startswith("synapse.") and path.endswith(".scale")}


def stepped(paradigm="none", **settings):
    step = {f"current_step.{key}": value for key, value in settings.items()}
    return simulate(
        paradigm,
        stimulus="current_step",
        set={"circuit.scale": 0.25} | ISOLATED | step,
        seed=7,
        warmup="0.5 s",
    )


@pytest.mark.parametrize("population", ["EX", "GABA_PV", "PN"])
def test_cells_of_the_population_fire_during_the_step_alone(population):
    ds = stepped(population=population, amplitude="100 pA")
    assert ds["time"].size * 0.01 == pytest.approx(2.2)
    before, during, after = (between(ds, *span)[0] for span in ((0, 0.2), (0.2, 1.2), (1.3, 2.2)))
    assert float(during.sel(population=population)) > 15
    assert max(float(part.sel(population=population)) for part in (before, after)) < 1
    others = [name for name in HORN if name not in (population, "WDR")]
    np.testing.assert_allclose(during.sel(population=others), before.sel(population=others), atol=2)


def test_a_stronger_current_fires_more_and_a_negative_one_none():
    runs = [stepped(amplitude=f"{pA} pA", population="TAC") for pA in (-50, 80, 160)]
    rates = [float(ds["rate"].sel(population="TAC")[0]) for ds in runs]
    assert rates[0] == 0 < rates[1] < rates[2]


def test_the_step_goes_with_a_paradigm():
    ds = stepped("tonic", population="EX", amplitude="100 pA", on="1 s", off="1.5 s")
    assert ds.attrs["paradigm"] == "tonic" and float(ds["trunk_rate"][0]) > 1
    before, during = (float(between(ds, *span)[0].sel(population="EX")) for span in ((0, 1), (1, 1.5)))
    assert before < 1 and during > 10


def test_a_step_that_ends_before_it_begins_is_refused():
    with pytest.raises(InputError, match="current_step.off: got 1 s, needs to be later than current_step.on"):
        stepped(on="2 s", off="1 s")
    with pytest.raises(InputError, match='unknown current_step.population "MN"'):
        stepped(population="MN")


def test_a_press_drives_projection_cells_by_its_force_and_while_it_lasts():
    weak, strong = (
        simulate(
            stimulus="vonfrey",
            set={"circuit.scale": 0.25, "vonfrey.force": force},
            seed=7,
            replicates=2,
            spikes=True,
        )
        for force in ("10 mN", "1 N")
    )
    gains = [evoked(ds, during=(1, 4), before=(0, 1)) for ds in (weak, strong)]
    added = [float(gain.sel(population="WDR").mean()) for gain in gains]
    assert added[0] < 0.1 * added[1] and added[1] > 10
    active = [replicates(ds, "PN", active_cells, start=1, stop=4) for ds in (weak, strong)]
    assert active[0].dims == ("replicate",)
    assert active[0].mean() < active[1].mean() and (active[1] > 0.5).all()
