"""
Text with units, Brian2 quantities and numbers to SI floats, and back.

A small table of its own, because importing Brian2 takes two seconds and a sweep worker needs no simulator.

SI values are rounded to 15 significant digits: "50 ms", "0.05 s" and ``50 * brian2.ms`` are one number, and a
digest does not depend on how a value was written.
"""

import math
import re
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from numbers import Real
from typing import Any

from dhmodel.errors import InputError, quoted


class UnitError(InputError):
    """A value without the unit it needs, with another unit, or not a finite number."""


@dataclass(frozen=True, slots=True)
class _Unit:
    factor: Fraction  # SI value of one such unit
    dims: tuple[int, ...]  # exponents of `_BASES`

    def times(self, other: "_Unit", power: int = 1) -> "_Unit":
        dims = tuple(a + power * b for a, b in zip(self.dims, other.dims, strict=True))
        factor = self.factor * other.factor**power
        if not _SMALLEST < factor < _LARGEST:
            raise ValueError("powers of powers that no quantity has")
        return _Unit(factor, dims)


# of the SI value of a unit
_SMALLEST, _LARGEST = Fraction(1, 10**200), Fraction(10**200)

# of a quantity as text, in characters
_LONGEST = 200

_BASES = ("m", "kg", "s", "A", "mol", "degC")
_BRIAN2_BASES = ("m", "kg", "s", "A", "mol")
_ONE = _Unit(Fraction(1), (0,) * len(_BASES))
_PREFIXES = {"": 0, "G": 9, "M": 6, "k": 3, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12}

# symbol: its prefixes, exponents of _BASES, name of the dimension in messages
_SI_UNITS = {
    "s": ("mu", (0, 0, 1, 0, 0, 0), "second"),
    "Hz": ("kM", (0, 0, -1, 0, 0, 0), "hertz"),
    "m": ("cmu", (1, 0, 0, 0, 0, 0), "metre"),
    "A": ("munp", (0, 0, 0, 1, 0, 0), "ampere"),
    "C": ("unp", (0, 0, 1, 1, 0, 0), "coulomb"),
    "V": ("mu", (2, 1, -3, -1, 0, 0), "volt"),
    "S": ("munp", (-2, -1, 3, 2, 0, 0), "siemens"),
    "ohm": ("GMk", (2, 1, -3, -2, 0, 0), "ohm"),
    "F": ("unp", (-2, -1, 4, 2, 0, 0), "farad"),
    "mol": ("", (0, 0, 0, 0, 1, 0), "mole"),
    "N": ("mu", (1, 1, -2, 0, 0, 0), "newton"),
    # A dimension of its own: with its zero elsewhere, a temperature in Celsius is no multiple of a kelvin.
    "degC": ("", (0, 0, 0, 0, 0, 1), "degree Celsius"),
}
# symbol: SI value, the SI unit it stands for
_OTHER_UNITS = {
    "1": (Fraction(1), "1"),
    "%": (Fraction(1, 100), "1"),
    "min": (Fraction(60), "s"),
    "h": (Fraction(3600), "s"),
    "day": (Fraction(86_400), "s"),
    "week": (Fraction(604_800), "s"),
    "M": (Fraction(1000), "mol/m^3"),
    "mM": (Fraction(1), "mol/m^3"),
    "uM": (Fraction(1, 1000), "mol/m^3"),
    "nM": (Fraction(1, 1_000_000), "mol/m^3"),
}
_OTHER_DIMS = {"1": _ONE.dims, "s": (0, 0, 1, 0, 0, 0), "mol/m^3": (-3, 0, 0, 0, 1, 0)}


def _symbols() -> dict[str, tuple[_Unit, str]]:
    """Every unit symbol, with its unit and the SI symbol that stands for it."""
    table = {name: (_Unit(factor, _OTHER_DIMS[si]), si) for name, (factor, si) in _OTHER_UNITS.items()}
    for symbol, (prefixes, dims, _) in _SI_UNITS.items():
        for prefix in ("", *prefixes):
            table[prefix + symbol] = (_Unit(Fraction(10) ** _PREFIXES[prefix], dims), symbol)
    return table


_SYMBOLS = _symbols()
_DIMENSION_NAMES = {_ONE.dims: "dimensionless"} | {dims: name for _, dims, name in _SI_UNITS.values()}
_SPELLINGS = str.maketrans(
    {
        "\N{MICRO SIGN}": "u",
        "\N{GREEK SMALL LETTER MU}": "u",
        "\N{OHM SIGN}": "ohm",
        "\N{GREEK CAPITAL LETTER OMEGA}": "ohm",
        "\N{MIDDLE DOT}": "*",
        "\N{DEGREE SIGN}": "deg",
    }
)
_TOKEN = re.compile(r"[A-Za-z%]+|-?\d|\S")
_NUMBER = re.compile(
    r"\s*([+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf))\s*(.*?)\s*", re.IGNORECASE | re.DOTALL
)


def to_si(value: object, unit: str, where: str) -> float:
    """
    Convert something a user wrote to its SI value.

    Parameters
    ----------
    value : str, Brian2 quantity or number
        Text with a unit (``"50 Hz"``), a Brian2 quantity, or, if `unit` is ``"1"``, a number or its text.
    unit : str
        A unit of the dimension that is needed, such as ``"Hz"``.
    where : str
        What the value is for, such as ``"tonic.frequency"``; begins the error message.

    Returns
    -------
    float
        In the SI unit of `unit`, rounded to 15 significant digits.

    Raises
    ------
    UnitError
        No unit, another dimension, an unknown unit, not a number, or not finite.
    """
    si, dims, number = _read(value, unit, where)
    if dims != _parse(unit).dims:
        raise _refusal(value, _dimension_name(dims), unit, where, number)
    if not math.isfinite(si):
        raise _refusal(value, "not finite", unit, where)
    return canonical(si)


def format_si(value: float, unit: str) -> str:
    """Write an SI value in `unit`, such as "5 ms" for 0.005 and "ms"; `to_si` reads it back."""
    number = f"{value / scale(unit):.15g}"
    return number if unit == "1" else f"{number} {unit}"


def si_unit(unit: str) -> str:
    """Name the SI unit of the same dimension: "s" for "ms", "S/s" for "nS/ms", "1" for "%"."""
    _parse(unit)
    tokens = _tokens(unit)
    texts = [_SYMBOLS[token][1] if token in _SYMBOLS else token for token in tokens]
    return "".join(f"({text})" if "/" in text[1:] and len(texts) > 1 else text for text in texts)


def scale(unit: str) -> float:
    """Return the SI value of one `unit`: 0.001 for "ms"."""
    return float(_parse(unit).factor)


def canonical(si: float) -> float:
    """Round an SI value to 15 significant digits, and make a negative zero positive."""
    return float(f"{si:.15g}") + 0.0


def _read(value: object, unit: str, where: str) -> tuple[float, tuple[int, ...], float]:
    """Find the SI value, its dimension, and the number as it was written."""
    if isinstance(value, str):
        return _read_text(value, unit, where)
    if hasattr(value, "dim") and hasattr(value.dim, "get_dimension"):
        return _read_brian2(value, unit, where)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise _refusal(value, "not a quantity", unit, where)
    if unit != "1":
        raise _refusal(value, "a bare number", unit, where, _float(value))
    return _float(value), _ONE.dims, _float(value)


def _float(value: Real) -> float:
    """Nearest float; of a whole number beyond all floats, infinity."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _read_text(text: str, unit: str, where: str) -> tuple[float, tuple[int, ...], float]:
    if len(text) > _LONGEST:
        raise _refusal(text, f"{len(text)} characters", unit, where)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise _refusal(text, "does not begin with a number", unit, where)
    number, given_unit = float(match[1]), match[2]
    if not given_unit and unit != "1":
        raise _refusal(text, "no unit", unit, where, number)
    try:
        parsed = _parse(given_unit or "1")
    except UnitError as error:
        raise _refusal(text, str(error), unit, where, number) from None
    return number * float(parsed.factor), parsed.dims, number


def _read_brian2(quantity: Any, unit: str, where: str) -> tuple[float, tuple[int, ...], float]:
    if getattr(quantity, "ndim", 0) != 0:
        raise _refusal(quantity, "an array", unit, where)
    exponents = {base: quantity.dim.get_dimension(base) for base in (*_BRIAN2_BASES, "K", "cd")}
    dims = (*(exponents.pop(base) for base in _BRIAN2_BASES), 0)  # Brian2 has no scale of Celsius
    if any(exponents.values()):
        raise _refusal(quantity, "another dimension", unit, where)
    return float(quantity), dims, float(quantity) / scale(unit)


def _refusal(value: object, why: str, unit: str, where: str, number: float = 1.0) -> UnitError:
    example = f"{number if math.isfinite(number) else 1.0:g}"
    needed = f"a plain number such as {example}"
    if unit != "1":
        needed = f'a quantity in {unit} such as "{example} {unit}"'
    given = quoted(str(value) if hasattr(value, "dim") else value)
    return UnitError(f"{where}: got {given} ({why}), needs {needed}")


def _dimension_name(dims: tuple[int, ...]) -> str:
    factors = [
        base if power == 1 else f"{base}^{power}" for base, power in zip(_BASES, dims, strict=True) if power
    ]
    return _DIMENSION_NAMES.get(dims, " ".join(factors))


def _tokens(unit: str) -> list[str]:
    return _TOKEN.findall(unit.translate(_SPELLINGS).replace("**", "^"))


@lru_cache(maxsize=1024)
def _parse(text: str) -> _Unit:
    """Read a unit such as ``"1/(A*s)"``: symbols, ``*``, ``/``, whole powers and brackets."""
    tokens = deque(_tokens(text))
    try:
        unit = _product(tokens)
        if tokens:
            raise ValueError("text after the unit")
    except (IndexError, KeyError, ValueError):
        raise UnitError(f"unknown unit {quoted(text)}") from None
    return unit


def _product(tokens: deque[str]) -> _Unit:
    unit = _power(tokens)
    while tokens and tokens[0] in ("*", "/"):
        sign = 1 if tokens.popleft() == "*" else -1
        unit = unit.times(_power(tokens), sign)
    return unit


def _power(tokens: deque[str]) -> _Unit:
    unit = _atom(tokens)
    if tokens and tokens[0] == "^":
        tokens.popleft()
        unit = _ONE.times(unit, int(tokens.popleft()))
    return unit


def _atom(tokens: deque[str]) -> _Unit:
    token = tokens.popleft()
    if token != "(":
        return _SYMBOLS[token][0]
    unit = _product(tokens)
    if tokens.popleft() != ")":
        raise ValueError("unbalanced bracket")
    return unit
