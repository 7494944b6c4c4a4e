"""Protocols on a small circuit: what they equal, how they resume, what they refuse, what they hold."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import dhmodel as dh
from dhmodel.cli import main
from dhmodel.errors import InputError, StoreError
from dhmodel.parameters import resolve
from dhmodel.simulate import measure, plan
from dhmodel.slow import memo
from dhmodel.slow.cord import Cord
from dhmodel.slow.memo import Memo
from dhmodel.slow.reading import read_timetable
from dhmodel.slow.running import make_run
from dhmodel.slow.states import slow_states

SMALL = {"circuit.scale": 0.25}
QUICK = {"epoch": "1 s", "settle": "0.2 s", "warmup": "0.2 s"}
LOOP = {"epoch": 1.0, "settle": 0.2, "warmup": 0.2, "tolerance": 0.02}
PINCH = {
    "name": "pinch",
    "stimulus": "pinch",
    "at": ["5 min", "25 min", "35 min", "50 min"],
    "duration": "1 s",
}
SCS = {"name": "scs", "start": "10 min", "stop": "30 min", "paradigm": "tonic"}
NALOXONE = {
    "name": "naloxone",
    "start": "12 min",
    "stop": "20 min",
    "drugs": {"naloxone": {"dose": 0.8, "onset": "2 min", "washout": "10 min"}},
}


def table(*entries, **others):
    return {"duration": "1 h", "state": "snl", "entries": list(entries), "tests": [PINCH], **others}


def run_of(given, **others):
    arguments = {
        "state": None,
        "lesion": None,
        "set": SMALL,
        "loop": LOOP,
        "seed": 1,
        "target": "auto",
    }
    return make_run(read_timetable(given), **arguments | others)


@pytest.fixture(scope="module")
def ds():
    return dh.protocol(table(SCS, NALOXONE), set=SMALL, replicates=2, **QUICK)


@pytest.mark.parametrize("state", ["naive", "snl", "allodynic", "spinalised", "snl#3"])
@pytest.mark.parametrize("paradigm", ["none", "tonic"])
def test_at_rest_an_epoch_is_the_plain_run(state, paradigm):
    entry = {"name": "on", "duration": "1 h", "paradigm": paradigm, "set": {"pag.drive": 0.5}}
    run = run_of(table(entry, state=state))
    settings = run.settings(0.0)
    cord = Cord(run.chosen, 1, Memo())
    epoch = cord.plan(run.cord(settings), settings, cord.rest(run.cord(settings)), 1.0)
    plain = plan(
        paradigm, state=state, set={**SMALL, "pag.drive": 0.5}, duration="1 s", warmup="0.2 s", seed=1
    )
    assert epoch == plain and epoch.digest() == plain.digest()


def test_at_rest_an_epoch_gives_the_plain_run_bit_for_bit():
    run = run_of(table(SCS))
    settings = run.settings(700.0)
    cord = Cord(run.chosen, 1, Memo())
    drives = cord.epoch(run.cord(settings), settings)(cord.rest(run.cord(settings)))
    plain = measure(plan("tonic", state="snl", set=SMALL, duration="1 s", warmup="0.2 s"), 1)
    assert drives["rate.WDR"] == pytest.approx(plain["psth"][6, 20:].mean(), rel=1e-12)
    assert [drives[name] for name in ("rate.AB", "trunk_rate", "motor_multiple")] == [
        plain["source_rate"][1], plain["trunk_rate"], plain["motor_multiple"],
    ]  # fmt: skip
    assert drives["pulse_rate"] == pytest.approx(50)


def test_a_cord_to_which_nothing_is_done_stays_as_it_is():
    still = dh.protocol(table(duration="4 week"), set=SMALL, **QUICK)
    assert still["epochs"].item() == 2  # an epoch and a pinch, whatever the time
    for name in still.data_vars:
        if str(name).startswith("slow."):
            assert np.ptp(still[name].values) == 0, name
    assert float(still["slow_error"].max()) == 0
    plain = dh.simulate(state="snl", stimulus="pinch", set=SMALL, duration="1 s", warmup="0.2 s")
    assert np.all(still["rate"].values[0] == plain["rate"].values[0])


def test_states_away_from_rest_act_on_what_they_say():
    run = run_of(table())
    cord, settings = Cord(run.chosen, 0, Memo()), run.settings(0.0)
    states = cord.rest(run.cord(settings)).copy()
    glia = states[run.chosen.names.index("glia")]
    moved = {"gaba": 16.2, "glia": glia + 0.1, "kcc2": 0.65, "opioid_brainstem": 0.5, "cortex_late": 0.5}
    moved |= {"fatigue": 0.5, "cortex_early": 0.9}  # whole steps of what a state is rounded to
    for name, value in moved.items():
        states[run.chosen.names.index(name)] = value
    P = cord.plan(run.cord(settings), settings, states, 1.0).parameters
    assert P["receptor.gaba_b.activation"] == pytest.approx(0.2, abs=1e-3)  # twice that of the intact cord
    assert P["receptor.gaba_a.activation"] == pytest.approx(
        run.chosen.number("gaba", "gaba_a") * 8.1, abs=1e-3
    )
    number = run.chosen.number
    mu = number("opioid_brainstem", "size") * 0.5
    assert P["receptor.mu_brainstem.activation"] == pytest.approx(mu, abs=1e-3)
    current = number("fatigue", "current") * 0.5
    assert P["cell.ON.bias"] - resolve(state="snl")["cell.ON.bias"] == pytest.approx(current)
    assert P["synapse.ampa.scale"] == pytest.approx(1 + 0.5 * 0.1)
    assert P["synapse.gaba_a.scale"] == pytest.approx(1 - 0.4 * 0.1)
    assert P["injury.kcc2"] == pytest.approx(0.65)
    early, late = number("cortex_early", "pag"), number("cortex_late", "pag")
    assert P["pag.drive"] == pytest.approx(0.4 + 0.5 * late + 0.9 * early)  # two states add up


def test_what_a_state_does_ends_at_the_bounds_of_the_parameter():
    run = run_of(table(set={"pag.drive": 0.999}))
    cord, settings = Cord(run.chosen, 0, Memo()), run.settings(0.0)
    states = cord.rest(run.cord(settings)).copy()
    states[run.chosen.names.index("cortex_early")] = 2.0
    assert cord.plan(run.cord(settings), settings, states, 1.0).parameters["pag.drive"] == 1


def test_an_antagonist_takes_away_what_needs_its_receptor():
    run = run_of(table({**NALOXONE, "drugs": {"am251": 1.0}}))
    cord, settings = Cord(run.chosen, 0, Memo()), run.settings(0.0)
    states = cord.rest(run.cord(settings)).copy()
    states[run.chosen.names.index("endocannabinoid")] = 0.5
    states[run.chosen.names.index("am251")] = 0.8
    P = cord.plan(run.cord(settings), settings, states, 1.0).parameters
    assert P["receptor.cb1.free"] == pytest.approx(0.2)
    assert P["cell.PAG_GABA.bias"] == pytest.approx(resolve()["cell.PAG_GABA.bias"] - 0.5 * 8e-12 * 0.2)


def test_an_antagonist_keeps_away_what_sessions_consolidate():
    """Two days under a tonic of endocannabinoids, with and without a CB1 antagonist on the second."""
    drug = {"name": "drug", "start": "1 day", "stop": "2 day", "drugs": {"am251": 1.0}}
    stimulated = {"name": "scs", "stop": "2 day", "paradigm": "tonic"}
    given = table(stimulated, drug, duration="2 day", tests=[])
    course = dh.protocol(given, set=SMALL, tolerance=0.1, **QUICK)["slow.endocannabinoid_late"].isel(
        replicate=0
    )
    day = 86_400.0
    built = float(course.sel(protocol_time=day))
    assert built == pytest.approx(0.3, abs=0.01)  # what sessions can consolidate
    assert float(course.sel(protocol_time=2 * day)) == pytest.approx(built * np.exp(-1 / 7), rel=1e-3)


def test_a_dose_comes_and_goes_as_its_constants_say(ds):
    t = ds["protocol_time"].values
    on, off = 12 * 60, 20 * 60
    peak = 0.8 * (1 - np.exp(-(off - on) / 120))
    expected = np.where(
        t < off, 0.8 * (1 - np.exp(-np.maximum(t - on, 0) / 120)), peak * np.exp((off - t) / 600)
    )
    assert np.allclose(ds["dose.naloxone"].values, expected, atol=1e-9)


def test_a_drug_without_constants_is_there_at_once():
    drug = {"name": "drug", "start": "10 min", "stop": "30 min", "drugs": {"ap5": 0.5}}
    ds = dh.protocol(table(drug, tests=[]), set=SMALL, **QUICK)
    t = ds["protocol_time"].values
    assert np.array_equal(ds["dose.ap5"].values[0], np.where((t >= 600) & (t < 1800), 0.5, 0.0))


def test_transmitters_rise_with_stimulation_and_relieve_after_it(ds):
    for name in ("acetylcholine", "gaba", "noradrenaline"):
        course = (
            ds[f"slow.{name}"].mean("replicate").sel(protocol_time=[0, 600, 1790, 3600], method="nearest")
        )
        begin, before, during, end = course.values
        assert begin == before and during > before + 0.02 and end < 0.7 * during, name
    pain = ds["rate"].sel(population="WDR").mean("replicate").values
    assert pain[1] < pain[0] and pain[1] < pain[2] < pain[3]


def test_the_dataset_says_what_it_holds(ds):
    assert ds["rate"].dims == ("replicate", "test", "population") and ds.sizes["test"] == 4
    assert ds["test_time"].values.tolist() == [300, 1500, 2100, 3000]
    assert (
        ds["slow.gaba"].dims == ("replicate", "protocol_time") and ds["slow.gaba"].attrs["units"] == "nmol/l"
    )
    of_cells = ds["cell_rate"].groupby("cell_population").mean().rename(cell_population="population")
    np.testing.assert_allclose(
        of_cells.sel(population=ds["population"]).transpose(*ds["rate"].dims), ds["rate"]
    )
    assert ds["slow_error"].dims == ("replicate", "protocol_time", "slow_state")
    assert {0, 600, 720, 1200, 1800, 3600} <= set(ds["protocol_time"].values.tolist())
    for name, variable in {**ds.data_vars, **ds.coords}.items():
        assert variable.attrs["long_name"], name
        assert variable.dtype.kind in "US" or variable.attrs["units"], name
    assert ds["slow.gaba"].attrs["read"] == "calibrated"
    assert ds["slow_error"].max() < 0.1 and ds["epochs"].values.min() > 5
    told = json.loads(ds.attrs["timetable"])
    assert told["entries"][0] == SCS and ds.attrs["tolerance"] == 0.02
    assert json.loads(ds.attrs["slow_parameters"])["slow.gaba.off"] == 540
    assert ds.attrs["seed"] == 1 and ds.attrs["state"] == "snl"


def test_the_dataset_survives_a_file(ds, tmp_path):
    from dhmodel.sweep.datasets import load_dataset, save_dataset

    for file in (tmp_path / "p.nc", tmp_path / "p.zarr"):
        save_dataset(ds, file)
        xr.testing.assert_equal(load_dataset(file), ds)


def test_values_of_the_caller_stand_over_those_of_the_timetable():
    entry = {**SCS, "set": {"tonic.frequency": "10 Hz"}}
    run = run_of(table(entry), set={**SMALL, "tonic.frequency": "20 Hz"}, state="cci")
    assert run.settings(700.0).set["tonic.frequency"] == "20 Hz" and run.settings(0).state == "cci"


def test_numbers_of_slow_states_can_be_set():
    run = run_of(table(SCS), set={**SMALL, "slow.gaba.off": "20 min"})
    assert run.chosen.number("gaba", "off") == 1200
    with pytest.raises(InputError, match='unknown parameter "slow.gaba.of" in set.*nearest: "slow.gaba.off"'):
        run_of(table(SCS), set={"slow.gaba.of": "20 min"})


def test_numbers_of_slow_states_stand_over_those_of_a_scenario_and_below_those_of_the_caller():
    given = table(SCS, scenario="two_rates_add", set={"slow.gaba.off": "20 min", "slow.glia.high_rate": 0.5})
    run = run_of(given)
    asked = (("glia", "two_rates"), ("glia", "high_rate"), ("gaba", "off"))
    assert [run.chosen.number(*one) for one in asked] == [0, 0.5, 1200]
    assert run_of(given, set={"slow.gaba.off": "1 h"}).chosen.number("gaba", "off") == 3600


def glia_led_to(entry, scenario):
    """Where an entry leads glia, from rest, with the drives of its first epoch."""
    run = run_of(table(entry, scenario=scenario))
    cord, settings = Cord(run.chosen, 0, Memo()), run.settings(700.0)
    stretch = cord.stretch(run.cord(settings), settings, {}, 0.0, 1.0)
    led = stretch.field(cord.epoch(run.cord(settings), settings)(stretch.rest))(stretch.rest) - stretch.rest
    return led[run.chosen.names.index("glia")]


def test_glia_sense_two_rates_more_than_a_high_one_and_a_low_one_not():
    """Cedeno et al. 2020: two rates, then the high one, not the low one; de Geus et al. 2023: all alike."""
    set_ = {"tonic.amplitude": 0.7, "tonic.amplitude_scale": "motor", "tonic.recharge": "active"}
    low = {**SCS, "set": {**set_, "tonic.pulse_width": "150 us"}}
    high = {**SCS, "set": {**set_, "tonic.frequency": "1200 Hz", "tonic.pulse_width": "50 us"}}
    entries = {"low": low, "high": high, "dtm": {**SCS, "paradigm": "dtm"}}
    led = {name: glia_led_to(entry, "") for name, entry in entries.items()}
    assert 2 * led["dtm"] < led["high"] < -0.01 < led["low"]
    alike = [glia_led_to(entry, "two_rates_add") for entry in entries.values()]
    assert np.ptp(alike) < abs(led["dtm"]) / 10


def test_an_injury_in_the_course_of_a_protocol_moves_its_states_over_days():
    injury = {"name": "injury", "start": "1 day", "stop": "2 week", "state": "snl"}
    alone = {**SMALL, "slow.glia.magnetic": 0, "slow.glia.trained": 0}  # cytokines that glia would follow
    ds = dh.protocol(table(injury, state="naive", duration="2 week", tests=[]), set=alone, **QUICK)
    found = np.stack([ds[name].values[0] for name in ("slow.glia", "slow.bdnf_spinal", "slow.kcc2")])
    # glia follow the injury, BDNF the glia, and KCC2 falls as BDNF rises: linear, so eigenvectors solve it
    # (a hair off -1/2, where there would be too few of them)
    rates = np.array([[-1 / 5, 0, 0], [1 / 2, -1 / 2, 0], [0, -1 / 2, -1 / 2 + 1e-6]])  # 1/day
    kcc2 = resolve(state="snl")["injury.kcc2"]
    end, begin = np.array([1 - kcc2, 1 - kcc2, kcc2]), np.array([0.0, 0.0, 1.0])
    values, vectors = np.linalg.eig(rates)
    days = np.maximum(ds["protocol_time"].values / 86_400 - 1, 0)
    parts = vectors @ np.diag(np.linalg.solve(vectors, begin - end)) @ np.exp(np.outer(values, days))
    assert np.allclose(found, end[:, None] + parts, atol=2e-3)
    assert kcc2 < found[2, -1] < kcc2 + 0.1


def test_a_coarse_protocol_lies_within_its_estimate_of_a_fine_one():
    given = table({**SCS, "start": "1 min", "stop": "9 min"}, duration="12 min", tests=[])
    fine, coarse = (dh.protocol(given, set=SMALL, tolerance=one, **QUICK) for one in (0.005, 0.05))
    assert coarse["epochs"].item() < fine["epochs"].item() / 1.5
    told = float(coarse["slow_error"].max() + fine["slow_error"].max())
    away = {
        name: float(np.abs(coarse[f"slow.{name}"] - fine[f"slow.{name}"]).max()) / (one.high - one.low)
        for name, one in slow_states().items()
    }
    assert max(away.values()) <= told < 0.15, max(away, key=lambda name: away[name])


MEASURE = memo.measure


class Interrupting:
    """Stands for `measure`, and is interrupted at a certain run."""

    def __init__(self, at):
        self.left, self.runs = at, 0

    def __call__(self, plan, replicate):
        if self.runs == self.left:
            raise KeyboardInterrupt
        self.runs += 1
        return MEASURE(plan, replicate)


def test_a_protocol_resumes_where_it_was_interrupted_to_the_last_bit(monkeypatch, tmp_path, ds):
    given, file = table(SCS, NALOXONE), tmp_path / "p.epochs"
    first = Interrupting(7)
    monkeypatch.setattr(memo, "measure", first)
    with pytest.raises(KeyboardInterrupt):
        dh.protocol(given, set=SMALL, replicates=2, checkpoint=file, **QUICK)
    file.write_text(file.read_text() + '["cut short", {"rate": [1.0, 2.')  # the crash struck while it wrote
    second = Interrupting(-1)
    monkeypatch.setattr(memo, "measure", second)
    resumed = dh.protocol(given, set=SMALL, replicates=2, checkpoint=file, **QUICK)
    assert first.runs == 7 and first.runs + second.runs == ds["epochs"].values.sum()
    xr.testing.assert_identical(resumed.drop_vars("epochs").drop_attrs(), ds.drop_vars("epochs").drop_attrs())
    third = Interrupting(0)
    monkeypatch.setattr(memo, "measure", third)
    again = dh.protocol(given, set=SMALL, replicates=2, checkpoint=file, **QUICK)
    xr.testing.assert_equal(again.drop_vars("epochs"), resumed.drop_vars("epochs"))


def test_a_file_of_something_else_is_left_alone(tmp_path):
    file = tmp_path / "thesis.txt"
    file.write_text("Chapter 1\n")
    with pytest.raises(StoreError, match="thesis.txt: is no file of epochs"):
        dh.protocol(table(), set=SMALL, checkpoint=file, **QUICK)
    assert file.read_text() == "Chapter 1\n"
    for nothing in (tmp_path, Path("/dev/full")):
        with pytest.raises(StoreError, match=f"{nothing}: is no file"):
            dh.protocol(table(), set=SMALL, checkpoint=nothing, **QUICK)
    with pytest.raises(StoreError, match="cannot use: No such file"):
        dh.protocol(table(), set=SMALL, checkpoint=tmp_path / "nowhere" / "p.epochs", **QUICK)


@pytest.mark.parametrize(
    ("given", "arguments", "message"),
    [
        (table(), {"epoch": "30 s"}, "epoch: got 30 s, .*slow.cortex_inhibition.on = 10 s"),
        (table(NALOXONE), {"epoch": "9 s", "set": {"slow.gaba.on": "8 s"}}, "slow.gaba.on = 8 s"),
        (table(set={"slow.gaba.on": "8 s"}), {"epoch": "9 s"}, "slow.gaba.on = 8 s"),
        (table(scenario="two_rates"), {}, 'unknown scenario "two_rates".*nearest: "two_rates_add"'),
        (table(), {"settle": "1 s"}, "settle: got 1 s"),
        (table(), {"tolerance": 0}, "tolerance: got 0, allowed"),
        (table(), {"tolerance": 1}, "tolerance: got 1, allowed"),
        (table(), {"replicates": 0}, "replicates: got 0"),
        (table(), {"seed": -1}, "seed: got -1"),
        (table(), {"state": "snk"}, 'unknown state "snk"'),
        (table(), {"set": {"tonic.frequncy": "1 Hz"}}, 'unknown parameter "tonic.frequncy"'),
        (table({**SCS, "set": {"tonic.frequency": 50}}), {}, "entry scs: tonic.frequency: got 50"),
        (table({**SCS, "paradigm": "intermittent"}), {}, "entry scs: intermittent.on .* a cycle takes 120 s"),
        (table(initial={"gaba": 31}), {}, "initial: gaba: got 31, allowed: 0 to 30"),
        (table(initial={"gabba": 0}), {}, 'unknown slow state "gabba".*nearest: "gaba"'),
        (table(tests=[{**PINCH, "set": {"pinch.C.rate": "1 s"}}]), {}, "test pinch: pinch.C.rate"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_before_anything_runs(monkeypatch, given, arguments, message):
    monkeypatch.setattr(memo, "measure", Interrupting(0))
    with pytest.raises(InputError, match=message) as error:
        dh.protocol(given, **{"set": SMALL, **QUICK, **arguments})
    assert "\n" not in str(error.value)


def test_initial_values_are_where_a_protocol_begins():
    ds = dh.protocol(table(initial={"kcc2": 0.5}, tests=[]), set=SMALL, **QUICK)
    course = ds["slow.kcc2"].values[0]
    assert course[0] == 0.5 and np.all(np.diff(course) > 0)


def test_a_page_of_all_of_it(ds):
    from dhmodel.plots import sweep_figure

    figure = sweep_figure(ds)
    titles = [axes.get_title() for axes in figure.axes]
    assert {"WDR", "PN", "gaba (nmol/l)", "dose of naloxone"} <= set(titles)
    (still,) = figure.subfigs[-1].texts  # what did not move has no panel
    assert "kcc2" not in titles and " kcc2 0.7" in still.get_text()
    shown = len(titles) - titles.count("") + still.get_text().count(",")
    assert shown >= sum(str(name).startswith("slow.") for name in ds.data_vars)
    bars = figure.axes[0].collections
    assert [bar.get_datalim(figure.axes[0].transData).x0 for bar in bars] == [10, 12]


FILE = """
about = "quick"
duration = "20 min"
state = "snl"
epoch = "1 s"
settle = "0.2 s"
set = { "circuit.scale" = 0.25 }

[[entries]]
name = "scs"
start = "5 min"
stop = "15 min"
paradigm = "tonic"

[[tests]]
name = "pinch"
stimulus = "pinch"
at = ["1 min", "10 min", "20 min"]
duration = "1 s"
"""


@pytest.fixture
def command(monkeypatch, capfd, tmp_path):
    """Run the command line in a folder with a protocol; returns exit status, output and stderr."""
    (tmp_path / "quick.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dhmodel", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), *capfd.readouterr()

    return run


def test_the_command_runs_saves_resumes_and_draws(command, monkeypatch, tmp_path):
    monkeypatch.setattr(memo, "measure", Interrupting(4))
    code, _, err = command("run", "--protocol", "quick.toml", "--out", "q.nc")
    assert code == 130 and err.splitlines()[-1].endswith("in q.nc.epochs; the same command resumes")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["q.nc.epochs", "quick.toml"]
    rest = Interrupting(-1)
    monkeypatch.setattr(memo, "measure", rest)
    code, out, _ = command("run", "--protocol", "quick.toml", "--out", "q.nc")
    assert code == 0 and out.splitlines()[0].split() == ["time", "test", "WDR", "(Hz)", "PN", "(Hz)"]
    assert [line.split()[:3] for line in out.splitlines()[1:4]] == [
        ["60", "s", "pinch"], ["10", "min", "pinch"], ["20", "min", "pinch"],
    ]  # fmt: skip
    assert f"{rest.runs} runs of the circuit" in out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["q.nc", "quick.toml"]
    assert command("plot", "q.nc", "--out", "q.pdf")[0] == 0 and (tmp_path / "q.pdf").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--protocol", "quick.toml", "--paradigm", "tonic"),
            "error: --paradigm: of no effect",
        ),
        (
            ("--protocol", "quick.toml", "--duration", "1 h"),
            "error: --duration: of no effect",
        ),
        (("--protocol", "quik"), 'error: unknown protocol "quik"'),
        (("--protocol", "quick.toml", "--out", "q.txt"), 'error: "q.txt": cannot save there'),
        (("--checkpoint", "c"), "error: --checkpoint: of no effect without --protocol"),
    ],
)
def test_bad_options_are_one_line(command, arguments, message):
    code, _, err = command("run", *arguments)
    assert code == 2 and err.startswith(message) and len(err.splitlines()) == 1
