"""What a process keeps between runs: bounded, read-only, and without influence on any result."""

import random

import numpy as np
import pytest

from dhmodel.circuit import assemble, conditions, connectome, populations, receptors, topology
from dhmodel.even import even_normal
from dhmodel.kept import BESIDE, frozen, kept
from dhmodel.parameters import resolve
from dhmodel.streams import normals, stream

SMALL = {"circuit.scale": 0.25}

#: Circuits that share some of their draws, and differ in what follows from them.
CIRCUITS = {
    "default": {},
    "injured": {"state": "snl"},
    "cord": {"state": "snl#2"},
    "drugs": {"drugs": {"gabazine": 0.5, "morphine": 0.4, "cnqx": 0.3}},
    "lost": {"set": {"injury.inhibitory_loss": 0.4, "injury.denervation.AB": 0.3}},
    "weights": {"set": {"connection.EX.WDR.ampa": "2 nS", "cell.EX.excitation_sd": 0.6}},
    "denser": {"set": {"connection.EX.WDR.in_degree": 5}},
    "wider": {"set": {"connection.EX.EX.width": 0.9, "connection.GLY.WDR.gap": 0.3}},
    "patterns": {"set": {"circuit.EX.delayed": 0.1}},
    "larger": {"set": {"circuit.scale": 0.5}},
}


@pytest.fixture
def calls():
    return []


@pytest.fixture
def numbers(calls):
    """A kept function of which two results of ten numbers fit, but not three."""

    def ones(value, times=10):
        calls.append(value)
        return frozen(np.full(times, float(value)))

    return kept(ones, limit=2 * (BESIDE + 80))


def test_what_was_asked_before_is_not_made_again(numbers, calls):
    first = numbers(1)
    assert numbers(1) is first and numbers(2) is not first
    assert calls == [1, 2]
    assert numbers(1, times=3).size == 3


def test_what_does_not_fit_is_forgotten_the_oldest_first(numbers, calls):
    for value in (1, 2, 1, 3):  # 2 was asked for longest ago
        numbers(value)
    numbers(1)
    assert calls == [1, 2, 3]
    numbers(2)
    assert calls == [1, 2, 3, 2]


def test_the_latest_result_stays_even_if_it_is_too_large(numbers, calls):
    for _ in range(3):
        assert numbers(5, times=1000).size == 1000
    assert calls == [5]
    numbers(1)
    numbers(5, times=1000)
    assert calls == [5, 1, 5]


def test_an_error_is_not_kept(calls):
    def refuse(value):
        calls.append(value)
        raise ValueError(value)

    function = kept(refuse)
    for _ in range(2):
        with pytest.raises(ValueError, match="7"):
            function(7)
    assert calls == [7, 7]


def test_kept_draws_are_those_of_the_stream_and_read_only():
    drawn = normals(3, 1, "a", 6)
    assert drawn.tolist() == even_normal(stream(3, 1, "a"), 6).tolist()
    with pytest.raises(ValueError, match="read-only"):
        drawn[0] = 0


def circuit(name, replicate):
    given = {"set": {}, **CIRCUITS[name]}
    P = resolve(**given | {"set": SMALL | given["set"]})
    return assemble.arrays(P, 1, replicate), assemble.structure(P)


def same(one, other):
    (arrays, structure), (others, other_structure) = one, other
    assert structure == other_structure and arrays.keys() == others.keys()
    return all(np.array_equal(arrays[name], others[name]) for name in arrays)


@pytest.fixture(scope="module")
def fresh():
    """Every circuit, made by functions that keep nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (conditions, connectome, populations):
            patch.setattr(module, "normals", normals.__wrapped__)
        patch.setattr(topology, "draw", topology.draw.__wrapped__)
        patch.setattr(assemble, "_structure", assemble._structure.__wrapped__)
        patch.setattr(receptors, "_receptor_effects", receptors._receptor_effects.__wrapped__)
        return {(name, replicate): circuit(name, replicate) for name in CIRCUITS for replicate in (0, 1)}


def test_the_circuits_really_differ(fresh):
    made = [arrays for arrays, _ in fresh.values()]
    texts = {b"".join(np.asarray(one[key]).tobytes() for key in sorted(one)) for one in made}
    assert len(texts) == len(made)


@pytest.mark.parametrize("order", [1, 2])
def test_the_order_of_runs_in_a_process_does_not_matter(fresh, order):
    tasks = [*fresh, *fresh]
    random.Random(order).shuffle(tasks)
    for task in tasks:
        assert same(circuit(*task), fresh[task]), task


def test_who_changes_the_arrays_of_a_run_does_not_change_the_next(fresh):
    arrays, _ = circuit("drugs", 0)
    writable = [values for values in arrays.values() if values.flags.writeable]
    assert 0 < len(writable) < len(arrays)
    for values in writable:
        values[...] = 7
    assert same(circuit("drugs", 0), fresh["drugs", 0])
    assert same(circuit("default", 0), fresh["default", 0])


def test_points_of_a_sweep_share_their_connectome():
    (one, _), (other, _) = circuit("default", 0), circuit("drugs", 0)
    assert one["excitation.i"] is other["excitation.i"]
    assert circuit("denser", 0)[0]["excitation.i"] is not one["excitation.i"]
