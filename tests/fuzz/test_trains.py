"""Spike trains as arrays and files, and what a simulation makes of given ones."""

from contextlib import chdir

import inputs
import numpy as np
from claims import outcome, tries
from hypothesis import given
from hypothesis import strategies as st

from dhmodel.errors import DHModelError
from dhmodel.simulate import plan
from dhmodel.stimulation.interop import read_trains
from dhmodel.stimulation.trains import SpikeTrains, sort

CLASSES = ("IA", "AB", "AD", "CP", "CN")
times = st.lists(st.one_of(st.floats(0, 1), st.floats(-2, 5), st.floats()), max_size=8)
arrays = st.one_of(
    times,
    st.lists(st.integers(-2, 9), max_size=8),
    inputs.anything,
    st.just(np.zeros((2, 2))),
    st.just(np.array([1 + 2j])),
    st.just(np.array(["0.1", "x"])),
    st.just([[1], [2, 3]]),
)
classes = st.one_of(
    st.lists(st.sampled_from(CLASSES), max_size=8),
    st.lists(inputs.near(CLASSES), max_size=4),
    inputs.anything,
)


@tries(300)
@given(arrays, arrays, classes)
def test_any_arrays_are_trains_or_one_line(times, fibres, classes):
    check(outcome(SpikeTrains, times, fibres, classes))


@tries(150)
@given(times, st.lists(st.integers(0, 3), min_size=8, max_size=8), st.integers(0, 9), st.integers(0, 9))
def test_sorted_spikes_are_trains_unless_one_is_not_finite(times, fibres, duration, warmup):
    times, fibres = sort(np.array(times, dtype=float), np.array(fibres[: len(times)], dtype=np.int64))
    found = outcome(SpikeTrains, times, fibres, ["AB", "AD", "CP", "zz"])
    assert isinstance(found, DHModelError) == (not np.isfinite(times).all())
    check(found)
    if not isinstance(found, DHModelError):
        outcome(plan, trains=found, duration=f"{duration} s", warmup=f"{warmup} s")


def check(found):
    if isinstance(found, DHModelError):
        return
    assert np.isfinite(found.times).all() and found.times.size == found.fibres.size
    assert np.split(found.times, found.offsets()[1:-1]) is not None and found.digest()
    outcome(plan, trains=found, duration="1 s", fill="repeat")


cell = st.one_of(
    st.floats(0, 1).map(repr),
    st.floats().map(repr),
    st.integers(0, 5).map(str),
    st.sampled_from(CLASSES),
    st.text(max_size=4),
)
row = st.one_of(
    st.tuples(st.integers(0, 3).map(str), st.sampled_from(CLASSES), st.floats(0, 1).map(repr)),
    st.lists(cell, max_size=5),
)
header = st.one_of(
    st.just("fibre,class,time"),
    st.permutations(["fibre", "class", "time", "note"]).map(",".join),
    st.text(max_size=20),
)
files = st.one_of(
    st.builds(
        lambda head, rows: "\n".join([head, *map(",".join, rows)]).encode("utf-8", "surrogatepass"),
        header,
        st.lists(row, max_size=6),
    ),
    st.binary(max_size=100),
)
told = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["0", "1", "AB"]), st.one_of(st.sampled_from(CLASSES), st.none(), inputs.anything)
    ),
    inputs.anything,
)


@tries(300)
@given(
    files,
    told,
    st.one_of(st.none(), inputs.odd_text),
    inputs.durations,
    st.one_of(st.none(), st.integers(0, 1)),
)
def test_any_file_is_trains_or_one_line(tmp_path_factory, content, classes, by, duration, segment):
    file = tmp_path_factory.getbasetemp() / "trains.csv"
    file.write_bytes(content)
    check(outcome(read_trains, file, classes, by=by, duration=duration, segment=segment))


@tries(100)
@given(st.one_of(inputs.odd_text, inputs.anything))
def test_anything_in_place_of_a_file_is_one_line(tmp_path_factory, source):
    with chdir(tmp_path_factory.getbasetemp()):
        assert isinstance(outcome(read_trains, source), DHModelError)
