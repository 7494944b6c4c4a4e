"""Lesions: what they cut, how they are written, and that every way to run takes them."""

import json

import pytest

import dhmodel as dh
from dhmodel.cli import main
from dhmodel.errors import InputError
from dhmodel.evidence.asking.trials import plans
from dhmodel.evidence.ledger import Finding
from dhmodel.parameters import cuts, lesions, parameter, resolve
from dhmodel.parameters.lesions import written
from dhmodel.simulate import plan
from dhmodel.slow.protocol import planned
from dhmodel.sweep.spec import build_spec

CUT = {"injury.descending": 0}


@pytest.mark.parametrize("name", lesions())
@pytest.mark.parametrize("fraction", [0.25, 1])
def test_a_lesion_moves_what_it_sets_by_the_fraction_that_is_cut(name, fraction):
    intact, found = resolve(), resolve(lesion={name: fraction})
    changed = {path for path in intact if intact[path] != found[path]}
    assert changed == lesions()[name].set.keys()
    for path, full in lesions()[name].set.items():
        cut = parameter(path).check(full)
        assert found[path] == pytest.approx(intact[path] + fraction * (cut - intact[path]), rel=1e-14)


def test_a_lesion_is_what_it_sets_to_the_last_bit():
    assert plan(lesion="dlf").digest() == plan(set=CUT).digest()
    assert plan(lesion={"dlf": 0.5}).digest() == plan(set={"injury.descending": 0.5}).digest()
    assert plan(lesion="none").digest() == plan().digest()


def test_a_lesion_acts_on_a_state_and_under_what_is_set():
    for lesion in ("none", "dlf=0.5"):
        assert resolve("spinalised", lesion=lesion)["injury.descending"] == 0
    assert resolve(set={"injury.descending": 0.9}, lesion="dlf")["injury.descending"] == 0.9
    both = resolve("snl", lesion="dlf=0.5+dorsal_column")
    assert (both["injury.descending"], both["injury.dorsal_column"]) == (0.5, 0)
    assert both["injury.gaba_a"] == resolve("snl")["injury.gaba_a"]


@pytest.mark.parametrize(
    "given, text",
    [
        (None, "none"),
        ("none", "none"),
        ({"dlf": 0}, "none"),
        ("dlf=1", "dlf"),
        ({"dorsal_column": 1, "dlf": "0.25"}, "dlf=0.25+dorsal_column"),
        (" dorsal_column = 0.5 + dlf", "dlf+dorsal_column=0.5"),
    ],
)
def test_what_is_given_is_written_in_one_way_and_read_again(given, text):
    assert written(cuts(given)) == text
    assert cuts(text) == cuts(given)


@pytest.mark.parametrize(
    "given, says",
    [
        ("dlff", 'unknown lesion "dlff"; allowed: .*dlf.*; nearest: "dlf"'),
        ("dlf=2", 'fraction of dlf that is cut: got "2", allowed: 0'),
        ("dlf=half", 'fraction of dlf that is cut: got "half"'),
        ({"dlf": -0.1}, "fraction of dlf .* allowed: 0"),
        ("dlf+dlf=0.5", "dlf is there twice"),
        (3, "lesion: got 3, needs NAME"),
        ("", 'unknown lesion ""'),
    ],
)
def test_what_is_no_lesion_is_refused_in_one_line(given, says):
    for call in (plan, dh.simulate):
        with pytest.raises(InputError, match=says):
            call(lesion=given)
    with pytest.raises(InputError, match=says):
        planned({"duration": "1 h", "entries": []}, lesion=given)


def test_a_dataset_says_what_was_cut():
    ds = dh.simulate(lesion={"dlf": 0.5}, duration="50 ms", warmup="0 s", set={"circuit.scale": 0.25})
    assert ds.attrs["lesion"] == "dlf=0.5"
    assert json.loads(ds.attrs["parameters"])["injury.descending"] == 0.5


def test_an_axis_of_lesions_is_text_written_in_one_way():
    spec = build_spec({"lesion": ["none", {"dlf": 0.5}, "dlf"]}, {"state": "snl"})
    assert spec.axes[0].values == ("none", "dlf=0.5", "dlf") and "lesion" not in spec.fixed
    assert [one.parameters["injury.descending"] for one in spec.plans] == [1, 0.5, 0]
    fixed = build_spec({"state": ["naive", "snl"]}, {"lesion": {"dlf": 0.5}})
    assert fixed.fixed["lesion"] == "dlf=0.5" and fixed.plans[1].parameters["injury.descending"] == 0.5
    with pytest.raises(InputError, match='axis "lesion": "dlf=1" is there twice'):
        build_spec({"lesion": ["dlf", "dlf=1"]})
    with pytest.raises(InputError, match='axis "lesion": also fixed by the argument lesion="dlf"'):
        build_spec({"lesion": ["none", "dlf"]}, {"lesion": "dlf"})


def test_a_timetable_cuts_throughout_or_from_an_entry_on():
    entry = {"name": "cut", "start": "20 min", "stop": "1 h", "lesion": "dlf"}
    table = {"duration": "1 h", "lesion": "dorsal_column=0.5", "entries": [entry]}
    for given, column in ((None, 0.5), ("dorsal_column", 0), ("none", 1)):
        before, after = (one.parameters for one in planned(table, lesion=given).plans.values())
        assert (before["injury.descending"], after["injury.descending"]) == (1, 0)
        assert before["injury.dorsal_column"] == after["injury.dorsal_column"] == column
    run = planned(table, lesion="dorsal_column")
    assert json.loads(run.attributes()["timetable"])["lesion"] == {"dorsal_column": 1}
    for time, names in ((0.0, ["dorsal_column"]), (1200.0, ["dorsal_column", "dlf"])):
        assert list(run.cord(run.settings(time)).lesion) == names  # slow states rest in the cord that is cut


@pytest.mark.parametrize(
    "entries, says",
    [
        ([{"name": "a", "stop": "1 h", "lesion": "dfl"}], 'entry "a": unknown lesion "dfl"'),
        (
            [
                {"name": "a", "stop": "1 h", "lesion": "dlf"},
                {"name": "b", "stop": "1 h", "lesion": "dlf=0.5"},
            ],
            'entries "a" and "b" both set lesion.dlf at 0 s',
        ),
        ([{"name": "a", "stop": "1 h", "lesion": "none"}], 'entry "a": switches nothing on'),
    ],
)
def test_entries_that_cannot_be_cut_are_refused(entries, says):
    with pytest.raises(InputError, match=says):
        planned({"duration": "1 h", "entries": entries})


def test_a_run_of_the_ledger_takes_a_lesion():
    table = {
        "area": "scs/descending", "statement": "a", "citation": "b", "read": "convention", "use": "model",
        "protocol": {"every": {"lesion": {"dlf": 0.5}}, "runs": {"half": {}, "whole": {"lesion": "dlf"}}},
        "numbers": {"n": "1"}, "criteria": [{"value": "n", "min": 0, "about": "n"}],
    }  # fmt: skip
    found = plans(Finding.model_validate(table), 7)
    assert [found[name].parameters["injury.descending"] for name in ("half", "whole")] == [0.5, 0]


def test_the_command_line_lists_and_takes_lesions(capsys, tmp_path, monkeypatch):
    def run(*words):
        monkeypatch.setattr("sys.argv", ["dhmodel", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return stop.value.code, said.out, said.err

    assert all(name in run("list", "lesions")[1] for name in dh.list_lesions())
    file = tmp_path / "cut.nc"
    words = ("--lesion", "dlf=0.5", "--lesion", "dorsal_column", "--duration", "50 ms", "--warmup", "0 s")
    assert run("run", *words, "--set", "circuit.scale=0.25", "--out", str(file))[0] == 0
    import xarray as xr

    assert xr.open_dataset(file).attrs["lesion"] == "dlf=0.5+dorsal_column"
    for command in (("run",), ("run", "--protocol", "naloxone"), ("sweep", "--axis", "pag.drive=0,1")):
        code, _, said = run(*command, "--lesion", "dlg")
        assert code == 2 and said.count("\n") == 1 and 'unknown lesion "dlg"' in said
    code, said, _ = run("sweep", "--axis", "lesion=none,dlf=0.5,dlf", "--dry-run")
    assert code == 0 and "(lesion 3)" in said
