"""
What all tests share.

Compiled circuits stay in the user's cache (or DHMODEL_CACHE), so that `make test` and `make demo` share a
build and a second run of the tests builds nothing. To keep builds few, tests compile circuits of scale 0.25,
0.5 and 1 only.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from dhmodel.circuit import assemble
from dhmodel.circuit.structure import DELAYED, PATHWAYS, Structure
from dhmodel.engine import build, run
from dhmodel.engine.feed import Feed
from dhmodel.engine.scratch import run_folder
from dhmodel.parameters import Parameters, resolve
from dhmodel.parameters.layout import population_sizes, source_sizes, starts


def pytest_addoption(parser):
    parser.addoption(
        "--freeze-rates", action="store_true", help="write the frozen firing rates of tests/identical anew"
    )


@dataclass(frozen=True)
class Circuit:
    """A small circuit whose every array a test may change; one binary serves all of them."""

    P: Parameters
    structure: Structure
    built: build.Built

    def arrays(self, **changes):
        """
        Draw the circuit, then put `changes` in place: ``cells__bias=...`` for ``"cells.bias"``.

        A number fills the whole array.
        """
        arrays = assemble.arrays(self.P, seed=1, replicate=0)
        for name, value in changes.items():
            name = name.replace("__", ".")
            shape = arrays[name].shape if name in arrays else (self.structure.cells,)
            arrays[name] = np.broadcast_to(np.asarray(value, dtype=float), shape).copy()
        return arrays

    def isolated(self, **changes):
        """Cells without synapses, noise and bias, at rest, without A and CAN currents; then `changes`."""
        weights = [
            name
            for name in self.arrays()
            if name.split(".")[0] in PATHWAYS and name.split(".")[1] not in ("i", "j", "delay")
        ]
        quiet = {name.replace(".", "__"): 0.0 for name in weights}
        quiet |= dict.fromkeys(
            ("cells__noise_sd", "cells__bias", "cells__w", "cells__g_a", "cells__g_can"), 0.0
        )
        return self.arrays(**quiet | {"cells__v": self.arrays()["cells.rest"]} | changes)

    def feed(self, stop, spikes=None, noise=None):
        """Make a run of `stop` s with `spikes` (source to times) and no noise unless given."""
        trains = [np.sort((spikes or {}).get(i, ())) for i in range(self.structure.sources)]
        rows = int(np.ceil(stop / self.structure.slow_dt)) + 20
        return Feed(
            offsets=np.cumsum([0, *map(len, trains)]),
            times=np.concatenate(trains).astype(float),
            noise=np.zeros((rows, self.structure.cells), np.float32) if noise is None else noise,
            slow_dt=self.structure.slow_dt,
            stop=stop,
        )

    def run(self, arrays, feed):
        return run.run_compiled(self.built, arrays, feed)

    def final(self, arrays, feed, *names):
        """Run, and return what the named variables are at the end."""
        with run_folder(feed.nbytes) as folder:
            given = run._as_compiled(self.built, arrays | {"sources.t_next": feed.first()})
            run._execute(self.built, run._write(self.built, given, feed, folder), folder, None)
            files = {name: self.built.manifest["variables"][name] for name in names}
            return [np.fromfile(folder / "results" / file, dtype=kind) for file, kind in files.values()]

    def cells(self, population):
        """Indices of the cells of a population."""
        sizes = population_sizes(self.P)
        return starts(sizes)[population] + np.arange(sizes[population])

    def sources(self, name):
        """Indices of the sources of a class."""
        sizes = source_sizes(self.P)
        return starts(sizes)[name] + np.arange(sizes[name])

    def lone_synapse(self, arrays, pathway, **weights):
        """Let the first synapse of a pathway weigh `weights`, the others nothing; its source and target."""
        for name, weight in weights.items():
            arrays[f"{pathway}.{name}"] = np.zeros_like(arrays[f"{pathway}.{name}"])
            arrays[f"{pathway}.{name}"][0] = weight
        if pathway in DELAYED:
            arrays[f"{pathway}.delay"] = np.full_like(arrays[f"{pathway}.delay"], 1e-3)
        spans = self.structure.spans()
        first = {"cells": 0, "sources": 0, **{name: begin for name, (begin, _) in spans.items()}}
        pre, post = PATHWAYS[pathway]
        return int(arrays[f"{pathway}.i"][0]) + first[pre], int(arrays[f"{pathway}.j"][0]) + first[post]


@pytest.fixture(scope="session")
def circuit():
    """The circuit at a quarter of its size, compiled; built if it is not in the cache."""
    P = resolve(set={"circuit.scale": 0.25})
    structure = assemble.structure(P)
    return Circuit(P, structure, build.ensure(structure))
