"""
A sweep of the standard network as a Brian2 user would write it: runtime Cython, rebuilt per point.

It is what ``dhmodel bench --only baselines`` compares with. The model is the same: equations, parameters,
wiring and afferent spike times come from dhmodel, before the clock starts; everything else is plain Brian2:
one group of cells, one of terminals driven by a ``SpikeGeneratorGroup``, ``Synapses`` for each pathway,
Brian2's own ``euler`` and ``randn``.

    python experiments/baselines/plain_brian2.py --points 2 --duration 5     # seconds per point, as JSON
    python experiments/baselines/plain_brian2.py --check                    # its rates beside dhmodel's
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np

import dhmodel as dh
from dhmodel.bench.sweeps import PARADIGM, STIMULUS, points
from dhmodel.circuit import assemble, equations
from dhmodel.circuit.structure import PATHWAYS, Structure
from dhmodel.native import cache_folder
from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import population_sizes
from dhmodel.simulate import Plan, plan
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.elsewhere import elsewhere
from dhmodel.stimulation.trains import SpikeTrains, concat

type Arrays = dict[str, np.ndarray]

MODELS = {
    "from_sources": equations.FROM_SOURCES,
    "excitation": equations.EXCITATION,
    "inhibition": equations.INHIBITION,
    "presynaptic": equations.PRESYNAPTIC,
    "supraspinal": equations.SUPRASPINAL,
    "descending": equations.DESCENDING,
    "corticospinal": equations.PRESYNAPTIC,
}
NEXT_SPIKE = "k += 1\nt_next = next_spike(i, k)\n"


def hand_over(chosen: Plan, replicate: int) -> tuple[Structure, Arrays, SpikeTrains]:
    """Sizes, parameters and wiring, and spike times of one run, from dhmodel."""
    P = chosen.parameters
    span = (chosen.duration, chosen.warmup, chosen.seed, replicate)
    inputs = afferent_input(P, chosen.paradigm, chosen.stimulus, *span)
    trains = concat(inputs.trains, elsewhere(P, inputs.trunks, *span))
    return assemble.structure(P), assemble.arrays(P, chosen.seed, replicate), trains


def build(structure: Structure, arrays: Arrays, trains: SpikeTrains, warmup: float) -> b2.Network:
    """Make the network of one point."""
    cells, terminals = _cells(structure, arrays), _terminals(structure, arrays)
    ranges = {
        "cells": cells,
        "sources": terminals,
        **{name: cells[slice(*span)] for name, span in structure.spans().items()},
    }
    network = b2.Network(cells, terminals, b2.SpikeMonitor(cells, name="spikes"))
    for name, (pre, post) in PATHWAYS.items():
        network.add(_synapses(name, ranges[pre], ranges[post], arrays))
    network.add(*_afferents(structure, terminals, trains, warmup))
    return network


def _cells(structure: Structure, arrays: Arrays) -> b2.NeuronGroup:
    cells = b2.NeuronGroup(
        structure.cells,
        equations.CELL,
        threshold=equations.CELL_SPIKES,
        reset=equations.CELL_RESET,
        method="euler",
        name="cells",
    )
    _set(cells, arrays)
    for name, start, stop in structure.a_current:
        cells[start:stop].run_regularly(equations.A_CURRENT, name=f"a_current_{name}")
    cells[slice(*structure.wdr)].run_regularly(equations.CALCIUM_AND_CAN)
    slow = equations.SLOW.replace("white_noise(i, t)", "randn()")
    cells.run_regularly(slow, dt=structure.slow_dt * b2.second)
    return cells


def _terminals(structure: Structure, arrays: Arrays) -> b2.NeuronGroup:
    reset = equations.TERMINAL_RESET.replace(NEXT_SPIKE, "arrived = 0\n")
    terminals = b2.NeuronGroup(
        structure.sources,
        equations.TERMINAL + "arrived : 1\n",
        threshold="arrived > 0",
        reset=reset,
        name="sources",
    )
    terminals.resetter["spike"].when = "after_thresholds"
    _set(terminals, arrays)
    terminals.run_regularly(equations.TERMINAL_SLOW, dt=structure.slow_dt * b2.second)
    return terminals


def _set(group: b2.Group, arrays: Arrays) -> None:
    """Give the variables of a group or pathway their values, SI."""
    for name, values in arrays.items():
        owner, variable = name.split(".")
        if owner == group.name and variable not in ("i", "j", "delay"):
            group.variables[variable].get_value()[:] = values


def _synapses(name: str, pre: b2.Group, post: b2.Group, arrays: Arrays) -> b2.Synapses:
    model, on_pre = MODELS[name]
    synapses = b2.Synapses(pre, post, model, on_pre=on_pre, name=name)
    synapses.connect(i=arrays[f"{name}.i"], j=arrays[f"{name}.j"])
    _set(synapses, arrays)
    if f"{name}.delay" in arrays:
        synapses.delay = arrays[f"{name}.delay"] * b2.second
    return synapses


def _afferents(
    structure: Structure, terminals: b2.NeuronGroup, trains: SpikeTrains, warmup: float
) -> tuple[b2.SpikeGeneratorGroup, b2.Synapses]:
    """Spike times into terminals; of spikes of one fibre in one step, which Brian2 refuses, the first."""
    steps = np.floor((trains.times + warmup) / structure.dt + 1e-6).astype(int)
    _, kept = np.unique(np.stack([trains.fibres, steps]), axis=1, return_index=True)
    times = steps[kept] * structure.dt * b2.second
    fibres = b2.SpikeGeneratorGroup(structure.sources, trains.fibres[kept], times)
    arrival = b2.Synapses(fibres, terminals, on_pre="arrived_post = 1")
    arrival.connect(j="i")
    return fibres, arrival


def rates(network: b2.Network, P: Parameters, warmup: float, duration: float) -> dict[str, float]:
    """Rate of every population after the warm-up, Hz."""
    spikes, sizes = network["spikes"], population_sizes(P)
    counts = np.bincount(np.asarray(spikes.i)[spikes.t / b2.second >= warmup], minlength=sum(sizes.values()))
    edges = np.cumsum([0, *sizes.values()])
    found = np.add.reduceat(counts, edges[:-1]) / (np.array([*sizes.values()]) * duration)
    return dict(zip(sizes, found.tolist(), strict=True))


def run_point(chosen: Plan, replicate: int) -> tuple[dict[str, float], float, float]:
    """Rates (Hz) of one point; s to build its network and to run it, what dhmodel hands over not included."""
    structure, arrays, trains = hand_over(chosen, replicate)
    b2.start_scope()
    b2.defaultclock.dt = structure.dt * b2.second
    start = time.perf_counter()
    network = build(structure, arrays, trains, chosen.warmup)
    built = time.perf_counter()
    network.run((chosen.warmup + chosen.duration) * b2.second)
    done = time.perf_counter()
    return rates(network, chosen.parameters, chosen.warmup, chosen.duration), built - start, done - built


def sweep(number: int, duration: float) -> dict[str, Any]:
    """Run `number` points spread over the sweep, after a short one that compiles; seconds of each."""
    started = time.perf_counter()
    run_point(plan(PARADIGM, stimulus=STIMULUS, duration="10 ms", warmup="0 s", target="cpp"), 0)
    compiling, rows = time.perf_counter() - started, []
    every = points()
    for chosen in every[:: max(len(every) // number, 1)][:number]:
        one = plan(PARADIGM, stimulus=STIMULUS, set=chosen, duration=f"{duration!r} s", target="cpp")
        found, build_s, run_s = run_point(one, 0)
        rows.append({"point": chosen, "build s": build_s, "run s": run_s, "rates": found})
    return {"first point s": compiling, "points": rows}


def check(replicates: int, duration: float) -> bool:
    """Print rates of both, and whether they agree: no population farther than 4 standard errors off."""
    b2.prefs.codegen.target = "cython"
    chosen = plan(PARADIGM, stimulus=STIMULUS, duration=f"{duration!r} s", target="cpp")
    ours = dh.simulate(PARADIGM, stimulus=STIMULUS, duration=f"{duration!r} s", replicates=replicates)["rate"]
    theirs = [run_point(chosen, number)[0] for number in range(replicates)]
    good = True
    for name, mine in zip(ours["population"].values, ours.values.T, strict=True):
        other = np.array([one[str(name)] for one in theirs])
        # The same cells, wires and spike trains: what differs is noise and the integrator.
        difference = other - mine
        error = max(difference.std(ddof=1) / np.sqrt(replicates), 0.05)
        agrees = abs(difference.mean()) < 4 * error
        good &= bool(agrees)
        print(
            f"{name:9} {mine.mean():7.2f} Hz, plain {other.mean():7.2f} Hz, off {difference.mean():6.2f}"
            f" +- {error:.2f}{'' if agrees else '  differs'}"
        )
    return good


def main() -> None:
    """Run the points, print JSON; or check the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=2)
    parser.add_argument("--duration", type=float, default=5.0, help="s")
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    b2.prefs.codegen.target = "cython"
    b2.prefs.codegen.runtime.cython.cache_dir = str(Path(cache_folder()) / "plain_brian2")
    if given.check:
        sys.exit(0 if check(given.replicates, given.duration) else 1)
    print(json.dumps(sweep(given.points, given.duration)))


if __name__ == "__main__":
    main()
