"""What lies in the folder of a store: group, arrays, identity; where it is damaged, an error of one line."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore

from dhmodel.errors import DHModelError, StoreError
from dhmodel.sweep.executors import Status
from dhmodel.sweep.spec import FORMAT

STATUSES: tuple[Status, ...] = ("pending", "running", "done", "failed")
PENDING, RUNNING, DONE, FAILED = range(len(STATUSES))


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong while data are read, such as a truncated chunk, into a StoreError."""
    try:
        yield
    except DHModelError:
        raise
    except PermissionError as error:
        raise StoreError(f"{path}: cannot read: {error.strerror}") from error
    except Exception as error:
        # zarr, its codecs and JSON have no common class for what a damaged file makes them say
        reason = " ".join(str(error).split()) or type(error).__name__
        is_store = Path(path).is_dir()
        mend = "the same sweep with --check computes damaged runs again; if it cannot, " if is_store else ""
        raise StoreError(f"{path}: corrupt store ({reason}); {mend}move it away and start again") from error


@contextmanager
def consolidating() -> Iterator[None]:
    """Silence zarr, which warns where metadata are consolidated; where they are not, xarray warns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata", category=UserWarning)
        yield


def existing(path: Path) -> zarr.Group:
    """Open the group of a store as it lies there, without its journal; StoreError if there is none."""
    if not path.exists():
        raise StoreError(f"{path}: there is no such store")
    if not (path / "zarr.json").is_file():
        raise StoreError(f"{path}: not a store (it has no zarr.json); move it away or give another path")
    with reading(path):
        return zarr.open_group(LocalStore(path, read_only=True), mode="r", use_consolidated=False)


def identity(path: Path, group: zarr.Group) -> dict[str, Any] | None:
    """
    Identity of the sweep that a store belongs to, see `spec.SweepSpec.identity`; None of a single simulation.

    Raises
    ------
    StoreError
        A newer version made the store, or the identity is torn.
    """
    text = group.attrs.get("sweep")
    if not isinstance(text, str):
        return None
    with reading(path):
        found: dict[str, Any] = json.loads(text)
        if found["format"] > FORMAT:
            made = f"a newer dhmodel (store format {found['format']}, this one knows up to {FORMAT})"
            raise StoreError(f"{path}: made by {made}; upgrade dhmodel to open it")
    return found


def array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Array of a group."""
    found = group.get(name)
    if not isinstance(found, zarr.Array):
        raise ValueError(f"{name} is missing")
    return found


def values(group: zarr.Group, name: str) -> np.ndarray:
    """All values of an array of a group."""
    return np.asarray(array(group, name)[...])
