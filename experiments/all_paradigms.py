"""
All paradigms on one injured cohort: threshold, gain, wind-up, after-effect and dependence on opioids.

Spinal cord stimulation, transcranial and peripheral magnetic stimulation, exercise and a conditioning
stimulus act on the same cords of the state ``snl``, a quarter of an hour each; a magnetic one lasts as long
as its session. Read just before, at the end (threshold, gain at 48 degC, wind-up) and half an hour after it
(after-effect); once more under naloxone, of which the effect on the gain that is missing then is the
dependence on opioids. Run from the root of the repository::

    python experiments/all_paradigms.py            # eight cords: the figure of the repository
    python experiments/all_paradigms.py --quick    # one cord, slow states less exact

It writes ``results/all_paradigms.nc`` and the figure beside this file (with ``--quick`` both into
``results``). Epochs of the circuit are kept in ``results/all_paradigms``: an interrupted call goes on where
it was, and a second one only reads.
"""

import argparse
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import dhmodel as dh
from dhmodel.evidence.asking.over_time import lost, summation, threshold
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import population_sizes
from dhmodel.plots import cohort_figure, save
from dhmodel.sweep.datasets import save_dataset

RESULTS = Path("results/all_paradigms")
FIGURE = Path(__file__).with_suffix(".png")
CORDS, SEED = 8, 1000
OUTPUT = "WDR+PN"
START, LENGTH, LATER = 600.0, 900.0, 1800.0  # s: begin, length, and from its end to the last tests
BEFORE = START - 60

PARADIGMS: Mapping[str, dict[str, Any]] = {
    "SCS, tonic 50 Hz": {"paradigm": "tonic"},
    "SCS, burst": {"paradigm": "burst"},
    "SCS, 10 kHz": {"paradigm": "khz"},
    "rTMS, 10 Hz to M1": {"paradigm": "rtms", "set": {"rtms.10hz.on": "3 s", "rtms.10hz.off": "6 s"}},
    "Exercise, other limb": {
        "paradigm": "exercise",
        "set": {"exercise.limb": "remote", "exercise.intensity": "50 %"},
    },
    "CPM, other limb": {"paradigm": "cpm"},
    "rPMS, 5 Hz to nerve": {"paradigm": "rpms"},
}
SESSION = {"rTMS, 10 Hz to M1": 890.0, "rPMS, 5 Hz to nerve": 299.0}  # s; a session lasts no longer

READINGS = {
    "threshold": ("von Frey threshold at the end", "%"),
    "gain": ("answer to 48\N{NO-BREAK SPACE}°C at the end", "%"),
    "windup": ("wind-up at the end", "spikes per shock²"),
    "after": ("answer to 48\N{NO-BREAK SPACE}°C half an hour later", "%"),
    "opioid": ("effect in (b) that naloxone takes", "% points"),
}
FORCES = [f"{force} mN" for force in (40, 80, 120, 160, 240)]
HOT = {"heat.temperature": "48 degC", "heat.ramp": "10 degC/s", "heat.hold": "5 s", "heat.delay": "0 s"}


def end_of(name: str) -> float:
    """When a paradigm is read before it ends, s."""
    return START + SESSION.get(name, LENGTH) - 6


def timetable(name: str, naloxone: bool, tolerance: float) -> dict[str, Any]:
    """Return the protocol of one paradigm; under naloxone only the answers to heat are asked for."""
    at = [f"{time!r} s" for time in (BEFORE, end_of(name), START + LENGTH + LATER)]
    length = f"{START + LENGTH + LATER + 60!r} s"
    on = {"name": "on", "start": f"{START!r} s", "duration": f"{SESSION.get(name, LENGTH)!r} s"}
    drug = {"name": "drug", "duration": length, "drugs": {"naloxone": 1.0}}
    tests = [{"name": "hot", "stimulus": "heat", "duration": "5 s", "set": HOT, "at": at}]
    if not naloxone:
        press = {"duration": "3 s", "set": {"vonfrey.delay": "0 s"}, "vary": {"vonfrey.force": FORCES}}
        tests += [{"name": "press", "stimulus": "vonfrey", "at": at[:2], **press}]
        tests += [{"name": "train", "stimulus": "windup", "set": {"windup.number": 5}, "at": at[:2]}]
    entries = [*([drug] if naloxone else []), on | PARADIGMS[name]]
    return {"duration": length, "entries": entries, "tests": tests, "epoch": "9 s", "tolerance": tolerance}


def course(name: str, naloxone: bool, cord: int, seed: int, tolerance: float) -> xr.Dataset:
    """Run one paradigm on one cord, or find its epochs."""
    state = f"snl#{cord}"
    kept = RESULTS / f"cord_{cord}_{seed}.epochs"
    ds = dh.protocol(timetable(name, naloxone, tolerance), state=state, seed=seed, checkpoint=kept)
    sizes = population_sizes(resolve(state))
    return ds.assign_coords(size=("population", [sizes[one] for one in ds["population"].values]))


def read(name: str, cord: int, seed: int, tolerance: float) -> dict[str, float]:
    """Every reading of one paradigm in one cord."""
    plain, blocked = (course(name, naloxone, cord, seed, tolerance) for naloxone in (False, True))
    end, later = end_of(name), START + LENGTH + LATER
    press = [float(threshold(plain, OUTPUT, "vonfrey", time, 20)[0]) for time in (BEFORE, end)]
    slopes = [float(summation(plain, "WDR", "train", "C", time)[0]) for time in (BEFORE, end)]
    gain, left, after = (
        -100 * float(lost(ds, OUTPUT, "hot", BEFORE, time)[0])
        for ds, time in ((plain, end), (blocked, end), (plain, later))
    )
    return {
        "threshold": 100 * (press[1] / press[0] - 1),
        "gain": gain,
        "windup": slopes[1] - slopes[0],
        "after": after,
        "opioid": left - gain,
    }


def cord_readings(seed: int, tolerance: float, cord: int) -> list[dict[str, float]]:
    """Every paradigm in one cord; what they share, such as tests before them, is run once."""
    return [read(name, cord, seed, tolerance) for name in PARADIGMS]


def compared(cords: int, seed: int, workers: int, tolerance: float) -> xr.Dataset:
    """Return every reading with dimensions paradigm and cord."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    one = partial(cord_readings, seed, tolerance)
    if min(workers, cords) > 1:
        with ProcessPoolExecutor(min(workers, cords), get_context("spawn")) as pool:
            found = list(pool.map(one, range(cords)))
    else:
        found = [one(cord) for cord in range(cords)]
    variables = {
        key: xr.DataArray(
            np.array([[row[key] for row in cord] for cord in found]).T,
            dims=("paradigm", "cord"),
            attrs={"long_name": f"change of {text}" if key != "opioid" else text, "units": unit},
        )
        for key, (text, unit) in READINGS.items()
    }
    labels = {"paradigm": list(PARADIGMS), "cord": [f"snl#{cord}" for cord in range(cords)]}
    return xr.Dataset(variables, labels, {"seed": seed})


def main() -> None:
    """Compute what is missing, print the means, draw the figure."""
    text = (__doc__ or "").strip()
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one cord, slow states less exact")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes, a cord each")
    parser.add_argument("--out", type=Path, help=f"the figure (default: {FIGURE.name} beside this file)")
    given = parser.parse_args()
    if given.workers < 1:
        parser.error(f"--workers: got {given.workers}, needs at least 1")
    ds = compared(1 if given.quick else CORDS, given.seed, given.workers, 0.2 if given.quick else 0.1)
    name = f"{RESULTS.name}_quick" if given.quick else RESULTS.name
    data = RESULTS.with_name(f"{name}.nc")
    save_dataset(ds, data)
    print(ds.mean("cord").to_dataframe().round(1).to_string())
    drawn = save(cohort_figure(ds), given.out or (data.with_suffix(".png") if given.quick else FIGURE))
    for file in (data, *drawn):
        print(f"saved {file}")


if __name__ == "__main__":
    main()
