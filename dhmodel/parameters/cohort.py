"""
Cords of a cohort: ``"snl#3"`` is cord 3 of the cohort around the state ``snl``.

Cord 3 of two states is the same animal in two states: its place in every distribution is the same.
"""

import math
import re

from dhmodel.errors import InputError, quoted
from dhmodel.parameters.schema import Parameter, SpreadEntry
from dhmodel.streams import stream
from dhmodel.units import canonical, scale

#: Seed of the animals: that of a simulation decides trains and wiring, not which animal it is.
_SEED = 0

#: As a number is written, or two names would be one cord.
_NUMBER = "0|[1-9][0-9]{0,8}"

#: Cords that are named at once.
_MOST = 1_000_000


def split(state: str) -> tuple[str, int | None]:
    """
    Take the name of a cord apart: state, and number of the cord; None where the name is that of a state.

    Raises
    ------
    InputError
        What follows ``#`` is no whole number.
    """
    name, mark, text = state.partition("#")
    if not mark:
        return name, None
    if not re.fullmatch(_NUMBER, text):
        raise InputError(f"state: got {quoted(state)}, needs a whole number after #, such as {name}#0")
    return name, int(text)


def names(state: str, number: int) -> list[str]:
    """
    Name the first cords of a cohort: ``["snl#0", "snl#1"]``.

    Raises
    ------
    InputError
        `number` is no whole number, below 1, or absurd.
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= _MOST:
        raise InputError(f"cohort: got {quoted(number)} cords, needs a whole number from 1 to {_MOST}")
    return [f"{state}#{cord}" for cord in range(number)]


def drawn(parameter: Parameter, si: float, spread: SpreadEntry, cord: int) -> float:
    """
    Value of a parameter in one cord of a cohort.

    Parameters
    ----------
    parameter : Parameter
        A quantity; the value is clipped to what it allows.
    si : float
        Value in the state itself, SI.
    spread : SpreadEntry
        Distribution around it.
    cord : int
        Number of the cord.

    Returns
    -------
    float
        SI; the same for the same arguments, whatever else is drawn.
    """
    z = float(stream(_SEED, cord, f"cohort.{parameter.path}").standard_normal())
    unit = scale(parameter.unit)
    match spread.draw:
        case "lognormal":
            value = si * math.exp(spread.sd * z)
        case "normal":
            value = si + spread.sd * unit * z
        case _:
            value = _move_odds(si, spread.sd * z)
    low = -math.inf if parameter.minimum is None else parameter.minimum * unit
    high = math.inf if parameter.maximum is None else parameter.maximum * unit
    return canonical(min(max(value, low), high))


def _move_odds(fraction: float, step: float) -> float:
    """Move the logarithm of the odds of a fraction; none and all stay what they are."""
    odds = fraction * math.exp(step)
    return odds / (odds + 1 - fraction)
