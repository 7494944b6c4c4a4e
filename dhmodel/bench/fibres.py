"""What the fast fibre model costs: a thousand dorsal-column fibres under 10 kHz, from currents to spikes."""

from collections.abc import Callable

from dhmodel.bench.report import Aim, Section
from dhmodel.bench.timing import repeat
from dhmodel.parameters import resolve
from dhmodel.stimulation.axon import Launched
from dhmodel.stimulation.cord import reference
from dhmodel.stimulation.delivery import deliver, excite

__all__ = ["fibres"]

NUMBER, MINUTE = 1000, 60.0
# multiple of the ECAP threshold, and whether fibres accommodate: without, all fire as often as they can
LOADS = ((0.5, True), (1.0, True), (2.0, True), (2.0, False))


def fibres(duration: float, rounds: int, say: Callable[[str], None]) -> tuple[Section, list[Aim]]:
    """Processor time of a minute of 10 kHz, taken from shorter runs, at multiples of the ECAP threshold."""
    rows: list[tuple[str, float, float, float]] = []
    for multiple, accommodates in LOADS:
        name = f"{multiple:g}" + ("" if accommodates else ", no accommodation")
        say(f"{name} x ECAP threshold")
        rows.append((name, *_row(multiple, accommodates, duration, rounds)))
    title = f"Fast fibre model: {NUMBER} fibres, 10 kHz, runs of {duration:g} s"
    heads = ("x ECAP threshold", "spikes per fibre and s", "ns per fibre and pulse", "processor s per minute")
    aim = "processor s for 1,000 fibres and 60 s of 10 kHz"
    return Section(title, heads, rows), [
        Aim(f"{aim} at the ECAP threshold", rows[1][3], 20, False),
        Aim(f"{aim} where all fire as often as they can", rows[-1][3], 20, False),
    ]


def _row(multiple: float, accommodates: bool, duration: float, rounds: int) -> tuple[float, float, float]:
    changes: dict[str, object] = {"khz.amplitude": multiple, "khz.amplitude_scale": "ecap"}
    P = resolve(set=changes if accommodates else changes | {"axon.accommodation": 0})
    population, delivery = reference(P, "column", NUMBER), deliver(P, "khz", duration, 1, 0)
    fired: list[Launched] = []

    def run() -> None:
        fired[:] = [excite(P, population, delivery, 1, 0)]

    cost = repeat(run, rounds)
    per_pulse = cost.own / (NUMBER * len(delivery.schedule))
    rate = len(fired[0]) / (NUMBER * duration)
    return rate, 1e9 * per_pulse, MINUTE * cost.own / duration
