"""Verdicts as a Dataset, as a report and against the baseline; and the command, on a ledger of fakes."""

import base64
import re
import sys

import numpy as np
import pytest
import xarray as xr

import dhmodel
from dhmodel.cli import main
from dhmodel.errors import InputError, StoreError
from dhmodel.evidence import command, ledger, validate
from dhmodel.evidence.asking.trials import plans
from dhmodel.evidence.judging import baseline, validation
from dhmodel.evidence.judging.baseline import accept, expected, fallen, fast, risen
from dhmodel.evidence.judging.validation import Outcome, choose
from dhmodel.evidence.judging.verdicts import Verdict, judge, unasked
from dhmodel.evidence.ledger import Finding
from dhmodel.evidence.telling.page import page
from dhmodel.evidence.telling.report import markdown
from dhmodel.evidence.telling.table import verdict_table
from dhmodel.parameters import resolve
from dhmodel.scenarios import of_circuit
from dhmodel.sweep.runner import SweepInterrupted

BASE = {
    "area": "scs/tonic",
    "statement": "a is b",
    "citation": "X 2000",
    "read": "abstract",
    "use": "physiology",
}


def entry(**changes) -> Finding:
    criteria = [{"value": "ratio", "min": 0.4, "max": 0.8, "about": "ratio <of> things"}]
    return Finding.model_validate(BASE | {"protocol": "size_order", "criteria": criteria} | changes)


def outcome(name="one", values=(0.5, 0.6, 0.7), seconds=3.0, draws=0, share=np.nan, **changes) -> Outcome:
    one = entry(**changes)
    verdict = judge(name, one, {"ratio": np.array(values)}) if one.asked else unasked(name, one)
    return Outcome(one, verdict, seconds, draws, share)


def waiting(use="physiology", **changes) -> Outcome:
    reason = "" if use == "context" else "slow states"
    return outcome(protocol=None, criteria=[], not_modelled=reason, use=use, **changes)


@pytest.fixture
def found():
    return {
        "passing": outcome(published="about 0.65", published_value=0.65, draws=4, share=0.75),
        "failing": outcome(values=(0.9, 1.0, 0.95), area="scs/gate", scenario="volume"),
        "compared": outcome(use="model", values=(0.9,)),
        "doubtful": outcome(use="unverified", values=(0.9, 0.9, np.nan)),
        "waiting": waiting(area="EIH"),
        "human": waiting("context"),
        "broken": Outcome(entry(), Verdict("broken", "fails", note="1 of 3 runs failed: it <blew> up")),
    }


def test_the_report_parts_what_passes_under_a_scenario_from_the_default_set():
    known = ledger.load()["meuwissen2020_gaba_both"]
    under = Outcome(known, Verdict("meuwissen2020_gaba_both", "passes"), 1.0, 0, np.nan)
    text = markdown({"one": outcome(), "meuwissen2020_gaba_both": under}, 3)
    assert "2 are modelled (100%), of which 2 pass (100%, 1 of them under a scenario)" in text
    assert "but those asked under a scenario (meuwissen2020_gaba_both passes); 3 replicates" in text


def test_the_table_has_every_number_with_its_bounds(found):
    ds = verdict_table(found, 3)
    assert ds["value"].dims == ("finding", "number", "replicate")
    assert ds["verdict"].values.tolist() == [
        "passes", "fails", "compared", "fails", "not modelled", "context", "fails",
    ]  # fmt: skip
    one = ds.sel(finding="passing", number=0)
    assert one["value"].values.tolist() == [0.5, 0.6, 0.7]
    assert (float(one["mean"]), float(one["sd"])) == pytest.approx((0.6, 0.1))
    assert (float(one["min"]), float(one["max"]), bool(one["holds"])) == (0.4, 0.8, True)
    assert one["number_name"].item() == "ratio"
    assert (float(one["published_low"]), float(one["robustness"]), int(one["draws"])) == (0.65, 0.75, 4)
    assert np.isnan(ds["mean"].sel(finding=["waiting", "human", "broken"])).all()
    assert ds["gates"].values.tolist() == [True, True, False, False, False, False, True]
    assert ds.attrs["seed"] == 7 and ds.attrs["replicates"] == 3 and ds.attrs["parameters_digest"]


def test_the_table_survives_a_file(found, tmp_path):
    ds = verdict_table(found, 3)
    ds.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    assert xr.load_dataset(tmp_path / "x.nc", engine="h5netcdf").equals(ds)


def test_the_report_says_how_many_pass_on_what_and_how_robustly(found):
    text = markdown(found, 3)
    assert "7 findings, 4 of physiology: 3 are modelled (75%), of which 1 pass (33%)." in text
    assert (
        "Of them, 3 of the spinal cord (areas scs/...): 3 are modelled (100%), of which 1 pass (33%)." in text
    )
    assert "3 replicates of seed 7" in text
    assert "Fail: failing, broken." in text
    assert "Verdicts that depend on a scenario:\n\n- volume (1 fails)\n" in text
    assert "1 findings asked again on 4 draws" in text and "hold in 75% of the draws on average" in text
    assert "| scs/gate |  | 1 |  |  |  | 1 |" in text
    assert "| unverified |  | 1 |  |  |  | 1 |" in text


def test_the_report_says_of_each_finding_what_was_found_and_wanted(found):
    text = markdown(found, 3)
    assert "## passing: passes" in text
    assert "- `ratio`: 0.6 ± 0.1 (wanted 0.4 to 0.8): ratio <of> things" in text
    assert "- `ratio`: 0.95 ± 0.05 (wanted 0.4 to 0.8, missed)" in text
    assert "- `ratio`: not computed (wanted 0.4 to 0.8, missed)" in text
    assert "- published: about 0.65" in text
    assert "- cost: 3.0 s on one core; holds in 75% of 4 draws" in text
    assert "## doubtful: fails (unverified, never gates)" in text
    assert "- not modelled: slow states" in text
    assert "- note: 1 of 3 runs failed: it <blew> up" in text


def test_the_page_needs_no_other_file_and_has_a_figure_for_each_answer(found):
    text = page(found, 3)
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    figures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    assert len(figures) == 4  # all but those that are not asked, and the broken one
    svg = base64.b64decode(figures[0]).decode()
    assert svg.startswith("<?xml") and ">ratio</text>" in svg
    assert 'Fail: <a href="#failing">failing</a>, <a href="#broken">broken</a>.' in text
    assert "<li>volume (1 fails)</li>" in text
    assert "it &lt;blew&gt; up" in text and "<blew>" not in text
    assert 'class="passes" id="passing"' in text and 'class="not-modelled"' in text


def test_findings_fall_if_they_passed_before_and_do_not_now(found, tmp_path):
    file = tmp_path / "expected.toml"
    accept({name: outcome() for name in ("passing", "failing", "broken", "waiting", "doubtful")}, found, file)
    assert fallen(found, file) == ["failing", "waiting", "broken"]  # not the doubtful one, which never gates
    accept({"passing": outcome(values=(2.0,))}, found, file)
    assert risen(found, file) == ["passing"]


def test_the_baseline_is_written_and_read_and_keeps_what_was_not_asked(found, tmp_path):
    file = tmp_path / "expected.toml"
    accept(found, found, file)
    one = expected(file)["passing"]
    assert (one.verdict, one.seconds, dict(one.numbers)) == ("passes", 3.0, {"ratio": 0.6})
    assert "waiting" not in expected(file) and expected(file)["broken"].numbers == {}
    accept({"failing": outcome()}, found, file)
    assert expected(file)["failing"].verdict == "passes" and expected(file)["passing"] == one
    accept({}, {"failing": None}, file)
    assert list(expected(file)) == ["failing"]  # the others are no findings any more


def test_the_fast_subset_is_what_costs_least_and_what_guards_first(tmp_path):
    file = tmp_path / "expected.toml"
    costs = {"torsney2006_gate": 30.0, "parker2012_ecap": 10.0, "foreman1976_stt_timecourse": 80.0}
    costs |= {"windup_protocol_1Hz": 50.0, "gilbert2023_sdh": 5.0}  # the last is a model's: it guards nothing
    accept({name: outcome(seconds=cost) for name, cost in costs.items()}, costs, file)
    assert fast(file, limit=100) == [
        "parker2012_ecap", "torsney2006_gate", "windup_protocol_1Hz", "gilbert2023_sdh",
    ]  # fmt: skip
    assert fast(file, limit=48) == ["parker2012_ecap", "torsney2006_gate", "gilbert2023_sdh"]


def test_a_baseline_that_cannot_be_written_is_one_line(found, tmp_path):
    with pytest.raises(StoreError, match="expected.toml: cannot write: "):
        accept(found, found, tmp_path / "none" / "expected.toml")


def test_an_area_is_itself_or_all_below_it():
    areas = {entry.area for entry in choose(area="scs").values()}
    assert len(areas) > 5 and all(area.startswith("scs/") for area in areas)
    assert {entry.area for entry in choose(area="scs/gate").values()} == {"scs/gate"}
    assert list(choose(["torsney2006_gate", "torsney2006_gate"])) == ["torsney2006_gate"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["torsney2006"]}, 'unknown finding "torsney2006".*nearest: "torsney2006_gate"'),
        ({"ids": "torsney2006_gate"}, 'ids: got "torsney2006_gate", needs a list'),
        ({"area": "scs/gates"}, 'unknown area "scs/gates".*nearest: "scs/gate"'),
        ({"ids": ["torsney2006_gate"], "area": "scs/tonic"}, "none of the findings given is of the area"),
        ({"seeds": 0}, "seeds: got 0, needs a whole number of at least 1"),
        ({"workers": 1.5}, "workers: got 1.5, needs a whole number"),
        ({"robustness": -1}, "robustness: got -1, needs a whole number of at least 0"),
    ],
)
def test_a_wrong_call_is_one_line_and_runs_nothing(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        dhmodel.validate(**changes, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def run(monkeypatch, capfd, tmp_path, found):
    """The command with verdicts that are given, and a baseline of its own."""
    monkeypatch.setattr(baseline, "FILE", tmp_path / "expected.toml")
    monkeypatch.setattr(validate, "outcomes", lambda ids, **given: {n: found[n] for n in ids or found})
    monkeypatch.setattr(ledger, "findings", lambda: found)

    def dhmodel(*arguments):
        monkeypatch.setattr(
            sys, "argv", ["dhmodel", "validate", "--seeds", "3", "--out", str(tmp_path / "out"), *arguments]
        )
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        return int(stop.value.code or 0), out, err

    return dhmodel


def test_the_command_tells_verdicts_writes_reports_and_ends_well(run, tmp_path):
    code, out, err = run("--id", "passing", "--id", "failing", "--id", "doubtful", "--id", "human")
    assert (code, err) == (0, "")
    assert "one: passes; ratio 0.6 ± 0.1\n" in out
    assert "one: fails; ratio 0.95 ± 0.05 (wanted 0.4 to 0.8)\n" in out
    assert "one: fails; ratio nan ± nan (wanted 0.4 to 0.8) (never gates)\n" in out
    assert "context" not in out
    assert "new: passing pass; `dhmodel validate --accept` takes" in out
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"verdicts.nc", "report.md", "report.html"}


def test_the_command_fails_in_one_line_if_a_finding_fell(run, found):
    found["failing"] = outcome()
    assert run("--id", "failing", "--accept", "--seeds", "5")[0] == 0
    assert expected()["failing"].verdict == "passes"
    found["failing"] = outcome(values=(0.9, 0.9, 0.9))
    code, _, err = run("--id", "failing", "--id", "passing")
    assert code == command.FELL
    assert err == "error: 1 of 2 findings passed before and do not now: failing\n"


def test_the_command_fails_if_a_finding_could_not_be_computed(run):
    code, _, err = run()
    assert code == command.FELL
    assert err == "error: could not be computed: broken; the report says why\n"


def test_ctrl_c_says_what_is_kept(run, monkeypatch):
    def stop(ids, **given):
        raise SweepInterrupted("3 of 5 runs are done and kept in x")

    monkeypatch.setattr(validate, "outcomes", stop)
    assert run() == (130, "", "interrupted: 3 of 5 runs are done and kept in x\n")


def test_accepting_needs_the_seeds_of_the_baseline(run, tmp_path):
    code, _, err = run("--accept", "--seeds", "2")
    assert (code, err) == (2, "error: --accept: got --seeds 2, the baseline rests on 5\n")
    assert not list(tmp_path.iterdir())


def test_wrong_options_are_one_line(run, monkeypatch):
    for arguments in (["--seeds", "many"], ["--idd", "x"], ["x"]):
        code, _, err = run(*arguments)
        assert code == 2 and err.startswith("error: ") and err.count("\n") == 1


def test_every_finding_asks_the_same_parameters_but_for_what_its_protocol_states():
    """No finding has parameters of its own: its runs differ from what their state is where they say so."""
    for name, one in ledger.load().items():
        if not isinstance(one.protocol, ledger.Protocol):
            continue
        made = plans(one, validation.SEED, name)
        for key, stated in one.protocol.merged().items():
            every = made[key].values() if isinstance(made[key], dict) else [made[key]]
            for plan in every:
                default = resolve(plan.state, None, dict(plan.drugs), lesion=plan.lesion)
                differing = {p for p, v in plan.parameters.items() if p in default and v != default[p]}
                stood = {*stated.set, *stated.vary, *of_circuit(stated.scenario or "")}
                assert differing <= stood, f"{name}: {key}"
