"""Every constant of the model as data: value, unit, source, and how the source was read."""

from dhmodel.parameters.registry import doses, drugs, parameter, paths, resolve, states
from dhmodel.parameters.resolved import Parameters
from dhmodel.parameters.schema import DrugEntry, Parameter, StateEntry

__all__ = [
    "DrugEntry",
    "Parameter",
    "Parameters",
    "StateEntry",
    "doses",
    "drugs",
    "parameter",
    "paths",
    "resolve",
    "states",
]
