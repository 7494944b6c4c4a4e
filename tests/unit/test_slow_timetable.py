"""Timetables as data: what they mean, and one clear line for what they cannot mean."""

import pytest

from dhmodel.errors import InputError
from dhmodel.slow.reading import FOLDER, protocols, read_timetable
from dhmodel.slow.timetable import Drug

SCS = {"name": "scs", "start": "10 min", "stop": "40 min", "paradigm": "tonic"}


def table(*entries, tests=(), **others):
    return {"duration": "90 min", "state": "snl", "entries": list(entries), "tests": list(tests), **others}


def changed(entry, **changes):
    return {key: value for key, value in {**entry, **changes}.items() if value is not None}


def test_times_are_quantities_from_seconds_to_weeks():
    read = read_timetable(table(changed(SCS, start="1 day", stop="1 week"), duration="4 week"))
    assert read.duration == 28 * 86_400 and read.entries[0].spans == ((86_400, 7 * 86_400),)
    assert read.changes == [0, 86_400, 7 * 86_400, 28 * 86_400]


def test_repeats_stand_one_in_the_other():
    sessions = changed(SCS, start="9 h", stop=None, duration="1 h")
    sessions["repeat"] = [{"number": 2, "every": "8 h"}, {"number": 3, "every": "1 day"}]
    spans = read_timetable(table(sessions, duration="3 day")).entries[0].spans
    assert [start / 3600 for start, _ in spans] == [9, 17, 33, 41, 57, 65]
    assert all(stop - start == 3600 for start, stop in spans)


def test_what_is_on_is_on_from_its_start_until_before_its_stop():
    read = read_timetable(table(SCS))
    assert [read.settings(t).paradigm for t in (0, 599, 600, 2399, 2400, 5400)] == [
        "none", "none", "tonic", "tonic", "none", "none",
    ]  # fmt: skip


def test_at_the_end_what_was_on_until_then_is_on():
    read = read_timetable(table(changed(SCS, stop="90 min")))
    assert read.settings(5400).paradigm == "tonic"


def test_entries_that_do_not_contradict_each_other_add_up():
    drug = {"name": "drug", "start": "20 min", "stop": "50 min", "drugs": {"naloxone": 0.5}}
    run = {"name": "run", "start": "30 min", "stop": "35 min", "inputs": {"exercise": 0.6}}
    read = read_timetable(table(SCS, drug, run, set={"pag.drive": 0.5}))
    found = read.settings(31 * 60)
    assert found.paradigm == "tonic" and found.state == "snl" and found.set == {"pag.drive": 0.5}
    assert found.drugs == {"naloxone": Drug(0.5)} and found.inputs == {"exercise": 0.6}
    assert read.settings(0).things() == {"state": "snl", "set.pag.drive": 0.5}


def test_a_drug_keeps_the_constants_of_its_last_entry():
    def given(name, start, washout):
        drug = {"naloxone": {"dose": 1, "onset": "1 min", "washout": washout}}
        return {"name": name, "start": start, "duration": "5 min", "drugs": drug}

    read = read_timetable(table(given("one", "10 min", "20 min"), given("two", "40 min", "30 min")))
    assert [read.drugs(60 * t)["naloxone"].washout / 60 for t in (0, 10, 30, 40, 80)] == [20, 20, 20, 30, 30]


def test_tests_at_times_and_at_even_distances():
    tests = [
        {"name": "a", "stimulus": "pinch", "at": ["5 min", "90 min"]},
        {"name": "b", "stimulus": "brush", "every": "30 min", "duration": "2 s"},
    ]
    read = read_timetable(table(tests=tests))
    assert [(t, one.name) for t, one in read.test_times()] == [
        (300, "a"), (5400, "a"), (0, "b"), (1800, "b"), (3600, "b"), (5400, "b"),
    ]  # fmt: skip
    assert [one.duration for one in read.tests] == [None, 2.0]


BAD_ENTRIES = {
    "a key": ([changed(SCS, paradgim="tonic")], 'unknown key "paradgim".*entry "scs".*nearest'),
    "two lines": ([changed(SCS, name="a\nb")], "entry: got .* for a name, needs a line of text"),
    "no name": ([changed(SCS, name=None)], "entry: got .* for a name"),
    "a paradigm": ([changed(SCS, paradigm="tonik")], '"scs": unknown paradigm "tonik".*nearest: "tonic"'),
    "a stimulus": ([changed(SCS, stimulus="pinc")], 'unknown stimulus "pinc".*entry "scs".*nearest: "pinch"'),
    "a state": ([changed(SCS, state="snk")], 'unknown state "snk".*entry "scs".*nearest: "snl"'),
    "a drug": ([changed(SCS, drugs={"naloxon": 1})], '"scs": unknown drug "naloxon".*nearest: "naloxone"'),
    "a dose": ([changed(SCS, drugs={"naloxone": 2})], 'entry "scs": dose of naloxone: got 2'),
    "a constant": (
        [changed(SCS, drugs={"naloxone": {"dose": 1, "onset": "-1 s"}})],
        'entry "scs": naloxone: onset: got "-1 s", needs 0 s or more',
    ),
    "an input": ([changed(SCS, inputs={"excercise": 1})], 'unknown input "excercise".*nearest: "exercise"'),
    "too much of an input": ([changed(SCS, inputs={"exercise": 2})], "exercise: got 2, allowed: 0 to 1"),
    "nothing": ([changed(SCS, paradigm=None)], 'entry "scs": switches nothing on'),
    "no unit": ([changed(SCS, start=10)], 'entry "scs": start: got 10'),
    "another unit": ([changed(SCS, start="10 Hz")], 'entry "scs": start: got "10 Hz"'),
    "before zero": ([changed(SCS, start="-1 min")], 'entry "scs": start: got "-1 min", needs 0 s or more'),
    "past the end": ([changed(SCS, stop="2 h")], 'entry "scs": lasts until 7200 s, past the end at 5400 s'),
    "backwards": ([changed(SCS, stop="5 min")], 'entry "scs": lasts -300 s, needs more than 0 s'),
    "stop and duration": ([changed(SCS, duration="5 min")], "needs a stop or a duration, one of the two"),
    "neither": ([changed(SCS, stop=None)], "needs a stop or a duration, one of the two"),
    "on itself": (
        [changed(SCS, repeat=[{"number": 2, "every": "20 min"}])],
        'entry "scs": repeat: begins again at 1800 s, but lasts until 2400 s',
    ),
    "half a repeat": ([changed(SCS, repeat=[{"number": 1.5}])], "repeat: number: got 1.5"),
    "endless repeats": (
        [changed(SCS, repeat=[{"number": 10**5, "every": "1 s"}, {"number": 10**5, "every": "1 s"}])],
        "repeat: more than 100000 times",
    ),
    "out of order": ([SCS, changed(SCS, name="b", start="5 min", stop="6 min")], '"b" begins before "scs"'),
    "contradiction": (
        [SCS, changed(SCS, name="b", start="30 min", stop="50 min", paradigm="burst")],
        'entries "scs" and "b" both set paradigm at 1800 s',
    ),
    "two of a name": ([SCS, changed(SCS, start="50 min", stop="60 min")], '"scs" is the name of two'),
    "no table": (["scs"], "entries: got .* needs a list of tables"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_ENTRIES)
def test_a_bad_entry_is_one_line_with_its_name(what):
    entries, message = BAD_ENTRIES[what]
    with pytest.raises(InputError, match=message) as error:
        read_timetable(table(*entries))
    assert "\n" not in str(error.value) and str(error.value).count("protocol") == 1


BAD_TESTS = {
    "no time": ({"name": "t", "stimulus": "pinch"}, 'test "t": needs the times'),
    "both": ({"name": "t", "at": "1 s", "every": "1 s"}, 'test "t": needs the times'),
    "late": ({"name": "t", "at": ["1 min", "2 h"]}, 'test "t": at 7200 s, past the end'),
    "backwards": ({"name": "t", "at": ["2 min", "1 min"]}, 'test "t": needs times in ascending order'),
    "no distance": ({"name": "t", "every": "0 s"}, 'test "t": every: got "0 s", needs more than 0 s'),
    "endless": ({"name": "t", "every": "1 us"}, 'test "t": every: .* cannot be'),
    "no stimulus": ({"name": "t", "at": "1 s", "stimulus": "prick"}, 'unknown stimulus "prick".*test "t"'),
    "no length": ({"name": "t", "at": "1 s", "duration": "0 s"}, 'test "t": duration: got 0 s'),
}


@pytest.mark.parametrize("what", BAD_TESTS)
def test_a_bad_test_is_one_line_with_its_name(what):
    given, message = BAD_TESTS[what]
    with pytest.raises(InputError, match=message):
        read_timetable(table(tests=[given]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"entries": []}, "duration: is missing"),
        ({"duration": "0 s"}, 'duration: got "0 s", needs more than 0 s'),
        ({"duration": "1 h", "entires": []}, 'unknown key "entires".*nearest: "entries"'),
        ({"duration": "1 h", "read": "guess"}, 'unknown read "guess"'),
        ({"duration": "1 h", "about": 3}, "about: got 3, needs text"),
        ("scs_30mni", 'unknown protocol "scs_30mni".*nearest: "scs_30min"'),
        ("../scs_30min", "unknown protocol"),
        (3, "protocol: got 3, needs a name"),
        ("nowhere.toml", "nowhere.toml: No such file"),
        ("a\0b.toml", "null"),
    ],
)
def test_a_bad_protocol_is_one_line(given, message):
    with pytest.raises(InputError, match=message):
        read_timetable(given)


def test_a_file_that_is_no_toml(tmp_path):
    file = tmp_path / "p.toml"
    file.write_text("duration = ")
    with pytest.raises(InputError, match="p.toml: not TOML"):
        read_timetable(file)


OWN = 'about = "own"\n[[channels]]\nfrequency = "7 Hz"\n'


def test_a_paradigm_of_ones_own_lies_beside_the_protocol(tmp_path):
    (tmp_path / "theta7.toml").write_text(OWN)
    file = tmp_path / "p.toml"
    file.write_text(
        'duration = "1 h"\n[[entries]]\nname = "own"\nduration = "1 min"\nparadigm = "theta7.toml"\n'
    )
    paradigm = read_timetable(file).settings(0).paradigm
    assert paradigm.name == "theta7" and paradigm.parameters[0].path.startswith("theta7.")


@pytest.mark.parametrize("path", ["../theta7.toml", "{}/theta7.toml", "link/theta7.toml"])
def test_paths_cannot_leave_the_folder_of_the_protocol(tmp_path, path):
    outside, home = tmp_path / "outside", tmp_path / "outside" / "home"
    home.mkdir(parents=True)
    (outside / "theta7.toml").write_text(OWN)
    (home / "link").symlink_to(outside)
    file = home / "p.toml"
    entry = f'name = "own"\nduration = "1 min"\nparadigm = "{path.format(outside)}"\n'
    file.write_text(f'duration = "1 h"\n[[entries]]\n{entry}')
    with pytest.raises(InputError, match="lies outside of the protocol's folder"):
        read_timetable(file)


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.toml")))
def test_every_protocol_of_the_package_can_be_read_and_says_what_it_is(name):
    read = read_timetable(name)
    assert read.about == protocols()[name] and read.source and read.tests
