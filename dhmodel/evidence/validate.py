"""`dhmodel.validate`: ask the model for published findings, and say what came of it."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from dhmodel.errors import InputError, StoreError, quoted
from dhmodel.evidence.judging.baseline import fast as fast_ones
from dhmodel.evidence.judging.robustness import ask_drawn, shares
from dhmodel.evidence.judging.validation import REPLICATES, Outcome, ask, choose
from dhmodel.evidence.running.kept import Kept
from dhmodel.evidence.telling.page import page
from dhmodel.evidence.telling.report import markdown
from dhmodel.evidence.telling.table import verdict_table
from dhmodel.sweep.datasets import save_dataset

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FOLDER", "outcomes", "validate", "write"]

FOLDER = Path("results") / "validate"
"""Where runs are kept and reports go, unless told otherwise."""


def validate(
    ids: Iterable[str] | None = None,
    *,
    area: str | None = None,
    seeds: int = REPLICATES,
    workers: int = 1,
    out: str | Path = FOLDER,
    fast: bool = False,
    robustness: int = 0,
    progress: bool = True,
    cluster: str | Path | None = None,
) -> "xr.Dataset":
    """
    Ask the model for published findings.

    Runs are kept in `out` and shared between findings: the same call goes on where an interrupted one was,
    and runs nothing if nothing has changed.

    Parameters
    ----------
    ids : iterable of str, optional
        Findings; all by default.
    area : str, optional
        Only those of this area, such as ``"scs/tonic"`` or ``"scs"``.
    seeds : int
        Replicates of seed 7, each with its own cells, wiring, trains and noise.
    workers : int
        Processes to run in.
    out : path-like
        Folder of what is kept (``runs``), of the Dataset (``verdicts.nc``) and of the reports (``report.md``,
        ``report.html``).
    fast : bool
        Only the findings that cost little.
    robustness : int
        Ask again on so many draws of all default parameters within 10 %.
    progress : bool
        Whether to show a bar and messages on stderr.
    cluster : path-like, optional
        A TOML file that names a Dask cluster to run on instead of processes of this machine, as in
        `dhmodel.sweep`.

    Returns
    -------
    xarray.Dataset
        One row for each finding: ``verdict``, and of each number ``value`` (finding, number, replicate), its
        ``mean``, ``sd`` and bounds; see `dhmodel.evidence.telling.table.verdict_table`.

    Raises
    ------
    InputError
        An id, the area or another argument is wrong; nothing has run.
    EngineError
        The cluster cannot be started, or its scheduler is gone.
    StoreError
        The folder cannot be written.
    """
    found = outcomes(
        ids,
        area=area,
        seeds=seeds,
        workers=workers,
        out=out,
        fast=fast,
        robustness=robustness,
        progress=progress,
        cluster=cluster,
    )
    return write(found, seeds, Path(out))


def outcomes(
    ids: Iterable[str] | None = None,
    *,
    area: str | None = None,
    seeds: int = REPLICATES,
    workers: int = 1,
    out: str | Path = FOLDER,
    fast: bool = False,
    robustness: int = 0,
    progress: bool = True,
    cluster: str | Path | None = None,
) -> dict[str, Outcome]:
    """Ask as `validate` does, without writing a report."""
    for name, given, least in (("seeds", seeds, 1), ("workers", workers, 1), ("robustness", robustness, 0)):
        if isinstance(given, bool) or not isinstance(given, int) or given < least:
            raise InputError(f"{name}: got {quoted(given)}, needs a whole number of at least {least}")
    if isinstance(ids, str):
        raise InputError(f"ids: got {quoted(ids)}, needs a list of ids")
    chosen = choose(ids, area)
    if fast:
        cheap = fast_ones()
        chosen = {name: entry for name, entry in chosen.items() if name in cheap}
        if not chosen:
            raise InputError("none of the findings chosen is in the fast subset")
    kept = Kept(Path(out) / "runs")
    found = ask(chosen, kept, seeds, workers, progress, cluster)
    drawn = Kept(Path(out) / "robustness")
    ask_drawn(chosen, drawn, robustness, workers, progress, cluster)
    for name, one in found.items():
        draws, share = shares(name, one.entry, drawn)
        found[name] = replace(one, draws=draws, share=share)
    return found


def write(found: Mapping[str, Outcome], seeds: int, out: Path) -> "xr.Dataset":
    """
    Write Dataset and reports into a folder, each file whole or not at all, and return the Dataset.

    Raises
    ------
    StoreError
        The folder cannot be written.
    """
    table = verdict_table(found, seeds)
    save_dataset(table, out / "verdicts.nc")
    _write(out / "report.md", markdown(found, seeds))
    _write(out / "report.html", page(found, seeds))
    return table


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.{uuid4().hex[:8]}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, file)
    except OSError as error:
        raise StoreError(f"{file}: cannot write: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
