"""Datasets as files: written whole or not at all, and opened whichever kind they are."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dhmodel.errors import InputError, StoreError, quoted

if TYPE_CHECKING:
    import xarray as xr

ENDINGS = (".nc", ".zarr")


def check_free(path: Path, force: bool = False) -> None:
    """
    Make sure that a Dataset can be saved there, before hours go into it; with `force`, over another file.

    Raises
    ------
    InputError
        The name ends in neither ``.nc`` nor ``.zarr``.
    StoreError
        Something is there already, or the folder cannot be written; nothing is left behind.
    """
    if path.suffix not in ENDINGS:
        raise InputError(f"{quoted(str(path))}: cannot save there, allowed endings: {', '.join(ENDINGS)}")
    if path.exists() and not (force and path.is_file()):
        raise StoreError(f"{path}: is there already; move it away or give another name")
    trial = _beside(next(folder for folder in path.absolute().parents if folder.exists()) / path.name)
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise StoreError(f"{path}: cannot write: {error.strerror or error}") from error


def save_dataset(ds: "xr.Dataset", path: Path) -> None:
    """
    Save a Dataset as NetCDF (``.nc``) or zarr v3 (``.zarr``); a failure leaves nothing behind.

    Raises
    ------
    StoreError
        The disk is full or cannot be written.
    """
    from dhmodel.sweep.netcdf import written

    with _placed(path) as temporary:
        if path.suffix == ".nc":
            with written(temporary) as stream:
                ds.to_netcdf(stream, engine="h5netcdf")
        else:
            _write_zarr(ds, temporary)


@contextmanager
def _placed(path: Path) -> Iterator[Path]:
    """Give a name beside a place, and what was written there its place; a failure leaves nothing behind."""
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"{path}: cannot write: {error.strerror or error}") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def export_store(store: Path, file: Path, force: bool = False) -> str:
    """
    Write a store, finished or not, into one NetCDF file; a sweep block by block, whatever its size.

    Parameters
    ----------
    store, file : Path
    force : bool
        Whether to replace the file if it is there.

    Returns
    -------
    str
        What was written, and how much of the sweep it is.

    Raises
    ------
    InputError
        The file's name does not end in ``.nc``.
    StoreError
        There is no such store, it is corrupt, the file is there already, or it cannot be written.
    """
    from dhmodel.sweep.netcdf import write_netcdf

    if file.suffix != ".nc":
        raise InputError(f"{quoted(str(file))}: cannot export there, allowed ending: .nc")
    check_free(file, force)
    ds = _opened(store)
    if "status" not in ds:  # a single simulation
        save_dataset(load_dataset(store), file)
        return f"saved {file}"
    with _placed(file) as temporary:
        write_netcdf(ds, temporary, store)
    done = ds["status"].attrs["flag_meanings"].split().index("done")
    return f"saved {file}: {int((ds['status'] == done).sum())} of {ds['status'].size} runs done"


def load_dataset(path: Path) -> "xr.Dataset":
    """
    Load a saved simulation or the store of a sweep into memory.

    Raises
    ------
    StoreError
        There is none, or it is corrupt.
    """
    from dhmodel.sweep.opening import reading

    with reading(path):
        return _opened(path).load()


def _opened(path: Path) -> "xr.Dataset":
    import xarray as xr

    from dhmodel.sweep.damage import refuse_lost
    from dhmodel.sweep.opening import open_dataset, reading

    with reading(path):
        if path.suffix == ".nc" and path.is_file():
            return xr.load_dataset(path, engine="h5netcdf")
        ds = open_dataset(path)
        if "status" in ds:
            refuse_lost(path)
        return ds


def _write_zarr(ds: "xr.Dataset", folder: Path) -> None:
    """One chunk per variable: of several, zarr would go on writing some after another has failed."""
    from dhmodel.sweep.groups import consolidating

    chunks = {name: {"chunks": variable.shape} for name, variable in ds.variables.items() if variable.size}
    with consolidating():
        ds.to_zarr(folder, zarr_format=3, consolidated=True, encoding=chunks)


def _beside(path: Path) -> Path:
    return path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.new"
