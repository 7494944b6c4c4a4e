"""
Drawn parameter sets: every default within ten per cent of its value, for the robustness of the verdicts.

What is drawn: every number among the defaults and every number that a state presets, each by a factor of its
own, uniform in 0.9 to 1.1, the same factor wherever the path has a value, cut off at the bounds of the
parameter. What is not: whole numbers and choices; defaults that are conventions (a scale of 1, a threshold
that defines a class); the time steps of the integration, the bins and windows of counting. What the protocol
of a finding states stays as stated, for it is set after the defaults.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from dhmodel.parameters.registry import Registry, load
from dhmodel.parameters.schema import Parameter
from dhmodel.streams import stream
from dhmodel.units import canonical, format_si, scale

__all__ = ["SPREAD", "drawn", "varied"]

SPREAD = 0.1
SEED = 7
FIXED = ("recording", "simulation", "window")
"""Groups that are about the computation, not about the cord."""


def varied(registry: Registry) -> tuple[str, ...]:
    """Paths of all parameters that a draw changes, by default or in the preset of a state."""
    preset = {path for state in registry.states.values() for path in state.set}
    return tuple(
        path
        for path, one in registry.parameters.items()
        if _numeric(one) and (one.read != "convention" or path in preset)
    )


@lru_cache(maxsize=4)
def drawn(draw: int) -> Registry:
    """
    Registry of one draw.

    Parameters
    ----------
    draw : int
        From 0; each path has a random stream of its own, so that a new parameter changes no other.
    """
    registry = load()
    paths = varied(registry)
    factor = {
        path: stream(SEED, draw, f"robustness.{path}").uniform(1 - SPREAD, 1 + SPREAD) for path in paths
    }
    parameters = dict(registry.parameters)
    for path in paths:
        one = parameters[path]
        if one.read != "convention":
            si = _scaled(one, float(one.si), factor[path])
            parameters[path] = replace(one, si=si, value=si / scale(one.unit))
    states = {
        name: state.model_copy(update={"set": _presets(registry, state.set, factor)})
        for name, state in registry.states.items()
    }
    return replace(registry, parameters=parameters, states=states)


def _presets(
    registry: Registry, presets: Mapping[str, object], factor: Mapping[str, float]
) -> dict[str, object]:
    """Values of a state, drawn; text with a unit, as a file has it."""
    found = dict(presets)
    for path in presets.keys() & factor.keys():
        one = registry.parameters[path]
        si = _scaled(one, float(one.check(presets[path])), factor[path])
        found[path] = si if one.unit == "1" else format_si(si, one.unit)
    return found


def _numeric(one: Parameter) -> bool:
    return not one.integer and not one.choices and one.path.partition(".")[0] not in FIXED


def _scaled(one: Parameter, si: float, factor: float) -> float:
    step = scale(one.unit)
    si *= factor
    si = si if one.minimum is None else max(si, canonical(one.minimum * step))
    return canonical(si if one.maximum is None else min(si, canonical(one.maximum * step)))
