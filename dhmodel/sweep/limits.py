"""What a run may take: time and memory."""

import re
import resource

from dhmodel.errors import EngineError, InputError, quoted
from dhmodel.units import to_si

__all__ = ["hold", "read_memory", "read_time"]

#: Bytes by unit.
UNITS = {"B": 1} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate(("kK", "M", "G", "T"), 1)
    for letter in letter
    for ending, base in (("B", 1000), ("iB", 1024))
}


def read_time(given: object) -> float | None:
    """
    Read a time limit, s; None is none.

    Raises
    ------
    InputError
        Not a time, or not above zero.
    """
    if given is None:
        return None
    limit = to_si(given, "s", "time limit")
    if limit <= 0:
        raise InputError(f"time limit: got {quoted(given)}, needs more than 0 s")
    return limit


def read_memory(given: object, where: str = "memory limit") -> int | None:
    """
    Read an amount of memory, bytes; None is none.

    Raises
    ------
    InputError
        Not text with a number and a unit such as ``"2 GB"`` or ``"512 MiB"``, or less than a byte.
    """
    if given is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", given) if isinstance(given, str) else None
    if found is None or found[2] not in UNITS or (size := int(float(found[1]) * UNITS[found[2]])) < 1:
        raise InputError(f'{where}: got {quoted(given)}, needs a number with kB, MB, GB or GiB: "2 GB"')
    return size


def hold(limit: int | None) -> None:
    """
    Let this process, and each that it starts, have no more than `limit` bytes of memory from now on.

    What counts is address space (RLIMIT_AS): memory that was asked for, whether it has been touched or not,
    and libraries. The simulator that a worker starts has the same limit for itself.

    Raises
    ------
    EngineError
        The process has more already.
    """
    if limit is None:
        return
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    if used >= limit:
        needs = f"a worker takes {used / 1e6:.0f} MB before its first run"
        raise EngineError(f"memory limit: {limit / 1e6:.0f} MB are too few, {needs}")
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
