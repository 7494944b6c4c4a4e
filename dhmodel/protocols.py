"""``dhmodel run --protocol``: what takes time to import waits until it is asked for."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dhmodel.errors import InputError, Interrupted

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["CHECKPOINT", "PROTOCOL", "refuse", "run"]

PROTOCOL = typer.Option(
    metavar="NAME|FILE.toml",
    help="A timetable over minutes to weeks in place of one condition; see `dhmodel list protocols`.",
)
CHECKPOINT = typer.Option(
    metavar="FILE",
    help="Keeps the epochs of a protocol, which resumes from it.  [default: beside --out until saved]",
)


def refuse(options: Iterable[tuple[str, object, object]]) -> None:
    """Refuse options (name, given, default) of ``dhmodel run`` that a protocol does not take."""
    for option, given, default in options:
        if given not in (default, []):
            raise InputError(f"--{option}: of no effect with --protocol, whose timetable says it")


def run(
    name: str,
    given: Mapping[str, Any],
    checkpoint: Path | None,
    out: Path | None,
) -> None:
    """
    Run a protocol, print what its tests gave, and save it.

    Parameters
    ----------
    name : str
        Name or file.
    given : mapping
        Arguments of `dhmodel.protocol`.
    checkpoint, out : Path, optional
    """
    from dhmodel.slow.protocol import protocol
    from dhmodel.sweep.datasets import check_free, save_dataset

    if out is not None:
        check_free(out)
    kept = checkpoint or (None if out is None else out.with_name(f"{out.name}.epochs"))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        ds = protocol(name, **given, checkpoint=kept, progress=True)
    except KeyboardInterrupt:
        where = f"epochs so far are in {kept}; the same command resumes" if kept else "nothing was kept"
        raise Interrupted(where) from None
    typer.echo(table(ds))
    if out is not None:
        save_dataset(ds, out)
        typer.echo(f"saved {out}")
        if checkpoint is None and kept is not None:
            kept.unlink(missing_ok=True)


def table(ds: "xr.Dataset") -> str:
    """Rates of WDR and PN during every test, mean over replicates, one test a line, in the order of time."""
    lines = [f"{'time':>12}  {'test':<16}{'WDR (Hz)':>10}{'PN (Hz)':>10}"]
    if "rate" in ds:
        mean = ds["rate"].mean("replicate").sortby("test_time")
        for test in range(mean.sizes["test"]):
            one = mean.isel(test=test)
            rates = "".join(f"{float(one.sel(population=name)):10.2f}" for name in ("WDR", "PN"))
            lines.append(f"{duration(float(one['test_time'])):>12}  {one['test_name'].item():<16}{rates}")
    error = float(ds["slow_error"].max())
    lines.append(
        f"{ds['epochs'].values.sum()} runs of the circuit; estimated error of slow states {error:.2g}"
    )
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Write a time of a protocol in the unit that suits it."""
    for name, size in (("day", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:g} {name}"
    return f"{seconds:g} s"
