"""Conductances that steadily activated receptors open, against the equilibrium of a passive cell."""

import numpy as np
import pytest

from dhmodel.circuit.receptors import receptor_effects
from dhmodel.parameters import resolve

LONG = 1.0  # s, many membrane time constants


@pytest.mark.parametrize(
    ("drug", "variable", "reversal"),
    [("baclofen", "tonic_k", "e_potassium"), ("muscimol", "tonic_chloride", "e_chloride")],
)
def test_a_cell_rests_where_its_currents_cancel(circuit, drug, variable, reversal):
    effects = receptor_effects(resolve(drugs={drug: 1}))["EX"]
    opened = effects.potassium if variable == "tonic_k" else effects.chloride
    passive = {"cells__threshold": 0.1, "cells__adaptation_a": 0.0}
    arrays = circuit.isolated(**passive | {f"cells__{variable}": opened})
    (v,) = circuit.final(arrays, circuit.feed(LONG), "cells.v")
    leak, rest, target = (
        np.broadcast_to(arrays[f"cells.{name}"], v.shape) for name in ("leak", "rest", reversal)
    )
    own = circuit.cells("EX")
    expected = (leak * rest + opened * target) / (leak + opened)
    assert opened > 0
    assert v[own] == pytest.approx(expected[own], abs=1e-4)
    assert (np.abs(v[own] - rest[own]) > 1e-3).all()
