"""What of a circuit is fixed when it is compiled: sizes, index ranges and time steps.

Everything else enters a run as arrays.
"""

from dataclasses import dataclass

__all__ = ["DELAYED", "PATHWAYS", "Structure"]

#: Synaptic pathways: name -> (from, to), each a named range of units.
PATHWAYS = {
    "from_sources": ("sources", "cells"),
    "excitation": ("excitatory", "cells"),
    "inhibition": ("inhibitory", "cells"),
    "presynaptic": ("inhibitory", "sources"),
    "supraspinal": ("projecting", "cells"),
    "descending": ("descending", "sources"),
    "corticospinal": ("sources", "sources"),
}


#: Pathways between central cells take time; the others deliver at once, for their trains hold arrival times.
DELAYED = ("excitation", "inhibition", "supraspinal")


@dataclass(frozen=True)
class Structure:
    """Sizes and ranges of one compiled circuit.

    Parameters
    ----------
    cells, sources : int
        Number of central cells, and of spike sources.
    excitatory, inhibitory, projecting, descending, wdr : tuple of int
        First and one-past-last cell of the ranges that own pathways or mechanisms; `projecting` is all cells
        whose axons go from the cord to the brainstem, or stay in or come from it.
    a_current : tuple of (str, int, int)
        Population, first and one-past-last cell of each range whose first cells may have an A current; how
        many of them have one, a run's conductances tell.
    synapses : tuple of (str, int)
        Number of synapses per pathway.
    dt, slow_dt : float
        Integration step, and step of what changes slowly (noise included), s.
    """

    cells: int
    sources: int
    excitatory: tuple[int, int]
    inhibitory: tuple[int, int]
    projecting: tuple[int, int]
    descending: tuple[int, int]
    wdr: tuple[int, int]
    a_current: tuple[tuple[str, int, int], ...]
    synapses: tuple[tuple[str, int], ...]
    dt: float
    slow_dt: float

    def spans(self) -> dict[str, tuple[int, int]]:
        """Ranges of cells from which pathways begin, by the names in `PATHWAYS`."""
        names = ("excitatory", "inhibitory", "projecting", "descending")
        return {name: getattr(self, name) for name in names}
