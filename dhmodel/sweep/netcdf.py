"""NetCDF files: closed whatever the disk does; a sweep block by block, as it may not fit into memory."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr

from dhmodel.sweep.blocks import FEW, Blocks, pieces_and_blocks
from dhmodel.sweep.groups import reading

PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
"""Of numbers: what every NetCDF library reads, at the speed of a disk."""


class Written(io.FileIO):
    """
    A file that HDF5 writes to, which remembers the first error instead of raising it.

    HDF5 cannot close a file of which the end does not fit on the disk: it tries again, for ever, and at the
    end of the process. So it never learns of the error.
    """

    failure: OSError | None = None
    """The first error."""

    def write(self, content: Any) -> int:
        """Write all of it, or remember why not."""
        left = memoryview(content).cast("B")
        size = left.nbytes
        try:
            while left and self.failure is None:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Cut or stretch it, or remember why not."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0


def write_netcdf(ds: xr.Dataset, file: Path, source: Path) -> None:
    """
    Write a sweep into a new file.

    Parameters
    ----------
    ds : xarray.Dataset
        From `opening.open_dataset`; variables are read as they are written.
    file : Path
    source : Path
        The store that `ds` is read from, for messages.

    Raises
    ------
    StoreError
        A chunk of the store cannot be read.
    OSError
        The file cannot be written; a part of it may be there.
    """
    with written(file) as stream, h5netcdf.File(stream, "w") as target:
        _write(ds, target, stream, source)


@contextmanager
def written(file: Path) -> Iterator[Written]:
    """
    Open a new file for HDF5 to write to.

    Raises
    ------
    OSError
        At the end, if something could not be written.
    """
    with Written(file, "x+") as stream:
        try:
            yield stream
        except Exception:
            if stream.failure is None:  # otherwise HDF5 found that something is not there which it wrote
                raise
        if stream.failure:
            raise stream.failure


def _write(ds: xr.Dataset, target: h5netcdf.File, stream: Written, source: Path) -> None:
    target.dimensions = {str(name): length for name, length in ds.sizes.items()}
    beside = [str(name) for name in ds.coords if name not in ds.dims]
    # by this name xarray knows what is a coordinate without being a dimension
    target.attrs.update(ds.attrs | ({"coordinates": " ".join(beside)} if beside else {}))
    for name in ds.variables:
        variable = ds.variables[name]
        swept = sum(1 for dim in variable.dims if dim in ds["status"].dims)
        shape, rest = variable.shape[:swept], variable.shape[swept:]
        text = variable.dtype.kind not in "fiu"
        one = 2**25 // FEW if text else variable.dtype.itemsize * prod(rest)
        piece, size = pieces_and_blocks(shape, one)
        made = _variable(target, str(name), variable, (*piece, *rest))
        blocks = Blocks(shape, size)
        for block in range(prod(blocks.grid)):
            region = blocks.region(block)
            with reading(source):
                values = variable[region].values
            made[region] = values.astype(object) if text else values
            if stream.failure:
                return


def _variable(target: h5netcdf.File, name: str, variable: xr.Variable, chunks: tuple[int, ...]) -> Any:
    """Define a variable; of numbers of many units, missing ones are NaN."""
    if variable.dtype.kind not in "fiu":
        made = target.create_variable(name, variable.dims, h5py.string_dtype())
    elif prod(variable.shape) < FEW // 8:
        made = target.create_variable(name, variable.dims, variable.dtype)
    else:
        fits = tuple(map(min, chunks, variable.shape))
        made = target.create_variable(name, variable.dims, variable.dtype, chunks=fits, **PACKED)
    for key, value in variable.attrs.items():
        made.attrs[key] = np.asarray(value) if isinstance(value, list) else value
    return made
