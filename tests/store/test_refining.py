"""A search for a feature is a sweep that grows: it finds what is there, resumes, and runs nothing twice."""

import json
import os
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
    return build_search(ranges, feature, arguments=fixed, replicates=replicates, **changes)


def threshold(**changes):
    given = {"level": "0.5 Hz", "axes": STATES, "tolerance": "4 Hz", "replicates": 2}
    return search(LINEAR, "crossing", **given | changes)


def run(asked, path, measure, workers=1):
    options = {"workers": workers, "measure": measure, "prepare": small.prepare, "progress": False}
    return run_search(asked, path, **options)


def test_a_minimum_is_found_and_asking_again_runs_nothing(tmp_path):
    path = tmp_path / "x.zarr"
    ds = run(search(), path, curves.valley)
    at, low, high = (
        float(ds[f"refined.tonic.frequency{end}"].values.item()) for end in ("", ".low", ".high")
    )
    assert low < curves.LOWEST < high and low < at < high
    assert np.log(high / low) <= 0.02 * np.log(1000) and ds["refined.tonic.frequency"].attrs["units"] == "Hz"
    assert float(ds["refined.value"].values) == float(ds["rate"].sel({"tonic.frequency": at})[0, 0].values)
    assert ds["refined.why"].values.item() == "the bracket is within the tolerance"
    assert json.loads(ds.attrs["refined"])["ranges"] == {"tonic.frequency": [1, 1000, "log"]}
    runs = fakes.runs()
    assert len(set(runs)) == len(runs) == ds.sizes["tonic.frequency"] < 40
    assert run(search(), path, curves.valley).identical(ds) and fakes.runs() == runs


def test_what_it_leaves_is_the_store_of_a_sweep(tmp_path):
    path = tmp_path / "x.zarr"
    run(search(), path, curves.valley)
    ds = open_dataset(path)
    values = ds["tonic.frequency"].values.tolist()
    assert values == sorted(values) and f"{len(values)} of {len(values)} runs done" in status_text(ds)
    number = len(fakes.runs())
    axes = {"tonic.frequency": [f"{value!r} Hz" for value in values]}
    small.sweep(path, axes=axes, replicates=1, set={}, duration="100 ms")
    assert len(fakes.runs()) == number


def test_a_finer_search_and_another_feature_use_what_is_there(tmp_path):
    path = tmp_path / "x.zarr"
    coarse = run(search(tolerance=0.1), path, curves.valley)
    number = len(fakes.runs())
    fine = run(search(), path, curves.valley)
    assert set(coarse["tonic.frequency"].values) < set(fine["tonic.frequency"].values)
    assert len(fakes.runs()) == len(set(fakes.runs())) > number
    run(search(feature="maximum", tolerance=0.2), path, curves.valley)
    assert len(fakes.runs()) == len(set(fakes.runs()))


def test_more_replicates_end_where_noise_does_not(tmp_path):
    few = run(search(replicates=4, tolerance="0.1 Hz"), tmp_path / "few.zarr", curves.noisy_valley)
    assert few["refined.why"] == "the replicates do not tell the minimum from the points beside it"
    low, high = (float(few[f"refined.tonic.frequency{end}"].values) for end in (".low", ".high"))
    assert low < curves.LOWEST < high and high - low > 0.1
    each = few["tonic.frequency"].values[few["rate"].values[..., 0].argmin(axis=0)]
    assert float(few["refined.tonic.frequency.sd"].values) == pytest.approx(each.std(ddof=1))
    one = run(search(replicates=1), tmp_path / "one.zarr", curves.noisy_valley)
    assert one["refined.why"] == "the bracket is within the tolerance"
    assert np.isnan(float(one["refined.value_sd"].values))


def test_a_crossing_is_found_at_every_combination_of_the_other_axes(tmp_path):
    ds = run(threshold(), tmp_path / "x.zarr", curves.rising)
    at = ds["refined.tonic.frequency"]
    assert at.dims == ("state",) and ds["refined.value"].values == pytest.approx(0.5, abs=1e-9)
    for state, half in curves.HALF.items():
        each = [half, 1.1 * half]
        assert at.sel(state=state).item() == pytest.approx(np.mean(each), rel=0.01)
        assert ds["refined.tonic.frequency.sd"].sel(state=state).item() == pytest.approx(
            np.std(each, ddof=1), rel=0.1
        )
    assert (ds["refined.tonic.frequency.high"] - ds["refined.tonic.frequency.low"]).max() <= 4
    text = feature_text(threshold(), ds)
    assert text.startswith(
        "crossing of rate of WDR at 0.5 Hz, tonic.frequency from 0 Hz to 200 Hz\nstate=naive"
    )


def test_one_and_two_workers_find_the_same(tmp_path):
    one = run(threshold(), tmp_path / "one.zarr", curves.rising)
    two = run(threshold(), tmp_path / "two.zarr", curves.rising, workers=2)
    assert one.drop_attrs().identical(two.drop_attrs())


@pytest.mark.parametrize("stop", [3, 22, 29])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, runs_file, stop):
    whole = run(threshold(), tmp_path / "whole.zarr", curves.rising)
    runs = sorted(fakes.runs())
    runs_file.unlink()
    monkeypatch.setenv("STOP", str(stop))
    with pytest.raises(SweepInterrupted, match="are done and kept in"):
        run(threshold(), tmp_path / "x.zarr", curves.interrupted)
    assert len(fakes.runs()) == stop
    again = run(threshold(), tmp_path / "x.zarr", curves.interrupted)
    assert sorted(fakes.runs()) == runs and again.drop_attrs().identical(whole.drop_attrs())


def test_a_process_killed_while_the_store_grew_loses_nothing(tmp_path):
    path = tmp_path / "x.zarr"
    run(search(tolerance=0.1), path, curves.valley)
    number = len(fakes.runs())
    os.rename(path, tmp_path / ".x.zarr.old")  # between the two renames
    run(search(tolerance=0.1), path, curves.valley)
    assert len(fakes.runs()) == number


def test_a_minimum_along_two_axes(tmp_path):
    ranges = {"tonic.frequency": ["0 Hz", "100 Hz"], "tonic.amplitude": [0.2, 1.2]}
    asked = search(ranges, tolerance={"tonic.frequency": "30 Hz", "tonic.amplitude": 0.3})
    ds = run(asked, tmp_path / "x.zarr", curves.bowl)
    assert ds["rate"].dims == ("point", "replicate", "population")
    for name, truth, width in (("tonic.frequency", 70, 30), ("tonic.amplitude", 0.8, 0.3)):
        low, high = (float(ds[f"refined.{name}{end}"].values) for end in (".low", ".high"))
        assert low <= truth <= high and high - low <= width + 1e-9
    number = len(fakes.runs())
    assert (
        number
        == ds.sizes["point"]
        == len(set(zip(ds["tonic.frequency"].values, ds["tonic.amplitude"].values)))
    )
    run(asked, tmp_path / "x.zarr", curves.bowl)
    assert len(fakes.runs()) == number


def test_a_search_in_whole_numbers_ends_between_two(tmp_path):
    ranges = {"windup.number": [4, 12]}
    asked = search(ranges, "crossing", measure=_shocks, level=6.5, arguments={"stimulus": "windup"}, start=2)
    ds = run(asked, tmp_path / "x.zarr", fakes.measure)
    assert ds["refined.why"] == "there is no other value in the bracket"
    assert ds["refined.windup.number.low"] == 6 and ds["refined.windup.number.high"] == 7


def _shocks(ds):
    return ds["windup.number"] * xr_ones(ds)


def xr_ones(ds):
    return ds["status"] * 0 + 1.0


def test_points_without_results_are_passed_by(tmp_path, runs_file):
    path = tmp_path / "x.zarr"
    ds = run(search(points=20), path, curves.failing)
    assert ds["refined.why"].values.item().endswith("20 points, and 20 allowed")
    assert ds["refined.tonic.frequency.low"] <= 50 and ds["refined.tonic.frequency.high"] >= 75
    runs_file.with_name("runs.txt.mended").touch()
    mended = run(search(), path, curves.failing)
    assert mended["refined.why"] == "the bracket is within the tolerance"


def test_what_is_outside_of_the_range_stays_and_does_not_count(tmp_path):
    path = tmp_path / "x.zarr"
    run(search(), path, curves.valley)
    low = {"tonic.frequency": ["1 Hz", "20 Hz", "log"]}
    ds = run(search(low, tolerance=0.2), path, curves.valley)
    assert ds["refined.tonic.frequency"].values == 20 and ds["tonic.frequency"].max() == 1000


def test_no_crossing_tells_the_values_at_both_ends(tmp_path):
    told = r"rate of WDR does not cross 3 Hz: it is 0 Hz at 0 Hz and 0.7692 Hz at 200 Hz"
    with pytest.raises(InputError, match=f"^refine: state=naive: {told}$".replace("0.7692", "0.7605")):
        run(threshold(level="3 Hz"), tmp_path / "x.zarr", curves.rising)


def test_the_store_of_another_sweep_is_refused(done):
    with pytest.raises(StoreError, match="belongs to another sweep"):
        run(search(), done, curves.valley)


def test_a_dry_run_tells_least_and_most_and_when_nothing_is_left(tmp_path):
    path, asked = tmp_path / "x.zarr", threshold(points=15)
    least, most = estimate_search(asked, path, 2).split("at most:")
    assert "points     10 (state 2 x tonic.frequency 5)\nruns       20 (2 of every point)" in least
    assert "runs       60 (2 of every point)\ndone       0 of them" in most
    run(replace(asked, points=10), path, curves.rising)
    assert "40 of them" in estimate_search(asked, path, 2).split("at most:")[1]
    assert not fakes.runs()[60:]
    run(threshold(), path, curves.rising)
    assert estimate_search(threshold(), path, 2).endswith("nothing to run")


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
    assert (
        ds["refined.tonic.frequency"].values == 90 and ds["charge_per_second"].sizes["tonic.frequency"] == 3
    )
