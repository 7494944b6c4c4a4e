"""The circuit as Brian2 objects: the only file of the circuit that makes them."""

from collections.abc import Mapping
from typing import Any

import brian2 as b2
from numpy.typing import NDArray

from dhmodel.circuit import equations
from dhmodel.circuit.structure import PATHWAYS, Structure

__all__ = ["make_network"]

SYNAPSES = {
    "from_sources": equations.FROM_SOURCES,
    "excitation": equations.EXCITATION,
    "inhibition": equations.INHIBITION,
    "presynaptic": equations.PRESYNAPTIC,
    "supraspinal": equations.SUPRASPINAL,
    "descending": equations.DESCENDING,
    "corticospinal": equations.PRESYNAPTIC,
}


def make_network(
    structure: Structure,
    wiring: Mapping[str, NDArray[Any]],
    functions: Mapping[str, b2.Function],
    method: b2.StateUpdateMethod,
) -> b2.Network:
    """Build the network; state and parameters stay at zero and are set by the engine, by name.

    Parameters
    ----------
    structure : Structure
        Sizes and ranges.
    wiring : mapping of {str : ndarray}
        ``"<pathway>.i"`` and ``"<pathway>.j"``: source and target of each synapse, index within the pathway's
        ranges.
    functions : mapping of {str : brian2.Function}
        ``next_spike(i, k)``, ``white_noise(i, t)``, ``stop_when(t)``: where spike times, noise and the end of
        a run come from.
    method : StateUpdateMethod
        Integrator.

    Returns
    -------
    brian2.Network
        With objects named ``cells``, ``sources``, ``spikes`` and after each pathway.
    """
    clock = b2.Clock(structure.dt * b2.second, name="clock")
    slow = b2.Clock(structure.slow_dt * b2.second, name="slow_clock")
    cells = _cells(structure, functions, method, clock, slow)
    sources = _sources(structure, functions, clock, slow)
    spans = {name: cells[slice(*span)] for name, span in structure.spans().items()}
    ranges = {"cells": cells, "sources": sources, **spans}
    network = b2.Network(cells, sources, _stopper(functions))
    for name, (pre, post) in PATHWAYS.items():
        if f"{name}.i" in wiring:
            network.add(_synapses(name, ranges[pre], ranges[post], wiring, clock))
    network.add(b2.SpikeMonitor(cells, name="spikes"))
    return network


def _cells(
    structure: Structure,
    functions: Mapping[str, b2.Function],
    method: b2.StateUpdateMethod,
    clock: b2.Clock,
    slow: b2.Clock,
) -> b2.NeuronGroup:
    cells = b2.NeuronGroup(
        structure.cells,
        equations.CELL,
        threshold=equations.CELL_SPIKES,
        reset=equations.CELL_RESET,
        method=method,
        clock=clock,
        name="cells",
        namespace=dict(functions),
    )
    # Release is settled before the synapses carry the spike, so that it belongs to this spike.
    cells.resetter["spike"].when = "after_thresholds"
    for name, start, stop in structure.a_current:
        cells[start:stop].run_regularly(
            equations.A_CURRENT, clock=clock, when="start", name=f"a_current_{name}"
        )
    cells[slice(*structure.wdr)].run_regularly(
        equations.CALCIUM_AND_CAN, clock=clock, when="start", name="calcium_and_can"
    )
    cells.run_regularly(equations.SLOW, clock=slow, when="start", name="slow")
    return cells


def _sources(
    structure: Structure, functions: Mapping[str, b2.Function], clock: b2.Clock, slow: b2.Clock
) -> b2.NeuronGroup:
    sources = b2.NeuronGroup(
        structure.sources,
        equations.TERMINAL,
        threshold=equations.TERMINAL_SPIKES,
        reset=equations.TERMINAL_RESET,
        clock=clock,
        dtype=float,
        name="sources",
        namespace=dict(functions),
    )
    # As in cells.
    sources.resetter["spike"].when = "after_thresholds"
    sources.run_regularly(equations.TERMINAL_SLOW, clock=slow, when="start", name="terminal_slow")
    return sources


def _stopper(functions: Mapping[str, b2.Function]) -> b2.NeuronGroup:
    stopper = b2.NeuronGroup(1, "stopped : 1", name="stopper", namespace=dict(functions))
    stopper.run_regularly("stopped = stop_when(t)", dt=10 * b2.ms, when="end", name="stop")
    return stopper


def _synapses(
    name: str, pre: b2.Group, post: b2.Group, wiring: Mapping[str, NDArray[Any]], clock: b2.Clock
) -> b2.Synapses:
    model, on_pre = SYNAPSES[name]
    synapses = b2.Synapses(pre, post, model, on_pre=on_pre, clock=clock, name=name)
    synapses.connect(i=wiring[f"{name}.i"], j=wiring[f"{name}.j"])
    return synapses
