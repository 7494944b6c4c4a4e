"""
Stores that serve a larger sweep: more values, more axes, more points, more replicates, in any order.

What has been computed is found again by the digest of its point. The larger store is made beside the smaller
one, with hard links to the chunks of finished units, and takes its place by two renames; between them the
smaller one lies under a name from which the next process restores it.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zarr
from zarr.storage import LocalStore

from dhmodel.errors import StoreError
from dhmodel.sweep.layout import Layout
from dhmodel.sweep.locks import NAME, writer
from dhmodel.sweep.making import STATUSES, fill
from dhmodel.sweep.opening import array, chunk_file, identity, reading, values
from dhmodel.sweep.spec import FORMAT, MODEL, SweepSpec, differences, plain

type Index = tuple[int, ...]

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


def carried(spec: SweepSpec, group: zarr.Group) -> Iterator[tuple[Index, Index]]:
    """Find the finished units of a store in a sweep: where each is in the sweep, and where in the store."""
    status = values(group, "status")
    there: dict[str, Index] = {
        digest: index for index, digest in np.ndenumerate(values(group, "point_digest"))
    }
    done = status == STATUSES.index("done")
    for point, plan in enumerate(spec.plans):
        if (old := there.get(plan.digest())) is None:
            continue
        for replicate in np.flatnonzero(done[old][: spec.replicates]).tolist():
            yield (*spec.index(point), replicate), (*old, replicate)


def grow(spec: SweepSpec, layout: Layout, path: Path, group: zarr.Group) -> None:
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
        with reading(path):
            _carry(spec, layout, (path, group), (fresh, larger))
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


def _carry(
    spec: SweepSpec, layout: Layout, source: tuple[Path, zarr.Group], target: tuple[Path, zarr.Group]
) -> None:
    (old, group), (fresh, larger) = source, target
    names = [name for name in layout.variables if name in group]
    pairs = {name: (array(group, name), array(larger, name)) for name in names}
    absent = [array(larger, name) for name in layout.variables if name not in group]
    status = values(larger, "status")
    for new, there in carried(spec, group):
        for name, (smaller, grown) in pairs.items():
            if smaller.shape[len(there) :] == grown.shape[len(new) :]:
                file = chunk_file(fresh, grown, new)
                file.parent.mkdir(parents=True, exist_ok=True)
                os.link(chunk_file(old, smaller, there), file)
            else:
                grown[new] = layout.padded(name, np.asarray(smaller[there]))
        for variable in absent:
            variable[new] = np.nan
        status[new] = STATUSES.index("done")
    array(larger, "status")[...] = status


def _beside(path: Path) -> tuple[Path, Path]:
    """Where the larger store is made, and where the smaller one waits while it is replaced."""
    return path.with_name(f".{path.name}.grown"), path.with_name(f".{path.name}.old")
