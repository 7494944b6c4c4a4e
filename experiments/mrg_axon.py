"""
An MRG axon of PyFibers under electrodes in a homogeneous medium, driven by piecewise constant currents.

Needs the extra ``fibres`` (PyFibers, NEURON) and one run of ``pyfibers_compile``. The axon is PyFibers'
own. The time loop is not: PyFibers sets the potential of every section at every time step from Python, here
it is set where the current changes. Thresholds are the same: for 10 um, 1 mm, 0.1 ms this loop gives 0.1853
mA, and ``ScaledStim.find_threshold`` of PyFibers 0.1856 mA at the same time step.
"""

import math
from collections.abc import Sequence
from time import process_time
from typing import Any

import numpy as np
from neuron import h
from numpy.typing import NDArray
from pyfibers import FiberModel, build_fiber

Floats = NDArray[np.float64]
type Current = Sequence[tuple[float, float]]

SIGMA = 0.3  # S/m, isotropic
SEPARATION = 4e-3  # m, from the cathode to the anode of the bipolar pair, along the fibre
STEP = 5e-3  # ms; thresholds of 0.1 ms pulses are 1.4 % above those of a step of 1 us
_SPIKE = -30.0  # mV, the transmembrane potential that counts as a spike
_LOOK = 0.25  # ms between looks whether the run may end
_FROM_END = 3  # node, from the end on the side away from the anode, at which spikes are counted
_SECTIONS = 11  # from one node to the next


class MrgAxon:
    """
    A straight axon of MRG type below a point source or a longitudinal bipolar pair.

    Parameters
    ----------
    diameter, distance : float
        Fibre diameter and distance of the electrodes from its axis, in m.
    geometry : {"point", "bipolar"}
        The second electrode of a pair lies `SEPARATION` along the fibre and returns the current.
    offset : float
        How far along the fibre the stimulating electrode is from a node, in node spacings.
    reach : (float, float), optional
        Length of the axon before and behind the electrode, in m; by default so long that its ends do not
        matter to a cathodic current.

    Attributes
    ----------
    along : ndarray of float64, shape (sections,)
        Position of the sections along the fibre from the stimulating electrode, in m.
    cpu, simulated : float
        CPU time and simulated time so far, in s.
    """

    def __init__(
        self,
        diameter: float,
        distance: float,
        geometry: str = "point",
        offset: float = 0.0,
        reach: tuple[float, float] | None = None,
    ):
        separation = SEPARATION if geometry == "bipolar" else 0.0
        spacing = _build(diameter, 3).delta_z * 1e-6
        far = max(10 * spacing, 5 * distance + separation)
        before, behind = (math.ceil(length / spacing) for length in reach or (far, far))
        self.fibre = _build(diameter, before + behind + 1)
        self.centre = before
        self.along = self.fibre.coordinates[:, 2] * 1e-6 - (before + offset) * spacing
        self._potentials = point_source(self.along, distance)
        if separation:
            self._potentials = self._potentials - point_source(self.along - separation, distance)
        self._counters = [_counter(node) for node in self.fibre.nodes]
        self.cpu = self.simulated = 0.0

    def spikes(self, current: Current, stop: float, enough: int = 0) -> Floats:
        """
        Times in s at which spikes pass the counting node.

        Parameters
        ----------
        current : sequence of (float, float)
            From when (s, ascending, from 0) which current (A) flows into the medium at the electrode.
        stop : float
            End of the run, in s.
        enough : int
            Number of spikes after which the run ends early; 0 runs to the end.
        """
        began = process_time()
        self._rest()
        edges = [*((1e3 * time, level) for time, level in current), (1e3 * stop, 0.0)]
        for (_, level), (until, _) in zip(edges, edges[1:], strict=False):
            self._apply(level)
            if self._advance(until, enough):
                break
        self.cpu += process_time() - began
        self.simulated += h.t * 1e-3
        return np.array(self._counters[_FROM_END][1]) * 1e-3

    def passages(self) -> Floats:
        """When the first spike of the last run passed each node, in s; NaN where none did."""
        return np.array([times[0] * 1e-3 if len(times) else np.nan for _, times in self._counters])

    def origin(self) -> int:
        """Where that spike arose, in nodes from the one nearest to the stimulating electrode."""
        return int(np.nanargmin(self.passages())) - self.centre

    def _rest(self) -> None:
        """Let the axon settle without current, in steps of 5 ms."""
        self._apply(0.0)
        h.cvode.active(0)
        h.finitialize(self.fibre.v_rest)
        h.t, h.dt = -200, 5
        while h.t < -1e-9:
            h.fadvance()
        h.t, h.dt, h.steps_per_ms = 0, STEP, 1 / STEP
        h.fcurrent()
        h.frecord_init()
        for counter, times in self._counters:
            counter.n = 0
            times.resize(0)

    def _apply(self, level: float) -> None:
        for section, potential in zip(self.fibre.sections, self._potentials * level * 1e3, strict=True):
            section.e_extracellular = potential

    def _advance(self, until: float, enough: int) -> bool:
        while h.t < until - STEP / 2:
            h.continuerun(min(until, h.t + _LOOK))
            if enough and len(self._counters[_FROM_END][1]) >= enough:
                return True
        return False


def point_source(along: Floats, distance: float) -> Floats:
    """Potential in V per A along a line (positions in m) at a distance (m) from a point source."""
    return 1 / (4 * math.pi * SIGMA * np.hypot(along, distance))


def action_potential(
    diameter: float, amperes: float, contacts: Sequence[tuple[float, float]]
) -> tuple[Floats, Floats, float]:
    """
    Potential that one spike leaves at recording contacts.

    Parameters
    ----------
    diameter : float
        In m.
    amperes : float
        Size of the cathodic pulse of 0.1 ms that starts the spike, 1 mm above a node.
    contacts : sequence of (float, float)
        Distance along the fibre from the stimulating electrode, and from its axis, in m.

    Returns
    -------
    times, traces, velocity : ndarray (samples,), ndarray (contacts, samples), float
        In s from pulse onset, V, and m/s between 10 and 30 mm from the stimulation.
    """
    axon = MrgAxon(diameter, 1e-3, reach=(6e-3, 50e-3))
    axon.fibre.record_im(allsec=True)
    axon.fibre.record_vext()
    axon.spikes([(0.0, -amperes), (1e-4, 0.0)], 3e-3)
    currents, times = axon.fibre.membrane_currents(downsample=2)  # mA, ms
    traces = [currents @ point_source(axon.along - x, height) * 1e-3 for x, height in contacts]
    nodes = axon.along[::_SECTIONS]
    first, last = np.searchsorted(nodes, [0.010, 0.030])
    passed = axon.passages()
    return (
        times * 1e-3,
        np.array(traces),
        float((nodes[last] - nodes[first]) / (passed[last] - passed[first])),
    )


def _build(diameter: float, nodes: int) -> Any:
    return build_fiber(
        FiberModel.MRG_INTERPOLATION, diameter=diameter * 1e6, n_nodes=nodes, enforce_odd_nodecount=False
    )


def _counter(node: Any) -> tuple[Any, Any]:
    counter, times = h.APCount(node(0.5)), h.Vector()
    counter.thresh = _SPIKE
    counter.record(times)
    return counter, times
