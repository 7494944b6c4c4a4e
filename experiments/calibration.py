"""Score a parameter set on the findings it is calibrated on.

``python experiments/calibration.py [PART ...] [PATH=VALUE ...]``; parts: rest, windup, foreman, shechter,
gate, scs.

The default parameters come from hand-made steps judged by this card, on seed 1000 (never used by a test),
three replicates, which vary trains, noise, cells and wiring. Wanted: see the right column. Tests use other
seeds.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dhmodel.evidence import protocols
from dhmodel.evidence.runs import in_pool

SEED, REPLICATES, WORKERS = 1000, 3, 2
STATES = ("naive", "snl")
OUTPUTS = ("WDR", "PN")
FREQUENCIES = (10, 50, 300, 1000)
#: WDR rate after a dorsal-column pulse, % of before, by latency in ms.
FOREMAN = {10: "11", 20: "22", 30: "30", 50: "46 (30-70)", 80: "62", 100: "81 (>= 60)"}


def show(name: str, values: ArrayLike, wanted: str = "") -> None:
    """Print mean and standard deviation over replicates."""
    values = np.atleast_1d(values)
    print(f"{name:28s} {np.nanmean(values):7.2f} +- {np.nanstd(values):5.2f}   {wanted}", flush=True)


def rest(common: dict[str, Any]) -> None:
    """Firing without a test stimulus."""
    for state in STATES:
        answer = protocols.resting(state=state, **common)
        for name in OUTPUTS:
            of = answer.sel(population=name)
            show(f"rest {state} {name} Hz", of["rate"], "naive 0-2, snl 2-8")
            show(f"rest {state} {name} active", of["active"], "WDR naive 0.2")


def windup(common: dict[str, Any]) -> None:
    """Wind-up and its three blocks."""
    answer = protocols.windup(**common)
    show("windup ratio", answer["last"] / answer["first"], ">= 1.5")
    wanted = {"slow_ratio": "0.8-1.2", "first_ap5": ">= 0.5"}
    for name, values in answer.items():
        show(f"windup {name}", values, wanted.get(name, "<= 0.5" if name.startswith("left") else ""))


def foreman(common: dict[str, Any]) -> None:
    """Trough and recovery after a dorsal-column pulse."""
    answer = protocols.foreman(**common)
    show("foreman before Hz", answer["before"], "20-70")
    for at, percent in zip(answer["latency"][1:22], answer["percent"][1:22], strict=True):
        show(f"foreman {1000 * at:.0f} ms", percent, FOREMAN.get(round(1000 * at), ""))
    half = answer["half_recovery"][np.isfinite(answer["half_recovery"])]
    show("foreman half-recovery x", np.percentile(half, 95) / np.percentile(half, 5), ">= 3")


def shechter(common: dict[str, Any]) -> None:
    """Wind-up under stimulation at 50 Hz and 1 kHz."""
    for state in reversed(STATES):
        answer = protocols.shechter(state=state, **common)
        show(f"shechter {state} control", answer["control"])
        show(f"shechter {state} 50 Hz", answer["ratio_50"], "0.45-0.85 (0.65)")
        show(f"shechter {state} 1 kHz", answer["ratio_1000"], "0.8-1.2")


def gate(common: dict[str, Any]) -> None:
    """Answer to brush with inhibition intact and blocked."""
    wanted = {"naive": "0", "disinhibited": "> 5", "disinhibited_ap5": "~0", "snl": "between", "WDR": "5-30"}
    for name, values in protocols.gate(**common).items():
        show(f"gate {name} Hz", values, wanted.get(name, ""))


def scs(common: dict[str, Any]) -> None:
    """Answer to pinch under tonic stimulation."""
    for state in STATES:
        answer = protocols.scs_on_pinch(state=state, frequencies=FREQUENCIES, **common)
        for name in OUTPUTS:
            show(f"pinch {state} {name} Hz", answer[f"{name}_none"])
            for i, frequency in enumerate(FREQUENCIES):
                show(f"scs {state} {name} {frequency} Hz %", answer[name][:, i])


PARTS: dict[str, Callable[[dict[str, Any]], None]] = {
    part.__name__: part for part in (rest, windup, foreman, shechter, gate, scs)
}


def main(words: Sequence[str]) -> None:
    """Print the parts of the card that are named, or all, with the parameters that are set."""
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    chosen = [word for word in words if "=" not in word] or list(PARTS)
    with in_pool(WORKERS) as run:
        common = {"replicates": REPLICATES, "seed": SEED, "run": run, "set": settings}
        for name in chosen:
            PARTS[name](common)


if __name__ == "__main__":
    main(sys.argv[1:])
