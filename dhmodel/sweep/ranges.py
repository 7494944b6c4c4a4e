"""From where to where a sampled or refined axis goes, evenly or by its logarithm."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dhmodel.errors import InputError, quoted
from dhmodel.parameters import Parameter, parameter, paths
from dhmodel.sweep.axes import build_axis, listed
from dhmodel.units import canonical

LOGARITHMIC = "log"

type Floats = NDArray[np.float64]


class Range:
    """
    From where to where an axis goes.

    Parameters
    ----------
    name : str
        Of an axis that is a quantity.
    bounds : iterable
        ``[low, high]`` or ``[low, high, "log"]``, as a user wrote them.
    extra : tuple of Parameter
        Parameters of a user's own paradigm.
    where : str
        Begins every error message.

    Attributes
    ----------
    low, high : float
        In `unit`.
    unit : str
        SI unit.
    log, whole : bool
        Whether fractions of it are of its logarithm; whether it holds whole numbers only.

    Raises
    ------
    InputError
        Not two values, no quantity, or `low` is not below `high`, or not above 0 on a logarithmic range.
    """

    def __init__(self, name: str, bounds: object, extra: tuple[Parameter, ...] = (), where: str = "range"):
        where = f'{where} of "{name}"'
        given = listed(bounds, where)
        if len(given) not in (2, 3) or (len(given) == 3 and given[2] != LOGARITHMIC):
            raise InputError(
                f'{where}: got {quoted(bounds)}, needs [low, high] or [low, high, "{LOGARITHMIC}"]'
            )
        axis = build_axis(name, given[:2], extra)
        low, high = axis.values
        if not axis.unit or isinstance(low, str) or isinstance(high, str):
            raise InputError(f"{where}: is a choice among names; only numbers have a range")
        if not low < high:
            raise InputError(f"{where}: {given[0]} is not below {given[1]}")
        self.log = len(given) == 3
        if self.log and low <= 0:
            raise InputError(f"{where}: begins at {given[0]}; logarithmic, it needs to begin above 0")
        self.name, self.low, self.high, self.unit = name, low, high, axis.unit
        self.whole = name in paths(extra) and parameter(name, extra).integer

    def at(self, fractions: Floats) -> list[object]:
        """Values, as a user would write them, at fractions (0 to 1) of the range."""
        # whole numbers share the range evenly, the last one included
        low, high = (
            (self.low - 0.5, self.high + 0.5) if self.whole and not self.log else (self.low, self.high)
        )
        values = self._between(low, high, fractions)
        # rounding may leave the range, and with it the allowed
        return self.written(np.clip(np.rint(values) if self.whole else values, self.low, self.high))

    def values(self, fractions: ArrayLike) -> Floats:
        """Values in SI at fractions of the range; the inverse of `fractions`."""
        return self._between(self.low, self.high, np.asarray(fractions, dtype=float))

    def near(self, fractions: Floats) -> Floats:
        """Values in SI that a run can have, at fractions of the range: rounded to 15 digits, or whole."""
        values = np.clip(self.values(fractions), self.low, self.high)
        return np.array([float(np.rint(value)) if self.whole else canonical(value) for value in values])

    def fractions(self, values: ArrayLike) -> Floats:
        """Fractions of the range at which values in SI lie; beyond 0 and 1 for those outside."""
        given = np.asarray(values, dtype=float)
        if self.log:
            with np.errstate(divide="ignore"):  # a swept 0 lies infinitely far outside
                return np.log(given / self.low) / np.log(self.high / self.low)
        return (given - self.low) / (self.high - self.low)

    def written(self, values: Floats) -> list[object]:
        """Values in SI as a user would write them."""
        if self.whole:
            return [int(value) for value in values]
        unit = "" if self.unit == "1" else f" {self.unit}"
        return [f"{value:.15g}{unit}" if unit else float(f"{value:.15g}") for value in values]

    def _between(self, low: float, high: float, fractions: Floats) -> Floats:
        if self.log:
            return np.asarray(low * (high / low) ** fractions)
        return np.asarray(low + (high - low) * fractions)
