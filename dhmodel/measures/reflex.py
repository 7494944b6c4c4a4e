"""Reflexes: what motoneurons answer to a shock to their nerve (H reflex) or to a tap on their tendon."""

import xarray as xr

from dhmodel.errors import InputError
from dhmodel.measures.rates import known

__all__ = ["reflex"]

# a tap's answer may come a little later than the first window lasts
_WINDOWS = ("Abeta", "Adelta")


def reflex(ds: xr.Dataset) -> xr.DataArray:
    """
    Size of a reflex: share of the motoneurons that fire after a shock or tap, and reach the muscle.

    Motor axons that the shock itself excites (`m_wave`) carry spikes towards the cord, which meet those of
    the reflex: it is smaller by their share. In units of the largest M wave: H/M of an H reflex.

    Parameters
    ----------
    ds : xarray.Dataset
        With `count`, of a stimulus such as ``h_reflex`` or ``t_reflex``, and `m_wave`.

    Returns
    -------
    xarray.DataArray
        Spikes per motoneuron; dimensions of `count` without `population` and `window`. Missing where the
        first window is cut short.

    Raises
    ------
    InputError
        The stimulus has no shocks or taps.
    """
    if "count" not in ds:
        raise InputError("reflex: the stimulus has no shocks or taps; use h_reflex or t_reflex")
    known("MN", ds["population"].values, "population")
    early, late = (ds["count"].sel(population="MN", window=name, drop=True) for name in _WINDOWS)
    size = (early + late.fillna(0.0)) * (1 - ds["m_wave"])
    size = size.transpose(*early.dims)
    return size.rename("reflex").assign_attrs(units="1", long_name="reflex (spikes per motoneuron)")
