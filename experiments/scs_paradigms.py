"""
All SCS paradigms under pinch: WDR and projection neurons, inhibition and synchrony, at matched amplitudes.

Same ECAP dose: every channel at 1.3 times the ECAP threshold of its own pulses. Same charge: the charge per
second that tonic delivers at that dose, by one multiple of the ECAP threshold for all channels of a paradigm.
As in use: the default amplitudes of the package. Intermittent bursts are 1 s ON and 3 s OFF, a thirtieth of
the default cycle at the same duty of 25 %; all its numbers are means over ON and OFF. In closed loop the lead
moves, elsewhere it does not. Evoked spikes and their synchrony are those in the trunks of the circuit's
dorsal-column fibres, of which branches into the horn carry fewer at high rates. Synchrony is 1 if all fire
alike (`dhmodel.measures.synchrony`), and high where ON and OFF alternate.

What is done is kept by the identity of what was simulated; a second call computes what is missing.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import xarray as xr

from dhmodel.measures import spread, synchrony
from dhmodel.parameters import Parameters, resolve
from dhmodel.parameters.layout import POPULATIONS, population_sizes
from dhmodel.plots import paradigm_figure, save
from dhmodel.recording import Recording, coords, summarise, to_dataset
from dhmodel.simulate import Plan, attributes, plan, prepare, record
from dhmodel.stimulation.cord import circuit_fibres
from dhmodel.stimulation.delivery import deliver, excite
from dhmodel.stimulation.matching import charge_multiple, ecap_settings
from dhmodel.stimulation.paradigms import effective
from dhmodel.sweep.datasets import load_dataset, save_dataset
from dhmodel.units import format_si

RESULTS = Path("results/scs_paradigms")
PARADIGMS = ("tonic", "closed_loop", "subperception", "burst", "intermittent", "dtm", "high_dose", "khz")
STATES = ("naive", "snl")
MATCHES = {
    "ecap": "Same ECAP dose: 1.3 × the ECAP threshold of each paradigm's pulses",
    "charge": "Same charge per second: that of tonic at 1.3 × ECAP threshold",
    "use": "As in use: default amplitudes",
}
DOSE = 1.3  # times the ECAP threshold
DURATION, SEED, REPLICATES = 8.0, 1, 5  # in s: two cycles of the intermittent one
COMMON = {"intermittent.on": "1 s", "intermittent.off": "3 s"}
INHIBITORY = ("GABA_PV", "GABA_DYN", "GABA_ISL", "GLY")
BIN = 0.01  # in s, for the synchrony of WDR cells; that of evoked spikes is taken in bins of 1 ms
SPARSE = 1.0  # Hz; fewer evoked spikes per fibre say nothing of their synchrony
PREFIXES = (("k", 1e3), ("", 1.0), ("m", 1e-3), ("µ", 1e-6))

type Case = tuple[str, str, str]


def main() -> None:
    """Compute what is missing, print the table, draw the figure."""
    plans = dict(_plans())
    different = {one.digest(): one for one in plans.values()}
    prepare(plans["ecap", "none", "naive"])
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        done = dict(zip(different, pool.map(_kept, different.values()), strict=True))
    ds = _joined({case: done[one.digest()] for case, one in plans.items()})
    print(_table(ds))
    for file in save(paradigm_figure(ds), RESULTS):
        print(f"saved {file}")


def _plans() -> Iterator[tuple[Case, Plan]]:
    """Every simulation, by match, paradigm and state; no stimulation is the same in every match."""
    for state in STATES:
        P = resolve(state, COMMON)
        # charge in C/s is 1 / multiple that makes it 1 C/s, times the dose
        charge = DOSE / charge_multiple(P, "tonic", 1.0, DURATION)
        for match, name in product(MATCHES, ("none", *PARADIGMS)):
            settings = COMMON | ({} if name == "none" else _amplitude(P, match, name, charge))
            yield (
                (match, name, state),
                plan(name, state=state, stimulus="pinch", set=settings, duration=f"{DURATION} s", seed=SEED),
            )


def _amplitude(P: Parameters, match: str, name: str, charge: float) -> dict[str, object]:
    if match == "use":
        return {}
    multiple = DOSE if match == "ecap" else charge_multiple(P, name, charge, DURATION)
    # rounding errors would make the same simulation look like another
    return ecap_settings(P, name, round(multiple, 9))


def _kept(one: Plan) -> xr.Dataset:
    """All replicates of a plan, from the file of an earlier call if there is one."""
    file = RESULTS / f"{one.digest()}-{REPLICATES}-{BIN:g}-{SPARSE:g}.nc"
    if not file.exists():
        save_dataset(_computed(one), file)
    return load_dataset(file)


def _computed(one: Plan) -> xr.Dataset:
    recordings = [record(one, number) for number in range(REPLICATES)]
    summaries = [summarise(each, one.parameters) for each in recordings]
    ds = to_dataset(summaries, None, attributes(one), coords(one.parameters, DURATION))
    evoked = [_evoked_synchrony(one, number) for number in range(REPLICATES)]
    ds["synchrony_evoked"] = "replicate", evoked
    ds["synchrony_WDR"] = "replicate", [_synchrony(each, "WDR") for each in recordings]
    sizes = xr.DataArray(list(population_sizes(one.parameters).values()), {"population": list(POPULATIONS)})
    ds["inhibition"] = ds["rate"].sel(population=list(INHIBITORY)).weighted(sizes).mean("population")
    for population in ("WDR", "PN", *INHIBITORY):
        ds[population] = ds["rate"].sel(population=population, drop=True)
    return ds.drop_vars(["psth", "time"])


def _synchrony(recording: Recording, population: str) -> float:
    """Of the spikes of a population, in bins that span the spread of its latencies."""
    number, times = recording.sizes[population], recording.times
    cells = recording.neurons - sum(list(recording.sizes.values())[: POPULATIONS.index(population)])
    own = (cells >= 0) & (cells < number) & (times >= 0) & (times < recording.duration)
    return synchrony(times[own], cells[own], number, recording.duration, BIN)


def _evoked_synchrony(one: Plan, replicate: int) -> float:
    """Of the spikes that pulses start in the circuit's dorsal-column fibres; missing if there are few."""
    P, of = one.parameters, (one.seed, replicate)
    fibres, delivery = circuit_fibres(P, *of), deliver(P, one.paradigm, one.duration, *of)
    if not delivery.sent.size:
        return np.nan
    fired = excite(P, fibres, delivery, *of)
    if len(fired) < SPARSE * len(fibres) * one.duration:
        return np.nan
    return synchrony(fired.time, fired.fibre, len(fibres), one.duration)


def _joined(found: Mapping[Case, xr.Dataset]) -> xr.Dataset:
    """One Dataset with dimensions match, paradigm, state and replicate."""
    names = ["none", *PARADIGMS]
    nested = [[[found[match, name, state] for state in STATES] for name in names] for match in MATCHES]
    ds = xr.combine_nested(nested, ["match", "paradigm", "state"], combine_attrs="drop_conflicts")
    pulses = ["no stimulation", *(_pulses(resolve("naive", COMMON), name) for name in PARADIGMS)]
    ds = ds.assign_coords(
        match=list(MATCHES.values()), paradigm=names, state=list(STATES), pulses=("paradigm", pulses)
    )
    return ds


def _pulses(P: Parameters, name: str) -> str:
    """What a paradigm sends, in a few words."""
    chosen = effective(P, name)
    if chosen.cycle:
        on, off = (format_si(P[f"{chosen.cycle}.{key}"], "s") for key in ("on", "off"))
        return f"burst, {on} on, {off} off"
    return " + ".join(_train(P, group) for group in chosen.groups)


def _train(P: Parameters, group: str) -> str:
    rate, inside, width = (P[f"{group}.{key}"] for key in ("frequency", "burst_frequency", "pulse_width"))
    number = P[f"{group}.pulses_per_burst"]
    burst = f"{number:g} × {_short(inside, 'Hz')} at " if number > 1 else ""
    return f"{burst}{_short(rate, 'Hz')}, {_short(width, 's')}"


def _short(value: float, unit: str) -> str:
    prefix, power = next((one for one in PREFIXES if value >= one[1]), PREFIXES[-1])
    return f"{value / power:g} {prefix}{unit}"


def _table(ds: xr.Dataset) -> str:
    """Means over seeds, and deviations where they say most; firing in % of no stimulation."""
    columns = {"ecap_multiple": (1, 3), "motor_multiple": (1, 3), "charge_per_second": (1e6, 2)}
    columns |= {"trunk_rate": (1, 1), "WDR": (1, 1), "PN": (1, 1), "inhibition": (1, 0)}
    columns |= dict.fromkeys(INHIBITORY, (1, 0)) | dict.fromkeys(
        ("synchrony_evoked", "synchrony_WDR"), (1, 3)
    )
    heads = [
        "x ECAP",
        "x motor",
        "uC/s",
        "trunk Hz",
        "WDR %",
        "PN %",
        "inh %",
        *INHIBITORY,
        "sync Ab",
        "sync WDR",
    ]
    firing = ds[["WDR", "PN", "inhibition", *INHIBITORY]]
    percent = 100 * firing / firing.sel(paradigm="none", drop=True)
    statistics = spread(ds[list(columns)].assign(percent))
    lines = []
    for match, state in product(ds["match"].values, STATES):
        lines += ["", f"{match}; {state}", " " * 14 + "".join(f"{head:>14}" for head in heads)]
        for name in ds["paradigm"].values:
            part = statistics.sel(match=match, state=state, paradigm=name)
            cells = (_cell(part[key], *how) for key, how in columns.items())
            lines.append(f"{name:<14}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def _cell(statistics: xr.DataArray, factor: float, digits: int) -> str:
    mean, sd = (factor * float(statistics.sel(statistic=which)) for which in ("mean", "sd"))
    if np.isnan(mean):
        return "-"
    text = f"{sd:.{digits}f}"
    return f"{mean:.{digits}f}" + (f" ± {text}" if float(text) else "")


if __name__ == "__main__":
    main()
