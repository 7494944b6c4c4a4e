"""
The command line: ``dhmodel run | sweep | status | plot | validate | list | info | bench``.

Every import that takes time stands in the command that needs it, so that ``dhmodel list`` answers at once.
"""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dhmodel.arguments import (
    KINDS,
    check_store,
    figure_file,
    read_axes,
    read_design,
    read_input,
    read_kind,
    read_pairs,
    refuse,
)
from dhmodel.errors import DHModelError, InputError, Interrupted, quoted
from dhmodel.evidence import command

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

PARADIGM = typer.Option(help="Stimulation paradigm; see `dhmodel list paradigms`.")
STATE = typer.Option(help="State of the cord, or one of a cohort (snl#3); see `dhmodel list states`.")
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
        "dhmodel run --trains units.csv --class LTMR=AB --class noise=none --fill repeat --duration '10 s'",
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
    trains: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Measured spike trains as input: CSV (fibre,class,time), or Neo's."
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME=CLASS",
            help="Class of a unit or kind of unit in --trains: IA, AB, AD, CP, CN or none; repeatable.",
        ),
    ] = None,
    fill: Annotated[
        str, typer.Option(help="Fibres without a train: background, repeat or silent.")
    ] = "background",
) -> None:
    """Simulate one condition and print firing rates."""
    from dhmodel.simulate import simulate
    from dhmodel.sweep.datasets import check_free, save_dataset

    settings_given, doses = read_pairs("--set", settings), read_pairs("--drug", drug)
    given = read_input(trains, classes, duration, warmup)
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
        trains=given,
        fill=fill,
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
        'dhmodel sweep --zip "tonic.frequency=10 Hz,50 Hz" --zip tonic.amplitude=1.2,0.6',
        'dhmodel sweep --sample latin:64 --range "tonic.frequency=1 Hz,1 kHz,log" --range pag.drive=0,1',
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
    zipped: Annotated[
        list[str] | None,
        typer.Option("--zip", metavar="NAME=V1,V2,...", help="Axes that move together; repeatable."),
    ] = None,
    points: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="A list of points: names, then a point a line.")
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(metavar="METHOD:NUMBER", help="Points drawn from ranges: latin, sobol or saltelli."),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="NAME=LOW,HIGH[,log]", help="What --sample draws from; repeatable."),
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
    """Simulate a grid of axes, or points that are no grid, into a store that resumes."""
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
    try:
        done = run_sweep(spec, path, workers=(os.cpu_count() or 1) if workers is None else workers)
    except SweepInterrupted as stop:
        raise Interrupted(str(stop)) from None
    _tell(done, path, file)


@app.command()
def status(store: Annotated[Path, typer.Argument(help="Store of a sweep.")]) -> None:
    """Say how far a sweep is, and which of its runs failed and why."""
    from dhmodel.sweep.opening import open_dataset, reading
    from dhmodel.sweep.report import status_text

    with reading(store):
        typer.echo(status_text(open_dataset(store)))


@app.command(
    epilog=_examples(
        "dhmodel plot results/scs_frequency.zarr --out figure.pdf",
        'dhmodel plot --paradigm burst --set burst.amplitude=0.8 --duration "0.5 s"',
        'dhmodel plot --paradigm closed_loop --set anatomy.species=human --duration "20 s" --out loop.pdf',
    )
)
def plot(
    store: Annotated[
        Path | None, typer.Argument(help="Store of a sweep, or what `dhmodel run --out` saved.")
    ] = None,
    paradigm: Annotated[
        str | None, typer.Option(help="Show what this paradigm (or FILE.toml) delivers; no circuit is run.")
    ] = None,
    state: Annotated[str | None, STATE] = None,
    settings: Annotated[list[str] | None, SET] = None,
    duration: Annotated[str | None, typer.Option(help="How long the paradigm runs.  [default: 1 s]")] = None,
    seed: Annotated[int | None, SEED] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Figure file.  [default: beside the store, or the name of the paradigm, as .png]"),
    ] = None,
    populations: Annotated[
        str | None, typer.Option(help="Which of a store, with commas.  [default: WDR,PN]")
    ] = None,
) -> None:
    """Draw what a store holds, or what a paradigm delivers."""
    if (store is None) == (paradigm is None):
        raise InputError("plot: needs a STORE or --paradigm NAME, one of the two")
    from dhmodel.plots import save, stimulation_figure, sweep_figure

    if store is not None:
        check_store(store)
        refuse("--paradigm", state=state, set=settings, duration=duration, seed=seed)
        file, ending = figure_file(out, store.with_suffix(".png"))
        from dhmodel.sweep.datasets import load_dataset

        figure = sweep_figure(load_dataset(store), (populations or "WDR,PN").split(","))
    else:
        refuse("a STORE", populations=populations)
        file, ending = figure_file(out, Path(f"{Path(str(paradigm)).stem}.png"))
        from dhmodel.stimulation.table import delivery_table
        from dhmodel.stimulation.view import stimulate

        given: dict[str, Any] = {"state": state, "duration": duration, "seed": seed}
        chosen = {name: value for name, value in given.items() if value is not None}
        ds = stimulate(str(paradigm), set=read_pairs("--set", settings), **chosen)
        typer.echo(delivery_table(ds))
        figure = stimulation_figure(ds)
    for written in save(figure, file, (ending,)):
        typer.echo(f"saved {written}")


app.command(epilog=_examples(*command.EXAMPLES))(command.validate)


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
    entries = {name: about for name, about in read_kind(kind).items() if name.startswith(prefix)}
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
            metavar="NAME",
            help="engine, throughput, start, overhead, stimulation, fibres or sweep; repeatable.",
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


def main() -> None:
    """Run the command line; every foreseen error is one line on stderr and a non-zero exit status."""
    # typer brings its own copy of click, or depends on click, by version; either way this is its class of
    # wrong usage
    usage_error: type[Exception] = typer.BadParameter.__mro__[1]
    try:
        code = app(args=sys.argv[1:] or ["--help"], prog_name="dhmodel", standalone_mode=False)
    except Interrupted as stop:
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
