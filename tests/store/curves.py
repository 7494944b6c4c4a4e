"""Stand-ins for a simulation whose rates are known curves, for searches; see fakes.py."""

import os
import zlib
from pathlib import Path

import fakes
import numpy as np

from dhmodel.simulate import Plan

LOWEST, HALF = 63.0, {"naive": 60.0, "snl": 24.0}
"""Frequency in Hz of the lowest rate; frequency at which `rising` is at half of its largest, by state."""


def curve(rate: float, plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    fakes.note(plan, replicate)
    return fakes.result(plan, replicate) | {"rate": np.full(8, rate)}


def frequency(plan: Plan) -> float:
    return plan.parameters["tonic.frequency"]


def valley(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    """Lowest, 2 Hz, at 63 Hz; a parabola in the logarithm."""
    return curve(2 + np.log10(frequency(plan) / LOWEST) ** 2, plan, replicate)


def noise(plan: Plan, replicate: int) -> float:
    return float(np.random.default_rng(zlib.crc32(f"{frequency(plan):.9g} {replicate}".encode())).normal())


def noisy_valley(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    return curve(2 + np.log10(frequency(plan) / LOWEST) ** 2 + 0.05 * noise(plan, replicate), plan, replicate)


def rising(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    """0.5 Hz at 60 Hz in the naive state and at 24 Hz after injury; the replicates run in parallel."""
    half = HALF[plan.state] * (1 + 0.1 * replicate)
    return curve(frequency(plan) / (frequency(plan) + half), plan, replicate)


def bowl(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    """Lowest at 70 Hz and an amplitude of 0.8."""
    amplitude = plan.parameters["tonic.amplitude"]
    return curve((frequency(plan) / 100 - 0.7) ** 2 + (amplitude - 0.8) ** 2, plan, replicate)


def interrupted(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    """As `rising`, but Ctrl-C is pressed before the run of number STOP, once."""
    if len(fakes.runs()) == int(os.environ["STOP"]):
        os.environ["STOP"] = "-1"
        raise KeyboardInterrupt
    return rising(plan, replicate)


def failing(plan: Plan, replicate: int) -> dict[str, np.ndarray]:
    """As `valley`, but there is no result between 50 and 75 Hz."""
    arrays = valley(plan, replicate)
    if 50 < frequency(plan) < 75 and not Path(os.environ["RUNS"] + ".mended").exists():
        raise ValueError("no result here")
    return arrays
