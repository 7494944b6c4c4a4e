"""What a paradigm delivers, without the circuit: pulses, recruited fibres, compound potentials and dose."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dhmodel.errors import InputError, quoted
from dhmodel.measures import locking, synchrony
from dhmodel.parameters import Parameters, choice, resolve
from dhmodel.stimulation import curves
from dhmodel.stimulation.axon import Launched
from dhmodel.stimulation.conditions import check_routes
from dhmodel.stimulation.cord import CordFibres, reference
from dhmodel.stimulation.delivery import Delivery, deliver, excite
from dhmodel.stimulation.dose import dose
from dhmodel.stimulation.ecap import amplitudes as ecap_amplitudes
from dhmodel.stimulation.ecap import responses
from dhmodel.stimulation.paradigms import Paradigm, find_paradigm
from dhmodel.stimulation.recorder import lead_recorder
from dhmodel.stimulation.recruitment import scales, thresholds
from dhmodel.stimulation.route_view import routes_dataset
from dhmodel.stimulation.trains import Floats, Indices, sort
from dhmodel.streams import stream
from dhmodel.units import to_si

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SCALES", "stimulate"]

SCALES = ("ecap", "perception", "motor")
"""Thresholds of which an amplitude is a multiple."""

_BIN = 1e-3  # s, of synchrony
_PERIODS = 2  # of the slowest channel, whose waveform is kept
_ECAPS = 5000  # pulses whose compound potential is worked out
_SPIKES = 1_000_000  # spikes kept; the first of all fibres

type _Variables = dict[str, tuple[Any, ...]]


def stimulate(
    paradigm: str | Path | Paradigm | Sequence[object],
    *,
    state: str = "naive",
    set: Mapping[str, object] | None = None,
    duration: object = "1 s",
    seed: int = 1,
    replicate: int = 0,
    fibres: int = 400,
) -> "xr.Dataset":
    """
    Work out what a paradigm delivers: to a reference population of dorsal-column fibres, or by its routes.

    The circuit is not run. `dhmodel.plots.stimulation_figure` draws the result.

    Parameters
    ----------
    paradigm : str, path, Paradigm or sequence of these
        A name (see `dhmodel.list_paradigms`), a TOML file, a `dhmodel.Paradigm`, or several of these.
    state : str
        See `dhmodel.list_states`.
    set : mapping of {str : object}, optional
        Parameter path to value, such as ``{"burst.amplitude": 0.6}``.
    duration : str or quantity
    seed, replicate : int
        Of random intervals, the noise of the thresholds, movements and the noise of the recording.
    fibres : int
        Size of the reference population.

    Returns
    -------
    xarray.Dataset
        SI units throughout; every variable has ``units`` and ``long_name``.

        - by ``pulse``: ``pulse_time``, ``pulse_channel`` (index), ``current``, ``recruited`` (fraction of
          fibres), ``ecap`` (N1-P2 amplitude, of the first ``ecap_pulses`` pulses, else NaN);
        - by ``channel``: ``nominal`` (A), ``threshold`` (A) and ``multiple`` of it by ``scale`` (ecap,
          perception, motor), ``locking``, and the dose: see `dhmodel.stimulation.dose.dose`;
        - ``waveform`` (step, channel) over the first two periods from ``waveform_time`` on; ``event``
          (channel, event_step), the first pulse or burst alone;
        - ``recruitment`` (channel, kind, point) and ``growth`` (channel, point) of one pulse against
          ``grid`` (channel, point), in A;
        - by ``fibre``: ``fibre_diameter``, ``fibre_rate``, ``fibre_threshold`` (channel, fibre);
        - by ``spike``: ``spike_time`` and ``spike_fibre``, sorted by fibre, then by time, of the first
          ``spikes_until`` s;
        - ``trunk_rate``, ``synchrony``;
        - of paradigms by routes (``rtms``, ``exercise``, ...) instead, or in a combination beside these: see
          `dhmodel.stimulation.route_view.routes_dataset`;
        - of closed loop, by ``loop`` (closed, open) and ``pulse``: ``loop_current``, ``loop_ecap``,
          ``loop_measured``, ``loop_distance``, ``loop_recruited``, ``loop_worth``, ``in_window``; its report
          is in ``attrs`` as ``loop_*``, and ``recruited`` and ``ecap`` are those of the closed loop.

    Raises
    ------
    InputError
        Unknown name, wrong unit, value out of range, pulses that cannot be, or no pulse at all.
    """
    chosen = find_paradigm(paradigm)
    P = resolve(state, set, None, chosen.parameters)
    length = to_si(duration, "s", "duration")
    if length < _BIN:
        raise InputError(f"duration: got {quoted(duration)}, needs at least {1e3 * _BIN:g} ms")
    if isinstance(fibres, bool) or not isinstance(fibres, int) or fibres < 1:
        raise InputError(f"fibres: got {quoted(fibres)}, needs a whole number of at least 1")
    stream(seed, replicate, "check")  # complains of bad ones
    check_routes(P, chosen, length)
    delivery = deliver(P, chosen, length, seed, replicate)
    routes = any(part.routes for part in chosen.parts)
    if not (len(delivery.schedule) or routes):
        raise InputError(f"{chosen.where}: sends no pulse in {length:g} s, so there is nothing to show")
    made = routes_dataset(P, chosen, length, seed, replicate) if routes else None
    if len(delivery.schedule):
        population = reference(P, "column", int(fibres))
        spikes = excite(P, population, delivery, seed, replicate)
        electrode = _dataset(_View(P, delivery, population, spikes))
        made = electrode if made is None else electrode.merge(made, combine_attrs="no_conflicts")
    assert made is not None  # one of the two
    told = {
        "paradigm": chosen.name,
        "state": state,
        "species": choice(P, "anatomy.species"),
        "duration": length,
        "seed": int(seed),
        "replicate": int(replicate),
        "fibres": int(fibres),
    }
    return made.assign_attrs(told | _attributes(P))


@dataclass(frozen=True, eq=False)
class _View:
    """A delivery, and what it does to the reference fibres."""

    P: Parameters
    delivery: Delivery
    fibres: CordFibres
    spikes: Launched

    @property
    def channels(self) -> list[int]:
        """Channels that send pulses."""
        return [int(number) for number in np.unique(self.delivery.schedule.channel)]


def _dataset(view: _View) -> "xr.Dataset":
    import xarray as xr

    parts = (_pulses, _channels, _dose, _waveform, _curves, _fibres, _spikes, _summary, _loops)
    variables: _Variables = {}
    for part in parts:
        variables |= part(view)
    names = [view.delivery.schedule.channels[number].name for number in view.channels]
    coords: dict[str, Any] = {
        "channel": ("channel", names, {"long_name": "channel of the stimulator"}),
        "scale": ("scale", list(SCALES), {"long_name": "threshold"}),
        "kind": ("kind", list(curves.KINDS), {"long_name": "kind of fibre"}),
    }
    if view.delivery.regulation:
        coords["loop"] = ("loop", ["closed", "open"], {"long_name": "kind of stimulation"})
    made = xr.Dataset({name: _described(*one) for name, one in variables.items()}, coords)
    return made.assign_attrs(_limits(view) | _report(view))


def _described(dims: Any, values: Any, units: str, long_name: str) -> tuple[Any, ...]:
    return dims, values, {"units": units, "long_name": long_name}


def _pulses(view: _View) -> _Variables:
    schedule, loop = view.delivery.schedule, view.delivery.regulation
    recruited, ecap = (loop.closed.recruited, loop.closed.ecap) if loop else _responses(view)
    which = np.searchsorted(view.channels, schedule.channel)
    return {
        "pulse_time": ("pulse", schedule.times, "s", "onset of the pulse"),
        "pulse_channel": ("pulse", which, "1", "channel of the pulse, counted from zero"),
        "current": ("pulse", view.delivery.sent * schedule.scale, "A", "current of the pulse"),
        "recruited": (
            "pulse",
            recruited,
            "1",
            "fraction of fibres recruited (pulses that coincide share it)",
        ),
        "ecap": ("pulse", ecap, "V", "N1-P2 amplitude without noise (pulses that coincide share it)"),
    }


def _responses(view: _View) -> tuple[Floats, Floats]:
    """Fraction of fibres that each pulse excites, and its compound potential; NaN beyond the first pulses."""
    onsets, spikes, number = view.delivery.schedule.times, view.spikes, len(view.fibres)
    pairs = np.unique(spikes.pulse * number + spikes.fibre)
    excited = np.bincount(pairs // number, minlength=onsets.size) / number
    ecap = np.full(onsets.size, np.nan)
    early = spikes.pulse < _ECAPS
    first = Launched(spikes.fibre[early], spikes.pulse[early], spikes.time[early], spikes.arrives[early])
    response = responses(lead_recorder(view.P, view.fibres), onsets[:_ECAPS], first)
    ecap[:_ECAPS] = ecap_amplitudes(response)
    # of pulses that begin together the last one has the spikes of all
    rounded = np.round(onsets, 9)
    last = np.searchsorted(rounded, rounded, side="right") - 1
    return excited[last], ecap[last]


def _channels(view: _View) -> _Variables:
    schedule, sent = view.delivery.schedule, view.delivery.sent
    at = [scales(view.P, schedule, number) for number in view.channels]
    limits = np.array([[getattr(one, name) for name in SCALES] for one in at])
    nominal = np.array([sent[schedule.channel == number].mean() for number in view.channels])
    rates = np.array([view.P[f"{schedule.channels[number].name}.frequency"] for number in view.channels])
    locked = [locking(view.spikes.time, rate) for rate in rates]
    return {
        "nominal": ("channel", nominal, "A", "amplitude (mean over pulses)"),
        "threshold": (("channel", "scale"), limits, "A", "amplitude at threshold"),
        "multiple": (
            ("channel", "scale"),
            nominal[:, None] / limits,
            "1",
            "amplitude in multiples of threshold",
        ),
        "frequency": ("channel", rates, "Hz", "nominal rate of pulses, or of bursts"),
        "locking": ("channel", locked, "1", "vector strength of all spikes at that rate"),
    }


_DOSE = {
    "pulse_rate": ("Hz", "pulses per second"),
    "peak_current": ("A", "largest current of a stimulating phase"),
    "charge_per_phase": ("C", "largest charge per phase"),
    "charge_per_burst": ("C", "largest charge per phase times the pulses of a burst"),
    "charge_per_second": ("C/s", "charge of stimulating phases per second"),
    "duty_cycle": ("1", "fraction of time in stimulating phases"),
    "net_charge": ("C", "charge not recovered"),
}


def _dose(view: _View) -> _Variables:
    delivery = view.delivery
    doses = list(dose(delivery.schedule, delivery.sent, delivery.duration).values())
    return {
        name: ("channel", [doses[number][name] for number in view.channels], units, text)
        for name, (units, text) in _DOSE.items()
    }


def _waveform(view: _View) -> _Variables:
    delivery, schedule = view.delivery, view.delivery.schedule
    slowest = min(view.P[f"{schedule.channels[number].name}.frequency"] for number in view.channels)
    start = float(schedule.times[0])
    stop = min(start + _PERIODS / slowest, delivery.duration)
    time, current = curves.waveform(schedule, delivery.sent, start, stop)
    events = [curves.event(schedule, delivery.sent, number) for number in view.channels]
    dims = ("channel", "event_step")
    return {
        "waveform_time": ("step", time, "s", "begin of a constant current"),
        "waveform": (("step", "channel"), current[:, view.channels], "A", "current, negative where cathodic"),
        "event_time": (dims, _padded([one[0] for one in events]), "s", "time after the onset"),
        "event": (
            dims,
            _padded([one[1] for one in events]),
            "A",
            "current of the first pulse or burst alone",
        ),
        "stimulating": (
            "channel",
            [one[2] for one in events],
            "s",
            "from the onset of a pulse or burst to the end of its last stimulating phase",
        ),
    }


def _padded(rows: list[Floats]) -> Floats:
    """Rows of different length as one array, NaN behind the short ones."""
    out = np.full((len(rows), max(row.size for row in rows)), np.nan)
    for number, row in enumerate(rows):
        out[number, : row.size] = row
    return out


def _curves(view: _View) -> _Variables:
    P, schedule, sent = view.P, view.delivery.schedule, view.delivery.sent
    currents, fractions, potentials = [], [], []
    for number in view.channels:
        used = float(sent[schedule.channel == number].mean())
        own = curves.grid(P, schedule, number, scales(P, schedule, number), used)
        currents.append(own)
        fractions.append(curves.recruitment(P, schedule, number, own))
        potentials.append(curves.growth(P, view.fibres, schedule, number, own))
    return {
        "grid": (("channel", "point"), np.array(currents), "A", "amplitude of one pulse"),
        "recruitment": (
            ("channel", "kind", "point"),
            np.array(fractions),
            "1",
            "fraction of fibres recruited",
        ),
        "growth": (("channel", "point"), np.array(potentials), "V", "N1-P2 amplitude of one pulse"),
    }


def _fibres(view: _View) -> _Variables:
    fibres, schedule = view.fibres, view.delivery.schedule
    needed = [
        thresholds(view.P, fibres, schedule.channels[number], curves.shape_of(schedule, number))
        for number in view.channels
    ]
    rate = np.bincount(view.spikes.fibre, minlength=len(fibres)) / view.delivery.duration
    return {
        "fibre_diameter": ("fibre", fibres.diameter, "m", "outer diameter"),
        "fibre_threshold": (
            ("channel", "fibre"),
            np.array(needed),
            "A",
            "amplitude of one pulse at threshold",
        ),
        "fibre_rate": ("fibre", rate, "Hz", "spikes started per second"),
    }


def _spikes(view: _View) -> _Variables:
    kept = _kept(view)
    times, fibres = sort(view.spikes.time[kept], view.spikes.fibre[kept])
    return {
        "spike_time": ("spike", times, "s", "start of the spike under the electrode"),
        "spike_fibre": ("spike", fibres, "1", "fibre of the spike"),
    }


def _kept(view: _View) -> Indices:
    """Spikes before the time from which on none are kept."""
    return np.flatnonzero(view.spikes.time < _limits(view)["spikes_until"])


def _limits(view: _View) -> dict[str, Any]:
    """How much is kept of long trains: all spikes before a time, and the potential of the first pulses."""
    until, times, pulses = view.delivery.duration, view.spikes.time, len(view.delivery.schedule)
    if times.size > _SPIKES:
        until = float(np.partition(times, _SPIKES)[_SPIKES])
    known = pulses if view.delivery.regulation else min(pulses, _ECAPS)
    return {"spikes_until": until, "ecap_pulses": known}


def _summary(view: _View) -> _Variables:
    spikes, number, duration = view.spikes, len(view.fibres), view.delivery.duration
    together = synchrony(spikes.time, spikes.fibre, number, duration, _BIN)
    return {
        "trunk_rate": ((), len(spikes) / (number * duration), "Hz", "spikes started by pulses per fibre"),
        "synchrony": ((), together, "1", "synchrony of the fibres in bins of 1 ms"),
    }


def _loops(view: _View) -> _Variables:
    if view.delivery.regulation is None:
        return {}
    both = view.delivery.regulation.dataset()
    return {
        _LOOP.get(str(name), f"loop_{name}"): (
            one.dims,
            one.values,
            one.attrs["units"],
            one.attrs["long_name"],
        )
        for name, one in both.data_vars.items()
    }


_LOOP = {"amperes": "loop_current", "in_window": "in_window"}


def _report(view: _View) -> dict[str, float]:
    """What the loop is good for, its target (V), and its window at rest (A)."""
    if view.delivery.regulation is None:
        return {}
    found = view.delivery.regulation.dataset().attrs
    return {f"loop_{name}": float(value) for name, value in found.items()}


def _attributes(P: Parameters) -> dict[str, Any]:
    """Where the numbers come from; `dhmodel.provenance` is that of simulations of the circuit."""
    return {
        "parameters": P.json(),
        "parameters_digest": P.digest(),
        "dhmodel_version": version("dhmodel"),
        "numpy_version": version("numpy"),
        "python_version": platform.python_version(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
