"""
The command line: ``dhmodel run | sweep | refine | status | export | plot | validate | list | info | bench``.

Every import that takes time stands in the command that needs it, so that ``dhmodel list`` answers at once.
"""

import json
import os
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from dhmodel import protocols, searching, sweeping
from dhmodel.arguments import (
    KINDS,
    check_store,
    figure_file,
    read_input,
    read_kind,
    read_lesion,
    read_pairs,
    refuse,
)
from dhmodel.errors import DHModelError, InputError, Interrupted, one_line, quoted
from dhmodel.evidence import command
from dhmodel.options import (
    DRUG,
    DURATION,
    LESION,
    PARADIGM,
    SCENARIO,
    SEED,
    SET,
    STATE,
    STATE_OF_RUN,
    STIMULUS,
    TARGET,
    WARMUP,
    examples,
)
from dhmodel.protocols import CHECKPOINT, PROTOCOL

app = typer.Typer(
    help="Spiking model of the spinal dorsal horn under neuromodulation.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130


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
    epilog=examples(
        'dhmodel run --paradigm tonic --state snl --stimulus pinch --set tonic.frequency="50 Hz"',
        "dhmodel run --stimulus brush --drug bicuculline=1 --replicates 5 --out brush.nc --spikes",
        "dhmodel run --paradigm tonic+rtms --set rtms.pattern=itbs --stimulus windup",
        "dhmodel run --protocol scs_30min --out scs.nc",
        "dhmodel run --trains units.csv --class LTMR=AB --class noise=none --fill repeat --duration '10 s'",
    )
)
def run(
    paradigm: Annotated[str, PARADIGM] = "none",
    state: Annotated[str | None, STATE_OF_RUN] = None,
    stimulus: Annotated[str, STIMULUS] = "spontaneous",
    settings: Annotated[list[str] | None, SET] = None,
    drug: Annotated[list[str] | None, DRUG] = None,
    lesion: Annotated[list[str] | None, LESION] = None,
    scenario: Annotated[str, SCENARIO] = "",
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
    protocol: Annotated[str | None, PROTOCOL] = None,
    checkpoint: Annotated[Path | None, CHECKPOINT] = None,
) -> None:
    """Simulate one condition, or a protocol over minutes to weeks, and print firing rates."""
    if protocol is not None:
        plain = (("paradigm", paradigm, "none"), ("stimulus", stimulus, "spontaneous"), ("drug", drug, None))
        timed = (("duration", duration, None), ("spikes", spikes, False), ("trains", trains, None))
        rest = (("class", classes, None), ("fill", fill, "background"), ("scenario", scenario, ""))
        protocols.refuse((*plain, *timed, *rest))
        chosen = {"state": state, "set": read_pairs("--set", settings), "warmup": warmup, "seed": seed}
        chosen["lesion"] = read_lesion(lesion)
        protocols.run(protocol, {**chosen, "replicates": replicates, "target": target}, checkpoint, out)
        return
    refuse("--protocol", checkpoint=checkpoint)
    from dhmodel.simulate import simulate
    from dhmodel.sweep.datasets import check_free, save_dataset

    settings_given, doses = read_pairs("--set", settings), read_pairs("--drug", drug)
    given = read_input(trains, classes, duration, warmup)
    if out is not None:
        check_free(out)
    ds = simulate(
        paradigm,
        state=state or "naive",
        stimulus=stimulus,
        drugs=doses,
        lesion=read_lesion(lesion),
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
        scenario=scenario,
    )
    from dhmodel.sweep.report import rate_table

    typer.echo(rate_table(ds))
    if out is not None:
        save_dataset(ds, out)
        typer.echo(f"saved {out}")


app.command(epilog=examples(*sweeping.EXAMPLES))(sweeping.sweep)
app.command(epilog=examples(*searching.EXAMPLES))(searching.refine)


@app.command()
def status(store: Annotated[Path, typer.Argument(help="Store of a sweep.")]) -> None:
    """Say how far a sweep is, and which of its runs failed and why."""
    from dhmodel.sweep.opening import open_dataset, reading
    from dhmodel.sweep.report import status_text

    with reading(store):
        typer.echo(status_text(open_dataset(store)))


app.command(epilog=examples(*sweeping.EXPORTS))(sweeping.export)


@app.command(
    epilog=examples(
        "dhmodel plot results/scs_frequency.zarr --out figure.pdf",
        'dhmodel plot --paradigm burst --set burst.amplitude=0.8 --duration "0.5 s"',
        'dhmodel plot --paradigm exercise --set exercise.kind=isometric --duration "2 min"',
        'dhmodel plot --paradigm closed_loop --set anatomy.species=human --duration "20 s" --out loop.pdf',
    )
)
def plot(
    store: Annotated[
        Path | None, typer.Argument(help="Store of a sweep, or what `dhmodel run --out` saved.")
    ] = None,
    paradigm: Annotated[
        str | None,
        typer.Option(help="Show what this paradigm (or FILE.toml, or tonic+cpm) delivers; runs no circuit."),
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


app.command(epilog=examples(*command.EXAMPLES))(command.validate)


@app.command(
    "list",
    epilog=examples(
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
    epilog=examples(
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
    from dhmodel.slow.states import package

    slow = package().numbers
    below = [name for name in paths(slow) if name.startswith(f"{path}.")]
    for name in below or [path]:
        typer.echo(str(parameter(name, slow)))


@app.command(
    epilog=examples(
        "dhmodel bench",
        "dhmodel bench --quick --only throughput --only start --json bench.json",
        "dhmodel bench --only sweep --full",
    )
)
def bench(
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="engine, throughput, start, overhead, stimulation, fibres, baselines, scale, memory, "
            "sweep, workers or cluster; repeatable.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Shorter runs, no cold start, no Cython, no large circuit.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Run all thousand points of the sweep.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Save the figures and the machine.")
    ] = None,
) -> None:
    """Measure what engine and sweeps cost on this machine, beside other ways to run the same network."""
    from dhmodel.bench import bench as measure_all

    if json_file is not None and not os.access(json_file.parent, os.W_OK):
        raise InputError(f"--json: cannot write into {quoted(str(json_file.parent))}")
    text, data = measure_all(only or (), quick, full)
    typer.echo(text)
    if json_file is not None:
        json_file.write_text(json.dumps(data, indent=2) + "\n")
        typer.echo(f"saved {json_file}")


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
        _end(f"error: {_misused(error)}")
    except BrokenPipeError:
        # the reader, such as `head`, has enough; without this Python complains again when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _end(f"error: {error.filename or 'system'}: {error.strerror or error}")
    except DHModelError as error:
        _end(f"error: {error}")
    except MemoryError as error:
        _end(f"error: not enough memory; {error}")
    else:
        if code == INTERRUPTED:
            _end("interrupted", INTERRUPTED)
        sys.exit(code or 0)


def _misused(error: Any) -> str:
    """Say what is wrong about the arguments: click's words, with what was given and where the help is."""
    place = error.ctx.command_path if error.ctx else "dhmodel"
    given = ""
    for option in getattr(getattr(error, "param", None), "opts", ()):
        following = [after for name, after in pairwise(sys.argv) if name == option]
        following += [one.partition("=")[2] for one in sys.argv if one.startswith(f"{option}=")]
        given = f", got {quoted(following[-1])}" if following else given
    return f"{error.format_message().rstrip('.')}{given}; see `{place} --help`"


def _end(message: str, code: int = 2) -> None:
    """Print one line on stderr and exit."""
    typer.echo(one_line(message), err=True)
    sys.exit(code)
