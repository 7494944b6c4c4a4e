"""Build a circuit once, keep the binary, find it again: in this process, in another, in another's child.

A compiled circuit answers for every parameter set, wiring, drive and duration that share its `Structure`. The
cache is keyed by everything that decides the machine code: our sources, the structure, compiler, flags,
processor, and the versions of what generates the code. So a second process neither compiles nor imports
Brian2.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dhmodel.circuit.structure import Structure
from dhmodel.errors import EngineError
from dhmodel.native import accepts, cache_folder, cache_folders, compiler, lock, processor, refuse_foreign

__all__ = ["RECIPES", "Built", "Recipe", "cache_folder", "compiler", "ensure", "key", "lend", "usable_flags"]

type Say = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """How a circuit is compiled: compiler flags (None: Brian2's own) and precision of the cells' states."""

    flags: tuple[str, ...] | None
    single: bool


VECTOR = ("-O3", "-ffast-math", "-march=native", "--param=vect-max-version-for-alias-checks=1000")

#: Recipes by target name. ``cpp``: -ffast-math lets gcc use glibc's vector ``exp`` and, at link time, sets
#: flush-to-zero; without the raised limit on alias checks gcc gives up vectorising a state updater with many
#: arrays; single precision doubles the width of a vector. ``cpp_double``: the same in double precision.
#: ``cpp_portable``: nothing that depends on the processor, to compare machines with the same C library.
#: ``cpp_brian2``: what Brian2 would do, to compare against.
RECIPES = {
    "cpp": Recipe(VECTOR, True),
    "cpp_double": Recipe(VECTOR, False),
    "cpp_portable": Recipe(("-O2", "-ffp-contract=off"), False),
    "cpp_brian2": Recipe(None, False),
}

PACKAGE = Path(__file__).resolve().parents[1]
#: What the code of a circuit is generated from.
SOURCES = (
    "circuit/equations.py",
    "circuit/network.py",
    "circuit/structure.py",
    "engine/exponential.h",
    "engine/feed.h",
    "engine/functions.py",
    "engine/generate.py",
    "engine/integrator.py",
    "engine/memory.h",
)

BINARY, MANIFEST = "main", "manifest.json"

#: Set by a make that runs us, these would steer ours.
MAKE_VARIABLES = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEFILES", "MAKEOVERRIDES")


#: Folders with circuits that another machine compiled, which this process uses instead of its own.
_LENT: dict[tuple[Structure, str], Path] = {}


@dataclass(frozen=True)
class Built:
    """A compiled circuit.

    Attributes
    ----------
    folder : Path
        Its place in the cache.
    manifest : dict
        Which file holds which variable; see `dhmodel.engine.generate.write_sources`.
    """

    folder: Path
    manifest: dict[str, Any]

    @property
    def binary(self) -> Path:
        """Path of the executable."""
        return self.folder / BINARY


def key(structure: Structure, target: str) -> str:
    """Digest of everything that decides the compiled code."""
    digest = _sources(PACKAGE, *_states(SOURCES)).copy()
    facts = {
        "structure": asdict(structure),
        "recipe": asdict(RECIPES[target]),
        "compiler": compiler(),
        "processor": processor(),
        "versions": _versions(),
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()[:24]


def _states(names: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Time and size of files of the package, for whom asks before every run."""
    for name in names:
        found = os.stat(f"{PACKAGE}/{name}")
        yield found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4)
def _sources(package: Path, *_state: tuple[int, int]) -> "hashlib._Hash":
    """Digest of our sources, read once per process and state of the files; not to be updated."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((package / name).read_bytes())
    return digest


@lru_cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("brian2", "numpy", "sympy")}


def ensure(structure: Structure, target: str = "cpp", say: Say | None = None) -> Built:
    """Find the compiled circuit in the cache, or build it; safe for many processes at once.

    Parameters
    ----------
    structure : Structure
        What is fixed in the compiled circuit.
    target : str
        One of `RECIPES`.
    say : callable, optional
        Told, in a line of text, when something is built; it takes about half a minute.

    Raises
    ------
    EngineError
        If there is no compiler, the build fails or the cache cannot be written.
    """
    if (structure, target) in _LENT and (found := _find(_LENT[structure, target])):
        return found
    name = key(structure, target)
    for place in cache_folders():
        if found := _find(place / name):
            return found
    folder = cache_folder() / name
    with lock(folder.with_suffix(".lock"), "the circuit"):
        found = _find(folder)  # another process may have built it while this one waited
        if found is None:
            _build(folder, structure, RECIPES[target], say or (lambda text: None))
            found = _find(folder)
    if found is None:
        raise EngineError(f"the circuit that was just built in {folder} cannot be read")
    return found


def lend(structure: Structure, target: str, folder: Path) -> None:
    """Let `ensure` find a circuit in a folder that another machine's build was unpacked to."""
    _LENT[structure, target] = folder


def _find(folder: Path) -> Built | None:
    """The circuit in a folder of the cache; None if there is none or it is damaged."""
    try:
        for path in (folder.parent, folder, folder / BINARY):
            refuse_foreign(path)
        state = (folder / BINARY).stat()
        return _load(folder, state.st_mtime_ns, state.st_size)
    except (OSError, ValueError, KeyError):
        return None


@lru_cache(maxsize=32)
def _load(folder: Path, *_state: int) -> Built:
    """Read the manifest and check the binary against it, once per process and state of the file."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    if manifest["digest"] != _digest(folder / BINARY):
        raise ValueError(f"{folder / BINARY} is not what was built")
    return Built(folder, manifest)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _build(folder: Path, structure: Structure, recipe: Recipe, say: Say) -> None:
    """Build beside `folder` and move it there when it is whole; the caller holds the lock."""
    found = compiler()
    if found is None:
        raise EngineError(
            "no C++ compiler (g++ or clang++) with make on this machine; install one, or use target='numpy'"
        )
    start = time.perf_counter()
    say(f"building the circuit ({structure.cells} cells, once per machine; about half a minute) ...")
    for left in (folder, *folder.parent.glob(f"{folder.name}.build-*")):  # damaged, or its builder was killed
        shutil.rmtree(left, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=f"{folder.name}.build-", dir=folder.parent))
    try:
        _generate(place, structure, usable_flags(recipe.flags, say), recipe.single)
        _compile(place, found[0])
        _keep_product(place)
        place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    say(f"built in {time.perf_counter() - start:.0f} s")


def usable_flags(wanted: tuple[str, ...] | None, say: Say) -> tuple[str, ...] | None:
    """Return the flags which this compiler takes; say so if some are left out."""
    found = compiler()
    if wanted is None or found is None:
        return wanted
    refused = [flag for flag in wanted if not accepts(found[0], flag)]
    if refused:
        say(f"warning: this compiler does not take {' '.join(refused)}; the circuit runs slower")
    return tuple(flag for flag in wanted if flag not in refused)


def _generate(place: Path, structure: Structure, flags: tuple[str, ...] | None, single: bool) -> None:
    """Let a process of its own write the sources: Brian2's device is global, and its import is slow."""
    order = {"place": str(place), "structure": asdict(structure), "flags": flags, "single": single}
    done = subprocess.run(
        [sys.executable, "-m", "dhmodel.engine.generate"],
        cwd=PACKAGE.parent,  # the code that `key` has read
        env=os.environ | {"PYTHONHASHSEED": "0"},  # Brian2 walks through sets: in one order
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise EngineError(f"Brian2 could not generate the circuit's code: {_last_line(done.stderr)}")


def _compile(place: Path, path: str) -> None:
    done = subprocess.run(
        ["make", f"-j{len(os.sched_getaffinity(0))}", f"CXX={path}"],
        cwd=place,
        env={name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or not (place / BINARY).exists():
        # What the compiler says first is the cause; what make says last is only that there was one.
        causes = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()]
        cause = causes[0] if causes else _last_line(done.stderr)
        raise EngineError(f"the C++ compiler failed on the generated circuit: {cause}")


def _last_line(text: str) -> str:
    return ([line.strip() for line in text.splitlines() if line.strip()] or ["no message"])[-1]


def _keep_product(place: Path) -> None:
    """
    Leave binary and manifest, which vouches for it, and make them readable as the user's umask allows.

    Writable for the user alone, whatever the umask.
    """
    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in (BINARY, MANIFEST):
            path.unlink()
    manifest = json.loads((place / MANIFEST).read_bytes())
    (place / MANIFEST).write_text(json.dumps(manifest | {"digest": _digest(place / BINARY)}))
    for path in (place / BINARY, place):
        path.chmod((place / BINARY).stat().st_mode & 0o755)
