"""What every way to run the circuit is given: one realistic load, and the same cells without synapses."""

from dataclasses import dataclass, replace

import numpy as np

from dhmodel.circuit import assemble
from dhmodel.circuit.structure import PATHWAYS, Structure
from dhmodel.engine.feed import Feed, Noise
from dhmodel.simulate import Plan, plan
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.elsewhere import elsewhere
from dhmodel.stimulation.trains import concat

__all__ = ["DRIVE", "Load", "cells_alone", "standard_load", "standard_plan"]

#: Constant current that stands in for synapses, in multiples of what brings a passive cell to its threshold:
#: cells then fire at about 10 Hz, as the circuit does under this load.
DRIVE = 1.2


@dataclass(frozen=True)
class Load:
    """
    One run of a circuit.

    Attributes
    ----------
    structure : Structure
    arrays : dict of {str : ndarray}
        As from `dhmodel.circuit.assemble.arrays`.
    feed : Feed
    """

    structure: Structure
    arrays: dict[str, np.ndarray]
    feed: Feed

    def until(self, stop: float) -> "Load":
        """Return the same run, ended at `stop` (s); its files have the same sizes."""
        return replace(self, feed=replace(self.feed, stop=stop))

    @property
    def neuron_steps(self) -> float:
        """Number of central cells times number of integration steps."""
        return self.structure.cells * self.feed.stop / self.structure.dt


def standard_plan(duration: float, scale: float = 1.0) -> Plan:
    """Return the load's plan: naive cord, pinch, tonic stimulation at 50 Hz."""
    settings = {"circuit.scale": scale, "tonic.frequency": "50 Hz"}
    return plan("tonic", stimulus="pinch", set=settings, duration=f"{duration!r} s", target="cpp")


def standard_load(duration: float, scale: float = 1.0) -> Load:
    """Return the standard network under pinch and tonic 50 Hz, `duration` s after 1 s of warm-up."""
    chosen = standard_plan(duration, scale)
    P, total = chosen.parameters, chosen.warmup + duration
    inputs = afferent_input(P, chosen.paradigm, chosen.stimulus, duration, chosen.warmup, chosen.seed, 0)
    trains = concat(inputs.trains, elsewhere(P, inputs.trunks, duration, chosen.warmup, chosen.seed, 0))
    structure = assemble.structure(P)
    rows = int(np.ceil(total / structure.slow_dt)) + 20  # the run stops at a multiple of 10 ms
    noise = Noise(chosen.seed, 0, rows, structure.cells)
    feed = Feed(trains.offsets(), trains.times + chosen.warmup, noise, structure.slow_dt, total)
    return Load(structure, assemble.arrays(P, chosen.seed, 0), feed)


def cells_alone(load: Load, noise: bool = True) -> Load:
    """
    Return the same cells with synaptic weights of zero and no input spikes; a constant current fires them.

    Parameters
    ----------
    load : Load
    noise : bool
        Whether their noise stays on.
    """
    arrays = {
        name: np.zeros_like(values) if _is_weight(name) else values for name, values in load.arrays.items()
    }
    reach = arrays["cells.threshold"] - arrays["cells.rest"]
    arrays["cells.bias"] = arrays["cells.bias"] + DRIVE * arrays["cells.leak"] * reach
    feed = replace(load.feed, offsets=np.zeros_like(load.feed.offsets), times=np.zeros(0))
    if not noise:
        feed = replace(feed, noise=np.zeros(feed.noise.shape, np.float32))
    return replace(load, arrays=arrays, feed=feed)


def _is_weight(name: str) -> bool:
    owner, variable = name.split(".")
    return owner in PATHWAYS and variable not in ("i", "j", "delay")
