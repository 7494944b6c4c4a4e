"""
Closed loop: a controller sets the current of each pulse so that the compound potential stays at its target.

The controller integrates: every pulse corrects a share of the deviation of the last potentials from the
target, by no more than one step, within limits. Open loop sends the same current always. Both run pulse by
pulse on a `Plant`, which knows what moves the lead; the controller sees only the measured potential.

A loop that does harm is stopped, with its trace. Judged by the last pulses, it has diverged where the current
reverses again and again while the mean deviation exceeds a bound or most steps are the largest allowed; where
the current stands at a limit although the deviation asks for the opposite (feedback of the wrong sign); or
where a number is no longer finite. A current at its limit that is merely too weak has not diverged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dhmodel.errors import InputError
from dhmodel.stimulation.plant import Response
from dhmodel.stimulation.trains import Floats

__all__ = ["Controller", "Loop", "LoopDiverged", "Plant", "closed_loop", "compare", "open_loop", "prescribe"]

_PROBE = 0.1  # of the current, by which the growth of the response is measured to both sides
_SEARCH = 10.0  # ECAP thresholds up to which a target in volts is sought


class Plant(Protocol):
    """Lead, fibres and recording, and what disturbs them."""

    times: Floats
    """Onsets of the pulses in s, ascending."""

    def pulse(self, number: int, amperes: float) -> Response:
        """Send the pulse of that number, 0 first and none left out, and record its response."""
        ...


@dataclass(frozen=True)
class Controller:
    """
    Integral control of the current.

    Attributes
    ----------
    target : float
        In V.
    start, lowest, highest, step : float
        Current of the first pulse, smallest and largest current, and largest change between pulses, in A.
    slope : float
        Growth of the response with the current at rest, in V/A.
    gain : float
        Share of the deviation that one pulse corrects where the response grows with `slope`.
    memory : int
        Number of last potentials whose mean is compared with the target.
    compensation : float
        Power of the current (relative to `start`) by which each potential is multiplied before.
    watch : int
        Number of last pulses by which divergence is judged.
    bound : float
        Mean deviation that counts as divergence of an oscillating loop, in targets.

    Raises
    ------
    InputError
        A target, current or slope that is not positive, a gain that is not finite, or no memory: a controller
        can act only on potentials that it has seen.
    """

    target: float
    start: float
    lowest: float
    highest: float
    step: float
    slope: float
    gain: float
    memory: int
    compensation: float
    watch: int
    bound: float

    def __post_init__(self) -> None:
        for name in ("target", "start", "lowest", "highest", "step", "slope"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"closed loop: {name} is {getattr(self, name):g}, needs a positive number")
        if not np.isfinite(self.gain):
            raise InputError(f"loop.gain: got {self.gain:g}, needs a finite number such as 0.3")
        if self.memory < 1:
            raise InputError(f"loop.memory: got {self.memory}, allowed: at least 1 (a loop must be causal)")

    def heard(self, measured: float, amperes: float) -> float:
        """What is compared with the target: the measured potential, compensated for the current, in V."""
        return measured * (amperes / self.start) ** self.compensation if self.compensation else measured

    def next(self, amperes: float, heard: Floats) -> float:
        """Current of the next pulse in A, from that of the last one and what has been heard so far (V)."""
        last = heard[-self.memory :]
        deviation = self.target - float(last.sum()) / last.size
        # in proportion to the current: the closer the lead, the less is needed, and the steeper the response
        wanted = self.gain * deviation / self.slope * amperes / self.start
        change = min(max(wanted, -self.step), self.step)
        return min(max(amperes + change, self.lowest), self.highest)


@dataclass(frozen=True, eq=False)
class Loop:
    """
    What happened pulse by pulse; every array has shape (pulses,).

    Attributes
    ----------
    time : ndarray of float64
        Onset in s.
    amperes, worth : ndarray of float64
        Current sent, and the current that would do the same at rest, in A.
    measured, ecap : ndarray of float64
        N1-P2 amplitude with and without the noise of the recording, in V.
    recruited : ndarray of float64
        Fraction of the modelled fibres that fired.
    distance : ndarray of float64
        Thickness of the fluid between lead and cord, in m.
    target : float
        In V.
    """

    time: Floats
    amperes: Floats
    worth: Floats
    measured: Floats
    ecap: Floats
    recruited: Floats
    distance: Floats
    target: float

    def in_window(self, window: tuple[float, float]) -> np.ndarray:
        """Whether each pulse is worth a current from perception to discomfort (both in A, at rest)."""
        return (self.worth >= window[0]) & (self.worth <= window[1])

    def deviation(self) -> float:
        """Mean distance of the measured potential from the target, in V."""
        return float(np.abs(self.measured - self.target).mean())

    def charge(self, pulse_width: float) -> float:
        """Charge of all stimulating phases of that width (s), in C."""
        return float(self.amperes.sum() * pulse_width)


class LoopDiverged(InputError):
    """
    The controller made things worse than no controller; `trace` holds the `Loop` up to where it was stopped.

    Parameters
    ----------
    message : str
    trace : Loop
    """

    def __init__(self, message: str, trace: Loop):
        super().__init__(message)
        self.trace = trace


def prescribe(P: Mapping[str, float], growth: Callable[[float], float], threshold: float) -> Controller:
    """
    Set up the controller as in the clinic: from how the response at rest grows with the current.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters; group ``loop``.
    growth : callable
        Current in A to N1-P2 amplitude in V, at rest and without noise.
    threshold : float
        ECAP threshold, in A.

    Returns
    -------
    Controller

    Raises
    ------
    InputError
        The target is out of reach, or the response does not grow at it.
    """
    target = P["loop.target"]
    start = _current(growth, target, threshold) if target > 0 else P["loop.dose"] * threshold
    low, high = (1 - _PROBE) * start, (1 + _PROBE) * start
    slope = (growth(high) - growth(low)) / (high - low) if start > 0 else 0.0
    if not slope > 0:
        raise InputError(
            f"closed loop: the potential does not grow with the current at {1e3 * start:g} mA; "
            "raise loop.dose, or lower loop.target"
        )
    return Controller(
        target=target if target > 0 else growth(start),
        start=start,
        lowest=P["loop.floor"] * start,
        highest=P["loop.ceiling"] * start,
        step=P["loop.step"] * start,
        slope=slope,
        gain=P["loop.gain"],
        memory=int(P["loop.memory"]),
        compensation=P["loop.compensation"],
        watch=int(P["loop.watch"]),
        bound=P["loop.bound"],
    )


def closed_loop(plant: Plant, controller: Controller) -> Loop:
    """
    Run a plant under control.

    Raises
    ------
    LoopDiverged
        See the module; it carries the trace.
    """
    trace = _Trace(plant.times, controller.target)
    heard = np.empty(plant.times.size)
    amperes = controller.start
    for number in range(plant.times.size):
        response = plant.pulse(number, amperes)
        trace.add(amperes, response)
        heard[number] = controller.heard(response.measured, amperes)
        if why := _diverged(controller, trace.amperes[: number + 1], heard[: number + 1]):
            raise LoopDiverged(
                f"closed loop: diverged {plant.times[number] - plant.times[0]:.2f} s after its first pulse: "
                f"{why}; loop.gain is {controller.gain:g}, stable between 0 and 2 at rest",
                trace.loop(),
            )
        amperes = controller.next(amperes, heard[: number + 1])
    return trace.loop()


def open_loop(plant: Plant, amperes: float, target: float) -> Loop:
    """Run a plant at a constant current (A); the target (V) is for comparison only."""
    trace = _Trace(plant.times, target)
    for number in range(plant.times.size):
        trace.add(amperes, plant.pulse(number, amperes))
    return trace.loop()


def compare(closed: Loop, opened: Loop, window: tuple[float, float], pulse_width: float) -> dict[str, float]:
    """
    What the loop is good for.

    Parameters
    ----------
    closed, opened : Loop
        Under the same disturbance.
    window : (float, float)
        Perception and discomfort threshold at rest, in A.
    pulse_width : float
        Of the stimulating phase, in s.

    Returns
    -------
    dict of {str : float}
        Of each: ``in_window`` (fraction of pulses), ``deviation`` (V), ``charge`` (C), ``recruited_sd``
        (standard deviation of the fraction of fibres), with the suffixes ``_closed`` and ``_open``; and
        ``recruited_sd_ratio`` and ``deviation_ratio``, closed over open, nan where open loop did not vary.
    """
    found: dict[str, float] = {}
    for name, loop in (("closed", closed), ("open", opened)):
        found[f"in_window_{name}"] = float(loop.in_window(window).mean())
        found[f"deviation_{name}"] = loop.deviation()
        found[f"charge_{name}"] = loop.charge(pulse_width)
        found[f"recruited_sd_{name}"] = float(loop.recruited.std())
    for name in ("recruited_sd", "deviation"):
        before = found[f"{name}_open"]
        found[f"{name}_ratio"] = found[f"{name}_closed"] / before if before > 0 else np.nan
    return found


class _Trace:
    """Responses as they come in."""

    def __init__(self, times: Floats, target: float):
        self.times, self.target = times, target
        self.amperes = np.empty(times.size)
        self.responses: list[Response] = []

    def add(self, amperes: float, response: Response) -> None:
        self.amperes[len(self.responses)] = amperes
        self.responses.append(response)

    def loop(self) -> Loop:
        done = len(self.responses)
        columns = np.array(self.responses, dtype=np.float64).reshape(done, len(Response._fields)).T
        named = dict(zip(Response._fields, columns, strict=True))
        return Loop(time=self.times[:done], amperes=self.amperes[:done], target=self.target, **named)


def _diverged(controller: Controller, amperes: Floats, heard: Floats) -> str:
    """Why the loop has diverged; empty if it has not."""
    if not np.isfinite(heard[-1]):
        return "the potential is not finite"
    # looked at now and then, since one look costs more than a pulse
    if amperes.size < controller.watch or amperes.size % max(controller.watch // 4, 1):
        return ""
    current, deviation = amperes[-controller.watch :], controller.target - heard[-controller.watch :]
    asks = deviation.mean()
    if (current >= controller.highest).all() and asks < -controller.target:
        return "the current stays at its upper limit though the potential is above twice the target"
    if (current <= controller.lowest).all() and asks > 0:
        return "the current stays at its lower limit though the potential is below the target"
    steps = np.diff(current)
    reversals = int((steps[1:] * steps[:-1] < 0).sum())
    # a mean over m potentials turns round every m + 1 pulses or so; breath and steps are far slower
    if reversals < controller.watch / (2 * (controller.memory + 1)):
        return ""
    if np.abs(deviation).mean() > controller.bound * controller.target:
        return f"the current oscillates, and the mean deviation exceeds {controller.bound:g} x the target"
    if (np.abs(steps) >= (1 - 1e-9) * controller.step).mean() > 0.5:
        return "the current oscillates by the largest step allowed"
    return ""


def _current(growth: Callable[[float], float], target: float, threshold: float) -> float:
    """Current in A at which the response reaches the target, by bisection."""
    low, high = 0.0, _SEARCH * threshold
    if not growth(high) >= target:
        raise InputError(
            f"loop.target: got {1e6 * target:g} uV, allowed: up to {1e6 * growth(high):g} uV, "
            f"the potential at {_SEARCH:g} x the ECAP threshold"
        )
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if growth(middle) < target else (low, middle)
    return high
