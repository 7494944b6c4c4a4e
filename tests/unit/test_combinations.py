"""Paradigms that act together: combinations, timetables of routes, and what is shown of them."""

import pickle

import numpy as np
import pytest

import dhmodel as dh
from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.plots import stimulation_figure
from dhmodel.simulate import plan
from dhmodel.slow.reading import read_timetable
from dhmodel.slow.trains import in_trains
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.conditions import conditions, session_length
from dhmodel.stimulation.paradigms import find_paradigm, paradigms
from dhmodel.stimulation.table import delivery_table

QUIET = {
    f"background.{name}.rate": "0 Hz" for name in ("IA", "AB", "AD", "CP", "CN")
}  # nothing but what the routes bring


def brought(paradigm, duration=2.0, warmup=0.0, state="naive", **settings):
    """What a paradigm brings to the fibres, with nothing else going on."""
    values = {path.replace("__", "."): value for path, value in settings.items()}
    P = resolve(state, QUIET | values, None, find_paradigm(paradigm).parameters)
    return P, afferent_input(P, paradigm, "spontaneous", duration, warmup, 1, 0)


# combinations


def test_a_combination_has_one_name_whatever_the_order():
    for given in ("tonic+cpm", "cpm + tonic", ["cpm", "tonic"], ("none", "tonic", "cpm"), ["tonic+cpm"]):
        assert find_paradigm(given).name == "tonic+cpm"
        assert find_paradigm(given) == find_paradigm("tonic+cpm")
    assert find_paradigm("none+cpm") is paradigms()["cpm"]
    both = find_paradigm("tonic+cpm")
    assert both != find_paradigm("tonic+rpms") and pickle.loads(pickle.dumps(both)) == both
    assert both.electrode is paradigms()["tonic"] and paradigms()["cpm"].electrode.name == "none"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("tonic+burst", 'paradigm "tonic+burst": tonic and burst both need the electrode; give one of them'),
        ("cpm+tonic+cpm", 'paradigm "tonic+cpm+cpm": cpm is there twice, and its route is one'),
        ("tonic+cpn", 'unknown paradigm "cpn"'),
        ("tonic+", 'unknown paradigm ""'),
    ],
)
def test_what_cannot_act_together_is_refused_in_one_line(given, message):
    with pytest.raises(InputError) as caught:
        plan(given)
    assert message in str(caught.value)


def test_parts_of_a_combination_do_what_they_do_alone():
    _, both = brought("tonic+cpm+rpms")
    _, tonic = brought("tonic")
    _, cpm = brought("cpm")
    assert (both.delivery.schedule.times == tonic.delivery.schedule.times).all()
    assert all(
        (one[1][0] == other[1][0]).all()
        for one, other in zip(both.routed.elsewhere, cpm.routed.elsewhere, strict=True)
    )
    assert both.pulses.size == tonic.pulses.size + 10 and (np.diff(both.pulses) >= 0).all()


def test_spikes_of_the_limb_collide_with_those_of_the_electrode():
    """Ia and Abeta spikes on their way into the column meet antidromic ones."""
    half = {"exercise__reafference__AB": 0.5}
    alone = brought("exercise", 2.0, **half)[1].trains.rate(2.0)["AB"]
    both = brought("exercise+tonic", 2.0, **half)[1].trains.rate(2.0)["AB"]
    tonic = brought("tonic", 2.0)[1].trains.rate(2.0)["AB"]
    assert tonic < both < 0.95 * (alone + tonic)


def test_a_sweep_takes_combinations(tmp_path):
    axis = {"paradigm": ["none", "cpm+tonic", ["tonic", "rpms"]]}
    ds = dh.sweep(axis, duration="0.3 s", warmup="0.1 s", replicates=1, store=tmp_path / "s.zarr")
    assert ds["paradigm"].values.tolist() == ["none", "tonic+cpm", "tonic+rpms"]
    assert ds["conditioning"].values.ravel().tolist() == [0, 1, 0]
    with pytest.raises(InputError, match='"cpm\\+tonic" is there twice'):
        dh.sweep({"paradigm": ["tonic+cpm", "cpm+tonic"]}, duration="0.3 s", store=tmp_path / "t.zarr")


# timetables


def protocol(*entries, duration="4 min", **more):
    return read_timetable({"duration": duration, "entries": list(entries), **more})


def entry(name, start="10 s", **more):
    return {"name": name, "start": start, **more}


def test_entries_that_overlap_act_together_where_their_routes_differ():
    table = protocol(
        entry("scs", paradigm="tonic", duration="60 s"), entry("water", paradigm="cpm", duration="20 s")
    )
    names = [str(table.settings(time).paradigm) for time in (0.0, 10.0, 30.0, 70.0)]
    assert names == ["none", "tonic+cpm", "tonic", "none"]


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ("tonic+cpm", "cpm", "paradigm cpm"),
        ("rtms", "rtms", "paradigm rtms"),
        ("tonic+cpm", "burst+rtms", "paradigm"),
    ],
)
def test_entries_that_share_a_route_contradict_each_other(one, other, what):
    with pytest.raises(InputError, match=f'entries "a" and "b" both set {what} at 20 s'):
        protocol(
            entry("a", paradigm=one, duration="60 s"), entry("b", "20 s", paradigm=other, duration="60 s")
        )


def test_an_entry_lasts_one_session_and_sessions_must_not_overlap():
    theta = {"paradigm": "rtms", "set": {"rtms.pattern": "itbs"}}
    table = protocol(entry("a", repeat=[{"number": 3, "every": "4 min"}], **theta), duration="1 h")
    assert [span[1] - span[0] for span in table.entries[0].spans] == pytest.approx([192] * 3)
    with pytest.raises(InputError, match="begins again at 160 s, but lasts until 202 s"):
        protocol(entry("a", repeat=[{"number": 2, "every": "150 s"}], **theta), duration="1 h")
    with pytest.raises(InputError, match="needs a stop or a duration, one of the two"):
        protocol(entry("a", paradigm="cpm"))
    P = resolve(set={"rtms.pattern": "pctbs"})
    assert session_length(P, find_paradigm("tonic+rtms")) == pytest.approx(80)


def test_trains_longer_than_an_epoch_are_entries_of_their_own():
    table = protocol(
        entry("a", paradigm="tonic+rtms", duration="65 s", set={"rtms.delay": "1 s"}),
        entry("b", "80 s", paradigm="rtms", duration="20 s", set={"rtms.pattern": "itbs"}),
    )
    written = in_trains(table, 10.0)
    assert [one.name for one in written.entries] == ["a", "a: trains", "b"]
    assert str(written.entries[0].settings.paradigm) == "tonic"
    assert written.entries[1].spans == ((11.0, 21.0), (41.0, 51.0), (71.0, 75.0))
    assert [str(written.settings(time).paradigm) for time in (10.5, 12.0, 30.0)] == [
        "tonic",
        "tonic+rtms",
        "tonic",
    ]
    assert in_trains(table, 30.0) == table
    # pulses of the trains as an epoch sees them: without a pause
    now = written.settings(12.0)
    P = resolve(set=dict(now.set))
    assert conditions(P, find_paradigm(now.paradigm), 10.0)[0].pulses.size == 90


def test_a_session_in_a_protocol_drives_what_slow_states_are_told():
    table = {
        "duration": "40 s",
        "epoch": "5 s",
        "entries": [
            entry("theta", "5 s", paradigm="rtms+cpm", duration="20 s", set={"rtms.pattern": "ctbs"})
        ],
    }
    ds = dh.protocol(table, seed=3)
    on = ds["stimulation"].sel(protocol_time=slice(5, 24)).values
    assert on.all() and ds["stimulation"].mean() == pytest.approx(0.5, abs=0.1)
    rates = ds["ongoing"].sel(population="PAG")[0]
    during, after = (float(rates.sel(protocol_time=time, method="nearest")) for time in (15, 38))
    assert during > 1.2 * after
    with pytest.raises(InputError, match="lasts 60 s, but a session of rtms takes 40 s; leave out stop and"):
        longer = entry("theta", "5 s", paradigm="rtms", duration="60 s", set={"rtms.pattern": "ctbs"})
        dh.protocol({"duration": "2 min", "entries": [longer]})


# what is shown


def test_what_routes_bring_is_a_dataset_a_table_and_a_figure():
    ds = dh.stimulate("rtms+exercise", set={"rtms.target": "dlpfc"}, duration="2 s")
    assert ds["route"].values.tolist() == [
        "rtms: prefrontal", "exercise: spindles", "exercise: touch", "exercise: command",
        "exercise: group III", "exercise: group IV",
    ]  # fmt: skip
    assert ds["coil_time"].size == 20 and ds["session_time"].size == 3000
    assert float(ds["route_rate"].sel(route="exercise: spindles").mean()) == pytest.approx(3.4, rel=0.1)
    assert float(ds["route_current"][0]) == pytest.approx(12e-12 * 0.2003, rel=0.01)
    assert all(one.attrs["units"] and one.attrs["long_name"] for one in ds.data_vars.values())
    spikes = (ds["route_spike_route"] == 1).sum()
    assert int(spikes) == pytest.approx(float(ds["route_rate"][1].mean()) * 2 * int(ds["route_units"][1]))
    text = delivery_table(ds)
    assert "rtms: prefrontal" in text and "exercise_intensity" in text and "PAG" in text
    figure = stimulation_figure(ds)
    shown = [axes.get_title() for axes in figure.axes]
    assert shown[-2:] == ["Spikes brought (of up to 40 units)", "Mean rate per unit"]
    assert "exercise_kind 1" in figure.get_suptitle() and "2.4 pA into each cell" in "".join(
        one.get_text() for one in figure.axes[2].texts
    )


def test_a_combination_shows_the_electrode_and_the_routes():
    ds = dh.stimulate("tonic+rpms", duration="0.4 s", fibres=50)
    assert ds["pulse_time"].size == 20 and ds["coil_time"].size == 2
    assert "amplitude (mA)" in delivery_table(ds) and "rpms: spindles" in delivery_table(ds)
    assert (
        len(stimulation_figure(ds).axes) == len(stimulation_figure(dh.stimulate("tonic", fibres=50)).axes) + 4
    )
    alone = dh.stimulate("cpm", set={"cpm.kind": "innocuous"}, duration="1 s")
    assert (
        alone.sizes["route"] == 0
        and "nothing reaches" in stimulation_figure(alone).axes[0].texts[0].get_text()
    )
