"""What engine and sweeps cost on this machine, beside other ways to run the network: ``dhmodel bench``."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dhmodel.bench.report import Aim, Section, as_data, as_text, machine
from dhmodel.errors import unknown

__all__ = ["NAMES", "bench"]

NAMES = (
    "engine",
    "throughput",
    "start",
    "overhead",
    "stimulation",
    "fibres",
    "baselines",
    "scale",
    "memory",
    "sweep",
    "workers",
    "cluster",
)


def bench(only: Sequence[str] = (), quick: bool = False, full: bool = False) -> tuple[str, dict[str, Any]]:
    """
    Measure, telling of progress on stderr.

    Parameters
    ----------
    only : sequence of str
        Which of `NAMES`; all if empty.
    quick : bool
        Shorter and fewer runs; no cold start, no Cython, no circuit of 49,000 cells.
    full : bool
        The thousand points of `sweep` are all run, not scaled from a few.

    Returns
    -------
    text : str
        Tables and aims.
    data : dict
        The same with machine and versions, ready for JSON.

    Raises
    ------
    InputError
        An unknown name.
    EngineError
        Something cannot be built or run.
    """
    for name in only:
        if name not in NAMES:
            raise unknown("measurement", name, NAMES)
    where, sections, aims = machine(), {}, []
    for name in only or NAMES:
        sections[name], found = _measurement(name, quick, full)
        aims += found
    return as_text(where, [*sections.values()], aims), as_data(where, sections, aims)


def _measurement(name: str, quick: bool, full: bool) -> tuple[Section, list[Aim]]:
    # here, so that an unknown name costs no second
    from dhmodel.bench import around, baselines, cluster, fibres, runners, scale, start, sweeps

    duration, rounds = (1.0, 3) if quick else (5.0, 7)
    say = partial(_say, name)
    todo: dict[str, Callable[[], tuple[Section, list[Aim]]]] = {
        "engine": lambda: runners.runners(duration, 2 * rounds + 1, not quick, say),
        "throughput": lambda: around.throughput(duration, rounds, say),
        "start": lambda: start.starts(rounds, not quick, say),
        "overhead": lambda: around.overhead(rounds, say),
        "stimulation": lambda: around.stimulation(rounds, say),
        "fibres": lambda: fibres.fibres(duration, rounds // 2, say),
        "baselines": lambda: baselines.baselines(duration, rounds, not quick, say),
        "scale": lambda: scale.scales(rounds, not quick, say),
        "memory": lambda: scale.memory(say),
        "sweep": lambda: sweeps.sweeps(quick, full, min(rounds, 3), say),
        "workers": lambda: sweeps.workers(quick, min(rounds, 3), say),
        "cluster": lambda: cluster.cluster(100 if quick else 500, min(rounds, 3), say),
    }
    return todo[name]()


def _say(name: str, text: str) -> None:
    print(f"bench {name}: {text}", file=sys.stderr, flush=True)
