"""Statistics of single cells, populations and whole runs.

Percent of baseline, evoked rates and thresholds, wind-up, peristimulus kernels, receptive fields, correlation
and synchrony, release by trains, firing patterns, reflexes, spread over replicates.

Each measure of a Dataset keeps every dimension it does not name, so one call serves a single run and a whole
sweep. A result that cannot be computed is missing (NaN), never zero, and a missing value makes every sum and
mean over it missing: a train whose last response was cut off has no total.
"""

from dhmodel.measures.cells import (
    active_cells,
    cell_counts,
    cell_rates,
    changed,
    first_latency,
    replicates,
    responding,
)
from dhmodel.measures.evoked import (
    CRITERION,
    between,
    crossing,
    evoked,
    onset,
    output,
    slope,
    steepness,
    threshold,
)
from dhmodel.measures.field import field_size, surround_ratio
from dhmodel.measures.firing import after_discharge_count, firing_pattern_of
from dhmodel.measures.peristimulus import half_recovery, kernel, peri_event
from dhmodel.measures.rates import SILENT, active_fraction, known, percent_of_baseline, spread
from dhmodel.measures.reflex import reflex
from dhmodel.measures.release import release, release_per_pulse
from dhmodel.measures.synchrony import correlation, locking, synchrony
from dhmodel.measures.train import growth_left, total_count, windup_area, windup_ratio, windup_slope

__all__ = [
    "CRITERION",
    "SILENT",
    "active_cells",
    "active_fraction",
    "after_discharge_count",
    "between",
    "cell_counts",
    "cell_rates",
    "changed",
    "correlation",
    "crossing",
    "evoked",
    "field_size",
    "firing_pattern_of",
    "first_latency",
    "growth_left",
    "half_recovery",
    "kernel",
    "known",
    "locking",
    "onset",
    "output",
    "peri_event",
    "percent_of_baseline",
    "reflex",
    "release",
    "release_per_pulse",
    "replicates",
    "responding",
    "slope",
    "spread",
    "steepness",
    "surround_ratio",
    "synchrony",
    "threshold",
    "total_count",
    "windup_area",
    "windup_ratio",
    "windup_slope",
]
