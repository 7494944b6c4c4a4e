"""How long a fresh interpreter takes to its first result."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial

from dhmodel.bench.load import standard_plan
from dhmodel.bench.report import Aim, Section
from dhmodel.bench.timing import Cost, cost_of, repeat
from dhmodel.errors import EngineError
from dhmodel.simulate import prepare

__all__ = ["starts"]

FIRST_RESULT = "import dhmodel; dhmodel.simulate('tonic', stimulus='pinch', duration='1 s', target='cpp')"


def starts(rounds: int, cold: bool, say: Callable[[str], None]) -> tuple[Section, list[Aim]]:
    """
    Measure cold and warm starts to the first Dataset (1 s simulated after 1 s of warm-up).

    Parameters
    ----------
    rounds : int
        Warm starts, whose median counts.
    cold : bool
        Whether to start once with an empty cache, which builds the circuit.
    say : callable
        Told of progress.
    """
    prepare(standard_plan(1.0))
    say("warm starts")
    warm = repeat(partial(_interpreter, FIRST_RESULT), rounds)
    rows = [
        _row("warm: second process, same network", warm),
        _row("  of it: import dhmodel", repeat(partial(_interpreter, "import dhmodel"), rounds)),
    ]
    if cold:
        say("cold start: building the circuit")
        with tempfile.TemporaryDirectory(prefix="dhmodel-bench-") as cache:
            first = cost_of(partial(_interpreter, FIRST_RESULT, {"DHMODEL_CACHE": cache}))
        rows += [_row("cold: empty cache", first), _row("  of it: the build", first - warm)]
    title = "Fresh interpreter to its first Dataset: pinch and tonic 50 Hz, 1 s after 1 s of warm-up"
    section = Section(title, ("start", "wall s", "processor s"), rows)
    return section, [Aim("warm start to the first result, s", warm.wall, 4, False)]


def _row(name: str, cost: Cost) -> tuple[str, float, float]:
    return name, cost.wall, cost.user + cost.system


def _interpreter(code: str, variables: Mapping[str, str] | None = None) -> None:
    environment = os.environ | dict(variables or {})
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EngineError(
            f"a fresh interpreter failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}"
        )
