"""
Protocols of findings about spinal cord stimulation and the cells of the dorsal horn.

Each takes the number of replicates, the seed, and how to run plans, uses the default parameters but for what
its text states, and returns numbers by name, each of shape (replicate,).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from dhmodel.evidence.axons import synchrony_ratios
from dhmodel.evidence.runs import Floats, Run, counts, in_turn, rates, replicated
from dhmodel.parameters import resolve
from dhmodel.simulate import Plan, plan
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.patterns import poisson
from dhmodel.stimulation.recruitment import reference_thresholds, scales
from dhmodel.stimulation.schedule import schedule
from dhmodel.stimulation.trains import SpikeTrains, sort
from dhmodel.streams import stream

type Answer = dict[str, Floats]


def burst_against_tonic(replicates: int, seed: int, run: Run = in_turn) -> Answer:
    """WDR firing under pinch, intact cord: 40 Hz burst and tonic at 90 % of the motor threshold of each."""
    at = {"amplitude": 0.9, "amplitude_scale": "motor"}
    plans = {"none": plan(stimulus="pinch", seed=seed)}
    for name in ("tonic", "burst"):
        settings: dict[str, object] = {f"{name}.{key}": value for key, value in at.items()}
        settings[f"{name}.frequency"] = "40 Hz"
        plans[name] = plan(name, stimulus="pinch", set=settings, seed=seed)
    left = _left(plans, replicates, run)
    return {
        "wdr_tonic": left["tonic"],
        "wdr_burst": left["burst"],
        "difference": left["burst"] - left["tonic"],
        "motor_ratio": np.full(replicates, _motor("burst") / _motor("tonic", {"tonic.pulse_width": "1 ms"})),
    }


def intensity(replicates: int, seed: int, run: Run = in_turn) -> Answer:
    """C spikes of WDR cells in a wind-up train after nerve injury: 50 Hz at Ab0, and half-way to Ab1.

    Ab0 is the ECAP threshold, Ab1 the current that excites 95 % of the dorsal-column fibres.
    """
    P = resolve("snl")
    made = schedule(P, "tonic", 0.1, seed, 0)
    found = reference_thresholds(P, made.channels[0], made.shapes[-1])
    half_way = (1 + float(np.quantile(found, 0.95)) / scales(P, made).ecap) / 2
    common = {"windup.delay": "1 s"}
    plans = {"none": plan(state="snl", stimulus="windup", set=common, seed=seed)}
    for name, multiple in (("at_threshold", 1.0), ("half_way", half_way)):
        settings = common | {"tonic.amplitude": multiple}
        plans[name] = plan("tonic", state="snl", stimulus="windup", set=settings, seed=seed)
    done = replicated(plans, replicates, run)
    total = {name: counts(done[name], plans[name].parameters).sum(axis=1) for name in plans}
    return {name: total[name] / total["none"] for name in ("at_threshold", "half_way")}


def subperception_optimum(replicates: int, seed: int, run: Run = in_turn) -> Answer:
    """Amplitude, in sensory thresholds, at which 90 Hz inhibits WDR cells under pinch most, intact cord."""
    multiples = (0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0)
    left = _dose_response("subperception", "perception", multiples, "naive", replicates, seed, run)
    return {"optimum": np.array(multiples)[left.argmin(axis=0)], "left_at_80": left[multiples.index(0.8)]}


def subperception_bicuculline(replicates: int, seed: int, run: Run = in_turn) -> Answer:
    """Change of WDR firing under pinch by 90 Hz at 80 % of the sensory threshold, also under bicuculline."""
    change = {}
    for name, drugs in (("control", {}), ("bicuculline", {"bicuculline": 1.0})):
        plans = {
            "off": plan(stimulus="pinch", drugs=drugs, seed=seed),
            "on": plan("subperception", stimulus="pinch", drugs=drugs, seed=seed),
        }
        done = replicated(plans, replicates, run)
        rate = {key: rates(done[key], plans[key].parameters) for key in plans}
        change[name] = rate["on"] - rate["off"]
    return {**change, "shift": change["bicuculline"] - change["control"]}


def amplitude_response(replicates: int, seed: int, run: Run = in_turn) -> Answer:
    """WDR firing under pinch after nerve injury at 33 to 90 % of the motor threshold, tonic and burst."""
    shares = (0.33, 0.5, 0.66, 0.9)
    tonic = _dose_response("tonic", "motor", shares, "snl", replicates, seed, run).mean(axis=1)
    burst = _dose_response("burst", "motor", shares, "snl", replicates, seed, run).mean(axis=1)
    lowest = int(burst.argmin())
    answer = {f"tonic_{share:g}": np.array([one]) for share, one in zip(shares, tonic, strict=True)}
    answer |= {f"burst_{share:g}": np.array([one]) for share, one in zip(shares, burst, strict=True)}
    return answer | {
        "tonic_monotone": np.array([float((np.diff(tonic) < 0).all())]),
        "burst_interior": np.array([float(0 < lowest < len(shares) - 1)]),
    }


def segment(replicates: int, seed: int, run: Run = in_turn) -> Answer:
    """WDR firing under pinch after injury: 66 % of motor threshold over the segment, and two rostral."""
    plans = {"none": plan(state="snl", stimulus="pinch", seed=seed)}
    # the current is that over the segment: the lead moves, the stimulator does not
    current = f"{0.66 * _motor('tonic')!r} A"
    for level in (0, 2):
        settings = {"tonic.amplitude_scale": "current", "tonic.current": current, "lead.level": level}
        plans[str(level)] = plan("tonic", state="snl", stimulus="pinch", set=settings, seed=seed)
    left = _left(plans, replicates, run)
    return {"left_over": left["0"], "left_rostral": left["2"], "difference": left["2"] - left["0"]}


def desynchronisation(replicates: int, seed: int, run: Run = in_turn) -> Answer:
    """Synchrony of trunks across rates; WDR firing under pinch with asynchronous input as fast as 50 Hz."""
    answer = synchrony_ratios(replicates, seed)
    plans = {"none": plan(stimulus="pinch", seed=seed), "tonic": plan("tonic", stimulus="pinch", seed=seed)}
    done = replicated(plans, replicates, run)
    rate = {name: rates(done[name], plans[name].parameters) for name in plans}
    poisson_rate = []
    for replicate in range(replicates):
        own = plan(stimulus="pinch", seed=seed, trains=_asynchronous(plans["tonic"], replicate))
        # replicate by replicate, since each has trains of its own
        poisson_rate.append(rates([run([(own, replicate)])[0]], own.parameters)[0])
    return answer | {
        "wdr_tonic": rate["tonic"] / rate["none"],
        "wdr_poisson": np.array(poisson_rate) / rate["none"],
    }


def _asynchronous(model: Plan, replicate: int) -> SpikeTrains:
    """Abeta trains under pinch, with Poisson spikes that bring each to its rate under stimulation."""
    P, of = model.parameters, (model.duration, model.warmup, model.seed, replicate)
    quiet, driven = (afferent_input(P, name, "pinch", *of).trains.of("AB") for name in ("none", "tonic"))
    more = np.diff(driven.offsets()) - np.diff(quiet.offsets())
    extra = np.maximum(more, 0) / model.duration
    rng = stream(model.seed, replicate, "evidence.asynchronous")
    parts = [(quiet.times, quiet.fibres)]
    for fibre, rate in enumerate(extra.tolist()):
        times, _ = poisson(rng, 1, rate, P["fibre.AB.refractory"], 0.0, model.duration)
        parts.append((times, np.full(times.size, fibre)))
    times, fibres = sort(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return SpikeTrains(times, fibres, quiet.classes)


def _dose_response(
    paradigm: str, scale: str, multiples: Sequence[float], state: str, replicates: int, seed: int, run: Run
) -> Floats:
    """WDR firing under pinch as a fraction of none, shape (multiple, replicate)."""
    plans = {"none": plan(state=state, stimulus="pinch", seed=seed)}
    for multiple in multiples:
        settings = {f"{paradigm}.amplitude": multiple, f"{paradigm}.amplitude_scale": scale}
        plans[str(multiple)] = plan(paradigm, state=state, stimulus="pinch", set=settings, seed=seed)
    left = _left(plans, replicates, run)
    return np.array([left[str(multiple)] for multiple in multiples])


def _left(plans: Mapping[str, Plan], replicates: int, run: Run) -> Answer:
    """WDR firing of each plan as a fraction of the plan ``none``."""
    done = replicated(plans, replicates, run)
    found = {name: rates(done[name], plans[name].parameters) for name in plans}
    return {name: found[name] / found["none"] for name in plans if name != "none"}


def _motor(paradigm: str, settings: Mapping[str, object] | None = None) -> float:
    """Motor threshold in A."""
    P = resolve(set=settings)
    return scales(P, schedule(P, paradigm, 0.5, 0, 0)).motor
