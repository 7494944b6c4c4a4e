"""What an action costs, and the costs of several actions measured in turn."""

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from statistics import median

__all__ = ["Cost", "alternate", "cost_of", "middle", "repeat"]


@dataclass(frozen=True)
class Cost:
    """
    What an action took, in s and bytes.

    Attributes
    ----------
    wall : float
        Time on the clock.
    own : float
        Processor time of this process, the kernel's on its behalf included.
    user, system : float
        Processor time of the processes it started and waited for: in their own code, and in the kernel.
    written : float
        Bytes that it and those processes wrote into files and pipes; NaN where the kernel does not say.
    """

    wall: float
    own: float
    user: float
    system: float
    written: float

    @property
    def processor(self) -> float:
        """All processor time, s."""
        return self.own + self.user + self.system

    def __add__(self, other: "Cost") -> "Cost":
        """Sum in every respect."""
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Cost") -> "Cost":
        """Difference in every respect."""
        return Cost(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))


def _now() -> Cost:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(
        time.perf_counter(), time.process_time(), children.ru_utime, children.ru_stime, _bytes_written()
    )


def _bytes_written() -> float:
    """Bytes that this process, and children it has waited for, have written so far."""
    try:
        with open("/proc/self/io") as file:
            return float(next(line for line in file if line.startswith("wchar")).split()[1])
    except OSError:
        return float("nan")


def cost_of(action: Callable[[], object]) -> Cost:
    """Cost of one call."""
    before = _now()
    action()
    return _now() - before


def middle(costs: list[Cost]) -> Cost:
    """Median of each part of the costs."""
    return Cost(*(median(part) for part in zip(*map(astuple, costs), strict=True)))


def repeat(action: Callable[[], object], rounds: int) -> Cost:
    """Median cost of several calls."""
    return middle([cost_of(action) for _ in range(rounds)])


def alternate[Name](
    actions: Mapping[Name, Callable[[], Cost]], rounds: int, say: Callable[[str], None]
) -> dict[Name, list[Cost]]:
    """
    Costs of actions that take turns, so that a change of the machine's load meets all of them.

    Parameters
    ----------
    actions : mapping of {hashable : callable}
        Each returns what it cost.
    rounds : int
        How often each has its turn.
    say : callable
        Told of each round.

    Returns
    -------
    dict of {hashable : list of Cost}
        One cost per round.
    """
    costs: dict[Name, list[Cost]] = {name: [] for name in actions}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for name, action in actions.items():
            costs[name].append(action())
    return costs
