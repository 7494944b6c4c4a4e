"""
A process that runs the standard load with Brian2's Cython target; the module is run with the load's duration.

It reads stop times (s) from its input, one a line, runs the load to each, and answers with the cost. It is a
process of its own, because Brian2 keeps what it compiles in the home folder, and the benchmark
gives it an empty one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial

from dhmodel.bench.load import standard_load
from dhmodel.bench.timing import Cost, cost_of
from dhmodel.errors import EngineError

__all__ = ["CythonProcess", "cython_process"]


class CythonProcess:
    """The process, seen from the benchmark."""

    def __init__(self, duration: float, home: str):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dhmodel.bench.cython_target", repr(duration)],
            env=os.environ | {"HOME": home},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, stop: float) -> Cost:
        """Run the load to `stop` (s); that process's time counts as a child's. Its first two runs compile."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{stop!r}\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise EngineError("the Cython target failed")
        cost = Cost(**json.loads(answer))
        return replace(cost, own=0.0, user=cost.own + cost.user)


@contextmanager
def cython_process(duration: float, home: str) -> Iterator[CythonProcess]:
    """Start the process with `home` as its home folder; it ends with the context."""
    one = CythonProcess(duration, home)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


def _serve(duration: float) -> None:
    from dhmodel.engine.runtime import run_runtime  # imports Brian2

    load = standard_load(duration)
    # Whatever compilers print must not mix with the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        run = load.until(float(line))
        cost = cost_of(partial(run_runtime, run.structure, run.arrays, run.feed, "cython"))
        print(json.dumps(asdict(cost)), file=answers, flush=True)


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
