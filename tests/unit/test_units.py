"""Text, Brian2 quantities and numbers become the right SI floats, or one clear line."""

import brian2 as b2
import numpy as np
import pytest
from brian2.units import allunits
from hypothesis import given
from hypothesis import strategies as st

from dhmodel import units
from dhmodel.units import UnitError, canonical, format_si, scale, si_unit, to_si

BRIAN2 = {
    "1": 1.0, "%": 0.01,
    "s": b2.second, "ms": b2.ms, "us": b2.us, "min": 60 * b2.second, "h": 3600 * b2.second,
    "day": 86_400 * b2.second, "week": 604_800 * b2.second,
    "Hz": b2.Hz, "kHz": b2.kHz, "MHz": b2.MHz, "V": b2.volt, "mV": b2.mV, "uV": b2.uvolt,
    "A": b2.amp, "mA": b2.mA, "uA": b2.uA, "nA": b2.nA, "pA": b2.pA,
    "S": b2.siemens, "mS": b2.mS, "uS": b2.uS, "nS": b2.nS, "pS": allunits.psiemens,
    "F": b2.farad, "uF": b2.uF, "nF": b2.nF, "pF": b2.pF,
    "ohm": b2.ohm, "kohm": allunits.kohm, "Mohm": b2.Mohm, "Gohm": allunits.Gohm,
    "m": b2.metre, "cm": b2.cm, "mm": b2.mm, "um": b2.um,
    "C": b2.coulomb, "uC": allunits.ucoulomb, "nC": allunits.ncoulomb, "pC": allunits.pcoulomb,
    "mol": b2.mole, "M": b2.molar, "mM": b2.mM, "uM": b2.uM, "nM": b2.nM,
    "N": allunits.newton, "mN": allunits.mnewton, "uN": allunits.unewton,
}  # fmt: skip
COMPOUND = {
    "1/(A*s)": 1 / (b2.amp * b2.second),
    "nS/ms": b2.nS / b2.ms,
    "Hz/s": b2.Hz / b2.second,
    "1/s": 1 / b2.second,
    "S/m": b2.siemens / b2.metre,
    "m/s": b2.metre / b2.second,
    "uF/cm^2": b2.uF / b2.cm**2,
    "ms^-1": 1 / b2.ms,
    "1/mM": 1 / b2.mM,
    "s/s/s": 1 / b2.second,
    "Hz/mN": b2.Hz / allunits.mnewton,
    "mA*(mV/(A*s))": b2.mA * b2.mV / (b2.amp * b2.second),
}
ALL_UNITS = sorted(BRIAN2 | COMPOUND)
finite = st.floats(min_value=-1e100, max_value=1e100).filter(lambda x: x == 0 or abs(x) > 1e-100)


def test_every_unit_is_compared_with_brian2():
    assert set(BRIAN2) == set(units._SYMBOLS) - {"degC"}


def test_celsius_is_a_scale_of_its_own():
    assert to_si("41.5 degC", "degC", "x") == to_si("41.5 \N{DEGREE SIGN}C", "degC", "x") == 41.5
    assert to_si("6 degC/s", "degC/s", "x") == 6
    assert format_si(41.5, "degC") == "41.5 degC"
    assert si_unit("Hz/degC") == "Hz/degC"
    for value in ("41.5", "41.5 K", "41.5 C", "3 degC/s", 315 * b2.kelvin, 41.5):
        with pytest.raises(UnitError, match="x: got .* needs a quantity in degC such as"):
            to_si(value, "degC", "x")


@pytest.mark.parametrize("unit", ALL_UNITS)
def test_scale_agrees_with_brian2(unit):
    assert scale(unit) == pytest.approx(float((BRIAN2 | COMPOUND)[unit]), rel=1e-15)


@pytest.mark.parametrize("unit", sorted(set(ALL_UNITS) - {"%"}))
def test_dimension_agrees_with_brian2(unit):
    assert to_si(7 * (BRIAN2 | COMPOUND)[unit], unit, "x") == pytest.approx(7 * scale(unit), rel=1e-15)


@pytest.mark.parametrize("unit", ALL_UNITS)
def test_si_unit_is_si_of_the_same_dimension(unit):
    si = si_unit(unit)
    assert scale(si) == 1
    assert to_si(f"2 {si}", unit, "x") == 2


@pytest.mark.parametrize(
    ("unit", "si"),
    [("ms", "s"), ("nS", "S"), ("1", "1"), ("%", "1"), ("min", "s"), ("nS/ms", "S/s"), ("mM", "mol/m^3"),
     ("1/mM", "1/(mol/m^3)"), ("1/(mA*s)", "1/(A*s)")],
)  # fmt: skip
def test_si_unit_by_name(unit, si):
    assert si_unit(unit) == si


@given(value=finite, unit=st.sampled_from(sorted(set(ALL_UNITS) - {"min", "h", "day", "week"})))
def test_format_and_read_is_the_identity(value, unit):
    si = canonical(value * scale(unit))
    assert to_si(format_si(si, unit), unit, "x") == si


@given(value=finite, unit=st.sampled_from(["min", "h", "day", "week"]))
def test_format_and_read_minutes_and_hours(value, unit):
    assert to_si(format_si(value, unit), unit, "x") == pytest.approx(value, rel=1e-14)


@given(
    number=st.decimals(min_value=-1000, max_value=1000, places=4),
    unit=st.sampled_from(["ms", "mV", "nS", "pF"]),
)
def test_text_and_brian2_quantity_give_the_same_bits(number, unit):
    assert to_si(f"{number} {unit}", unit, "x") == to_si(float(number) * BRIAN2[unit], unit, "x")


@pytest.mark.parametrize(
    ("text", "unit", "si"),
    [("50 Hz", "Hz", 50.0), ("0.05 kHz", "Hz", 50.0), ("50 1/s", "Hz", 50.0), ("  -70mV ", "V", -0.07),
     ("1e-3 s", "ms", 0.001), (".5 h", "s", 1800.0), ("2 µs", "s", 2e-6), ("2 μs", "s", 2e-6),
     ("3 MΩ", "ohm", 3e6),
     ("50 %", "1", 0.5), ("0.5", "1", 0.5), ("-0", "1", 0.0), ("5 ms**-1", "Hz", 5000.0)],
)  # fmt: skip
def test_text(text, unit, si):
    result = to_si(text, unit, "x")
    assert result == si
    assert type(result) is float
    assert str(result) != "-0.0"


@pytest.mark.parametrize("number", [3, 3.0, np.float64(3), np.float32(3), np.int32(3), b2.Quantity(3.0)])
def test_plain_numbers_for_dimensionless(number):
    result = to_si(number, "1", "x")
    assert result == 3
    assert type(result) is float


def test_ways_to_write_the_same_value_are_one_number():
    written = ["35 pA", "0.035 nA", "3.5e-11 A", 35 * b2.pA, 0.035 * b2.nA]
    assert {to_si(value, "nA", "x") for value in written} == {35e-12}


@pytest.mark.parametrize(
    ("value", "unit", "message"),
    [
        (50, "Hz", 'x: got 50 (a bare number), needs a quantity in Hz such as "50 Hz"'),
        (np.float64(50.5), "Hz", 'x: got 50.5 (a bare number), needs a quantity in Hz such as "50.5 Hz"'),
        ("50", "Hz", 'x: got "50" (no unit), needs a quantity in Hz such as "50 Hz"'),
        ("50 mV", "Hz", 'x: got "50 mV" (volt), needs a quantity in Hz such as "50 Hz"'),
        ("50 mV/s", "Hz", 'x: got "50 mV/s" (m^2 kg s^-4 A^-1), needs a quantity in Hz such as "50 Hz"'),
        ("5 %", "Hz", 'x: got "5 %" (dimensionless), needs a quantity in Hz such as "5 Hz"'),
        (50 * b2.mV, "Hz", 'x: got "50. mV" (volt), needs a quantity in Hz such as "0.05 Hz"'),
        (50 * b2.kelvin, "Hz", 'x: got "50. K" (another dimension), needs a quantity in Hz such as "1 Hz"'),
        ([1, 2] * b2.ms, "ms", 'x: got "[1. 2.] ms" (an array), needs a quantity in ms such as "1 ms"'),
        ("50 hz", "Hz", 'x: got "50 hz" (unknown unit "hz"), needs a quantity in Hz such as "50 Hz"'),
        ("5 mv", "mV", 'x: got "5 mv" (unknown unit "mv"), needs a quantity in mV such as "5 mV"'),
        ("fast", "Hz", 'x: got "fast" (does not begin with a number), needs a quantity in Hz such as "1 Hz"'),
        ("", "Hz", 'x: got "" (does not begin with a number), needs a quantity in Hz such as "1 Hz"'),
        ("nan Hz", "Hz", 'x: got "nan Hz" (not finite), needs a quantity in Hz such as "1 Hz"'),
        ("-inf Hz", "Hz", 'x: got "-inf Hz" (not finite), needs a quantity in Hz such as "1 Hz"'),
        ("1e308 kHz", "Hz", 'x: got "1e308 kHz" (not finite), needs a quantity in Hz such as "1 Hz"'),
        (float("nan"), "1", "x: got nan (not finite), needs a plain number such as 1"),
        ("2 Hz", "1", 'x: got "2 Hz" (hertz), needs a plain number such as 2'),
        (True, "1", "x: got True (not a quantity), needs a plain number such as 1"),
        (None, "ms", 'x: got None (not a quantity), needs a quantity in ms such as "1 ms"'),
        ([1, 2], "1", "x: got [1, 2] (not a quantity), needs a plain number such as 1"),
    ],
)
def test_refusals_name_what_was_given_and_what_is_needed(value, unit, message):
    with pytest.raises(UnitError) as error:
        to_si(value, unit, "x")
    assert str(error.value) == message


@pytest.mark.parametrize(
    "unit", ["", "5", "hz", "m/", "(m", "m)", "m^", "m^x", "m m", "s^99", "mmV", "kS", "\n"]
)
def test_unknown_units(unit):
    with pytest.raises(UnitError, match="unknown unit"):
        scale(unit)


def test_messages_stay_on_one_short_line():
    with pytest.raises(UnitError) as error:
        to_si("1 first\nsecond" + "x" * 500, "Hz", "x")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250
