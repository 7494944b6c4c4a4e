"""
The command line: ``dhmodel run | sweep | status | plot | list | info | bench``.

Every import that takes time stands in the command that needs it, so that ``dhmodel list`` answers at once.
"""

import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dhmodel.errors import DHModelError, InputError, quoted, unknown

if TYPE_CHECKING:
    from dhmodel.sweep.files import SweepFile
    from dhmodel.sweep.store import SweepStore

app = typer.Typer(
    help="Spiking model of the spinal dorsal horn under neuromodulation.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

KINDS = ("paradigms", "states", "drugs", "stimuli", "sweeps", "parameters")

PARADIGM = typer.Option(help="Stimulation paradigm; see `dhmodel list paradigms`.")
STATE = typer.Option(help="State of the cord; see `dhmodel list states`.")
STIMULUS = typer.Option(help="Test stimulus; see `dhmodel list stimuli`.")
SET = typer.Option(
    "--set", metavar="PATH=VALUE", help='A parameter, such as tonic.frequency="50 Hz"; repeatable.'
)
DRUG = typer.Option("--drug", metavar="NAME=DOSE", help="A drug and its dose, 0 to 1; repeatable.")
DURATION = typer.Option(help='How long to record, such as "5 s"; by default as long as the stimulus needs.')
WARMUP = typer.Option(help="Time before recording starts.")
SEED = typer.Option(help="Seed of every random stream.")
TARGET = typer.Option(help="How to compute: auto, or a target of the engine.")

INTERRUPTED = 130
FAILED = 1


class _Interrupted(Exception):
    """Ctrl-C with something to say; typer turns a KeyboardInterrupt into a bare exit status."""


def _examples(*lines: str) -> str:
    """Text below a command's help; the backspace keeps typer from filling its lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


@app.callback(invoke_without_command=True)
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if show_version:
        typer.echo(f"dhmodel {version('dhmodel')}")
        raise typer.Exit


@app.command(
    epilog=_examples(
        'dhmodel run --paradigm tonic --state snl --stimulus pinch --set tonic.frequency="50 Hz"',
        "dhmodel run --stimulus brush --drug bicuculline=1 --replicates 5 --out brush.nc --spikes",
    )
)
def run(
    paradigm: Annotated[str, PARADIGM] = "none",
    state: Annotated[str, STATE] = "naive",
    stimulus: Annotated[str, STIMULUS] = "spontaneous",
    settings: Annotated[list[str] | None, SET] = None,
    drug: Annotated[list[str] | None, DRUG] = None,
    duration: Annotated[str | None, DURATION] = None,
    warmup: Annotated[str, WARMUP] = "1 s",
    seed: Annotated[int, SEED] = 1,
    replicates: Annotated[
        int, typer.Option(help="How often, each with its own cells, wiring and trains.")
    ] = 1,
    target: Annotated[str, TARGET] = "auto",
    out: Annotated[Path | None, typer.Option(help="Save the Dataset: FILE.nc or FOLDER.zarr.")] = None,
    spikes: Annotated[bool, typer.Option("--spikes", help="Keep every spike too.")] = False,
) -> None:
    """Simulate one condition and print firing rates."""
    from dhmodel.simulate import simulate
    from dhmodel.sweep.datasets import check_free, save_dataset

    settings_given, doses = _pairs("--set", settings), _pairs("--drug", drug)
    if out is not None:
        check_free(out)
    ds = simulate(
        paradigm,
        state=state,
        stimulus=stimulus,
        drugs=doses,
        set=settings_given,
        duration=duration,
        warmup=warmup,
        seed=seed,
        replicates=replicates,
        spikes=spikes,
        target=target,
        progress=True,
    )
    from dhmodel.sweep.report import rate_table

    typer.echo(rate_table(ds))
    if out is not None:
        save_dataset(ds, out)
        typer.echo(f"saved {out}")


@app.command(
    epilog=_examples(
        "dhmodel sweep scs_frequency",
        'dhmodel sweep --axis "tonic.frequency=0 Hz,10 Hz,50 Hz" --axis state=naive,snl \\',
        "    --paradigm tonic --stimulus windup --store results/windup.zarr --workers 2",
    )
)
def sweep(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE.toml]", help="See `dhmodel list sweeps`.")
    ] = None,
    axis: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=V1,V2,...", help="A swept axis and its values; repeatable."),
    ] = None,
    paradigm: Annotated[str | None, PARADIGM] = None,
    state: Annotated[str | None, STATE] = None,
    stimulus: Annotated[str | None, STIMULUS] = None,
    settings: Annotated[list[str] | None, SET] = None,
    drug: Annotated[list[str] | None, DRUG] = None,
    duration: Annotated[str | None, DURATION] = None,
    warmup: Annotated[str | None, WARMUP] = None,
    seed: Annotated[int | None, SEED] = None,
    replicates: Annotated[int | None, typer.Option(help="Replicates of every point.  [default: 5]")] = None,
    target: Annotated[str | None, TARGET] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Where results go, and whence they resume.  [default: results/NAME.zarr]"),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.  [default: one per processor]")] = None,
) -> None:
    """Simulate every combination of the values of some axes, into a store that resumes."""
    from dhmodel.sweep.files import read_sweep
    from dhmodel.sweep.runner import SweepInterrupted, run_sweep
    from dhmodel.sweep.spec import build_spec

    file = read_sweep(name) if name else None
    given: dict[str, object] = {"paradigm": paradigm, "state": state, "stimulus": stimulus}
    given |= {
        "duration": duration,
        "warmup": warmup,
        "seed": seed,
        "replicates": replicates,
        "target": target,
    }
    arguments: dict[str, Any] = dict(file.arguments) if file else {}
    arguments |= {key: value for key, value in given.items() if value is not None}
    for key, pairs in (("set", _pairs("--set", settings)), ("drugs", _pairs("--drug", drug))):
        arguments[key] = {**arguments.get(key, {}), **pairs}
    axes: dict[str, list[Any]] = {**(file.axes if file else {}), **_axes(axis)}
    if not axes:
        raise InputError(
            "sweep: needs a NAME (see `dhmodel list sweeps`), a FILE.toml or --axis NAME=V1,V2,..."
        )
    spec = build_spec(axes, arguments, arguments.pop("replicates", 5))
    path = store or Path("results") / f"{file.name if file else 'sweep'}.zarr"
    try:
        done = run_sweep(spec, path, workers=(os.cpu_count() or 1) if workers is None else workers)
    except SweepInterrupted as stop:
        raise _Interrupted(str(stop)) from None
    _tell(done, path, file)


@app.command()
def status(store: Annotated[Path, typer.Argument(help="Store of a sweep.")]) -> None:
    """Say how far a sweep is, and which of its runs failed and why."""
    from dhmodel.sweep.report import status_text
    from dhmodel.sweep.store import open_dataset, reading

    with reading(store):
        typer.echo(status_text(open_dataset(store)))


@app.command(
    epilog=_examples(
        "dhmodel plot results/scs_frequency.zarr --out figure.pdf",
    )
)
def plot(
    store: Annotated[Path, typer.Argument(help="Store of a sweep, or what `dhmodel run --out` saved.")],
    out: Annotated[
        Path | None, typer.Option(help="Figure file.  [default: beside the store, as .png]")
    ] = None,
    populations: Annotated[str, typer.Option(help="Which, with commas.")] = "WDR,PN",
) -> None:
    """Draw what a store holds."""
    from dhmodel.plots import save, sweep_figure
    from dhmodel.sweep.datasets import load_dataset

    formats = ("png", "pdf", "svg")
    file = out or store.with_suffix(".png")
    ending = file.suffix.removeprefix(".")
    if ending not in formats:
        raise InputError(f"--out: got {quoted(str(file))}, allowed endings: {', '.join(formats)}")
    figure = sweep_figure(load_dataset(store), populations.split(","))
    for written in save(figure, file, (ending,)):
        typer.echo(f"saved {written}")


@app.command(
    "list",
    epilog=_examples(
        "dhmodel list stimuli",
        "dhmodel list parameters tonic",
    ),
)
def list_(
    kind: Annotated[str, typer.Argument(help=f"What to list: {', '.join(KINDS)}.")],
    prefix: Annotated[str, typer.Argument(help="Only names that begin so.")] = "",
) -> None:
    """List what there is, one a line with a word about it."""
    entries = {name: about for name, about in _entries(kind).items() if name.startswith(prefix)}
    if not entries:
        raise InputError(f"no {kind} begin with {quoted(prefix)}; `dhmodel list {kind}` shows all")
    width = max(len(name) for name in entries)
    for name, about in entries.items():
        typer.echo(f"{name:<{width}}  {' '.join(about.split())}".rstrip())


@app.command(
    epilog=_examples(
        "dhmodel info tonic.frequency",
        "dhmodel info synapse",
    )
)
def info(
    path: Annotated[
        str, typer.Argument(help="A parameter, such as tonic.frequency, or a group, such as tonic.")
    ],
) -> None:
    """Show value, unit, allowed range and source of a parameter, and how the source was read."""
    from dhmodel.parameters import parameter, paths

    below = [name for name in paths() if name.startswith(f"{path}.")]
    for name in below or [path]:
        typer.echo(str(parameter(name)))


@app.command(
    epilog=_examples(
        "dhmodel bench",
        "dhmodel bench --quick --only throughput --only start --json bench.json",
    )
)
def bench(
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="engine, throughput, start, overhead, stimulation or sweep; repeatable."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Shorter runs, no cold start, no Cython target.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Save the figures and the machine.")
    ] = None,
) -> None:
    """Measure the engine: nanoseconds per neuron-step beside other ways to run the same network."""
    from dhmodel.bench import bench as measure_all

    if json_file is not None and not os.access(json_file.parent, os.W_OK):
        raise InputError(f"--json: cannot write into {quoted(str(json_file.parent))}")
    text, data = measure_all(only or (), quick)
    typer.echo(text)
    if json_file is not None:
        json_file.write_text(json.dumps(data, indent=2) + "\n")
        typer.echo(f"saved {json_file}")


def _tell(done: "SweepStore", path: Path, file: "SweepFile | None") -> None:
    """After a sweep: its report and figure if its file asks for them, then what failed."""
    from dhmodel.plots import save, sweep_figure
    from dhmodel.sweep.report import report_table
    from dhmodel.sweep.store import reading

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


def main() -> None:
    """Run the command line; every foreseen error is one line on stderr and a non-zero exit status."""
    # typer brings its own copy of click, or depends on click, by version; either way this is its class of
    # wrong usage
    usage_error: type[Exception] = typer.BadParameter.__mro__[1]
    try:
        code = app(args=sys.argv[1:] or ["--help"], prog_name="dhmodel", standalone_mode=False)
    except _Interrupted as stop:
        _end(f"interrupted: {stop}", INTERRUPTED)
    except typer.Abort:
        _end("interrupted", INTERRUPTED)
    except usage_error as error:
        message = error.format_message()  # type: ignore[attr-defined]
        _end(f"error: {message.rstrip('.')}; see `dhmodel --help`")
    except BrokenPipeError:
        # the reader, such as `head`, has enough; without this Python complains again when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _end(f"error: {error.filename or 'system'}: {error.strerror or error}")
    except DHModelError as error:
        _end(f"error: {error}")
    else:
        if code == INTERRUPTED:
            _end("interrupted", INTERRUPTED)
        sys.exit(code or 0)


def _end(message: str, code: int = 2) -> None:
    """Print one line on stderr and exit."""
    typer.echo(" ".join(message.split()), err=True)
    sys.exit(code)


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """Read ``NAME=VALUE`` arguments; a repeated name is an error, because the last would hide the others."""
    pairs: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise InputError(f"{option}: got {quoted(text)}, needs NAME=VALUE")
        if name.strip() in pairs:
            raise InputError(f"{option}: {name.strip()} is there twice")
        pairs[name.strip()] = value.strip()
    return pairs


def _axes(given: list[str] | None) -> dict[str, list[str]]:
    return {
        name: [value.strip() for value in text.split(",")] for name, text in _pairs("--axis", given).items()
    }


def _entries(kind: str) -> Mapping[str, str]:
    """Names of a kind, and what each is about."""
    from dhmodel import listing

    if kind == "sweeps":
        from dhmodel.sweep.files import sweeps

        return sweeps()
    if kind == "parameters":
        from dhmodel.parameters import parameter, paths
        from dhmodel.units import format_si

        found = [parameter(path) for path in paths()]
        return {one.path: f"{format_si(one.si, one.unit)}  {one.about}" for one in found}
    if kind not in KINDS:
        raise unknown("kind of thing", kind, KINDS)
    listed: dict[str, str] = getattr(listing, f"list_{kind}")()
    return listed
