"""The circuit as Brian2 objects: the only file of the circuit that makes them."""

from collections.abc import Mapping

import brian2 as b2
import numpy as np

from dhmodel.circuit import equations
from dhmodel.circuit.structure import PATHWAYS, Structure

__all__ = ["make_network"]

SYNAPSES = {
    "from_sources": equations.FROM_SOURCES,
    "excitation": equations.EXCITATION,
    "inhibition": equations.INHIBITION,
    "presynaptic": equations.PRESYNAPTIC,
    "descending": equations.DESCENDING,
}


def make_network(
    structure: Structure, wiring: Mapping[str, np.ndarray], functions: Mapping[str, object], method
) -> b2.Network:
    """Build the network; state and parameters stay at zero and are set by the engine, by name.

    Parameters
    ----------
    structure : Structure
        Sizes and ranges.
    wiring : mapping of {str : ndarray}
        ``"<pathway>.i"`` and ``"<pathway>.j"``: source and target of each synapse, index within the pathway's ranges.
    functions : mapping of {str : brian2.Function}
        ``next_spike(i, k)``, ``white_noise(i, t)``, ``stop_when(t)``: where spike times, noise and the end of a run come from.
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
    ranges = {
        "cells": cells,
        "sources": sources,
        "excitatory": cells[slice(*structure.excitatory)],
        "inhibitory": cells[slice(*structure.inhibitory)],
    }
    network = b2.Network(cells, sources, _stopper(functions))
    for name, (pre, post) in PATHWAYS.items():
        network.add(_synapses(name, ranges[pre], ranges[post], wiring, clock))
    network.add(b2.SpikeMonitor(cells, name="spikes"))
    return network


def _cells(structure, functions, method, clock, slow) -> b2.NeuronGroup:
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
    cells[slice(*structure.delayed)].run_regularly(
        equations.A_CURRENT, clock=clock, when="start", name="a_current"
    )
    cells[slice(*structure.wdr)].run_regularly(
        equations.CALCIUM_AND_CAN, clock=clock, when="start", name="calcium_and_can"
    )
    cells.run_regularly(equations.SLOW, clock=slow, when="start", name="slow")
    return cells


def _sources(structure, functions, clock, slow) -> b2.NeuronGroup:
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
    # Release is settled before the synapses carry the spike, so that it belongs to this spike.
    sources.resetter["spike"].when = "after_thresholds"
    sources.run_regularly(equations.TERMINAL_SLOW, clock=slow, when="start", name="terminal_slow")
    return sources


def _stopper(functions) -> b2.NeuronGroup:
    clock = b2.NeuronGroup(1, "stopped : 1", name="stopper", namespace=dict(functions))
    clock.run_regularly("stopped = stop_when(t)", dt=10 * b2.ms, when="end", name="stop")
    return clock


def _synapses(name, pre, post, wiring, clock) -> b2.Synapses:
    model, on_pre = SYNAPSES[name]
    synapses = b2.Synapses(pre, post, model, on_pre=on_pre, clock=clock, name=name)
    synapses.connect(i=wiring[f"{name}.i"], j=wiring[f"{name}.j"])
    return synapses
