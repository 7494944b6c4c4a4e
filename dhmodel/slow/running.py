"""Runs of protocols: validated before the first epoch, then replicate by replicate."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.parameters import cuts, resolve
from dhmodel.simulate import Plan, prepare
from dhmodel.slow.cord import Chosen, Cord
from dhmodel.slow.epochs import Sample, advance
from dhmodel.slow.memo import Memo
from dhmodel.slow.result import Replicate
from dhmodel.slow.states import CONSTANTS, Slow, SlowState, package
from dhmodel.slow.timetable import Drug, Settings, Timetable
from dhmodel.slow.trains import in_trains
from dhmodel.stimulation.conditions import conditions
from dhmodel.stimulation.paradigms import brought, effective, find_paradigm
from dhmodel.units import canonical

__all__ = ["Run", "make_run"]

SAMPLES = 240
"""Times at which slow states are told, beside every change and every test."""

SLACK = 1e-6
"""What rounding may add to the length of a session, s."""

LARGEST_TOLERANCE = 0.2
"""With a larger one, a state could cross half of its range between two epochs."""


@dataclass(frozen=True, eq=False)
class Run:
    """A protocol with everything that decides its numbers, apart from the replicate."""

    table: Timetable
    chosen: Chosen
    given: Mapping[str, object]  # values of circuit parameters that the caller sets
    times: tuple[float, ...]  # of samples
    plans: Mapping[tuple[str, ...], Plan]  # at rest, by the entries that are on

    @property
    def first(self) -> Plan:
        """Plan of the first epoch, with slow states at rest."""
        return next(iter(self.plans.values()))

    def settings(self, time: float) -> Settings:
        """What is on from a time to the next change, the caller's values over those of the timetable."""
        return self.table.settings(time).joined(Settings(set=self.given))

    def cord(self, settings: Settings) -> Settings:
        """The cord of these settings to which nothing is done."""
        given = {**self.table.base.set, **self.given}
        return Settings(state=settings.state, lesion=settings.lesion, set=given)

    def prepare(self) -> None:
        """Build the circuits that epochs and tests need, or find them in the cache."""
        for plan in self.plans.values():
            prepare(plan)

    def attributes(self) -> dict[str, Any]:
        """What a Dataset says of the protocol beside its first epoch."""
        chosen = self.chosen
        return {
            "protocol": self.table.name,
            "entries": json.dumps([{"name": one.name, "spans": one.spans} for one in self.table.entries]),
            "timetable": json.dumps(self.table.table, default=str),
            "slow_parameters": json.dumps(dict(sorted(chosen.numbers.items()))),
            "epoch": chosen.epoch,
            "settle": chosen.settle,
            "tolerance": chosen.tolerance,
            "duration": self.table.duration,
        }

    def replicate(self, number: int, memo: Memo, progress: bool) -> Replicate:
        """Run one replicate: the slow states first, then every test where they are at its time."""
        before = memo.runs
        cord = Cord(self.chosen, number, memo)
        samples: list[Sample] = []
        with _bar(self.table.duration, number, progress) as bar:
            memo.told = lambda: bar.set_postfix(epochs=memo.runs - before)
            states, error = self._begin(cord), np.zeros(len(self.chosen.names))
            for start, stop in pairwise(self.table.changes):
                settings = self.settings(start)
                drugs = self.table.drugs(start)
                stretch = cord.stretch(self.cord(settings), settings, drugs, start, stop)
                states = self._at_once(settings, drugs, states)
                epoch = cord.epoch(self.cord(settings), settings)
                until = bisect_right if stop == self.table.duration else bisect_left
                asked = self.times[bisect_left(self.times, start) : until(self.times, stop)]
                track = advance(stretch, states, error, epoch, self.chosen.tolerance, asked)
                samples += track.samples
                states, error = track.states, track.error
                bar.update(stop - start)
            tests = self._tests(cord, {sample.time: sample for sample in samples})
        return Replicate(samples, tests, memo.runs - before)

    def _begin(self, cord: Cord) -> NDArray[np.float64]:
        """States at the beginning: at rest but for those that the timetable says."""
        states = cord.rest(self.cord(self.settings(0.0))).copy()
        for name, value in self.table.initial.items():
            states[self.chosen.names.index(name)] = value
        return states

    def _at_once(
        self, settings: Settings, drugs: Mapping[str, Drug], states: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """States after drugs without onset or wash-out have come or gone."""
        states = states.copy()
        for name in self.chosen.drugs:
            at = self.chosen.names.index(name)
            dose = settings.drugs[name].dose if name in settings.drugs else 0.0
            if (drugs[name].onset if dose > states[at] else drugs[name].washout) == 0:
                states[at] = dose
        return states

    def _tests(self, cord: Cord, samples: Mapping[float, Sample]) -> list[Mapping[str, NDArray[Any]]]:
        """What every test gives, in the order of `Timetable.test_times`."""
        found = []
        for time, test in self.table.test_times():
            settings = self.settings(time)
            found.append(cord.test(self.cord(settings), settings, samples[time].states, test))
        return found


def make_run(
    table: Timetable,
    state: str | None,
    lesion: object,
    set: Mapping[str, object] | None,
    loop: Mapping[str, float],
    seed: int,
    target: str,
) -> Run:
    """
    Validate everything that can be before the first epoch.

    Parameters
    ----------
    table : Timetable
    state, lesion, set, seed, target
        As in `dhmodel.protocol`.
    loop : mapping of {str : float}
        ``epoch``, ``settle`` and ``warmup`` in s, and ``tolerance``.

    Raises
    ------
    InputError
        See `dhmodel.protocol`.
    """
    if not (set is None or isinstance(set, Mapping)):
        raise InputError(f"set: got {quoted(set)}, needs a mapping of name to value")
    slow = package()
    given = {path: value for path, value in (set or {}).items() if not str(path).startswith("slow.")}
    own = {**table.numbers, **{path: value for path, value in (set or {}).items() if path not in given}}
    if state is not None:
        table = table.in_state(state)
    if lesion is not None:
        table = table.cut(dict(cuts(lesion)))
    epoch, settle, warmup, tolerance = (loop[name] for name in ("epoch", "settle", "warmup", "tolerance"))
    if not 0 < tolerance <= LARGEST_TOLERANCE:
        raise InputError(f"tolerance: got {tolerance:g}, allowed: above 0 to {LARGEST_TOLERANCE:g}")
    fixed = (slow, _numbers(slow, own), tuple(table.drugs()))
    chosen = Chosen(*fixed, epoch, settle, warmup, tolerance, seed, target)
    _check_epoch(chosen, table)
    _check_initial(slow.states, table)
    _check_sessions(table, given)
    table = in_trains(table, epoch)
    run = Run(table, chosen, given, _sample_times(table), {})
    return replace(run, plans=_plans(run))


def _numbers(slow: Slow, given: Mapping[str, object]) -> dict[str, float]:
    """Resolve the numbers of slow states and quantities: those of their file, or as given."""
    known = {one.path: one for one in slow.numbers}
    for path in given:
        if path not in known:
            raise unknown("parameter", path, known, "set")
    return {path: float(one.check(given[path]) if path in given else one.si) for path, one in known.items()}


def _check_epoch(chosen: Chosen, table: Timetable) -> None:
    if not 0 <= chosen.settle < chosen.epoch:
        raise InputError(f"settle: got {chosen.settle:g} s, needs 0 s or more, and less than the epoch")
    constants = {path: v for path, v in chosen.numbers.items() if path.rpartition(".")[2] in CONSTANTS}
    for entry in table.entries:
        for name, drug in entry.settings.drugs.items():
            constants |= {f"{name}.onset": drug.onset or inf, f"{name}.washout": drug.washout or inf}
    fastest = min(constants, key=lambda path: constants[path])
    if chosen.epoch > constants[fastest]:
        raise InputError(
            f"epoch: got {chosen.epoch:g} s, longer than the fastest slow state allows: "
            f"{fastest} = {constants[fastest]:g} s"
        )


def _check_initial(states: Mapping[str, SlowState], table: Timetable) -> None:
    where = f"protocol {table.name}: initial"
    for name, value in table.initial.items():
        if name not in states:
            raise unknown("slow state", name, states, where)
        low, high = states[name].low, states[name].high
        if not low <= value <= high:
            raise InputError(f"{where}: {name}: got {value:g}, allowed: {low:g} to {high:g}")


def _sample_times(table: Timetable) -> tuple[float, ...]:
    even = [canonical(time) for time in np.linspace(0, table.duration, SAMPLES + 1).tolist()]
    return tuple(sorted({*even, *table.changes, *(time for time, _ in table.test_times())}))


def _plans(run: Run) -> dict[tuple[str, ...], Plan]:
    """Plan an epoch and every test at rest for all that is ever on together."""
    planner, found = Cord(run.chosen, 0, Memo()), {}
    for time in run.table.changes[:-1]:
        on = tuple(entry.name for entry in run.table.on(time))
        if on in found:
            continue
        settings = run.settings(time)
        where = ", entry ".join([f"protocol {run.table.name}", *on])
        found[on] = _planned(planner, run.cord(settings), settings, run.chosen.epoch, where)
        _check_cycles(found[on], where)
        for test in run.table.tests:
            there = settings.joined(test.settings())
            _planned(planner, run.cord(settings), there, test.duration, f"{where}, test {test.name}")
    return found


def _planned(planner: Cord, cord: Settings, settings: Settings, duration: float | None, where: str) -> Plan:
    try:
        return planner.plan(cord, settings, planner.rest(cord), duration)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_sessions(table: Timetable, given: Mapping[str, object]) -> None:
    """Refuse an entry that outlasts the session of its pulses."""
    for entry in table.entries:
        settings = table.base.joined(entry.settings).joined(Settings(set=given))
        where = f"protocol {table.name}, entry {entry.name}"
        try:
            P = resolve(settings.state, dict(settings.set), None, brought(settings.paradigm))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        lasts = canonical(entry.spans[0][1] - entry.spans[0][0])
        for one in conditions(P, find_paradigm(entry.settings.paradigm), lasts):
            if one.session and lasts > one.session.length + one.on + SLACK:
                raise InputError(
                    f"{where}: lasts {lasts:g} s, but a session of "
                    f"{one.ways.group} takes {one.session.length:g} s; leave out stop and duration, or "
                    "repeat it"
                )


def _check_cycles(plan: Plan, where: str) -> None:
    """Refuse a paradigm that goes on and off in cycles of which an epoch would see a part."""
    found = effective(plan.parameters, plan.paradigm)
    for group in (found.cycle,) if found.cycle else found.groups:
        cycle = plan.parameters[f"{group}.on"] + plan.parameters[f"{group}.off"]
        if cycle > plan.duration:
            raise InputError(
                f"{where}: {group}.on and {group}.off: a cycle takes {cycle:g} s, an epoch "
                f"{plan.duration:g} s; write the ON periods as an entry with repeat, or take a longer epoch"
            )


@contextmanager
def _bar(duration: float, replicate: int, shown: bool) -> Iterator[Any]:
    """Progress in protocol time, on stderr if shown."""
    from tqdm import tqdm

    with tqdm(
        total=duration, desc=f"replicate {replicate}", unit="s", unit_scale=True, disable=not shown
    ) as bar:
        yield bar
