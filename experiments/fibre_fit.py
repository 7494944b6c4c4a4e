"""
The fast fibre model against the MRG axons of ``fibre_reference.nc``: its errors, the fit of its constants.

The constants stand in ``dhmodel/parameters/axon.toml``; ``tests/theory`` holds them to the reference with the
functions of this file::

    python experiments/fibre_fit.py          # errors of the constants as they are
    python experiments/fibre_fit.py --fit    # fit them anew from where they are (needs SciPy), print both
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
import xarray as xr

from dhmodel.parameters import resolve
from dhmodel.stimulation.axon import Axon, Bank, Launched, axon, peaks
from dhmodel.stimulation.sites import gains, node_spacing
from dhmodel.stimulation.trains import Floats, Indices
from dhmodel.stimulation.waveforms import Channel, Schedule, Segments, Shape, segments

type Constants = Mapping[str, float]
REFERENCE = Path(__file__).with_name("fibre_reference.nc")
NODES = np.arange(-60, 61)
LOOK = 2e-3  # s after the last pulse
LEVELS = {"cathodic": [-1.0], "anodic": [1.0], "biphasic": [-1.0, 1.0]}
PLACE = ("geometry", "distance", "offset", "diameter")
TRAIN = ("shape", "width", "pulses", "period")
REFRACTORY = (
    1.29e-3  # s, absolute, of MRG axons; fitted, but not a constant of the model: each fibre has its own
)
RATIOS = np.geomspace(0.5, 8, 400)  # at which the threshold of a second pulse is looked for
SPATIAL = (
    *(f"axon.{name}_{k}" for name in ("tau", "gain", "power", "spread") for k in (1, 2, 3)),
    "axon.activation_tau",
)
RECOVERY = ("axon.relative", "axon.relative_tau", "axon.supernormal", "axon.supernormal_tau")
WORST = 0.14  # log error at which the fit begins to punish hard


def reference() -> xr.Dataset:
    """The stored reference."""
    return xr.load_dataset(REFERENCE, engine="h5netcdf")


def quiet(P: Constants) -> Axon:
    """The model without what MRG axons lack: noise and fatigue over seconds."""
    return replace(axon(P), noise=0.0, fatigue=0.0)


def place_gains(P: Constants, ds: xr.Dataset) -> Floats:
    """Gains in 1/A of the axon of every case of the reference, shape (cases, 2, 3, 1)."""
    keys = list(zip(*(ds[name].values.tolist() for name in PLACE), strict=True))
    places = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    geometry, distance, offset, diameter = (np.array(column) for column in zip(*places, strict=True))
    along = (NODES - offset[:, None]) * node_spacing(P, diameter)[:, None]
    unit = 4 * np.pi * ds.conductivity_S_per_m
    potential = 1 / (unit * np.hypot(along, distance[:, None]))
    back = 1 / (unit * np.hypot(along - ds.bipolar_separation_m, distance[:, None]))
    potential = potential - (geometry == "bipolar")[:, None] * back
    return gains(P, diameter, potential[:, :, None])[[places[key] for key in keys]]


def train(
    shape: str, width: float, onsets: Sequence[float] | Floats, channels: Sequence[int] | None = None
) -> Segments:
    """A train of pulses of 1 A; `channels` says which channel sends each, if not all channel 0."""
    level, onset = np.array(LEVELS[shape]), np.array(onsets, dtype=np.float64)
    channel = np.array(channels or [0] * onset.size)
    schedule = Schedule(
        times=onset,
        scale=np.ones(onset.size),
        shape=np.zeros(onset.size, dtype=np.int64),
        channel=channel,
        shapes=(Shape(width * np.arange(level.size, dtype=np.float64), np.full(level.size, width), level),),
        channels=tuple(Channel(f"reference {number}", {0: 1.0}) for number in range(channel.max() + 1)),
    )
    return segments(schedule, np.ones(onset.size), 0.0, float(onset[-1]) + level.size * width + LOOK)


@dataclass(frozen=True, eq=False)
class Waveform:
    """The cases of the reference that share a train of pulses, and the train."""

    rows: Indices
    segments: Segments


def waveforms(ds: xr.Dataset) -> list[Waveform]:
    """The trains of the reference."""
    keys = list(zip(*(ds[name].values.tolist() for name in TRAIN), strict=True))
    found = []
    for key in dict.fromkeys(keys):
        shape, width, pulses, period = key
        rows = np.array([row for row, other in enumerate(keys) if other == key])
        found.append(Waveform(rows, train(shape, width, [period * i for i in range(pulses)])))
    return found


def thresholds(P: Constants, ds: xr.Dataset, trains: Sequence[Waveform]) -> Floats:
    """Thresholds in A of the fast model for every case; infinite where nothing is depolarised."""
    of_place, highest = place_gains(P, ds), np.empty(ds.sizes["case"])
    for waveform in trains:
        highest[waveform.rows] = peaks(quiet(P), of_place[waveform.rows], waveform.segments)
    with np.errstate(divide="ignore"):
        return 1 / highest


def axons(P: Constants, diameters: Floats) -> Floats:
    """Gains of fibres 1 mm below a point source, as in recovery and following of the reference."""
    ds = xr.Dataset({"geometry": ("case", np.full(diameters.size, "point"))}, attrs=reference().attrs)
    ds = ds.assign(
        distance=("case", np.full(diameters.size, 1e-3)), offset=("case", np.zeros(diameters.size))
    )
    return place_gains(P, ds.assign(diameter=("case", diameters)))


def launch(P: Constants, of_fibre: Floats, current: Segments, refractory: float) -> Launched:
    """Spikes of fibres of these gains."""
    keys = np.zeros(len(of_fibre), dtype=np.uint64)
    return Bank(quiet(P), of_fibre, np.full(len(of_fibre), refractory), keys).advance(current)


def recovery(P: Constants, ds: xr.Dataset, refractory: float = REFRACTORY) -> Floats:
    """Threshold of the second pulse over that of a single one, for every pair; NaN above 8."""
    of_axon = axons(P, ds.recovery_diameter.values)
    width = ds.recovery_width.item(0)
    of_axon = of_axon / peaks(quiet(P), of_axon, train("cathodic", width, [0.0]))[:, None, None, None]
    found = []
    for own, delay in zip(of_axon, ds.recovery_delay.values, strict=True):
        tested = np.concatenate(
            [np.broadcast_to(1.5 * own, (RATIOS.size, *own.shape)), np.multiply.outer(RATIOS, own)], axis=3
        )
        spikes = launch(P, tested, train("cathodic", width, [0.0, delay], [0, 1]), refractory)
        twice = np.bincount(spikes.fibre, minlength=RATIOS.size) > 1
        found.append(RATIOS[twice.argmax()] if twice.any() else np.nan)
    return np.array(found)


def following(P: Constants, ds: xr.Dataset, refractory: float = REFRACTORY) -> list[Floats]:
    """Spike times in s of the fast model for every run, at the same multiples of its own threshold."""
    trains, times = json.loads(ds.trains), [np.empty(0)] * ds.sizes["run"]
    for name, given in trains.items():
        rows = np.flatnonzero(ds.train.values == name)
        of_axon = axons(P, ds.train_diameter.values[rows])
        single = peaks(quiet(P), of_axon, train(given["shape"], given["width"], [0.0]))
        scale = ds.train_multiple.values[rows] / single
        current = train(given["shape"], given["width"], given["onsets"])
        spikes = launch(P, of_axon * scale[:, None, None, None], current, refractory)
        for number, row in enumerate(rows):
            times[row] = spikes.time[spikes.fibre == number]
    return times


def reference_spikes(ds: xr.Dataset) -> list[Floats]:
    """Spike times in s of the MRG axons for every run of the reference."""
    return [row[np.isfinite(row)] for row in ds.spike_time.values.astype(np.float64)]


def fit(P: Constants, ds: xr.Dataset) -> tuple[dict[str, float], float]:
    """Constants fitted to thresholds, then to recovery; the absolute refractory period of MRG axons in s."""
    from scipy.optimize import least_squares

    trains, log_reference = waveforms(ds), np.log(ds.threshold.values)
    # times and spreads in the logarithm, to keep them positive; gains in units of 10 per V
    logs = np.array([name.split("_")[0] != "axon.gain" and "power" not in name for name in SPATIAL])
    unit = np.array([10.0 if "gain" in name else 1.0 for name in SPATIAL])

    def unpack(x: Floats) -> dict[str, float]:
        return {
            **P,
            **dict(zip(SPATIAL, np.where(logs, np.exp(np.where(logs, x, 0)), x * unit), strict=True)),
        }

    def errors(x: Floats) -> Floats:
        return np.clip(np.log(thresholds(unpack(x), ds, trains)) - log_reference, -2, 2)

    start = np.array([P[name] for name in SPATIAL])
    start = np.where(logs, np.log(np.where(logs, start, 1)), start / unit)
    found = least_squares(lambda x: (errors(x) / WORST) ** 3, start, max_nfev=60)
    fitted = unpack(found.x)

    after, refractory = fit_recovery(fitted, ds)
    return fitted | after, refractory


def fit_recovery(P: Constants, ds: xr.Dataset) -> tuple[dict[str, float], float]:
    """Constants fitted to what a spike leaves behind; the absolute refractory period of MRG axons in s."""
    from scipy.optimize import minimize

    # later MRG's threshold is 3-5 % above rest, the model's at rest
    known = ds.isel(pair=ds.recovery_delay.values < 15e-3)
    ratio = np.log(np.nan_to_num(known.recovery_ratio.values, nan=16.0))

    def unpack(x: Floats) -> tuple[dict[str, float], float]:
        *constants, refractory = np.exp(x).tolist()
        return dict(zip(RECOVERY, constants, strict=True)), refractory

    def error(x: Floats) -> float:
        constants, refractory = unpack(x)
        own = recovery({**P, **constants}, known, refractory)
        return float(np.sum((np.log(np.nan_to_num(own, nan=16.0)) - ratio) ** 2))

    start = np.log([*(P[name] for name in RECOVERY), REFRACTORY])
    found = minimize(
        error, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-4, "maxfev": 600}
    )
    return unpack(found.x)


def report(P: Constants, ds: xr.Dataset, refractory: float) -> None:
    """Print the errors in thresholds by group, the recovery cycle, the spikes of each run, and the cost."""
    error = thresholds(P, ds, waveforms(ds)) / ds.threshold.values - 1
    print(
        f"thresholds: worst {np.abs(error).max():.1%}, rms {np.sqrt(np.mean(error**2)):.1%} of {error.size}"
    )
    for name in ("geometry", "distance", "diameter", "offset", "shape", "width", "pulses"):
        for value in np.unique(ds[name].values):
            of = error[ds[name].values == value]
            worst = of[np.abs(of).argmax()]
            print(f"  {name:9} {value!s:9} n {of.size:3}  mean {of.mean():+6.1%}  worst {worst:+6.1%}")
    print("recovery: diameter, delay, threshold ratio of MRG and of the model")
    for row, ratio in enumerate(recovery(P, ds, refractory)):
        pair = ds.isel(pair=row)
        place = f"{pair.recovery_diameter.item() * 1e6:2.0f} um {pair.recovery_delay.item() * 1e3:4.1f} ms"
        print(f"  {place}  {pair.recovery_ratio.item():5.2f} {ratio:5.2f}")
    print("following: train, diameter, multiple of threshold, spikes of MRG and of the model")
    for row, (mrg, own) in enumerate(zip(reference_spikes(ds), following(P, ds, refractory), strict=True)):
        run = ds.isel(run=row)
        place = (
            f"{run.train.item():12} {run.train_diameter.item() * 1e6:2.0f} um x {run.train_multiple.item():3}"
        )
        print(f"  {place}  {mrg.size:3} {own.size:3}")
    cost(P, ds)


def cost(P: Constants, ds: xr.Dataset) -> None:
    """Print the CPU time per fibre-second of both models, of 1000 fibres at 10 kHz."""
    current = train("biphasic", 3e-5, 1e-4 * np.arange(20000, dtype=np.float64))
    of_axon = axons(P, np.repeat(np.linspace(6e-6, 14e-6, 10), 100))
    single = peaks(quiet(P), of_axon, train("biphasic", 3e-5, [0.0]))
    of_axon = of_axon * (np.linspace(0.2, 1.5, 1000) / single)[:, None, None, None]
    began = process_time()
    spikes = launch(P, of_axon, current, REFRACTORY)
    spent = (process_time() - began) / 2000
    mrg = ds.cpu_seconds_per_fibre_second
    compared = f"MRG {mrg:.0f} s, fast model {spent:.1e} s per fibre-second ({mrg / spent:.0f} x)"
    print(f"cost: {compared}, {len(spikes)} spikes")


def main() -> None:
    """Fit if asked, print constants and errors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fit", action="store_true", help="fit the constants anew")
    P, refractory, ds = dict(resolve()), REFRACTORY, reference()
    if parser.parse_args().fit:
        P, refractory = fit(P, ds)
        for name in (*SPATIAL, *RECOVERY):
            print(f"{name} = {P[name]:.4g}")
        print(f"absolute refractory period of MRG axons: {refractory:.3e} s")
    report(P, ds, refractory)


if __name__ == "__main__":
    main()
