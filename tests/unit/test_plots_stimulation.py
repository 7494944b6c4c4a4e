"""What the figures of a stimulation show, and where it stands on paper."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

import dhmodel as dh
from dhmodel import plots
from dhmodel.errors import InputError

NAMES = ("tonic", "burst", "closed_loop", "dtm", "subperception")


@pytest.fixture(scope="module")
def seen():
    return {name: dh.stimulate(name, duration="0.2 s", fibres=50) for name in NAMES}


def titled(figure, title):
    return next(axes for axes in figure.axes if axes.get_title() == title)


def labelled(figure, label):
    return next(axes for axes in figure.axes if axes.get_ylabel() == label)


def letters(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts if len(text.get_text()) == 1]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_print_width_and_nothing_leaves_it(seen, name):
    figure = plots.stimulation_figure(seen[name])
    assert figure.get_figwidth() * 25.4 == pytest.approx(180)
    with mpl.style.context(plots.STYLE, after_reset=True):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
    for axes in figure.axes:
        box = axes.get_tightbbox(renderer)
        assert box.x0 >= -1 and box.x1 <= figure.bbox.width + 1, axes.get_title()
        assert box.y0 >= -1 and box.y1 <= figure.bbox.height + 1, axes.get_title()
        shown = [label.get_window_extent(renderer) for label in axes.get_xticklabels() if label.get_text()]
        inside = [one for one in shown if axes.bbox.x0 - 1 <= (one.x0 + one.x1) / 2 <= axes.bbox.x1 + 1]
        inside.sort(key=lambda one: one.x0)
        assert all(left.x1 < right.x0 for left, right in zip(inside, inside[1:], strict=False))


@pytest.mark.parametrize("name", NAMES)
def test_panels_are_lettered_and_the_headline_tells_amplitude_and_dose(seen, name):
    ds = seen[name]
    figure = plots.stimulation_figure(ds)
    panels = 2 + ds.sizes["channel"] + 1 + 2 + (4 if name == "closed_loop" else 2)
    assert letters(figure) == [chr(ord("a") + index) for index in range(panels)]
    headline = figure.get_suptitle()
    assert headline.startswith(f"{name}, naive rat, 0.2 s")
    assert headline.count("\n") == ds.sizes["channel"]
    for multiple in ds["multiple"].sel(scale="motor").values:
        assert f"{multiple:.2f} × motor" in headline
    assert headline.count("per phase") == ds.sizes["channel"]


def test_pulses_are_drawn_as_they_are_sent(seen):
    ds = seen["burst"]
    figure = plots.pulse_figure(ds)
    train = titled(figure, "Pulses (negative: cathodic)").get_lines()[0]
    np.testing.assert_allclose(train.get_xdata(), 1e3 * ds["waveform_time"])
    np.testing.assert_allclose(train.get_ydata(), 1e6 * ds["waveform"][:, 0])
    alone = titled(figure, "One burst").get_lines()[0]
    phases = np.diff(alone.get_xdata()) * alone.get_ydata()[:-1]
    assert phases.sum() == pytest.approx(0, abs=1e-6 * np.abs(phases).sum())
    assert titled(plots.pulse_figure(seen["tonic"]), "One pulse")


def test_two_channels_are_two_lines_with_a_legend(seen):
    figure = plots.pulse_figure(seen["dtm"])
    drawn = [line for line in titled(figure, "One pulse").get_lines() if len(line.get_xdata()) > 2]
    assert len({line.get_color() for line in drawn}) == len(drawn) == 2
    (part,) = figure.subfigs
    assert [text.get_text() for text in part.legends[0].get_texts()] == ["dtm.low", "dtm.high"]


def test_recruitment_has_a_curve_for_each_kind_the_amplitude_and_its_scales(seen):
    ds = seen["tonic"]
    figure = plots.recruitment_figure(ds)
    curves, *scales = figure.axes
    assert curves.get_title() == "One pulse of tonic" and curves.get_xscale() == "log"
    *drawn, used = curves.get_lines()
    for line, kind in zip(drawn, ds["kind"].values, strict=True):
        np.testing.assert_allclose(line.get_xdata(), 1e6 * ds["grid"][0])
        np.testing.assert_allclose(line.get_ydata(), ds["recruitment"].sel(kind=kind)[0])
    assert used.get_xdata()[0] == pytest.approx(1e6 * float(ds["nominal"][0]))
    for axes, name in zip(scales, ds["scale"].values, strict=True):
        (dot,) = axes.get_lines()
        assert dot.get_xdata()[0] == pytest.approx(float(ds["multiple"].sel(scale=name)[0]))
        threshold = float(ds["threshold"].sel(scale=name)[0])
        np.testing.assert_allclose(np.array(axes.get_xlim()) * threshold * 1e6, curves.get_xlim())
    assert [axes.texts[0].get_text() for axes in scales] == ["× ECAP", "× perception", "× motor"]


def test_the_raster_has_every_spike_with_fibres_in_the_order_of_their_thresholds(seen):
    ds = seen["tonic"]
    spikes = titled(plots.fibre_raster(ds), "Spikes started in dorsal-column fibres").get_lines()[0]
    order = np.argsort(ds["fibre_threshold"].values[0])
    np.testing.assert_allclose(spikes.get_xdata(), 1e3 * ds["spike_time"])
    np.testing.assert_array_equal(order[spikes.get_ydata().astype(int)], ds["spike_fibre"])
    part = plots.fibre_raster(ds, 0.05, 0.1).axes[0].get_lines()[0].get_xdata()
    assert 0 < part.size < ds.sizes["spike"] and part.min() >= 50 and part.max() < 100


def test_a_stimulation_that_excites_nothing_says_so(seen):
    axes = plots.fibre_raster(seen["subperception"]).axes[0]
    assert "no spikes" in [text.get_text() for text in axes.texts]


def test_ecap_figure_shows_each_pulse_and_the_growth_from_zero(seen):
    ds = seen["tonic"]
    figure = plots.ecap_figure(ds)
    pulses = titled(figure, "ECAP of each pulse").get_lines()[0]
    np.testing.assert_allclose(pulses.get_ydata(), 1e6 * ds["ecap"])
    curve, _, dot = titled(figure, "ECAP of one pulse").get_lines()
    np.testing.assert_allclose(curve.get_ydata()[1:], 1e6 * ds["growth"][0])
    assert curve.get_xydata()[0].tolist() == [0, 0]
    assert dot.get_ydata()[0] == pytest.approx(1e6 * float(ds["ecap"].mean()))


def test_potentials_that_are_not_known_are_left_out(seen):
    ds = seen["tonic"].copy(deep=True)
    ds["ecap"][4:] = np.nan
    axes = titled(plots.ecap_figure(ds), "ECAP of each pulse")
    assert axes.get_lines()[0].get_xdata().size == 4
    assert axes.get_xlim()[1] == pytest.approx(1e3 * float(ds["pulse_time"][3]))


def test_loop_figure_sets_closed_against_open_loop(seen):
    ds = seen["closed_loop"]
    figure = plots.loop_figure(ds)
    for name, label, factor in (("loop_current", "Current (µA)", 1e6), ("loop_ecap", "N1–P2 (µV)", 1e6)):
        opened, closed = labelled(figure, label).get_lines()[:2]
        np.testing.assert_allclose(opened.get_ydata(), factor * ds[name].sel(loop="open"))
        np.testing.assert_allclose(closed.get_ydata(), factor * ds[name].sel(loop="closed"))
    entries = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    inside = 100 * float(ds["in_window"].sel(loop="open").mean())
    assert entries[1] == f"open loop: {inside:.3g} % in window"


def test_figures_name_what_is_missing(seen):
    with pytest.raises(InputError, match="no loop_current; it needs a paradigm in closed loop"):
        plots.loop_figure(seen["tonic"])
    with pytest.raises(InputError, match="no pulse_time; it needs dhmodel.stimulate"):
        plots.stimulation_figure(xr.Dataset({"rate": ("x", [1.0])}))


def test_large_currents_are_in_milliamperes(seen):
    ds = seen["tonic"].copy(deep=True)
    for name in ("nominal", "threshold", "waveform", "event", "grid", "current"):
        ds[name] = 100 * ds[name]
    assert plots.pulse_figure(ds).axes[0].get_ylabel() == "Current (mA)"
    assert plots.pulse_figure(seen["tonic"]).axes[0].get_ylabel() == "Current (µA)"
