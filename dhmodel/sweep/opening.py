"""Opening a store to read it: lazily, refused if it is from the future, in one line where it is damaged."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
import zarr
from zarr.abc.store import Store
from zarr.storage import LocalStore

from dhmodel.errors import DHModelError, StoreError
from dhmodel.sweep.spec import FORMAT


def open_dataset(path: str | Path) -> xr.Dataset:
    """
    Open a store for reading, lazily.

    Returns
    -------
    xarray.Dataset
        Dimensions: the swept axes, `replicate`, then the rest. Text coordinates as fixed-width strings, which
        every tool understands.

    Raises
    ------
    StoreError
        There is none, it is corrupt, or a newer version made it.
    """
    path = Path(path)
    identity(path, existing(path, "r"))
    with reading(path):
        return lazily(LocalStore(path, read_only=True))


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


def lazily(store: Store) -> xr.Dataset:
    """Open a store with xarray; what is sliced is read, whatever else is installed."""
    ds = xr.open_zarr(store, consolidated=True, chunks=None)
    texts = {name: v for name, v in ds.coords.items() if isinstance(v.dtype, np.dtypes.StringDType)}
    return ds.assign(
        {name: (v.dims, np.array(v.values.tolist(), dtype=str), v.attrs) for name, v in texts.items()}
    )


def existing(path: Path, mode: Literal["r", "r+"]) -> zarr.Group:
    """Open the group of a store; StoreError if there is none."""
    if not path.exists():
        raise StoreError(f"{path}: there is no such store")
    if not (path / "zarr.json").is_file():
        raise StoreError(f"{path}: not a store (it has no zarr.json); move it away or give another path")
    with reading(path):
        return zarr.open_group(LocalStore(path, read_only=mode == "r"), mode=mode, use_consolidated=False)


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


def chunk_file(folder: Path, variable: zarr.Array[Any], index: tuple[int, ...]) -> Path:
    """File of the chunk that holds one unit of a result variable, which has one for each."""
    key = variable.metadata.encode_chunk_key((*index, *(0 for _ in variable.shape[len(index) :])))
    return folder / variable.basename / key


def array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Array of a group, which writes every chunk: a file that is not there is then one that was lost."""
    with zarr.config.set({"array.write_empty_chunks": True}):
        found = group.get(name)
    if not isinstance(found, zarr.Array):
        raise ValueError(f"{name} is missing")
    return found


def values(group: zarr.Group, name: str) -> np.ndarray:
    """All values of an array of a group."""
    return np.asarray(array(group, name)[...])
