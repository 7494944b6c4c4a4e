"""
Refinement around a feature: a sweep that grows, round by round, where its own results say.

Every round is an ordinary sweep into one store, which holds all rounds: it resumes, grows, opens and is drawn
like any other. What comes next is decided by what the store holds and nothing else, so a search that is
started again runs what is left of its round and goes on; a finished one runs nothing.
"""

import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.sweep.cost import estimate, left
from dhmodel.sweep.groups import STATUSES
from dhmodel.sweep.growing import recover
from dhmodel.sweep.opening import open_dataset
from dhmodel.sweep.quantities import Function
from dhmodel.sweep.refined import Index, title, with_feature
from dhmodel.sweep.runner import SweepInterrupted, run_sweep
from dhmodel.sweep.searches import Look, Search, build_search
from dhmodel.sweep.spec import POINT

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["estimate_search", "failures", "refine", "run_search"]

type Floats = NDArray[np.float64]


def refine(
    ranges: Mapping[str, Iterable[object]],
    feature: str = "minimum",
    *,
    measure: "str | Function" = "rate",
    population: str = "WDR",
    level: object = None,
    tolerance: object = None,
    start: int | None = None,
    points: int = 40,
    at_once: int = 2,
    axes: Mapping[str, Iterable[object]] | None = None,
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
    Sweep where a feature is: the minimum or maximum of a measure, or where it crosses a level.

    A few evenly spaced values are run first; then, round by round, those that an adaptive sampler
    (`adaptive`, extra `refine`) finds to tell most. All of them are one sweep in one store, which another
    call with the same arguments resumes or finds done; one with a smaller tolerance or another measure uses
    what is there.

    Parameters
    ----------
    ranges : mapping of {str : iterable}
        What is searched: ``[low, high]`` or ``[low, high, "log"]`` by axis. A minimum or maximum may be
        sought along several axes together.
    feature : str
        ``"minimum"``, ``"maximum"`` or ``"crossing"``, of the mean over replicates; of several crossings the
        first.
    measure : str or callable
        A variable of a run (``"rate"``, ``"active"``, ``"charge_per_second"``, ...), ``"total_count"``,
        ``"windup_slope"``, ``"windup_ratio"``, ``"windup_growth"``, ``"windup_area"``; or a function of the
        sweep's Dataset to a DataArray over the swept dimensions and `replicate`.
    population : str
        Whose, where the measure has populations.
    level : quantity
        That is crossed, in the unit of the measure, such as ``"20 Hz"``; a number for a function.
    tolerance : float, quantity or mapping, optional
        Width of the bracket at which the search ends: a fraction of the range (of its logarithm, if that is
        searched) or a quantity such as ``"2 Hz"``; by axis, if they differ. A fraction of 0.02 by default.
    start : int, optional
        Values of each range to begin with: 5, or 3 of several ranges.
    points : int
        Points at most, those that the store holds in the range included.
    at_once : int
        Points that a round adds, for each combination of `axes`.
    axes : mapping, optional
        Grid of other axes, as in `dhmodel.sweep`; the feature is sought at each of their combinations. Along
        one range all combinations share their points.
    paradigm, state, stimulus, drugs, lesion, set, duration, warmup, seed, replicates, store, workers, target
        As in `dhmodel.sweep`.
    progress, time_limit, memory_limit, cluster, check
        As in `dhmodel.sweep`.

    Returns
    -------
    xarray.Dataset
        The whole sweep, as of `dhmodel.sweep`, and over the dimensions of `axes`: for every range
        ``refined.<axis>``, the position, with ``.low`` and ``.high``, the points that bound it, and ``.sd``,
        the standard deviation over the positions of the ``.n`` replicates that have it alone;
        ``refined.value`` and ``refined.value_sd``, the measure there; ``refined.why``, why the search ended.
        Values are missing where there is no such feature.

    Raises
    ------
    InputError
        An argument is wrong, or the measure does not cross the level within the range; the message tells it
        at both ends.
    StoreError
        As of `dhmodel.sweep`.

    Notes
    -----
    Replicate r has the same cells, wiring and natural input at every point, so points are compared replicate
    by replicate. Where the difference between the points that bound the feature is no larger than twice its
    standard error, the search ends before the tolerance is reached, and says so: a closer look needs more
    replicates, not more points. The lowest of many noisy means lies below the curve's minimum.
    """
    fixed: dict[str, object] = {"paradigm": paradigm, "state": state, "stimulus": stimulus}
    fixed |= {"drugs": drugs, "lesion": lesion, "set": set, "duration": duration}
    fixed |= {"warmup": warmup, "seed": seed, "target": target}
    search = build_search(
        ranges,
        feature,
        measure,
        population,
        level,
        tolerance,
        axes,
        fixed,
        replicates,
        start,
        points,
        at_once,
    )
    options: dict[str, Any] = {"workers": workers, "progress": progress, "check": check, "cluster": cluster}
    options |= {"time_limit": time_limit, "memory_limit": memory_limit}
    found = run_search(search, None if store is None else Path(store), **options)
    if failed := failures(found):
        warnings.warn(f"{failed} of {found['status'].size} runs failed; `error` says why", stacklevel=2)
    return found


def failures(ds: "xr.Dataset") -> int:
    """How many runs of a sweep failed."""
    return int((ds["status"] == STATUSES.index("failed")).sum())


def run_search(search: Search, path: Path | None, **options: Any) -> "xr.Dataset":
    """
    Run what is left of a search; see `refine`.

    Parameters
    ----------
    search : Search
    path : Path or None
        Where the store lies or shall lie; None if nothing shall be kept.
    **options
        Of `runner.run_sweep`.
    """
    if path is not None:
        return _searched(search, path, **options)
    with tempfile.TemporaryDirectory(prefix="dhmodel-") as folder:
        try:
            return _searched(search, Path(folder) / "store.zarr", **options).load()
        except SweepInterrupted:
            raise SweepInterrupted("without a store nothing is kept") from None


def _searched(search: Search, path: Path, **options: Any) -> "xr.Dataset":
    recover(path)
    points = _with(search.begin(), _stored(search, path), len(search.ranges))
    while True:
        ds = run_sweep(search.spec(points), path, **options).dataset()
        options["check"] = False
        looks = list(_looks(search, ds, points))
        new = _next(search, points, [look.proposed for _, look in looks])
        if not len(new):
            return with_feature(search, ds, looks)
        points = _with(points, new, len(search.ranges))


def _next(search: Search, points: Floats, proposed: Sequence[Floats]) -> Floats:
    """Points of the next round: of every combination its first, then its second, up to the most allowed."""
    turns = [point for turn in zip_longest(*(one.tolist() for one in proposed)) for point in turn if point]
    allowed = search.points - int(search.inside(points).sum())
    return search.new(np.array(turns).reshape(-1, len(search.ranges)), points)[: max(allowed, 0)]


def _stored(search: Search, path: Path) -> Floats:
    """Points that a store holds, in their order; none if they are not along the ranges' axes."""
    names = [one.name for one in search.ranges]
    none = np.empty((0, len(names)))
    if not path.is_dir() or not any(path.iterdir()):
        return none
    ds, dim = open_dataset(path), names[0] if len(names) == 1 else POINT
    if any(name not in ds.coords or ds[name].dims != (dim,) for name in names):
        return none
    return np.stack([ds[name].values.astype(float) for name in names], axis=-1)


def _with(points: Floats, more: Floats, dims: int) -> Floats:
    """All points once: in order along one axis, those of several as they come."""
    if dims == 1:
        return np.unique(np.concatenate([points, more]), axis=0)
    every = dict.fromkeys(map(tuple, np.concatenate([points, more]).tolist()))
    return np.array(list(every))


def _looks(search: Search, ds: "xr.Dataset", points: Floats) -> Iterator[tuple[Index, Look]]:
    """What is known at every combination of the other axes."""
    last = search.ranges[0].name if len(search.ranges) == 1 else POINT
    values = search.quantity(ds, (*search.axes, last))
    for index in product(*(range(values.sizes[name]) for name in search.axes)):
        at = dict(zip(search.axes, index, strict=True))
        yield at, search.look(points, values.isel(at).values.astype(float))


def estimate_search(search: Search, path: Path, workers: int | None, cluster: bool = False) -> str:
    """
    Say what a search will cost at least and at most; nothing runs and nothing is written.

    Raises
    ------
    InputError, StoreError
        As of `cost.estimate`.
    """
    points = _with(search.begin(), _stored(search, path), len(search.ranges))
    spec = search.spec(points)
    lines = [title(search)]
    if not left(spec, path):
        looks = list(_looks(search, open_dataset(path), points))
        if not len(_next(search, points, [look.proposed for _, look in looks])):
            return "\n".join([*lines, f"it is finished in {path}; nothing to run"])
    most = search.spec(_filled(search, points))
    for name, one in (("at least", spec), ("at most", most)):
        lines += [f"{name}:", estimate(one, path, workers, cluster)]
    return "\n".join(lines)


def _filled(search: Search, points: Floats) -> Floats:
    """Points with as many more, spread over the ranges, as the search may add."""
    dims = len(search.ranges)
    lacking = search.points - int(search.inside(points).sum())
    # points of a finer and finer grid until there are enough, or whole numbers have no more
    for parts in range(search.start, 4 * search.points):
        every = [np.unique(one.near(np.linspace(0, 1, parts))) for one in search.ranges]
        more = search.new(np.array(list(product(*every))), points)[: max(lacking, 0)]
        if len(more) >= lacking:
            break
    return _with(points, more, dims)
