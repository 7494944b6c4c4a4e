"""
Where on a myelinated fibre a current acts, and how strongly: the spatial half of the fast fibre model.

A node is driven by the second difference of the extracellular potential along the nodes. Slower components
of the response see it smoothed along the fibre, because charge spreads to the neighbours meanwhile. The
constants are fitted to MRG axons (group ``axon`` of the parameters; ``experiments/fibre_fit.py``).
"""

from collections.abc import Mapping

import numpy as np

from dhmodel.errors import InputError
from dhmodel.stimulation.trains import Floats, Indices

COMPONENTS = 3
_REFERENCE = 10e-6  # m, the diameter at which the gains stand in the parameter file
_PROBE = 0.2e-3  # s, the pulse width by whose response the sites of a fibre are chosen


def node_spacing(P: Mapping[str, float], diameter: Floats) -> Floats:
    """
    Distance between neighbouring nodes, in m.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    diameter : ndarray of float64
        Fibre diameters (outside the myelin), in m.

    Returns
    -------
    ndarray of float64
        Of the shape of `diameter`.
    """
    s = {name: P[f"axon.spacing.{name}"] for name in _SPACING}
    large = s["square"] * diameter**2 + s["slope"] * diameter + s["offset"]
    small = s["small_slope"] * diameter + s["small_offset"]
    return np.where(diameter < s["small"], small, large)


_SPACING = ("square", "slope", "offset", "small", "small_slope", "small_offset")


def conduction_velocity(P: Mapping[str, float], diameter: Floats) -> Floats:
    """Conduction velocity in m/s of fibres of the given diameters (m): a power of the diameter."""
    return P["axon.velocity"] * (diameter / _REFERENCE) ** P["axon.velocity_power"]


def gains(P: Mapping[str, float], diameters: Floats, potentials: Floats) -> Floats:
    """
    How strongly each channel drives each component of the response at the sites where spikes start.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    diameters : ndarray of float64, shape (fibres,)
        In m.
    potentials : ndarray of float64, shape (fibres, nodes, channels)
        Extracellular potential at the nodes, in V per A of the channel's current, nodes in their order.

    Returns
    -------
    ndarray of float64, shape (fibres, 2 * channels, 3, channels)
        In 1/A: steady response of a component, in resting thresholds, per ampere. The sites of a fibre are,
        channel after channel, the nodes that a cathodic and an anodic current of it depolarise most.

    Raises
    ------
    InputError
        Fewer than three nodes, or arrays that do not fit together.
    """
    if potentials.ndim != 3 or potentials.shape[0] != diameters.size or potentials.shape[1] < 3:
        raise InputError(
            f"potentials: got shape {potentials.shape}, needs ({diameters.size}, 3 or more nodes, channels)"
        )
    everywhere = node_gains(P, diameters, potentials)
    nodes = _sites(P, everywhere)
    return np.take_along_axis(everywhere, nodes[:, :, None, None], axis=1)


def node_gains(P: Mapping[str, float], diameters: Floats, potentials: Floats) -> Floats:
    """Gains in 1/A at every node but the two ends: shape (fibres, nodes - 2, 3, channels); see `gains`."""
    curvature = np.diff(potentials, n=2, axis=1)
    components = []
    for k in range(1, COMPONENTS + 1):
        strength = P[f"axon.gain_{k}"] * (diameters / _REFERENCE) ** P[f"axon.power_{k}"]
        smoothed = np.einsum("mn,fnc->fmc", _smoothing(P[f"axon.spread_{k}"], curvature.shape[1]), curvature)
        components.append(strength[:, None, None] * smoothed)
    return np.stack(components, axis=2)


def _smoothing(spread: float, nodes: int) -> Floats:
    """Weights exp(-distance / spread) in nodes, of sum 1 on an endless fibre; the ends see nothing beyond."""
    decay = np.exp(-1 / spread) if spread > 0 else 0.0
    distance = np.abs(np.subtract.outer(np.arange(nodes), np.arange(nodes)))
    return decay**distance * (1 - decay) / (1 + decay)


def _sites(P: Mapping[str, float], everywhere: Floats) -> Indices:
    """Nodes most depolarised by a cathodic and by an anodic pulse of each channel: (fibres, 2 * channels)."""
    tau = np.array([P[f"axon.tau_{k}"] for k in range(1, COMPONENTS + 1)])
    response = np.einsum("k,fnkc->fnc", -np.expm1(-_PROBE / tau), everywhere)
    ends = np.stack([response.argmin(axis=1), response.argmax(axis=1)], axis=2)
    return ends.reshape(len(everywhere), -1)
