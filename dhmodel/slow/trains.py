"""Trains of pulses that are too long for an epoch, as periods of an entry of their own."""

from dataclasses import replace

import numpy as np

from dhmodel.parameters import resolve
from dhmodel.slow.timetable import Entry, Settings, Timetable
from dhmodel.stimulation.conditions import Conditions, conditions
from dhmodel.stimulation.paradigms import brought, combine, find_paradigm
from dhmodel.units import canonical

__all__ = ["in_trains"]


def in_trains(table: Timetable, epoch: float) -> Timetable:
    """
    Write out the trains of magnetic sessions whose train and pause do not fit into an epoch.

    An epoch would see the first train alone, and take it for the whole. Instead the entry loses the paradigm,
    and another one, on during the trains, has it without pauses.

    Parameters
    ----------
    table : Timetable
    epoch : float
        Length of an epoch, s.
    """
    entries: list[Entry] = []
    for entry in table.entries:
        settings = table.base.joined(entry.settings)
        P = resolve(settings.state, dict(settings.set), None, brought(settings.paradigm))
        long = [
            one
            for one in conditions(P, find_paradigm(settings.paradigm), epoch)
            if one.session and one.session.cycle > epoch
        ]
        entries.append(_without(entry, [one.ways.group for one in long]))
        entries += [_during(entry, one) for one in long]
    return replace(table, entries=tuple(entries))


def _without(entry: Entry, groups: list[str]) -> Entry:
    """Return the entry with what is left of its paradigm."""
    if not groups:
        return entry
    left = [one for one in find_paradigm(entry.settings.paradigm).parts if one.name not in groups]
    return replace(entry, settings=replace(entry.settings, paradigm=combine(left)))


def _during(entry: Entry, one: Conditions) -> Entry:
    """Return an entry that is on during the trains of an entry's sessions."""
    assert one.session is not None  # `in_trains` sees to it
    on, cycle = one.session.on, one.session.cycle
    spans = []
    for start, stop in entry.spans:
        begins = np.arange(start + one.on, stop, cycle).tolist()
        spans += [(canonical(begin), canonical(min(begin + on, stop))) for begin in begins]
    parts = find_paradigm(entry.settings.paradigm).parts
    (own,) = (each for each in parts if each.name == one.ways.group)
    steady = {f"{one.pattern}.on": "0 s", f"{one.pattern}.off": "0 s"}
    return Entry(f"{entry.name}: trains", tuple(spans), Settings(paradigm=own, set=steady))
