"""`simulate` and `plan`: what they refuse, and what the Dataset of a real run holds."""

import json
import pickle

import numpy as np
import pytest

from dhmodel import simulate
from dhmodel.errors import InputError
from dhmodel.parameters import Parameters
from dhmodel.parameters.layout import POPULATIONS, SOURCES, population_sizes
from dhmodel.simulate import attributes, measure, plan

SMALL = {"circuit.scale": 0.25}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"paradigm": "tonik"}, 'unknown paradigm "tonik"; allowed: .*; nearest: "tonic"'),
        ({"paradigm": ["tonic", "cmp"]}, 'unknown paradigm "cmp"; .*nearest: "cpm"'),
        ({"paradigm": []}, r"unknown paradigm \[\]"),
        ({"stimulus": "pinsh"}, 'unknown stimulus "pinsh"; .*nearest: "pinch"'),
        ({"state": "naif"}, 'unknown state "naif"; .*nearest: "naive"'),
        ({"drugs": {"bicucullin": 1}}, 'unknown drug "bicucullin"; .*nearest: "bicuculline"'),
        ({"drugs": {"ap5": 2}}, "dose of ap5: got 2, allowed: 0"),
        ({"set": {"tonic.frequenzy": "1 Hz"}}, 'unknown parameter "tonic.frequenzy" .*"tonic.frequency"'),
        ({"set": {"tonic.frequency": 50}}, "tonic.frequency: got 50 .a bare number., needs a quantity in Hz"),
        ({"set": {"tonic.frequency": "50 mV"}}, "tonic.frequency: got .50 mV"),
        ({"set": {"tonic.frequency": "-1 Hz"}}, "tonic.frequency: got .-1 Hz"),
        ({"set": {"circuit.EX.delayed": 1}}, "circuit.EX.delayed and circuit.EX.initial_burst: got 1.15"),
        ({"duration": 5}, "duration: got 5 .a bare number., needs a quantity in s"),
        ({"duration": "0 s"}, "duration: got .*0 s.*, needs more than 0 s"),
        ({"duration": "-1 s"}, "duration: got .*-1 s.*, needs more than 0 s"),
        ({"warmup": "-1 s"}, "warmup: got .*-1 s.*, needs 0 s or more"),
        ({"warmup": "1 Hz"}, "warmup: got .1 Hz"),
        ({"seed": -1}, "seed: got -1, needs a whole number"),
        ({"seed": 1.5}, "seed: got 1.5, needs a whole number"),
        ({"scenario": "gaba_alon"}, 'unknown scenario "gaba_alon".*; nearest: "gaba_alone"'),
        ({"scenario": "two_rates_add"}, "two_rates_add changes slow states alone, which only a protocol has"),
        ({"target": "cuda"}, 'unknown target "cuda"; allowed: auto, cpp, '),
        ({"target": None}, "unknown target None"),
    ],
)
def test_bad_input_is_one_line_that_names_it(given, message):
    with pytest.raises(InputError, match=message) as error:
        plan(**given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [0, -1, 1.0, True, "2"])
def test_the_number_of_replicates_is_a_whole_number_from_one(number):
    with pytest.raises(InputError, match="replicates: got .*, needs a whole number of at least 1"):
        simulate(replicates=number)


def test_identity_of_a_plan_covers_what_decides_its_numbers():
    same = plan(stimulus="pinch", set=SMALL), plan(stimulus="pinch", set=SMALL)
    assert same[0] == same[1] and same[0].digest() == same[1].digest()
    assert pickle.loads(pickle.dumps(same[0])) == same[0]
    others = [
        plan("tonic", stimulus="pinch", set=SMALL),
        plan(stimulus="brush", set=SMALL),
        plan(stimulus="pinch", set=SMALL, state="snl"),
        plan(stimulus="pinch", set=SMALL, drugs={"ap5": 0.5}),
        plan(stimulus="pinch", set=SMALL | {"pag.drive": 1}),
        plan(stimulus="pinch", set=SMALL, duration="3 s"),
        plan(stimulus="pinch", set=SMALL, warmup="3 s"),
        plan(stimulus="pinch", set=SMALL, seed=2),
        plan(stimulus="pinch", set=SMALL, target="numpy"),
    ]
    assert len({one.digest() for one in (same[0], *others)}) == len(others) + 1


@pytest.fixture(scope="module")
def dataset(circuit):
    return simulate(
        "tonic",
        state="snl",
        stimulus="windup",
        drugs={"ap5": 0.5},
        set=SMALL | {"windup.number": 2},
        duration="2 s",
        warmup="0.5 s",
        seed=3,
        replicates=2,
        spikes=True,
    )


def test_dataset_has_the_promised_dimensions(dataset):
    assert dataset["rate"].dims == ("replicate", "population")
    assert dataset["count"].dims == ("replicate", "stimulus_index", "population", "window")
    assert dataset["psth"].dims == ("replicate", "population", "time")
    assert dict(dataset.sizes) | {"replicate": 2, "stimulus_index": 2, "time": 200} == dict(dataset.sizes)
    assert tuple(dataset["population"].values) == POPULATIONS and tuple(dataset["source"].values) == SOURCES
    assert all(dataset[name].attrs.keys() >= {"units", "long_name"} for name in dataset.data_vars)


def test_dataset_says_where_it_comes_from(dataset):
    attrs = dataset.attrs
    parameters = Parameters(json.loads(attrs["parameters"]))
    assert parameters.digest() == attrs["parameters_digest"]
    assert parameters["receptor.nmda.free"] == 0.5 and parameters["circuit.scale"] == 0.25
    assert attrs["n_neurons"] == sum(population_sizes(parameters).values())
    assert (attrs["seed"], attrs["dt"], attrs["state"], attrs["paradigm"]) == (3, 1e-4, "snl", "tonic")
    assert json.loads(attrs["drugs"]) == {"ap5": 0.5}


def test_spikes_are_those_of_the_rates(dataset):
    numbers = population_sizes(Parameters(json.loads(dataset.attrs["parameters"])))
    for name in POPULATIONS:
        times = dataset[f"spike_time_{name}"].values
        expected = dataset["rate"].sel(population=name).sum() * 2.0 * numbers[name]
        assert times.size == pytest.approx(float(expected))
        assert ((times >= 0) & (times < 2)).all()  # the warm-up is not counted


def test_measure_gives_the_numbers_of_simulate(circuit):
    arguments = {"stimulus": "pinch", "set": SMALL, "duration": "0.5 s", "seed": 8}
    ds = simulate(replicates=2, **arguments)
    for number in range(2):
        for name, values in measure(plan(**arguments), number).items():
            assert np.array_equal(ds[name].isel(replicate=number), values)


def test_the_stimulus_decides_the_duration_if_nobody_does():
    assert plan(stimulus="windup").duration > plan(stimulus="windup", set={"windup.number": 2}).duration
    assert plan(stimulus="pinch", duration="300 ms").duration == 0.3


def test_a_scenario_changes_what_it_says_and_gives_way_to_what_is_set():
    """The parameters of `gaba_alone` are the default ones but for its own values; `set` stands over them."""
    from dhmodel.scenarios import scenarios

    changes = scenarios()["gaba_alone"].set
    default, followed = plan("none"), plan("none", scenario="gaba_alone")
    differing = {path for path, value in followed.parameters.items() if value != default.parameters[path]}
    assert differing == set(changes)
    assert attributes(followed)["scenario"] == "gaba_alone" and "scenario" not in attributes(default)
    path = "connection.GLY.WDR.gaba_a"
    assert plan("none", scenario="gaba_alone", set={path: "2 nS"}).parameters[path] == pytest.approx(2e-9)
