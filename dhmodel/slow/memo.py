"""
Results of epochs by what they depend on, in memory and perhaps in a file from which a protocol resumes.

An epoch is a function of its plan, the replicate and the code, so a protocol that was interrupted need only
run again: what is in the file comes at once and the same to the last bit. The file has a line of JSON for
each epoch; a line that was cut short by a crash is left out. One process at a time has the file, by a lock
that ends with it.
"""

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dhmodel import code
from dhmodel.errors import StoreError
from dhmodel.recording import Recording, summarise
from dhmodel.simulate import Plan, record

__all__ = ["Memo", "measure"]

HEAD = '{"dhmodel epochs": 1}'

type Arrays = Mapping[str, NDArray[Any]]


def measure(plan: Plan, replicate: int) -> dict[str, NDArray[Any]]:
    """Run one replicate: what `dhmodel.simulate.measure` gives, and ``cell_rate`` (cell,), Hz."""
    found = record(plan, replicate)
    return summarise(found, plan.parameters) | {"cell_rate": _cell_rates(found)}


def _cell_rates(found: Recording) -> NDArray[np.float64]:
    """Rate of every cell, Hz, populations one after another."""
    rates = []
    for population in found.sizes:
        times, cells, number = found.of(population)
        counted = cells[(times >= 0) & (times < found.duration)]
        rates.append(np.bincount(counted, minlength=number) / found.duration)
    return np.concatenate(rates)


class Memo:
    """
    Runs plans, each once; leaving it as a context lets others have its file.

    Parameters
    ----------
    file : Path, optional
        Where results are kept, and read if it is there.

    Attributes
    ----------
    runs : int
        Plans that were run, not found.
    told : callable
        Called after every run.

    Raises
    ------
    StoreError
        The file is there and is none of a protocol, another process has it, or it cannot be read or written.
    """

    def __init__(self, file: Path | None = None):
        self._file = file
        self._found: dict[str, Arrays] = {}
        self.runs = 0
        self.told: Callable[[], object] = lambda: None
        self._lock: int | None = None
        if file is not None:
            self._open(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __call__(self, plan: Plan, replicate: int, names: tuple[str, ...]) -> Arrays:
        """Arrays of these names that a run gives; those that it does not give are left out."""
        key = self._key(plan, replicate)
        if key not in self._found:
            measured = measure(plan, replicate)
            self.runs += 1
            self._found[key] = {name: np.asarray(measured[name]) for name in names if name in measured}
            self._keep(key)
            self.told()
        return self._found[key]

    @staticmethod
    def _key(plan: Plan, replicate: int) -> str:
        return sha256(f"{plan.digest()} {replicate} {code.digest()}".encode()).hexdigest()[:32]

    def _open(self, file: Path) -> None:
        if file.exists() and not file.is_file():  # a device may have no end
            raise StoreError(f"{file}: is no file; give another name")
        try:
            self._lock = _locked(file)
            if self._lock is None:
                raise StoreError(
                    f"{file}: another process runs this protocol; wait for it, or give another name"
                )
            lines = file.read_text(encoding="utf-8").splitlines() or [HEAD]
            if lines[:1] != [HEAD]:
                raise StoreError(f"{file}: is no file of epochs; move it away or give another name")
            # a last line without an end would run into the next one
            with file.open("a", encoding="utf-8") as out:
                out.write("\n" if file.stat().st_size else f"{HEAD}\n")
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{file}: cannot use: {getattr(error, 'strerror', None) or error}") from error
        for line in lines[1:]:
            self._read(line)

    def _read(self, line: str) -> None:
        try:
            key, arrays = json.loads(line)
            self._found[key] = {name: np.asarray(values, dtype=float) for name, values in arrays.items()}
        except (ValueError, TypeError, AttributeError):
            return  # cut short, or empty: it will be run again

    def _keep(self, key: str) -> None:
        if self._file is None:
            return
        arrays = {name: values.tolist() for name, values in self._found[key].items()}
        try:
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps([key, arrays]) + "\n")
        except OSError as error:
            raise StoreError(f"{self._file}: cannot write: {error.strerror or error}") from error


def _locked(file: Path) -> int | None:
    """Make a file if need be and lock it: what holds the lock while it is open, or None if another does."""
    while True:
        opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(opened).st_ino == os.stat(file).st_ino:
                return opened
        except BlockingIOError:
            os.close(opened)
            return None
        except FileNotFoundError:
            pass
        os.close(opened)  # whoever had it has finished, and has deleted it
