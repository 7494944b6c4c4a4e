"""Axes and sweep files: what is accepted, what is refused and how, and what identifies a sweep."""

from itertools import count

import brian2
import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import choice
from dhmodel.simulate import plan
from dhmodel.stimulation.paradigms import Paradigm
from dhmodel.sweep import sweep
from dhmodel.sweep.axes import build_axis
from dhmodel.sweep.executors import Task
from dhmodel.sweep.files import FOLDER, read_sweep, sweeps
from dhmodel.sweep.layout import make_layout
from dhmodel.sweep.runner import order
from dhmodel.sweep.spec import build_spec, differences

FREQUENCY = {"tonic.frequency": ["0 Hz", "10 Hz"]}


def test_points_are_the_grid_with_the_last_axis_fastest():
    spec = build_spec({**FREQUENCY, "state": ["naive", "snl"]}, {"paradigm": "tonic"}, 3)
    assert spec.shape == (2, 2)
    points = [(plan.parameters["tonic.frequency"], plan.state, str(plan.paradigm)) for plan in spec.plans]
    assert points == [
        (0, "naive", "tonic"),
        (0, "snl", "tonic"),
        (10, "naive", "tonic"),
        (10, "snl", "tonic"),
    ]
    assert spec.index(2) == (1, 0) and spec.label(2) == "tonic.frequency=10 Hz, state=naive"
    assert list(spec.units())[:4] == [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_coordinates_are_si_with_their_unit():
    axis = build_axis("recording.bin", ["10 ms", "0.02 s", 50 * brian2.ms])
    assert axis.values == (0.01, 0.02, 0.05)
    assert axis.attributes() == {"long_name": axis.long_name, "units": "s"} and "psth" in axis.long_name


def test_whole_numbers_stay_whole():
    coordinate = build_axis("windup.number", [3, "16"]).coordinate()
    assert coordinate.tolist() == [3, 16] and np.issubdtype(coordinate.dtype, np.integer)


def test_an_axis_over_a_choice_shows_names():
    axis = build_axis("khz.scenario", ["conduction_block", "sparse_abeta"])
    assert axis.values == ("conduction_block", "sparse_abeta")
    assert axis.coordinate().tolist() == list(axis.values) and "units" not in axis.attributes()
    spec = build_spec({"tonic.recharge": ["active", "none"]}, {"set": {"khz.scenario": "conduction_block"}})
    assert [choice(plan.parameters, "tonic.recharge") for plan in spec.plans] == ["active", "none"]
    assert spec.identity()["axes"] == {"tonic.recharge": ["active", "none"]}
    assert spec.identity()["set"] == {"khz.scenario": "conduction_block"}


def test_fields_of_a_paradigm_of_ones_own_are_axes(tmp_path):
    (tmp_path / "mine.toml").write_text('[[channels]]\nfrequency = "7 Hz"\n')
    asked = []

    def planner(**keywords):
        asked.append(keywords)
        return plan()

    axes = {"mine.frequency": ["5 Hz", "9 Hz"]}
    for paradigm in (str(tmp_path / "mine.toml"), Paradigm("mine", [{"frequency": "7 Hz"}])):
        spec = build_spec(axes, {"paradigm": paradigm, "set": {"mine.contact": 2}}, planner=planner)
        assert spec.axes[0].values == (5, 9) and spec.axes[0].unit == "Hz"
        assert spec.fixed["set"] == {"mine.contact": 2}
        assert asked[-1]["set"] == {"mine.contact": 2, "mine.frequency": "9 Hz"}
        assert asked[-1]["paradigm"] is paradigm
    own, file = Paradigm("other", ["burst"]), tmp_path / "mine.toml"
    swept = build_spec({"paradigm": ["tonic", own, file], "mine.contact": [1]}, planner=planner)
    assert swept.axes[0].values == ("tonic", "other", str(file))
    with pytest.raises(InputError, match='unknown axis "mine.frequency"'):
        build_spec(axes, {"paradigm": "tonic"})


def test_a_drug_is_an_axis_of_doses():
    spec = build_spec({"drugs.ap5": [0, "0.5"]}, {"drugs": {"bicuculline": 1}})
    assert spec.axes[0].values == (0, 0.5)
    assert [dict(plan.drugs) for plan in spec.plans] == [
        {"ap5": 0, "bicuculline": 1},
        {"ap5": 0.5, "bicuculline": 1},
    ]


SHARES = [i / 2000 for i in range(2000)]

BAD_AXES = [
    ({}, "axes: a sweep needs at least one axis"),
    ([("state", ["naive"])], "axes: got [('state', ['naive'])], needs a mapping of name to a list of values"),
    ({"tonic.amplitude": count()}, "got more than 2000000 values or points; divide it into several sweeps"),
    ({"pag.drive": SHARES, "tonic.amplitude": SHARES}, "sweep: got more than 2000000 values or points"),
    ({"state": []}, 'axis "state": empty, needs at least one value'),
    ({"state": "snl"}, 'axis "state": got "snl", needs a list of values'),
    ({"state": 5}, 'axis "state": got 5, needs a list of values'),
    ({"state": ["naive", 5]}, 'axis "state": got 5, needs a name'),
    ({"state": ["naive", "snl", "naive"]}, 'axis "state": "naive" is there twice'),
    ({"state": ["naive", "snk"]}, 'unknown state "snk"'),
    ({"paradigm": ["tonik"]}, 'nearest: "tonic"'),
    ({"stimulus": ["pinch", "punch"]}, 'unknown stimulus "punch"'),
    ({"tonic.frequncy": ["1 Hz"]}, 'unknown axis "tonic.frequncy"; allowed: tonic.frequency'),
    ({"stat": ["naive"]}, 'nearest: "state"'),
    ({"drugs.ap4": [1]}, 'nearest: "drugs.ap5"'),
    ({5: [1]}, "unknown axis 5"),
    ({"tonic.frequency": [10]}, "got 10 (a bare number), needs a quantity in Hz"),
    ({"tonic.frequency": ["10 mV"]}, 'got "10 mV" (volt), needs a quantity in Hz'),
    ({"tonic.frequency": ["10 Hz", "-1 Hz"]}, 'got "-1 Hz", allowed: '),
    ({"tonic.frequency": ["10 Hz", "0.01 kHz"]}, 'axis "tonic.frequency": "0.01 kHz" is there twice'),
    ({"tonic.recharge": ["pasive"]}, 'allowed: passive, active, none; nearest: "passive"'),
    ({"tonic.recharge": ["active", "active"]}, 'axis "tonic.recharge": "active" is there twice'),
    ({"windup.number": [2.5]}, "needs a whole number"),
    ({"drugs.ap5": [2]}, "dose of ap5: got 2, allowed: 0 (none) to 1 (full)"),
]


@pytest.mark.parametrize("axes, message", BAD_AXES)
def test_bad_axes_are_refused_in_one_line_before_anything_is_written(axes, message, tmp_path):
    with pytest.raises(InputError) as refusal:
        sweep(axes, store=tmp_path / "x.zarr")
    assert message in str(refusal.value) and "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"replicates": 0}, "replicates: got 0"),
        ({"replicates": 2.0}, "replicates: got 2"),
        ({"replicates": True}, "replicates: got True"),
        ({"workers": 0}, "workers: got 0"),
        ({"duration": "0 s"}, 'duration: got "0 s"'),
        ({"duration": 2}, "duration: got 2 (a bare number)"),
        ({"warmup": "-1 s"}, "warmup"),
        ({"seed": -1}, "seed"),
        ({"target": "gpu"}, 'unknown target "gpu"'),
        ({"set": {"tonic.frequency": "5 Hz"}}, 'axis "tonic.frequency": also fixed by the argument set'),
        ({"set": "tonic.frequency"}, 'set: got "tonic.frequency", needs a mapping'),
        ({"set": {"tonic.width": "5 ms"}}, 'unknown parameter "tonic.width" in set'),
        ({"drugs": {"aspirin": 1}}, 'unknown drug "aspirin"'),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(arguments, message, tmp_path):
    with pytest.raises(InputError) as refusal:
        sweep(FREQUENCY, store=tmp_path / "x.zarr", **arguments)
    assert message in str(refusal.value) and "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_an_axis_may_not_be_fixed_as_well():
    with pytest.raises(InputError, match='axis "state": also fixed by the argument state="snl"'):
        build_spec({"state": ["naive", "snl"]}, {"state": "snl"})
    with pytest.raises(InputError, match='axis "drugs.ap5": also fixed by the argument drugs'):
        build_spec({"drugs.ap5": [0, 1]}, {"drugs": {"ap5": 1}})


def test_a_point_that_cannot_be_planned_is_named():
    with pytest.raises(
        InputError, match='^sweep point state=naive, paradigm=tonik: unknown paradigm "tonik"'
    ):
        build_spec({"state": ["naive", "snl"], "paradigm": ["none", "tonik"]})


def test_the_identity_depends_on_what_decides_the_numbers_and_not_on_how_it_is_written():
    same = build_spec(FREQUENCY, {"set": {"windup.frequency": "0.5 Hz"}, "duration": "500 ms"}).identity()
    assert (
        same
        == build_spec(
            {"tonic.frequency": ["0 kHz", 10 * brian2.Hz]},
            {"set": {"windup.frequency": 0.5 * brian2.Hz}, "duration": "0.5 s", "drugs": {}},
        ).identity()
    )
    for axes, arguments, replicates in [
        ({"tonic.frequency": ["0 Hz", "11 Hz"]}, {}, 5),
        ({**FREQUENCY, "state": ["naive"]}, {}, 5),
        (FREQUENCY, {"seed": 2}, 5),
        (FREQUENCY, {"state": "snl"}, 5),
        (FREQUENCY, {"warmup": "2 s"}, 5),
        (FREQUENCY, {}, 4),
    ]:
        fixed = {"set": {"windup.frequency": "0.5 Hz"}, "duration": "500 ms"} | arguments
        assert build_spec(axes, fixed, replicates).identity() != same


def test_differences_name_what_differs():
    ours = {"axes": {"a": [1, 2], "b": ["x"]}, "seed": 1, "set": {}}
    theirs = {"axes": {"a": [1, 3]}, "seed": 2, "set": {"c": 4}}
    told = 'axes: a ([1, 3] there, [1, 2] asked), b (nothing there, ["x"] asked), seed (2 there, 1 asked)'
    assert differences(ours, theirs) == f"{told}, set: c (4 there, nothing asked)"
    assert differences(ours, ours) == ""
    assert differences({"a": 1, "b": 2}, {"b": 2, "a": 1}) == "order (b, a there, a, b asked)"
    assert len(differences({"a": list(range(1000))}, {})) < 120


def test_the_layout_holds_the_longest_of_each_dimension():
    spec = build_spec({"stimulus": ["spontaneous", "windup"]}, {"set": {"windup.number": 3}})
    layout = make_layout(spec.plans)
    assert layout.shape("count") == (3, 19, 4)
    longest = max(plan.duration for plan in spec.plans)
    assert layout.shape("psth") == (19, round(longest / 0.01))
    padded = layout.padded("count", np.ones((2, 19, 4)))
    assert padded[:2].all() and np.isnan(padded[2]).all()
    assert np.isnan(layout.padded("count", None)).all()
    with pytest.raises(ValueError, match="does not fit"):
        layout.padded("count", np.ones((4, 18, 4)))


def test_without_a_repeated_stimulus_there_is_no_count():
    assert "count" not in make_layout(build_spec(FREQUENCY).plans).variables


def test_a_swept_bin_width_is_refused():
    with pytest.raises(InputError, match="time differs between points of the sweep"):
        make_layout(build_spec({"recording.bin": ["10 ms", "20 ms"]}).plans)


def test_long_units_go_first_and_equal_ones_keep_their_order():
    plans = build_spec({"stimulus": ["spontaneous", "windup"], "state": ["naive", "snl"]}).plans
    ordered = order([Task(point, replicate, plans[point]) for point in range(4) for replicate in range(2)])
    lengths = [task.plan.duration for task in ordered]
    assert lengths == sorted(lengths, reverse=True) and len(set(lengths)) == 2
    assert [(task.point, task.replicate) for task in ordered if task.plan.stimulus == "windup"] == [
        (2, 0),
        (2, 1),
        (3, 0),
        (3, 1),
    ]


def test_the_main_sweep_is_what_it_should_be():
    file = read_sweep("scs_frequency")
    spec = build_spec(file.axes, {k: v for k, v in file.arguments.items() if k != "replicates"}, 5)
    frequencies = (0, 1, 4, 10, 20, 30, 50, 65, 80, 100, 150, 300, 1000)
    assert [axis.values for axis in spec.axes] == [
        frequencies,
        ("naive", "snl"),
        ("spontaneous", "pinch", "windup"),
    ]
    assert file.arguments["replicates"] == 5 and {str(plan.paradigm) for plan in spec.plans} == {"tonic"}
    assert file.report is not None
    assert (file.report.populations, file.report.axis, file.report.baseline) == (
        ("WDR", "PN"),
        "tonic.frequency",
        "0 Hz",
    )


def test_every_sweep_of_the_package_can_be_planned_and_says_what_it_is():
    assert set(sweeps()) == {file.stem for file in FOLDER.glob("*.toml")} and all(sweeps().values())
    for name in sweeps():
        file = read_sweep(name)
        build_spec(file.axes, {k: v for k, v in file.arguments.items() if k != "replicates"})


@pytest.mark.parametrize(
    "text, message",
    [
        ("axes = [", "not TOML"),
        ("axs = 1", 'unknown key "axs"'),
        ("axes = 1", "axes is 1, needs to be a table"),
        ("about = 1", "about is 1, needs to be text"),
        ("[fixed]\nsede = 1", 'unknown argument "sede"'),
        ("[fixed]\nstore = 'x'", 'unknown argument "store"'),
        ("[report]\npops = ['PN']", 'unknown key "pops"'),
        ("[report]\npopulations = ['PM']", 'unknown population "PM"'),
        ("[report]\npopulations = 'PN'", 'populations is "PN", needs to be a list'),
        ("[report]\npopulations = ['PN']", "baseline is None, needs one axis and its value"),
        ("[report]\nbaseline = 0", "baseline is 0, needs one axis and its value"),
        ("[report]\nbaseline = {state = 'naive'}", 'unknown axis "state"'),
    ],
)
def test_a_bad_sweep_file_is_refused_in_one_line(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InputError) as refusal:
        read_sweep(str(file))
    assert (
        message in str(refusal.value) and str(file) in str(refusal.value) and "\n" not in str(refusal.value)
    )


@pytest.mark.parametrize("name", ["scs_frequncy", "../specs/scs_frequency", "specs/scs_frequency", ""])
def test_an_unknown_sweep_is_refused(name):
    with pytest.raises(InputError, match="unknown sweep .*allowed: scs_frequency"):
        read_sweep(name)


def test_a_missing_sweep_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="gone.toml: No such file or directory"):
        read_sweep(str(tmp_path / "gone.toml"))
