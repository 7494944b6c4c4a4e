"""`dhmodel`: the spinal dorsal horn under stimulation, as a spiking circuit."""

from importlib import import_module
from importlib.metadata import version
from typing import Any

# A module and a function share these two names. Importing them here, once and for all, makes the function the
# attribute.
from dhmodel.simulate import simulate
from dhmodel.sweep import sweep

# The rest is loaded when it is first used.
_HOME = {
    "afferents": "dhmodel.stimulation.afferents",
    "cohort": "dhmodel.parameters",
    "parameter": "dhmodel.parameters",
    "protocol": "dhmodel.slow.protocol",
    "read_trains": "dhmodel.stimulation.interop",
    "SpikeTrains": "dhmodel.stimulation.trains",
    "refine": "dhmodel.sweep.refining",
    "stimulate": "dhmodel.stimulation.view",
    "validate": "dhmodel.evidence.validate",
    "list_drugs": "dhmodel.listing",
    "list_lesions": "dhmodel.listing",
    "list_paradigms": "dhmodel.listing",
    "list_states": "dhmodel.listing",
    "list_stimuli": "dhmodel.listing",
    "Paradigm": "dhmodel.stimulation.paradigms",
    "DHModelError": "dhmodel.errors",
    "EngineError": "dhmodel.errors",
    "InputError": "dhmodel.errors",
    "StoreError": "dhmodel.errors",
}

__all__ = ["simulate", "sweep", *_HOME]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("dhmodel")
    if name not in _HOME:
        raise AttributeError(f"module 'dhmodel' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
