"""Build a circuit once, keep the binary, find it again: in this process, in another, in another's child.

A compiled circuit answers for every parameter set, wiring, drive and duration that share its `Structure`. The cache is keyed by
everything that decides the machine code: our sources, the structure, compiler, flags, processor, and the versions of what
generates the code. So a second process neither compiles nor imports Brian2.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from dhmodel.circuit.structure import Structure
from dhmodel.errors import EngineError

__all__ = ["RECIPES", "Built", "Recipe", "cache_folder", "compiler", "ensure", "key"]


@dataclass(frozen=True)
class Recipe:
    """How a circuit is compiled: compiler flags (None: Brian2's own) and precision of the cells' states."""

    flags: tuple[str, ...] | None
    single: bool


VECTOR = ("-O3", "-ffast-math", "-march=native", "--param=vect-max-version-for-alias-checks=1000")

#: Recipes by target name. ``cpp``: -ffast-math lets gcc use glibc's vector ``exp`` and, at link time, sets flush-to-zero; without
#: the raised limit on alias checks gcc gives up vectorising a state updater with many arrays; single precision doubles the
#: width of a vector. ``cpp_double``: the same in double precision. ``cpp_portable``: the same bits on every x86-64 machine.
#: ``cpp_brian2``: what Brian2 would do, to compare against.
RECIPES = {
    "cpp": Recipe(VECTOR, True),
    "cpp_double": Recipe(VECTOR, False),
    "cpp_portable": Recipe(("-O2", "-ffp-contract=off"), False),
    "cpp_brian2": Recipe(None, False),
}

PACKAGE = Path(__file__).resolve().parents[1]
SOURCES = (
    "circuit/equations.py",
    "circuit/network.py",
    "circuit/structure.py",
    "engine/feed.h",
    "engine/functions.py",
    "engine/generate.py",
    "engine/integrator.py",
)


@dataclass(frozen=True)
class Built:
    """A compiled circuit: where its binary is, and which file holds which variable."""

    folder: Path
    manifest: dict

    @property
    def binary(self) -> Path:
        """Path of the executable."""
        return self.folder / "main"


def cache_folder() -> Path:
    """Folder of the compiled circuits: ``DHMODEL_CACHE``, else the user's cache folder, else a folder for this user in the temporary one."""
    base = os.environ.get("DHMODEL_CACHE")
    if base:
        folder = Path(base)
    else:
        root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        folder = Path(root) / "dhmodel"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    if base:
        raise EngineError(f"cannot write the cache of compiled circuits in DHMODEL_CACHE={base}")
    folder = Path(tempfile.gettempdir()) / f"dhmodel-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@lru_cache
def compiler() -> tuple[str, str] | None:
    """Path and version line of the C++ compiler (``CXX``, else g++, else clang++), or None."""
    for name in (os.environ.get("CXX"), "g++", "clang++"):
        path = shutil.which(name) if name else None
        if path:
            probe = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            if probe.returncode == 0 and shutil.which("make"):
                return path, probe.stdout.splitlines()[0]
    return None


def key(structure: Structure, target: str) -> str:
    """Digest of everything that decides the compiled code."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((PACKAGE / name).read_bytes())
    facts = {
        "structure": asdict(structure),
        "recipe": asdict(RECIPES[target]),
        "compiler": compiler(),
        "processor": _processor(),
        "versions": {name: version(name) for name in ("brian2", "numpy", "sympy")},
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()[:24]


@lru_cache
def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            lines = {
                line.split(":")[0].strip(): line
                for line in file
                if line.startswith(("model name", "flags", "Features"))
            }
        return hashlib.sha256("".join(sorted(lines.values())).encode()).hexdigest()
    except OSError:
        return platform.processor() + platform.machine()


def ensure(structure: Structure, target: str = "cpp", say: Callable[[str], None] | None = None) -> Built:
    """Find the compiled circuit in the cache, or build it; safe for many processes at once.

    Raises
    ------
    EngineError
        If there is no compiler or the build fails.
    """
    folder = cache_folder() / key(structure, target)
    if not (folder / "manifest.json").exists():
        with _lock(folder.with_suffix(".lock")):
            if not (folder / "manifest.json").exists():
                _build(folder, structure, RECIPES[target], say or (lambda text: None))
    return Built(folder, _manifest(folder))


@lru_cache(maxsize=32)
def _manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


@contextmanager
def _lock(path: Path):
    """Hold a lock file; the kernel frees it if its holder dies."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(folder: Path, structure: Structure, recipe: Recipe, say) -> None:
    found = compiler()
    if found is None:
        raise EngineError(
            "no C++ compiler (g++ or clang++) with make on this machine; install one, or use target='numpy'"
        )
    start = time.perf_counter()
    say(f"building the circuit ({structure.cells} cells, once per machine; about half a minute) ...")
    place = Path(tempfile.mkdtemp(prefix="build-", dir=folder.parent))
    try:
        _generate(place, structure, usable_flags(recipe.flags, say), recipe.single)
        _compile(place, found[0])
        for path in [p for p in place.iterdir() if p.name not in ("main", "manifest.json")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        place.rename(folder)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    say(f"built in {time.perf_counter() - start:.0f} s")


def usable_flags(wanted: tuple[str, ...] | None, say) -> tuple[str, ...] | None:
    """Return the flags which this compiler takes; say so if some are left out."""
    if wanted is None:
        return None
    found = compiler()
    kept = tuple(flag for flag in wanted if found and _accepts(found[0], flag))
    if kept != wanted:
        say(
            f"warning: this compiler does not take {' '.join(f for f in wanted if f not in kept)}; the circuit runs slower"
        )
    return kept


def _accepts(path: str, flag: str) -> bool:
    probe = [path, flag, "-Werror", "-x", "c++", "-E", "-o", os.devnull, os.devnull]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _generate(place: Path, structure: Structure, flags, single: bool) -> None:
    """Let a process of its own write the sources: Brian2's device and preferences are global, and its import takes seconds."""
    order = json.dumps(
        {"place": str(place), "structure": asdict(structure), "flags": flags, "single": single}
    )
    command = [sys.executable, "-m", "dhmodel.engine.generate"]
    done = subprocess.run(command, input=order, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or ["no message"]
        raise EngineError(f"Brian2 could not generate the circuit's code: {last[0].strip()}")


def _compile(place: Path, path: str) -> None:
    make = ["make", f"-j{os.cpu_count() or 1}", f"CXX={path}"]
    done = subprocess.run(make, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not (place / "main").exists():
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or ["no message"]
        raise EngineError(f"the C++ compiler failed on the generated circuit: {last[0].strip()}")
