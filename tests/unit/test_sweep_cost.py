"""What runs have cost decides what the next will: noted, read back, and never in the way."""

import pytest

from dhmodel.simulate import plan
from dhmodel.sweep import cost
from dhmodel.sweep.executors import Task, attempt
from dhmodel.sweep.spec import build_spec


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DHMODEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_runs_have_cost_is_read_back_by_target():
    assert cost.speed("cpp") == cost.BENCH and cost.speed("numpy") is None
    cost.note_speed("numpy", 4, seconds=10, steps=1e7)
    cost.note_speed("cpp", 8, seconds=1, steps=1e8)
    assert cost.speed("numpy").seconds(1e7) == pytest.approx(10)
    assert cost.speed("cpp").origin.startswith("as 8 runs on this machine until 20")


@pytest.mark.parametrize("start, nanoseconds", [(0.03, 5), (0.3, 70), (0.001, 20)])
def test_short_and_long_sweeps_together_tell_start_and_speed(start, nanoseconds):
    for runs, steps in ((20, 5e5), (10, 5e6), (10, 5e7)):
        cost.note_speed("cpp", runs, runs * (start + 1e-9 * nanoseconds * steps), runs * steps)
    for steps in (5e5, 5e6, 5e7):
        assert cost.speed("cpp").seconds(steps) == pytest.approx(start + 1e-9 * nanoseconds * steps, rel=0.2)


@pytest.mark.parametrize("factor", [0.5, 3])
def test_sweeps_of_one_length_tell_what_others_of_this_length_cost(factor):
    for steps in (5e5, 5e7):
        expected = factor * cost.BENCH.seconds(steps)
        cost.note_speed("cpp", 50, 50 * expected, 50 * steps)
        assert cost.speed("cpp").seconds(steps) == pytest.approx(expected, rel=0.1)


def test_only_the_latest_sweeps_count():
    for seconds in (*(100,) * cost.KEPT, *(1,) * cost.KEPT):
        cost.note_speed("numpy", 1, seconds, steps=1e8)
    assert cost.speed("numpy").nanoseconds == 10


NOTES = [
    "",
    "[1]",
    '{"cpp": 5}',
    '{"cpp": {"nanoseconds": 5, "origin": "of an older version"}}',
    '{"cpp": [{"runs": 0, "seconds": 1, "steps": 0, "date": ""}]}',
    '{"cpp": [{"runs": "x", "seconds": 1, "steps": 1, "date": ""}]}',
    '{"cpp": [{"runs": 1}]}',
    '{"cpp": []}',
]


@pytest.mark.parametrize("content", NOTES)
def test_a_damaged_note_is_no_note(cache, content):
    cache.mkdir()
    (cache / cost.FILE).write_text(content)
    assert cost.speed("cpp") == cost.BENCH
    cost.note_speed("numpy", 1, seconds=1, steps=1e8)
    assert cost.speed("numpy").nanoseconds == 10


def test_where_nothing_can_be_noted_nothing_complains(cache):
    cache.write_text("a file where the folder should be")
    cost.note_speed("cpp", 1, seconds=1, steps=1e8)
    assert cost.speed("cpp") == cost.BENCH


def test_an_unmeasured_target_is_not_guessed(tmp_path):
    spec = build_spec({"state": ["naive"]}, {"target": "numpy"}, 1)
    told = cost.estimate(spec, tmp_path / "x.zarr", 1)
    assert "cost       not known: no sweep with target numpy has been timed on this machine" in told
    assert "\ntime" not in told


def test_neuron_steps_count_the_warm_up():
    assert cost.neuron_steps(plan(duration="1 s", warmup="0.5 s")) == pytest.approx(710 * 15_000)


def test_a_run_is_timed_by_the_processor():
    def busy(work, replicate):
        return {"x": sum(number for number in range(2_000_000)) * 0.0 + 1}

    event = attempt(lambda work, replicate: {}, Task(0, 0, None))
    assert event.status == "done" and event.seconds < 0.1
    assert attempt(busy, Task(0, 0, None)).seconds > event.seconds


def lines(spec, path, *workers) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in cost.estimate(spec, path, *workers).splitlines())


def test_points_of_every_design_are_counted(tmp_path):
    two = {"tonic.frequency": ["10 Hz", "50 Hz"], "tonic.amplitude": [1.2, 0.6]}
    sample = {"method": "sobol", "number": 8, "ranges": {"pag.drive": [0, 1]}}
    rows = [{"state": "naive"}, {"state": "snl"}, {"state": "cci"}]
    for axes, design, points in (
        (two, {}, "4 (tonic.frequency 2 x tonic.amplitude 2)"),
        ({"state": ["naive", "snl"]}, {"zip": two}, "4 (state 2 x point 2)"),
        ({}, {"points": rows}, "3 (point 3)"),
        ({}, {"sample": sample}, "8 (point 8)"),
    ):
        spec = build_spec(axes, {"duration": "1 s"}, 3, design=design)
        told = lines(spec, tmp_path / "x.zarr", 1)
        number = int(points.split()[0])
        assert told["points"] == points and told["runs"] == f"{3 * number} (3 of every point)"
        assert told["simulated"].startswith(f"{6 * number} s,")


def test_time_is_divided_by_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(cost.os, "cpu_count", lambda: 2)
    spec = build_spec({"state": ["naive", "snl"]}, {"duration": "10 s"}, 2)
    seconds = 4 * cost.BENCH.seconds(710 * 110_000)
    for workers, cluster, parts in (
        ((1,), False, 1),
        ((2,), False, 2),
        ((8,), False, 2),
        ((3,), True, 3),
        ((8,), True, 4),
    ):
        told = lines(spec, tmp_path / "x.zarr", *workers, cluster)
        assert told["time"].startswith(f"{seconds / parts:.3g} s with {workers[0]} worker")
    told = lines(spec, tmp_path / "x.zarr", None, True)
    assert told["time"] == "that, divided by the workers of the cluster, which it has not been asked for"
