"""Drawn parameter sets: what varies, by how much, and that protocols stay as stated."""

import numpy as np
import pytest

from dhmodel.circuit.assemble import structure
from dhmodel.evidence.running.draws import SPREAD, drawn, varied
from dhmodel.parameters import parameter, paths, resolve
from dhmodel.parameters.registry import load, using
from dhmodel.simulate import plan

DRAWS = range(8)


@pytest.fixture(scope="module")
def default():
    return resolve("snl")


@pytest.fixture(scope="module")
def sets():
    found = []
    for draw in DRAWS:
        with using(drawn(draw)):
            found.append(resolve("snl"))
    return found


def test_every_number_but_conventions_and_steps_varies(sets, default):
    changed = {path for path in default if any(one[path] != default[path] for one in sets)}
    fixed = {path for path in default if path not in changed and default[path] != 0}
    assert len(changed) > 300
    for path in fixed:
        one = parameter(path)
        assert (
            one.choices
            or one.integer
            or one.read == "convention"
            or path.startswith(("simulation.", "recording.", "window."))
            # a bound that is also the default may cut off all draws to one side, not to both
            or one.minimum == one.maximum
        ), path


def test_draws_are_uniform_within_a_tenth_and_within_bounds(sets, default):
    ratios = []
    for one in sets:
        for path in varied(load()):
            entry = parameter(path)
            entry.within(one[path], path)
            if default[path]:
                ratios.append(one[path] / default[path])
    assert min(ratios) > 1 - SPREAD - 1e-9 and max(ratios) < 1 + SPREAD + 1e-9
    assert np.mean(ratios) == pytest.approx(1, abs=0.01)
    assert np.std(ratios) == pytest.approx(SPREAD / np.sqrt(3), rel=0.1)


def test_one_compiled_circuit_serves_every_draw(sets, default):
    assert {structure(one) for one in sets} == {structure(default)}


def test_presets_of_states_vary_too(sets, default):
    assert len({one["injury.kcc2"] for one in sets}) == len(sets)
    assert all(one["injury.kcc2"] != default["injury.kcc2"] for one in sets)


def test_what_a_protocol_states_stays_as_stated():
    with using(drawn(0)):
        chosen = plan("tonic", stimulus="windup", set={"tonic.frequency": "37 Hz", "windup.number": 3})
    assert chosen.parameters["tonic.frequency"] == 37
    assert chosen.parameters["tonic.pulse_width"] != parameter("tonic.pulse_width").si


def test_a_draw_is_the_same_again_and_unlike_another(sets):
    drawn.cache_clear()
    with using(drawn(1)):
        assert resolve("snl") == sets[1]
    assert len({one.digest() for one in sets}) == len(sets)


def test_the_defaults_are_back_afterwards(default):
    with pytest.raises(RuntimeError), using(drawn(0)):
        assert resolve("snl") != default
        raise RuntimeError
    assert resolve("snl") == default
    assert set(paths()) == set(default)
