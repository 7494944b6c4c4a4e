"""What is compiled on the user's machine: the compiler, where products are kept, and small libraries.

A library is kept under a key of everything that decides its machine code, so it is compiled once per machine;
any number of processes may ask for it at once.
"""

import ctypes
import fcntl
import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from dhmodel.errors import EngineError

PACKAGE = Path(__file__).resolve().parent

#: For the compiler only: given to the linker, -ffast-math would set flush-to-zero for the whole process that
#: loads the library.
FLAGS = ("-std=c++17", "-O3", "-ffast-math", "-march=native", "-fPIC")

_LENT: dict[Path, Path] = {}


def cache_folder() -> Path:
    """Folder in which is built: ``DHMODEL_CACHE``, or the user's cache folder, or a temporary one.

    Raises
    ------
    EngineError
        If none can be written, or somebody else could put there what this user would run.
    """
    for folder in cache_folders():
        with suppress(OSError):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                refuse_foreign(folder)
                return folder
    tried = " or ".join(map(str, cache_folders()))
    raise EngineError(
        f"cannot write the cache of compiled circuits in {tried}; DHMODEL_CACHE names another folder"
    )


def refuse_foreign(path: Path) -> None:
    """
    Refuse a folder or file of the cache that another user has made, or may change.

    Raises
    ------
    EngineError
        It belongs to neither this user nor root; or everybody may write to it: of a folder, if everybody may
        replace files of others there too.
    OSError
        It is not there.
    """
    state = path.stat()
    if state.st_uid not in (os.getuid(), 0):
        what = "belongs to another user"
    elif state.st_mode & stat.S_IWOTH and not (stat.S_ISDIR(state.st_mode) and state.st_mode & stat.S_ISVTX):
        what = "can be written by everybody"
    else:
        return
    raise EngineError(f"{path}: {what}, whose code would be run; DHMODEL_CACHE names another folder")


def cache_folders() -> list[Path]:
    """Where compiled products may be, best first."""
    if given := os.environ.get("DHMODEL_CACHE"):
        return [Path(given).absolute()]
    folders = []
    if root := os.environ.get("XDG_CACHE_HOME"):
        folders.append(Path(root).absolute() / "dhmodel")
    else:
        with suppress(RuntimeError):  # a user without a home
            folders.append(Path.home() / ".cache" / "dhmodel")
    temporary = Path(tempfile.gettempdir(), f"dhmodel-{os.getuid()}")
    # Another user could have made it, to have us run what lies there.
    if not os.path.lexists(temporary) or temporary.lstat().st_uid == os.getuid():
        folders.append(temporary)
    return folders


@contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file; the kernel frees it if its holder dies.

    Raises
    ------
    EngineError
        An operating-system error inside or while locking: that `what` cannot be built.
    """
    try:
        with open(path, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise EngineError(f"cannot build {what} in {path.parent}: {error.strerror or error}") from error


@lru_cache
def compiler() -> tuple[str, str] | None:
    """Path and version line of the C++ compiler (``CXX``, else g++, else clang++), or None."""
    if shutil.which("make") is None:
        return None
    for name in (os.environ.get("CXX"), "g++", "clang++"):
        path = shutil.which(name) if name else None
        if path:
            probe = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            if probe.returncode == 0:
                return path, (probe.stdout.splitlines() or [""])[0]
    return None


@lru_cache
def accepts(path: str, flag: str) -> bool:
    """Whether the compiler at a path takes a flag."""
    probe = [path, flag, "-Werror", "-x", "c++", "-E", "-o", os.devnull, os.devnull]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@lru_cache
def processor() -> str:
    """Digest of what the compiler knows the processor by."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = {line for line in file if line.startswith(("model name", "flags", "Features"))}
        return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    except OSError:
        return platform.processor() + platform.machine()


def library(source: Path) -> ctypes.CDLL | None:
    """
    Load a C++ file as a shared library, compiled if this machine has not done so before (about a second).

    Parameters
    ----------
    source : Path
        One file that needs nothing but the standard library.

    Returns
    -------
    ctypes.CDLL or None
        None on a machine without a compiler.

    Raises
    ------
    EngineError
        If it does not compile, or the cache cannot be written.
    """
    found = product(source)
    return None if found is None else ctypes.CDLL(str(found))


def lend(source: Path, product: Path) -> None:
    """Let `library` use, for a C++ file, what another machine compiled, and compile nothing."""
    _LENT[source] = product


def sources() -> list[Path]:
    """C++ files of the package that `library` may be asked for."""
    return sorted(PACKAGE.glob("stimulation/*.cpp"))


def product(source: Path) -> Path | None:
    """Path of the shared library of a C++ file, compiled if need be; as `library`."""
    if source in _LENT:
        return _LENT[source]
    found = compiler()
    if found is None:
        return None
    name = f"{source.stem}-{_key(source, found)}.so"
    for folder in cache_folders():
        if _loads(folder / name):
            return folder / name
    made = cache_folder() / name
    with lock(made.with_suffix(".lock"), source.name):
        if not _loads(made):  # another process may have built it while this one waited
            _compile(source, made, found[0])
    return made


def _loads(library: Path) -> bool:
    """Whether a library is there and whole."""
    with suppress(OSError):
        refuse_foreign(library.parent)
        refuse_foreign(library)
        ctypes.CDLL(str(library))
        return True
    return False


def _key(source: Path, found: tuple[str, str]) -> str:
    digest = hashlib.sha256(source.read_bytes())
    digest.update(json.dumps([FLAGS, found, processor()]).encode())
    return digest.hexdigest()[:24]


def _compile(source: Path, product: Path, path: str) -> None:
    """Build beside `product` and move it there when it is whole; the caller holds the lock."""
    with tempfile.TemporaryDirectory(prefix=f"{product.stem}.build-", dir=product.parent) as place:
        compiled, linked = Path(place, "part.o"), Path(place, "whole.so")
        flags = [flag for flag in FLAGS if accepts(path, flag)]
        _run([path, *flags, "-c", str(source), "-o", str(compiled)], source)
        _run([path, "-shared", str(compiled), "-o", str(linked)], source)
        linked.chmod(0o755)
        linked.rename(product)


def _run(command: list[str], source: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        causes = [line for line in lines if "error" in line.lower()] or lines or ["no message"]
        raise EngineError(f"the C++ compiler failed on {source.name}: {causes[0]}")
