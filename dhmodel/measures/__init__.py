"""Statistics: percent of baseline, wind-up, peristimulus kernels, spread over replicates, synchrony.

Each measure keeps every dimension it does not name, so one call serves a single run and a whole sweep. A
result that cannot be computed is missing (NaN), never zero, and a missing value makes every sum and mean over
it missing: a train whose last response was cut off has no total.
"""

from dhmodel.measures.peristimulus import half_recovery, kernel, peri_event
from dhmodel.measures.rates import SILENT, active_fraction, known, percent_of_baseline, spread
from dhmodel.measures.synchrony import locking, synchrony
from dhmodel.measures.train import growth_left, total_count, windup_ratio

__all__ = [
    "SILENT",
    "active_fraction",
    "growth_left",
    "half_recovery",
    "kernel",
    "known",
    "locking",
    "peri_event",
    "percent_of_baseline",
    "spread",
    "synchrony",
    "total_count",
    "windup_ratio",
]
