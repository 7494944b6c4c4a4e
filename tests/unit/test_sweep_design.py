"""Points that are no grid: what is accepted, what they become, and what is refused."""

import sys

import numpy as np
import pytest
import xarray as xr

from dhmodel.errors import InputError
from dhmodel.sweep import sweep
from dhmodel.sweep.files import read_sweep
from dhmodel.sweep.report import status_text
from dhmodel.sweep.spec import build_spec
from dhmodel.sweep.store import open_store

TWO = {"tonic.frequency": ["10 Hz", "0.05 kHz"], "tonic.amplitude": [1.2, 0.6]}
RANGES = {"tonic.frequency": ["1 Hz", "1 kHz", "log"], "pag.drive": [0, 1], "windup.number": [3, 6]}


def columns(spec):
    return {axis.name: np.array(axis.values) for axis in spec.columns}


def chosen(spec, *names):
    return [tuple(plan.parameters[name] for name in names) for plan in spec.plans]


def test_zipped_axes_move_together():
    spec = build_spec(design={"zip": TWO})
    assert spec.dims == ("point",) and spec.shape == (2,)
    assert chosen(spec, "tonic.frequency", "tonic.amplitude") == [(10, 1.2), (50, 0.6)]
    assert spec.label(1) == "point 1, tonic.frequency=0.05 kHz, tonic.amplitude=0.6"


def test_a_list_of_points_is_what_the_zip_of_its_columns_is():
    rows = [dict(zip(TWO, values, strict=True)) for values in zip(*TWO.values(), strict=True)]
    listed, zipped = build_spec(design={"points": rows}), build_spec(design={"zip": TWO})
    assert listed.identity() == zipped.identity() and listed.plans == zipped.plans


def test_a_grid_multiplies_points():
    spec = build_spec({"state": ["naive", "snl#3"]}, design={"zip": TWO, "points": None})
    assert spec.dims == ("state", "point") and spec.shape == (2, 2)
    assert [(plan.state, plan.parameters["tonic.frequency"]) for plan in spec.plans] == [
        ("naive", 10),
        ("naive", 50),
        ("snl#3", 10),
        ("snl#3", 50),
    ]
    assert spec.index(2) == (1, 0)
    assert spec.label(2) == "point 0, state=snl#3, tonic.frequency=10 Hz, tonic.amplitude=1.2"


def test_names_and_doses_are_points_too():
    rows = [{"state": "naive", "drugs.ap5": 0}, {"state": "snl", "drugs.ap5": "0.5"}]
    spec = build_spec(design={"points": rows})
    assert [(plan.state, dict(plan.drugs)["ap5"]) for plan in spec.plans] == [("naive", 0), ("snl", 0.5)]


@pytest.fixture
def salib():
    return pytest.importorskip("SALib", reason="the extra sensitivity is not installed")


def sample(method, number=32, **changes):
    return {"method": method, "number": number, "ranges": RANGES} | changes


@pytest.mark.parametrize("method, points", [("latin", 32), ("sobol", 32), ("saltelli", 160)])
def test_samples_fill_their_ranges(salib, method, points):
    found = columns(build_spec(design={"sample": sample(method)}))
    assert all(len(values) == points for values in found.values())
    frequency, drive, number = (found[name] for name in RANGES)
    assert frequency.min() >= 1 and frequency.max() <= 1000 and np.unique(frequency).size >= 32
    assert np.mean(frequency < 10) == pytest.approx(1 / 3, abs=0.05)  # one of three decades
    assert np.mean(drive < 0.5) == pytest.approx(0.5, abs=0.05)
    assert set(number) == {3, 4, 5, 6} and np.bincount(number)[3:].min() >= points / 4 - 4


def test_a_latin_hypercube_has_one_point_in_every_row_and_column(salib):
    found = columns(build_spec(design={"sample": sample("latin")}))
    for fraction in (np.log10(found["tonic.frequency"]) / 3, found["pag.drive"]):
        assert sorted(np.floor(fraction * 32).astype(int)) == list(range(32))


def test_a_sample_depends_on_its_seed_alone(salib):
    one, same, other = (
        columns(build_spec(None, {"seed": s}, design={"sample": sample("latin", seed=n)}))["pag.drive"]
        for s, n in ((1, 1), (2, 1), (1, 2))
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_a_longer_sobol_sequence_begins_with_the_shorter_one(salib):
    short, long = (columns(build_spec(design={"sample": sample("sobol", n)})) for n in (8, 13))
    assert all(np.array_equal(short[name], long[name][:8]) for name in RANGES)


def test_saltelli_is_the_design_that_salib_analyses(salib):
    from SALib.analyze import sobol

    linear = {"pag.drive": [0, 1], "tonic.amplitude": [0, 1]}
    found = columns(build_spec(design={"sample": sample("saltelli", 256, ranges=linear)}))
    problem = {"num_vars": 2, "names": list(linear), "bounds": [[0, 1], [0, 1]]}
    values = 2 * found["pag.drive"] + found["tonic.amplitude"]
    indices = sobol.analyze(problem, values, calc_second_order=False, seed=1)
    assert indices["S1"] == pytest.approx([0.8, 0.2], abs=0.02)


def test_without_salib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "SALib.sample.latin", None)
    with pytest.raises(InputError, match=r"SALib is not installed; pip install 'dhmodel\[sensitivity\]'"):
        build_spec(design={"sample": sample("latin")})


def test_what_is_swept_are_coordinates_along_point(tmp_path):
    spec = build_spec({"state": ["naive", "snl"]}, {"duration": "1 s"}, 2, design={"zip": TWO})
    open_store(spec, tmp_path / "x.zarr")
    ds = xr.open_zarr(tmp_path / "x.zarr", chunks=None)
    assert ds["rate"].dims == ("state", "point", "replicate", "population")
    assert ds["tonic.frequency"].dims == ds["tonic.amplitude"].dims == ("point",)
    assert ds["point"].values.tolist() == [0, 1] and ds["tonic.frequency"].values.tolist() == [10, 50]
    assert set(TWO) <= set(ds["rate"].coords) and ds["tonic.frequency"].attrs["units"] == "Hz"
    assert ds.sel(point=ds["tonic.frequency"] == 50)["tonic.amplitude"].values.item() == 0.6
    lines = status_text(ds).splitlines()
    assert lines[1:5] == [
        "point: 0, 1",
        "replicate: 0, 1",
        "tonic.amplitude: 1.2, 0.6",
        "tonic.frequency: 10 Hz, 50 Hz",
    ]


BAD = [
    ({"zip": {"state": ["naive", "snl"], "pag.drive": [0]}}, "state has 2, pag.drive has 1"),
    ({"zip": {"state": "naive"}}, 'zip: "state": got "naive", needs a list of values'),
    ({"zip": {}}, "zip: got {}, needs names and a list of values"),
    ({"zip": {"stat": ["naive"]}}, 'nearest: "state"'),
    ({"zip": {"tonic.frequency": []}}, 'axis "tonic.frequency": empty'),
    ({"zip": {"tonic.frequency": ["10 Hz", "0.01 kHz"]}}, "zip: points 0 and 1 are the same"),
    ({"zip": {"tonic.frequency": [10]}}, "got 10 (a bare number), needs a quantity in Hz"),
    ({"points": []}, "points: empty, needs at least one point"),
    ({"points": {"state": "naive"}}, "points: got {'state': 'naive'}, needs a list of values"),
    ({"points": ["naive"]}, 'points: point 0 is "naive", needs names'),
    ({"points": [{"state": "naive"}, {"state": "snl", "pag.drive": 0}]}, "in one of them only: pag.drive"),
    ({"points": [{"state": "naive"}, {"state": "naive"}]}, "points: points 0 and 1 are the same"),
    ({"points": [{"paradigm": "tonik"}]}, 'sweep point point 0, paradigm=tonik: unknown paradigm "tonik"'),
    ({"zip": TWO, "points": [{"state": "naive"}]}, "zip and points: each says what the points are"),
    ({"sample": 5}, "sample: got 5, needs method, number, seed, ranges"),
    ({"sample": sample("latin", numbr=5)}, 'unknown key "numbr" in sample'),
    ({"sample": sample("latn")}, 'unknown method "latn" in sample; allowed: latin, sobol, saltelli'),
    ({"sample": sample("latin", 1)}, "sample: number is 1, needs a whole number of at least 2"),
    ({"sample": sample("latin", seed=-1)}, "sample: seed is -1"),
    ({"sample": {"number": 4}}, "sample: ranges is None, needs names, and [low, high] for each"),
    ({"sample": sample("latin", ranges={"pag.drive": [0]})}, "got [0], needs [low, high]"),
    ({"sample": sample("latin", ranges={"pag.drive": [0, 1, "ln"]})}, 'or [low, high, "log"]'),
    ({"sample": sample("latin", ranges={"pag.drive": [1, 0]})}, 'range of "pag.drive": 1 is not below 0'),
    ({"sample": sample("latin", ranges={"pag.drive": [0, 1, "log"]})}, "needs to begin above 0"),
    ({"sample": sample("latin", ranges={"pag.drive": [0, 99]})}, "got "),
    ({"sample": sample("latin", ranges={"state": ["naive", "snl"]})}, "only numbers have a range"),
    ({"sample": sample("latin", ranges={"tonic.recharge": ["active", "none"]})}, "only numbers have a range"),
]


@pytest.mark.parametrize("design, message", BAD)
def test_a_bad_design_is_refused_in_one_line_before_anything_is_written(design, message, tmp_path):
    with pytest.raises(InputError) as refusal:
        sweep(**design, store=tmp_path / "x.zarr")
    assert message in str(refusal.value) and "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_saltelli_needs_a_power_of_two(salib):
    with pytest.raises(InputError, match="number is 12, saltelli needs a power of 2 such as 16"):
        build_spec(design={"sample": sample("saltelli", 12)})


def test_a_name_is_in_the_grid_or_in_the_points_and_not_fixed():
    with pytest.raises(InputError, match='axis "state": is in the grid and in the points'):
        build_spec({"state": ["naive"]}, design={"zip": {"state": ["snl"]}})
    with pytest.raises(InputError, match='axis "pag.drive": also fixed by the argument set'):
        build_spec(None, {"set": {"pag.drive": 1}}, design={"zip": {"pag.drive": [0]}})


def test_a_paradigm_of_ones_own_is_a_point(tmp_path):
    (tmp_path / "mine.toml").write_text('[[channels]]\nfrequency = "7 Hz"\n')
    file = str(tmp_path / "mine.toml")
    for design in (
        {"zip": {"paradigm": [file, file], "mine.frequency": ["5 Hz", "9 Hz"]}},
        {"points": [{"paradigm": file, "mine.frequency": f} for f in ("5 Hz", "9 Hz")]},
    ):
        spec = build_spec(design=design)
        assert [plan.parameters["mine.frequency"] for plan in spec.plans] == [5, 9]


TOML = {
    "zip": '[zip]\n"tonic.frequency" = ["10 Hz", "50 Hz"]\n"tonic.amplitude" = [1.2, 0.6]\n',
    "points": '[[points]]\n"tonic.frequency" = "10 Hz"\n[[points]]\n"tonic.frequency" = "50 Hz"\n',
    "sample": '[sample]\nmethod = "sobol"\nnumber = 4\nranges = { "pag.drive" = [0.1, 1, "log"] }\n',
}


@pytest.mark.parametrize("kind", TOML)
def test_a_design_in_a_file_is_the_argument_of_its_name(kind, tmp_path):
    if kind == "sample":
        pytest.importorskip("SALib", reason="the extra sensitivity is not installed")
    (tmp_path / "mine.toml").write_text(f'{TOML[kind]}[axes]\nstate = ["naive"]\n')
    file = read_sweep(str(tmp_path / "mine.toml"))
    spec = build_spec(file.axes, file.arguments, design=file.design)
    assert list(file.design) == [kind] and spec.dims == ("state", "point")
    assert spec.shape == (1, 4 if kind == "sample" else 2)
