"""
What is run for the ledger, unit by unit: a replicate of a plan or a course, or a Python protocol.

All go through the executors of `dhmodel.sweep` and come back as plain arrays, which
`dhmodel.evidence.running.kept` keeps.
"""

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dhmodel import code
from dhmodel.evidence.protocols.catalogue import PROTOCOLS
from dhmodel.evidence.running.course import Course, through
from dhmodel.evidence.running.draws import drawn
from dhmodel.parameters.layout import POPULATIONS, SOURCES
from dhmodel.parameters.registry import using
from dhmodel.recording import DELIVERED, Recording
from dhmodel.simulate import Plan, record

__all__ = ["Question", "Work", "compute", "identity", "packed", "seconds", "unpacked"]

type Arrays = Mapping[str, NDArray[Any]]

SECONDS = "seconds"
"""Name of the array that says how long a processor worked on a unit."""

TICK = 1e-6
"""Spike times are kept as whole numbers of this many seconds, far below the step of any integration."""


@dataclass(frozen=True)
class Question:
    """
    A Python protocol to be asked.

    Attributes
    ----------
    protocol : str
    replicates, seed : int
    draw : int, optional
        Ask it of drawn parameters, see `dhmodel.evidence.running.draws`.
    """

    protocol: str
    replicates: int
    seed: int
    draw: int | None = None

    def digest(self) -> str:
        """Identity of the question, code and data apart."""
        facts = [self.protocol, self.replicates, self.seed, self.draw]
        return sha256(json.dumps(facts).encode()).hexdigest()[:16]


type Work = Plan | Course | Question


def identity(work: Work, replicate: int) -> str:
    """Name under which a unit is kept: what is run, on which code, and the replicate."""
    return f"{work.digest()}-{code.digest(_parts(work))}-{replicate}"


def compute(work: Work, replicate: int) -> Arrays:
    """
    Run one unit; what a `Pool` measures.

    Returns
    -------
    dict of {str : ndarray}
        A packed recording, what a course gave or the numbers of a protocol, and the processor time that it
        took (`SECONDS`).
    """
    begun = _processor_time()
    with warnings.catch_warnings():
        # a published protocol may exceed what an implanted stimulator may deliver; here that is no news
        warnings.simplefilter("ignore", UserWarning)
        arrays = _computed(work, replicate)
    return {**arrays, SECONDS: np.array(_processor_time() - begun)}


def seconds(arrays: Arrays) -> float:
    """Processor time of the unit that gave these arrays, s."""
    return float(arrays[SECONDS])


def packed(recording: Recording) -> Arrays:
    """Plain arrays, small when compressed, from which `unpacked` makes the recording again."""
    order = np.argsort(recording.times, kind="stable")
    ticks = np.rint(recording.times[order] / TICK).astype(np.int64)
    return {
        "ticks": np.diff(ticks, prepend=0).astype(np.int32),
        "neurons": recording.neurons[order].astype(np.uint16),
        "sizes": np.array([recording.sizes[name] for name in POPULATIONS]),
        "duration": np.array(recording.duration),
        "pulses": recording.pulses,
        "shocks": recording.shocks,
        "source_rate": np.array([recording.source_rate.get(name, 0.0) for name in SOURCES]),
        "delivered": np.array([recording.delivered[name] for name in DELIVERED]),
    }


def unpacked(arrays: Arrays) -> Recording:
    """The recording that was `packed`, its spikes in order of time."""
    return Recording(
        times=np.cumsum(arrays["ticks"], dtype=np.int64) * TICK,
        neurons=arrays["neurons"],
        sizes=dict(zip(POPULATIONS, arrays["sizes"].tolist(), strict=True)),
        duration=float(arrays["duration"]),
        pulses=arrays["pulses"],
        shocks=arrays["shocks"],
        source_rate=dict(zip(SOURCES, arrays["source_rate"].tolist(), strict=True)),
        delivered=dict(zip(DELIVERED, arrays["delivered"].tolist(), strict=True)),
    )


def _parts(work: Work) -> tuple[str, ...]:
    """Code that decides what a unit gives."""
    match work:
        case Plan():
            return code.RECORDINGS
        case Course():
            return code.COURSES
    return code.ANSWERS


def _computed(work: Work, replicate: int) -> Arrays:
    match work:
        case Plan():
            return packed(record(work, replicate))
        case Course():
            return through(work, replicate)
    return _asked(work)


def _processor_time() -> float:
    """Seconds of this process and of those it has run, whatever else the machine is doing."""
    return sum(os.times()[:4])


def _asked(question: Question) -> Arrays:
    ask = PROTOCOLS[question.protocol]
    if question.draw is None:
        return ask(question.replicates, question.seed)
    with using(drawn(question.draw)):
        return ask(question.replicates, question.seed)
