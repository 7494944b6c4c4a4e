"""Timetables of the ledger: how they are joined, refused, run, read out and judged."""

import numpy as np
import pytest

import dhmodel as dh
from dhmodel.errors import InputError
from dhmodel.evidence.asking import checks, over_time
from dhmodel.evidence.asking.numbers import units
from dhmodel.evidence.judging import validation
from dhmodel.evidence.ledger import load
from dhmodel.evidence.ledger.timetables import LOOP, joined
from dhmodel.evidence.running.course import Course, dataset, through
from dhmodel.evidence.validate import outcomes

SMALL = {"circuit.scale": 0.25}
SCS = {"name": "scs", "start": "10 min", "duration": "20 min", "paradigm": "tonic"}
NALOXONE = {"name": "naloxone", "start": "1 min", "duration": "30 min", "drugs": {"naloxone": 1}}
SHOCK = {"name": "shocks", "stimulus": "windup", "at": ["40 min"]}
TABLE = {
    "duration": "40 min",
    "state": "snl",
    "epoch": "1 s",
    "settle": "0.2 s",
    "warmup": "0.2 s",
    "tolerance": 0.2,
    "set": SMALL,
    "entries": [SCS],
    "tests": [{"name": "pinch", "stimulus": "pinch", "at": ["5 min", "30 min"], "duration": "1 s"}, SHOCK],
}
LEDGER = """
[relief]
area = "scs/tonic"
statement = "stimulation relieves"
citation = "nobody 2000"
read = "convention"
use = "physiology"
ablation = "a smaller circuit"
criteria = [{{ value = "relief", min = -9, max = {most}, about = "share of the firing under pinch" }}]

[relief.protocol.timetables.every]
duration = "40 min"
epoch = "1 s"
settle = "0.2 s"
warmup = "0.2 s"
tolerance = 0.2
set = {{ "circuit.scale" = 0.25 }}
tests = [{{ name = "pinch", stimulus = "pinch", at = ["5 min", "30 min"], duration = "1 s" }}]

[relief.protocol.timetables]
on = {timetable}

[relief.numbers]
relief = "{number}"
"""
ON = '{ entries = [{ name = "scs", start = "10 min", duration = "20 min", paradigm = "tonic" }] }'
RELIEF = "lost(on, 'WDR+PN', 'pinch', '5 min', '30 min')"


def entry_of(folder, most=9, number=RELIEF, timetable=ON):
    folder.mkdir(exist_ok=True)
    (folder / "x.toml").write_text(LEDGER.format(most=most, number=number, timetable=timetable))
    load.cache_clear()
    return load(folder)["relief"]


@pytest.fixture(scope="module")
def ds():
    course = Course.of(TABLE, 3)
    return dataset([through(course, number) for number in range(2)])


def test_a_timetable_is_joined_with_what_all_share():
    shared = {"duration": "1 h", "set": {"pag.drive": 1}, "entries": [SCS], "tests": [SHOCK]}
    own = {"set": {"injury.descending": 0}, "entries": [NALOXONE, {"name": "scs", "paradigm": "burst"}]}
    found = joined(shared, own, "mine")
    assert found["set"] == {"pag.drive": 1, "injury.descending": 0}
    assert found["entries"] == [NALOXONE, {**SCS, "paradigm": "burst"}]  # in the order in which they begin
    assert found["tests"] == [SHOCK] and found["duration"] == "1 h"
    assert {key: found[key] for key in LOOP} == LOOP
    assert joined(shared, {"epoch": "1 s", "duration": "2 h"}, "mine")["epoch"] == "1 s"


def test_a_timetable_does_without_what_it_names():
    shared = {"entries": [SCS, NALOXONE], "tests": [SHOCK]}
    found = joined(shared, {"without": ["scs", "shocks"]}, "mine")
    assert found["entries"] == [NALOXONE] and found["tests"] == []
    with pytest.raises(InputError, match='"scx" in timetable mine: without; allowed: scs, naloxone, shocks'):
        joined(shared, {"without": "scx"}, "mine")


def test_two_entries_of_a_name_are_left_for_the_reader_to_refuse():
    found = joined({"entries": [SCS]}, {"duration": "1 h", "entries": [SCS, SCS]}, "mine")
    with pytest.raises(InputError, match='entries "scs" and "scs" both set paradigm'):
        dh.protocol(found)


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"number": "rate(on, 'WDR')"}, "rate needs a run, on is a timetable"),
        (
            {"number": "tested(on, 'WDR', 'pinc', '5 min')"},
            'tested: timetable on: unknown test "pinc";',
        ),
        ({"number": "tested(on, 'WDR', 'pinch', '5 mV')"}, 'tested: timetable on: time: got "5 mV"'),
        (
            {"number": "tested(on, 'WDR', 'pinch', '6 min')"},
            'no test "pinch" at "6 min", only at 300 s, 1',
        ),
        ({"number": "ongoing(on, 'WDR', '41 min')"}, "ongoing: timetable on: time: .* 0 s to 2400 s"),
        ({"number": "slow_state(on, 'gabaa', '5 min')"}, 'slow.*"gabaa".*gaba'),
        ({"number": "1 + 1"}, 'timetable "on" is used by no number'),
        ({"timetable": '{ entries = [{ name = "scs" }] }'}, 'timetable on: .*entry "scs"'),
        ({"timetable": '{ duration = "1 min" }'}, "timetable on: .*past the end at 60 s"),
        ({"timetable": '{ set = { "pag.drve" = 1 } }'}, '"pag.drve".*pag.drive'),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_runs(tmp_path, changes, says):
    entry = entry_of(tmp_path / "findings", **changes)
    with pytest.raises(InputError, match=says):
        checks.check("relief", entry)


@pytest.mark.parametrize(
    "timetable",
    [
        "{ initial = { gaba = 0.5 } }",
        '{ tests = [{ name = "pinch", set = { "synapse.ampa.scale" = 2 } }] }',
    ],
)
def test_a_timetable_that_changes_the_model_names_an_ablation(tmp_path, timetable):
    entry = entry_of(tmp_path / "findings", timetable=timetable)
    checks.check("relief", entry)
    with pytest.raises(InputError, match="relief: timetable on: .* belongs to the model"):
        checks.check("relief", entry.model_copy(update={"ablation": ""}))


def test_a_course_is_the_protocol_bit_for_bit(ds):
    plain = dh.protocol(TABLE, seed=3, replicates=2)
    assert set(plain.data_vars) == set(ds.data_vars) and plain.sizes == ds.sizes
    for name, one in plain.variables.items():
        if name in plain.data_vars and "replicate" not in one.dims:
            one = one.set_dims({"replicate": 2, **dict(zip(one.dims, one.shape, strict=True))})
        if name != "replicate":
            np.testing.assert_array_equal(ds[name].values, one.values, str(name))


def test_courses_differ_by_table_seed_and_draw():
    made = [
        Course.of(TABLE, 1),
        Course.of(TABLE, 2),
        Course.of(TABLE, 1, 0),
        Course.of({**TABLE, "state": "cci"}, 1),
    ]
    assert len({one.digest() for one in made}) == 4
    assert Course.of(dict(reversed(TABLE.items())), 1) == made[0]


def test_tests_are_read_out_by_name_and_time(ds):
    rates = ds["rate"].values  # replicate, test, population
    where = ds["population"].values.tolist().index
    np.testing.assert_allclose(over_time.tested(ds, "WDR", "pinch", "30 min"), rates[:, 1, where("WDR")])
    both = over_time.tested(ds, "EX+PN", "pinch", 300)
    size = dict(zip(ds["population"].values, ds["size"].values, strict=True))
    assert size["EX"] != size["PN"]
    spikes = size["EX"] * rates[:, 0, where("EX")] + size["PN"] * rates[:, 0, where("PN")]
    np.testing.assert_allclose(both, spikes / (size["EX"] + size["PN"]))
    gone = 1 - rates[:, 1, where("WDR")] / rates[:, 0, where("WDR")]
    np.testing.assert_allclose(over_time.lost(ds, "WDR", "pinch", "5 min", "30 min"), gone)
    counted = over_time.counted(ds, "WDR", "shocks", "C", "40 min")
    window = ds["window"].values.tolist().index("C")
    late = ds["count"].isel(test=2, population=where("WDR"), window=window).values
    np.testing.assert_array_equal(counted, late)
    for test, time in (("pinch", "31 min"), ("shocks", "30 min")):
        with pytest.raises(InputError, match=f'no test "{test}" at "{time}"'):
            over_time.tested(ds, "WDR", test, time)
    with pytest.raises(InputError, match='unknown test "none"; allowed: pinch, shocks'):
        over_time.tested(ds, "WDR", "none", 300)


def test_slow_states_and_ongoing_rates_are_read_out_by_time(ds):
    gaba = ds["slow.gaba"].interp(protocol_time=1234.5).values
    np.testing.assert_allclose(over_time.slow_state(ds, "gaba", "1234.5 s"), gaba)
    times, where = ds["protocol_time"].values.tolist(), ds["population"].values.tolist().index("WDR")
    ongoing = ds["ongoing"].transpose("replicate", "protocol_time", "population").values
    for time in (600.0, 605.0):  # on from 600 s on, not from between 590 s and 600 s
        np.testing.assert_allclose(over_time.ongoing(ds, "WDR", time), ongoing[:, times.index(600.0), where])
    np.testing.assert_allclose(over_time.ongoing(ds, "WDR", 599), ongoing[:, times.index(590.0), where])
    with pytest.raises(InputError, match='"41 min", allowed: 0 s to 2400 s'):
        over_time.slow_state(ds, "gaba", "41 min")


def test_a_finding_over_minutes_is_asked_kept_judged_and_drawn(tmp_path, monkeypatch):
    folder = tmp_path / "findings"
    monkeypatch.setattr(validation, "findings", lambda: load(folder))
    entry_of(folder)
    found = outcomes(out=tmp_path / "out", seeds=2, robustness=1, progress=False)["relief"]
    assert found.verdict.status == "passes" and found.seconds > 0
    assert (found.draws, found.share) == (1, 1.0)
    mine = load(folder)["relief"]
    ((course,), table) = units("relief", mine, validation.SEED), mine.protocol.joined()["on"]
    assert isinstance(course, Course)
    ds = dh.protocol(table, seed=validation.SEED, replicates=2)["rate"].sel(population=["WDR", "PN"])
    mean = ds.mean("population").values  # as many cells of either
    np.testing.assert_allclose(found.verdict.answer["relief"], 1 - mean[:, 1] / mean[:, 0])

    monkeypatch.setattr("dhmodel.evidence.running.units.compute", None)  # nothing more is run
    entry_of(folder, most=-8)
    again = outcomes(out=tmp_path / "out", seeds=2, robustness=1, progress=False)["relief"]
    assert again.verdict.status == "fails" and not again.verdict.note
    assert (again.draws, again.share) == (1, 0.0)
