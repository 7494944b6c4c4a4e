"""Size of the circuit: cost per neuron-step, memory per neuron and per synapse, a horn of 50,000 neurons."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median

import numpy as np

from dhmodel.bench.load import Load, standard_load
from dhmodel.bench.one_run import one_run
from dhmodel.bench.report import Aim, Section
from dhmodel.bench.runners import TINY, net_of_start, run_built
from dhmodel.bench.timing import alternate
from dhmodel.engine import build
from dhmodel.parameters import Parameters, resolve

__all__ = ["HORN", "SCALES", "memory", "per_unit", "scales"]

#: ``circuit.scale`` and length of its run, s: about equally many neuron-steps, but a second at least.
SCALES = {0.25: 8.0, 1.0: 4.0, 10.0: 1.0, 100.0: 1.0}

#: Scale of a circuit of 50,000 central neurons.
HORN = 72.464

#: Scales of the circuits whose memory is compared, and the share of its in-degrees that each has.
CIRCUITS = ((5.0, 1.0), (20.0, 1.0), (20.0, 0.5))

type Answer = tuple[Section, list[Aim]]
type Say = Callable[[str], None]


def scales(rounds: int, with_horn: bool, say: Say) -> Answer:
    """
    Measure the cost per neuron-step of circuits of all sizes, in turns; and build and run the horn.

    Parameters
    ----------
    rounds : int
        Runs of each, whose median counts.
    with_horn : bool
        Whether the largest scale and the horn take part; the horn is built in an empty cache.
    say : callable
        Told of progress.
    """
    chosen = {scale: span for scale, span in SCALES.items() if with_horn or scale < 100}
    figures = {}
    loads = {scale: _load(scale, span) for scale, span in chosen.items()}
    built = {scale: build.ensure(load.structure, "cpp", say) for scale, load in loads.items()}
    turns = {
        (scale, stop): partial(run_built, built[scale], load, stop)
        for scale, load in loads.items()
        for stop in (load.feed.stop, TINY)
    }
    costs = alternate(turns, rounds, say)
    for scale, load in loads.items():
        pairs = zip(costs[scale, load.feed.stop], costs[scale, TINY], strict=True)
        nets = [net_of_start(load, long, tiny) for long, tiny in pairs]
        user, wall, _ = (median(column) for column in zip(*nets, strict=True))
        start = median(cost.user + cost.system for cost in costs[scale, TINY])
        figures[scale] = (user, wall, start)
    rows = [
        (f"{scale:g}", float(loads[scale].structure.cells), loads[scale].feed.stop, *figures[scale])
        for scale in chosen
    ]
    users = [user for user, *_ in figures.values()]
    aims = [
        Aim(
            f"cost per neuron-step, dearest / cheapest of scales {_named(chosen)}",
            max(users) / min(users),
            1.5,
            False,
        )
    ]
    notes = _horn(say) if with_horn else ("scale 100 and the horn of 50,000 neurons: left out by --quick",)
    heads = ("circuit.scale", "central cells", "simulated s", "user ns", "wall ns", "start of the binary s")
    return Section("Nanoseconds per neuron-step by the circuit's size", heads, rows, notes), aims


def _named(scales: Sequence[float] | Mapping[float, float]) -> str:
    return ", ".join(f"{scale:g}" for scale in scales)


def _load(scale: float, span: float) -> Load:
    """Return the standard load of that size, `span` s long with its warm-up."""
    load = standard_load(max(span - 1.0, 0.05), scale)
    return load.until(span)


def _horn(say: Say) -> tuple[str, ...]:
    """Build the horn, with an empty cache, and run it; one line."""
    say("building and running 50,000 neurons")
    with tempfile.TemporaryDirectory(prefix="dhmodel-bench-") as cache:
        found = one_run({"circuit.scale": HORN}, 1.0, 1.0, cache)
    return (
        f"a horn of {found['cells']:.0f} central neurons, {found['sources']:.0f} fibres and axons, "
        f"{found['synapses'] / 1e6:.2f} million synapses, mean rate {found['rate']:.1f} Hz: "
        f"built in {found['build s']:.0f} s; cells and wiring drawn in {found['wiring s']:.1f} s; "
        f"2 s simulated in {found['run s']:.1f} s from plan to rates; peak memory "
        f"{found['binary peak'] / 1e9:.2f} GB in the binary, {found['python peak'] / 1e9:.2f} GB in Python",
    )


def memory(say: Say) -> Answer:
    """Measure peak memory of circuits of several sizes, and part it by neurons and synapses."""
    found = []
    for scale, share in CIRCUITS:
        say(f"scale {scale:g}, in-degrees times {share:g}")
        found.append(one_run(thinned(scale, share), 0.02, 0.0))
    rows: list[tuple[str | float, ...]] = [
        (
            f"scale {scale:g}, in-degrees x {share:g}",
            one["cells"],
            one["synapses"],
            one["binary peak"] / 1e6,
            one["python peak"] / 1e6,
        )
        for (scale, share), one in zip(CIRCUITS, found, strict=True)
    ]
    notes = []
    for who in ("binary", "python"):
        fixed, per_cell, per_synapse = per_unit(found, f"{who} peak")
        notes.append(
            f"{who}: {fixed / 1e6:.0f} MB + {per_cell:.0f} bytes per central neuron, its share of fibres "
            f"included, + {per_synapse:.0f} bytes per synapse"
        )
    heads = ("circuit", "central cells", "synapses", "binary MB", "python MB")
    return Section("Peak resident memory of a run of 20 ms", heads, rows, tuple(notes)), []


def thinned(scale: float, share: float) -> dict[str, object]:
    """Settings of a circuit of that scale, its in-degrees times `share`, at least 1 where there were any."""
    P: Parameters = resolve()
    degrees = {
        f"connection.{path}": max(round(value * share), 1)
        for path, value in P.section("connection").items()
        if path.endswith(".in_degree") and value
    }
    return {"circuit.scale": scale, **degrees}


def per_unit(found: Sequence[Mapping[str, float]], what: str) -> tuple[float, float, float]:
    """
    Part a quantity of circuits into a constant, so much per central cell, and so much per synapse.

    Parameters
    ----------
    found : sequence of mapping
        ``cells``, ``synapses`` and `what` of three circuits or more.
    what : str

    Returns
    -------
    tuple of float
        Least squares; exact for three circuits.
    """
    known = np.array([[1.0, one["cells"], one["synapses"]] for one in found])
    values, *_ = np.linalg.lstsq(known, np.array([one[what] for one in found]), rcond=None)
    fixed, per_cell, per_synapse = map(float, values)
    return fixed, per_cell, per_synapse
