"""
Opening a store to read it: lazily, refused if it is from the future, in one line where it is damaged.

Units that are in the journal only, because a sweep is running or its process was killed, are laid over the
chunks on disk in memory. What is seen is the store as it was when it was opened; nothing is written.
"""

from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from zarr.abc.store import Store
from zarr.core.buffer import Buffer
from zarr.storage import LocalStore

from dhmodel.recording import VARIABLES
from dhmodel.sweep.chunks import Encoder, Layered, folded
from dhmodel.sweep.groups import DONE, array, existing, identity, reading, values
from dhmodel.sweep.journal import NAME, Form, read

__all__ = ["current", "lazily", "form", "open_dataset", "reading"]


def open_dataset(path: str | Path) -> xr.Dataset:
    """
    Open a store for reading, lazily; `status` alone is loaded.

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
    identity(path, existing(path))
    with reading(path):
        ds = lazily(_current(path))
        if "status" in ds:
            # now, before any result: what it says is done is in chunks, whoever goes on writing
            ds["status"].load()
        return ds


def current(path: Path) -> zarr.Group:
    """Open the group of a store with what is finished, be it in chunks or in the journal."""
    existing(path)
    with reading(path):
        return zarr.open_group(_current(path), mode="r", use_consolidated=False)


def lazily(store: Store) -> xr.Dataset:
    """Open a store with xarray; what is sliced is read, whatever else is installed."""
    ds = xr.open_zarr(store, consolidated=True, chunks=None)
    texts = {name: v for name, v in ds.coords.items() if isinstance(v.dtype, np.dtypes.StringDType)}
    return ds.assign(
        {name: (v.dims, np.array(v.values.tolist(), dtype=str), v.attrs) for name, v in texts.items()}
    )


def form(group: zarr.Group) -> Form:
    """What the records of a store's journal look like."""
    units = array(group, "status").shape
    found = {name: group.get(name) for name in VARIABLES}
    shapes = {name: v.shape[len(units) :] for name, v in found.items() if isinstance(v, zarr.Array)}
    return Form(units, shapes)


def _current(path: Path) -> Store:
    disk = LocalStore(path, read_only=True)
    if not (path / NAME).exists():
        return disk
    group = existing(path)
    # in this order: what is no longer in the journal has its status noted by then
    rows = read(path, form(group))
    return Layered(disk, _laid(group, rows)) if rows.size else disk


def _laid(group: zarr.Group, rows: np.ndarray) -> dict[str, Buffer]:
    """Chunks, by key, that are to be laid over those on disk: of results, and all of `status` and `error`."""
    status, error, encoder = values(group, "status"), values(group, "error"), Encoder(group)
    chunks = dict(folded(group, encoder, rows, status == DONE))
    status.flat[rows["unit"]], error.flat[rows["unit"]] = DONE, ""
    every = tuple(slice(None) for _ in status.shape)
    for name, noted in (("status", status), ("error", error)):
        chunks |= dict(encoder.chunks(name, every, noted))
    return chunks
