"""Runs that hang or need too much memory fail in one line, and the others finish."""

import time

import fakes
import pytest
import small
from test_faults import alive, start

from dhmodel.errors import EngineError, InputError
from dhmodel.sweep.opening import open_dataset


def test_a_program_that_hangs_and_heeds_no_interrupt_is_killed_with_its_run(tmp_path):
    sweep = start(tmp_path / "x.zarr", 2, "measure_stuck", "time_limit=5 s")
    told = sweep.communicate(timeout=120)[1]
    assert sweep.returncode == 0, told
    assert not alive(sweep.pid)
    status = open_dataset(tmp_path / "x.zarr")["status"].values
    assert (status == 2).sum() == small.UNITS - 1 and (status == 3).sum() == 1


def test_a_run_that_hangs_ends_when_the_parent_is_killed(tmp_path):
    sweep = start(tmp_path / "x.zarr", 2, "measure_stuck")
    deadline = time.monotonic() + 60
    while "10 snl windup 1" not in fakes.runs():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    sweep.kill()
    sweep.wait()
    while alive(sweep.pid):
        assert time.monotonic() < deadline, f"left over: {alive(sweep.pid)}"
        time.sleep(0.1)


# --- a run that needs too much memory ---


@pytest.mark.parametrize(
    "measure, told",
    [
        (
            fakes.measure_hungry,
            "needs more memory than there is within the memory limit of 2000 MB: Un",
        ),
        (fakes.measure_hungry_program, "the program failed: MemoryError"),
    ],
)
def test_a_run_that_needs_too_much_memory_fails_and_the_others_finish(tmp_path, measure, told):
    store = small.sweep(tmp_path / "x.zarr", measure, options={"memory_limit": "2 GB"})
    assert store.count("done") == small.UNITS - 1
    assert [error[: len(told)] for error in store.errors().values()] == [told]


@pytest.mark.parametrize(
    "limit, error, message",
    [
        ("2 Hz", InputError, 'memory limit: got "2 Hz", needs a number with kB, MB, GB or GiB: "2 GB"'),
        (2e9, InputError, "memory limit: got 2000000000.0, needs"),
        ("0 GB", InputError, "memory limit: got"),
        ("1 MB", EngineError, "memory limit: 1 MB are too few, a worker takes"),
    ],
)
def test_a_memory_limit_that_cannot_be_is_refused(tmp_path, limit, error, message):
    with pytest.raises(error, match=message):
        small.sweep(tmp_path / "x.zarr", options={"memory_limit": limit})
