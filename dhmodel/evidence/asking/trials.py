"""From the runs of a protocol to plans, and trials: what one run recorded, replicate by replicate."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dhmodel.errors import InputError
from dhmodel.evidence.ledger import Finding, Protocol, Run
from dhmodel.parameters import parameter
from dhmodel.parameters.layout import starts
from dhmodel.recording import Recording, coords, summarise, to_dataset
from dhmodel.simulate import Plan, attributes, plan

__all__ = ["Family", "Trial", "plans"]

type Spikes = tuple[NDArray[np.float64], NDArray[np.int64]]


@dataclass(frozen=True)
class Trial:
    """
    What one run recorded.

    Attributes
    ----------
    plan : Plan
    recordings : sequence of Recording
        One for each replicate.
    """

    plan: Plan
    recordings: Sequence[Recording]

    @cached_property
    def dataset(self) -> xr.Dataset:
        """The variables of `dhmodel.simulate`: `rate`, `active`, `count` and the rest."""
        P = self.plan.parameters
        return to_dataset(
            [summarise(one, P) for one in self.recordings],
            None,
            attributes(self.plan),
            coords(P, self.plan.duration, self.recordings[0].shocks),
        )

    def sizes(self, population: str) -> dict[str, int]:
        """Number of cells of a population, or of each of several joined by a plus."""
        return {name: self.recordings[0].sizes[name] for name in population.split("+")}

    def cells(self, population: str) -> int:
        """How many cells a population, or several joined by a plus, have."""
        return sum(self.sizes(population).values())

    def spikes(self, population: str) -> list[Spikes]:
        """Times (s) of the spikes in [0, duration), and their cells from zero, for each replicate."""
        return [self._spikes(one, population) for one in self.recordings]

    def _spikes(self, one: Recording, population: str) -> Spikes:
        sizes, first = self.sizes(population), starts(one.sizes)
        whole = (one.times >= 0) & (one.times < one.duration)
        times, cells = [], []
        for name, start in starts(sizes).items():
            own = whole & (one.neurons >= first[name]) & (one.neurons < first[name] + sizes[name])
            times.append(one.times[own])
            cells.append(one.neurons[own] - first[name] + start)
        return np.concatenate(times), np.concatenate(cells)


@dataclass(frozen=True)
class Family:
    """
    Trials that differ in one parameter, or in the state, such as the cords of a cohort.

    Attributes
    ----------
    values : tuple of float or str
        Of that parameter, in SI units, or names of states.
    trials : tuple of Trial
    """

    values: tuple[Any, ...]
    trials: tuple[Trial, ...]

    def __getitem__(self, index: int) -> Trial:
        return self.trials[index]


def plans(entry: Finding, seed: int, where: str = "") -> dict[str, Plan | dict[Any, Plan]]:
    """
    Plans of the runs of a finding; of a run that varies a parameter, one for each value (SI).

    Raises
    ------
    InputError
        A run cannot be, or sets what belongs to the model without an ablation.
    """
    protocol = entry.protocol
    assert isinstance(protocol, Protocol)  # those by name have no plans
    made: dict[str, Plan | dict[Any, Plan]] = {}
    for name, run in protocol.merged().items():
        try:
            made[name] = _family(run, seed) if run.vary else _plan(run, seed)
        except InputError as error:
            raise InputError(f"{where}: run {name}: {error}") from None
    return made


def _family(run: Run, seed: int) -> dict[Any, Plan]:
    ((path, values),) = run.vary.items()
    if path == "state":
        return {state: _plan(run.model_copy(update={"state": state}), seed) for state in values}
    return {
        parameter(path).check(value): _plan(run.model_copy(update={"set": {**run.set, path: value}}), seed)
        for value in values
    }


def _plan(run: Run, seed: int) -> Plan:
    timing = {name: getattr(run, name) for name in ("duration", "warmup") if getattr(run, name) is not None}
    return plan(
        run.paradigm or "none",
        state=run.state or "naive",
        stimulus=run.stimulus or "spontaneous",
        drugs=run.drugs,
        lesion=run.lesion,
        set=run.set,
        scenario=run.scenario or "",
        seed=seed,
        **timing,
    )
