"""What a paradigm delivers, as a few lines of text."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["delivery_table"]

_WIDTH = 24


def delivery_table(ds: "xr.Dataset") -> str:
    """
    Write amplitude, dose and effect of each channel, then of all together.

    Parameters
    ----------
    ds : xarray.Dataset
        From `dhmodel.stimulation.view.stimulate`.

    Returns
    -------
    str
        A column for each channel. Fibres recruited and ECAP are means over its pulses. A line for each route.
    """
    attrs = ds.attrs
    about = f"{attrs['paradigm']}, {attrs['state']} {attrs['species']}, {attrs['duration']:g} s"
    if "channel" not in ds.dims:
        return "\n".join([about, *_routes(ds)])
    channels = [_channel(ds, index) for index in range(ds.sizes["channel"])]
    lines = [
        f"{about}, {attrs['fibres']} dorsal-column fibres",
        f"{'':{_WIDTH}}" + "".join(f"{name:>{_WIDTH // 2}}" for name in ds["channel"].values),
    ]
    for name, show in _ROWS.items():
        lines.append(f"{name:{_WIDTH}}" + "".join(f"{show(one):>{_WIDTH // 2}.5g}" for one in channels))
    together = f"synchrony {float(ds['synchrony']):.2g}"
    lines.append(f"{'trunk rate (Hz)':{_WIDTH}}{float(ds['trunk_rate']):>{_WIDTH // 2}.4g}, {together}")
    return "\n".join([*lines, *_loop(ds), *_routes(ds)])


def _channel(ds: "xr.Dataset", index: int) -> "xr.Dataset":
    """What belongs to a channel, its pulses averaged."""
    pulses = ds[["recruited", "ecap"]].isel(pulse=ds["pulse_channel"].values == index).mean("pulse")
    return ds.isel(channel=index).drop_vars(["recruited", "ecap"]).merge(pulses)


def _times(scale: str) -> Callable[["xr.Dataset"], float]:
    return lambda one: float(one["multiple"].sel(scale=scale))


def _of(name: str, factor: float = 1.0) -> Callable[["xr.Dataset"], float]:
    return lambda one: factor * float(one[name])


_ROWS = {
    "amplitude (mA)": _of("nominal", 1e3),
    "  x ECAP threshold": _times("ecap"),
    "  x perception": _times("perception"),
    "  x motor threshold": _times("motor"),
    "pulse rate (Hz)": _of("pulse_rate"),
    "charge per phase (nC)": _of("charge_per_phase", 1e9),
    "charge per second (uC)": _of("charge_per_second", 1e6),
    "duty cycle (%)": _of("duty_cycle", 1e2),
    "fibres recruited (%)": _of("recruited", 1e2),
    "ECAP N1-P2 (uV)": _of("ecap", 1e6),
}


def _loop(ds: "xr.Dataset") -> list[str]:
    if "loop_current" not in ds:
        return []
    return [
        f"{f'{name} loop':{_WIDTH}}{1e2 * ds.attrs[f'loop_in_window_{name}']:>{_WIDTH // 2}.4g} % in window, "
        f"deviation {1e6 * ds.attrs[f'loop_deviation_{name}']:.4g} uV, "
        f"charge {1e6 * ds.attrs[f'loop_charge_{name}']:.4g} uC"
        for name in ("closed", "open")
    ]


def _routes(ds: "xr.Dataset") -> list[str]:
    """What each route brings, and what the paradigm tells of itself."""
    if "route" not in ds.dims:
        return []
    lines = []
    for at, name in enumerate(ds["route"].values):
        own = ds.isel(route=at)
        units = int(own["route_units"])
        brought = f"{float(own['route_rate'].mean()):>{_WIDTH // 2}.4g} Hz"
        if not units:
            brought = f"{1e12 * float(own['route_current']):>{_WIDTH // 2}.4g} pA"
        lines.append(f"{name:{_WIDTH}}{brought}  {own['route_to'].item()}" + (f" x {units}" if units else ""))
    told = {name: ds[name] for name in np.atleast_1d(ds.attrs["told"]).tolist()}
    return lines + [
        f"{name:{_WIDTH}}{float(one):>{_WIDTH // 2}.4g} {one.attrs['units']}" for name, one in told.items()
    ]
