"""A search for a feature is a sweep that grows: it finds what is there, resumes, and runs nothing twice."""

import json
import os
import shutil
import sys
from dataclasses import replace

import curves
import fakes
import numpy as np
import pytest
import small

import dhmodel as dh
from dhmodel.errors import InputError, StoreError
from dhmodel.sweep.opening import open_dataset
from dhmodel.sweep.refined import feature_text
from dhmodel.sweep.refining import estimate_search, run_search
from dhmodel.sweep.report import status_text
from dhmodel.sweep.runner import SweepInterrupted
from dhmodel.sweep.searches import build_search

pytest.importorskip("adaptive", reason="the extra refine is not installed")

LOG = {"tonic.frequency": ["1 Hz", "1 kHz", "log"]}
LINEAR = {"tonic.frequency": ["0 Hz", "200 Hz"]}
STATES = {"state": ["naive", "snl"]}


def search(ranges=LOG, feature="minimum", replicates=1, **changes):
    fixed = {"paradigm": "tonic", "duration": "100 ms"} | changes.pop("arguments", {})
    given = {"tolerance": 0.05, "at_once": 4} | changes
    return build_search(ranges, feature, arguments=fixed, replicates=replicates, **given)


def threshold(**changes):
    given = {"level": "0.5 Hz", "axes": STATES, "tolerance": "8 Hz", "replicates": 2, "start": 3}
    return search(LINEAR, "crossing", **given | changes)


def run(asked, path, measure, workers=1):
    options = {"workers": workers, "measure": measure, "prepare": small.prepare, "progress": False}
    return run_search(asked, path, **options).load()


def told(ds, name):
    return float(ds[f"refined.{name}"].values)


@pytest.fixture(scope="module")
def valley(tmp_path_factory):
    """A finished search that no test may touch: where it lies."""
    path = tmp_path_factory.mktemp("valley") / "x.zarr"
    run(search(), path, curves.valley)
    return path


@pytest.fixture
def found(valley, tmp_path):
    """A finished search of one's own."""
    return shutil.copytree(valley, tmp_path / "x.zarr")


@pytest.fixture(scope="module")
def whole():
    """What an undisturbed search for a threshold gives."""
    return run(threshold(), None, curves.rising)


def test_a_minimum_is_found(tmp_path):
    ds = run(search(), tmp_path / "x.zarr", curves.valley)
    at, low, high = (told(ds, f"tonic.frequency{end}") for end in ("", ".low", ".high"))
    assert low < curves.LOWEST < high and low < at < high
    assert np.log(high / low) <= 0.05 * np.log(1000) and ds["refined.tonic.frequency"].attrs["units"] == "Hz"
    assert told(ds, "value") == ds["rate"].sel({"tonic.frequency": at}).values[0, 0]
    assert ds["refined.why"] == "the bracket is within the tolerance"
    assert json.loads(ds.attrs["refined"])["ranges"] == {"tonic.frequency": [1, 1000, "log"]}
    assert len(set(fakes.runs())) == len(fakes.runs()) == ds.sizes["tonic.frequency"] < 30


def test_asking_again_runs_nothing(found):
    ds = run(search(), found, curves.valley)
    assert not fakes.runs() and told(ds, "tonic.frequency") == pytest.approx(curves.LOWEST, rel=0.2)


def test_what_it_leaves_is_the_store_of_a_sweep(found):
    values = open_dataset(found)["tonic.frequency"].values.tolist()
    assert values == sorted(values)
    assert f"{len(values)} of {len(values)} runs done" in status_text(open_dataset(found))
    axes = {"tonic.frequency": [f"{value!r} Hz" for value in values]}
    small.sweep(found, axes=axes, replicates=1, set={}, duration="100 ms")
    assert not fakes.runs()


def test_a_finer_search_and_another_feature_use_what_is_there(found):
    coarse = set(open_dataset(found)["tonic.frequency"].values)
    fine = run(search(tolerance=0.02), found, curves.valley)
    assert coarse < set(fine["tonic.frequency"].values)
    assert len(fakes.runs()) == fine.sizes["tonic.frequency"] - len(coarse)
    most = run(search(feature="maximum", tolerance=0.2), found, curves.valley)
    assert told(most, "tonic.frequency") == 1
    assert len(fakes.runs()) == most.sizes["tonic.frequency"] - len(coarse)


def test_more_replicates_end_where_noise_does_not(tmp_path):
    few = run(search(replicates=4, tolerance="0.1 Hz"), tmp_path / "few.zarr", curves.noisy_valley)
    assert few["refined.why"] == "the replicates do not tell the minimum from the points beside it"
    low, high = (told(few, f"tonic.frequency{end}") for end in (".low", ".high"))
    assert low < curves.LOWEST < high and high - low > 0.1
    each = few["tonic.frequency"].values[few["rate"].values[..., 0].argmin(axis=0)]
    assert told(few, "tonic.frequency.sd") == pytest.approx(each.std(ddof=1))


def test_one_replicate_has_no_spread(found):
    ds = run(search(), found, curves.valley)
    assert np.isnan(told(ds, "value_sd")) and np.isnan(told(ds, "tonic.frequency.sd"))


def test_a_crossing_is_found_at_every_combination_of_the_other_axes(whole):
    at, sd = whole["refined.tonic.frequency"], whole["refined.tonic.frequency.sd"]
    assert at.dims == ("state",) and whole["refined.value"].values == pytest.approx(0.5, abs=1e-9)
    for state, half in curves.HALF.items():
        each = [half, 1.1 * half]
        assert at.sel(state=state).item() == pytest.approx(np.mean(each), rel=0.02)
        assert sd.sel(state=state).item() == pytest.approx(np.std(each, ddof=1), rel=0.2)
    assert (whole["refined.tonic.frequency.high"] - whole["refined.tonic.frequency.low"]).max() <= 8
    lines = feature_text(threshold(), whole).splitlines()
    assert lines[:2] == [
        "crossing of rate of WDR at 0.5 Hz, tonic.frequency from 0 Hz to 200 Hz",
        "state=naive",
    ]
    assert lines[3] == "  rate of WDR = 0.5 Hz ± 0.01684 Hz there"


def test_two_workers_find_the_same_as_one(tmp_path, whole):
    two = run(threshold(), tmp_path / "two.zarr", curves.rising, workers=2)
    assert two.drop_attrs().identical(whole.drop_attrs())


@pytest.mark.parametrize("stop", [5, 22])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, whole, stop):
    monkeypatch.setenv("STOP", str(stop))
    with pytest.raises(SweepInterrupted, match="are done and kept in"):
        run(threshold(), tmp_path / "x.zarr", curves.interrupted)
    assert len(fakes.runs()) == stop
    again = run(threshold(), tmp_path / "x.zarr", curves.interrupted)
    assert len(fakes.runs()) == len(set(fakes.runs())) == whole["status"].size
    assert again.drop_attrs().identical(whole.drop_attrs())


def test_without_a_store_an_interrupt_says_that_nothing_is_kept(monkeypatch):
    monkeypatch.setenv("STOP", "1")
    with pytest.raises(SweepInterrupted, match="^without a store nothing is kept$"):
        run(threshold(), None, curves.interrupted)


def test_a_process_killed_while_the_store_grew_loses_nothing(found):
    os.rename(found, found.with_name(".x.zarr.old"))  # between the two renames
    run(search(), found, curves.valley)
    assert not fakes.runs()


def test_a_minimum_along_two_axes(tmp_path):
    ranges = {"tonic.frequency": ["0 Hz", "100 Hz"], "tonic.amplitude": [0.2, 1.2]}
    asked = search(ranges, tolerance={"tonic.frequency": "50 Hz", "tonic.amplitude": 0.5})
    ds = run(asked, tmp_path / "x.zarr", curves.bowl)
    assert ds["rate"].dims == ("point", "replicate", "population")
    for name, truth, width in (("tonic.frequency", 70, 50), ("tonic.amplitude", 0.8, 0.5)):
        low, high = (told(ds, f"{name}{end}") for end in (".low", ".high"))
        assert low <= truth <= high and high - low <= width + 1e-9
    number = len(fakes.runs())
    places = zip(ds["tonic.frequency"].values, ds["tonic.amplitude"].values, strict=True)
    assert number == ds.sizes["point"] == len(set(places))
    run(asked, tmp_path / "x.zarr", curves.bowl)
    assert len(fakes.runs()) == number


def test_a_search_in_whole_numbers_ends_between_two(tmp_path):
    def shocks(ds):
        return ds["windup.number"] + 0.0 * ds["status"]

    fixed = {"stimulus": "windup", "paradigm": "none"}
    asked = search(
        {"windup.number": [4, 12]}, "crossing", measure=shocks, level=6.5, arguments=fixed, start=2
    )
    ds = run(asked, tmp_path / "x.zarr", fakes.measure)
    assert ds["refined.why"] == "there is no other value in the bracket"
    assert told(ds, "windup.number.low") == 6 and told(ds, "windup.number.high") == 7


def test_points_without_results_are_passed_by(tmp_path, runs_file):
    path = tmp_path / "x.zarr"
    ds = run(search(points=14), path, curves.failing)
    assert ds["refined.why"] == "there are 14 points, and 14 allowed"
    assert told(ds, "tonic.frequency.low") <= 50 and told(ds, "tonic.frequency.high") >= 75
    runs_file.with_name("runs.txt.mended").touch()
    mended = run(search(), path, curves.failing)
    assert mended["refined.why"] == "the bracket is within the tolerance"


def test_what_is_outside_of_the_range_stays_and_does_not_count(found):
    low = {"tonic.frequency": ["1 Hz", "20 Hz", "log"]}
    ds = run(search(low, tolerance=0.2), found, curves.valley)
    assert told(ds, "tonic.frequency") == 20 and ds["tonic.frequency"].max() == 1000


def test_no_crossing_tells_the_values_at_both_ends(tmp_path):
    with pytest.raises(InputError) as error:
        run(threshold(level="3 Hz"), tmp_path / "x.zarr", curves.rising)
    assert str(error.value) == (
        "refine: state=naive: rate of WDR does not cross 3 Hz: it is 0 Hz at 0 Hz and 0.7606 Hz at 200 Hz"
    )


def test_the_store_of_another_sweep_is_refused(done):
    with pytest.raises(StoreError, match="belongs to another sweep"):
        run(search(), done, curves.valley)


def test_a_dry_run_tells_least_and_most_and_when_nothing_is_left(tmp_path):
    path, asked = tmp_path / "x.zarr", threshold(points=9)
    least, most = estimate_search(asked, path, 2).split("at most:")
    assert "points     6 (state 2 x tonic.frequency 3)\nruns       12 (2 of every point)" in least
    assert "runs       36 (2 of every point)\ndone       0 of them" in most
    run(replace(asked, points=5), path, curves.rising)
    assert len(fakes.runs()) == 5 * 2 * 2
    most = estimate_search(asked, path, 2).split("at most:")[1]
    assert "runs       36 (2 of every point)\ndone       20 of them" in most
    done = replace(asked, points=5)
    assert estimate_search(done, path, 2).endswith(f"it is finished in {path}; nothing to run")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"feature": "minmum"}, 'unknown feature "minmum"; allowed: minimum, maximum, crossing'),
        ({"ranges": {}}, "ranges: got {}, needs names, and [low, high] for each"),
        ({"ranges": {"tonic.frequncy": ["1 Hz", "2 Hz"]}}, 'unknown axis "tonic.frequncy"'),
        (
            {"ranges": {"tonic.frequency": ["9 Hz", "2 Hz"]}},
            'range of "tonic.frequency": 9 Hz is not below 2 Hz',
        ),
        ({"ranges": {"state": ["naive", "snl"]}}, "only numbers have a range"),
        ({"axes": {"tonic.frequency": ["1 Hz"]}}, '"tonic.frequency": is swept and searched; give one'),
        ({"measure": "rates"}, 'unknown measure "rates"; allowed: rate, '),
        ({"measure": "windup_slope"}, "windup_slope of WDR needs count; give a stimulus that repeats"),
        ({"population": "WDX"}, 'unknown population "WDX"'),
        ({"level": "1 Hz"}, "level: of no effect on a minimum"),
        ({"feature": "crossing"}, "level: a crossing needs the level that rate of WDR crosses"),
        ({"feature": "crossing", "level": "1 s"}, 'level: got "1 s" (second), needs a quantity in Hz'),
        ({"feature": "crossing", "level": 1}, "level: got 1 (a bare number), needs a quantity in Hz"),
        ({"tolerance": "1 s"}, 'tolerance: got "1 s" (second), needs a quantity in Hz'),
        ({"tolerance": 2}, "tolerance: got 2, needs more than 0 and less than the range"),
        ({"tolerance": {"pag.drive": 0.1}}, 'tolerance: has none for "tonic.frequency"'),
        ({"points": 4}, "points: got 4, needs at least the 5 to begin with"),
        ({"start": 1}, "start: got 1, needs at least the two ends of the range"),
        ({"at_once": 0}, "at_once: got 0, needs a whole number of at least 1"),
        ({"replicates": 0}, "replicates: got 0, needs a whole number of at least 1"),
    ],
)
def test_errors_come_in_one_line_before_anything_runs(changes, message):
    with pytest.raises(InputError) as error:
        search(**changes)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_crossing_of_two_axes_is_refused():
    with pytest.raises(
        InputError, match="a crossing is sought along one axis, got tonic.frequency, pag.drive"
    ):
        search(LOG | {"pag.drive": [0, 1]}, "crossing", level="1 Hz")


def test_a_function_of_the_sweep_with_other_dimensions_is_refused(tmp_path):
    with pytest.raises(
        InputError, match="measure: gave .*, needs a DataArray over tonic.frequency, replicate"
    ):
        run(search(measure=lambda ds: ds["psth"]), tmp_path / "x.zarr", curves.valley)


def test_without_the_sampler_one_line_says_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "adaptive", None)
    with pytest.raises(
        InputError, match=r"adaptive is not installed; pip install 'dhmodel\[refine\]' brings it"
    ):
        search()


def test_a_search_of_the_circuit(tmp_path):
    ds = dh.refine(
        {"tonic.frequency": ["10 Hz", "90 Hz"]},
        "maximum",
        measure="charge_per_second",
        paradigm="tonic",
        set={"circuit.scale": 0.25},
        duration="100 ms",
        warmup="0 s",
        replicates=1,
        start=2,
        points=3,
        progress=False,
    )
    assert told(ds, "tonic.frequency") == 90 and ds["charge_per_second"].sizes["tonic.frequency"] == 3
