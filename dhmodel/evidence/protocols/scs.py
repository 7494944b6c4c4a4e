"""
Protocols of findings about spinal cord stimulation and the cells of the dorsal horn.

What runs of the circuit can tell is data, in ``findings``; these compute a current or a train from the fibres
first. Each takes the number of replicates and the seed, uses the default parameters but for what its text
states, and returns numbers by name, each of shape (replicate,).
"""

from collections.abc import Mapping

import numpy as np

from dhmodel.evidence.protocols.axons import ECAP_TRAIN, ecap_constancy, synchrony_ratios
from dhmodel.evidence.protocols.runs import Floats, counts, rates, replicated
from dhmodel.parameters import resolve
from dhmodel.simulate import Plan, plan, record
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.patterns import poisson
from dhmodel.stimulation.recruitment import reference_thresholds, scales
from dhmodel.stimulation.schedule import schedule
from dhmodel.stimulation.terminals import terminal_release
from dhmodel.stimulation.trains import SpikeTrains, sort
from dhmodel.streams import stream

type Answer = dict[str, Floats]


def intensity(replicates: int, seed: int) -> Answer:
    """C spikes of WDR cells in a wind-up train after nerve injury: 50 Hz at Ab0, and half-way to Ab1.

    Ab0 is the ECAP threshold, Ab1 the current that excites 95 % of the dorsal-column fibres. Half-way also
    with half of the pulses to the dorsal root, of whose fibres as large a share fires.
    """
    P = resolve("snl")
    made = schedule(P, "tonic", 0.1, seed, 0)
    found, lowest = reference_thresholds(P, made.channels[0], made.shapes[-1]), scales(P, made).ecap
    half_way = (1 + float(np.quantile(found, 0.95)) / lowest) / 2
    share = float((found <= half_way * lowest).mean())
    column = {"windup.delay": "1 s", "tonic.amplitude": half_way}
    root = {"tonic.frequency": "25 Hz", "root.rate": "25 Hz", "root.AB": share}
    plans = {
        "none": plan(state="snl", stimulus="windup", set={"windup.delay": "1 s"}, seed=seed),
        "at_threshold": _column_on_windup(column | {"tonic.amplitude": 1.0}, seed),
        "half_way": _column_on_windup(column, seed),
        "with_root": _column_on_windup(column | root, seed, "windup_root"),
    }
    done = replicated(plans, replicates)
    total = {name: counts(done[name], plans[name].parameters).sum(axis=1) for name in plans}
    left = {name: total[name] / total["none"] for name in plans if name != "none"}
    return left | {"difference": left["with_root"] - left["half_way"]}


def _column_on_windup(settings: Mapping[str, object], seed: int, stimulus: str = "windup") -> Plan:
    """Column stimulation while a wind-up train tests the injured cord."""
    return plan("tonic", state="snl", stimulus=stimulus, set=settings, seed=seed)


def synaptic_wave(replicates: int, seed: int) -> Answer:
    """ECAP and release of Abeta terminals, over 250 pulses of 40 us, 300 uA at 50 Hz."""
    P, span = resolve(set=ECAP_TRAIN), (5.0, 1.0)
    waves = [terminal_release(P, "tonic", "spontaneous", *span, seed, n) for n in range(replicates)]
    ratio = np.array([wave[-10:].mean() / wave[:3].mean() for wave in waves])
    return ecap_constancy(replicates, seed) | {"wave_250_over_1": ratio}


def segment(replicates: int, seed: int) -> Answer:
    """WDR firing under pinch after injury: 66 % of motor threshold over the segment, and two rostral."""
    plans = {"none": plan(state="snl", stimulus="pinch", seed=seed)}
    # the current is that over the segment: the lead moves, the stimulator does not
    current = f"{0.66 * _motor()!r} A"
    for level in (0, 2):
        settings = {"tonic.amplitude_scale": "current", "tonic.current": current, "lead.level": level}
        plans[str(level)] = plan("tonic", state="snl", stimulus="pinch", set=settings, seed=seed)
    left = _left(plans, replicates)
    return {"left_over": left["0"], "left_rostral": left["2"], "difference": left["2"] - left["0"]}


def desynchronisation(replicates: int, seed: int) -> Answer:
    """Synchrony of trunks across rates; WDR firing under pinch with asynchronous input as fast as 50 Hz."""
    answer = synchrony_ratios(replicates, seed)
    plans = {"none": plan(stimulus="pinch", seed=seed), "tonic": plan("tonic", stimulus="pinch", seed=seed)}
    done = replicated(plans, replicates)
    rate = {name: rates(done[name], plans[name].parameters) for name in plans}
    poisson_rate = []
    for replicate in range(replicates):
        own = plan(stimulus="pinch", seed=seed, trains=_asynchronous(plans["tonic"], replicate))
        # replicate by replicate, since each has trains of its own
        poisson_rate.append(rates([record(own, replicate)], own.parameters)[0])
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


def _left(plans: Mapping[str, Plan], replicates: int) -> Answer:
    """WDR firing of each plan as a fraction of the plan ``none``."""
    done = replicated(plans, replicates)
    found = {name: rates(done[name], plans[name].parameters) for name in plans}
    return {name: found[name] / found["none"] for name in plans if name != "none"}


def _motor() -> float:
    """Motor threshold of tonic stimulation, A."""
    P = resolve()
    return scales(P, schedule(P, "tonic", 0.5, 0, 0)).motor
