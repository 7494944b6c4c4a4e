"""Replicates of a protocol as a Dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.parameters import parameter
from dhmodel.parameters.layout import POPULATIONS
from dhmodel.provenance import provenance
from dhmodel.recording import WINDOWS, describe
from dhmodel.slow.epochs import Sample
from dhmodel.slow.timetable import Test, Timetable
from dhmodel.stimulation.stimulus import strength_path

if TYPE_CHECKING:
    import xarray as xr

    from dhmodel.slow.cord import Chosen

__all__ = ["Replicate", "to_dataset"]

SUMMED = 5
"""Shocks whose answers show temporal summation."""

type Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Replicate:
    """Samples in the order of time, what each test gave, and how many runs of the circuit it took."""

    samples: Sequence[Sample]
    tests: Sequence[Arrays]
    runs: int


def to_dataset(
    table: Timetable,
    chosen: "Chosen",
    done: Sequence[Replicate],
    sizes: Mapping[str, int],
    attributes: Mapping[str, Any],
) -> "xr.Dataset":
    """
    Stack replicates, with the dimensions and variables that `dhmodel.protocol` tells.

    Parameters
    ----------
    table : Timetable
    chosen : Chosen
    done : sequence of Replicate
        With samples at the same times.
    sizes : mapping of {str : int}
        Number of neurons of each population.
    attributes : mapping
        As `dhmodel.provenance.provenance` needs them.
    """
    import xarray as xr

    times = np.array([sample.time for sample in done[0].samples])
    data = _moving(chosen, done) | _ongoing(done)
    on = [float(bool(str(table.settings(time).paradigm) != "none")) for time in times]
    data["stimulation"] = ("protocol_time", on, {"units": "1", "long_name": "a paradigm is on"})
    long = {"units": "1", "long_name": "runs of the circuit"}
    data["epochs"] = ("replicate", [one.runs for one in done], long)
    coords: dict[str, Any] = {
        "replicate": ("replicate", np.arange(len(done)), {"units": "1", "long_name": "replicate"}),
        "protocol_time": ("protocol_time", times, {"units": "s", "long_name": "time in the protocol"}),
        "population": ("population", np.array(POPULATIONS), {"long_name": "population"}),
        "slow_state": ("slow_state", np.array(list(chosen.states)), {"long_name": "slow state"}),
    }
    if table.tests:
        data |= _tests(done)
        coords |= _of_tests(table) | _of_cells(sizes)
        coords |= {"window": ("window", np.array(WINDOWS))} if "count" in data else {}
    return xr.Dataset(data, coords, provenance(attributes))


def _moving(chosen: "Chosen", done: Sequence[Replicate]) -> dict[str, Any]:
    """Slow states, their errors and doses."""
    states = np.array([[sample.states for sample in one.samples] for one in done])
    errors = np.array([[sample.error for sample in one.samples] for one in done])
    dims = ("replicate", "protocol_time")
    data: dict[str, Any] = {}
    for at, (name, state) in enumerate(chosen.states.items()):
        attrs = {"units": state.unit, "long_name": state.about, "source": state.source, "read": state.read}
        data[f"slow.{name}"] = (dims, states[:, :, at], attrs)
    for at, name in enumerate(chosen.drugs, start=len(chosen.states)):
        data[f"dose.{name}"] = (dims, states[:, :, at], {"units": "1", "long_name": f"dose of {name}"})
    attrs = {"units": "1", "long_name": "estimated error of slow states, as a fraction of their ranges"}
    data["slow_error"] = ((*dims, "slow_state"), errors[:, :, : len(chosen.states)], attrs)
    return data


def _ongoing(done: Sequence[Replicate]) -> dict[str, Any]:
    rates = [[[s.drives[f"rate.{p}"] for p in POPULATIONS] for s in one.samples] for one in done]
    attrs = {"units": "Hz", "long_name": "firing rate per neuron without a test stimulus"}
    return {"ongoing": (("replicate", "protocol_time", "population"), np.array(rates), attrs)}


def _tests(done: Sequence[Replicate]) -> dict[str, Any]:
    rates = np.array([[test["rate"] for test in one.tests] for one in done])
    cells = np.array([[test["cell_rate"] for test in one.tests] for one in done])
    attrs = {"units": "Hz", "long_name": "firing rate of each neuron"}
    data: dict[str, Any] = {
        "rate": (("replicate", "test", "population"), rates, describe("rate")),
        "cell_rate": (("replicate", "test", "cell"), cells, attrs),
    }
    if any("count" in test for test in done[0].tests):
        counts = np.array([[_mean_count(test) for test in one.tests] for one in done])
        attrs = {"units": "1", "long_name": "spikes per neuron and shock"}
        data["count"] = (("replicate", "test", "population", "window"), counts, attrs)
        slopes = np.array([[_summation(test) for test in one.tests] for one in done])
        attrs = {"units": "1", "long_name": "temporal summation: spikes per neuron and shock, per shock"}
        data["summation"] = (("replicate", "test", "population", "window"), slopes, attrs)
    return data


def _of_cells(sizes: Mapping[str, int]) -> dict[str, Any]:
    names = np.repeat(list(sizes), list(sizes.values()))
    return {"cell_population": ("cell", names, {"long_name": "population of the neuron"})}


def _mean_count(test: Arrays) -> NDArray[np.float64]:
    """Mean over shocks, shape (population, window); missing where no shock's window is whole."""
    missing = np.full((len(POPULATIONS), len(WINDOWS)), np.nan)
    if "count" not in test:
        return missing
    whole = np.isfinite(test["count"])
    sums, number = np.where(whole, test["count"], 0).sum(axis=0), whole.sum(axis=0)
    return np.divide(sums, number, out=missing, where=number > 0)


def _summation(test: Arrays) -> NDArray[np.float64]:
    """Slope of the answers to the first shocks, shape (population, window); missing of too few."""
    missing = np.full((len(POPULATIONS), len(WINDOWS)), np.nan)
    if "count" not in test or len(test["count"]) < SUMMED:
        return missing
    first, steps = test["count"][:SUMMED], np.arange(SUMMED) - (SUMMED - 1) / 2
    return np.tensordot(steps, first, axes=1) / (steps @ steps)


def _strength(table: Timetable, test: Test) -> float:
    """How strong a test stimulus is, SI; missing where it is of no strength."""
    path = strength_path(test.stimulus)
    if path is None:
        return float("nan")
    known, given = parameter(path), {**table.base.set, **test.set}
    return float(known.check(given[path]) if path in given else known.si)


def _of_tests(table: Timetable) -> dict[str, Any]:
    tests = table.test_times()
    long = {"units": "SI", "long_name": "force, temperature or intensity of the test stimulus"}
    return {
        "test_strength": ("test", np.array([_strength(table, test) for _, test in tests]), long),
        "test_time": (
            "test",
            np.array([time for time, _ in tests]),
            {"units": "s", "long_name": "time of the test in the protocol"},
        ),
        "test_name": ("test", np.array([test.name for _, test in tests]), {"long_name": "test"}),
        "test_stimulus": (
            "test",
            np.array([one.stimulus for _, one in tests]),
            {"long_name": "test stimulus"},
        ),
    }
