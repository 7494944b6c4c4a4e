"""Amplitudes that make paradigms comparable, and the figure that compares them."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.plots.paradigms import paradigm_figure
from dhmodel.stimulation.delivery import deliver
from dhmodel.stimulation.matching import charge_multiple, ecap_settings
from dhmodel.stimulation.recruitment import amplitudes
from dhmodel.stimulation.schedule import schedule

CYCLE = {"intermittent.on": "0.5 s", "intermittent.off": "0.5 s"}
OPEN = ["tonic", "subperception", "burst", "intermittent", "dtm", "high_dose", "khz"]
DURATION = 2.0  # s


@pytest.mark.parametrize("name", [*OPEN, "closed_loop"])
def test_every_channel_is_at_the_multiple_of_its_own_ecap_threshold(name):
    P = resolve(set=CYCLE | ecap_settings(resolve(), name, 1.7))
    made = schedule(P, name, DURATION, 1, 0)
    found = [amplitudes(P, made, channel)["ecap"] for channel in range(len(made.channels))]
    np.testing.assert_allclose(found, 1.7)


def test_in_closed_loop_the_multiple_is_what_the_controller_holds():
    P = resolve(set=ecap_settings(resolve(), "closed_loop", 1.7))
    assert deliver(P, "closed_loop", DURATION, 1, 0).amplitudes(P)["ecap_multiple"] == pytest.approx(
        1.7, rel=0.05
    )


@pytest.mark.parametrize("name", OPEN)
def test_a_matched_paradigm_delivers_the_charge(name):
    P = resolve(set=CYCLE)
    multiple = charge_multiple(P, name, 1e-6, DURATION)
    matched = resolve(set=CYCLE | ecap_settings(P, name, multiple))
    sent = deliver(matched, name, DURATION, 1, 0).amplitudes(matched)
    assert sent["charge_per_second"] == pytest.approx(1e-6)


def test_pauses_count_in_the_charge():
    P = resolve(set=CYCLE)
    always, cycled = (charge_multiple(P, name, 1e-6, DURATION) for name in ("burst", "intermittent"))
    assert cycled == pytest.approx(2 * always)


@pytest.mark.parametrize("charge", [0.0, -1e-6, np.nan, np.inf])
def test_a_charge_that_cannot_be_is_refused(charge):
    with pytest.raises(InputError, match="charge per second: got"):
        charge_multiple(resolve(), "tonic", charge, DURATION)


def test_a_paradigm_without_pulses_has_no_charge():
    with pytest.raises(InputError, match='"none" sends no pulse'):
        charge_multiple(resolve(), "none", 1e-6, DURATION)


SHARES = {"none": 1.0, "tonic": 0.5, "burst": 0.25}


def comparison():
    """Two matches; WDR fires 10 Hz more from seed to seed; burst is above motor threshold in the second."""
    dims = ("match", "paradigm", "state", "replicate")
    ones = np.ones((2, 3, 2, 4))
    share = np.array(list(SHARES.values()))[:, None, None]
    baseline = np.array([40.0, 80.0])[:, None] + 10 * np.arange(4)
    motor = ones * np.array([[0.0, 0.5, 0.5], [0.0, 0.5, 1.5]])[:, :, None, None]
    pulses = np.array([0.0, 1.0, 1.0])[:, None, None]
    evoked = np.where(pulses > 0, 0.4, np.nan)
    values = {
        "ecap_multiple": ones * 1.3 * pulses,
        "motor_multiple": motor,
        "charge_per_second": ones * 2e-6 * pulses,
        "trunk_rate": ones * 50 * pulses,
        "WDR": ones * share * baseline,
        "PN": ones * share * baseline / 2,
        "inhibition": ones * baseline / share,
        "synchrony_WDR": ones * 0.1,
        "synchrony_evoked": ones * evoked,
    }
    coords = {
        "match": ["Same dose", "Same charge"],
        "paradigm": list(SHARES),
        "state": ["naive", "snl"],
        "pulses": ("paradigm", ["", "50 Hz, 200 µs", "5 × 500 Hz at 40 Hz, 1 ms"]),
    }
    return xr.Dataset({name: (dims, value) for name, value in values.items()}, coords)


def column(figure, heading):
    """Panels below a heading, from the top."""
    (first,) = [axes for axes in figure.axes if any(text.get_text() == heading for text in axes.texts)]
    here = first.get_position()
    return [axes for axes in figure.axes if axes.get_position().x0 == pytest.approx(here.x0)]


def points(axes):
    """Where the markers of each state stand."""
    return [bars.lines[0].get_xdata() for bars in axes.containers]


def test_firing_is_drawn_in_percent_of_each_seeds_own_baseline():
    for axes in column(paradigm_figure(comparison()), "WDR\nfiring (%)"):
        for found in points(axes):
            np.testing.assert_allclose(found, [50, 25])
        # every seed fell alike, so that there is no spread, although baselines differ
        for bars in axes.containers:
            ends = np.array([path.vertices[:, 0] for path in bars.lines[2][0].get_paths()])
            np.testing.assert_allclose(np.ptp(ends, axis=1), 0, atol=1e-9)


def test_baselines_are_given_in_hertz():
    (top, below) = column(paradigm_figure(comparison()), "WDR\nfiring (%)")
    assert [text.get_text() for text in top.texts[1:]] == ["100 % = 55 Hz", "100 % = 95 Hz"]
    assert not below.texts


def test_rows_above_the_motor_threshold_are_shaded_in_every_column():
    figure = paradigm_figure(comparison())
    assert len(figure.axes) == 16
    for first in range(0, 16, 2):
        assert not figure.axes[first].patches
        (patch,) = figure.axes[first + 1].patches
        assert (patch.get_y(), patch.get_height()) == (0.5, 1.0)


def test_the_legend_speaks_of_shading_only_where_there_is_some():
    ds, label = comparison(), "amplitude above motor threshold"
    for part, there in ((ds, True), (ds.isel(match=[0]), False)):
        (legend,) = paradigm_figure(part).legends
        assert (label in [text.get_text() for text in legend.get_texts()]) == there


def test_the_motor_threshold_stands_where_the_amplitude_would_reach_it():
    first, second = column(paradigm_figure(comparison()), "Amplitude\n(× ECAP threshold)")
    for axes, expected in ((first, [2.6, 2.6]), (second, [2.6, 1.3 / 1.5])):
        motor = next(line for line in axes.lines if line.get_marker() == "|")
        np.testing.assert_allclose(motor.get_xdata(), expected)


def test_what_is_missing_is_not_drawn():
    ds = comparison()
    ds["synchrony_evoked"][0, 1] = np.nan
    above, below = column(paradigm_figure(ds), "Synchrony\nof these")
    np.testing.assert_array_equal(np.isnan(points(above)[0]), [True, False])
    np.testing.assert_allclose(points(below)[0], 0.4)


def test_texts_stay_on_the_page_and_off_the_data():
    figure = paradigm_figure(comparison())
    renderer = FigureCanvasAgg(figure).get_renderer()
    assert figure.get_figwidth() == pytest.approx(180 / 25.4)
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent(renderer)
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
            assert not box.overlaps(axes.get_window_extent(renderer))


@pytest.mark.parametrize("name", ["motor_multiple", "synchrony_evoked", "WDR"])
def test_a_missing_variable_is_named(name):
    with pytest.raises(InputError, match=f"no {name}"):
        paradigm_figure(comparison().drop_vars(name))


def test_no_stimulation_must_be_there():
    with pytest.raises(InputError, match="none"):
        paradigm_figure(comparison().drop_sel(paradigm="none"))
