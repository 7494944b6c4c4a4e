"""Stand-ins for what the ledger runs: units that take no time, and give what their plan and replicate say."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from dhmodel.evidence.running import work
from dhmodel.parameters.layout import population_sizes
from dhmodel.recording import Recording
from dhmodel.simulate import Plan
from dhmodel.stimulation.stimulus import shock_onsets


def recording(plan: Plan, replicate: int) -> Recording:
    """Cell c of a population fires at the rate of a tonic train, plus the replicate, plus c / 10, in Hz."""
    sizes = population_sizes(plan.parameters)
    level = plan.parameters["tonic.frequency"] if plan.paradigm.name == "tonic" else 20.0
    times, neurons, first = [], [], 0
    for number in sizes.values():
        for cell in range(number):
            spikes = np.arange(0, plan.duration, 1 / (level + replicate + cell / 10))
            times.append(spikes)
            neurons.append(np.full(spikes.size, first + cell))
        first += number
    shocks = shock_onsets(plan.parameters, plan.stimulus, plan.duration)
    return Recording(
        np.concatenate(times), np.concatenate(neurons), sizes, plan.duration, np.array([0.5]), shocks, {}
    )


def compute(unit, replicate):
    """Note the unit in the file named by RUNS; take SECONDS; die once where the file DIE is."""
    name = f"{unit.stimulus if isinstance(unit, Plan) else unit.protocol} {replicate}"
    with open(os.environ["RUNS"], "a") as file:
        file.write(f"{name}\n")
    time.sleep(float(os.environ.get("SECONDS", 0)))
    die = Path(os.environ.get("DIE", "/nonexistent"))
    if die.exists():
        die.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("BREAK") == name:
        raise ValueError("broken on purpose")
    arrays = (
        {"x": np.arange(3.0)} if isinstance(unit, work.Question) else work.packed(recording(unit, replicate))
    )
    return {**arrays, work.SECONDS: np.array(2.0)}


def runs() -> list[str]:
    """Every unit that has run, in order."""
    file = Path(os.environ["RUNS"])
    return file.read_text().splitlines() if file.exists() else []
