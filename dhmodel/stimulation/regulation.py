"""A stimulation in closed and in open loop, on the reference fibres, while the lead moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dhmodel.stimulation.axon import Bank, axon
from dhmodel.stimulation.closed_loop import Controller, Loop, closed_loop, compare, open_loop, prescribe
from dhmodel.stimulation.cord import preset, reference
from dhmodel.stimulation.lead import fibre_gains
from dhmodel.stimulation.motion import motion, tabulated
from dhmodel.stimulation.plant import BankPlant, Disturbance, at_rest, disturbance
from dhmodel.stimulation.recorder import lead_recorder
from dhmodel.stimulation.recruitment import scales, thresholds
from dhmodel.stimulation.waveforms import Schedule
from dhmodel.streams import stream

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Regulation", "regulate"]

_FIBRES = 400  # reference fibres in the loop


@dataclass(frozen=True, eq=False)
class Regulation:
    """
    Closed and open loop under the same disturbance.

    Attributes
    ----------
    schedule : Schedule
        The pulses.
    controller : Controller
    window : (float, float)
        Perception and discomfort threshold at rest, in A.
    disturbed : Disturbance
    closed, opened : Loop
    """

    schedule: Schedule
    controller: Controller
    window: tuple[float, float]
    disturbed: Disturbance
    closed: Loop
    opened: Loop

    def report(self) -> dict[str, float]:
        """What the loop is good for; see `dhmodel.stimulation.closed_loop.compare`."""
        shape = self.schedule.shapes[self.schedule.shape[0]]
        return compare(self.closed, self.opened, self.window, float(shape.width[0]))

    def dataset(self) -> "xr.Dataset":
        """
        Both loops pulse by pulse.

        Returns
        -------
        xarray.Dataset
            Dimensions ``loop`` (closed, open) and ``pulse``; the report as attributes.
        """
        import xarray as xr

        loops = (self.closed, self.opened)
        made = xr.Dataset(coords={"loop": ["closed", "open"], "time": ("pulse", self.closed.time)})
        for name, (unit, text) in _VARIABLES.items():
            values = np.stack([getattr(loop, name) for loop in loops])
            made[name] = (("loop", "pulse"), values, {"units": unit, "long_name": text})
        inside = np.stack([loop.in_window(self.window) for loop in loops])
        made["in_window"] = (("loop", "pulse"), inside, {"units": "1", "long_name": "dose within the window"})
        made["time"].attrs.update(units="s", long_name="onset of the pulse")
        low, high = self.window
        return made.assign_attrs(self.report(), target=self.closed.target, perception=low, discomfort=high)


_VARIABLES = {
    "amperes": ("A", "current"),
    "worth": ("A", "current that would do the same at rest"),
    "measured": ("V", "measured N1-P2 amplitude"),
    "ecap": ("V", "N1-P2 amplitude without noise"),
    "recruited": ("1", "fraction of fibres recruited"),
    "distance": ("m", "thickness of the fluid between lead and cord"),
}


def regulate(
    P: Mapping[str, float],
    schedule: Schedule,
    seed: int,
    replicate: int,
    timetable: Sequence[tuple[float, str]] | None = None,
) -> Regulation:
    """
    Run closed and open loop on the reference fibres.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters; groups ``loop``, ``motion``, ``ecap``, ``anatomy``, ``lead`` and ``axon``.
    schedule : Schedule
        Pulses that are all alike; their amplitude is the controller's.
    seed, replicate : int
    timetable : sequence of (float, str), optional
        Begin (s) and name of each posture; see `dhmodel.stimulation.motion.motion`.

    Returns
    -------
    Regulation
        ``closed.amperes`` is what the lead sends, ``closed.worth`` what drives fibres with the gains of rest.

    Raises
    ------
    InputError
        Pulses that differ or come too fast, a target out of reach, or movements that are too large.
    LoopDiverged
        The controller makes things worse; see `dhmodel.stimulation.closed_loop`.
    """
    fibres = reference(P, "column", _FIBRES)
    gains = fibre_gains(P, fibres, schedule.channels)
    refractory = np.full(len(fibres), P["fibre.AB.refractory"])
    keys = stream(seed, replicate, "loop.threshold").integers(0, 2**64, len(fibres), dtype=np.uint64)
    record = lead_recorder(P, fibres)

    def bank() -> Bank:
        return Bank(axon(P), gains, refractory, keys)

    at = scales(P, schedule, int(schedule.channel[0]))
    controller = prescribe(P, at_rest(bank, record, schedule), at.ecap)
    disturbed = _disturbed(P, schedule, seed, replicate, timetable)

    def plant() -> BankPlant:
        return BankPlant(bank(), record, schedule, disturbed, seed, replicate)

    return Regulation(
        schedule=schedule,
        controller=controller,
        window=(at.perception, P["loop.discomfort"] * at.perception),
        disturbed=disturbed,
        closed=closed_loop(plant(), controller),
        opened=open_loop(plant(), controller.start, controller.target),
    )


def _disturbed(
    P: Mapping[str, float],
    schedule: Schedule,
    seed: int,
    replicate: int,
    timetable: Sequence[tuple[float, str]] | None,
) -> Disturbance:
    """Movements, and what they do to the median fibre and to the recording."""
    rest = preset(P, "csf_thickness") + P["lead.lift"]
    fibres = reference(P, "column", _FIBRES)
    channel, shape = schedule.channels[schedule.channel[0]], schedule.shapes[schedule.shape[0]]

    def per_ampere(distance: float) -> float:
        lifted = {**P, "lead.lift": P["lead.lift"] + distance - rest}
        return 1 / float(np.median(thresholds(lifted, fibres, channel, shape)))

    moves = motion(P, rest, float(schedule.times[-1]), seed, replicate, timetable)
    distance = moves.distance(schedule.times)
    coupling = tabulated(per_ampere, min(distance.min(), rest) * 0.99, max(distance.max(), rest) * 1.01)
    return disturbance(moves, coupling, lead_recorder(P, fibres), fibres.velocity, schedule.times)
