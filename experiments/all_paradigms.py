"""
All paradigms on one injured cohort: threshold, gain, wind-up, after-effect and dependence on opioids.

Each paradigm acts for a quarter of an hour on the same cords of the state ``snl``; a magnetic one lasts as
long as its session. Read just before it, at its end (threshold, gain at 48 degC, wind-up), and half an hour
after it (after-effect); once more with naloxone throughout. Run from the root of the repository::

    python experiments/all_paradigms.py            # eight cords, several minutes
    python experiments/all_paradigms.py --quick    # one cord
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import dhmodel as dh
from dhmodel.evidence.asking.over_time import counted, lost, threshold
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import population_sizes

FIGURE = Path(__file__).with_suffix(".png")
OUTPUT = "WDR+PN"
BEFORE, START, END, AFTER, WHOLE = "9 min", "10 min", 25 * 60, "55 min", "56 min"

PARADIGMS: Mapping[str, dict[str, Any]] = {
    "tonic SCS": {"paradigm": "tonic"},
    "burst SCS": {"paradigm": "burst"},
    "10 kHz SCS": {"paradigm": "khz"},
    "rTMS 10 Hz": {"paradigm": "rtms", "set": {"rtms.10hz.on": "3 s", "rtms.10hz.off": "6 s"}},
    "exercise": {"paradigm": "exercise", "set": {"exercise.limb": "remote", "exercise.intensity": "50 %"}},
    "CPM": {"paradigm": "cpm"},
    "rPMS 5 Hz": {"paradigm": "rpms"},
}
SESSION = {"rTMS 10 Hz": 890, "rPMS 5 Hz": 299}  # s; a session lasts no longer

LOOP = {"epoch": "9 s", "tolerance": 0.2}

READINGS = {
    "threshold": "von Frey threshold\nat the end (change, %)",
    "gain": "answer to 48 °C\nat the end (change, %)",
    "windup": "wind-up\nat the end (change, %)",
    "after": "answer to 48 °C\n30 min later (change, %)",
    "opioid": "effect on 48 °C that\nnaloxone takes away (points)",
}


def tests(end: float) -> list[dict[str, Any]]:
    """Test stimuli before, at the end and after."""
    at = [BEFORE, f"{end!r} s", AFTER]
    press = {"vary": {"vonfrey.force": [f"{force} mN" for force in (40, 80, 120, 160, 240)]}}
    hot = {"heat.temperature": "48 degC", "heat.ramp": "10 degC/s", "heat.hold": "5 s", "heat.delay": "0 s"}
    return [
        {"name": "press", "stimulus": "vonfrey", "duration": "3 s", "set": {"vonfrey.delay": "0 s"}, "at": at}
        | press,
        {"name": "hot", "stimulus": "heat", "duration": "5 s", "set": hot, "at": at},
        {"name": "train", "stimulus": "windup", "set": {"windup.number": 5}, "at": at},
    ]


def asked(name: str, cords: int, seed: int, drugs: Mapping[str, float]) -> tuple[list[xr.Dataset], float]:
    """Run one paradigm on every cord of the cohort; Datasets, and when it ends (s)."""
    length = SESSION.get(name, END - 600)
    end = 600 + length - 6
    on = {"name": "paradigm", "start": START, "duration": f"{length} s", **PARADIGMS[name]}
    given = [{"name": "drug", "duration": WHOLE, "drugs": dict(drugs)}] if drugs else []
    table = {
        "duration": WHOLE,
        "entries": [*given, on],
        "tests": tests(end),
        "epoch": "9 s",
        "tolerance": 0.2,
    }
    found = []
    for cord in range(cords):
        state = f"snl#{cord}"
        ds = dh.protocol(table, state=state, seed=seed)
        sizes = population_sizes(resolve(state))
        ds["size"] = "population", [sizes[one] for one in ds["population"].values]
        found.append(ds)
    return found, end


def read(runs: list[xr.Dataset], end: float) -> dict[str, list[float]]:
    """Changes in % of what was before, one for each cord."""
    found: dict[str, list[float]] = {"threshold": [], "gain": [], "windup": [], "after": []}
    for ds in runs:
        before, at_end = (float(threshold(ds, OUTPUT, "vonfrey", time, 20)[0]) for time in (BEFORE, end))
        found["threshold"].append(100 * (at_end / before - 1))
        found["gain"].append(-100 * float(lost(ds, OUTPUT, "hot", BEFORE, end)[0]))
        found["after"].append(-100 * float(lost(ds, OUTPUT, "hot", BEFORE, AFTER)[0]))
        first, last = (float(counted(ds, "WDR", "train", "C", time)[0]) for time in (BEFORE, end))
        found["windup"].append(100 * (last / first - 1) if first else np.nan)
    return found


def compared(cords: int, seed: int) -> dict[str, dict[str, list[float]]]:
    """Every paradigm, with the dependence on opioids."""
    found = {}
    for name in PARADIGMS:
        plain = read(*asked(name, cords, seed, {}))
        blocked = read(*asked(name, cords, seed, {"naloxone": 1.0}))
        kept = np.subtract(blocked["gain"], plain["gain"])
        found[name] = plain | {"opioid": kept.tolist()}
        print(name, {key: round(float(np.nanmean(values)), 1) for key, values in found[name].items()})
    return found


def draw(found: Mapping[str, Mapping[str, list[float]]], file: Path) -> None:
    """One panel for each reading; a bar is the mean over cords, a dot is one cord."""
    figure, axes = plt.subplots(1, len(READINGS), figsize=(13, 4), sharey=True, layout="constrained")
    rows = np.arange(len(found))
    for axis, (key, title) in zip(axes, READINGS.items(), strict=True):
        axis.barh(rows, [np.nanmean(one[key]) for one in found.values()], color="#88aacc")
        for row, one in zip(rows, found.values(), strict=True):
            axis.plot(one[key], np.full(len(one[key]), row), "o", ms=3, color="#223344", alpha=0.6)
        axis.axvline(0, color="black", lw=0.8)
        axis.set_title(title, fontsize=9)
    axes[0].set_yticks(rows, list(found))
    axes[0].invert_yaxis()
    figure.savefig(file, dpi=120)
    plt.close(figure)


def main() -> None:
    """Compare, and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one cord")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=FIGURE)
    given = parser.parse_args()
    draw(compared(1 if given.quick else 8, given.seed), given.out)


if __name__ == "__main__":
    main()
