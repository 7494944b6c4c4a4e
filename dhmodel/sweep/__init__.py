"""Sweeps over parameters: axes to points, where they run, what is stored, and the loop that joins them."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["sweep"]


def sweep(
    axes: Mapping[str, Iterable[object]] | None = None,
    *,
    zip: Mapping[str, Iterable[object]] | None = None,
    points: Iterable[Mapping[str, object]] | None = None,
    sample: Mapping[str, object] | None = None,
    paradigm: str = "none",
    state: str = "naive",
    stimulus: str = "spontaneous",
    drugs: Mapping[str, object] | None = None,
    lesion: str | Mapping[str, object] | None = "none",
    set: Mapping[str, object] | None = None,
    duration: object = None,
    warmup: object = "1 s",
    seed: int = 1,
    replicates: int = 5,
    store: str | Path | None = None,
    workers: int = 1,
    target: str = "auto",
    progress: bool = True,
    time_limit: object = None,
    memory_limit: object = None,
    cluster: str | Path | None = None,
    check: bool = False,
) -> "xr.Dataset":
    """
    Simulate every combination of the values of some axes, or points that are no grid.

    With a store, an interrupted sweep is resumed by the same call, a finished one computes nothing, and a
    larger one (more values, axes, points or replicates) computes what is new.

    Parameters
    ----------
    axes : mapping of {str : iterable}, optional
        Values by axis: a parameter path, ``"paradigm"``, ``"state"``, ``"stimulus"``, ``"lesion"`` or
        ``"drugs.<name>"`` (dose, 0 to 1). Quantities are text with a unit, such as ``["0 Hz", "50 Hz"]``, or
        Brian2 quantities.
    zip, points, sample : optional
        One of the three gives points along a dimension `point`, which a grid of `axes` multiplies. `zip`:
        values by name as in `axes`, which move together. `points`: a list of mappings of name to value.
        `sample`: a mapping with `ranges` (name to ``[low, high]`` or ``[low, high, "log"]``), `number`,
        `method` and `seed`; ``"latin"`` is a Latin hypercube of `number` points, ``"sobol"`` the first
        `number` points of a Sobol sequence, ``"saltelli"`` the `number` times (ranges + 2) points of which
        SALib finds Sobol indices. Samples need the extra `sensitivity`.
    paradigm, state, stimulus, drugs, lesion, set, duration, warmup, seed, target
        As in `dhmodel.simulate`; what all points share.
    replicates : int
        Replicates of every point. Replicate r of all points shares its cells, wiring and natural input.
    store : path-like, optional
        Zarr store to write or continue; kept in memory if not given.
    workers : int
        Processes to run in.
    progress : bool
        Whether to show a bar and messages on stderr.
    time_limit : str or quantity, optional
        A run that takes longer fails, such as ``"10 min"``.
    memory_limit : str, optional
        A run that needs more memory fails, such as ``"2 GB"``.
    cluster : path-like, optional
        A TOML file that names a Dask cluster to run on instead of processes of this machine: workers on this
        machine, a scheduler that is there, SLURM or Kubernetes. `dhmodel.sweep.cluster_file` says what it may
        hold and how to encrypt the connections. Needs the extra `cluster`.
    check : bool
        Whether to look for damaged results in the store and compute them again; after a process that was
        killed this is done anyway.

    Returns
    -------
    xarray.Dataset
        Dimensions: the axes in their order (SI units), `point` if there are points, with what was swept as
        coordinates, `replicate`, then those of `dhmodel.simulate`. Where a
        run has no such bin or stimulus, or failed, values are NaN; `status` and `error` tell which. Opened
        lazily if there is a store.

    Raises
    ------
    InputError
        An axis or argument is wrong; nothing has been written.
    StoreError
        The store belongs to another sweep, is corrupt, or cannot be written.
    EngineError
        Nothing can run, or the scheduler of a cluster is gone.
    """
    # here, so that a worker process, which imports this package, starts without xarray and zarr
    from dhmodel.sweep.runner import run_sweep
    from dhmodel.sweep.spec import build_spec

    fixed: dict[str, object] = {"paradigm": paradigm, "state": state, "stimulus": stimulus}
    fixed |= {
        "drugs": drugs,
        "lesion": lesion,
        "set": set,
        "duration": duration,
        "warmup": warmup,
        "seed": seed,
        "target": target,
    }
    design = {"zip": zip, "points": points, "sample": sample}
    spec = build_spec(axes, fixed, replicates, design=design)
    done = run_sweep(
        spec,
        store,
        workers=workers,
        progress=progress,
        time_limit=time_limit,
        memory_limit=memory_limit,
        cluster=cluster,
        check=check,
    )
    failed = done.errors()
    if failed:
        (point, replicate), error = next(iter(failed.items()))
        first = f"{spec.label(point)}, replicate {replicate}: {error}"
        warnings.warn(f"{len(failed)} of {done.status.size} runs failed; first: {first}", stacklevel=2)
    return done.dataset()
