"""The afferent input as a whole, the pulses, and what is said of bad input."""

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import paths, resolve
from dhmodel.stimulation.afferents import afferent_input, afferents, default_duration, paradigms, stimuli
from dhmodel.stimulation.elsewhere import elsewhere


class Watched(dict):
    """A mapping that remembers what was looked up."""

    def __init__(self, values):
        super().__init__(values)
        self.seen = set()

    def __getitem__(self, path):
        self.seen.add(path)
        return super().__getitem__(path)


def same(a, b):
    return a.times.tolist() == b.times.tolist() and a.fibres.tolist() == b.fibres.tolist()


@pytest.mark.parametrize("stimulus", ["spontaneous", "brush", "pinch", "volley", "windup"])
def test_same_arguments_same_spikes_and_another_seed_others(stimulus):
    first, again = (afferents("tonic", stimulus=stimulus, warmup="0.5 s", seed=3) for _ in range(2))
    assert same(first, again)
    assert not same(first, afferents("tonic", stimulus=stimulus, warmup="0.5 s", seed=4))
    assert not same(first, afferents("tonic", stimulus=stimulus, warmup="0.5 s", seed=3, replicate=1))


@pytest.mark.parametrize(
    "change", [{"tonic.frequency": "0 Hz"}, {"tonic.amplitude": 0}, {"tonic.duration": "0 s"}]
)
def test_stimulation_that_does_nothing_leaves_the_input_as_it_is(change):
    assert same(afferents("tonic", stimulus="pinch", set=change), afferents("none", stimulus="pinch"))


def test_tonic_stimulation_drives_the_dorsal_column_and_nothing_else():
    rest, driven = (afferents(paradigm, stimulus="pinch", duration="5 s") for paradigm in ("none", "tonic"))
    before, during = rest.rate(5.0), driven.rate(5.0)
    assert 17 < during["AB"] < 27  # 42 % of the fibres follow 96 % of 50 Hz
    assert during["IA"] == before["IA"]  # their roots lie beyond the reach of 2 x ECAP threshold
    assert all(during[name] == before[name] for name in ("AD", "CP", "CN"))


def test_spikes_lie_between_the_warmup_and_the_end():
    trains = afferents(
        "tonic", stimulus="pinch", duration="2 s", warmup="1 s", set={"tonic.frequency": "200 Hz"}
    )
    assert -1 <= trains.times.min() < -0.95
    assert 1.95 < trains.times.max() < 2
    assert trains.n_fibres == 300
    late = afferents("tonic", duration="2 s", set={"tonic.delay": "1.99999 s"})  # arrives after the end
    assert same(late, afferents("none", duration="2 s"))


def test_every_fibre_keeps_its_refractory_period():
    P = resolve(
        set={"tonic.frequency": "300 Hz", "column.follow_half": "1 kHz", "background.AB.rate": "60 Hz"}
    )
    trains = afferent_input(P, "tonic", "windup", 2.0, 1.0, 1, 0).trains
    gaps = np.diff(trains.times)[np.diff(trains.fibres) == 0]
    assert gaps.size > 20_000
    assert gaps.min() >= 0.7e-3 - 1e-9


def test_input_carries_pulses_and_shocks():
    given = afferent_input(resolve(), "tonic", "windup", 4.0, 0.5, 1, 0)
    assert len(given.delivery.schedule) == 200
    assert given.shocks.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert afferent_input(resolve(), "none", "pinch", 1.0, 0.5, 1, 0).shocks.size == 0


def test_stimulation_occludes_ongoing_touch():
    alike = {
        "column.follow_half": "10 kHz",
        "column.terminal_delay_sd": "0 s",
        "column.jitter": "0 s",
        "tonic.amplitude": 10,
        "axon.fatigue": 0,
    }
    P = resolve(set=alike)
    rest = afferent_input(P, "none", "pinch", 20.0, 0.0, 1, 0).trains.of("AB")
    driven = afferent_input(P, "tonic", "pinch", 20.0, 0.0, 1, 0).trains.of("AB")
    natural = driven.times[np.isin(driven.times, rest.times)]
    # of the 20 ms between pulses 12 ms and a refractory period are lost to spikes on their way to the skin
    assert natural.size / rest.times.size == pytest.approx(1 - 12.7 / 20, abs=0.06)


def test_entries_say_what_they_are_and_where_they_come_from():
    assert {"spontaneous", "brush", "vonfrey", "heat", "pinch", "shock", "windup"} <= set(stimuli())
    for entry in [*paradigms().values(), *stimuli().values()]:
        assert entry.about and entry.source and entry.read


def test_every_parameter_of_this_folder_is_used():
    P = Watched(resolve(set={"injury.ectopic_ab_fraction": 0.2, "injury.ectopic_ab_rate": "5 Hz"}))
    for stimulus in stimuli():
        default_duration(P, stimulus)
        given = afferent_input(P, "tonic", stimulus, 1.0, 0.0, 1, 0)
    elsewhere(P, given.trunks, 1.0, 0.0, 1, 0)
    sections = (
        "stimulus.",
        "background.",
        "brush.",
        "pinch.",
        "volley.",
        "windup.",
        "fibre.",
        "column.",
        "dcn.",
        "remote.",
    )
    mine = {path for path in paths() if path.startswith((*sections, "injury.ectopic_"))}
    # read from a copy, which serves as the key of what is kept; see test_recruitment.py
    assert mine - P.seen == {"column.ecap_fraction"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"paradigm": "tonik"}, 'nearest: "tonic"'),
        ({"paradigm": None}, "unknown paradigm"),
        ({"stimulus": "pinsch"}, 'nearest: "pinch"'),
        ({"state": "nave"}, 'nearest: "naive"'),
        ({"drugs": {"aspirin": 1.0}}, "unknown drug"),
        ({"duration": "-1 s"}, "duration"),
        ({"duration": "0 s"}, "duration"),
        ({"duration": 1.0}, "bare number"),
        ({"duration": "50 Hz"}, "duration"),
        ({"warmup": "-1 s"}, "warmup"),
        ({"seed": -1}, "seed"),
        ({"replicate": 0.5}, "replicate"),
        ({"set": {"tonic.frequency": 50}}, "bare number"),
        ({"set": {"tonic.frequency": "-50 Hz"}}, "tonic.frequency"),
        ({"set": {"tonic.frequency": "50 mV"}}, "volt"),
        ({"set": {"tonic.frequncy": "50 Hz"}}, 'nearest: "tonic.frequency"'),
        ({"set": {"background.AD.rate": "5 kHz"}}, "background.AD.rate"),
        ({"set": {"fibre.AB.refractory": "4 ms", "background.AB.rate": "300 Hz"}}, "refractory"),
    ],
)
def test_bad_input_gets_one_line_that_names_it(arguments, says):
    with pytest.raises(InputError) as error:
        afferents(**({"paradigm": "tonic"} | arguments))
    assert says in str(error.value)
    assert "\n" not in str(error.value)
