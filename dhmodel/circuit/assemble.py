"""From parameters and a seed to everything that the engine needs of the circuit: structure and arrays."""

from collections.abc import Mapping

import numpy as np

from dhmodel.circuit.conditions import EXCITATORY, INHIBITORY
from dhmodel.circuit.connectome import synapse_counts, wiring
from dhmodel.circuit.populations import cell_arrays, cell_constants, firing_pattern, source_arrays
from dhmodel.circuit.structure import Structure
from dhmodel.parameters.layout import population_sizes, source_sizes, starts

__all__ = ["arrays", "structure"]


def structure(P: Mapping[str, float]) -> Structure:
    """Sizes and ranges of the circuit that `P` describes."""
    sizes = population_sizes(P)
    first = starts(sizes)

    def span(*names):
        return first[names[0]], first[names[-1]] + sizes[names[-1]]

    delayed = int((firing_pattern(P, "EX", sizes["EX"]) == "delayed").sum())
    return Structure(
        cells=sum(sizes.values()),
        sources=sum(source_sizes(P).values()),
        excitatory=span(*EXCITATORY),
        inhibitory=span(*INHIBITORY),
        delayed=(first["EX"], first["EX"] + max(delayed, 1)),
        wdr=span("WDR"),
        synapses=tuple(synapse_counts(P).items()),
        dt=P["simulation.dt"],
        slow_dt=P["simulation.slow_dt"],
    )


def arrays(P: Mapping[str, float], seed: int, replicate: int) -> dict[str, np.ndarray]:
    """Every array of one replicate of the circuit, by ``"<object>.<variable>"``; SI units."""
    cells = cell_arrays(P, seed, replicate) | cell_constants(P)
    named = {f"cells.{name}": np.atleast_1d(value) for name, value in cells.items()}
    named |= {f"sources.{name}": np.atleast_1d(value) for name, value in source_arrays(P).items()}
    return named | wiring(P, seed, replicate)
