"""Verdicts as a Dataset: one row for each finding, one column for each number that a criterion is about."""

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from dhmodel.evidence.judging.validation import SEED, Outcome
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import population_sizes
from dhmodel.provenance import provenance

__all__ = ["verdict_table"]

TEXTS: Mapping[str, tuple[str, Callable[[Outcome], str]]] = {
    "verdict": ("verdict", lambda one: one.verdict.status),
    "note": ("what kept it from being computed, or why it is not modelled", lambda one: one.verdict.note),
    "area": ("area", lambda one: one.entry.area),
    "use": ("use of the finding", lambda one: one.entry.use),
    "statement": ("what was seen", lambda one: one.entry.statement),
    "citation": ("source", lambda one: one.entry.citation),
    "read": ("how the source was read", lambda one: one.entry.read),
    "published": ("published value", lambda one: one.entry.published),
    "scenario": ("scenario that the verdict depends on", lambda one: one.entry.scenario),
    "ablation": ("why the protocol changes the model itself", lambda one: one.entry.ablation),
    "limits": ("what the protocol leaves out", lambda one: one.entry.limits),
}


def verdict_table(outcomes: Mapping[str, Outcome], replicates: int) -> xr.Dataset:
    """
    Put verdicts into a Dataset.

    Parameters
    ----------
    outcomes : mapping of {str : Outcome}
    replicates : int

    Returns
    -------
    xarray.Dataset
        ``value`` (finding, number, replicate), its ``mean`` and ``sd`` (finding, number), bounds ``min`` and
        ``max``, ``holds`` and ``number_name``; of each finding ``verdict``, texts of the ledger, ``gates``,
        ``published_low`` and ``published_high``, ``seconds``, ``draws`` and ``robustness``. What does not
        exist is NaN or empty text; a number where nothing is random has one replicate. Attributes say where
        it comes from.
    """
    rows = list(outcomes.values())
    widest = max((len(one.entry.criteria) for one in rows), default=0)
    shape = len(rows), widest
    numbers = _numbers(rows, shape, replicates)
    texts = {
        name: ("finding", np.array([read(one) for one in rows], dtype=str), {"long_name": about})
        for name, (about, read) in TEXTS.items()
    }
    coordinates = {"finding": list(outcomes), "number": np.arange(widest), "replicate": np.arange(replicates)}
    return xr.Dataset({**texts, **_scalars(rows), **numbers}, coordinates, _attributes(replicates))


def _numbers(rows: list[Outcome], shape: tuple[int, int], replicates: int) -> dict[str, object]:
    value = np.full((*shape, replicates), np.nan)
    found = {name: np.full(shape, np.nan) for name in ("mean", "sd", "min", "max")}
    holds, names = np.zeros(shape, np.bool_), np.full(shape, "", dtype=object)
    for row, one in enumerate(rows):
        computed = one.verdict.numbers
        for at, criterion in enumerate(one.entry.criteria):
            names[row, at] = criterion.value
            found["min"][row, at] = np.nan if criterion.min is None else criterion.min
            found["max"][row, at] = np.nan if criterion.max is None else criterion.max
            if criterion.value in computed:
                values = one.verdict.answer[criterion.value]
                value[row, at, : values.size] = values
                found["mean"][row, at], found["sd"][row, at] = computed[criterion.value]
                holds[row, at] = criterion not in one.verdict.broken
    dims = ("finding", "number")
    return {
        "value": ((*dims, "replicate"), value, {"long_name": "number, each replicate"}),
        **{name: (dims, array, {"long_name": name}) for name, array in found.items()},
        "holds": (dims, holds, {"long_name": "whether the criterion holds"}),
        "number_name": (dims, names.astype(str), {"long_name": "name of the number"}),
    }


def _scalars(rows: list[Outcome]) -> dict[str, object]:
    ranges = np.array([_range(one.entry.published_value) for one in rows]).reshape(-1, 2)
    columns = {
        "gates": ([one.gates for one in rows], "whether it may make a validation fall", "1"),
        "published_low": (ranges[:, 0], "published value, lower end", "1"),
        "published_high": (ranges[:, 1], "published value, upper end", "1"),
        "seconds": ([one.seconds for one in rows], "time of its runs on one core, shared ones included", "s"),
        "draws": ([one.draws for one in rows], "draws of the parameters on which it was asked", "1"),
        "robustness": ([one.share for one in rows], "share of the draws in which it holds", "1"),
    }
    return {
        name: ("finding", np.asarray(values), {"long_name": about, "units": unit})
        for name, (values, about, unit) in columns.items()
    }


def _range(published: float | list[float] | None) -> tuple[float, float]:
    if published is None:
        return np.nan, np.nan
    return (published[0], published[1]) if isinstance(published, list) else (published, published)


def _attributes(replicates: int) -> dict[str, str | int | float]:
    P = resolve()
    return provenance(
        {
            "parameters": P.json(),
            "parameters_digest": P.digest(),
            "seed": SEED,
            "n_neurons": sum(population_sizes(P).values()),
            "dt": P["simulation.dt"],
            "target": "auto",
            "replicates": replicates,
        }
    )
