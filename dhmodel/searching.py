"""The command ``dhmodel refine``; what takes time to import waits for it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from dhmodel.arguments import read_axes, read_lesion, read_pairs, read_ranges
from dhmodel.errors import InputError, Interrupted
from dhmodel.options import DRUG, DURATION, LESION, PARADIGM, SEED, SET, STATE, STIMULUS, TARGET, WARMUP
from dhmodel.sweeping import (
    AXIS,
    CHECK,
    CLUSTER,
    DRY_RUN,
    FAILED,
    MEMORY_LIMIT,
    TIME_LIMIT,
    WORKERS,
    read_workers,
)

__all__ = ["EXAMPLES", "refine"]

EXAMPLES = (
    'dhmodel refine minimum --range "tonic.frequency=1 Hz,1 kHz,log" --paradigm tonic --stimulus pinch',
    'dhmodel refine crossing --level "20 Hz" --range "vonfrey.force=5 mN,200 mN" --tolerance "2 mN" \\',
    "    --axis state=naive,snl --stimulus vonfrey --store results/threshold.zarr --workers 2",
    'dhmodel refine maximum --measure active --population PN --range "tonic.frequency=1 Hz,200 Hz" --dry-run',
)

FEATURE = typer.Argument(metavar="FEATURE", help="minimum, maximum or crossing.")
RANGE = typer.Option("--range", metavar="NAME=LOW,HIGH[,log]", help="What is searched; repeatable.")
MEASURE = typer.Option(help="rate, active, total_count, windup_slope, ... of each run.")
POPULATION = typer.Option(help="Whose.")
LEVEL = typer.Option(help='What is crossed, such as "20 Hz".')
TOLERANCE = typer.Option(
    metavar="[NAME=]WIDTH",
    help='Bracket at the end: a fraction of the range, or such as "2 Hz"; repeatable.  [default: 0.02]',
)
START = typer.Option(help="Values of each range to begin with.  [default: 5, of several ranges 3]")
POINTS = typer.Option(help="Points at most.")
AT_ONCE = typer.Option(help="Points that a round adds.")
REPLICATES = typer.Option(help="Replicates of every point; the feature is that of their mean.")
STORE = typer.Option(help="Where results go, and whence they resume.")
OUT = typer.Option(help="Save sweep and feature: FILE.nc or FOLDER.zarr.")


def refine(
    feature: Annotated[str, FEATURE],
    ranges: Annotated[list[str] | None, RANGE] = None,
    measure: Annotated[str, MEASURE] = "rate",
    population: Annotated[str, POPULATION] = "WDR",
    level: Annotated[str | None, LEVEL] = None,
    tolerance: Annotated[list[str] | None, TOLERANCE] = None,
    start: Annotated[int | None, START] = None,
    points: Annotated[int, POINTS] = 40,
    at_once: Annotated[int, AT_ONCE] = 2,
    axis: Annotated[list[str] | None, AXIS] = None,
    paradigm: Annotated[str, PARADIGM] = "none",
    state: Annotated[str, STATE] = "naive",
    stimulus: Annotated[str, STIMULUS] = "spontaneous",
    settings: Annotated[list[str] | None, SET] = None,
    drug: Annotated[list[str] | None, DRUG] = None,
    lesion: Annotated[list[str] | None, LESION] = None,
    duration: Annotated[str | None, DURATION] = None,
    warmup: Annotated[str, WARMUP] = "1 s",
    seed: Annotated[int, SEED] = 1,
    replicates: Annotated[int, REPLICATES] = 5,
    target: Annotated[str, TARGET] = "auto",
    store: Annotated[Path, STORE] = Path("results/refine.zarr"),
    out: Annotated[Path | None, OUT] = None,
    workers: Annotated[int | None, WORKERS] = None,
    time_limit: Annotated[str | None, TIME_LIMIT] = None,
    memory_limit: Annotated[str | None, MEMORY_LIMIT] = None,
    cluster: Annotated[Path | None, CLUSTER] = None,
    check: Annotated[bool, CHECK] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Sweep where a minimum, a maximum or a threshold crossing is, into a store that resumes."""
    from dhmodel.sweep.limits import read_memory, read_time
    from dhmodel.sweep.searches import build_search

    fixed: dict[str, Any] = {"paradigm": paradigm, "state": state, "stimulus": stimulus}
    fixed |= {"duration": duration, "warmup": warmup, "seed": seed, "target": target}
    fixed["lesion"] = read_lesion(lesion) or "none"
    fixed |= {"set": read_pairs("--set", settings), "drugs": read_pairs("--drug", drug)}
    search = build_search(
        read_ranges(ranges),
        feature,
        measure,
        population,
        level,
        _tolerance(tolerance),
        read_axes(axis),
        fixed,
        replicates,
        start,
        points,
        at_once,
    )
    processes = read_workers(workers, cluster)
    read_time(time_limit), read_memory(memory_limit)  # a dry run refuses what the run would
    if dry_run:
        from dhmodel.sweep.refining import estimate_search

        typer.echo(estimate_search(search, store, processes, cluster is not None))
        return
    options = {"time_limit": time_limit, "memory_limit": memory_limit, "cluster": cluster, "check": check}
    _run(search, store, out, workers=processes or 1, **options)


def _tolerance(given: list[str] | None) -> Any:
    """One width for all ranges, or widths by name."""
    if given and any("=" in text for text in given):
        return read_pairs("--tolerance", given)
    if given and len(given) > 1:
        raise InputError("--tolerance: given several times, needs NAME=WIDTH")
    return given[0] if given else None


def _run(search: Any, store: Path, out: Path | None, **options: Any) -> None:
    from dhmodel.sweep.datasets import check_free, save_dataset
    from dhmodel.sweep.refined import feature_text
    from dhmodel.sweep.refining import failures, run_search
    from dhmodel.sweep.runner import SweepInterrupted

    if out is not None:
        check_free(out)
    try:
        ds = run_search(search, store, **options)
    except SweepInterrupted as stop:
        raise Interrupted(str(stop)) from None
    typer.echo(feature_text(search, ds))
    if out is not None:
        save_dataset(ds.load(), out)
        typer.echo(f"saved {out}")
    typer.echo(f"results in {store}")
    if failed := failures(ds):
        typer.echo(
            f"error: {failed} of {ds['status'].size} runs failed; `dhmodel status {store}` says why", err=True
        )
        raise typer.Exit(FAILED)
