"""Figure of paradigms on one cohort."""

import numpy as np
import pytest
import xarray as xr

from dhmodel.errors import InputError
from dhmodel.plots import cohort_figure


def compared():
    values = np.array([[10.0, 20.0], [np.nan, np.nan], [-30.0, -10.0]])
    about = {"long_name": "change of the answer to 48\N{NO-BREAK SPACE}\N{DEGREE SIGN}C", "units": "%"}
    one = xr.DataArray(values, dims=("paradigm", "cord"), attrs=about)
    return xr.Dataset({"gain": one, "after": 2 * one.assign_attrs(about)}, {"paradigm": ["a", "b", "c"]})


def test_bars_are_means_and_dots_are_cords():
    ds = compared()
    ds["after"].attrs = ds["gain"].attrs
    figure = cohort_figure(ds)
    for axes, name in zip(figure.axes, ds.data_vars, strict=True):
        bars = [bar.get_width() for bar in axes.patches]
        assert np.allclose(bars, ds[name].mean("cord"), equal_nan=True)
        dots = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
        assert np.allclose(dots, ds[name], equal_nan=True)
        assert axes.get_xlabel() == "%" and "48\N{NO-BREAK SPACE}\N{DEGREE SIGN}C" in axes.get_title("left")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]


def test_what_is_no_comparison_is_refused():
    with pytest.raises(InputError, match="needs at least one variable"):
        cohort_figure(xr.Dataset())
    with pytest.raises(InputError, match='"gain": has dimensions .*, needs paradigm and cord'):
        cohort_figure(compared().isel(cord=0))
