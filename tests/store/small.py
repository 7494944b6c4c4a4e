"""A small sweep of fakes; run with STORE WORKERS MEASURE OPTION=VALUE..., a process that can be disturbed."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import fakes
import pytest

from dhmodel.parameters.layout import POPULATIONS
from dhmodel.simulate import Plan
from dhmodel.sweep import blocks
from dhmodel.sweep.executors import Measure
from dhmodel.sweep.runner import run_sweep
from dhmodel.sweep.spec import SweepSpec, build_spec
from dhmodel.sweep.store import SweepStore

AXES = {
    "tonic.frequency": ["0 Hz", "10 Hz", "50 Hz"],
    "state": ["naive", "snl"],
    "stimulus": ["spontaneous", "windup"],
}
UNITS = 24
LARGEST = 8 * len(POPULATIONS) * 500
"""Bytes of the largest variable of a unit: all populations, 500 bins."""


def spec(axes=AXES, replicates=2, design=None, **arguments) -> SweepSpec:
    fixed = {"paradigm": "tonic", "set": {"windup.number": 3}} | arguments
    return build_spec(axes, fixed, replicates, design=design)


def divide(patch: pytest.MonkeyPatch, units: int = 4) -> None:
    """Make blocks of stores that are made from now on so small."""
    patch.setattr(blocks, "PIECE", LARGEST)
    patch.setattr(blocks, "BLOCK", units * LARGEST)


def prepare(plan: Plan) -> None:
    """Nothing to build."""


def sweep(
    path: Path | None,
    measure: Measure = fakes.measure,
    workers: int = 1,
    progress: bool = False,
    options: Mapping[str, object] | None = None,
    **changes,
) -> SweepStore:
    run = {
        "workers": workers,
        "progress": progress,
        "measure": measure,
        "prepare": prepare,
        **(options or {}),
    }
    return run_sweep(spec(**changes), path, **run)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits an ignored SIGINT
    store, workers, name, *pairs = sys.argv[1:]
    options = dict(pair.split("=", 1) for pair in pairs)
    run_sweep(spec(), store, workers=int(workers), measure=getattr(fakes, name), prepare=prepare, **options)
