"""Score a parameter set on the findings it is calibrated on: ``python experiments/calibration.py [PATH=VALUE ...]``.

The default parameters come from hand-made steps judged by this card, on seed 1000 (never used by a test), three replicates,
which vary trains, noise, cells and wiring. Wanted: see the right column. Tests use other seeds.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from dhmodel.evidence import protocols
from dhmodel.simulate import prepare, record

SEED, REPLICATES, WORKERS = 1000, 3, 2


def in_pool(pool):
    """Return a `protocols.Run` on the pool's workers, longest runs first."""

    def run(work):
        for plan in {plan.parameters["circuit.scale"]: plan for plan, _ in work}.values():
            prepare(plan)
        order = sorted(range(len(work)), key=lambda i: -work[i][0].duration)
        futures = {i: pool.submit(record, *work[i]) for i in order}
        return [futures[i].result() for i in range(len(work))]

    return run


def show(name, values, wanted):
    """Print mean and standard deviation over replicates."""
    values = np.atleast_1d(values)
    print(f"{name:28s} {np.nanmean(values):7.2f} +- {np.nanstd(values):5.2f}   {wanted}", flush=True)


def card(run, set, parts):
    """Run the protocols and print what they say."""
    common = {"replicates": REPLICATES, "seed": SEED, "run": run, "set": set}
    if "rest" in parts:
        for state in ("naive", "snl"):
            rest = protocols.resting(state=state, **common)
            for population in ("WDR", "PN"):
                show(
                    f"rest {state} {population} Hz",
                    rest["rate"].sel(population=population),
                    "naive 0-2, snl 2-8",
                )
                show(
                    f"rest {state} {population} active",
                    rest["active"].sel(population=population),
                    "WDR naive 0.2",
                )
    if "windup" in parts:
        answer = protocols.windup(**common)
        show("windup ratio", answer["last"] / answer["first"], ">= 1.5")
        wanted = {"first": "", "last": "", "slow_ratio": "0.8-1.2", "first_ap5": ">= 0.5"}
        for name, values in answer.items():
            show(f"windup {name}", values, wanted.get(name, "<= 0.5" if name.startswith("left") else ""))
    if "foreman" in parts:
        answer = protocols.foreman(**common)
        show("foreman before Hz", answer["before"], "20-70")
        for at, percent in zip(answer["latency"][1:22], answer["percent"][1:22], strict=True):
            show(
                f"foreman {1000 * at:.0f} ms",
                percent,
                {10: "11", 20: "22", 30: "30", 50: "46 (30-70)", 80: "62", 100: "81 (>= 60)"}.get(
                    round(1000 * at), ""
                ),
            )
        half = answer["half_recovery"][np.isfinite(answer["half_recovery"])]
        show("foreman half-recovery x", np.percentile(half, 95) / np.percentile(half, 5), ">= 3")
    if "shechter" in parts:
        for state in ("snl", "naive"):
            answer = protocols.shechter(state=state, **common)
            show(f"shechter {state} control", answer["control"], "")
            show(f"shechter {state} 50 Hz", answer["ratio_50"], "0.45-0.85 (0.65)")
            show(f"shechter {state} 1 kHz", answer["ratio_1000"], "0.8-1.2")
    if "gate" in parts:
        wanted = {
            "naive": "0",
            "disinhibited": "> 5",
            "disinhibited_ap5": "~0",
            "snl": "between",
            "WDR": "5-30",
        }
        for name, values in protocols.gate(**common).items():
            show(f"gate {name} Hz", values, wanted.get(name, ""))
    if "scs" in parts:
        for state in ("naive", "snl"):
            answer = protocols.scs_on_pinch(state=state, **common)
            for population in ("WDR", "PN"):
                show(f"pinch {state} {population} Hz", answer[f"{population}_none"], "")
                for i, frequency in enumerate((10, 50, 300, 1000)):
                    show(f"scs {state} {population} {frequency} Hz %", answer[population][:, i], "")


if __name__ == "__main__":
    settings = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    chosen = [word for word in sys.argv[1:] if "=" not in word] or [
        "rest",
        "windup",
        "foreman",
        "shechter",
        "gate",
        "scs",
    ]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as workers:
        card(in_pool(workers), settings, chosen)
