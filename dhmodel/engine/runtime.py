"""Run the circuit inside this process with Brian2's numpy or Cython target: slower, no C++ compiler needed for numpy."""

import sys
from collections.abc import Mapping

import numpy as np

_excepthook = sys.excepthook
import brian2 as b2  # noqa: E402

# Brian2 reports every uncaught error of the whole process as a bug of its own, with log files; our errors are one line.
sys.excepthook = _excepthook

from dhmodel.circuit.network import make_network  # noqa: E402
from dhmodel.circuit.structure import PATHWAYS, Structure  # noqa: E402
from dhmodel.engine.feed import Feed  # noqa: E402
from dhmodel.engine.functions import runtime_functions  # noqa: E402
from dhmodel.engine.integrator import frozen_exponential  # noqa: E402
from dhmodel.engine.run import STATES, Spikes, check_finite  # noqa: E402

__all__ = ["prepare_network", "run_runtime"]


def run_runtime(structure: Structure, arrays: Mapping[str, np.ndarray], feed: Feed, target: str) -> Spikes:
    """Build the network from `arrays` and run it once.

    Parameters
    ----------
    structure, arrays, feed
        As for `dhmodel.engine.run.run_compiled`.
    target : {"numpy", "cython"}
        Brian2's code generation target.

    Raises
    ------
    EngineError
        If a state is not finite at the end.
    """
    saved = b2.prefs.codegen.target
    b2.prefs.codegen.target = target
    try:
        network = prepare_network(structure, arrays, feed)
        # Numbers that leave the reals are reported below, in one line.
        with np.errstate(all="ignore"):
            network.run(feed.stop * b2.second)
    finally:
        b2.prefs.codegen.target = saved
    for name in STATES:
        owner, variable = name.split(".")
        check_finite(name, np.asarray(network[owner].variables[variable].get_value()))
    spikes = network["spikes"]
    return Spikes(np.array(spikes.t / b2.second), np.array(spikes.i, dtype=np.int64))


def prepare_network(structure: Structure, arrays: Mapping[str, np.ndarray], feed: Feed) -> b2.Network:
    """Make the network and give every variable its values."""
    network = make_network(structure, arrays, runtime_functions(feed), frozen_exponential)
    for name, values in {**arrays, "sources.t_next": feed.first()}.items():
        owner, variable = name.split(".")
        if variable in ("i", "j"):
            continue
        if owner in PATHWAYS and variable == "delay":
            network[owner].delay = values * b2.second
        else:
            network[owner].variables[variable].get_value()[:] = values
    return network
