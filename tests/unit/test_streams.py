"""Random streams: same name same numbers, other name other numbers."""

import subprocess
import sys

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.streams import stream

# drawn by this function from PCG64; results stored by users depend on them
FROZEN = [753859938, 2232456675, 3897162198, 4066087659]


def test_same_arguments_same_numbers():
    assert np.array_equal(stream(1, 2, "trains").random(100), stream(1, 2, "trains").random(100))
    assert stream(np.int64(1), np.int32(2), "trains").random() == stream(1, 2, "trains").random()


def test_numbers_are_frozen():
    assert stream(7, 3, "cells").integers(0, 2**32, 4).tolist() == FROZEN


def test_numbers_do_not_depend_on_the_process():
    code = 'from dhmodel.streams import stream; print(stream(7, 3, "cells").integers(0, 2**32, 4).tolist())'
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == str(FROZEN)


def test_every_argument_changes_the_numbers():
    keys = [
        (seed, replicate, name)
        for seed in range(6)
        for replicate in range(6)
        for name in ("a", "b", "ab", "")
    ]
    first = {tuple(stream(*key).integers(0, 2**63, 2)) for key in keys}
    assert len(first) == len(keys)


def test_neighbouring_streams_are_uncorrelated():
    draws = np.array(
        [stream(1, r, name).standard_normal(20_000) for r in range(3) for name in ("wiring", "trains")]
    )
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5 / np.sqrt(20_000)


@pytest.mark.parametrize("bad", [-1, 1.0, "1", None, True, np.float64(2), np.array([1, 2])])
def test_refuses_what_is_no_whole_number(bad):
    with pytest.raises(InputError, match="seed: got .*whole number"):
        stream(bad, 0, "trains")
    with pytest.raises(InputError, match="replicate: got .*whole number"):
        stream(0, bad, "trains")
