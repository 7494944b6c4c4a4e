"""
Reference for the fast fibre model: MRG axons (PyFibers on NEURON) under point and bipolar electrodes.

Computes thresholds over pulse widths, diameters and distances, anodic and biphasic pulses, summation, the
recovery cycle, following at 50 Hz, 500 Hz bursts, 1 kHz and 10 kHz, and single-fibre action potentials, and
stores them with their provenance. Needs the extra ``fibres`` and one run of ``pyfibers_compile``, takes about
45 minutes on one core::

    python experiments/fibre_reference.py            # -> experiments/fibre_reference.nc
    python experiments/fibre_reference.py --quick    # one diameter -> results/fibre_reference_quick.nc

Results are appended to a file in ``results/`` as they come; an interrupted run resumes there.
"""

import argparse
import datetime
import importlib.metadata
import json
import math
import platform
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from mrg_axon import SEPARATION, SIGMA, STEP, Current, MrgAxon, action_potential

type Case = dict[str, Any]
HERE = Path(__file__).parent
TOLERANCE = 0.01  # relative width of the bracket that a threshold search ends with
LOWEST = 2e-5  # A, below every threshold: where the search begins on each axon
LOOK = 2e-3  # s after the last pulse during which a spike counts as evoked
DIAMETERS = (6e-6, 8e-6, 10e-6, 12e-6, 14e-6)
THREE = (6e-6, 10e-6, 14e-6)
WIDTHS = (
    1e-3,
    7e-4,
    4e-4,
    2e-4,
    1e-4,
    6e-5,
    3e-5,
)  # from long to short: each threshold is the next one's first guess
CONTACTS = tuple(product((0.015, 0.030), (1e-3, 3e-3)))  # along the fibre, from its axis, m
LEVELS = {"cathodic": (-1.0,), "anodic": (1.0,), "biphasic": (-1.0, 1.0)}  # of phases that are equally long
# name: shape, width of a phase (s), onsets (s), multiples of the threshold of a single such pulse
TRAINS: dict[str, tuple[str, float, tuple[float, ...], tuple[float, ...]]] = {
    "50 Hz": ("cathodic", 2e-4, tuple(0.02 * i for i in range(5)), (1.1, 1.5, 2, 3)),
    "500 Hz burst": (
        "cathodic",
        1e-3,
        tuple(0.025 * burst + 0.002 * i for burst in range(3) for i in range(5)),
        (0.9, 1.1, 1.2, 1.5, 2, 3, 5, 8),
    ),
    "1 kHz": ("cathodic", 1e-4, tuple(1e-3 * i for i in range(50)), (0.9, 1.1, 1.2, 1.5, 2, 3, 5, 8)),
    "10 kHz": (
        "biphasic",
        3e-5,
        tuple(1e-4 * i for i in range(500)),
        (0.7, 0.8, 0.9, 1, 1.1, 1.3, 1.5, 2, 3, 5),
    ),
}


def pulses(shape: str, width: float, onsets: tuple[float, ...], scale: Callable[[int], float]) -> Current:
    """Edges (s, A) of a train whose pulse i has the amplitude scale(i), in A."""
    edges: list[tuple[float, float]] = []
    for i, onset in enumerate(onsets):
        edges += [(onset + k * width, level * scale(i)) for k, level in enumerate(LEVELS[shape])]
        edges.append((onset + len(LEVELS[shape]) * width, 0.0))
    # where a phase follows at once the later edge counts
    return sorted(dict(((round(time, 9), level) for time, level in edges)).items())


@lru_cache(maxsize=1)
def axon(geometry: str, distance: float, diameter: float, offset: float, long: bool = False) -> MrgAxon:
    """The axon of a case; cases of one axon follow each other."""
    far = max(15e-3, 10 * distance)
    return MrgAxon(diameter, distance, geometry, offset, reach=(far, far) if long else None)


def search(fires: Callable[[float], bool], guess: float, ceiling: float = math.inf) -> float:
    """Smallest amplitude that fires, to `TOLERANCE`, by bisection; NaN if `ceiling` does not."""
    low, high, factor = guess, guess, 1.25
    if fires(guess):
        while fires(low := high / factor):
            high, factor = low, factor**1.5
    else:
        while not fires(high := min(low * factor, ceiling)):
            if high >= ceiling:
                return math.nan
            low, factor = high, factor**1.5
    while high / low > 1 + TOLERANCE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if fires(middle) else (middle, high)
    return math.sqrt(low * high)


def threshold(case: Case, guess: float) -> Case:
    """Current in A from which a train of equal pulses fires the axon, and where the spike arises."""
    place = case["geometry"], case["distance"], case["diameter"], case["offset"]
    fibre = axon(*place, long=case["shape"] == "anodic")  # an anode excites ends that are near
    train = case["shape"], case["width"], tuple(case["onset"])
    stop = train[2][-1] + len(LEVELS[train[0]]) * train[1] + LOOK

    def fires(amperes: float) -> bool:
        return fibre.spikes(pulses(*train, lambda _: amperes), stop, enough=1).size > 0

    found = search(fires, guess)
    fires(1.02 * found)
    return {"threshold": found, "origin": fibre.origin()}


def recovery(case: Case, single: float) -> Case:
    """Current in A that evokes a second spike after a pulse of 1.5 x threshold; NaN above 8 x threshold."""
    fibre = axon("point", case["distance"], case["diameter"], 0.0)
    onsets = (0.0, case["delay"])

    def fires(amperes: float) -> bool:
        current = pulses("cathodic", case["width"], onsets, lambda i: amperes if i else 1.5 * single)
        return fibre.spikes(current, onsets[1] + LOOK, enough=2).size > 1

    return {"threshold": search(fires, single, 8 * single), "single": single}


def following(case: Case, single: float) -> Case:
    """Spike times in s at the counting node during a train."""
    # far from the electrode even strong trains leave no artefact that counts as a spike
    fibre = axon("point", case["distance"], case["diameter"], 0.0, long=case["train"] == "10 kHz")
    shape, width, onsets, _ = TRAINS[case["train"]]
    current = pulses(shape, width, onsets, lambda _: case["multiple"] * single)
    before = fibre.cpu, fibre.simulated
    times = fibre.spikes(current, onsets[-1] + LOOK)
    spent = (fibre.cpu - before[0]) / (fibre.simulated - before[1])
    nodes = len(fibre.fibre.nodes)
    return {"times": times.round(6).tolist(), "single": single, "cpu": spent, "nodes": nodes}


def threshold_cases(quick: bool) -> Iterator[Case]:
    """Every threshold of a train of equal pulses, axon after axon."""
    places = [("point", 1e-3, 0.0), ("point", 3e-3, 0.0), ("bipolar", 1e-3, 0.0), ("bipolar", 3e-3, 0.0)]
    places += [("point", 5e-4, 0.0), ("point", 1e-3, 0.5)]
    for place, diameter in product(places[:1] if quick else places, (10e-6,) if quick else DIAMETERS):
        fixed = dict(zip(("geometry", "distance", "offset"), place, strict=True), diameter=diameter)
        extra = place[1] == 5e-4 or place[2] > 0
        if extra and diameter not in THREE:
            continue
        for width in WIDTHS:
            yield fixed | {"shape": "cathodic", "width": width, "onset": [0.0]}
        if place[:2] == ("point", 1e-3) and not extra:
            yield from (fixed | case for case in _other_shapes(diameter in THREE))
        elif place[:2] == ("point", 3e-3) and diameter in THREE:
            yield fixed | {"shape": "biphasic", "width": 3e-5, "onset": [0.0]}
            yield fixed | {"shape": "biphasic", "width": 3e-5, "onset": [1e-4 * i for i in range(200)]}
            yield fixed | {"shape": "anodic", "width": 2e-4, "onset": [0.0]}


def _other_shapes(three: bool) -> Iterator[Case]:
    """Biphasic and anodic pulses, pairs, and trains, at 1 mm below a point source."""
    for width in (2e-4, 3e-5):
        yield {"shape": "biphasic", "width": width, "onset": [0.0]}
    if not three:
        return
    for delay in (1.5e-4, 2e-4, 3e-4, 5e-4, 7e-4, 1e-3):
        yield {"shape": "cathodic", "width": 1e-4, "onset": [0.0, delay]}
    for shape, width, period, n in (
        ("cathodic", 1e-3, 2e-3, 5),
        ("cathodic", 1e-4, 1e-3, 10),
        ("biphasic", 3e-5, 1e-4, 200),
        ("biphasic", 3e-5, 2e-4, 100),
    ):
        yield {"shape": shape, "width": width, "onset": [period * i for i in range(n)]}
    for width in (4e-4, 2e-4, 1e-4):
        yield {"shape": "anodic", "width": width, "onset": [0.0]}


def later_cases(quick: bool) -> Iterator[tuple[str, Case]]:
    """Recovery and following of axons 1 mm below a point source."""
    delays = (5e-4, 6e-4, 7e-4, 8e-4, 1e-3, 1.2e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 10e-3, 20e-3)
    for diameter in (10e-6,) if quick else THREE:
        fixed = {"distance": 1e-3, "diameter": diameter}
        for delay in delays[2::4] if quick else reversed(delays):
            yield "recovery", fixed | {"width": 1e-4, "delay": delay}
        for train, (*_, multiples) in TRAINS.items():
            for multiple in multiples[-2:] if quick else multiples:
                yield "following", fixed | {"train": train, "multiple": multiple}


class Progress:
    """Results so far, by case, in a file to which each is appended as it comes."""

    def __init__(self, file: Path):
        self.file, self.done = file, {}
        file.parent.mkdir(exist_ok=True)
        if file.exists():
            for line in file.read_text().splitlines():
                entry = json.loads(line)
                self.done[self.key(entry["kind"], entry["case"])] = entry

    @staticmethod
    def key(kind: str, case: Case) -> str:
        """The same text for the same case."""
        return json.dumps([kind, case], sort_keys=True)

    def get(self, kind: str, case: Case, compute: Callable[[], Case]) -> Case:
        """The result of a case, computed and appended if it is new."""
        key = self.key(kind, case)
        if key not in self.done:
            self.done[key] = {"kind": kind, "case": case, "result": compute()}
            with self.file.open("a") as out:
                out.write(json.dumps(self.done[key]) + "\n")
        return self.done[key]["result"]

    def table(self, kind: str) -> list[Case]:
        """Case and result of everything of one kind, in one dictionary each."""
        return [entry["case"] | entry["result"] for entry in self.done.values() if entry["kind"] == kind]


def compute(progress: Progress, quick: bool) -> None:
    """Go through all cases that are not done."""
    guess, place = LOWEST, None
    for case in threshold_cases(quick):
        here = [case[name] for name in ("geometry", "distance", "offset", "diameter")]
        # far above threshold an axon is blocked, so every search comes from below
        guess, place = (guess if here == place else LOWEST), here
        guess = progress.get("threshold", case, partial(threshold, case, guess))["threshold"]
    for kind, case in later_cases(quick):
        run = recovery if kind == "recovery" else following
        progress.get(kind, case, partial(run, case, _single(progress, case)))
    for diameter in (10e-6,) if quick else DIAMETERS:
        progress.get("potential", {"diameter": diameter}, partial(potential, progress, diameter))


def potential(progress: Progress, diameter: float) -> Case:
    """Single-fibre action potentials of one diameter at `CONTACTS`, in V, and the conduction velocity."""
    single = _single(progress, {"distance": 1e-3, "diameter": diameter, "width": 1e-4})
    times, traces, velocity = action_potential(diameter, 1.5 * single, CONTACTS)
    return {"time": times.tolist(), "trace": traces.tolist(), "velocity": velocity}


def _single(progress: Progress, case: Case) -> float:
    """Threshold of a single pulse of the shape that a case uses, 1 mm below a point source."""
    shape, width = TRAINS[case["train"]][:2] if "train" in case else ("cathodic", case["width"])
    full = {"geometry": "point", "distance": case["distance"], "offset": 0.0, "diameter": case["diameter"]}
    full |= {"shape": shape, "width": width, "onset": [0.0]}
    return float(progress.done[progress.key("threshold", full)]["result"]["threshold"])


def dataset(progress: Progress, command: str) -> xr.Dataset:
    """All results as one dataset, in SI units."""
    ds = xr.merge([_thresholds(progress), _recovery(progress), _following(progress), _potentials(progress)])
    runs = progress.table("following")
    trains = {name: {"shape": s, "width": w, "onsets": list(o)} for name, (s, w, o, _) in TRAINS.items()}
    distributions = ("pyfibers", "neuron", "numpy", "xarray")
    return ds.assign_attrs(
        title="Reference for the fast fibre model: MRG axons under electrodes in a homogeneous medium",
        model="PyFibers FiberModel.MRG_INTERPOLATION, 37 C, MRG 2002 kinetics, passive end nodes",
        versions=", ".join(f"{name} {importlib.metadata.version(name)}" for name in distributions),
        python=platform.python_version(),
        command=command,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        trains=json.dumps(trains),
        conductivity_S_per_m=SIGMA,
        bipolar_separation_m=SEPARATION,
        time_step_s=STEP * 1e-3,
        threshold_tolerance=TOLERANCE,
        evoked_within_s=LOOK,
        cpu_seconds_per_fibre_second=float(np.median([run["cpu"] for run in runs])),
        cpu_note=f"median over the runs of following, {min(run['nodes'] for run in runs)} nodes or more",
    )


def _thresholds(progress: Progress) -> xr.Dataset:
    table = progress.table("threshold")
    period = [np.diff(row["onset"])[0].round(9) if len(row["onset"]) > 1 else 0.0 for row in table]
    ds = xr.Dataset(
        {name: ("case", [row[name] for row in table]) for name in ("geometry", "shape", "origin")}
    )
    for name in ("distance", "diameter", "width", "threshold"):
        ds[name] = (
            "case",
            [row[name] for row in table],
            {"units": "A" if name == "threshold" else _UNITS[name]},
        )
    ds["offset"] = "case", [row["offset"] for row in table], {"units": "node spacings"}
    ds["pulses"] = "case", [len(row["onset"]) for row in table]
    ds["period"] = "case", period, {"units": "s", "long_name": "from onset to onset; 0 of a single pulse"}
    ds["threshold"].attrs["long_name"] = "current from which the train fires the axon"
    ds["origin"].attrs["long_name"] = "node where the spike arises, from the one nearest to the cathode"
    return ds


_UNITS = {"distance": "m", "diameter": "m", "width": "s"}


def _recovery(progress: Progress) -> xr.Dataset:
    table = progress.table("recovery")
    ds = xr.Dataset()
    for name, short, unit in (
        ("diameter", "diameter", "m"),
        ("width", "width", "s"),
        ("delay", "delay", "s"),
    ):
        ds[f"recovery_{name}"] = "pair", [row[short] for row in table], {"units": unit}
    ratio = [row["threshold"] / row["single"] for row in table]
    about = "threshold of a second pulse over that of a single one, after a spike at 1.5 x; NaN: above 8"
    ds["recovery_ratio"] = "pair", ratio, {"units": "1", "long_name": about}
    return ds


def _following(progress: Progress) -> xr.Dataset:
    table = progress.table("following")
    most = max(len(row["times"]) for row in table)
    times = [row["times"] + [np.nan] * (most - len(row["times"])) for row in table]
    ds = xr.Dataset({"train": ("run", [row["train"] for row in table])})
    ds["train_diameter"] = "run", [row["diameter"] for row in table], {"units": "m"}
    ds["train_multiple"] = "run", [float(row["multiple"]) for row in table], {"units": "1"}
    ds["train_single"] = "run", [row["single"] for row in table], {"units": "A"}
    ds["spike_time"] = ("run", "spike"), np.array(times, dtype=np.float32), {"units": "s"}
    return ds


def _potentials(progress: Progress) -> xr.Dataset:
    table = sorted(progress.table("potential"), key=lambda row: row["diameter"])
    ds = xr.Dataset(coords={"fibre": ("fibre", [row["diameter"] for row in table], {"units": "m"})})
    ds["velocity"] = "fibre", [row["velocity"] for row in table], {"units": "m/s"}
    traces = np.array([row["trace"] for row in table], dtype=np.float32)
    ds["action_potential"] = ("fibre", "contact", "time"), traces, {"units": "V"}
    ds["time"] = "time", table[0]["time"], {"units": "s"}
    ds["contact_along"] = "contact", [x for x, _ in CONTACTS], {"units": "m"}
    ds["contact_distance"] = "contact", [height for _, height in CONTACTS], {"units": "m"}
    return ds


def main() -> None:
    """Compute what is missing and write the dataset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one diameter and fewer cases")
    quick = parser.parse_args().quick
    name = "fibre_reference_quick" if quick else "fibre_reference"
    progress = Progress(Path("results") / f"{name}.jsonl")
    compute(progress, quick)
    ds = dataset(progress, f"python experiments/fibre_reference.py{' --quick' if quick else ''}")
    encoding = {name: {"zlib": True} for name in ds.data_vars if ds[name].dtype.kind == "f"}
    file = Path("results") / f"{name}.nc" if quick else HERE / f"{name}.nc"
    ds.to_netcdf(file, engine="h5netcdf", encoding=encoding)
    print(f"saved {file}; MRG: {ds.cpu_seconds_per_fibre_second:.0f} s of CPU per fibre-second")


if __name__ == "__main__":
    main()
