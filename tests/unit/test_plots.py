"""What figures show, where it stands on paper, and what is left on disk."""

import errno
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dhmodel import plots
from dhmodel.errors import InputError, StoreError
from dhmodel.measures import percent_of_baseline

FREQUENCIES = [0.0, 1.0, 4.0, 10.0, 20.0, 30.0, 50.0, 65.0, 80.0, 100.0, 150.0, 300.0, 1000.0]
SHAPE = np.array([100, 93, 79, 64, 52, 52, 51, 50, 49, 51, 54, 70, 99]) / 100
BASELINE = {"spontaneous": (0.0, 4.4), "pinch": (47.0, 62.0), "windup": (11.0, 15.0)}


def sweep():
    """A frequency sweep as `scs_frequency` gives it: naive cord silent without a stimulus, PN half of WDR."""
    noise = np.random.default_rng(2).normal(1, 0.02, (13, 2, 3, 5))
    baseline = np.array(list(BASELINE.values())).T
    wdr = SHAPE[:, None, None, None] * baseline[:, :, None] * noise
    wdr[6, 0, 0] = 0.2  # 50 Hz wakes the silent cells
    data = np.stack([wdr, wdr / 2], -1)
    dims = ("tonic.frequency", "state", "stimulus", "replicate", "population")
    coords = {
        "tonic.frequency": ("tonic.frequency", FREQUENCIES, {"units": "Hz"}),
        "state": ["naive", "snl"],
        "stimulus": list(BASELINE),
        "replicate": np.arange(5),
        "population": ["WDR", "PN"],
    }
    return xr.Dataset({"rate": (dims, data, {"units": "Hz", "long_name": "firing rate per neuron"})}, coords)


def simulation():
    """One simulation of two replicates with two shocks and stored spikes."""
    counts = np.arange(24.0).reshape(2, 3, 2, 2)
    psth = np.linspace(0, 5, 2 * 2 * 100).reshape(2, 2, 100)
    spikes = {}
    for name, size in (("WDR", 4), ("PN", 2)):
        dim = f"spike_{name}"
        spikes[f"spike_time_{name}"] = (dim, [0.1, 0.5, 0.2])
        spikes[f"spike_neuron_{name}"] = (dim, [0, 1, 1], {"population_size": size})
        spikes[f"spike_replicate_{name}"] = (dim, [0, 0, 1])
    data = {
        "rate": (("replicate", "population"), [[1.0, 2.0], [3.0, 4.0]]),
        "psth": (("replicate", "population", "time"), psth),
        "count": (("replicate", "stimulus_index", "population", "window"), counts),
        "shock_time": ("shock", [0.0, 0.4, 0.0]),
        "shock_replicate": ("shock", [0, 0, 1]),
    }
    coords = {
        "population": ["WDR", "PN"],
        "time": np.round(np.arange(100) * 0.01, 9),
        "window": ["Adelta", "C"],
        "stimulus_index": [0, 1, 2],
    }
    return xr.Dataset(data | spikes, coords)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def panel(figure, letter):
    return next(axes for axes in figure.axes if letter in texts(axes))


def curves(axes):
    """Points (x, y) of the lines with more than two points."""
    return [line.get_xydata() for line in axes.get_lines() if len(line.get_xdata()) > 2]


def test_frequency_figure_shows_percent_of_no_stimulation():
    ds = sweep()
    figure = plots.frequency_figure(ds)
    percent = percent_of_baseline(ds)["mean"]
    for row, population in enumerate(("WDR", "PN")):
        for column, stimulus in ((1, "pinch"), (2, "windup")):
            drawn = curves(panel(figure, "abcdef"[3 * row + column]))
            for state, curve in zip(("naive", "snl"), drawn, strict=True):
                expected = percent.sel(population=population, stimulus=stimulus, state=state)
                np.testing.assert_allclose(curve[:, 1], expected.values[1:])


def test_frequency_figure_is_logarithmic_with_zero_apart_and_a_tick_at_every_value():
    axes = panel(plots.frequency_figure(sweep()), "b")
    np.testing.assert_allclose(curves(axes)[0][:, 0], np.log10(FREQUENCIES[1:]))
    ticks = np.sort(np.concatenate([axes.get_xticks(), axes.get_xticks(minor=True)]))
    np.testing.assert_allclose(ticks[1:], np.log10(FREQUENCIES[1:]))
    assert ticks[0] < -0.3
    assert "//" in texts(axes)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert {"0", "1", "10", "100", "1000"} <= set(labels)


def test_a_state_silent_without_stimulation_is_shown_in_hz_below_and_says_so():
    figure = plots.frequency_figure(sweep())
    upper = panel(figure, "a")
    strip = next(axes for axes in figure.axes if axes.get_ylabel() == "Hz")
    assert "too quiet at 0, rate shown" in texts(strip)
    assert [text for text in texts(upper) if text.startswith("100 % =")] == ["100 % = 4.4 Hz"]
    np.testing.assert_allclose(curves(strip)[0][:, 1], np.where(np.array(FREQUENCIES[1:]) == 50, 0.2, 0))
    np.testing.assert_allclose(strip.get_xlim(), upper.get_xlim())
    assert len(curves(upper)) == 1


def test_a_state_so_quiet_that_percentages_explode_is_shown_in_hz():
    for times, note in ((9.9, "100 % = 0.1 Hz"), (10.1, "too quiet at 0, rate shown")):
        ds = sweep()
        ds["rate"].loc[{"state": "naive", "stimulus": "spontaneous", "population": "WDR"}] = 0.1
        ds["rate"].loc[
            {"state": "naive", "stimulus": "spontaneous", "population": "WDR", "tonic.frequency": 50}
        ] = 0.1 * times
        figure = plots.frequency_figure(ds)
        assert any(note in texts(axes) for axes in figure.axes), note


def test_where_every_state_is_silent_the_whole_panel_is_in_hz():
    ds = sweep()
    ds["rate"].loc[{"stimulus": "spontaneous", "population": "PN"}] = 0.01
    figure = plots.frequency_figure(ds)
    assert panel(figure, "d").get_ylabel() == "PN rate (Hz)"
    assert panel(figure, "e").get_ylabel().startswith("PN firing")
    assert len(curves(panel(figure, "d"))) == 2


def test_frequency_figure_has_print_width_reference_lines_and_one_legend():
    figure = plots.frequency_figure(sweep())
    assert figure.get_figwidth() * 25.4 == pytest.approx(180)
    for letter in "abcdef":
        levels = [
            line.get_ydata()[0] for line in panel(figure, letter).get_lines() if len(line.get_xdata()) == 2
        ]
        assert levels == [100]
    assert len(figure.legends) == 1
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == ["Naive", "Nerve injury (SNL)", "mean ± s.d. of 5 replicates", "no stimulation"]
    assert all(axes.get_legend() is None for axes in figure.axes)


@pytest.mark.parametrize("change", ["as it is", "all silent", "one column", "by name", "many lines"])
def test_all_text_is_on_the_paper_and_no_labels_touch(change):
    ds = sweep()
    if change == "all silent":
        ds["rate"].loc[{"stimulus": "spontaneous"}] = 0.01
    elif change == "one column":
        ds = ds.sel(stimulus="pinch", drop=True)
    elif change == "by name":
        ds = ds.isel({"tonic.frequency": 0}, drop=True)
    elif change == "many lines":
        ds = ds.isel(state=[0, 1, 0, 1], stimulus=1).rename(state="synapse.gaba_a.scale")
        ds = ds.assign_coords({"synapse.gaba_a.scale": [0.0, 0.25, 0.5, 1.0]})
    figure = plots.sweep_figure(ds)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    drawn = figure.get_tightbbox(renderer)  # of everything drawn, in inches
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height
    for axes in figure.axes:
        shown = [label.get_window_extent(renderer) for label in axes.get_xticklabels() if label.get_text()]
        assert all(left.x1 < right.x0 for left, right in zip(shown, shown[1:], strict=False))
        assert figure.legends[0].get_window_extent(renderer).y0 > axes.title.get_window_extent(renderer).y1


def test_a_legend_too_wide_for_the_page_takes_another_row():
    ds = simulation().expand_dims({"synapse.gaba_a.scale": [0.0, 0.25, 0.5, 1.0]})
    for figure in (plots.psth_figure(ds), plots.windup_figure(ds)):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        box = figure.legends[0].get_window_extent(canvas.get_renderer())
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width


def test_an_unfinished_sweep_draws_what_there_is():
    ds = sweep()
    ds["rate"][9:, :, 2] = np.nan
    drawn = curves(panel(plots.frequency_figure(ds), "c"))[0]
    assert np.isfinite(drawn[:8, 1]).all()
    assert np.isnan(drawn[8:, 1]).all()


def test_a_panel_far_above_the_others_of_its_row_has_its_own_range():
    ds = sweep()
    alike = plots.frequency_figure(ds)
    assert panel(alike, "b").get_ylim() == panel(alike, "c").get_ylim()
    ds["rate"][6, :, 1] *= 10
    apart = plots.frequency_figure(ds)
    assert panel(apart, "b").get_ylim()[1] > 400
    assert panel(apart, "c").get_ylim() == panel(alike, "c").get_ylim()


def test_frequency_figure_names_what_is_missing_or_left_over():
    with pytest.raises(InputError, match='unknown population "DRG"'):
        plots.frequency_figure(sweep(), populations=("DRG",))
    with pytest.raises(InputError, match="no baseline at 0; there is 1, 4"):
        plots.frequency_figure(sweep().isel({"tonic.frequency": slice(1, None)}))
    with pytest.raises(InputError, match='unknown swept axis "burst.rate"'):
        plots.frequency_figure(sweep(), dim="burst.rate")
    more = sweep().expand_dims({"pag.drive": [0.0, 1.0]})
    with pytest.raises(
        InputError, match=r"choose one value of pag.drive, as in ds.sel\(\{'pag.drive': 0.0\}\)"
    ):
        plots.frequency_figure(more)
    with pytest.raises(InputError, match="the Dataset has no rate"):
        plots.sweep_figure(sweep().drop_vars("rate"))


def test_sweep_figure_takes_percent_only_where_there_is_no_stimulation():
    assert (
        "% of no stimulation"
        in panel(plots.sweep_figure(sweep()), "b").get_ylabel()
        + panel(plots.sweep_figure(sweep()), "a").get_ylabel()
    )
    figure = plots.sweep_figure(sweep().isel({"tonic.frequency": slice(1, None)}))
    assert panel(figure, "a").get_ylabel() == "WDR rate (Hz)"
    np.testing.assert_allclose(
        curves(panel(figure, "a"))[1][:, 1], sweep()["rate"].mean("replicate")[1:, 1, 0, 0]
    )


def test_sweep_figure_of_names_has_points_and_no_line_between_them():
    figure = plots.sweep_figure(sweep().isel({"tonic.frequency": 0, "stimulus": 1}, drop=True))
    axes = panel(figure, "a")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["naive", "snl"]
    assert all(line.get_linestyle() == "None" or len(line.get_xdata()) == 0 for line in axes.get_lines())


def test_sweep_figure_of_a_number_is_titled_with_name_and_value():
    ds = sweep().isel({"tonic.frequency": [3, 6], "stimulus": 1}).rename({"tonic.frequency": "pag.drive"})
    ds = ds.assign_coords({"pag.drive": ("pag.drive", [0.0, 1.0], {"units": "1"})})
    ds = ds.expand_dims({"drugs.ap5": [0.0, 0.5, 1.0]})
    figure = plots.sweep_figure(ds)
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert entries[:2] == ["pag.drive = 0", "pag.drive = 1"]
    assert titles == ["Naive", "Nerve injury (SNL)"]


def test_sweep_figure_of_one_simulation_shows_the_most_detailed_thing_it_holds():
    ds = simulation()
    assert plots.sweep_figure(ds).axes[0].get_yticklabels()[0].get_text() == "WDR"
    bare = ds[["rate", "psth", "count"]]
    assert plots.sweep_figure(bare).axes[0].get_xlabel() == "Shock"
    assert plots.sweep_figure(bare[["rate", "psth"]]).axes[1].get_xlabel() == "Time (s)"


def test_raster_shows_every_spike_of_one_replicate_in_its_row():
    axes = plots.raster(simulation()).axes[0]
    spikes = [line.get_xydata() for line in axes.get_lines() if line.get_marker() == "|"]
    np.testing.assert_allclose(spikes[0], [[0.1, 0], [0.5, 1]])
    np.testing.assert_allclose(spikes[1], [[0.1, 4], [0.5, 5]])
    assert axes.get_ylim() == (-0.5, 5.5)
    assert axes.get_xlim() == pytest.approx((0, 1))
    assert [line.get_xdata()[0] for line in axes.get_lines() if line.get_linestyle() == ":"] == [0.0, 0.4]
    only = plots.raster(simulation(), ["PN"], replicate=1, start=0.1, stop=0.3).axes[0]
    np.testing.assert_allclose(only.get_lines()[0].get_xydata(), [[0.2, 1]])
    with pytest.raises(InputError, match="no shock_time; it needs spikes=True"):
        plots.raster(simulation()[["rate", "psth"]])


def test_windup_figure_shows_the_mean_response_to_each_shock():
    figure = plots.windup_figure(simulation(), ("PN",))
    expected = simulation()["count"].sel(window="C", population="PN").mean("replicate")
    np.testing.assert_allclose(curves(figure.axes[0])[0], np.column_stack([[1, 2, 3], expected]))
    with pytest.raises(InputError, match='unknown window "Abeta"'):
        plots.windup_figure(simulation(), window="Abeta")
    with pytest.raises(InputError, match="one swept axis at most, got state, drugs.ap5"):
        plots.windup_figure(simulation().expand_dims({"state": ["naive"], "drugs.ap5": [1.0]}))


def test_psth_figure_has_a_line_for_each_value_of_a_swept_axis():
    ds = simulation()[["rate", "psth"]].expand_dims({"state": ["naive", "snl"]})
    figure = plots.psth_figure(ds, ("WDR",))
    assert len(curves(figure.axes[0])) == 2
    np.testing.assert_allclose(curves(figure.axes[0])[0][:, 1], simulation()["psth"].mean("replicate")[0])
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["Naive", "Nerve injury (SNL)"]


def test_save_writes_each_format_and_the_same_figure_gives_the_same_file(tmp_path):
    figure = plots.windup_figure(simulation())
    files = plots.save(figure, tmp_path / "new" / "fig.v1.png")
    assert [file.name for file in files] == ["fig.v1.png", "fig.v1.pdf"]
    assert files[0].read_bytes().startswith(b"\x89PNG")
    again = plots.save(plots.windup_figure(simulation()), tmp_path / "again")
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.pdf", "again.png", "new"]


def test_a_figure_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    figure = plots.windup_figure(simulation())
    (old,) = plots.save(figure, tmp_path / "fig", ["png"])
    before = old.read_bytes()

    def full(self, path, **more):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(StoreError, match=r"cannot write figure .*fig.png: No space left on device"):
        plots.save(figure, tmp_path / "fig", ["png"])
    assert old.read_bytes() == before
    assert list(tmp_path.iterdir()) == [old]
    with pytest.raises(StoreError, match="cannot write figure"):
        plots.save(figure, old / "below", ["png"])


def test_figures_leave_global_settings_alone_and_need_no_pyplot():
    before = dict(mpl.rcParams)
    plots.frequency_figure(sweep())
    assert dict(mpl.rcParams) == before
    code = "import sys, dhmodel.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_lines_are_told_apart_without_colour():
    with mpl.style.context(plots.STYLE):
        looks = mpl.rcParams["axes.prop_cycle"].by_key()
    assert len(set(looks["color"])) == len(set(looks["marker"])) == 8
