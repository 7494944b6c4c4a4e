"""The benchmark: its machinery answers, its loop computes the engine's equations. No speed is asserted."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dhmodel.bench import bench
from dhmodel.bench.baselines import PLAIN, Way, table
from dhmodel.bench.cluster import cluster
from dhmodel.bench.load import Load, cells_alone, standard_load
from dhmodel.bench.loop import compile_loop, run_loop
from dhmodel.bench.one_run import one_run
from dhmodel.bench.report import Aim, Section, as_data, as_text
from dhmodel.bench.scale import per_unit, thinned
from dhmodel.bench.sweeps import PARADIGM, STIMULUS, fit, points, sample
from dhmodel.bench.timing import Cost, alternate, cost_of, middle
from dhmodel.circuit.connectome import synapse_counts
from dhmodel.cli import main
from dhmodel.engine import build
from dhmodel.engine.runtime import run_runtime
from dhmodel.errors import EngineError, InputError
from dhmodel.parameters import resolve
from dhmodel.parameters.layout import population_sizes
from dhmodel.simulate import plan

needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler")


@pytest.fixture(scope="module")
def quiet() -> Load:
    """Cells of a small circuit without synapses and noise, fired by a current and by what they start with."""
    load = cells_alone(standard_load(0.1, scale=0.1), noise=False).until(0.2)
    slow = {"x_nk1": 1e-10, "x_gaba_b": 3e-11, "g_mod": 5e-11}
    fast = {"g_ampa": 2e-9, "x_nmda": 2e-10, "g_gaba_a": 5e-10, "g_glycine": 5e-10}
    start = slow | fast | {"calcium": 1.0, "can_gate": 0.5, "w": 1e-11}
    fixed = {f"cells.{name}": np.full(load.structure.cells, value) for name, value in start.items()}
    return replace(load, arrays=load.arrays | fixed)


@pytest.fixture(scope="module")
def engine_spikes(quiet) -> int:
    """What the engine counts, with Brian2's numpy target, which needs no build of its own."""
    return len(run_runtime(quiet.structure, quiet.arrays, quiet.feed, "numpy").times)


@pytest.fixture(scope="module")
def loop(tmp_path_factory) -> Path:
    return compile_loop(tmp_path_factory.mktemp("loop"), "float")


@needs_compiler
def test_the_loop_fires_as_often_as_the_engine_without_synapses(tmp_path, quiet, engine_spikes, loop):
    assert engine_spikes > 50
    assert run_loop(compile_loop(tmp_path, "double"), quiet) == pytest.approx(engine_spikes, rel=0.01)
    assert run_loop(loop, quiet) == pytest.approx(engine_spikes, rel=0.02)


@needs_compiler
def test_the_loop_fires_less_with_less_current_and_in_a_shorter_run(quiet, loop):
    weaker = quiet.arrays | {"cells.bias": 0.5 * quiet.arrays["cells.bias"]}
    spikes = run_loop(loop, quiet)
    assert run_loop(loop, replace(quiet, arrays=weaker)) < 0.5 * spikes
    assert 0 < run_loop(loop, quiet.until(0.1)) < spikes


@needs_compiler
def test_the_loop_refuses_an_array_of_the_wrong_size(quiet, loop):
    cut = quiet.arrays | {"cells.leak": quiet.arrays["cells.leak"][1:]}
    with pytest.raises(EngineError, match="leak"):
        run_loop(loop, replace(quiet, arrays=cut))


def test_cells_alone_keep_their_parameters_and_lose_every_weight():
    load = standard_load(0.1, scale=0.1)
    alone = cells_alone(load)
    assert {name: values.shape for name, values in alone.arrays.items()} == {
        name: values.shape for name, values in load.arrays.items()
    }
    assert all(
        not alone.arrays[name].any()
        for name in ("excitation.ampa", "inhibition.glycine", "from_sources.nmda")
    )
    changed = {name for name in load.arrays if not np.array_equal(load.arrays[name], alone.arrays[name])}
    assert {name for name in changed if name.startswith("cells.")} == {"cells.bias"}
    assert not any(name.endswith((".i", ".j", ".delay")) for name in changed)
    assert alone.feed.times.size == 0 < load.feed.times.size


def test_cost_tells_this_process_from_its_children(tmp_path):
    burn = "x = sum(i*i for i in range(2_000_000)); open('{}', 'w').write('a'*1000)"
    code = burn.format(tmp_path / "out")
    child = cost_of(lambda: subprocess.run([sys.executable, "-c", code], check=True))
    own = cost_of(lambda: exec(code))
    assert child.user > 0.03 and own.own > 0.03
    assert own.user == own.system == 0
    assert child.own < child.user
    assert not child.written < 1000


def test_turns_are_taken_in_rounds():
    turns, told = [], []
    walls = {"a": iter((3.0, 1.0, 2.0)), "b": iter((30.0, 40.0, 20.0))}

    def action(name):
        turns.append(name)
        return Cost(next(walls[name]), 0, 0, 0, 0)

    found = alternate({name: lambda name=name: action(name) for name in walls}, 3, told.append)
    assert turns == ["a", "b"] * 3
    walls_found = {name: [cost.wall for cost in costs] for name, costs in found.items()}
    assert walls_found == {"a": [3.0, 1.0, 2.0], "b": [30.0, 40.0, 20.0]}
    assert middle(found["a"]).wall == 2.0 and middle(found["b"]).wall == 30.0
    assert told == ["round 1 of 3", "round 2 of 3", "round 3 of 3"]


def test_report_says_whether_aims_are_met_and_leaves_gaps_for_what_is_missing():
    section = Section("Speed", ("way", "ns"), [("fast", 4.26), ("unknown", float("nan"))], ("a note",))
    aims = [Aim("ratio", 5.0, 4, True), Aim("seconds", 5.0, 4, False)]
    text = as_text({"processor": "abacus"}, [section], aims)
    assert "abacus" in text and "a note" in text
    assert [line.split() for line in text.splitlines() if "fast" in line or "unknown" in line] == [
        ["fast", "4.26"],
        ["unknown", "-"],
    ]
    assert "ratio: 5, aim at least 4: met" in text and "seconds: 5, aim at most 4: not met" in text
    data = as_data({}, {"speed": section}, aims)
    assert json.loads(json.dumps(data, allow_nan=False))["sections"]["speed"]["rows"][1] == {
        "way": "unknown",
        "ns": None,
    }
    assert [aim["met"] for aim in data["aims"]] == [True, False]


def test_an_unknown_measurement_is_one_line():
    with pytest.raises(InputError, match="allowed: .*stimulation"):
        bench(["speed"])


def test_command_line_prints_the_table_and_saves_figures_with_the_machine(tmp_path, monkeypatch, capsys):
    file = tmp_path / "bench.json"
    monkeypatch.setattr(
        sys, "argv", ["dhmodel", "bench", "--quick", "--only", "stimulation", "--json", str(file)]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    assert not stop.value.code
    assert "windup, tonic 1000 Hz" in out and "bench stimulation" in err
    saved = json.loads(file.read_text())
    assert {
        "processor",
        "vectors",
        "memory",
        "cores",
        "load",
        "compiler",
        "flags",
        "date",
        "dhmodel",
        "numpy",
    } <= set(saved["machine"])
    rows = saved["sections"]["stimulation"]["rows"]
    assert [row["simulated s"] > 0 and row["ms"] > 0 for row in rows] == [True, True]


def test_command_line_refuses_a_folder_that_is_not_there_before_it_measures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dhmodel", "bench", "--json", str(tmp_path / "no" / "bench.json")])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: --json") and err.count("\n") == 1


def cost(wall, own=0.0, user=0.0, system=0.0, written=0.0):
    return Cost(wall, own, user, system, written)


def test_a_sweep_is_parted_into_its_start_and_its_points():
    """Three seconds of start, a tenth per point; the machine is slow in one round of three."""
    small = [cost(3.0 + 0.4, own=0.04), cost(9.0), cost(3.0 + 0.4, own=0.04)]
    large = [cost(3.0 + 2.4, own=0.24), cost(30.0), cost(3.0 + 2.4, own=0.24)]
    line = fit((4, 24), (small, large))
    assert line.point.wall == pytest.approx(0.1) and line.start.wall == pytest.approx(3.0)
    assert line.point.own == pytest.approx(0.01) and line.start.own == pytest.approx(0.0)


def test_ways_to_run_the_sweep_are_compared_as_a_whole_and_by_process():
    ours, other = Way("ours", 2, 64, 16.0), Way("other", 1, 2, 640.0)
    (_, *mine), (_, processes, ran, per_point, seconds, whole, by_process) = table(ours, [other])
    assert mine == [2, 64, 0.25, 16, 1, 1]
    assert (processes, ran, per_point, seconds, whole, by_process) == (1, 2, 10, 640, 40, 20)


def test_memory_is_parted_by_neurons_and_synapses():
    sizes = ((2_000, 100_000), (10_000, 500_000), (10_000, 250_000))
    circuits = [{"cells": c, "synapses": s, "peak": 5e6 + 700 * c + 60 * s} for c, s in sizes]
    assert per_unit(circuits, "peak") == pytest.approx((5e6, 700, 60))


def test_a_thinned_circuit_has_its_cells_and_fewer_synapses():
    whole, half = (plan(set=thinned(1.0, share)).parameters for share in (1.0, 0.5))
    assert synapse_counts(resolve()) == synapse_counts(whole)
    assert sum(synapse_counts(half).values()) == pytest.approx(
        0.5 * sum(synapse_counts(whole).values()), rel=0.1
    )
    assert population_sizes(half) == population_sizes(whole)


def test_the_standard_sweep_has_64_different_points_and_more_where_they_are_asked_for():
    assert len({tuple(point.values()) for point in points()}) == 64
    many = [tuple(sorted(sample(k).items())) for k in range(200)]
    assert len(set(many)) == 200
    plan(PARADIGM, stimulus=STIMULUS, set=sample(199), target="numpy")


@needs_compiler
def test_a_run_of_its_own_tells_what_it_ran_and_its_memory():
    found = one_run({"circuit.scale": 0.25}, 0.1, 0.0)
    P = resolve(set={"circuit.scale": 0.25})
    assert found["cells"] == sum(population_sizes(P).values())
    assert found["synapses"] == sum(synapse_counts(P).values())
    # no process of the circuit is smaller than its arrays, none of this size needs a gigabyte
    assert 60 * found["synapses"] < found["binary peak"] < 1e9 and 2e7 < found["python peak"] < 1e9
    assert found["run s"] > 0 and found["wiring s"] > 0


def test_a_run_that_cannot_be_is_one_line():
    with pytest.raises(EngineError, match="circuit.scale") as error:
        one_run({"circuit.scale": -1}, 0.1, 0.0)
    assert "\n" not in str(error.value)


def test_the_cluster_is_left_out_where_its_extra_is(monkeypatch):
    monkeypatch.setattr("dhmodel.bench.cluster.find_spec", lambda name: None)
    section, aims = cluster(10, 1, print)
    assert not aims and "left out" in as_text({}, [section], aims)


def test_the_plain_script_lies_where_the_benchmark_looks_for_it():
    assert PLAIN.is_file()
