"""The command ``dhmodel validate``. Like all of the command line, it imports what takes time when it runs."""

import os
from pathlib import Path
from typing import Annotated

import typer

from dhmodel.errors import InputError, Interrupted

__all__ = ["EXAMPLES", "validate"]

EXAMPLES = (
    "dhmodel validate --workers 2",
    "dhmodel validate --area scs/tonic --fast",
    "dhmodel validate --id shechter2013_windup_C_50Hz --id torsney2006_gate --robustness 32",
)

FELL = 1


def validate(
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", help="A finding, see `dhmodel list findings`; repeatable.  [default: all]"),
    ] = None,
    area: Annotated[
        str | None, typer.Option(help="Only findings of this area, such as scs/tonic, or scs for all below.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(help="Replicates of seed 7, each with its own cells, wiring, trains and noise.")
    ] = 5,
    workers: Annotated[int | None, typer.Option(help="Processes.  [default: one per processor]")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where runs are kept, and reports go.  [default: results/validate]")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Only the findings that cost little.")] = False,
    robustness: Annotated[
        int, typer.Option(help="Ask again on so many draws of all default parameters within 10 %.")
    ] = 0,
    cluster: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Run on a Dask cluster instead, as `dhmodel sweep` does."),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Renew the baseline of what passes, in the package.")
    ] = False,
) -> None:
    """Ask the model for published findings; exit status 1 if one that passed before does not now."""
    from dhmodel.evidence.judging import baseline
    from dhmodel.evidence.ledger import findings
    from dhmodel.evidence.telling.told import refuse_renewal, tell
    from dhmodel.evidence.validate import FOLDER, outcomes, write
    from dhmodel.sweep.runner import SweepInterrupted

    if accept:
        refuse_renewal(seeds)
    if cluster is not None and workers is not None:
        raise InputError("--workers: of no effect with --cluster, which has its own number")
    folder, processes = out or FOLDER, (os.cpu_count() or 1) if workers is None else workers
    try:
        found = outcomes(
            ids,
            area=area,
            seeds=seeds,
            workers=processes,
            out=folder,
            fast=fast,
            robustness=robustness,
            cluster=cluster,
        )
    except SweepInterrupted as stop:
        raise Interrupted(str(stop)) from None
    write(found, seeds, folder)
    if accept:
        baseline.accept(found, findings())
    text, fell = tell(found, seeds, folder)
    typer.echo(text)
    if fell:
        typer.echo(f"error: {fell}", err=True)
        raise typer.Exit(FELL)
