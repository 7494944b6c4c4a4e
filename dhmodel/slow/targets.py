"""Targets of slow states as their expressions say, with the quantities that these share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.slow.states import Slow

__all__ = ["Targets"]

type Floats = NDArray[np.float64]
type Functions = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, eq=False)
class Targets:
    """
    Targets of slow states with the values of their numbers.

    Attributes
    ----------
    slow : Slow
        The states and the quantities that they use.
    numbers : mapping of {str : float}
        Numbers of both, by their full paths, SI.
    """

    slow: Slow
    numbers: Mapping[str, float]

    @cached_property
    def own(self) -> dict[str, dict[str, float]]:
        """Numbers of each state and quantity by their short names, SI."""
        return {
            one.name: {key: self.numbers[number.path] for key, number in one.numbers.items()}
            for one in self.slow.entries
        }

    @cached_property
    def coupled(self) -> frozenset[str]:
        """States and quantities that ask for states or for drugs, be it by way of other quantities."""
        asked = {name: one.equals for name, one in self.slow.quantities.items()}
        asked |= {name: one.target for name, one in self.slow.states.items()}
        found: set[str] = set()
        for name, one in asked.items():
            if one.names() & (self.slow.states.keys() | found) or "free" in one.calls():
                found.add(name)
        return frozenset(found)

    def under(self, given: Mapping[str, float], called: Functions) -> Callable[[Floats, Functions], Floats]:
        """
        Hold drives and inputs; what asks for no state and no drug is found here, once.

        Parameters
        ----------
        given : mapping of {str : float}
            Drives and inputs by name, SI.
        called : mapping of {str : callable}
            What expressions may call; see `dhmodel.slow.functions`.

        Returns
        -------
        callable
            From values of the states, shape (states,), and functions under the drugs of the moment, to
            targets, shape (states,).
        """
        still = self._with_quantities(given, called, coupled=False)
        values = np.zeros(len(self.slow.states))
        self._fill(values, still, called, coupled=False)

        def targets(states: Floats, called: Functions) -> Floats:
            found = values.copy()
            now = still | dict(zip(self.slow.states, states.tolist(), strict=True))
            self._fill(found, self._with_quantities(now, called, coupled=True), called, coupled=True)
            return found

        return targets

    def _with_quantities(
        self, known: Mapping[str, float], called: Functions, coupled: bool
    ) -> dict[str, float]:
        """What is known, and the quantities that are coupled, or those that are not."""
        found = dict(known)
        for name, one in self.slow.quantities.items():
            if (name in self.coupled) == coupled:
                found[name] = one.equals.evaluate({**found, **self.own[name]}, called)
        return found

    def _fill(self, values: Floats, known: Mapping[str, float], called: Functions, coupled: bool) -> None:
        """Write the targets of the states that are coupled, or of those that are not, shape (states,)."""
        for at, (name, state) in enumerate(self.slow.states.items()):
            if (name in self.coupled) == coupled:
                values[at] = state.target.evaluate({**known, **self.own[name]}, called)
