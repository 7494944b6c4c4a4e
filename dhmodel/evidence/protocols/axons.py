"""
Protocols of findings about fibres: thresholds, firing and compound potentials, without the circuit.

Each takes the number of replicates and the seed, uses the default parameters but for what its text states,
and returns numbers by name, each of shape (replicate,); where nothing is random, of shape (1,).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dhmodel.measures import locking, synchrony
from dhmodel.parameters import Parameters, resolve
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.axon import Bank, Launched, axon, peaks
from dhmodel.stimulation.cord import CordFibres, circuit_fibres, reference
from dhmodel.stimulation.delivery import Delivery, deliver, excite
from dhmodel.stimulation.ecap import amplitudes, responses
from dhmodel.stimulation.lead import fibre_gains
from dhmodel.stimulation.recorder import Recorder, lead_recorder
from dhmodel.stimulation.recruitment import scales, thresholds
from dhmodel.stimulation.regulation import Regulation, regulate
from dhmodel.stimulation.schedule import schedule
from dhmodel.stimulation.sites import conduction_velocity, node_spacing
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.waveforms import segments
from dhmodel.streams import stream

FIBRES = 200  # of a reference population whose spikes are simulated

#: A train of which ECAP and synaptic wave were recorded (Sharma et al. 2023); its rate is that of tonic.
ECAP_TRAIN = {"tonic.amplitude_scale": "current", "tonic.current": "300 uA", "tonic.pulse_width": "40 us"}

type Answer = dict[str, Floats]
type Settings = Mapping[str, object]

#: An active 10 kHz pulse, so that other rates can send the same one.
KHZ_PULSE = {"tonic.pulse_width": "30 us", "tonic.interphase_gap": "20 us", "tonic.recharge": "active"}


def recruitment_order(replicates: int, seed: int) -> Answer:
    """Thresholds of dorsal column, root and Lissauer tract at 0.2 ms, and their strength-duration curves."""
    found, curves = {}, {}
    for kind in ("column", "root", "lissauer"):
        widths = np.array([0.05, 0.1, 0.2, 0.5, 1.0])
        lowest = np.array([_lowest(resolve(set={"tonic.pulse_width": f"{w} ms"}), kind) for w in widths])
        found[kind] = lowest[2]
        # Weiss: charge = rheobase * (width + chronaxie)
        rheobase, offset = np.polyfit(1e-3 * widths, lowest * 1e-3 * widths, 1)
        curves[kind] = rheobase, offset / rheobase
    return _one(
        root_over_column=found["root"] / found["column"],
        lissauer_over_column=found["lissauer"] / found["column"],
        lissauer_over_root=found["lissauer"] / found["root"],
        rheobase_root_over_column=curves["root"][0] / curves["column"][0],
        chronaxie_root_over_column=curves["root"][1] / curves["column"][1],
    )


def ecap_growth(replicates: int, seed: int) -> Answer:
    """ECAP of single pulses at multiples of the ECAP threshold, without noise of the recording."""
    below, linearity = [], []
    multiples = np.linspace(1, 2, 11)
    for replicate in range(replicates):
        grown = np.array([_ecap_at(m, seed, replicate) for m in multiples])
        below.append(_ecap_at(0.8, seed, replicate) / grown[-1])
        linearity.append(np.corrcoef(multiples, grown)[0, 1] ** 2)
    return {"below": np.array(below), "linearity": np.array(linearity)}


def ecap_motor_ratio(replicates: int, seed: int) -> Answer:
    """ECAP over motor threshold at pulse widths of 0.05 to 0.5 ms, 50 Hz."""
    ratios = []
    for width in (0.05, 0.1, 0.2, 0.5):
        P = resolve(set={"tonic.pulse_width": f"{width} ms"})
        at = scales(P, schedule(P, "tonic", 0.5, seed, 0))
        ratios.append(at.ecap / at.motor)
    return _one(lowest=min(ratios), highest=max(ratios))


def perception_correlation(replicates: int, seed: int) -> Answer:
    """Current at which an ECAP stands out of the noise against perception, over postures and widths."""
    seen, felt = [], []
    for lift in (-0.6, 0.0, 0.6):
        for width in (0.1, 0.2, 0.5):
            P = resolve(
                set={
                    "anatomy.species": "human",
                    "lead.lift": f"{lift} mm",
                    "tonic.pulse_width": f"{width} ms",
                }
            )
            at = scales(P, schedule(P, "tonic", 0.5, seed, 0))
            felt.append(at.perception)
            seen.append(_visible(P, at.ecap, seed))
    return _one(r=np.corrcoef(seen, felt)[0, 1])


def closed_loop_window(replicates: int, seed: int) -> Answer:
    """A minute of closed and open loop in a moving patient: four postures, breath, heartbeat, coughs."""
    reports = [_regulated(seed, replicate).report() for replicate in range(replicates)]
    return {
        "sd_ratio": np.array([one["recruited_sd_ratio"] for one in reports]),
        "window": np.array([one["in_window_closed"] for one in reports]),
        "window_open": np.array([one["in_window_open"] for one in reports]),
    }


def closed_loop_dose(replicates: int, seed: int) -> Answer:
    """Current in closed loop over the ECAP threshold at each posture, and error, same minute."""
    dose, error = [], []
    for replicate in range(replicates):
        run = _regulated(seed, replicate)
        dose.append(run.closed.worth.mean() / run.window[0])
        error.append(run.closed.deviation())
    return {"dose_ratio": np.array(dose), "error": np.array(error)}


def ecap_constancy(replicates: int, seed: int) -> Answer:
    """ECAP over 250 pulses of 40 us, 300 uA at 50 Hz."""
    P = resolve(set=ECAP_TRAIN)
    ratio, latency = [], []
    for replicate in range(replicates):
        delivery = deliver(P, "tonic", 5.0, seed, replicate)
        record, response = _responses(P, delivery, seed, replicate)
        size = amplitudes(response)
        ratio.append(size[-10:].mean() / size[3:13].mean())
        latency.append(record.times[response.mean(axis=0).argmin()])
    return {"ecap_250_over_4": np.array(ratio), "latency": np.array(latency)}


def fidelity(replicates: int, seed: int) -> Answer:
    """Spikes per pulse of fibres that follow at first, in the first and last 5 s of a minute."""
    answer: dict[str, list[float]] = {"kept_40": [], "kept_90": []}
    for rate in (40, 90):
        P = resolve(set={"tonic.frequency": f"{rate} Hz", "tonic.recharge": "active"})
        for replicate in range(replicates):
            fired = _fire(P, "tonic", 60.0, seed, replicate)[1]
            early = np.bincount(fired.fibre[fired.time < 5], minlength=FIBRES) / (5 * rate)
            late = np.bincount(fired.fibre[fired.time >= 55], minlength=FIBRES) / (5 * rate)
            following = early > 0.5
            answer[f"kept_{rate}"].append(late[following].mean() / early[following].mean())
    return {name: np.array(values) for name, values in answer.items()}


def cap_depression(replicates: int, seed: int) -> Answer:
    """CAP after a minute of conditioning over before, at 40 and 80 % of the motor threshold of 50 Hz."""
    P = resolve()
    motor = scales(P, schedule(P, "tonic", 0.5, seed, 0)).motor
    answer: dict[str, list[float]] = {}
    for rate in (50, 1000):
        for name, share in (("low", 0.4), ("high", 0.8)):
            at = {"frequency": f"{rate} Hz", "amplitude_scale": "current", "current": f"{share * motor!r} A"}
            conditioned = resolve(set={f"tonic.{key}": value for key, value in at.items()})
            kept = [_cap_kept(conditioned, share * motor, seed, replicate) for replicate in range(replicates)]
            answer[f"{name}_{rate}"] = kept
    return {name: np.array(values) for name, values in answer.items()}


def khz_axons(replicates: int, seed: int) -> Answer:
    """Reference fibres at 1 and 10 kHz and half the motor threshold of each, 1 s."""
    answer: dict[str, list[float]] = {"active_10k": [], "vector_1k": [], "vector_10k": []}
    for replicate in range(replicates):
        for rate, name in ((1000, "1k"), (10000, "10k")):
            P = resolve(
                set={"khz.frequency": f"{rate} Hz", "khz.amplitude_scale": "motor", "khz.amplitude": 0.5}
            )
            fired = _fire(P, "khz", 1.0, seed, replicate)[1]
            late = fired.time > 0.1  # past the onset
            answer[f"vector_{name}"].append(locking(fired.time[late], rate))
            if name == "10k":
                answer["active_10k"].append(np.unique(fired.fibre[late]).size / FIBRES)
    found = {name: np.array(values) for name, values in answer.items()}
    return found | {"locking_gain": found["vector_1k"] - found["vector_10k"]}


def near_threshold(replicates: int, seed: int) -> Answer:
    """Answers to pulses: of one fibre around its threshold, and of all at the sensory threshold."""
    P = resolve(set={"tonic.amplitude": 1.0, "tonic.amplitude_scale": "perception"})
    irregular = []
    for replicate in range(replicates):
        fired = _fire(P, "tonic", 2.0, seed, replicate)[1]
        share = np.bincount(fired.fibre, minlength=FIBRES) / 100
        irregular.append(((share > 0.05) & (share < 0.95)).mean())
    return {"range": np.full(replicates, _range(P, seed)), "irregular": np.array(irregular)}


def khz_human(replicates: int, seed: int) -> Answer:
    """Human dorsal-column fibres under 10 kHz at 3 mA, 0.2 s."""
    P = resolve(set={"anatomy.species": "human", "khz.amplitude_scale": "current", "khz.current": "3 mA"})
    fired = [_fire(P, "khz", 0.2, seed, replicate)[1] for replicate in range(replicates)]
    return {"active_3mA": np.array([np.unique(one.fibre).size / FIBRES for one in fired])}


def order_across_modes(replicates: int, seed: int) -> Answer:
    """Rank correlation over fibres of the thresholds of a tonic pulse, a burst and 20 ms of 10 kHz."""
    of = {name: _train_thresholds(name, reference(resolve(), "column", FIBRES)) for name in MODES}
    return _one(rank_burst=_ranked(of["tonic"], of["burst"]), rank_khz=_ranked(of["tonic"], of["khz"]))


def frequency_effects(replicates: int, seed: int) -> Answer:
    """One pulse of 10 kHz at other rates: threshold of the train, synchrony, and spikes in collaterals."""
    fibres = reference(resolve(), "column", FIBRES)
    slow = np.median(_train_thresholds("tonic", fibres, KHZ_PULSE))
    fast = np.median(_train_thresholds("khz", fibres))
    answer: dict[str, list[float]] = {"sync_10k_over_1k": [], "collateral_over_trunk_1k": []}
    for replicate in range(replicates):
        sync = {rate: _synchrony_at(rate, seed, replicate) for rate in (1000, 10000)}
        answer["sync_10k_over_1k"].append(sync[10000] / sync[1000])
        answer["collateral_over_trunk_1k"].append(_collateral_share(seed, replicate))
    found = {name: np.array(values) for name, values in answer.items()}
    return found | {"threshold_10k_over_50": np.full(replicates, fast / slow)}


def size_order(replicates: int, seed: int) -> Answer:
    """Slope of log threshold against log diameter (5-15 um) at one place in the cord, for three modes."""
    fibres = _sized(resolve(), np.linspace(5e-6, 15e-6, 11))
    slopes = {
        name: np.polyfit(np.log(fibres.diameter), np.log(_train_thresholds(name, fibres)), 1)[0]
        for name in MODES
    }
    return _one(**{f"slope_{name}": slope for name, slope in slopes.items()})


#: Paradigm, and how long a train of it takes to sum up, in s.
MODES = {"tonic": 0.002, "burst": 0.0095, "khz": 0.02}


def synchrony_ratios(replicates: int, seed: int) -> Answer:
    """Synchrony of the trunks at 50 Hz, 1 kHz and 10 kHz, at amplitudes that drive most fibres."""
    answer: dict[str, list[float]] = {"sync_1k_over_50": [], "sync_10k_over_1k": []}
    for replicate in range(replicates):
        at = {rate: _synchrony_at(rate, seed, replicate) for rate in (50, 1000, 10000)}
        answer["sync_1k_over_50"].append(at[1000] / at[50])
        answer["sync_10k_over_1k"].append(at[10000] / at[1000])
    return {name: np.array(values) for name, values in answer.items()}


def _one(**numbers: float) -> Answer:
    return {name: np.array([value], dtype=np.float64) for name, value in numbers.items()}


def _lowest(P: Parameters, kind: str) -> float:
    """Current at which the first twentieth of a kind of fibre fires, as a compound potential shows it."""
    made = schedule(P, "tonic", 0.1, 0, 0)
    found = thresholds(P, reference(P, kind), made.channels[0], made.shapes[-1])
    return float(np.quantile(found, P["column.ecap_fraction"]))


def _fire(
    P: Parameters, paradigm: str, duration: float, seed: int, replicate: int
) -> tuple[Delivery, Launched]:
    """What the reference fibres do under a paradigm."""
    delivery = deliver(P, paradigm, duration, seed, replicate)
    return delivery, excite(P, reference(P, "column", FIBRES), delivery, seed, replicate)


def _responses(P: Parameters, delivery: Delivery, seed: int, replicate: int) -> tuple[Recorder, Floats]:
    """Recording of the reference fibres, and the response to each pulse."""
    fibres = reference(P, "column", FIBRES)
    record = lead_recorder(P, fibres)
    fired = excite(P, fibres, delivery, seed, replicate)
    return record, responses(record, delivery.schedule.times, fired)


def _ecap_at(multiple: float, seed: int, replicate: int) -> float:
    """Mean ECAP (V) of ten pulses at a multiple of the ECAP threshold."""
    P = resolve(set={"tonic.amplitude": multiple, "tonic.frequency": "10 Hz"})
    delivery = deliver(P, "tonic", 1.0, seed, replicate)
    return float(amplitudes(_responses(P, delivery, seed, replicate)[1]).mean())


def _visible(P: Mapping[str, float | str], ecap: float, seed: int) -> float:
    """Current (A) at which the mean of 50 ECAPs is twice the noise that is left in it, by interpolation."""
    floor = 2 * np.sqrt(2) * P["ecap.noise"] / np.sqrt(50)
    currents = ecap * np.linspace(0.8, 1.6, 9)
    sizes = []
    for current in currents:
        at = Parameters({**P, "tonic.amplitude_scale": "current", "tonic.current": float(current)})
        sizes.append(amplitudes(_responses(at, deliver(at, "tonic", 0.2, seed, 0), seed, 0)[1]).mean())
    return float(np.interp(floor, np.maximum.accumulate(sizes), currents))


def _regulated(seed: int, replicate: int) -> Regulation:
    """One minute of closed and open loop."""
    P = resolve(set={"anatomy.species": "human"})
    return regulate(P, schedule(P, "closed_loop", 60.0, seed, replicate), seed, replicate)


def _cap_kept(P: Parameters, test: float, seed: int, replicate: int) -> float:
    """Compound potential of a test pulse (A) after a minute of `P`'s tonic train over before."""
    fibres = reference(P, "column", FIBRES)
    record = lead_recorder(P, fibres)
    train = deliver(P, "tonic", 60.0, seed, replicate)
    keys = stream(seed, replicate, "excite.noise").integers(0, 2**64, FIBRES, dtype=np.uint64)
    gains = fibre_gains(P, fibres, train.schedule.channels)
    bank = Bank(axon(P), gains, np.full(FIBRES, P["fibre.AB.refractory"]), keys)
    sizes = []
    for part in ("before", "train", "after"):
        start = {"before": -1.0, "train": 0.0, "after": 60.0}[part]
        if part == "train":
            for begin in range(60):
                bank.advance(segments(train.schedule, train.worth, float(begin), float(begin + 1)))
            continue
        onset = np.array([start + 0.5])
        single = replace(
            train.schedule, times=onset, scale=np.ones(1), shape=np.zeros(1, int), channel=np.zeros(1, int)
        )
        fired = bank.advance(segments(single, np.array([test]), start, start + 1))
        sizes.append(float(amplitudes(responses(record, onset, fired))[0]))
    return sizes[1] / sizes[0]


def _range(P: Parameters, seed: int) -> float:
    """Relative range of amplitudes over which a fibre answers 5 to 95 % of single pulses."""
    fibres = reference(P, "column", FIBRES)
    made = schedule(P, "tonic", 0.01, seed, 0)
    middle = int(np.argsort(thresholds(P, fibres, made.channels[0], made.shapes[-1]))[FIBRES // 2])
    threshold = thresholds(P, fibres, made.channels[0], made.shapes[-1])[middle]
    copies = 400
    gains = np.repeat(fibre_gains(P, fibres, made.channels)[middle : middle + 1], copies, axis=0)
    keys = stream(seed, 0, "near_threshold").integers(0, 2**64, copies, dtype=np.uint64)
    levels, share = np.linspace(0.9, 1.1, 81), []
    for level in levels:
        bank = Bank(axon(P), gains, np.full(copies, P["fibre.AB.refractory"]), keys)
        share.append(len(bank.advance(segments(made, np.full(len(made), level * threshold), 0.0, 0.01))))
    reached = np.maximum.accumulate(np.array(share) / copies)
    low, high = np.interp([0.05, 0.95], reached, levels)
    return float(high - low)


def _train_thresholds(name: str, fibres: CordFibres, settings: Settings | None = None) -> Floats:
    """Amplitude (A) of a train of a paradigm that makes each fibre at rest fire, noise apart."""
    P = resolve(set=settings)
    made = schedule(P, name, MODES[name], 0, 0)
    train = segments(made, np.ones(len(made)), 0.0, MODES[name] + 1e-3)
    return 1 / peaks(axon(P), fibre_gains(P, fibres, made.channels), train)


def _ranked(a: Floats, b: Floats) -> float:
    """Rank correlation."""
    return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])


def _synchrony_at(rate: int, seed: int, replicate: int) -> float:
    """Synchrony of the reference fibres under the pulse of 10 kHz at some rate, strong enough for most."""
    at = {"khz.frequency": f"{rate} Hz", "khz.amplitude": 2.0, "khz.amplitude_scale": "ecap"}
    fired = _fire(resolve(set=at), "khz", 1.1, seed, replicate)[1]
    late = fired.time >= 0.1  # past the onset
    # bins of a quarter of the shortest period at which trunks follow pulse by pulse: in wider ones a fibre
    # that answers every pulse of 1 kHz does not vary, however synchronous it is
    return synchrony(fired.time[late] - 0.1, fired.fibre[late], FIBRES, 1.0, bin=0.25e-3)


def _collateral_share(seed: int, replicate: int) -> float:
    """Spikes that enter the horn over spikes in the trunks, tonic at 1 kHz."""
    P = resolve(set={"tonic.frequency": "1 kHz", "background.AB.rate": "0 Hz"})
    found = afferent_input(P, "tonic", "spontaneous", 2.0, 0.0, seed, replicate)
    entered = sum(len(found.trains.of(name)) for name in ("IA", "AB")) / 2.0
    return entered / (found.trunk_rate * len(circuit_fibres(P, seed, replicate)))


def _sized(P: Parameters, diameter: Floats) -> CordFibres:
    """Column fibres of given diameters in one place, a node under the contact."""
    middle = reference(P, "column", diameter.size)
    return replace(
        middle,
        lateral=np.full(diameter.size, np.median(middle.lateral)),
        depth=np.full(diameter.size, np.median(middle.depth)),
        diameter=diameter,
        spacing=node_spacing(P, diameter),
        velocity=conduction_velocity(P, diameter),
        offset=np.full(diameter.size, 0.5),
    )
