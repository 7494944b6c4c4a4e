"""From parameters and a seed to everything that the engine needs of the circuit: structure and arrays."""

from functools import lru_cache

from dhmodel.circuit.conditions import EXCITATORY, INHIBITORY, PROJECTING
from dhmodel.circuit.connectome import Array, synapse_counts, wiring
from dhmodel.circuit.populations import cell_arrays, cell_constants, has_a_current, source_arrays
from dhmodel.circuit.structure import Structure
from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import DESCENDING, population_sizes, source_sizes, starts
from dhmodel.parameters.resolved import Items

__all__ = ["arrays", "structure"]


def structure(P: Parameters) -> Structure:
    """Sizes and ranges of the circuit that `P` describes; kept for the numbers that decide it."""
    return _structure(P.below("circuit", "connection", "simulation"))


@lru_cache(maxsize=64)
def _structure(numbers: Items) -> Structure:
    P = Parameters(dict(numbers))
    sizes = population_sizes(P)
    first = starts(sizes)

    def span(*names: str) -> tuple[int, int]:
        return first[names[0]], first[names[-1]] + sizes[names[-1]]

    with_a = {name: number for name, number in sizes.items() if has_a_current(P, name, number)}
    return Structure(
        cells=sum(sizes.values()),
        sources=sum(source_sizes(P).values()),
        excitatory=span(*EXCITATORY),
        inhibitory=span(*INHIBITORY),
        projecting=span(*PROJECTING),
        descending=span(*DESCENDING),
        wdr=span("WDR"),
        a_current=tuple((name, first[name], first[name] + number) for name, number in with_a.items()),
        synapses=tuple(synapse_counts(P).items()),
        dt=P["simulation.dt"],
        slow_dt=P["simulation.slow_dt"],
    )


def arrays(P: Parameters, seed: int, replicate: int) -> dict[str, Array]:
    """Draw every array of one replicate of the circuit, by ``"<object>.<variable>"``; SI units.

    What all units of an object share has shape (1,).
    """
    parts = {
        "cells": cell_arrays(P, seed, replicate) | cell_constants(P),
        "sources": source_arrays(P, seed, replicate),
    }
    named = {f"{owner}.{name}": value for owner, part in parts.items() for name, value in part.items()}
    return named | wiring(P, seed, replicate)
