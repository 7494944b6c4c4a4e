"""Options that several commands have, and the examples below their help."""

import typer

PARADIGM = typer.Option(
    help="Stimulation paradigm, or several that act together (tonic+cpm); see `dhmodel list paradigms`."
)
_STATE = "State of the cord, or one of a cohort (snl#3); see `dhmodel list states`."
STATE = typer.Option(help=_STATE)
STATE_OF_RUN = typer.Option("--state", help=f"{_STATE}  [default: naive, or the protocol's]")
STIMULUS = typer.Option(help="Test stimulus; see `dhmodel list stimuli`.")
SET = typer.Option(
    "--set", metavar="PATH=VALUE", help='A parameter, such as tonic.frequency="50 Hz"; repeatable.'
)
DRUG = typer.Option("--drug", metavar="NAME=DOSE", help="A drug and its dose, 0 to 1; repeatable.")
LESION = typer.Option(
    "--lesion",
    metavar="NAME[=FRACTION]",
    help="What is cut, all or a fraction of it; see `dhmodel list lesions`; repeatable.",
)
SCENARIO = typer.Option(
    help="Rival reading of the literature to follow; see `dhmodel list scenarios`.  [default: none]",
    show_default=False,
)
DURATION = typer.Option(help='How long to record, such as "5 s"; by default as long as the stimulus needs.')
WARMUP = typer.Option(help="Time before recording starts.")
SEED = typer.Option(help="Seed of every random stream.")
TARGET = typer.Option(help="How to compute: auto, or a target of the engine.")


def examples(*lines: str) -> str:
    """Text below a command's help; the backspace keeps typer from filling its lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
