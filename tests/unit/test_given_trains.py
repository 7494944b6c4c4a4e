"""Measured trains as input of a simulation."""

import numpy as np
import pytest

import dhmodel as dh
from dhmodel.errors import InputError
from dhmodel.simulate import plan

SMALL = {"circuit.scale": 0.25}
SPAN = {"duration": "1 s", "warmup": "0.5 s", "seed": 3}


def computed(stimulus):
    return dh.afferents("none", stimulus=stimulus, set=SMALL, **SPAN)


def test_computed_trains_given_back_make_the_same_run(tmp_path):
    pinch = computed("pinch")
    file = tmp_path / "pinch.csv"
    pinch.to_csv(file)
    wanted = dh.simulate(stimulus="pinch", set=SMALL, **SPAN)
    for trains in (pinch, file):
        found = dh.simulate(trains=trains, set=SMALL, **SPAN)
        assert np.array_equal(found["psth"], wanted["psth"])
        assert found.attrs["trains_digest"] == pinch.digest()


def test_given_trains_and_what_fills_up_are_part_of_the_identity():
    one, other = computed("pinch"), computed("brush")
    digests = {
        plan(set=SMALL, **SPAN).digest(),
        *(plan(trains=trains, set=SMALL, **SPAN).digest() for trains in (one, other)),
        plan(trains=one, fill="silent", set=SMALL, **SPAN).digest(),
    }
    assert len(digests) == 4


def test_trains_that_do_not_fit_are_refused_before_the_run():
    late = computed("pinch").shift(5.0)
    with pytest.raises(InputError, match="is out of range, needs less than the duration of 1 s"):
        plan(trains=late, set=SMALL, **SPAN)
    with pytest.raises(InputError, match='fill: got "silent", but no trains'):
        plan(fill="silent", set=SMALL, **SPAN)
