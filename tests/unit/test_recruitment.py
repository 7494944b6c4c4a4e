"""Thresholds of fibres under the electrode, recruitment curves, and the scales of amplitude."""

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.axon import axon, peaks
from dhmodel.stimulation.cord import KINDS, circuit_fibres, reference
from dhmodel.stimulation.electrode import configuration
from dhmodel.stimulation.lead import contact_area, fibre_gains, potentials
from dhmodel.stimulation.recruitment import (
    amperes,
    amplitudes,
    recruited,
    reference_thresholds,
    scales,
    thresholds,
)
from dhmodel.stimulation.schedule import schedule as paradigm_schedule
from dhmodel.stimulation.waveforms import Channel, Schedule, Shape, segments

P = resolve()
HUMAN = resolve(set={"anatomy.species": "human"})
LEAD = Channel("tonic", configuration("bipolar"))
ONE = Channel("tonic", configuration("monopolar"))


def pulse(width: float = 0.2e-3, level: float = -1.0) -> Shape:
    return Shape(np.array([0.0]), np.array([width]), np.array([level]))


def schedule(times, shape: Shape | None = None, channels=(LEAD,), channel=None) -> Schedule:
    times = np.asarray(times, dtype=np.float64)
    none = np.zeros(times.size, dtype=np.int64)
    which = none if channel is None else np.asarray(channel, dtype=np.int64)
    return Schedule(times, np.ones(times.size), none, which, (shape or pulse(),), channels)


TONIC = schedule(np.arange(10) / 50)
BURST = schedule((np.arange(4)[:, None] / 40 + np.arange(5) / 500).ravel())


def first_fraction(Q, kind: str, channel: Channel = LEAD, width: float = 0.2e-3) -> float:
    """Current that recruits the first 5 % of a kind of fibre, in A."""
    return float(np.quantile(reference_thresholds(Q, channel, pulse(width), kind), 0.05))


def test_potentials_of_a_lead_are_those_of_its_contacts_summed():
    fibres = reference(P, "column", 30)
    found = potentials(P, fibres, (LEAD, ONE, Channel("next", {1: 1.0})))
    np.testing.assert_allclose(found[..., 0], found[..., 1] - found[..., 2], rtol=1e-9)


def test_a_contact_further_along_the_lead_acts_further_along_the_fibre():
    fibres = reference(P, "column", 30)
    found = potentials(P, fibres, (ONE, Channel("next", {3: 1.0})))
    peak = found.argmax(axis=1) * fibres.spacing[:, None]
    moved = (peak[:, 1] - peak[:, 0]) - 3 * P["anatomy.rat.contact_spacing"]
    assert (np.abs(moved) <= fibres.spacing).all()


def test_a_fibre_fires_at_its_threshold_and_not_below():
    fibres = reference(P, "column", 50)
    found = thresholds(P, fibres, LEAD, pulse())
    strength = fibre_gains(P, fibres, (LEAD,))
    train = schedule([0.0])
    for factor in (0.99, 1.01):
        for one in (0, 17, 49):
            current = segments(train, np.array([factor * found[one]]), 0.0, 2e-3)
            assert (peaks(axon(P), strength[one : one + 1], current)[0] >= 1) == (factor > 1)


@pytest.mark.parametrize("Q", [P, HUMAN], ids=["rat", "human"])
def test_fibres_far_from_the_lead_need_more_current(Q):
    fibres = reference(Q)
    found = np.log(thresholds(Q, fibres, LEAD, pulse()))
    away = np.stack([fibres.depth, np.abs(fibres.lateral), np.ones(found.size)], axis=1)
    slopes = np.linalg.lstsq(away, found)[0][:2]
    grows = np.exp(slopes * np.ptp(away[:, :2], axis=0))  # from the nearest to the farthest, the other held
    assert grows[0] > 2 and grows[1] > 1.1, grows


def test_thick_fibres_need_less_current_and_short_pulses_more():
    fibres = reference(P)
    found = np.log(thresholds(P, fibres, LEAD, pulse()))
    assert np.corrcoef(found, fibres.diameter)[0, 1] < -0.05
    widths = [first_fraction(P, "column", width=w) for w in (40e-6, 100e-6, 200e-6, 500e-6, 1e-3)]
    assert (np.diff(widths) < 0).all()


def test_lifting_the_lead_raises_thresholds_and_a_lead_below_the_cord_is_an_error():
    lifted = resolve(set={"lead.lift": "0.1 mm"})
    assert first_fraction(lifted, "column") > 1.1 * first_fraction(P, "column")
    with pytest.raises(InputError, match=r'lead.lift: got "-1 mm", needs more than "-0\.\d+ mm"'):
        first_fraction(resolve(set={"lead.lift": "-1 mm"}), "column")


def test_a_lead_beside_the_midline_reaches_lateral_fibres_first():
    fibres = reference(P)

    def favours_lateral(Q) -> float:
        found = np.log(thresholds(Q, fibres, LEAD, pulse()))
        return -float(np.corrcoef(found, fibres.lateral)[0, 1])

    assert favours_lateral(resolve(set={"lead.lateral": "0.8 mm"})) > 0.2 > favours_lateral(P)


def test_recruitment_grows_from_none_to_all():
    currents = np.geomspace(1e-6, 1e-2, 60)
    for kind in ("column", "root"):
        curve = recruited(P, LEAD, pulse(), currents, kind)
        assert curve[0] == 0 and curve[-1] == 1 and (np.diff(curve) >= 0).all()


def test_the_ecap_threshold_excites_the_stated_fraction():
    of = scales(P, TONIC)
    share = recruited(P, LEAD, pulse(), np.array([of.ecap]))[0]
    assert share == pytest.approx(P["column.ecap_fraction"], abs=0.002)
    assert of.perception == pytest.approx(P["perception.ratio"] * of.ecap, rel=1e-3)


def test_10_khz_is_felt_below_the_threshold_of_its_single_pulses():
    of = scales(P, paradigm_schedule(P, "khz", 0.05, 1, 0))
    assert 0.6 * of.ecap < of.perception < 0.9 * of.ecap


def test_recruitment_of_the_rat_grows_about_linearly_up_to_the_motor_threshold():
    """As compound potentials do (Parker et al. 2012 Pain 153:593): nowhere near all fibres fire."""
    of = scales(P, TONIC)
    currents = np.linspace(of.ecap, of.motor, 8)
    at = recruited(P, LEAD, pulse(), currents)
    straight = np.polyval(np.polyfit(currents, at, 1), currents)
    assert np.abs(at - straight).max() < 0.04
    assert 0.4 < at[-1] < 0.7


def test_circuit_fibres_are_recruited_as_the_reference_is():
    found = np.concatenate([thresholds(P, circuit_fibres(P, seed, 0), LEAD, pulse()) for seed in range(20)])
    assert np.median(found) == pytest.approx(np.median(reference_thresholds(P, LEAD, pulse())), rel=0.05)


def test_idlett2019_column_before_root_before_lissauer():
    column, root, fine = (first_fraction(P, kind) for kind in ("column", "root", "lissauer"))
    assert root / column == pytest.approx(2.6, rel=0.1)
    assert fine / column == pytest.approx(4.4, rel=0.1)


def test_thresholds_are_tens_to_hundreds_of_microamperes_in_rats_and_milliamperes_in_patients():
    assert 30e-6 < scales(P, TONIC).ecap < 300e-6
    assert 1e-3 < scales(HUMAN, TONIC).ecap < 8e-3
    assert scales(P, schedule([0.0], pulse(40e-6))).ecap < 300e-6


def test_idlett2019_the_column_has_the_lower_rheobase_and_chronaxie():
    """Weiss: threshold charge is linear in the pulse width; widths as in the experiment."""
    width = np.array([50e-6, 200e-6, 500e-6])

    def weiss(kind: str) -> tuple[float, float]:
        charge = width * [first_fraction(P, kind, width=float(w)) for w in width]
        rheobase, intercept = np.polyfit(width, charge, 1)
        return rheobase, intercept / rheobase

    column, root = weiss("column"), weiss("root")
    assert column[0] < root[0] and column[1] < root[1]


@pytest.mark.parametrize("width", [100e-6, 200e-6, 400e-6])
def test_ecap_threshold_is_a_third_to_half_of_motor_threshold_at_any_pulse_width(width):
    of = scales(P, schedule(np.arange(3) / 50, pulse(width)))
    assert 0.35 <= of.ecap / of.motor <= 0.54


def test_tang2014_a_burst_moves_at_a_lower_amplitude_than_tonic_stimulation():
    tonic, burst = scales(P, TONIC), scales(P, BURST)
    assert burst.ecap == tonic.ecap
    assert burst.motor < 0.98 * tonic.motor


def test_without_summation_a_burst_moves_at_the_same_amplitude():
    # nor after-effects of spikes, by which later volleys of a burst are a little larger and more in step
    brief = resolve(set={"motor.tau": "0.1 ms", "axon.relative": 0.0, "axon.supernormal": 0.0})
    assert scales(brief, BURST).motor == pytest.approx(scales(brief, TONIC).motor, rel=0.02)


def test_pilitsis2021_scales_go_together_over_posture_and_pulse_width():
    found = [
        scales(
            resolve(set={"anatomy.species": "human", "lead.lift": f"{lift} mm"}), schedule([0.0], pulse(w))
        )
        for lift in (-0.5, 0.0, 0.5)
        for w in (100e-6, 200e-6, 400e-6)
    ]
    ecap, perception = np.array([(of.ecap, of.perception) for of in found]).T
    assert np.corrcoef(ecap, perception)[0, 1] > 0.85
    assert ecap.max() > 1.5 * ecap.min()


@pytest.mark.parametrize("scale", ["ecap", "perception", "motor"])
def test_an_amplitude_on_one_scale_is_reported_on_all(scale):
    Q = resolve(set={"tonic.amplitude": 0.8, "tonic.amplitude_scale": scale})
    of, found = scales(Q, TONIC), amplitudes(Q, TONIC)
    assert found[scale] == pytest.approx(0.8)
    for name in ("ecap", "perception", "motor"):
        assert found[name] * getattr(of, name) == pytest.approx(found["current"])
    np.testing.assert_allclose(amperes(Q, TONIC), found["current"])


def test_a_current_is_taken_as_it_is():
    Q = resolve(set={"tonic.current": "0.12 mA", "tonic.amplitude_scale": "current"})
    np.testing.assert_allclose(amperes(Q, TONIC), 0.12e-3)
    assert amplitudes(Q, TONIC)["ecap"] == pytest.approx(0.12e-3 / scales(P, TONIC).ecap)


def test_each_pulse_has_the_amplitude_of_its_channel():
    Q = resolve(
        set={
            "dtm.low.current": "0.1 mA",
            "dtm.low.amplitude_scale": "current",
            "dtm.high.current": "0.2 mA",
            "dtm.high.amplitude_scale": "current",
        }
    )
    channels = (Channel("dtm.low", LEAD.contacts), Channel("dtm.high", LEAD.contacts))
    both = schedule([0.0, 0.001, 0.002], channels=channels, channel=[1, 0, 1])
    np.testing.assert_allclose(amperes(Q, both), [0.2e-3, 0.1e-3, 0.2e-3])


def test_a_contact_has_the_metal_surface_of_its_lead():
    assert contact_area(P) == pytest.approx(0.25e-6)
    assert contact_area(HUMAN) == pytest.approx(12e-6)


def test_a_channel_without_pulses_has_no_scale():
    with pytest.raises(InputError, match="tonic: sends no pulse"):
        scales(P, schedule([]))


def test_a_pulse_that_excites_nothing_is_an_error():
    with pytest.raises(InputError, match="no amplitude of this pulse excites the fibres"):
        scales(P, schedule([0.0], channels=(Channel("tonic", {0: 0.0}),)))


def test_scales_are_computed_once_for_the_numbers_they_depend_on():
    one = reference_thresholds(P, LEAD, pulse())
    other = reference_thresholds(resolve(set={"tonic.frequency": "90 Hz"}), LEAD, pulse())
    assert one is other
    with pytest.raises(ValueError, match="read-only"):
        one[0] = 1.0


def test_kinds_of_fibre_all_have_finite_thresholds():
    for kind in KINDS:
        assert np.isfinite(reference_thresholds(P, LEAD, pulse(), kind)).all()
