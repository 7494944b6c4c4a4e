"""Charge, duty cycle, and the limits of charge."""

import math
import warnings

import numpy as np
import pytest

from dhmodel.parameters import resolve
from dhmodel.stimulation import dose as module
from dhmodel.stimulation.dose import check_charge, dose, shannon
from dhmodel.stimulation.schedule import schedule

SMALL, LARGE = 0.5e-6, 12e-6  # contact areas in m^2: 0.5 and 12 mm^2


def delivered(name="tonic", milliamperes=1.0, duration=2.0, **settings):
    P = resolve(set={f"{name}.{field}": value for field, value in settings.items()})
    one = schedule(P, name, duration, 1, 0)
    return P, one, dose(one, np.full(len(one), milliamperes * 1e-3), duration)


def warned(area, **arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_charge(*delivered(**arguments), area)
    return [str(one.message) for one in caught]


@pytest.fixture(autouse=True)
def nothing_warned_yet(monkeypatch):
    monkeypatch.setattr(module, "_WARNED", set())


@pytest.mark.parametrize(
    ("name", "frequency", "width", "percent"),
    [
        ("tonic", "50 Hz", "0.2 ms", 1),
        ("high_dose", "200 Hz", "1 ms", 20),
        ("high_dose", "500 Hz", "0.5 ms", 25),
        ("high_dose", "1200 Hz", "0.2 ms", 24),
        ("khz", "10 kHz", "24 us", 24),
    ],
)
def test_duty_cycles_are_the_published_ones(name, frequency, width, percent):
    _, _, given = delivered(name, frequency=frequency, pulse_width=width)
    assert given[name]["duty_cycle"] == pytest.approx(percent / 100)


def test_charge_is_current_times_width_times_pulses():
    _, _, given = delivered("burst", 3.0)
    assert given["burst"] == pytest.approx(
        {
            "pulse_rate": 200,
            "peak_current": 3e-3,
            "charge_per_phase": 3e-6,
            "charge_per_burst": 15e-6,
            "charge_per_second": 600e-6,
            "duty_cycle": 0.2,
            "net_charge": 0,
        },
        abs=1e-15,
    )


def test_unrecovered_charge_adds_up_with_its_sign():
    cathodic = delivered(recharge="none")[2]["tonic"]
    anodic = delivered(recharge="none", polarity="anodic")[2]["tonic"]
    assert cathodic["net_charge"] == pytest.approx(-100 * 200e-9) == -anodic["net_charge"]
    assert anodic["charge_per_second"] == cathodic["charge_per_second"] == pytest.approx(10e-6)


def test_amplitudes_of_single_pulses_and_scale_count():
    _, one, _ = delivered(duration=0.1)
    given = dose(one, np.arange(5) * 1e-3, 0.1)["tonic"]
    assert given["peak_current"] == 4e-3 and given["charge_per_phase"] == pytest.approx(0.8e-6)
    assert given["charge_per_second"] == pytest.approx(10e-3 * 200e-6 / 0.1)


def test_channels_are_reported_apart_and_silence_is_zero():
    _, _, given = delivered("dtm")
    assert [given[name]["pulse_rate"] for name in ("dtm.low", "dtm.high")] == [50, 1200]
    silent = delivered(frequency="0 Hz")[2]["tonic"]
    assert set(silent.values()) == {0.0}


def test_off_periods_lower_the_duty_cycle():
    steady, half = delivered()[2]["tonic"], delivered(on="0.5 s", off="0.5 s")[2]["tonic"]
    assert half["charge_per_second"] == pytest.approx(steady["charge_per_second"] / 2)
    assert half["charge_per_phase"] == steady["charge_per_phase"]


def test_shannon_of_one_microcoulomb_on_one_square_centimetre_is_zero():
    assert shannon(1e-6, 1e-4) == pytest.approx(0)
    assert shannon(10e-6, 1e-4) == pytest.approx(2)
    assert shannon(0, 1e-4) == -math.inf


def test_charge_density_beyond_the_limit_warns_once_with_value_limit_and_source():
    # 1 mA x 200 us = 0.2 uC on 0.5 mm^2: 40 uC/cm2
    (message,) = warned(SMALL, milliamperes=1.0)
    assert message.startswith("tonic: charge per phase and contact reaches 40 uC/cm2, limit 30 uC/cm2")
    assert "stimulator.charge_density_limit; memory, unverified" in message
    assert warned(SMALL, milliamperes=2.0) == []
    assert len(warned(SMALL, name="burst", milliamperes=2.0)) == 1


def test_shannon_beyond_the_limit_warns():
    # 40 mA x 0.2 ms = 8 uC on 30 mm^2: 26.7 uC/cm2, below that limit
    (message,) = warned(30e-6, milliamperes=40.0)
    assert "k = 2.33, limit k = 1.75" in message and "Shannon 1992" in message


def test_usual_charge_does_not_warn_and_a_split_current_bears_more():
    assert warned(LARGE, milliamperes=8.0) == []
    P, one, given = delivered(milliamperes=1.0)
    split = [type(channel)(channel.name, {0: 0.5, 1: 0.5, 2: -0.6, 3: -0.4}) for channel in one.channels]
    one = type(one)(one.times, one.scale, one.shape, one.channel, one.shapes, tuple(split))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_charge(P, one, given, SMALL)
