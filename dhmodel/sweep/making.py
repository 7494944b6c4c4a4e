"""Making the store of a sweep: its attributes, coordinates and empty variables, whole or not at all."""

import errno
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import Store
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore

from dhmodel import recording
from dhmodel.parameters import Parameters
from dhmodel.provenance import provenance
from dhmodel.simulate import attributes
from dhmodel.sweep.blocks import FEW, division, in_pieces, pieces_and_blocks
from dhmodel.sweep.groups import PENDING, STATUSES, consolidating
from dhmodel.sweep.layout import Layout
from dhmodel.sweep.spec import POINT, SweepSpec

CHECKED = ZstdCodec(level=0, checksum=True)
"""zarr's own compression, and a checksum: a damaged chunk is an error and never another number."""

LOST = 255
"""Status of units of which the chunk of `status` is not there; it is no status."""

MISSING = (
    "NaN where a unit is not done, or its run is too short for the bin, or its stimulus has no such shock"
)


def create(spec: SweepSpec, layout: Layout, path: Path) -> None:
    """Make the store in a temporary folder beside its place, then rename; a failure leaves nothing behind."""
    made = [folder for folder in reversed(path.parents) if not folder.exists()]
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.new"
    try:
        temporary.mkdir(parents=True)
        fill(spec, layout, LocalStore(temporary))
        _place(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        for folder in reversed(made):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise


def _place(temporary: Path, path: Path) -> None:
    """Rename the store to its place, unless another process has made one there meanwhile."""
    try:
        os.rename(temporary, path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(temporary)


def fill(spec: SweepSpec, layout: Layout, store: Store) -> zarr.Group:
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
    _add_variables(group, spec, layout)
    _add_bookkeeping(group, spec)
    with consolidating():
        return zarr.consolidate_metadata(store)


def _attributes(spec: SweepSpec) -> dict[str, Any]:
    """Attributes of the simulations where they agree, parameters of the first, and what was swept."""
    first = attributes(spec.plans[0])
    agreed = set(first)
    for plan in spec.plans[1:]:  # one at a time: those of all would be larger than the results of many
        other = attributes(plan)
        agreed -= {name for name in agreed if other[name] != first[name]}
    kept = {name: first[name] for name in first if name in agreed or name.startswith("parameters")}
    varying = {name: "varies" for name in ("n_neurons", "dt") if name not in agreed}
    own = {"sweep": spec.identity(), "axes": list(spec.dims), "replicates": spec.replicates}
    # by this name xarray knows what is a coordinate without being a dimension
    beside = {"coordinates": " ".join(axis.name for axis in spec.columns)} if spec.columns else {}
    return dict(provenance(kept | varying | own)) | beside


def _add(
    group: zarr.Group,
    name: str,
    values: np.ndarray,
    dims: tuple[str, ...],
    attrs: Mapping[str, Any],
    fill_value: int | None = None,
) -> None:
    if values.dtype.kind == "U":
        values = values.astype(np.dtypes.StringDType())
    group.create_array(
        name,
        data=values,
        chunks=values.shape if name in dims else division(values.shape, FEW),
        compressors=CHECKED,
        fill_value=fill_value,
        dimension_names=dims,
        attributes=dict(attrs),
        config={"write_empty_chunks": True},  # so that one that is not there is one that was lost
    )


def _add_variables(group: zarr.Group, spec: SweepSpec, layout: Layout) -> None:
    """Empty variables, of the same blocks; those whose chunks are large have pieces to be read alone."""
    units = (*spec.shape, spec.replicates)
    sizes = {name: 8 * prod(layout.shape(name)) for name in layout.variables}
    piece, block = pieces_and_blocks(units, max(sizes.values()))
    for name, size in sizes.items():
        rest = layout.shape(name)
        large = in_pieces(piece, block, size)
        group.create_array(
            name,
            shape=(*units, *rest),
            chunks=(*(piece if large else block), *rest),
            shards=(*block, *rest) if large else None,
            compressors=CHECKED,
            dtype="float64",
            fill_value=np.nan,
            dimension_names=(*spec.dims, "replicate", *recording.dims(name)),
            attributes={**recording.describe(name), "missing": MISSING},
        )


def _add_bookkeeping(group: zarr.Group, spec: SweepSpec) -> None:
    """Status and error per unit; parameters per point."""
    units, dims = (*spec.shape, spec.replicates), (*spec.dims, "replicate")
    flags = {"flag_values": list(range(len(STATUSES))), "flag_meanings": " ".join(STATUSES)}
    about = {"units": "1", "long_name": "what became of the unit", **flags}
    _add(group, "status", np.full(units, PENDING, np.uint8), dims, about, fill_value=LOST)
    group.create_array(  # of which no chunk is written before a unit of it has failed
        "error",
        shape=units,
        chunks=division(units, FEW),
        compressors=CHECKED,
        dtype="str",
        dimension_names=dims,
        attributes={"units": "1", "long_name": "why the unit failed"},
    )
    first = dict(spec.plans[0].parameters)
    texts = {
        "point_digest": ([plan.digest() for plan in spec.plans], "identity of the point"),
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


def _changed(first: Mapping[str, float | int], other: Parameters) -> str:
    return json.dumps({path: value for path, value in other.items() if value != first[path]})
