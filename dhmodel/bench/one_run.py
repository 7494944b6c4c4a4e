"""
A process that runs one circuit once; the module is run with the order as JSON, and answers with the costs.

It is a process of its own, because peak memory is told of processes only.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dhmodel.circuit import assemble
from dhmodel.engine import build
from dhmodel.errors import EngineError
from dhmodel.simulate import Plan, measure, plan, prepare

__all__ = ["one_run"]

#: s between two looks at the binary's memory.
LOOK = 0.002


def one_run(
    settings: Mapping[str, object], duration: float, warmup: float, cache: str | None = None
) -> dict[str, float]:
    """
    Run a circuit under pinch and tonic stimulation in a fresh process.

    Parameters
    ----------
    settings : mapping of {str : object}
        As `set` of `dhmodel.simulate`.
    duration, warmup : float
        s.
    cache : str, optional
        Folder in which the circuit is looked for and built, instead of the usual one.

    Returns
    -------
    dict of {str : float}
        ``cells``, ``sources``, ``synapses``; ``build s``, ``wiring s`` (cells and wiring drawn, processor
        time) and ``run s`` (plan to rates); ``binary peak`` and ``python peak`` (largest resident memory,
        bytes); ``rate`` (mean over populations, Hz).

    Raises
    ------
    EngineError
        The process fails.
    """
    order = {"settings": dict(settings), "duration": duration, "warmup": warmup}
    done = subprocess.run(
        [sys.executable, "-m", "dhmodel.bench.one_run", json.dumps(order)],
        env=os.environ | ({} if cache is None else {"DHMODEL_CACHE": cache}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise EngineError(
            f"a run of its own failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}"
        )
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


class _Watch(threading.Thread):
    """Looks at the largest resident memory of this process's child until told to stop."""

    def __init__(self, name: str) -> None:
        super().__init__(daemon=True)
        self.name_of_child, self.peak, self.over = name, 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(LOOK):
            for task in Path("/proc/self/task").iterdir():
                with suppress(OSError):
                    for child in (task / "children").read_text().split():
                        self.peak = max(self.peak, _peak(child, self.name_of_child))


def _peak(process: str, name: str) -> int:
    """Largest resident memory so far of a process if it is called `name`, bytes; else 0."""
    with suppress(OSError):
        status = Path("/proc", process, "status").read_text()
        if f"Name:\t{name}\n" in status and "VmHWM:" in status:
            return int(status.split("VmHWM:")[1].split()[0]) * 1024
    return 0


def _serve(order: Mapping[str, Any]) -> dict[str, float]:
    chosen = plan(
        "tonic",
        stimulus="pinch",
        set=order["settings"],
        duration=f"{order['duration']!r} s",
        warmup=f"{order['warmup']!r} s",
        target="cpp",
    )
    start = time.perf_counter()
    prepare(chosen)
    built = time.perf_counter() - start
    structure, start = assemble.structure(chosen.parameters), time.process_time()
    assemble.arrays(chosen.parameters, chosen.seed, 0)
    drawn = time.process_time() - start
    return {
        "cells": structure.cells,
        "sources": structure.sources,
        "synapses": sum(number for _, number in structure.synapses),
        "build s": built,
        "wiring s": drawn,
        **_watched(chosen),
    }


def _watched(chosen: Plan) -> dict[str, float]:
    watch, start = _Watch(build.BINARY), time.perf_counter()
    watch.start()
    rate = float(measure(chosen, 0)["rate"].mean())
    watch.over.set()
    watch.join()
    return {
        "run s": time.perf_counter() - start,
        "binary peak": watch.peak,
        "python peak": _peak("self", Path("/proc/self/comm").read_text().strip()),
        "rate": rate,
    }


if __name__ == "__main__":
    print(json.dumps(_serve(json.loads(sys.argv[1]))))
