"""The command line: what it prints, and one line and a non-zero exit for every mistake."""

import json
import os
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import dhmodel as dhmodel_package
from dhmodel import recording
from dhmodel.cli import KINDS, main
from dhmodel.errors import EngineError
from dhmodel.listing import list_stimuli
from dhmodel.parameters import paths
from dhmodel.simulate import attributes, plan
from dhmodel.stimulation.stimulus import shock_onsets
from dhmodel.sweep.files import read_sweep
from dhmodel.sweep.runner import run_sweep
from dhmodel.sweep.spec import build_spec


@pytest.fixture
def dhmodel(monkeypatch, capfd, tmp_path):
    """Run the command line in an empty folder; returns exit status, output and what went to stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dhmodel", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def result(chosen, replicate: int) -> dict[str, np.ndarray]:
    """What a simulation would give: constant rates that fall with the frequency of stimulation."""
    shocks = shock_onsets(chosen.parameters, chosen.stimulus, chosen.duration)
    sizes = {
        dim: v.size for dim, (_, v, _) in recording.coords(chosen.parameters, chosen.duration, shocks).items()
    }
    names = [name for name in recording.VARIABLES if set(recording.dims(name)) <= set(sizes)]
    level = (10 + replicate) / (1 + chosen.parameters["tonic.frequency"] / 10)
    return {name: np.full([sizes[dim] for dim in recording.dims(name)], level) for name in names}


@pytest.fixture
def fake_sweeps(monkeypatch):
    """Sweeps that simulate nothing; returns the list of runs so far."""
    runs = []

    def measure(chosen, replicate):
        runs.append((chosen, replicate))
        if chosen.parameters["circuit.scale"] == 0.5:
            raise EngineError("blew up")
        return result(chosen, replicate)

    monkeypatch.setitem(run_sweep.__kwdefaults__, "measure", measure)
    monkeypatch.setitem(run_sweep.__kwdefaults__, "prepare", lambda chosen: None)
    return runs


@pytest.fixture
def fake_simulate(monkeypatch):
    """A simulation that simulates nothing; returns the arguments it was given."""
    given = []

    def simulate(paradigm, *, replicates, spikes, progress, **arguments):
        chosen = plan(paradigm, **arguments)
        given.append((chosen, replicates, spikes))
        coords = recording.coords(chosen.parameters, chosen.duration)
        return recording.to_dataset(
            [result(chosen, r) for r in range(replicates)], None, attributes(chosen), coords
        )

    monkeypatch.setattr(sys.modules["dhmodel.simulate"], "simulate", simulate)
    return given


SWEEP = ("sweep", "--axis", "tonic.frequency=0 Hz, 10 Hz", "--axis", "state=naive,snl", "--paradigm", "tonic")
SWEEP += ("--workers", "1", "--replicates", "2")


def test_version(dhmodel):
    assert dhmodel("--version") == (0, f"dhmodel {version('dhmodel')}\n", "")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_names_every_command(dhmodel, arguments):
    code, out, _ = dhmodel(*arguments)
    assert code == 0
    assert all(
        f"\n  {name} " in out
        for name in ("run", "sweep", "refine", "status", "plot", "list", "info", "bench")
    )


@pytest.mark.parametrize("command", ["run", "sweep", "refine", "export", "plot", "validate", "list", "info"])
def test_help_of_a_command_shows_examples_that_begin_their_lines(dhmodel, command):
    code, out, _ = dhmodel(command, "--help")
    assert code == 0 and f"\n  Examples:\n    dhmodel {command}" in out


@pytest.mark.parametrize("kind", KINDS)
def test_list(dhmodel, kind):
    code, out, err = dhmodel("list", kind)
    assert code == 0 and not err
    names = {line.split()[0] for line in out.splitlines()}
    assert (
        names
        >= {
            "paradigms": {"none", "tonic"},
            "states": {"naive", "snl"},
            "drugs": {"bicuculline", "strychnine", "ap5", "nk1_antagonist", "can_blocker"},
            "lesions": {"dlf", "dorsal_column"},
            "stimuli": set(list_stimuli()),
            "protocols": {"scs_30min", "naloxone"},
            "slow_states": {"gaba", "kcc2", "cortex_activity"},
            "scenarios": {"two_rates_add"},
            "sweeps": {"scs_frequency"},
            "findings": {"torsney2006_gate"},
            "readouts": {"rate(run,"},
            "parameters": {*paths(), "slow.gaba.off"},
        }[kind]
    )


def test_list_with_a_prefix(dhmodel):
    out = dhmodel("list", "parameters", "tonic.f")[1]
    assert out.startswith("tonic.frequency  50 Hz") and len(out.splitlines()) == 1


def test_info_of_a_parameter_gives_value_unit_source_and_how_it_was_read(dhmodel):
    code, out, _ = dhmodel("info", "tonic.frequency")
    assert code == 0 and out.startswith("tonic.frequency = 50 Hz\n")
    assert "\n  source: Guan et al. 2010" in out and "\n  read: abstract" in out


def test_info_of_a_group_gives_all_that_lies_in_it(dhmodel):
    out = dhmodel("info", "tonic")[1]
    shown = [line.split(" = ")[0] for line in out.splitlines() if not line.startswith(" ")]
    assert shown == [path for path in paths() if path.startswith("tonic.")] and len(shown) > 2


MISTAKES = [
    (("frob",), "frob"),
    (("run", "--frob"), "--frob"),
    (("run", "--seed", "x"), "--seed"),
    (("run", "extra"), "extra"),
    (("list",), "kind"),
    (("list", "drgs"), 'unknown kind of thing "drgs"; allowed: paradigms'),
    (("list", "drugs", "zz"), 'no drugs begin with "zz"'),
    (("info", "tonic.frequncy"), 'nearest: "tonic.frequency"'),
    (("run", "--paradigm", "tonik"), 'unknown paradigm "tonik"; allowed: tonic, none'),
    (("run", "--state", "sni"), 'unknown state "sni"'),
    (("run", "--stimulus", "punch"), 'unknown stimulus "punch"'),
    (("run", "--drug", "aspirin=1"), 'unknown drug "aspirin"'),
    (("run", "--drug", "ap5=2"), "allowed: 0 (none) to 1 (full)"),
    (("run", "--drug", "ap5"), '--drug: got "ap5", needs NAME=VALUE'),
    (("run", "--drug", "ap5=1", "--drug", "ap5=0"), "--drug: ap5 is there twice"),
    (("run", "--set", "tonic.frequency=50"), "needs a quantity in Hz"),
    (("run", "--set", "tonic.frequency=5 mV"), 'got "5 mV" (volt), needs a quantity in Hz'),
    (("run", "--set", "tonic.frequency=-5 Hz"), 'got "-5 Hz", allowed: '),
    (("run", "--set", "=5 Hz"), "needs NAME=VALUE"),
    (("run", "--duration", "-1 s"), "duration"),
    (("run", "--replicates", "0"), "replicates"),
    (("run", "--target", "gpu"), 'unknown target "gpu"'),
    (("run", "--out", "x.csv"), "allowed endings: .nc, .zarr"),
    (("run", "--out", "/proc/x/y.nc"), "/proc/x/y.nc: cannot write: "),
    (("run", "--replicates", "x"), "Invalid value for '--replicates': "),
    (("run", "--seed=1.5"), ', got "1.5"; see `dhmodel run --help`'),
    (("sweep", "--axis", "state=naive", "--workers", "0"), "workers: got 0, needs a whole number"),
    (("sweep",), "needs a NAME (see `dhmodel list sweeps`), a FILE.toml or --axis"),
    (
        ("sweep", "--axis", "state=naive", "--memory-limit", "2", "--dry-run"),
        'memory limit: got "2", needs a number with kB',
    ),
    (
        ("refine", "minimum", "--range", "pag.drive=0,1", "--time-limit", "0 s", "--dry-run"),
        'time limit: got "0 s", needs more than 0 s',
    ),
    (("refine", "lowest"), "ranges: got {}, needs names, and [low, high] for each"),
    (("refine", "lowest", "--range", "pag.drive=0,1"), 'unknown feature "lowest"; allowed: minimum, '),
    (("refine", "minimum", "--range", "pag.drive=0"), "range of \"pag.drive\": got ['0'], needs [low, high]"),
    (
        ("refine", "minimum", "--range", "pag.drive=0,1", "--tolerance", "0.1", "--tolerance", "0.2"),
        "--tolerance: given several times, needs NAME=WIDTH",
    ),
    (("sweep", "scs_frequncy"), 'nearest: "scs_frequency"'),
    (("sweep", "gone.toml"), "gone.toml: No such file or directory"),
    (("sweep", "--axis", "state="), '--axis: got "state=", needs NAME=VALUE'),
    (("sweep", "--axis", "state=naive,"), 'unknown state ""'),
    (("sweep", "--axis", "state=naive", "--state", "snl"), "also fixed by the argument"),
    (("sweep", "--axis", "state=naive", "--workers", "0"), "workers: got 0"),
    (("sweep", "--axis", "state=naive", "--workers", "0", "--dry-run"), "workers: got 0"),
    (("sweep", "--axis", "state=naive", "--time-limit", "5"), 'time limit: got "5" (no unit), needs a'),
    (("sweep", "--zip", "state=naive,snl", "--zip", "pag.drive=0"), "state has 2, pag.drive has 1"),
    (("sweep", "--zip", "state"), '--zip: got "state", needs NAME=VALUE'),
    (("sweep", "--points", "gone.csv"), "--points: gone.csv: No such file or directory"),
    (("sweep", "--range", "pag.drive=0,1"), "--range: needs --sample METHOD:NUMBER"),
    (("sweep", "--sample", "latin"), '--sample: got "latin", needs METHOD:NUMBER'),
    (("sweep", "--sample", "latin:4"), "sample: ranges is {}, needs names"),
    (
        ("sweep", "--sample", "latin:4", "--zip", "state=naive"),
        "zip and sample: each says what the points are",
    ),
    (("export", "gone.zarr", "x.nc"), "gone.zarr: there is no such store"),
    (("export", "gone.zarr", "x.csv"), '"x.csv": cannot export there, allowed ending: .nc'),
    (("export", "gone.zarr"), "Missing argument 'FILE.nc'"),
    (("sweep", "--axis", "state=naive", "--store", "/proc/x.zarr"), "/proc/x.zarr: cannot write: "),
    (("status", "gone.zarr"), "gone.zarr: there is no such store"),
    (("plot", "gone.zarr"), "gone.zarr: there is no such store"),
    (("plot", "gone.zarr", "--out", "x.doc"), "allowed endings: png, pdf, svg"),
    (("plot",), "plot: needs a STORE or --paradigm NAME, one of the two"),
    (("plot", "x.nc", "--paradigm", "tonic"), "plot: needs a STORE or --paradigm NAME, one of the two"),
    (("plot", "burst"), "burst: is no store; for what a paradigm delivers: --paradigm burst"),
    (("plot", "mine.toml"), "mine.toml: is no store; for what a paradigm delivers: --paradigm mine.toml"),
    (("plot", "x.nc", "--seed", "0"), "--seed: of no effect without --paradigm"),
    (("plot", "x.nc", "--set", "tonic.frequency=5 Hz"), "--set: of no effect without --paradigm"),
    (("plot", "--paradigm", "tonic", "--populations", "PN"), "--populations: of no effect without a STORE"),
    (("plot", "--paradigm", "tonik"), 'unknown paradigm "tonik"; allowed: tonic, none'),
    (("plot", "--paradigm", "gone.toml"), "gone.toml: No such file or directory"),
    (("plot", "--paradigm", "none"), 'paradigm "none": sends no pulse in 1 s'),
    (("plot", "--paradigm", "tonic", "--duration", "5"), "needs a quantity in s"),
    (("plot", "--paradigm", "tonic", "--out", "x.doc"), "allowed endings: png, pdf, svg"),
]


@pytest.mark.parametrize("arguments, message", MISTAKES)
def test_a_mistake_is_one_line_on_stderr_exit_2_and_no_file(dhmodel, tmp_path, arguments, message):
    code, out, err = dhmodel(*arguments)
    assert code == 2 and not out
    assert err.startswith("error: ") and message in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_run_prints_rates_and_saves(dhmodel, tmp_path, fake_simulate):
    arguments = [
        "--paradigm",
        "tonic",
        "--state",
        "snl",
        "--stimulus",
        "pinch",
        "--set",
        "tonic.frequency=10 Hz",
    ]
    arguments += ["--drug", "bicuculline=1", "--duration", "2 s", "--seed", "3", "--replicates", "2"]
    code, out, _ = dhmodel("run", *arguments, "--out", "new/x.nc", "--spikes")
    assert code == 0 and "WDR                5.250       0.354\n" in out and "saved new/x.nc" in out
    chosen, replicates, spikes = fake_simulate[0]
    assert (str(chosen.paradigm), chosen.state, chosen.stimulus, chosen.duration) == (
        "tonic",
        "snl",
        "pinch",
        2,
    )
    assert (chosen.drugs, chosen.seed, replicates, spikes) == ((("bicuculline", 1),), 3, 2, True)
    saved = xr.open_dataset(tmp_path / "new" / "x.nc", engine="h5netcdf")
    assert saved["rate"].sizes == {"replicate": 2, "population": 19} and saved.attrs["seed"] == 3


def test_run_does_not_write_over_what_is_there(dhmodel, tmp_path, fake_simulate):
    (tmp_path / "x.zarr").mkdir()
    code, _, err = dhmodel("run", "--out", "x.zarr")
    assert code == 2 and "x.zarr: is there already" in err and not fake_simulate


@pytest.mark.parametrize("name", ["x.nc", "x.zarr"])
def test_what_run_saved_can_be_plotted(dhmodel, tmp_path, fake_simulate, name, recwarn):
    assert dhmodel("run", "--duration", "1 s", "--replicates", "2", "--out", name)[0] == 0
    assert dhmodel("plot", name)[:2] == (0, "saved x.png\n")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert dhmodel("status", name)[0] == 2
    assert not [warning for warning in recwarn if "onsolidated" in str(warning.message)]


def test_a_full_disk_leaves_no_half_saved_dataset(tmp_path):
    code = (
        "import resource, numpy, xarray; from pathlib import Path\n"
        "from dhmodel.errors import StoreError; from dhmodel.sweep.datasets import save_dataset\n"
        "ds = xarray.Dataset({'a': ('x', numpy.random.rand(100_000))}, {'x': numpy.arange(100_000)})\n"
        "for limit in (0, 2000, 50_000):\n"
        "    for name in ('x.nc', 'x.zarr'):\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "        try: save_dataset(ds, Path(name))\n"
        "        except StoreError as error: told = error\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "        print(told, *Path().iterdir())\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    told = [f"{name}: cannot write: File too large" for name in ("x.nc", "x.zarr")]
    assert run.stdout.splitlines() == 3 * told, run.stderr


def test_a_sweep_of_axes_resumes_and_a_second_start_computes_nothing(dhmodel, tmp_path, fake_sweeps):
    code, out, _ = dhmodel(*SWEEP)
    assert code == 0 and out == "results in results/sweep.zarr\n" and len(fake_sweeps) == 8
    assert {(str(chosen.paradigm), chosen.seed) for chosen, _ in fake_sweeps} == {("tonic", 1)}
    code, _, err = dhmodel(*SWEEP)
    assert code == 0 and "all 8 runs are done; nothing to compute" in err and len(fake_sweeps) == 8
    code, _, err = dhmodel(*SWEEP, "--seed", "2")
    assert code == 2 and "belongs to another sweep, which differs in seed (1 there, 2 asked)" in err
    code, out, _ = dhmodel("status", "results/sweep.zarr")
    assert code == 0 and "tonic.frequency: 0 Hz, 10 Hz\n" in out and "8 of 8 runs done (100%)" in out


FILE = """
about = "a small one"
[axes]
"tonic.frequency" = ["0 Hz", "10 Hz"]
state = ["naive", "snl"]
[fixed]
paradigm = "tonic"
replicates = 2
set = { "windup.number" = 3 }
[report]
populations = ["WDR", "PN"]
baseline = { "tonic.frequency" = "0 Hz" }
"""


REFINE = ("refine", "crossing", "--level", "5 Hz", "--range", "tonic.frequency=0 Hz,100 Hz", "--paradigm")


def test_a_search_on_the_command_line(dhmodel, tmp_path, fake_sweeps):
    pytest.importorskip("adaptive", reason="the extra refine is not installed")
    command = (*REFINE, "tonic", "--tolerance", "tonic.frequency=5 Hz", "--replicates", "2", "--workers", "1")
    code, out, _ = dhmodel(*command, "--dry-run")
    assert code == 0 and "at least:\npoints     5 (tonic.frequency 5)" in out and not fake_sweeps
    code, out, _ = dhmodel(*command, "--out", "found.nc")
    assert code == 0 and "tonic.frequency = 11" in out and "results in results/refine.zarr" in out
    runs = len(fake_sweeps)
    assert float(xr.open_dataset("found.nc")["refined.value"]) == pytest.approx(5)
    assert dhmodel(*command)[0] == 0 and len(fake_sweeps) == runs
    assert dhmodel(*command, "--dry-run")[1].endswith("nothing to run\n")
    code, _, err = dhmodel(*command, "--level", "500 Hz")
    assert code == 2 and "rate of WDR does not cross 500 Hz: it is 10.5 Hz at 0 Hz" in err


def test_points_on_the_command_line(dhmodel, tmp_path, fake_sweeps):
    pairs = [("10 Hz", 1.2), ("50 Hz", 0.6)]
    (tmp_path / "p.csv").write_text("tonic.frequency, tonic.amplitude\n10 Hz, 1.2\n\n50 Hz,0.6\n")
    zipped = ("--zip", "tonic.frequency=10 Hz,50 Hz", "--zip", "tonic.amplitude=1.2,0.6")
    rest = ("--axis", "state=naive,snl", "--workers", "1", "--replicates", "1")
    assert dhmodel("sweep", *zipped, *rest)[0] == 0 and len(fake_sweeps) == 4
    code, _, err = dhmodel("sweep", "--points", "p.csv", *rest)
    assert code == 0 and "all 4 runs are done" in err
    ds = xr.open_zarr("results/sweep.zarr")
    assert ds["rate"].dims[:2] == ("state", "point")
    assert list(zip(ds["tonic.frequency"].values, ds["tonic.amplitude"].values, strict=True)) == [
        (float(frequency.split()[0]), amplitude) for frequency, amplitude in pairs
    ]
    assert dhmodel("status", "results/sweep.zarr")[1].splitlines()[4] == "tonic.frequency: 10 Hz, 50 Hz"
    (tmp_path / "p.csv").write_text("tonic.frequency,state\n10 Hz\n")
    code, _, err = dhmodel("sweep", "--points", "p.csv")
    assert code == 2 and "p.csv: point 0 has 1 values, needs 2" in err


def test_a_dry_run_says_what_there_is_to_do_and_does_nothing(dhmodel, tmp_path, fake_sweeps, monkeypatch):
    monkeypatch.setenv("DHMODEL_CACHE", str(tmp_path / "cache"))
    assert dhmodel(*SWEEP, "--duration", "1 s")[0] == 0 and len(fake_sweeps) == 8
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    larger = (*SWEEP[:-1], "3", "--duration", "1 s", "--workers", "2", "--dry-run")
    code, out, _ = dhmodel(*larger)
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0 and list(lines) == ["points", "runs", "done", "simulated", "cost", "time", "disk"]
    assert lines["points"] == "4 (tonic.frequency 2 x state 2)" and lines["runs"] == "12 (3 of every point)"
    assert lines["done"] == "8 of them in results/sweep.zarr; 4 left"
    assert lines["simulated"] == "8 s, warm-up included"  # 4 runs of 1 s after 1 s of warm-up
    # 4 starts of 35 ms, and 710 cells for 80,000 steps of 0.1 ms at 7 ns
    assert lines["cost"].startswith("0.538 s of processor time (35 ms a run and 7 ns per neuron-step, of `dh")
    runs = xr.open_zarr("results/sweep.zarr").data_vars.values()
    results = [one for one in runs if "replicate" in one.dims and one.name not in ("status", "error")]
    # a file that describes each result and one of its data, and as many for 12 arrays beside them
    assert lines["disk"].startswith("at most ")
    assert f" in about {2 * (len(results) + 12)} files; " in lines["disk"]
    assert len(fake_sweeps) == 8
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    code, _, err = dhmodel(*SWEEP, "--seed", "2", "--dry-run")
    assert code == 2 and "belongs to another sweep" in err


def test_export_writes_one_file_and_no_other_over_it(dhmodel, tmp_path, fake_sweeps):
    assert dhmodel(*SWEEP, "--set", "windup.number=2", "--stimulus", "windup")[0] == 0
    code, out, _ = dhmodel("export", "results/sweep.zarr", "x.nc")
    assert code == 0 and out == "saved x.nc: 8 of 8 runs done\n"
    with xr.open_dataset("x.nc", engine="h5netcdf") as ds:
        stored = xr.open_zarr("results/sweep.zarr")
        assert ds["rate"].dims == stored["rate"].dims and ds.attrs["sweep"] == stored.attrs["sweep"]
        assert np.array_equal(ds["count"], stored["count"]) and np.array_equal(ds["psth"], stored["psth"])
    (tmp_path / "x.nc").write_text("mine")
    code, _, err = dhmodel("export", "results/sweep.zarr", "x.nc")
    assert code == 2 and "x.nc: is there already" in err and (tmp_path / "x.nc").read_text() == "mine"
    assert dhmodel("export", "results/sweep.zarr", "x.nc", "--force")[0] == 0
    xr.open_dataset("x.nc", engine="h5netcdf").close()
    assert {path.name for path in tmp_path.iterdir()} == {"x.nc", "results"}


def test_an_export_onto_a_full_disk_leaves_the_old_file(dhmodel, tmp_path, fake_sweeps):
    assert dhmodel(*SWEEP)[0] == 0
    (tmp_path / "x.nc").write_text("mine")
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "from pathlib import Path; from dhmodel.sweep.datasets import export_store\n"
        "export_store(Path('results/sweep.zarr'), Path('x.nc'), force=True)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert "StoreError: x.nc: cannot write: File too large" in run.stderr
    assert (tmp_path / "x.nc").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"x.nc", "results"}


def test_a_sweep_file_ends_in_a_table_and_a_figure(dhmodel, tmp_path, fake_sweeps):
    (tmp_path / "mine.toml").write_text(FILE)
    code, out, _ = dhmodel("sweep", "mine.toml", "--workers", "1")
    assert code == 0 and len(fake_sweeps) == 8
    assert "WDR and PN firing in % of tonic.frequency = 0 Hz" in out and "50.0 ± 0.0 %" in out
    assert "saved results/mine.png\nsaved results/mine.pdf\nresults in results/mine.zarr\n" in out
    assert (tmp_path / "results/mine.pdf").read_bytes().startswith(b"%PDF")


def test_options_stand_in_for_what_a_sweep_file_fixes(dhmodel, tmp_path, fake_sweeps):
    (tmp_path / "mine.toml").write_text(FILE)
    options = [
        "--set",
        "circuit.scale=0.25",
        "--replicates",
        "1",
        "--axis",
        "state=snl",
        "--stimulus",
        "windup",
    ]
    assert dhmodel("sweep", "mine.toml", *options, "--workers", "1", "--store", "x.zarr")[0] == 0
    assert [(chosen.state, chosen.stimulus, replicate) for chosen, replicate in fake_sweeps] == [
        ("snl", "windup", 0)
    ] * 2
    for chosen, _ in fake_sweeps:
        assert chosen.parameters["circuit.scale"] == 0.25 and chosen.parameters["windup.number"] == 3


def test_failed_runs_are_told_and_the_exit_status_says_so(dhmodel, fake_sweeps):
    code, _, err = dhmodel(*SWEEP, "--axis", "circuit.scale=0.5,1")
    assert code == 1 and "error: 8 of 16 runs failed; `dhmodel status results/sweep.zarr` says why" in err
    out = dhmodel("status", "results/sweep.zarr")[1]
    assert "8 failed\n" in out and "circuit.scale=0.5, replicate=0: blew up" in out


def test_an_interrupted_sweep_says_how_to_resume_and_exits_130(dhmodel, monkeypatch, fake_sweeps):
    def measure(chosen, replicate):
        if len(fake_sweeps) == 3:
            raise KeyboardInterrupt
        fake_sweeps.append((chosen, replicate))
        return result(chosen, replicate)

    with monkeypatch.context() as patch:
        patch.setitem(run_sweep.__kwdefaults__, "measure", measure)
        code, _, err = dhmodel(*SWEEP)
    assert code == 130
    kept = "3 of 8 runs are done and kept in results/sweep.zarr"
    assert err.splitlines()[-1] == f"interrupted: {kept}; start the same command again to resume"
    assert dhmodel(*SWEEP)[0] == 0 and len(fake_sweeps) == 8


def test_plot_of_a_sweep(dhmodel, tmp_path, fake_sweeps):
    dhmodel(*SWEEP, "--store", "x.zarr")
    assert dhmodel("plot", "x.zarr", "--out", "f.svg", "--populations", "WDR")[:2] == (0, "saved f.svg\n")
    assert b"<svg" in (tmp_path / "f.svg").read_bytes()
    code, _, err = dhmodel("plot", "x.zarr", "--populations", "WDT")
    assert code == 2 and 'unknown population "WDT"' in err


def test_plot_of_a_paradigm_prints_what_it_delivers_and_draws_it(dhmodel, tmp_path):
    given = ["--set", "burst.amplitude=0.8", "--set", "anatomy.species=human", "--duration", "0.1 s"]
    code, out, _ = dhmodel("plot", "--paradigm", "burst", *given)
    assert code == 0 and out.startswith("burst, naive human, 0.1 s, 400 dorsal-column fibres\n")
    assert "\n  x motor threshold              0.8\n" in out and out.endswith("\nsaved burst.png\n")
    assert (tmp_path / "burst.png").read_bytes().startswith(b"\x89PNG")


def test_plot_of_a_paradigm_from_a_file(dhmodel, tmp_path):
    (tmp_path / "mine.toml").write_text('channels = [{ frequency = "30 Hz", pulse_width = "0.1 ms" }]')
    code, out, _ = dhmodel("plot", "--paradigm", "mine.toml", "--duration", "0.1 s", "--out", "new/f.svg")
    assert code == 0 and out.startswith("mine, naive rat, 0.1 s") and out.endswith("\nsaved new/f.svg\n")
    assert b"<svg" in (tmp_path / "new" / "f.svg").read_bytes()


@pytest.mark.parametrize("command", ["status", "plot"])
def test_a_corrupt_store_is_one_line(dhmodel, tmp_path, fake_sweeps, command):
    dhmodel(*SWEEP, "--store", "x.zarr")
    for file in (tmp_path / "x.zarr").rglob("c/*/*/*"):
        if file.is_file():
            file.write_bytes(b"torn")
    code, out, err = dhmodel(command, "x.zarr")
    assert code == 2 and not out and err.count("\n") == 1 and err.startswith("error: x.zarr: corrupt store (")


def test_a_start_imports_nothing_heavy():
    code = (
        "import json, sys; sys.argv = ['dhmodel', 'list', 'stimuli']\n"
        "from dhmodel.cli import main\n"
        "try: main()\n"
        "finally: print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout.splitlines()[-1]))
    assert "pinch" in run.stdout and not loaded & {
        "brian2",
        "xarray",
        "zarr",
        "matplotlib",
        "pandas",
        "scipy",
        "sympy",
    }


def test_a_reader_that_has_enough_is_no_error():
    # the list is longer than the buffer of a pipe, and nobody reads it
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "from dhmodel.cli import main; main()", "list", "parameters"]
    run = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert run.stderr == ""


def test_the_experiment_is_the_sweep_of_the_package(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    given = {}

    def sweep(axes, *, store, workers, **arguments):
        given.update(axes=axes, store=store, arguments=arguments)
        small = build_spec({**axes, "tonic.frequency": ["0 Hz", "10 Hz", "50 Hz"]}, {"paradigm": "tonic"}, 2)
        return run_sweep(small, progress=False, measure=result, prepare=lambda chosen: None).dataset()

    monkeypatch.setattr(dhmodel_package, "sweep", sweep)
    runpy.run_path(str(Path(__file__).parents[2] / "experiments" / "scs_frequency.py"), run_name="__main__")
    file = read_sweep("scs_frequency")
    assert given == {"axes": file.axes, "store": "results/scs_frequency.zarr", "arguments": file.arguments}
    out = capsys.readouterr().out
    assert "WDR and PN firing in % of tonic.frequency = 0 Hz" in out and "50.0 ± 0.0 %" in out
    assert {path.name for path in (tmp_path / "results").iterdir()} == {
        "scs_frequency.png",
        "scs_frequency.pdf",
    }
