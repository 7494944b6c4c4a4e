"""The single-precision exp of the engine's loops against that of numpy in double precision."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

import dhmodel.engine
from dhmodel.engine import build

SOURCE = """
#include "exponential.h"
extern "C" void exponentials(const float *x, float *y, int n) {
    for (int i = 0; i < n; i++) y[i] = exponential(x[i]);
}
"""


@pytest.fixture(scope="module")
def exponential(tmp_path_factory):
    found = build.compiler()
    if found is None:
        pytest.skip("no C++ compiler")
    place = tmp_path_factory.mktemp("exponential")
    (place / "it.cpp").write_text(SOURCE)
    headers = Path(dhmodel.engine.__file__).parent
    command = [found[0], "-std=c++17", "-O3", "-fPIC", "-shared", "-I", headers, "it.cpp", "-o", "it.so"]
    subprocess.run(command, cwd=place, check=True)
    function = ctypes.CDLL(str(place / "it.so")).exponentials

    def of(x):
        x = np.asarray(x, dtype=np.float32)
        y = np.empty_like(x)
        pointer = ctypes.POINTER(ctypes.c_float)
        function(x.ctypes.data_as(pointer), y.ctypes.data_as(pointer), x.size)
        return y

    return of


@pytest.mark.parametrize(("reach", "error"), [(5, 7e-7), (86, 5e-6)])
def test_relative_error(exponential, reach, error):
    x = np.linspace(-reach, reach, 200_001, dtype=np.float32)
    truth = np.exp(x.astype(np.float64))
    assert np.abs(exponential(x) / truth - 1).max() < error


def test_far_arguments_stay_finite(exponential):
    low, high = exponential([-1e4, 1e4])
    assert 0 <= low < 1e-37
    assert 1e37 < high < np.inf
