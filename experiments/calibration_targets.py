"""
What the calibration wants of the model: runs, reductions of their recordings, and bands, all as data.

Used by ``calibrate.py``, which says how.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dhmodel.evidence.protocols.runs import counts
from dhmodel.measures import half_recovery, kernel, peri_event
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import POPULATIONS
from dhmodel.recording import Recording

#: A cell answers a stimulus if that adds so much to its rate, Hz.
ANSWERS = 0.5
#: A cell is active at rest if it fires at least twice in the 5 s.
ACTIVE = 0.3

BLOCKS = {"bicuculline": 1.0, "strychnine": 1.0}
WINDUP = {"stimulus": "windup"}
TRAIN = {"windup.frequency": "0.5 Hz", "windup.delay": "1 s"}
#: Shocks of Abeta strength to the root of a cord without descending input, as in a slice.
SHOCKS = {
    "state": "spinalised",
    "stimulus": "shock",
    "set": {"shock.intensity": 1.45, "shock.number": 5, "shock.frequency": "0.5 Hz", "shock.delay": "0.5 s"},
}
NO_GABA_B = {"synapse.gaba_b.scale": 0}
NO_GABA_B_DRUG = {"cgp35348": 1.0}
#: A von Frey force between the thresholds of injured and of intact rats.
FORCE = {
    "state": "snl",
    "stimulus": "vonfrey",
    "duration": "3 s",
    "set": {"vonfrey.force": "60 mN", "vonfrey.delay": "0 s"},
}

#: Runs by name: arguments of `dhmodel.simulate`.
RUNS: dict[str, dict[str, Any]] = {
    "rest": {},
    "rest_50": {"paradigm": "tonic"},
    "rest_snl": {"state": "snl"},
    "rest_snl_50": {"state": "snl", "paradigm": "tonic"},
    "brush": {"stimulus": "brush"},
    "brush_snl": {"stimulus": "brush", "state": "snl"},
    "brush_ap5": {"stimulus": "brush", "drugs": {"ap5": 1.0}},
    "brush_bicuculline": {"stimulus": "brush", "drugs": {"bicuculline": 1.0}},
    "brush_strychnine": {"stimulus": "brush", "drugs": {"strychnine": 1.0}},
    "brush_no_gaba_b": {"stimulus": "brush", "set": NO_GABA_B},
    "brush_blocks": {"stimulus": "brush", "drugs": BLOCKS},
    "brush_blocks_ap5": {"stimulus": "brush", "drugs": BLOCKS | {"ap5": 1.0}},
    "brush_snl_50": {"stimulus": "brush", "state": "snl", "paradigm": "tonic"},
    "shock": SHOCKS,
    "shock_blocks": SHOCKS | {"drugs": BLOCKS},
    "pinch": {"stimulus": "pinch"},
    "pinch_snl": {"stimulus": "pinch", "state": "snl"},
    "pinch_ap5": {"stimulus": "pinch", "drugs": {"ap5": 1.0}},
    "pinch_no_gaba_b": {"stimulus": "pinch", "set": NO_GABA_B},
    "pinch_10": {"stimulus": "pinch", "paradigm": "tonic", "set": {"tonic.frequency": "10 Hz"}},
    "pinch_50": {"stimulus": "pinch", "paradigm": "tonic"},
    "pinch_1000": {"stimulus": "pinch", "paradigm": "tonic", "set": {"tonic.frequency": "1000 Hz"}},
    "pinch_snl_50": {"stimulus": "pinch", "state": "snl", "paradigm": "tonic"},
    "pinch_ap5_50": {"stimulus": "pinch", "paradigm": "tonic", "drugs": {"ap5": 1.0}},
    "pinch_no_gaba_b_50": {"stimulus": "pinch", "paradigm": "tonic", "set": NO_GABA_B},
    "force_snl": FORCE,
    "force_snl_50": FORCE | {"paradigm": "tonic"},
    "force_snl_no_gaba_b": FORCE | {"drugs": NO_GABA_B_DRUG},
    "force_snl_no_gaba_b_50": FORCE | {"drugs": NO_GABA_B_DRUG, "paradigm": "tonic"},
    "foreman": {
        "stimulus": "pinch",
        "paradigm": "tonic",
        "duration": "40 s",
        "set": {"tonic.frequency": "1 Hz", "tonic.delay": "0.3 s"},
    },
    "windup": WINDUP,
    "windup_slow": WINDUP | {"set": {"windup.frequency": "0.1 Hz", "windup.number": 4}},
    "windup_ap5": WINDUP | {"drugs": {"ap5": 1.0}},
    "windup_can": WINDUP | {"drugs": {"can_blocker": 1.0}},
    "windup_nk1": WINDUP | {"drugs": {"nk1_antagonist": 1.0}},
    "train": WINDUP | {"set": TRAIN},
    "train_50": WINDUP | {"paradigm": "tonic", "set": TRAIN},
    "train_1000": WINDUP | {"paradigm": "tonic", "set": TRAIN | {"tonic.frequency": "1000 Hz"}},
    "train_snl": WINDUP | {"state": "snl", "set": TRAIN},
    "train_snl_50": WINDUP | {"state": "snl", "paradigm": "tonic", "set": TRAIN},
    "train_snl_1000": WINDUP
    | {"state": "snl", "paradigm": "tonic", "set": TRAIN | {"tonic.frequency": "1000 Hz"}},
}


@dataclass(frozen=True)
class Results:
    """Recordings of every run, and reductions of them; a value is a mean over replicates."""

    recordings: Mapping[str, Sequence[Recording]]

    def cells(self, run: str, population: str, start: float = 0.0) -> np.ndarray:
        """Rate of every cell from `start` on, Hz, shape (replicate, cell)."""
        first = sum(self.recordings[run][0].sizes[p] for p in POPULATIONS[: POPULATIONS.index(population)])
        found = []
        for one in self.recordings[run]:
            own = one.neurons[one.times >= start] - first
            number = one.sizes[population]
            own = own[(own >= 0) & (own < number)]
            found.append(np.bincount(own, minlength=number) / (one.duration - start))
        return np.array(found)

    def rate(self, run: str, population: str) -> float:
        """Mean rate, Hz."""
        return float(self.cells(run, population).mean())

    def active(self, run: str, population: str) -> float:
        """Fraction of cells that fire at least `ACTIVE`."""
        return float((self.cells(run, population) > ACTIVE).mean())

    def answering(self, run: str, rest: str, population: str) -> float:
        """Fraction of cells to whose rate the stimulus adds at least `ANSWERS`."""
        return float((self.cells(run, population) - self.cells(rest, population) >= ANSWERS).mean())

    def left(self, run: str, without: str, population: str) -> float:
        """Rate as a fraction of that without, after the onset."""
        with_, none = (self.cells(name, population, start=1.0).mean() for name in (run, without))
        return float(with_ / max(none, 1e-3))

    def lowered(self, run: str, without: str, population: str) -> float:
        """Fraction of the cells active without whose rate falls below half, after the onset."""
        before, after = (self.cells(name, population, start=1.0) for name in (without, run))
        some = before > ACTIVE
        return float((after[some] < 0.5 * before[some]).mean()) if some.any() else 0.0

    def late(self, run: str) -> np.ndarray:
        """C-window spikes of WDR cells per shock, mean over replicates."""
        return counts(self.recordings[run], resolve()).mean(axis=0)

    def shocked(self, run: str) -> float:
        """Spikes of a PN cell within 90 ms of a shock."""
        windows = [counts(self.recordings[run], resolve(), "PN", name) for name in ("Abeta", "Adelta")]
        return float(np.sum(windows, axis=0).mean())

    def growth(self, run: str) -> float:
        """Last three responses less the first."""
        late = self.late(run)
        return float(late[-3:].mean() - late[0])

    def foreman(self) -> dict[str, float]:
        """Kernel around single pulses, % of before, and the spread of half-recovery."""
        kernels, halves = [], []
        for one in self.recordings["foreman"]:
            fine, coarse = (kernel(_around(one, width)) for width in (0.005, 0.01))
            kernels.append(fine["pooled"].values)
            halves.append(half_recovery(coarse["percent"]).values)
        at = (fine["latency"] + fine["width"] / 2).values
        mean, half = np.mean(kernels, axis=0), np.concatenate(halves)
        half = half[np.isfinite(half)]
        spread = np.percentile(half, 95) / np.percentile(half, 5) if half.size else 0.0
        return {
            "first": float(mean[(at > 0) & (at < 0.008)].max()),
            "trough": float(mean[(at >= 0.005) & (at <= 0.03)].min()),
            **{f"{ms} ms": float(np.interp(ms / 1e3, at, mean)) for ms in (30, 50, 80, 98)},
            "spread": float(spread),
        }


def _around(one: Recording, width: float) -> Any:
    """Rate of WDR cells around the pulses."""
    first = sum(one.sizes[name] for name in POPULATIONS[: POPULATIONS.index("WDR")])
    own = (one.neurons >= first) & (one.neurons < first + one.sizes["WDR"])
    edges = np.concatenate([[-0.2, 0.0], np.arange(width / 2, 0.2, width)])
    return peri_event(one.times[own], one.neurons[own] - first, one.sizes["WDR"], one.pulses, edges)


#: What is wanted: name -> (value, low, high, where from).
type Target = tuple[Callable[[Results], float], float, float, str]
TARGETS: dict[str, Target] = {
    "rest WDR, Hz": (lambda r: r.rate("rest", "WDR"), 0.05, 2, "P043"),
    "rest WDR active": (lambda r: r.active("rest", "WDR"), 0.1, 0.3, "P040: 20 %"),
    "rest PN, Hz": (lambda r: r.rate("rest", "PN"), 0.0, 1, "P043"),
    "rest snl WDR, Hz": (lambda r: r.rate("rest_snl", "WDR"), 2, 8, "P043"),
    "rest snl WDR active": (lambda r: r.active("rest_snl", "WDR"), 0.6, 1.0, "P040"),
    "rest at 50 Hz WDR, Hz": (
        lambda r: r.rate("rest_50", "WDR"),
        0,
        2,
        "stimulation excites no nociceptive output",
    ),
    "rest snl at 50 Hz PN, Hz": (lambda r: r.rate("rest_snl_50", "PN"), 0, 0.3, "stimulation is not painful"),
    "rest snl: WDR lowered by 50 Hz": (
        lambda r: r.lowered("rest_snl_50", "rest_snl", "WDR"),
        0.2,
        0.5,
        "Yakhnitsa et al. 1998: a third",
    ),
    "rest snl: WDR left at 50 Hz": (
        lambda r: r.left("rest_snl_50", "rest_snl", "WDR"),
        0.3,
        0.9,
        "Guan et al. 2010: lower",
    ),
    "brush WDR, Hz": (lambda r: r.rate("brush", "WDR"), 10, 30, "WDR cells answer brush at tens of Hz"),
    "brush WDR answering": (lambda r: r.answering("brush", "rest", "WDR"), 0.7, 1, "wide dynamic range"),
    "brush snl WDR, Hz": (lambda r: r.rate("brush_snl", "WDR"), 12, 45, "Yakhnitsa et al. 1998: higher"),
    "brush WDR left by AP5": (lambda r: r.left("brush_ap5", "brush", "WDR"), 0.6, 1.1, "AMPA carries touch"),
    "brush PN answering": (lambda r: r.answering("brush", "rest", "PN"), 0.0, 0.25, "P039: 21 %"),
    "brush PN, Hz": (lambda r: r.rate("brush", "PN"), 0, 0.5, "Torsney and MacDermott 2006: about silent"),
    "brush snl PN answering": (lambda r: r.answering("brush_snl", "rest_snl", "PN"), 0.45, 0.7, "P039: 58 %"),
    "brush PN answering, bicuculline": (
        lambda r: r.answering("brush_bicuculline", "rest", "PN"),
        0.4,
        1,
        "Malan et al. 2002: opens",
    ),
    "brush PN answering, strychnine": (
        lambda r: r.answering("brush_strychnine", "rest", "PN"),
        0.4,
        1,
        "Torsney and MacDermott 2006",
    ),
    "brush PN answering, no GABA-B": (
        lambda r: r.answering("brush_no_gaba_b", "rest", "PN"),
        0.25,
        1,
        "Malan et al. 2002: opens",
    ),
    "brush PN both blocks, Hz": (
        lambda r: r.rate("brush_blocks", "PN"),
        5,
        40,
        "Torsney and MacDermott 2006",
    ),
    "brush PN both blocks, left by AP5": (
        lambda r: r.left("brush_blocks_ap5", "brush_blocks", "PN"),
        0,
        0.05,
        "Torsney and MacDermott 2006",
    ),
    "shock PN, spikes": (lambda r: r.shocked("shock"), 0, 0.05, "Torsney and MacDermott 2006"),
    "shock PN both blocks, spikes": (
        lambda r: r.shocked("shock_blocks"),
        0.5,
        5,
        "Torsney and MacDermott 2006",
    ),
    "brush snl PN left at 50 Hz": (
        lambda r: r.left("brush_snl_50", "brush_snl", "PN"),
        0,
        0.5,
        "Lindblom and Meyerson 1975",
    ),
    "pinch WDR, Hz": (lambda r: r.rate("pinch", "WDR"), 30, 65, "feasibility study"),
    "pinch snl WDR, Hz": (lambda r: r.rate("pinch_snl", "WDR"), 30, 100, "P041: no larger counts"),
    "pinch PN, Hz": (lambda r: r.rate("pinch", "PN"), 8, 40, "nociceptive output"),
    "pinch PN answering": (lambda r: r.answering("pinch", "rest", "PN"), 0.8, 1, "nociceptive output"),
    "10 Hz: WDR left": (lambda r: r.left("pinch_10", "pinch", "WDR"), 0.5, 1.05, "Zhang et al. 2014"),
    "50 Hz: WDR left": (lambda r: r.left("pinch_50", "pinch", "WDR"), 0.3, 0.65, "Shechter et al. 2013"),
    "50 Hz: PN left": (lambda r: r.left("pinch_50", "pinch", "PN"), 0.4, 0.9, "Lindblom and Meyerson 1975"),
    "1 kHz: WDR left": (lambda r: r.left("pinch_1000", "pinch", "WDR"), 0.85, 1.15, "Shechter et al. 2013"),
    "50 Hz: snl WDR left": (lambda r: r.left("pinch_snl_50", "pinch_snl", "WDR"), 0.35, 0.75, "Guan 2010"),
    "50 Hz: snl PN left": (lambda r: r.left("pinch_snl_50", "pinch_snl", "PN"), 0.4, 0.9, "Lindblom 1975"),
    "50 Hz under AP5: share of the suppression": (
        lambda r: (1 - r.left("pinch_ap5_50", "pinch_ap5", "WDR")) / (1 - r.left("pinch_50", "pinch", "WDR")),
        0.6,
        1.6,
        "inhibition by stimulation does not rest on NMDA receptors",
    ),
    "50 Hz without GABA-B: share of the suppression": (
        lambda r: (
            (1 - r.left("pinch_no_gaba_b_50", "pinch_no_gaba_b", "WDR"))
            / (1 - r.left("pinch_50", "pinch", "WDR"))
        ),
        0.3,
        0.8,
        "Cui et al. 1996, Crosby et al. 2015: GABA-B carries a part",
    ),
    "60 mN, snl: WDR left at 50 Hz": (
        lambda r: r.left("force_snl_50", "force_snl", "WDR"),
        0.2,
        0.9,
        "Crosby et al. 2015, Guan 2010: lower",
    ),
    "60 mN, snl, GABA-B blocked: WDR left at 50 Hz": (
        lambda r: r.left("force_snl_no_gaba_b_50", "force_snl_no_gaba_b", "WDR"),
        0.8,
        1.3,
        "Crosby et al. 2015, Cui et al. 1996: a GABA-B antagonist abolishes the effect",
    ),
    "foreman first, %": (lambda r: r.foreman()["first"], 101, 400, "Foreman et al. 1976"),
    "foreman trough, %": (lambda r: r.foreman()["trough"], 0, 20, "Foreman et al. 1976"),
    "foreman 30 ms, %": (lambda r: r.foreman()["30 ms"], 12, 50, "Foreman et al. 1976"),
    "foreman 50 ms, %": (lambda r: r.foreman()["50 ms"], 36, 62, "Foreman et al. 1976"),
    "foreman 98 ms, %": (lambda r: r.foreman()["98 ms"], 65, 110, "Foreman et al. 1976"),
    "foreman half-recovery spread": (lambda r: r.foreman()["spread"], 3.3, 9, "Foreman et al. 1976"),
    "windup ratio": (lambda r: 1 + r.growth("windup") / r.late("windup")[0], 1.6, 3, "Aguiar et al. 2010"),
    "windup first": (lambda r: r.late("windup")[0], 2, 25, "Aguiar et al. 2010"),
    "windup at 0.1 Hz": (
        lambda r: r.late("windup_slow")[-2:].mean() / r.late("windup_slow")[0],
        0.85,
        1.15,
        "P128",
    ),
    "windup left by AP5": (lambda r: r.growth("windup_ap5") / r.growth("windup"), -1, 0.42, "P129"),
    "windup left by CAN block": (lambda r: r.growth("windup_can") / r.growth("windup"), -1, 0.42, "P129"),
    "windup left by NK1 block": (lambda r: r.growth("windup_nk1") / r.growth("windup"), -1, 0.42, "P129"),
    "first C response left by AP5": (
        lambda r: r.late("windup_ap5")[0] / r.late("windup")[0],
        0.55,
        1.1,
        "mostly survives",
    ),
    "50 Hz: C spikes of a train": (
        lambda r: r.late("train_50").sum() / r.late("train").sum(),
        0.5,
        0.8,
        "Shechter et al. 2013",
    ),
    "1 kHz: C spikes of a train": (
        lambda r: r.late("train_1000").sum() / r.late("train").sum(),
        0.85,
        1.15,
        "Shechter et al. 2013",
    ),
    "50 Hz: C spikes of a train, snl": (
        lambda r: r.late("train_snl_50").sum() / r.late("train_snl").sum(),
        0.5,
        0.8,
        "Shechter et al. 2013: 0.65",
    ),
    "1 kHz: C spikes of a train, snl": (
        lambda r: r.late("train_snl_1000").sum() / r.late("train_snl").sum(),
        0.85,
        1.15,
        "Shechter et al. 2013",
    ),
}
