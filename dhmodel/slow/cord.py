"""One replicate of the circuit as slow states see it: what they make of it, and what it drives them with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.parameters import Parameters, parameter, resolve
from dhmodel.parameters.layout import POPULATIONS, SOURCES
from dhmodel.recording import DELIVERED
from dhmodel.simulate import Plan, plan
from dhmodel.slow.epochs import FINEST, Drives, Stretch
from dhmodel.slow.functions import functions, of_cord
from dhmodel.slow.memo import Memo
from dhmodel.slow.states import Slow, SlowState, inputs
from dhmodel.slow.targets import Targets
from dhmodel.slow.timetable import Drug, Settings, Test
from dhmodel.stimulation.paradigms import brought
from dhmodel.units import format_si, scale

__all__ = ["Chosen", "Cord"]

type Floats = NDArray[np.float64]

AT_ONCE = 1e-6
"""Time constant of a drug that comes or goes at once, s."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """
    What does not change during a protocol, nor from replicate to replicate.

    Attributes
    ----------
    slow : Slow
        States and quantities.
    numbers : mapping of {str : float}
        Their resolved numbers, by their full paths, SI.
    drugs : tuple of str
        Drugs that the timetable gives at any time.
    epoch, settle, warmup : float
        Length of an epoch, what of its beginning is not measured, and what is run before it; s.
    tolerance : float
    seed : int
    target : str
    """

    slow: Slow
    numbers: Mapping[str, float]
    drugs: tuple[str, ...]
    epoch: float
    settle: float
    warmup: float
    tolerance: float
    seed: int
    target: str

    @property
    def states(self) -> Mapping[str, SlowState]:
        """Slow states by name."""
        return self.slow.states

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of everything that moves: slow states, then drugs."""
        return (*self.states, *self.drugs)

    def number(self, state: str, key: str) -> float:
        """One number of a state, SI."""
        return self.numbers[f"slow.{state}.{key}"]

    def per_state(self, of_state: Callable[[SlowState], float], of_drug: float) -> Floats:
        """Array over `names`."""
        return np.array([*map(of_state, self.states.values()), *[of_drug] * len(self.drugs)], dtype=float)

    @cached_property
    def targets(self) -> Targets:
        """Targets of the states, as their expressions say."""
        return Targets(self.slow, self.numbers)

    @cached_property
    def low(self) -> Floats:
        """Lower bounds of everything that moves, shape (names,)."""
        return self.per_state(lambda one: one.low, 0.0)

    @cached_property
    def high(self) -> Floats:
        """Upper bounds of everything that moves, shape (names,)."""
        return self.per_state(lambda one: one.high, 1.0)

    @property
    def scale(self) -> Floats:
        """The range of everything that moves, shape (names,)."""
        return self.high - self.low

    @cached_property
    def acting(self) -> NDArray[np.bool_]:
        """Whether it acts on the circuit, shape (names,)."""
        return self.per_state(lambda one: bool(one.acts), 1.0).astype(bool)


class Cord:
    """
    One replicate.

    Parameters
    ----------
    chosen : Chosen
    replicate : int
    memo : Memo
    """

    def __init__(self, chosen: Chosen, replicate: int, memo: Memo):
        self.chosen, self.replicate, self.memo = chosen, replicate, memo
        self._rest: dict[tuple[object, ...], Floats] = {}

    def rest(self, cord: Settings) -> Floats:
        """Resting values of everything that moves in a cord to which nothing is done, shape (names,)."""
        key = cord.state, tuple(sorted(cord.lesion.items()))
        if key not in self._rest:
            called, own = of_cord(_resolved(cord)), self.chosen.targets.own
            values = self.chosen.per_state(lambda one: float(one.rest.evaluate(own[one.name], called)), 0.0)
            self._rest[key] = values
        return self._rest[key]

    def epoch(self, cord: Settings, settings: Settings) -> Callable[[Floats], Drives]:
        """Make the function that runs an epoch under these settings: states to drives."""

        def run(states: Floats) -> Drives:
            return self._drives(self.plan(cord, settings, states, self.chosen.epoch))

        return run

    def test(
        self, cord: Settings, settings: Settings, states: Floats, test: Test
    ) -> Mapping[str, NDArray[Any]]:
        """Run a test stimulus under these settings: rates, and `count` where it consists of shocks."""
        there = settings.joined(test.settings())
        wanted = ("rate", "cell_rate", "count")
        return self.memo(self.plan(cord, there, states, test.duration), self.replicate, wanted)

    def plan(self, cord: Settings, settings: Settings, states: Floats, duration: float | None) -> Plan:
        """
        Plan a run of the circuit with slow states held.

        States count in steps of the finest allowance of the epoch loop, so that conditions that are as good
        as equal are equal; at rest the plan is that of `dhmodel.simulate` with the same arguments.
        """
        held = self._rounded(self.rest(cord), states)
        away = dict(zip(self.chosen.names, (held - self.rest(cord)).tolist(), strict=True))
        doses = {name: away[name] for name in self.chosen.drugs if away[name] > 0}
        return plan(
            settings.paradigm,
            state=settings.state,
            stimulus=settings.stimulus,
            drugs=doses,
            lesion=settings.lesion,
            set={**settings.set, **self._acts(settings, away, doses)},
            duration=None if duration is None else f"{duration!r} s",
            warmup=f"{self.chosen.warmup!r} s",
            seed=self.chosen.seed,
            target=self.chosen.target,
        )

    def stretch(
        self, cord: Settings, settings: Settings, drugs: Mapping[str, Drug], start: float, stop: float
    ) -> Stretch:
        """Equations of motion from one change of the timetable to the next; `drugs` is every drug of it."""
        chosen, rest = self.chosen, self.rest(cord)
        on, off = (
            np.array(
                [chosen.number(name, key) for name in chosen.states]
                + [max(getattr(drugs[name], of_drug), AT_ONCE) for name in chosen.drugs]
            )
            for key, of_drug in (("on", "onset"), ("off", "washout"))
        )
        field = self._field(cord, settings)
        return Stretch(start, stop, rest, on, off, chosen.scale, chosen.acting, field)

    def _rounded(self, rest: Floats, states: Floats) -> Floats:
        step = FINEST * self.chosen.tolerance * self.chosen.scale
        steps = np.where(self.chosen.acting, np.round((states - rest) / step), 0.0)
        rounded: Floats = np.clip(rest + step * steps, self.chosen.low, self.chosen.high)
        return rounded

    def _acts(
        self, settings: Settings, away: Mapping[str, float], doses: Mapping[str, float]
    ) -> dict[str, str]:
        """Values of the parameters that slow states away from rest act on, as text."""
        added: dict[str, float] = {}
        factors: dict[str, float] = {}
        if not any(away.values()):
            return {}
        P = _resolved(settings)
        free = _resolved(settings, doses)
        for name, state in self.chosen.states.items():
            for act in state.acts if away[name] else ():
                size = self.chosen.number(name, act.size) * away[name]
                size *= free[f"receptor.{act.free}.free"] if act.free else 1.0
                if act.factor:
                    factors[act.path] = factors.get(act.path, 1.0) * (1 + size)
                else:
                    added[act.path] = added.get(act.path, 0.0) + size
        paths = dict.fromkeys((*added, *factors))
        return {one: _text(one, (P[one] + added.get(one, 0.0)) * factors.get(one, 1.0)) for one in paths}

    def _drives(self, run: Plan) -> Drives:
        found = self.memo(run, self.replicate, ("psth", "source_rate", *DELIVERED))
        late = _late_mean(found["psth"], run.parameters["recording.bin"], run.duration, self.chosen.settle)
        drives = {f"rate.{name}": float(rate) for name, rate in zip(POPULATIONS, late, strict=True)}
        drives |= {f"rate.{name}": float(r) for name, r in zip(SOURCES, found["source_rate"], strict=True)}
        drives |= {name: float(found[name]) for name in DELIVERED}
        charge = drives["charge_per_phase"]
        return drives | {"pulse_rate": drives["charge_per_second"] / charge if charge else 0.0}

    def _field(self, cord: Settings, settings: Settings) -> Callable[[Drives], Callable[[Floats], Floats]]:
        """Targets of everything that moves, from drives and states; at rest if nothing is done."""
        chosen, rest = self.chosen, self.rest(cord)
        untouched = self._raw(_Drugged(cord, chosen.drugs), {}, self.epoch(cord, cord)(rest))(rest)
        drugged = _Drugged(settings, chosen.drugs)
        given = [settings.drugs[name].dose if name in settings.drugs else 0.0 for name in chosen.drugs]

        def of(drives: Drives) -> Callable[[Floats], Floats]:
            raw = self._raw(drugged, settings.inputs, drives)

            def target(states: Floats) -> Floats:
                shift = np.concatenate([raw(states) - untouched, given])
                return np.clip(rest + shift, chosen.low, chosen.high)

            return target

        return of

    def _raw(
        self, drugged: "_Drugged", driven: Mapping[str, float], drives: Drives
    ) -> Callable[[Floats], Floats]:
        """Targets as their expressions say, shape (states,), from everything that moves, shape (names,)."""
        given = {**drives, **{name: driven.get(name, 0.0) for name in inputs()}}
        targets = self.chosen.targets.under(given, functions(drugged.without, drives))
        number = len(self.chosen.states)

        def raw(moving: Floats) -> Floats:
            states, doses = moving[:number], moving[number:]
            return targets(states, functions(drugged.without, drives, drugged(doses)))

        return raw


class _Drugged:
    """Parameters of a cord under the drugs of the moment, before slow states act."""

    STEP = 1e-3  # of a dose; doses count in steps, so that few are resolved

    def __init__(self, settings: Settings, drugs: tuple[str, ...]):
        self.without = _resolved(settings)
        self._settings, self._drugs = settings, drugs
        self._found: dict[tuple[float, ...], Parameters] = {}

    def __call__(self, doses: Floats) -> Parameters:
        steps = tuple(np.round(doses / self.STEP).tolist())
        if not any(steps):
            return self.without
        if steps not in self._found:
            given = {name: self.STEP * n for name, n in zip(self._drugs, steps, strict=True) if n}
            self._found[steps] = _resolved(self._settings, given)
        return self._found[steps]


def _resolved(settings: Settings, doses: Mapping[str, float] | None = None) -> Parameters:
    """Parameters of a cord under drugs, before slow states act."""
    own = brought(settings.paradigm)
    return resolve(settings.state, dict(settings.set), doses, own, settings.lesion)


def _text(path: str, value: float) -> str:
    """A value of a parameter as a user would write it, within the parameter's bounds."""
    known = parameter(path)
    step = scale(known.unit)
    low = -inf if known.minimum is None else known.minimum * step
    high = inf if known.maximum is None else known.maximum * step
    return format_si(min(max(value, low), high), known.unit)


def _late_mean(psth: NDArray[Any], width: float, duration: float, settle: float) -> Floats:
    """Mean rate of each population from `settle` s on, Hz, shape (population,)."""
    starts = np.arange(psth.shape[1]) * width
    widths = np.diff(np.append(starts, duration)) * (starts >= settle - width / 2)
    mean: Floats = psth @ widths / widths.sum()
    return mean
