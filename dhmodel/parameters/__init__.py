"""Every constant of the model as data: value, unit, source, and how the source was read."""

from dhmodel.parameters.registry import cohort, cuts, doses, drugs, lesions, parameter, paths, resolve, states
from dhmodel.parameters.resolved import Parameters, choice
from dhmodel.parameters.schema import DrugEntry, Parameter, StateEntry

__all__ = [
    "DrugEntry",
    "Parameter",
    "Parameters",
    "StateEntry",
    "choice",
    "cohort",
    "cuts",
    "doses",
    "drugs",
    "lesions",
    "parameter",
    "paths",
    "resolve",
    "states",
]
