"""The fast fibre model against MRG axons: thresholds, order, recovery, following, conduction, cost."""

import importlib.util
import json
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from dhmodel.parameters import resolve
from dhmodel.stimulation.sites import conduction_velocity

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "fibre_fit.py"
FOLLOWED = ("50 Hz", "500 Hz burst", "1 kHz")


def load_experiment():
    spec = importlib.util.spec_from_file_location("fibre_fit", EXPERIMENT)
    module = sys.modules["fibre_fit"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fibre_fit = load_experiment()


@pytest.fixture(scope="module")
def ds():
    return fibre_fit.reference()


@pytest.fixture(scope="module")
def P():
    return resolve()


@pytest.fixture(scope="module")
def thresholds(P, ds):
    return fibre_fit.thresholds(P, ds, fibre_fit.waveforms(ds))


@pytest.fixture(scope="module")
def recovery(P, ds):
    return fibre_fit.recovery(P, ds)


@pytest.fixture(scope="module")
def spikes(P, ds):
    return fibre_fit.following(P, ds)


def test_the_reference_covers_what_it_should(ds):
    single = ds.isel(
        case=(ds["shape"].values == "cathodic") & (ds.pulses.values == 1) & (ds.offset.values == 0)
    )
    wanted = product(
        ["point", "bipolar"],
        [1e-3, 3e-3],
        [6e-6, 8e-6, 10e-6, 12e-6, 14e-6],
        [3e-5, 6e-5, 1e-4, 2e-4, 4e-4, 7e-4, 1e-3],
    )
    columns = (single[name].values.tolist() for name in ("geometry", "distance", "diameter", "width"))
    assert set(wanted) <= set(zip(*columns, strict=True))
    assert {"versions", "model", "command", "date", "conductivity_S_per_m", "time_step_s"} <= set(ds.attrs)


def test_every_threshold_is_within_15_percent(ds, thresholds):
    error = thresholds / ds.threshold.values - 1
    assert np.abs(error).max() < 0.15
    assert np.sqrt(np.mean(error**2)) < 0.06


@pytest.mark.parametrize(
    "shape",
    [
        "cathodic",
        "biphasic",
        pytest.param(
            "anodic",
            marks=pytest.mark.xfail(
                reason="0.4 ms anodic: 14 um fires before 10 um in MRG (-6 %), after it in the model (+2 %)"
            ),
        ),
    ],
)
def test_fibres_are_recruited_in_the_same_order(ds, thresholds, shape):
    ds, thresholds = ds.isel(case=ds["shape"].values == shape), thresholds[ds["shape"].values == shape]
    rest = ("geometry", "distance", "offset", "shape", "width", "pulses", "period")
    keys = np.array([str(key) for key in zip(*(ds[name].values.tolist() for name in rest), strict=True)])
    several = 0
    for key in np.unique(keys):
        of = np.flatnonzero(keys == key)
        # MRG thresholds are known to 1 %, and two of them differ by less
        order = of[np.argsort(ds.threshold.values[of])]
        apart = np.diff(np.log(ds.threshold.values[order])) > 0.02
        assert (np.diff(thresholds[order])[apart] > 0).all(), key
        several += of.size > 1
    assert several > 2


def test_accommodation_adds_little_to_the_threshold_of_a_train(P, ds):
    """So that thresholds of trains, in which it is left out, are those at which fibres fire: within 0.5 %."""
    of_axon = fibre_fit.axons(P, np.array([6e-6, 14e-6]))
    for given in json.loads(ds.trains).values():
        current = fibre_fit.train(given["shape"], given["width"], given["onsets"])
        at_threshold = of_axon / fibre_fit.peaks(fibre_fit.quiet(P), of_axon, current)[:, None, None, None]
        for factor, fire in ((0.999, []), (1.005, [0, 1])):
            fired = fibre_fit.launch(P, factor * at_threshold, current, fibre_fit.REFRACTORY).fibre
            assert np.unique(fired).tolist() == fire


def test_summation_and_the_anodic_phase(ds, thresholds):
    """What a linear model with a fixed threshold misses: 10 kHz trains sum, an anodic phase takes away."""

    def of(model, **given):
        chosen = np.ones(ds.sizes["case"], dtype=bool)
        for name, value in (
            {"geometry": "point", "distance": 1e-3, "offset": 0.0, "diameter": 1e-5} | given
        ).items():
            chosen &= ds[name].values == value
        return (thresholds if model else ds.threshold.values)[chosen].item()

    for model in (False, True):
        one = of(model, shape="biphasic", width=3e-5, pulses=1)
        assert of(model, shape="biphasic", width=3e-5, pulses=200) < 0.8 * one
        assert one > 1.1 * of(model, shape="cathodic", width=3e-5, pulses=1)


def test_refractory_periods(ds, recovery):
    """Absolute as MRG; relative within 35 % at 1.2 ms, where it falls steeply, within 20 % until 2 ms."""
    delay, ratio = ds.recovery_delay.values, ds.recovery_ratio.values
    assert np.isnan(ratio[delay <= 1e-3]).all()
    assert np.isnan(recovery[delay <= 1e-3]).all()
    error = np.abs(recovery / ratio - 1)
    assert error[np.isclose(delay, 1.2e-3)].max() < 0.35
    assert error[np.isclose(delay, 1.5e-3) | np.isclose(delay, 2e-3)].max() < 0.20
    assert error[delay >= 1e-2].max() < 0.06


def test_supernormal_phase(ds, recovery):
    """At 3 and 5 ms within 15 %, and below rest in every axon."""
    later = (ds.recovery_delay.values > 2e-3) & (ds.recovery_delay.values < 1e-2)
    assert np.abs(recovery / ds.recovery_ratio.values - 1)[later].max() < 0.15
    assert (recovery[later] < 0.95).all()


def followed(ds, spikes, names, multiples):
    """Spikes per pulse of MRG and of the model in the runs of these trains and multiples of threshold."""
    rows = [
        row
        for row, (name, multiple) in enumerate(zip(ds.train.values, ds.train_multiple.values, strict=True))
        if name in names and multiple in multiples
    ]
    pulses = np.array([len(json.loads(ds.trains)[ds.train.values[row]]["onsets"]) for row in rows])
    mrg = fibre_fit.reference_spikes(ds)
    counts = np.array([[mrg[row].size for row in rows], [spikes[row].size for row in rows]])
    assert rows
    return counts / pulses


def test_below_threshold_neither_follows(ds, spikes):
    assert (followed(ds, spikes, FOLLOWED, (0.9,)) == 0).all()


def test_following_at_50_hz_in_bursts_and_at_1_khz(ds, spikes):
    """Spikes per pulse within 0.1 at 1.5 and 2 x threshold, within 0.2 at 3 x (1 kHz: 0.68, MRG 0.5)."""
    mrg, own = followed(ds, spikes, FOLLOWED, (1.5, 2.0))
    assert np.abs(own - mrg).max() < 0.1
    mrg, own = followed(ds, spikes, FOLLOWED, (3.0,))
    assert np.abs(own - mrg).max() < 0.2


def test_strong_trains_are_followed(ds, spikes):
    """At 5 and 8 x threshold; where 1 ms pulses begin to fail in MRG (12 of 15 at 8 x) within 0.2."""
    mrg, own = followed(ds, spikes, ("1 kHz",), (5.0, 8.0))
    assert np.abs(own - mrg).max() < 0.1
    mrg, own = followed(ds, spikes, ("500 Hz burst",), (5.0,))
    assert np.abs(own - mrg).max() < 0.1
    mrg, own = followed(ds, spikes, ("500 Hz burst",), (8.0,))
    assert np.abs(own - mrg).max() < 0.21


def test_following_of_1_khz_at_1_2_times_threshold(ds, spikes):
    mrg, own = followed(ds, spikes, ("1 kHz",), (1.2,))
    assert np.abs(own - mrg).max() < 0.1


@pytest.mark.xfail(
    reason="no rise of threshold (3-5 %) until 20 ms after a spike: at 1.1 x MRG answers 3-5 of 15 burst "
    "pulses (1.2 x: 4-6) and 4-16 of 50 at 1 kHz, the model 15 and 25",
)
def test_following_just_above_threshold(ds, spikes):
    mrg, own = followed(ds, spikes, FOLLOWED, (1.1, 1.2))
    assert np.abs(own - mrg).max() < 0.2


def khz_rows(ds, low, high, diameters=(6e-6, 10e-6, 14e-6)):
    """Runs at 10 kHz in a range of multiples of the threshold of one pulse."""
    within = (ds.train_multiple.values >= low) & (ds.train_multiple.values <= high)
    sizes = np.isclose(ds.train_diameter.values[:, None], diameters).any(axis=1)
    return np.flatnonzero((ds.train.values == "10 kHz") & within & sizes)


def test_10_khz_begins_as_in_mrg(ds, spikes):
    """From 0.8 to 2 x threshold the first spike within 1 ms, and in 5 ms as many spikes but for two."""
    mrg, rows = fibre_fit.reference_spikes(ds), khz_rows(ds, 0.8, 2)
    assert rows.size == 21
    for row in rows:
        assert abs(spikes[row][0] - mrg[row][0]) < 1e-3
        assert abs((spikes[row] < 5e-3).sum() - (mrg[row] < 5e-3).sum()) <= 2


def test_10_khz_near_threshold_is_followed_in_thin_axons(ds, spikes):
    """Axons of 6 um, about the size of the rat's column fibres, go on firing at 0.8 and 0.9 x one pulse."""
    mrg, rows = fibre_fit.reference_spikes(ds), khz_rows(ds, 0.8, 0.9, (6e-6,))
    assert rows.size == 2
    for row in rows:
        assert spikes[row].size == pytest.approx(mrg[row].size, rel=0.15)
        assert min(spikes[row][-1], mrg[row][-1]) > 45e-3


def test_10_khz_silences_strongly_driven_axons(ds, spikes):
    """From 1.5 x threshold a few spikes (1-9; MRG 1-8), as many as in MRG but for 4, and none after 20 ms."""
    mrg, rows = fibre_fit.reference_spikes(ds), khz_rows(ds, 1.5, 5)
    assert rows.size == 12
    for row in rows:
        assert 1 <= spikes[row].size <= 9 and abs(spikes[row].size - mrg[row].size) <= 4
        assert max(spikes[row][-1], mrg[row][-1]) < 20e-3


@pytest.mark.xfail(
    reason="10 kHz: at 1 and 1.1 x threshold MRG falls silent after 4-7 spikes (6 um at 1 x: 15 in 50 ms), "
    "the model fires on (28); at 1.3 x 5, the model 12-25; beyond, counts are within 50 % in 9 of 12 runs"
)
def test_10_khz_goes_on_as_in_mrg(ds, spikes):
    mrg, own = followed(ds, spikes, ("10 kHz",), (1.0, 1.1, 1.3, 1.5, 2.0, 3.0, 5.0))
    assert np.abs(own / mrg - 1).max() < 0.5


def test_conduction_velocity(P, ds):
    own = conduction_velocity(P, ds.fibre.values)
    assert np.abs(own / ds.velocity.values - 1).max() < 0.03


def test_action_potentials_arrive_with_the_conduction_velocity(ds):
    """The negative peak of the stored traces moves 15 mm at the stored velocity."""
    trace = ds.action_potential.values
    peak = ds.time.values[trace.argmin(axis=2)]
    near, far = (
        np.flatnonzero((ds.contact_along.values == x) & (ds.contact_distance.values == 1e-3)).item()
        for x in (0.015, 0.030)
    )
    assert 0.015 / (peak[:, far] - peak[:, near]) == pytest.approx(ds.velocity.values, rel=0.1)
    assert (np.diff(-trace[:, near].min(axis=1)) > 0).all()  # larger fibres give larger potentials
