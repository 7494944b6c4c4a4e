"""
Stores that serve a larger sweep: more values, more axes, more points, more replicates, in any order.

What has been computed is found again by the digest of its point. The larger store is made beside the smaller
one, block by block, and takes its place by two renames; between them the smaller one lies under a name from
which the next process restores it. While both are there they need the space of both.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import zarr
from zarr.storage import LocalStore

from dhmodel.errors import StoreError
from dhmodel.sweep.blocks import Units, blocks_of
from dhmodel.sweep.chunks import Encoder, into_files
from dhmodel.sweep.groups import DONE, PENDING, array, existing, identity, reading, values
from dhmodel.sweep.layout import Layout
from dhmodel.sweep.locks import NAME, writer
from dhmodel.sweep.making import fill
from dhmodel.sweep.spec import FORMAT, MODEL, SweepSpec, differences, plain

CODE = ("code version", "digest of the code")


def same(spec: SweepSpec, path: Path, group: zarr.Group) -> bool:
    """
    Whether a store is that of a sweep; if not, it is that of a part of it.

    Raises
    ------
    StoreError
        It is neither.
    """
    theirs, ours = identity(path, group), plain(spec.identity())
    if theirs is None:
        raise StoreError(f"{path}: not the store of a sweep; give another path")
    if theirs["format"] != FORMAT:
        old = f"made by an older dhmodel (store format {theirs['format']}, now {FORMAT})"
        raise StoreError(f"{path}: {old}; it can be read and exported, not continued; give another path")
    if theirs == ours and list(theirs["axes"]) == list(ours["axes"]):
        return True
    with reading(path):
        kept = set(values(group, "point_digest").flat) <= {plan.digest() for plan in spec.plans}
        fewer = spec.replicates < theirs["replicates"]
    if kept and not fewer and all(theirs[key] == ours[key] for key in CODE):
        return False
    telling = [{key: one[key] for key in one if key != MODEL} for one in (ours, theirs)]
    different = differences(*telling) or differences(ours, theirs)
    raise StoreError(f"{path}: belongs to another sweep, which differs in {different}; give another path")


def carried(spec: SweepSpec, group: zarr.Group) -> tuple[Units, Units]:
    """Find the finished units of a store in a sweep: their numbers in the sweep, and those in the store."""
    status = values(group, "status")
    replicates = status.shape[-1]
    done = (status == DONE).reshape(-1, replicates)
    there = {digest: point for point, digest in enumerate(values(group, "point_digest").flat)}
    places = ((new, there.get(plan.digest(), -1)) for new, plan in enumerate(spec.plans))
    points = np.array([place for place in places if place[1] >= 0], int).reshape(-1, 2)
    which, replicate = np.nonzero(done[points[:, 1], : spec.replicates])
    new, old = points[which].T
    return new * spec.replicates + replicate, old * replicates + replicate


def grow(spec: SweepSpec, layout: Layout, path: Path) -> None:
    """
    Replace the store of a part of a sweep by one of the sweep, which has everything that is finished.

    Raises
    ------
    StoreError
        A finished unit cannot be read.
    OSError
        It cannot be written; the store is as it was.
    """
    fresh, old = _beside(path)
    try:
        fresh.mkdir()
        larger = fill(spec, layout, LocalStore(fresh))
        _carry(spec, layout, path, fresh, larger)
        _synced(fresh)
        # the same file, so that whoever holds the lock holds it all the time
        os.link(path / NAME, fresh / NAME)
        os.rename(path, old)
        os.rename(fresh, path)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        if not path.exists():
            os.rename(old, path)
        raise
    shutil.rmtree(old)


def recover(path: Path) -> None:
    """
    Put right what a process left that was killed while a store grew.

    Raises
    ------
    StoreError
        It is not dead.
    """
    fresh, old = _beside(path)
    left = [folder for folder in (fresh, old) if folder.exists()]
    if not left:
        return
    lock = writer(path if path.exists() else old)
    try:
        if not path.exists():
            os.rename(old, path)
        for folder in (fresh, old):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()


def _carry(spec: SweepSpec, layout: Layout, path: Path, fresh: Path, larger: zarr.Group) -> None:
    group = existing(path)
    with reading(path):
        new, old = carried(spec, group)
    status = np.full((*spec.shape, spec.replicates), PENDING, np.uint8)
    source = np.full(status.shape, -1)
    status.flat[new], source.flat[new] = DONE, old
    put, encoder = into_files(fresh), Encoder(larger)
    blocks = blocks_of(array(larger, layout.variables[0]), status.shape)
    for block in np.unique(blocks.of(new)).tolist():
        region = blocks.region(block)
        for name in layout.variables:
            with reading(path):
                content = _gathered(group, name, source[region], layout.shape(name))
            for key, chunk in encoder.chunks(name, region, content):
                put(key, chunk)
    for key, chunk in encoder.chunks("status", tuple(slice(None) for _ in status.shape), status):
        put(key, chunk)


def _gathered(group: zarr.Group, name: str, source: Units, shape: tuple[int, ...]) -> np.ndarray:
    """
    Results of the units of a block from where they are in the smaller store.

    Parameters
    ----------
    group : zarr.Group
    name : str
        A variable, which the smaller store may lack.
    source : ndarray of int
        Number in the smaller store of every unit of the block; -1 where there is none.
    shape : tuple of int
        Of the results of one unit.
    """
    content = np.full((*source.shape, *shape), np.nan)
    if name not in group:
        return content
    smaller = array(group, name)
    blocks = blocks_of(smaller, array(group, "status").shape)
    place = np.nonzero(source >= 0)
    there = np.stack(np.unravel_index(source[place], blocks.shape))
    numbers = blocks.of(source[place])
    fitting = tuple(slice(length) for length in smaller.shape[len(blocks.shape) :])
    for number in np.unique(numbers).tolist():
        mine = numbers == number
        # of each block that holds some of them, the smallest part that holds these
        low, high = there[:, mine].min(axis=1), there[:, mine].max(axis=1) + 1
        part = np.asarray(smaller[tuple(map(slice, low.tolist(), high.tolist()))])
        inside = tuple(there[:, mine] - low[:, np.newaxis])
        content[(*(axis[mine] for axis in place), *fitting)] = part[inside]
    return content


def _synced(folder: Path) -> None:
    """Make sure that a power cut does not take what is in a folder."""
    for place in (place for place in folder.rglob("*") if place.is_file()):
        file = os.open(place, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _beside(path: Path) -> tuple[Path, Path]:
    """Where the larger store is made, and where the smaller one waits while it is replaced."""
    return path.with_name(f".{path.name}.grown"), path.with_name(f".{path.name}.old")
