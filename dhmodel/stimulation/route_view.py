"""What a paradigm brings by its routes, without the circuit: pulses of a session, added spikes, currents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dhmodel.delivered import delivered
from dhmodel.parameters.layout import POPULATIONS, source_sizes
from dhmodel.stimulation.conditions import Conditions, conditions
from dhmodel.stimulation.fibres import make_fibres, members
from dhmodel.stimulation.natural import Scene
from dhmodel.stimulation.paradigms import Paradigm
from dhmodel.stimulation.patterns import Spikes, nothing
from dhmodel.stimulation.routes import along
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.ways import Route, to_fibres

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["routes_dataset"]

_BINS = 100  # of a rate over time


@dataclass(frozen=True, eq=False)
class _Row:
    """One route: how many units it can reach, and what it brings them."""

    name: str
    to: str
    units: int
    spikes: Spikes
    current: float


def routes_dataset(
    P: Mapping[str, float], paradigm: Paradigm, length: float, seed: int, replicate: int
) -> "xr.Dataset":
    """
    Work out what a paradigm brings by its routes.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    paradigm : Paradigm
        With at least one route.
    length : float
        In s.
    seed, replicate : int

    Returns
    -------
    xarray.Dataset
        By ``route``: ``route_to`` (class or population), ``route_units``, ``route_current`` (A);
        ``route_rate`` (route, route_time), Hz per unit of the class, bin start; ``route_spike_time``,
        ``route_spike_unit`` and ``route_spike_route`` by ``route_spike``; ``coil_time``, pulses in the time
        that is shown, and ``session_time``, those of the whole session; and every number of
        `dhmodel.delivered` that the paradigm tells, named in the attribute ``told``.
    """
    import xarray as xr

    scene = Scene(P, make_fibres(P, seed, replicate), 0.0, length, seed, replicate)
    parts = conditions(P, paradigm, length)
    rows = [_row(scene, one, route) for one in parts for route in one.routes()]
    variables = _of_routes(rows, length) | _spikes(rows) | _pulses(parts)
    for name, value in [pair for one in parts for pair in one.delivered().items()]:
        variables[name] = ((), value, delivered()[name].unit, delivered()[name].about)
    edges = np.linspace(0, length, _BINS + 1)[:-1]
    coords = {
        "route": ("route", [row.name for row in rows], {"long_name": "route into the circuit"}),
        "route_time": ("route_time", edges, {"units": "s", "long_name": "start of time bin"}),
    }
    described = {
        name: (dims, values, {"units": units, "long_name": text})
        for name, (dims, values, units, text) in variables.items()
    }
    told = [name for one in parts for name in one.ways.delivers]
    return xr.Dataset(described, coords, {"told": told})


def _row(scene: Scene, one: Conditions, route: Route) -> _Row:
    brought = along(scene, one, route)
    name = f"{one.ways.group}: {route.name}"
    if route.to in POPULATIONS:
        current = sum(current for _, current, _ in brought.currents)
        return _Row(name, route.to, 0, nothing(), current)
    if to_fibres(route):
        own = members(scene.P, route.to)
        times, fibres = brought.fibres[0]
        return _Row(name, route.to, own.size, (times, np.searchsorted(own, fibres)), 0.0)
    return _Row(name, route.to, source_sizes(scene.P)[route.to], brought.elsewhere[0][1], 0.0)


def _of_routes(rows: list[_Row], length: float) -> dict[str, tuple[Any, ...]]:
    edges = np.linspace(0, length, _BINS + 1)
    counts = [np.histogram(row.spikes[0], edges)[0] / max(row.units, 1) for row in rows]
    rates: Floats = np.array(counts).reshape(len(rows), _BINS) * _BINS / length
    return {
        "route_to": ("route", [row.to for row in rows], "1", "class of units that it leads to"),
        "route_units": ("route", [row.units for row in rows], "1", "units of that class"),
        "route_current": ("route", [row.current for row in rows], "A", "current into each cell"),
        "route_rate": (("route", "route_time"), rates, "Hz", "spikes brought, per unit of the class"),
    }


def _spikes(rows: list[_Row]) -> dict[str, tuple[Any, ...]]:
    empty = np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)
    parts = [(*row.spikes, np.full(row.spikes[0].size, at)) for at, row in enumerate(rows)]
    times, units, route = (np.concatenate(part) for part in zip(empty, *parts, strict=True))
    return {
        "route_spike_time": ("route_spike", times, "s", "arrival of the spike"),
        "route_spike_unit": ("route_spike", units, "1", "unit of the spike, within its class"),
        "route_spike_route": ("route_spike", route, "1", "route of the spike, counted from zero"),
    }


def _pulses(parts: list[Conditions]) -> dict[str, tuple[Any, ...]]:
    """Pulses of the coil; of several paradigms with pulses, of all."""
    shown = np.sort(np.concatenate([np.empty(0), *(one.pulses for one in parts)]))
    whole = [one.session.times(one.on, np.inf) for one in parts if one.session]
    session = np.sort(np.concatenate([np.empty(0), *whole]))
    return {
        "coil_time": ("coil_pulse", shown, "s", "pulse of the coil"),
        "session_time": ("session_pulse", session, "s", "pulse of the whole session"),
    }
