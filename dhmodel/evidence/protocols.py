"""Protocols of published findings: each runs replicates of the model and returns the numbers of the finding.

All use the default parameters; what differs between runs is stated in the protocol (stimulation, state, drug,
timing). The runs of a protocol go through `run`, any function from a list of ``(Plan, replicate)`` to the
list of their `Recording`, so that a test may run them one by one and a calibration on all cores.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from dhmodel.evidence.runs import Floats, Run, counts, in_turn, rates, replicated
from dhmodel.measures import half_recovery, kernel, peri_event
from dhmodel.parameters.layout import POPULATIONS
from dhmodel.recording import Recording, summarise
from dhmodel.simulate import plan

__all__ = ["Run", "foreman", "gate", "in_turn", "resting", "scs_on_pinch", "shechter", "windup"]

#: Wind-up is judged on the mean of this many responses at the end of the train.
LAST = 3


def windup(
    replicates: int, seed: int, run: Run = in_turn, set: Mapping[str, object] | None = None
) -> dict[str, Floats]:
    """Wind-up of WDR cells (Mendell 1966).

    16 C-strength shocks at 1 Hz, alone and under three blocks, and 6 shocks at 0.1 Hz.

    Returns
    -------
    dict of {str : ndarray}
        Shape (replicate,): ``first`` and ``last`` responses (C-window spikes per cell), ``slow_ratio`` at 0.1
        Hz, and per drug ``left_<drug>`` (share of the growth that remains) and ``first_<drug>`` (share of the
        first response that remains).
    """
    base, slow = dict(set or {}), {"windup.frequency": "0.1 Hz", "windup.number": 6}
    plans = {
        "control": plan(stimulus="windup", set=base, seed=seed),
        "slow": plan(stimulus="windup", set=base | slow, seed=seed),
    }
    drugs = ("ap5", "can_blocker", "nk1_antagonist")
    plans |= {drug: plan(stimulus="windup", drugs={drug: 1.0}, set=base, seed=seed) for drug in drugs}
    done = replicated(plans, replicates, run)
    found = {name: counts(done[name], plans[name].parameters) for name in plans}
    first = {name: count[:, 0] for name, count in found.items()}
    last = {name: count[:, -LAST:].mean(axis=1) for name, count in found.items()}
    answer = {"first": first["control"], "last": last["control"], "slow_ratio": last["slow"] / first["slow"]}
    for drug in drugs:
        answer[f"left_{drug}"] = (last[drug] - first[drug]) / (last["control"] - first["control"])
        answer[f"first_{drug}"] = first[drug] / first["control"]
    return answer


def foreman(
    replicates: int,
    seed: int,
    run: Run = in_turn,
    set: Mapping[str, object] | None = None,
    drugs: Mapping[str, float] | None = None,
    pulses: int = 40,
) -> dict[str, Floats]:
    """Single dorsal-column pulses at 1 Hz during pinch (Foreman et al. 1976; Zhang et al. 2014).

    Returns
    -------
    dict of {str : ndarray}
        ``percent``: mean firing of WDR cells in % of before the pulse at ``latency`` (s, bin centres);
        ``before``: rate before the pulse, Hz; ``half_recovery``: time at which each cell is back at 50 %, s,
        shape (cell,), NaN where it never fell.
    """
    chosen = plan(
        "tonic",
        stimulus="pinch",
        drugs=drugs,
        seed=seed,
        duration=f"{pulses} s",
        set={**(set or {}), "tonic.frequency": "1 Hz", "tonic.delay": "0.3 s"},
    )
    kernels, halves, before = [], [], []
    for one in replicated({"pinch": chosen}, replicates, run)["pinch"]:
        around = _around_pulses(one, "WDR", 0.005)
        pooled = kernel(around)["pooled"]
        before.append(float(around["rate"].isel(latency=0).mean()))
        kernels.append(pooled.values)
        # One cell has few spikes: its recovery is read from bins twice as wide.
        halves.append(half_recovery(kernel(_around_pulses(one, "WDR", 0.01))["percent"]).values)
    return {
        "latency": (around["latency"] + around["width"] / 2).values,
        "percent": np.mean(kernels, axis=0),
        "before": np.array(before),
        "half_recovery": np.concatenate(halves),
    }


def _around_pulses(one: Recording, population: str, width: float) -> xr.Dataset:
    """Rate of each cell around the pulses: a bin of 200 ms before, then bins on multiples of `width`."""
    first = sum(one.sizes[name] for name in POPULATIONS[: POPULATIONS.index(population)])
    cells = one.sizes[population]
    own = (one.neurons >= first) & (one.neurons < first + cells)
    edges = np.concatenate([[-0.2, 0.0], np.arange(width / 2, 0.2, width)])
    return peri_event(one.times[own], one.neurons[own] - first, cells, one.pulses, edges)


def shechter(
    replicates: int,
    seed: int,
    state: str = "snl",
    run: Run = in_turn,
    set: Mapping[str, object] | None = None,
) -> dict[str, Floats]:
    """C-window spikes of a wind-up train (16 shocks, 0.5 Hz) with SCS at 50 Hz and at 1 kHz.

    Stimulation lasts from 1 s before the train to its end.

    Shechter et al. 2013 measured after five minutes of conditioning. What remains of that after the train
    needs slow states; here stimulation goes on through the test.

    Returns
    -------
    dict of {str : ndarray}
        Shape (replicate,): ``control`` (spikes per cell, whole train), ``ratio_50`` and ``ratio_1000``.
    """
    base = {**(set or {}), "windup.frequency": "0.5 Hz", "windup.delay": "1 s"}
    plans = {"0": plan(stimulus="windup", state=state, set=base, seed=seed)}
    plans |= {
        f: plan(
            "tonic", stimulus="windup", state=state, seed=seed, set={**base, "tonic.frequency": f"{f} Hz"}
        )
        for f in ("50", "1000")
    }
    done = replicated(plans, replicates, run)
    total = {name: counts(done[name], plans[name].parameters).sum(axis=1) for name in plans}
    return {
        "control": total["0"],
        "ratio_50": total["50"] / total["0"],
        "ratio_1000": total["1000"] / total["0"],
    }


def gate(
    replicates: int, seed: int, run: Run = in_turn, set: Mapping[str, object] | None = None
) -> dict[str, Floats]:
    """Answer of lamina I projection cells to brush (Torsney and MacDermott 2006).

    Intact, disinhibited, and disinhibited with NMDA blocked too; and in the injured cord.

    Returns
    -------
    dict of {str : ndarray}
        PN rate under brush, Hz, shape (replicate,), by condition; ``WDR`` is the intact WDR rate.
    """
    both = {"bicuculline": 1.0, "strychnine": 1.0}
    conditions = {
        "naive": {},
        "disinhibited": both,
        "disinhibited_ap5": both | {"ap5": 1.0},
        "bicuculline": {"bicuculline": 1.0},
        "strychnine": {"strychnine": 1.0},
    }
    plans = {
        name: plan(stimulus="brush", drugs=drugs, set=set, seed=seed) for name, drugs in conditions.items()
    }
    plans["snl"] = plan(stimulus="brush", state="snl", set=set, seed=seed)
    done = replicated(plans, replicates, run)
    answer = {name: rates(done[name], plans[name].parameters, "PN") for name in plans}
    return answer | {
        "WDR": rates(done["naive"], plans["naive"].parameters, "WDR"),
        "WDR_snl": rates(done["snl"], plans["snl"].parameters, "WDR"),
    }


def scs_on_pinch(
    replicates: int,
    seed: int,
    state: str = "naive",
    frequencies: Sequence[float] = (10, 50, 300, 1000),
    run: Run = in_turn,
    set: Mapping[str, object] | None = None,
) -> dict[str, Floats]:
    """WDR and PN firing under pinch with tonic SCS, in % of none; shape (replicate, frequency)."""
    values = (0, *frequencies)
    plans = {
        str(f): plan(
            "tonic",
            state=state,
            stimulus="pinch",
            seed=seed,
            set={**(set or {}), "tonic.frequency": f"{f} Hz"},
        )
        for f in values
    }
    done = replicated(plans, replicates, run)
    answer = {}
    for population in ("WDR", "PN"):
        found = np.stack([rates(done[str(f)], plans[str(f)].parameters, population) for f in values], axis=1)
        answer[population] = 100 * found[:, 1:] / found[:, :1]
        answer[f"{population}_none"] = found[:, 0]
    return answer


def resting(
    replicates: int,
    seed: int,
    state: str = "naive",
    run: Run = in_turn,
    set: Mapping[str, object] | None = None,
) -> xr.Dataset:
    """Rate (Hz) and active fraction of every population at rest; dimensions (replicate, population)."""
    chosen = plan(state=state, set=set, seed=seed)
    found = [
        summarise(one, chosen.parameters) for one in replicated({"rest": chosen}, replicates, run)["rest"]
    ]
    return xr.Dataset(
        {
            name: (("replicate", "population"), np.array([one[name] for one in found]))
            for name in ("rate", "active")
        },
        {"population": list(POPULATIONS)},
    )
