"""Run the circuit in this process with Brian2's numpy or Cython target: slower; numpy needs no compiler."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_excepthook = sys.excepthook
import brian2 as b2  # noqa: E402

# Brian2 reports every uncaught error of the whole process as a bug of its own, with log files; our errors are
# one line.
sys.excepthook = _excepthook

from dhmodel.circuit.network import make_network  # noqa: E402
from dhmodel.circuit.structure import PATHWAYS, Structure  # noqa: E402
from dhmodel.engine.feed import Feed  # noqa: E402
from dhmodel.engine.functions import runtime_functions  # noqa: E402
from dhmodel.engine.integrator import frozen_exponential  # noqa: E402
from dhmodel.engine.run import STATES, Spikes, check_finite  # noqa: E402
from dhmodel.errors import EngineError  # noqa: E402

__all__ = ["prepare_network", "run_runtime"]

type Array = NDArray[Any]


def run_runtime(structure: Structure, arrays: Mapping[str, Array], feed: Feed, target: str) -> Spikes:
    """Build the network from `arrays` and run it once.

    Parameters
    ----------
    structure : Structure
        Sizes and ranges of the circuit.
    arrays : mapping of {str : ndarray}
        As for `dhmodel.engine.run.run_compiled`.
    feed : Feed
        Spike times and noise.
    target : {"numpy", "cython"}
        Brian2's code generation target.

    Returns
    -------
    Spikes

    Raises
    ------
    EngineError
        If Brian2 fails, or an array or a state at the end is not finite.
    """
    for name, values in arrays.items():
        check_finite(name, values, "given to the run")
    saved = b2.prefs.codegen.target
    b2.prefs.codegen.target = target
    try:
        network = prepare_network(structure, arrays, feed)
        # Numbers that leave the reals are reported below, in one line.
        with np.errstate(all="ignore"):
            network.run(feed.stop * b2.second)
    except Exception as error:
        cause = " ".join(str(error.__cause__ or error).split())
        raise EngineError(f"Brian2's {target} target failed: {cause[:200]}") from error
    finally:
        b2.prefs.codegen.target = saved
    for name in STATES:
        owner, variable = name.split(".")
        check_finite(name, np.asarray(network[owner].variables[variable].get_value()))
    spikes = network["spikes"]
    return Spikes(np.array(spikes.t / b2.second), np.array(spikes.i, dtype=np.int64))


def prepare_network(structure: Structure, arrays: Mapping[str, Array], feed: Feed) -> b2.Network:
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
