"""Running a compiled circuit: what goes in, what comes out, and how it fails."""

import errno
import fcntl
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from dhmodel import simulate
from dhmodel.circuit.drives import Offset
from dhmodel.engine import run, scratch
from dhmodel.engine.build import Built
from dhmodel.engine.feed import Feed, Noise, white_noise
from dhmodel.engine.run import run_compiled
from dhmodel.errors import EngineError
from dhmodel.recording import DELIVERED, summarise
from dhmodel.simulate import plan, record
from dhmodel.stimulation.afferents import afferents
from dhmodel.streams import stream

SMALL = {"circuit.scale": 0.25}


def small(**changes):
    arguments = {"stimulus": "pinch", "duration": "0.3 s", "warmup": "0.1 s", "set": SMALL}
    return plan(**arguments | changes)


def one_line(error):
    return "\n" not in str(error.value)


@pytest.fixture
def own_folder(monkeypatch, tmp_path):
    """Where the runs of this test write, and no others."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "tempdir", None)
    return tmp_path


# What goes in


@pytest.mark.parametrize("number", [0, 1, 5, 45])
def test_as_many_cells_compute_an_a_current_as_have_one(circuit, number):
    """The gates of the others stay where they are, whatever number the circuit has by default."""
    name, start, stop = circuit.structure.a_current[0]
    assert name == "EX" and stop - start == 45
    conductance = np.zeros(circuit.structure.cells)
    conductance[start : start + number] = 1e-9
    arrays = circuit.isolated(
        cells__g_a=conductance, cells__a_activation=0.5, cells__a_opening=0.1, cells__a_closing=0.0
    )
    (gate,) = circuit.final(arrays, circuit.feed(0.02), "cells.a_activation")
    moved = np.flatnonzero(gate[start:stop] != 0.5)
    assert moved.tolist() == list(range(number))


def test_every_spike_of_the_feed_reaches_every_synapse_of_its_source(circuit):
    """With a unit weight and no decay, a target counts the spikes of its sources."""
    trains = afferents("tonic", stimulus="pinch", set=SMALL, duration="0.5 s")
    times = {i: trains.times[trains.fibres == i] for i in range(trains.n_fibres)}
    arrays = circuit.isolated(
        from_sources__nmda=1.0, cells__nmda_gain=0.0, cells__nmda_rise=1e9, sources__depletion=0.0
    )
    (counted,) = circuit.final(arrays, circuit.feed(0.52, times), "cells.x_nmda")
    sent = np.array([times.get(i, np.empty(0)).size for i in range(circuit.structure.sources)])
    i, j = arrays["from_sources.i"], arrays["from_sources.j"]
    assert sent.sum() > 200
    assert counted.tolist() == np.bincount(j, sent[i], circuit.structure.cells).tolist()


def test_a_relay_fires_once_per_spike_at_its_time(circuit):
    """A strong, brief synapse and a long refractory period: spikes out are spikes in."""
    arrays = circuit.isolated(cells__ampa_decay=1e-3, cells__refractory_period=0.018)
    source, target = circuit.lone_synapse(arrays, "from_sources", ampa=300e-9)
    sent = np.cumsum(stream(1, 0, "relay").uniform(0.02, 0.05, 40))
    spikes = circuit.run(arrays, circuit.feed(2.0, {source: sent}))
    assert set(spikes.cells) == {target}
    assert spikes.times.size == sent.size
    lag = spikes.times - sent
    assert lag.min() >= 0 and lag.max() < 1e-3


def test_spikes_that_come_together_are_all_delivered(circuit):
    """A source takes one spike per step; those that wait follow in the next steps."""
    arrays = circuit.isolated(cells__nmda_gain=0.0, cells__nmda_rise=1e9, sources__depletion=0.0)
    source, target = circuit.lone_synapse(arrays, "from_sources", nmda=1.0)
    (counted,) = circuit.final(
        arrays, circuit.feed(0.01, {source: [0.0, 0.001, 0.001, 0.001]}), "cells.x_nmda"
    )
    assert counted[target] == 4


def test_a_run_ends_at_its_stop(circuit):
    arrays = circuit.isolated(cells__bias=1e-9)
    short, long = (circuit.run(arrays, circuit.feed(stop)) for stop in (0.05, 0.1))
    assert short.times.max() <= 0.05 < long.times.max() <= 0.1
    same = long.times <= short.times.max()
    assert np.array_equal(long.times[same], short.times) and np.array_equal(long.cells[same], short.cells)


def test_the_noise_of_a_cell_is_its_column(circuit):
    noise = np.zeros((120, circuit.structure.cells), np.float32)
    noise[:, 5] = 3.0
    arrays = circuit.isolated(cells__noise_sd=1e-11)
    (current,) = circuit.final(arrays, circuit.feed(0.1, noise=noise), "cells.i_noise")
    assert np.flatnonzero(current).tolist() == [5]
    keep = np.exp(-circuit.structure.slow_dt / circuit.P["cell.noise_tau"])
    assert current[5] == pytest.approx(3e-11 * np.sqrt(1 - keep**2) / (1 - keep), rel=1e-3)


def test_white_noise_is_standard_normal_and_white():
    values = white_noise(stream(1, 0, "noise"), 3001, 101)
    assert values.shape == (3001, 101) and values.dtype == np.float32
    number, values = values.size, values.astype(float)
    assert values.mean() == pytest.approx(0, abs=4 / np.sqrt(number))
    assert values.var() == pytest.approx(1, abs=4 * np.sqrt(2 / number))
    assert (values**4).mean() == pytest.approx(3, abs=4 * np.sqrt(96 / number))
    for along in (0, 1):
        a, b = np.moveaxis(values, along, 0)[:-1], np.moveaxis(values, along, 0)[1:]
        assert (a * b).mean() == pytest.approx(0, abs=4 / np.sqrt(number))
    # Quantiles of the normal distribution: 2.5, 50 and 99.9 %.
    assert np.quantile(values, [0.025, 0.5, 0.999]) == pytest.approx([-1.95996, 0, 3.09023], abs=0.03)


def test_white_noise_is_decided_by_its_generator():
    assert np.array_equal(white_noise(stream(1, 0, "a"), 9, 7), white_noise(stream(1, 0, "a"), 9, 7))
    assert not np.array_equal(white_noise(stream(1, 0, "a"), 9, 7), white_noise(stream(1, 1, "a"), 9, 7))


def test_noise_drawn_by_the_run_is_that_of_the_array(circuit):
    """Bit for bit, whatever the number of cells: random bits come in fours, and rows begin within them."""
    number = circuit.structure.cells
    assert number % 4
    added = Offset(98, 117, slice(2, 50), 0.3), Offset(-5, 110, slice(40, 60), -1.1)
    noise = Noise(5, 2, 1003, number, (*added, Offset(900, 10**6, slice(0, 1), 7.0)))
    plain = white_noise(stream(5, 2, "noise"), 1003, number)
    given = noise.array()
    assert np.array_equal(given[117:900], plain[117:900]) and not np.array_equal(given, plain)
    arrays = circuit.isolated(cells__noise_sd=1e-11, cells__noise_keep=0.0, cells__noise_fresh=1.0)
    for stop in (0.01, 0.05, 0.49):
        fed = [replace(circuit.feed(stop), noise=one) for one in (given, noise)]
        (array,), (drawn,) = (circuit.final(arrays, one, "cells.i_noise") for one in fed)
        assert np.array_equal(array, drawn)
        row = np.flatnonzero((np.float32(1e-11) * given == array).all(axis=1))
        assert row.size == 1, stop


def test_a_run_that_outlasts_its_noise_goes_on_in_silence(circuit):
    noise = Noise(5, 2, 40, circuit.structure.cells)
    arrays = circuit.isolated(cells__noise_sd=1e-11, cells__noise_keep=0.0, cells__noise_fresh=1.0)
    (current,) = circuit.final(arrays, replace(circuit.feed(0.1), noise=noise), "cells.i_noise")
    assert not current.any()


# What comes out


def same(a, b):
    return np.array_equal(a.times, b.times) and np.array_equal(a.neurons, b.neurons)


def test_a_run_is_deterministic_bit_for_bit(circuit):
    a, b = record(small(), 0), record(small(), 0)
    assert a.times.size > 100
    assert same(a, b)


def test_two_processes_at_once_give_the_results_of_one(circuit):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        together = [pool.submit(record, small(), number) for number in (0, 1)]
        for number, future in enumerate(together):
            assert same(future.result(), record(small(), number))


def test_replicates_and_seeds_differ(circuit):
    first = record(small(), 0)
    assert not same(first, record(small(), 1))
    assert not same(first, record(small(seed=2), 0))


def test_brian2_is_not_imported_where_the_circuit_is_in_the_cache(circuit):
    code = f"""
import sys
import dhmodel
dhmodel.simulate(stimulus="pinch", duration="50 ms", warmup="0 s", set={SMALL}, target="cpp")
print([name for name in ("brian2", "sympy", "zarr", "matplotlib") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_numpy_target_agrees_with_the_compiled_circuit(circuit):
    plans = [small(target=target, duration="0.6 s", warmup="0.05 s") for target in ("cpp", "numpy")]
    counts = []
    for chosen in plans:
        result = record(chosen, 0)
        counts.append(np.bincount(result.neurons, minlength=circuit.structure.cells))
    total = counts[0].sum()
    assert total > 100
    # The precision differs, so that spikes move, come and go; trains, noise, cells and wiring are the same.
    assert np.abs(counts[0] - counts[1]).sum() <= 0.02 * total
    assert counts[1].sum() == pytest.approx(total, rel=0.01)


def test_brian2_leaves_the_excepthook_alone():
    code = "import sys; hook = sys.excepthook; import dhmodel.engine.runtime; print(sys.excepthook is hook)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_targets_share_trains_cells_and_wiring(circuit):
    """What differs between targets is arithmetic alone."""
    a, b = (small(target=target) for target in ("cpp", "numpy"))
    assert a.parameters == b.parameters and a.digest() != b.digest()


# How it fails


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("size", [0, 20, 49, 500, -40_000, -4])
def test_a_truncated_feed_is_refused(circuit, monkeypatch, size, drawn):
    whole = Feed.write

    def write(self, path):
        whole(self, path)
        with open(path, "r+b") as file:
            file.truncate(size if size >= 0 else path.stat().st_size + size)

    monkeypatch.setattr(Feed, "write", write)
    feed = circuit.feed(0.1)
    if drawn:
        feed = replace(feed, noise=Noise(1, 0, *feed.noise.shape))
    with pytest.raises(EngineError, match="feed: the feed file (is cut short|has the wrong size)") as error:
        circuit.run(circuit.arrays(), feed)
    assert one_line(error)


def test_a_missing_feed_is_refused(circuit, monkeypatch):
    monkeypatch.setattr(Feed, "write", lambda self, path: None)
    with pytest.raises(EngineError, match="feed: cannot open the feed file"):
        circuit.run(circuit.arrays(), circuit.feed(0.1))


def test_an_array_that_is_not_finite_is_refused(circuit):
    arrays = circuit.arrays()
    arrays["from_sources.ampa"][3] = np.nan
    with pytest.raises(
        EngineError, match="non-finite from_sources.ampa in 1 of .* given to the run"
    ) as error:
        circuit.run(arrays, circuit.feed(0.1))
    assert one_line(error)


def test_a_run_that_leaves_the_real_numbers_is_refused(circuit):
    arrays = circuit.arrays(from_sources__ampa=3e38)
    feed = circuit.feed(0.1, dict.fromkeys(range(circuit.structure.sources), [0.05, 0.051]))
    with pytest.raises(EngineError, match="non-finite cells.* at the end of the run") as error:
        circuit.run(arrays, feed)
    assert one_line(error)


def test_an_absurd_parameter_is_refused_in_one_line(circuit):
    with pytest.raises(EngineError, match="non-finite") as error:
        simulate(stimulus="pinch", duration="0.2 s", set=SMALL | {"connection.EX.WDR.ampa": "1e50 nS"})
    assert one_line(error)


def test_a_number_too_large_for_the_precision_of_the_circuit_is_refused(circuit):
    with pytest.raises(EngineError, match="non-finite cells.noise_sd in 211 of 211 units given to the run"):
        circuit.run(circuit.arrays(cells__noise_sd=1e50), circuit.feed(0.1))


@pytest.mark.parametrize("wrong", ["missing", "unknown", "short"])
def test_arrays_that_do_not_fit_the_circuit_are_refused(circuit, wrong):
    arrays = circuit.arrays()
    if wrong == "missing":
        del arrays["excitation.i"]
    elif wrong == "unknown":
        arrays["cells.capacity"] = np.ones(3)
    else:
        arrays["excitation.ampa"] = arrays["excitation.ampa"][1:]
    message = {
        "missing": "no array given for excitation.i",
        "unknown": "no variable cells.capacity",
        "short": r"excitation.ampa: \d+ values given, the compiled circuit has \d+",
    }
    with pytest.raises(EngineError, match=message[wrong]):
        circuit.run(arrays, circuit.feed(0.1))


def test_time_limit(circuit, own_folder):
    with pytest.raises(EngineError, match="exceeded its time limit of 0.001 s"):
        run_compiled(circuit.built, circuit.arrays(), circuit.feed(60.0), time_limit=1e-3)
    assert not any(own_folder.iterdir())


def test_a_full_disk_is_named_with_the_folder(circuit, monkeypatch):
    def write(self, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Feed, "write", write)
    with pytest.raises(EngineError, match="cannot use the folder .*dhmodel-run-.*: No space left") as error:
        circuit.run(circuit.arrays(), circuit.feed(0.1))
    assert one_line(error) and error.value.__cause__.errno == errno.ENOSPC


@pytest.mark.parametrize("name", ["spikes.t", "spikes.i", "spikes.N", "cells.v"])
def test_results_cut_short_by_a_full_disk_are_refused(circuit, monkeypatch, name):
    execute = run._execute

    def execute_on_full_disk(built, arguments, folder, time_limit):
        execute(built, arguments, folder, time_limit)
        path = folder / "results" / built.manifest["variables"][name][0]
        with open(path, "r+b") as file:
            file.truncate(path.stat().st_size // 8 * 4)

    monkeypatch.setattr(run, "_execute", execute_on_full_disk)
    with pytest.raises(EngineError, match="disk full") as error:
        circuit.run(circuit.isolated(cells__bias=1e-9), circuit.feed(0.1))
    assert error.value.__cause__.errno == errno.ENOSPC


def test_a_temporary_folder_that_does_not_exist_is_named(circuit, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(EngineError, match="cannot use the folder of a run: No such file"):
        circuit.run(circuit.arrays(), circuit.feed(0.1))


def test_a_binary_that_cannot_start_is_named(circuit, tmp_path):
    broken = Built(tmp_path, circuit.built.manifest)
    with pytest.raises(EngineError, match=f"cannot start {tmp_path}/main: No such file"):
        run_compiled(broken, circuit.arrays(), circuit.feed(0.1))


def test_a_binary_that_dies_is_an_error(circuit, tmp_path):
    (tmp_path / "main").write_text("#!/bin/sh\nkill -SEGV $$\n")
    (tmp_path / "main").chmod(0o755)
    with pytest.raises(EngineError, match=r"binary failed \(status -11\)") as error:
        run_compiled(replace(circuit.built, folder=tmp_path), circuit.arrays(), circuit.feed(0.1))
    assert one_line(error)


# Where it writes


def test_a_run_leaves_no_folder(circuit, own_folder):
    circuit.run(circuit.arrays(), circuit.feed(0.1))
    assert not any(own_folder.iterdir())


def test_tmpdir_decides_where_a_run_writes(own_folder):
    with scratch.run_folder(1000) as folder:
        assert folder.parent == own_folder
    assert not any(own_folder.iterdir())


def test_what_does_not_fit_into_memory_goes_to_disk(monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    with scratch.run_folder(10**18) as folder:
        assert folder.parent != scratch.MEMORY


def test_folders_of_killed_processes_are_removed_and_no_others(monkeypatch, tmp_path):
    scratch._remove_left_over.cache_clear()
    old, new, in_use = (tmp_path / f"{scratch.PREFIX}{name}" for name in ("old", "new", "in_use"))
    for folder in (old, new, in_use):
        folder.mkdir()
    for folder in (old, in_use):
        os.utime(folder, (0, 0))
    holder = os.open(in_use, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_SH)
    scratch._remove_left_over(tmp_path)
    os.close(holder)
    assert {folder.name for folder in tmp_path.iterdir()} == {new.name, in_use.name}


def test_summary_of_a_run_has_what_the_dataset_holds(circuit):
    chosen = small(stimulus="windup", set=SMALL | {"windup.number": 2}, duration="2 s")
    summary = summarise(record(chosen, 0), chosen.parameters)
    assert set(summary) == {"rate", "psth", "count", "active", "source_rate", *DELIVERED}
