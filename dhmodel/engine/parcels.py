"""
What is compiled here, for machines that have neither compiler nor Brian2.

A parcel holds the bytes of a compiled circuit or library, their digest, and what must be the same on the
other machine for them to run there and to give the same numbers. It is data: nothing in it is unpickled, and
what is unpacked is what the digest says. Whoever sends it must be trusted as a compiler is: it is run.
"""

import hashlib
import os
import platform
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from dhmodel import native
from dhmodel.circuit.structure import Structure
from dhmodel.engine import build
from dhmodel.errors import EngineError

__all__ = ["Parcel", "pack", "unpack"]

type Facts = tuple[tuple[str, str], ...]
NATIVE = "-march=native"


@dataclass(frozen=True)
class Parcel:
    """
    A compiled product on its way.

    Attributes
    ----------
    files : tuple of (str, bytes)
        Names and compressed contents.
    digest : str
        Of the files.
    needs : tuple of (str, str)
        What must be the same where it is unpacked.
    structure, target : Structure, str; optional
        Of a circuit: which it is.
    source : str
        Of a library: its C++ file, within the package.
    """

    files: tuple[tuple[str, bytes], ...]
    digest: str
    needs: Facts
    structure: Structure | None = None
    target: str = ""
    source: str = ""


def pack(circuits: Iterable[tuple[Structure, str]]) -> tuple[Parcel, ...]:
    """
    Pack circuits and every library of the package, building what is not there yet.

    Parameters
    ----------
    circuits : iterable of (Structure, str)
        Structure and target; targets that are not compiled are left out.

    Raises
    ------
    EngineError
        Something cannot be built.
    """
    wanted = [(structure, target) for structure, target in dict.fromkeys(circuits) if target in build.RECIPES]
    return tuple(_circuit(*one) for one in wanted) + tuple(_libraries())


def _circuit(structure: Structure, target: str) -> Parcel:
    built = build.ensure(structure, target)
    paths = [built.folder / name for name in (build.BINARY, build.MANIFEST)]
    flags = build.RECIPES[target].flags or (NATIVE,)  # Brian2's own have it
    return Parcel(*_contents(paths), _facts(NATIVE in flags), structure, target)


def _libraries() -> Iterable[Parcel]:
    for source in native.sources():
        product = native.product(source)
        if product is not None:
            name = str(source.relative_to(native.PACKAGE))
            yield Parcel(*_contents([product]), _facts(NATIVE in native.FLAGS), source=name)


def _contents(paths: list[Path]) -> tuple[tuple[tuple[str, bytes], ...], str]:
    files = [(path.name, zlib.compress(path.read_bytes())) for path in paths]
    return tuple(files), _digest(files)


def _digest(files: Iterable[tuple[str, bytes]]) -> str:
    found = hashlib.sha256()
    for name, content in files:
        found.update(f"{name} {len(content)}\0".encode() + content)
    return found.hexdigest()[:24]


def _facts(processor: bool) -> Facts:
    facts = {"machine": platform.machine(), "C library": _c_library()}
    return tuple((facts | ({"processor": native.processor()} if processor else {})).items())


@lru_cache
def _c_library() -> str:
    with suppress(ValueError, OSError):  # platform.libc_ver reads what Python was built with instead
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    return ""


def unpack(parcel: Parcel) -> None:
    """
    Use a parcel in this process from now on; unpacked once per machine, however many processes ask.

    Where it does not fit, the machine builds its own, once.

    Raises
    ------
    EngineError
        It does not fit and nothing can be built here, it is damaged, or the cache cannot be written.
    """
    if misfits := _misfits(parcel.needs):
        _build_here(parcel, misfits)
        return
    folder = native.cache_folder() / f"shipped-{parcel.digest}"
    if not _is_whole(parcel, folder):
        with native.lock(folder.with_suffix(".lock"), "what was shipped"):
            if not _is_whole(parcel, folder):  # another process may have unpacked it while this one waited
                _write(parcel, folder)
    for path in (folder, *folder.iterdir()):
        native.refuse_foreign(path)
    if parcel.structure is not None:
        build.lend(parcel.structure, parcel.target, folder)
    else:
        native.lend(native.PACKAGE / parcel.source, folder / parcel.files[0][0])


def _misfits(needs: Facts) -> str:
    here = dict(_facts(True))
    return " and ".join(name for name, value in needs if here[name] != value)


def _build_here(parcel: Parcel, misfits: str) -> None:
    if parcel.structure is None:
        native.library(native.PACKAGE / parcel.source)  # without a compiler numpy computes instead
        return
    try:
        build.ensure(parcel.structure, parcel.target)
    except (EngineError, PackageNotFoundError) as error:
        node = f"{platform.node()} has another {misfits} than the machine that built the circuit"
        raise EngineError(f"{node}, and cannot build its own: {error}") from error


def _is_whole(parcel: Parcel, folder: Path) -> bool:
    with suppress(OSError):
        return all((folder / name).read_bytes() == zlib.decompress(content) for name, content in parcel.files)
    return False


def _write(parcel: Parcel, folder: Path) -> None:
    """Write beside `folder` and move it there when it is whole; the caller holds the lock."""
    if _digest(parcel.files) != parcel.digest:
        raise EngineError("a compiled circuit was damaged on its way to this machine")
    if any(Path(name).name != name for name, _ in parcel.files):
        raise EngineError("a compiled circuit was sent with a file that lies outside its folder")
    shutil.rmtree(folder, ignore_errors=True)  # damaged
    place = Path(tempfile.mkdtemp(prefix=f"{folder.name}.new-", dir=folder.parent))
    try:
        for name, content in parcel.files:
            path = place / name
            path.write_bytes(zlib.decompress(content))
            path.chmod(0o755)
        os.chmod(place, 0o755)
        place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
