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
    assert cost.speed("numpy").nanoseconds == 1000 and cost.speed("cpp").nanoseconds == 10
    assert cost.speed("cpp").origin.startswith("as 8 runs on this machine on 20")


@pytest.mark.parametrize("content", ["", "[1]", '{"cpp": 5}', '{"cpp": {"nanoseconds": "x", "origin": ""}}'])
def test_a_damaged_note_is_no_note(cache, content):
    cache.mkdir()
    (cache / cost.FILE).write_text(content)
    assert cost.speed("cpp") == cost.BENCH
    cost.note_speed("cpp", 1, seconds=1, steps=1e8)
    assert cost.speed("cpp").nanoseconds == 10


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
    assert cost.neuron_steps(plan(duration="1 s", warmup="0.5 s")) == pytest.approx(490 * 15_000)


def test_a_run_is_timed_by_the_processor():
    def busy(work, replicate):
        return {"x": sum(number for number in range(2_000_000)) * 0.0 + 1}

    event = attempt(lambda work, replicate: {}, Task(0, 0, None))
    assert event.status == "done" and event.seconds < 0.1
    assert attempt(busy, Task(0, 0, None)).seconds > event.seconds
