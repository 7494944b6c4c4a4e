"""
The store of a sweep: a zarr v3 group that plain xarray opens, written by one process, one unit at a time.

Every result variable has a chunk of its own for each unit, so writing one unit touches no other. `status`
says what became of each unit and is written after its data: a unit that is not `done` there was never
finished, whatever lies in the chunks. A store is made in a temporary folder beside its place and renamed, so
it exists whole or not at all. Its identity is kept in an attribute and compared whenever it is opened to be
continued.

Deliberately absent: locking (one process writes), and growing an existing store.
"""

import json
import os
import shutil
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import numpy as np
import xarray as xr
import zarr
from zarr.abc.store import Store
from zarr.storage import LocalStore, MemoryStore

from dhmodel import recording
from dhmodel.errors import DHModelError, StoreError
from dhmodel.parameters import Parameters
from dhmodel.simulate import attributes
from dhmodel.sweep.executors import Arrays, Event, Status
from dhmodel.sweep.layout import Layout, make_layout
from dhmodel.sweep.spec import MODEL, POINT, SweepSpec, differences

STATUSES: tuple[Status, ...] = ("pending", "running", "done", "failed")
FLUSH_EVERY = 1.0
"""Seconds between notes of which units are running; a unit's end is always noted at once."""

MISSING = (
    "NaN where a unit is not done, or its run is too short for the bin, or its stimulus has no such shock"
)


class SweepStore:
    """
    Results and progress of one sweep, open for writing.

    Attributes
    ----------
    path : Path or None
        Where it lies; None in memory.
    status : ndarray of int, shape (axes..., replicate)
        Index into `STATUSES`, as last noted.
    """

    def __init__(self, spec: SweepSpec, layout: Layout, group: zarr.Group, path: Path | None):
        self.spec, self.layout, self.path = spec, layout, path
        self._group = group
        self._variables = {name: _array(group, name) for name in (*layout.variables, "status", "error")}
        self.status: np.ndarray = np.asarray(self._variables["status"][...])
        self._error: np.ndarray = np.asarray(self._variables["error"][...])
        self._noted_error = self._error.copy()
        self._flushed = -np.inf

    def unfinished(self) -> list[tuple[int, int]]:
        """Every (point, replicate) that is not done."""
        done = STATUSES.index("done")
        return [unit for unit in self.spec.units() if self.status[self._index(*unit)] != done]

    def count(self, status: Status) -> int:
        """How many units have this status."""
        return int((self.status == STATUSES.index(status)).sum())

    def errors(self) -> dict[tuple[int, int], str]:
        """Why units failed, by (point, replicate)."""
        failed = self.status == STATUSES.index("failed")
        return {
            unit: self._error[self._index(*unit)] for unit in self.spec.units() if failed[self._index(*unit)]
        }

    def record(self, event: Event) -> None:
        """
        Note what happened to a unit, its data first.

        Raises
        ------
        StoreError
            Writing failed, such as on a full disk; the unit then does not count as done.
        """
        index = self._index(event.task.point, event.task.replicate)
        with _writing(self.path):
            if event.arrays is not None:
                self._write(index, event.arrays)
            self._error[index] = event.error if event.status == "failed" else ""
            self.status[index] = STATUSES.index(event.status)
            if event.status in ("done", "failed") or monotonic() - self._flushed > FLUSH_EVERY:
                self._flush()

    def reset_running(self) -> None:
        """Mark units that were running as pending, because nobody is running them any more."""
        running = self.status == STATUSES.index("running")
        if running.any():
            self.status[running] = STATUSES.index("pending")
            with _writing(self.path):
                self._flush()

    def dataset(self) -> xr.Dataset:
        """Open the results: lazily from disk, loaded from memory."""
        if self.path is not None:
            return open_dataset(self.path)
        return _open(self._group.store).load()

    def _index(self, point: int, replicate: int) -> tuple[int, ...]:
        return (*self.spec.index(point), replicate)

    def _write(self, index: tuple[int, ...], arrays: Arrays) -> None:
        for name in self.layout.variables:
            self._variables[name][index] = self.layout.padded(name, arrays.get(name))

    def _flush(self) -> None:
        if not np.array_equal(self._error, self._noted_error):
            self._variables["error"][...] = self._error
            self._noted_error = self._error.copy()
        self._variables["status"][...] = self.status
        self._flushed = monotonic()


def open_store(spec: SweepSpec, path: Path | None) -> SweepStore:
    """
    Open the store of a sweep to continue it, or make it.

    Parameters
    ----------
    spec : SweepSpec
    path : Path or None
        None for a store in memory.

    Raises
    ------
    StoreError
        Something else lies there, it belongs to another sweep, it is corrupt, or it cannot be written.
    """
    layout = make_layout(spec.plans)
    if path is None:
        return SweepStore(spec, layout, _fill(spec, layout, MemoryStore()), None)
    with _writing(path):
        if not path.is_dir() or not any(path.iterdir()):
            _create(spec, layout, path)
    group = _existing(path, "r+")
    _refuse_other(spec, path, group)
    with reading(path):
        store = SweepStore(spec, layout, group, path)
        _check_arrays(spec, layout, group)
    return store


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
        There is none, or it is corrupt.
    """
    path = Path(path)
    _existing(path, "r")
    with reading(path):
        return _open(LocalStore(path, read_only=True))


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
        raise StoreError(f"{path}: corrupt store ({reason}); move it away and start again") from error


@contextmanager
def consolidating() -> Iterator[None]:
    """Silence zarr, which warns where metadata are consolidated; where they are not, xarray warns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata", category=UserWarning)
        yield


def _open(store: Store) -> xr.Dataset:
    ds = xr.open_zarr(store, consolidated=True)
    texts = {name: v for name, v in ds.coords.items() if isinstance(v.dtype, np.dtypes.StringDType)}
    return ds.assign(
        {name: (v.dims, np.array(v.values.tolist(), dtype=str), v.attrs) for name, v in texts.items()}
    )


def _existing(path: Path, mode: Literal["r", "r+"]) -> zarr.Group:
    if not path.exists():
        raise StoreError(f"{path}: there is no such store")
    if not (path / "zarr.json").is_file():
        raise StoreError(f"{path}: not a store (it has no zarr.json); move it away or give another path")
    with reading(path):
        return zarr.open_group(LocalStore(path, read_only=mode == "r"), mode=mode, use_consolidated=False)


def _refuse_other(spec: SweepSpec, path: Path, group: zarr.Group) -> None:
    sweep = group.attrs.get("sweep")
    if not isinstance(sweep, str):
        raise StoreError(f"{path}: not the store of a sweep; give another path")
    with reading(path):
        theirs = json.loads(sweep)
        ours = json.loads(json.dumps(spec.identity()))  # so that tuples and lists compare equal
        telling = [{key: one[key] for key in one if key != MODEL} for one in (ours, theirs)]
    different = differences(*telling) or differences(ours, theirs)
    if different:
        raise StoreError(f"{path}: belongs to another sweep, which differs in {different}; give another path")


def _create(spec: SweepSpec, layout: Layout, path: Path) -> None:
    """Make the store in a temporary folder beside its place, then rename; a failure leaves nothing behind."""
    made = [folder for folder in reversed(path.parents) if not folder.exists()]
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.new"
    try:
        temporary.mkdir(parents=True)
        _fill(spec, layout, LocalStore(temporary))
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        for folder in reversed(made):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise


def _fill(spec: SweepSpec, layout: Layout, store: Store) -> zarr.Group:
    """Write attributes, coordinates and empty variables."""
    group = zarr.create_group(store, attributes=_attributes(spec), zarr_format=3)
    replicates = np.arange(spec.replicates)
    about = {"units": "1", "long_name": "replicate (trains, cells and wiring)"}
    coordinates = {axis.name: (axis.coordinate(), axis.attributes()) for axis in spec.axes}
    if spec.columns:
        number = np.arange(spec.shape[-1])
        coordinates[POINT] = number, {"units": "1", "long_name": "number of the point"}
    for dim, (values, attrs) in {
        **coordinates,
        "replicate": (replicates, about),
        **layout.coordinates,
    }.items():
        _add(group, dim, values, (dim,), attrs)
    for axis in spec.columns:
        _add(group, axis.name, axis.coordinate(), (POINT,), axis.attributes())
    for name in layout.variables:
        _add_variable(group, spec, layout, name)
    _add_bookkeeping(group, spec)
    with consolidating():
        return zarr.consolidate_metadata(store)


def _attributes(spec: SweepSpec) -> dict[str, Any]:
    """Attributes of the simulations where they agree, parameters of the first, and what was swept."""
    first, *others = (attributes(plan) for plan in spec.plans)
    agreed = {name for name in first if all(other[name] == first[name] for other in others)}
    kept = {name: first[name] for name in first if name in agreed or name.startswith("parameters")}
    varying = {name: "varies" for name in ("n_neurons", "dt") if name not in agreed}
    own = {"sweep": spec.identity(), "axes": list(spec.dims), "replicates": spec.replicates}
    # by this name xarray knows what is a coordinate without being a dimension
    beside = {"coordinates": " ".join(axis.name for axis in spec.columns)} if spec.columns else {}
    return dict(recording.provenance(kept | varying | own)) | beside


def _add(
    group: zarr.Group, name: str, values: np.ndarray, dims: tuple[str, ...], attrs: Mapping[str, Any]
) -> None:
    if values.dtype.kind == "U":
        values = values.astype(np.dtypes.StringDType())
    group.create_array(name, data=values, chunks=values.shape, dimension_names=dims, attributes=dict(attrs))


def _add_variable(group: zarr.Group, spec: SweepSpec, layout: Layout, name: str) -> None:
    swept, rest = (*spec.shape, spec.replicates), layout.shape(name)
    group.create_array(
        name,
        shape=(*swept, *rest),
        chunks=(*(1 for _ in swept), *rest),
        dtype="float64",
        fill_value=np.nan,
        dimension_names=(*spec.dims, "replicate", *recording.dims(name)),
        attributes={**recording.describe(name), "missing": MISSING},
    )


def _add_bookkeeping(group: zarr.Group, spec: SweepSpec) -> None:
    """Status and error per unit; parameters per point."""
    units, dims = (*spec.shape, spec.replicates), (*spec.dims, "replicate")
    flags = {"flag_values": list(range(len(STATUSES))), "flag_meanings": " ".join(STATUSES)}
    _add(
        group,
        "status",
        np.zeros(units, np.uint8),
        dims,
        {"units": "1", "long_name": "what became of the unit", **flags},
    )
    _add(group, "error", np.full(units, ""), dims, {"units": "1", "long_name": "why the unit failed"})
    first = spec.plans[0].parameters
    texts = {
        "parameters_digest": (
            [plan.parameters.digest() for plan in spec.plans],
            "identity of the point's parameters",
        ),
        "parameters_changed": (
            [_changed(first, plan.parameters) for plan in spec.plans],
            "JSON of the point's parameters that differ from the attribute `parameters`",
        ),
    }
    for name, (values, meaning) in texts.items():
        _add(
            group, name, np.array(values).reshape(spec.shape), spec.dims, {"units": "1", "long_name": meaning}
        )


def _changed(first: Parameters, other: Parameters) -> str:
    return json.dumps({path: value for path, value in other.items() if value != first[path]})


def _check_arrays(spec: SweepSpec, layout: Layout, group: zarr.Group) -> None:
    """Raise ValueError if a variable does not have the shape that the sweep needs."""
    units = (*spec.shape, spec.replicates)
    shapes = {name: (*units, *layout.shape(name)) for name in layout.variables}
    for name, shape in (shapes | {"status": units, "error": units}).items():
        found = _array(group, name).shape
        if found != shape:
            raise ValueError(f"{name} has shape {found} instead of {shape}")


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    found = group.get(name)
    if not isinstance(found, zarr.Array):
        raise ValueError(f"{name} is missing")
    return found


@contextmanager
def _writing(path: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: cannot write: {error.strerror or error}") from error
