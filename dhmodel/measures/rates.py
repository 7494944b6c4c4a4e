"""Rates in percent of a baseline, spread over replicates, fraction of active neurons."""

from collections.abc import Hashable, Iterable

import numpy as np
import xarray as xr

from dhmodel.errors import InputError, unknown

SILENT = 0.05
"""Rate in Hz below which a baseline is too small to take a percentage of."""


def spread(ds: xr.Dataset, dim: str = "replicate") -> xr.Dataset:
    """
    Mean, standard deviation and standard error of every variable over one dimension.

    Parameters
    ----------
    ds : xarray.Dataset
    dim : str
        Dimension to summarise; variables without it are left out.

    Returns
    -------
    xarray.Dataset
        The same variables with a leading dimension `statistic` ("mean", "sd", "sem") in place of `dim`. The
        deviation has n - 1 in its denominator and is missing for a single replicate.
    """
    known(dim, ds.dims, "dimension")
    own = ds[[name for name, variable in ds.data_vars.items() if dim in variable.dims]]
    mean, sd = own.mean(dim, skipna=False, keep_attrs=True), deviation(own, dim)
    parts = xr.concat([mean, sd, sd / np.sqrt(ds.sizes[dim])], "statistic").assign_coords(
        statistic=["mean", "sd", "sem"]
    )
    return parts.map(lambda variable: variable.assign_attrs(ds[variable.name].attrs))


def percent_of_baseline(
    ds: xr.Dataset,
    variable: str = "rate",
    dim: str = "tonic.frequency",
    value: float = 0.0,
    floor: float = SILENT,
) -> xr.Dataset:
    """
    Express a variable as a percentage of its value at one point of a swept axis.

    Each replicate is compared with its own baseline, which has the same trains, cells and wiring. Where the
    baseline of any replicate is below `floor`, no replicate gets a percentage: leaving out only the silent
    ones would favour the others.

    Parameters
    ----------
    ds : xarray.Dataset
        With dimensions `dim` and `replicate`.
    variable : str
    dim : str
        Swept axis.
    value : float
        Where the baseline lies on it, such as 0 Hz for no stimulation.
    floor : float
        Smallest baseline that counts as firing, in the unit of the variable.

    Returns
    -------
    xarray.Dataset
        `percent` (every dimension of the variable); `mean` and `sd` of it over `replicate`; `baseline`, the
        variable at `value`; `silent`, true where a replicate's baseline is below the floor.

    Raises
    ------
    InputError
        If the variable, the axis or the value does not exist.
    """
    known(variable, ds.data_vars, "variable")
    known(dim, ds[variable].dims, f"dimension of {variable}")
    at = np.flatnonzero(np.isclose(ds[dim], value, rtol=1e-9, atol=1e-12))
    if not at.size:
        raise InputError(
            f"{dim}: no baseline at {value:g}; there is {', '.join(f'{x:g}' for x in ds[dim].values)}"
        )
    baseline = ds[variable].isel({dim: at[0]}, drop=True)
    silent = (baseline < floor).any("replicate")
    percent = 100 * ds[variable] / baseline.where(~silent)
    result = xr.Dataset(
        {
            "percent": percent,
            "mean": percent.mean("replicate", skipna=False),
            "sd": deviation(percent, "replicate"),
        }
    )
    for name in result:
        result[name].attrs = {"units": "%", "long_name": f"{variable}, percent of {dim} = {value:g}"}
    result["baseline"] = baseline.assign_attrs(ds[variable].attrs)
    result["silent"] = silent.assign_attrs(
        long_name=f"baseline below {floor:g} {ds[variable].attrs.get('units', '')}"
    )
    return result


def active_fraction(ds: xr.Dataset, at_least: int = 2) -> xr.DataArray:
    """
    Fraction of the neurons that fired at least so many spikes, from stored spikes.

    The variable `active` of a Dataset holds this for the parameter `recording.active_spikes`.

    Parameters
    ----------
    ds : xarray.Dataset
        Made with ``spikes=True``, without swept axes.
    at_least : int

    Returns
    -------
    xarray.DataArray
        Shape (replicate, population).
    """
    replicates = ds.sizes["replicate"]
    fractions = []
    for name in ds["population"].values:
        known(f"spike_neuron_{name}", ds.data_vars, "variable")
        neurons, size = ds[f"spike_neuron_{name}"], ds[f"spike_neuron_{name}"].attrs["population_size"]
        cell = ds[f"spike_replicate_{name}"].values * size + neurons.values
        spikes = np.bincount(cell, minlength=replicates * size).reshape(replicates, size)
        fractions.append((spikes >= at_least).mean(axis=1))
    attrs = {"units": "1", "long_name": f"fraction of neurons with at least {at_least} spikes"}
    coords = {"replicate": ds["replicate"], "population": ds["population"]}
    return xr.DataArray(np.transpose(fractions), coords, ("replicate", "population"), "active", attrs)


def deviation[Data: (xr.Dataset, xr.DataArray)](data: Data, dim: str) -> Data:
    """Sample standard deviation; missing for a single value, where numpy would warn."""
    if data.sizes[dim] < 2:
        return data.mean(dim) * np.nan
    return data.std(dim, ddof=1, skipna=False)


def known(name: str, allowed: Iterable[Hashable], kind: str) -> None:
    """Refuse a name that is not among the allowed ones, as `dhmodel.errors.unknown` words it."""
    names = [str(one) for one in allowed]
    if name not in names:
        raise unknown(kind, name, names)
