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
MULTIPLES = (0.5, 1.0, 2.0)


def fibres(duration: float, rounds: int, say: Callable[[str], None]) -> tuple[Section, list[Aim]]:
    """Processor time of a minute of 10 kHz, taken from shorter runs, at multiples of the ECAP threshold."""
    rows: list[tuple[float, float, float, float]] = []
    for multiple in MULTIPLES:
        say(f"{multiple:g} x ECAP threshold")
        rows.append(_row(multiple, duration, rounds))
    title = f"Fast fibre model: {NUMBER} fibres, 10 kHz, runs of {duration:g} s"
    heads = ("x ECAP threshold", "spikes per fibre and s", "ns per fibre and pulse", "processor s per minute")
    at_threshold = next(row[3] for row in rows if row[0] == 1.0)
    return Section(title, heads, rows), [
        Aim("processor s for 1,000 fibres and 60 s of 10 kHz at the ECAP threshold", at_threshold, 20, False)
    ]


def _row(multiple: float, duration: float, rounds: int) -> tuple[float, float, float, float]:
    P = resolve(set={"khz.amplitude": multiple, "khz.amplitude_scale": "ecap"})
    population, delivery = reference(P, "column", NUMBER), deliver(P, "khz", duration, 1, 0)
    fired: list[Launched] = []

    def run() -> None:
        fired[:] = [excite(P, population, delivery, 1, 0)]

    cost = repeat(run, rounds)
    per_pulse = cost.own / (NUMBER * len(delivery.schedule))
    rate = len(fired[0]) / (NUMBER * duration)
    return multiple, rate, 1e9 * per_pulse, MINUTE * cost.own / duration
