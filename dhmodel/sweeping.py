"""The commands ``dhmodel sweep`` and ``dhmodel export``; what takes time to import waits for its command."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dhmodel.arguments import read_axes, read_design, read_lesion, read_pairs, refuse
from dhmodel.errors import InputError, Interrupted
from dhmodel.options import DRUG, DURATION, LESION, PARADIGM, SEED, SET, STATE, STIMULUS, TARGET, WARMUP

if TYPE_CHECKING:
    from dhmodel.sweep.files import SweepFile
    from dhmodel.sweep.store import SweepStore

__all__ = ["EXAMPLES", "EXPORTS", "export", "sweep"]

EXAMPLES = (
    "dhmodel sweep scs_frequency --dry-run",
    'dhmodel sweep --axis "tonic.frequency=0 Hz,10 Hz,50 Hz" --axis state=naive,snl \\',
    "    --paradigm tonic --stimulus windup --store results/windup.zarr --workers 2",
    'dhmodel sweep --zip "tonic.frequency=10 Hz,50 Hz" --zip tonic.amplitude=1.2,0.6 --paradigm tonic',
    "dhmodel sweep scs_frequency --cluster slurm.toml --memory-limit '2 GB' --time-limit '10 min'",
    'dhmodel sweep --sample latin:64 --range "tonic.frequency=1 Hz,1 kHz,log" --range pag.drive=0,1',
)
EXPORTS = ("dhmodel export results/windup.zarr windup.nc",)

FAILED = 1


AXIS = typer.Option(metavar="NAME=V1,V2,...", help="A swept axis and its values; repeatable.")
ZIP = typer.Option("--zip", metavar="NAME=V1,V2,...", help="An axis that moves with others; repeatable.")
POINTS = typer.Option(metavar="FILE.csv", help="A list of points: names, then a point a line.")
SAMPLE = typer.Option(
    metavar="METHOD:NUMBER[:SEED]", help="Points drawn from ranges by latin, sobol or saltelli."
)
RANGE = typer.Option("--range", metavar="NAME=LOW,HIGH[,log]", help="What --sample draws from; repeatable.")
REPLICATES = typer.Option(help="Replicates of every point.  [default: 5]")
STORE = typer.Option(help="Where results go, and whence they resume.  [default: results/NAME.zarr]")
WORKERS = typer.Option(help="Processes.  [default: one per processor]")
TIME_LIMIT = typer.Option(help='A run that takes longer fails, such as "10 min".')
MEMORY_LIMIT = typer.Option(help='A run that needs more memory fails, such as "2 GB".')
CLUSTER = typer.Option(
    metavar="FILE.toml",
    help="Run on a Dask cluster instead: kind = local, address, slurm or kubernetes; TLS by a table [tls]. "
    "`python -m pydoc dhmodel.sweep.cluster_file` lists the keys.",
)
CHECK = typer.Option("--check", help="Look for damaged results in the store; compute them again.")
DRY_RUN = typer.Option("--dry-run", help="Say what there is to run and what it costs; run nothing.")


def sweep(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE.toml]", help="See `dhmodel list sweeps`.")
    ] = None,
    axis: Annotated[list[str] | None, AXIS] = None,
    zipped: Annotated[list[str] | None, ZIP] = None,
    points: Annotated[Path | None, POINTS] = None,
    sample: Annotated[str | None, SAMPLE] = None,
    ranges: Annotated[list[str] | None, RANGE] = None,
    paradigm: Annotated[str | None, PARADIGM] = None,
    state: Annotated[str | None, STATE] = None,
    stimulus: Annotated[str | None, STIMULUS] = None,
    settings: Annotated[list[str] | None, SET] = None,
    drug: Annotated[list[str] | None, DRUG] = None,
    lesion: Annotated[list[str] | None, LESION] = None,
    duration: Annotated[str | None, DURATION] = None,
    warmup: Annotated[str | None, WARMUP] = None,
    seed: Annotated[int | None, SEED] = None,
    replicates: Annotated[int | None, REPLICATES] = None,
    target: Annotated[str | None, TARGET] = None,
    store: Annotated[Path | None, STORE] = None,
    workers: Annotated[int | None, WORKERS] = None,
    time_limit: Annotated[str | None, TIME_LIMIT] = None,
    memory_limit: Annotated[str | None, MEMORY_LIMIT] = None,
    cluster: Annotated[Path | None, CLUSTER] = None,
    check: Annotated[bool, CHECK] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Simulate a grid of axes, or points that are no grid, into a store that resumes and grows."""
    from dhmodel.sweep.cost import estimate
    from dhmodel.sweep.files import read_sweep
    from dhmodel.sweep.limits import read_memory, read_time
    from dhmodel.sweep.runner import SweepInterrupted, run_sweep
    from dhmodel.sweep.spec import build_spec

    file = read_sweep(name) if name else None
    given: dict[str, object] = {"paradigm": paradigm, "state": state, "stimulus": stimulus}
    given |= {"duration": duration, "warmup": warmup, "seed": seed, "replicates": replicates}
    given |= {"target": target, "lesion": read_lesion(lesion)}
    arguments: dict[str, Any] = dict(file.arguments) if file else {}
    arguments |= {key: value for key, value in given.items() if value is not None}
    for key, pairs in (("set", read_pairs("--set", settings)), ("drugs", read_pairs("--drug", drug))):
        arguments[key] = {**arguments.get(key, {}), **pairs}
    axes: dict[str, list[Any]] = {**(file.axes if file else {}), **read_axes(axis)}
    design = read_design(zipped, points, sample, ranges) or (file.design if file else {})
    if not axes and not design:
        raise InputError(
            "sweep: needs a NAME (see `dhmodel list sweeps`), a FILE.toml or --axis NAME=V1,V2,..."
        )
    spec = build_spec(axes, arguments, arguments.pop("replicates", 5), design=design)
    path = store or Path("results") / f"{file.name if file else 'sweep'}.zarr"
    at_once = read_workers(workers, cluster)
    read_time(time_limit), read_memory(memory_limit)  # a dry run refuses what the run would
    if dry_run:
        typer.echo(estimate(spec, path, at_once, cluster is not None))
        return
    try:
        done = run_sweep(
            spec,
            path,
            workers=1 if at_once is None else at_once,
            check=check,
            time_limit=time_limit,
            memory_limit=memory_limit,
            cluster=cluster,
        )
    except SweepInterrupted as stop:
        raise Interrupted(str(stop)) from None
    _tell(done, path, file)


def read_workers(workers: int | None, cluster: Path | None) -> int | None:
    """How many runs there are at once; of a scheduler that is there, nobody knows before it is asked."""
    if cluster is None:
        return (os.cpu_count() or 1) if workers is None else workers
    from dhmodel.sweep.cluster_file import Local, read_cluster

    refuse("a sweep on this machine: --cluster has its own number", workers=workers)
    found = read_cluster(cluster)
    number: int | None = getattr(found, "workers", None)
    return (os.cpu_count() or 1) if number is None and isinstance(found, Local) else number


def export(
    store: Annotated[Path, typer.Argument(help="Store of a sweep, finished or not.")],
    file: Annotated[Path, typer.Argument(metavar="FILE.nc", help="NetCDF file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Write all of a store into one NetCDF file, whole or not at all; it may be larger than the memory."""
    from dhmodel.sweep.datasets import export_store

    typer.echo(export_store(store, file, force))


def _tell(done: "SweepStore", path: Path, file: "SweepFile | None") -> None:
    """After a sweep: its report and figure if its file asks for them, then what failed."""
    from dhmodel.plots import save, sweep_figure
    from dhmodel.sweep.opening import reading
    from dhmodel.sweep.report import report_table

    if file and file.report:
        with reading(path):
            ds = done.dataset().load()
        typer.echo(report_table(ds, file.report))
        for written in save(sweep_figure(ds, file.report.populations), path.with_suffix("")):
            typer.echo(f"saved {written}")
    typer.echo(f"results in {path}")
    failed = done.count("failed")
    if failed:
        typer.echo(
            f"error: {failed} of {done.status.size} runs failed; `dhmodel status {path}` says why", err=True
        )
        raise typer.Exit(FAILED)
