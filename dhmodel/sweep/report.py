"""What a sweep shows, as text: firing along one axis in percent of a baseline, with its spread over seeds."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import xarray as xr

from dhmodel.errors import InputError, unknown
from dhmodel.measures import SILENT, percent_of_baseline, spread
from dhmodel.parameters import parameter, paths
from dhmodel.sweep.axes import build_axis
from dhmodel.sweep.files import Report
from dhmodel.units import format_si


def report_table(ds: xr.Dataset, report: Report) -> str:
    """
    Write firing along the report's axis in percent of its baseline, for each combination of the other axes.

    Parameters
    ----------
    ds : xarray.Dataset
        A sweep with `rate` (..., replicate, population) over the report's axis.
    report : Report

    Returns
    -------
    str
        Mean +- standard deviation over replicates, each replicate compared with its own baseline. A
        population whose baseline is below `measures.SILENT` is shown in Hz, and its column says so; "-" where
        a run is missing.

    Raises
    ------
    InputError
        The axis, its baseline or a population is not in the Dataset.
    """
    if report.axis not in ds["rate"].dims:
        raise InputError(f'report: the sweep has no axis "{report.axis}"')
    for name in report.populations:
        if name not in ds["population"].values:
            raise unknown("population", name, [str(known) for known in ds["population"].values], "the report")
    baseline = build_axis(report.axis, [report.baseline]).values[0]
    numbers = percent_of_baseline(ds, "rate", report.axis, float(baseline))
    hertz = spread(ds[["rate"]])["rate"]
    numbers = numbers.assign(
        hz=hertz.sel(statistic="mean", drop=True), hz_sd=hertz.sel(statistic="sd", drop=True)
    )
    lines = [
        f"{' and '.join(report.populations)} firing in % of {report.axis} = {shown(report.axis, baseline)}",
        f"mean ± sd over {ds.sizes['replicate']} seeds, each compared with its own baseline (-: missing run)",
    ]
    others = [dim for dim in numbers["mean"].dims if dim not in (report.axis, "population")]
    for values in product(*(ds[dim].values for dim in others)):
        chosen = dict(zip(others, values, strict=True))
        title = ", ".join(f"{dim} = {shown(str(dim), value)}" for dim, value in chosen.items())
        lines += ["", title, *_block(numbers.sel(chosen), report)]
    return "\n".join(lines)


def rate_table(ds: xr.Dataset) -> str:
    """Write the firing rate of every population of one simulation, mean and deviation over replicates."""
    rates = spread(ds[["rate"]])["rate"]
    number = ds.sizes["replicate"]
    lines = [
        f"{'population':<12}{'rate':>12}{'sd':>12}   (Hz per neuron, {number} replicate{'s' * (number > 1)})"
    ]
    for name in ds["population"].values:
        mean, sd = (float(rates.sel(population=name, statistic=which)) for which in ("mean", "sd"))
        lines.append(f"{name:<12}{mean:>12.3f}{'-' if np.isnan(sd) else f'{sd:.3f}':>12}")
    return "\n".join([*lines, *_delivered(ds)])


def _delivered(ds: xr.Dataset) -> list[str]:
    """What the stimulator sent, mean over replicates, in one line; none without stimulation."""
    names = ("current", "ecap_multiple", "perception_multiple", "motor_multiple", "charge_per_second")
    if "current" not in ds or not ds["current"].any():
        return []
    current, ecap, perception, motor, charge = (float(ds[name].mean()) for name in names)
    multiples = f"{ecap:.3g} x ECAP, {perception:.3g} x perception, {motor:.3g} x motor threshold"
    return [f"stimulation {1e3 * current:.4g} mA: {multiples}; {1e6 * charge:.3g} uC per s"]


def status_text(ds: xr.Dataset, most: int = 10) -> str:
    """
    Say how far a sweep is: axes, runs by status, and the first of the errors.

    Parameters
    ----------
    ds : xarray.Dataset
        From `store.open_dataset`.
    most : int
        How many errors are listed.

    Raises
    ------
    InputError
        It is a Dataset, but not of a sweep.
    """
    if "status" not in ds:
        raise InputError("not the store of a sweep: it holds no status")
    status, errors = ds["status"].values, ds["error"].variable
    dims = [str(name) for name in ds["status"].dims]
    names = dims + sorted({str(name) for name in ds["status"].coords} - set(dims))
    lines = [f"{name}: {_values(ds[name])}" for name in names]
    counts = {name: int((status == flag).sum()) for flag, name in _flags(ds["status"])}
    lines.append(f"{counts['done']} of {status.size} runs done ({counts['done'] / status.size:.0%})")
    lines += [f"{number} {name}" for name, number in counts.items() if number and name != "done"]
    failed = np.argwhere(status == dict((name, flag) for flag, name in _flags(ds["status"]))["failed"])
    for index in failed[:most]:
        at = ds["status"][tuple(index)].coords
        label = ", ".join(f"{name}={shown(name, at[name].item())}" for name in names)
        lines.append(f"  {label}: {errors[tuple(index)].values}")
    lines += [f"  and {len(failed) - most} more"] if len(failed) > most else []
    return "\n".join(lines)


def _flags(status: xr.DataArray) -> Iterator[tuple[int, str]]:
    """Value and meaning of each status, as the store itself says."""
    return zip(status.attrs["flag_values"], status.attrs["flag_meanings"].split(), strict=True)


def _values(coordinate: xr.DataArray) -> str:
    values, name = coordinate.values, str(coordinate.name)
    if values.size <= 15:
        return ", ".join(shown(name, value) for value in values)
    first, last = ([shown(name, value) for value in part] for part in (values[:7], values[-7:]))
    return ", ".join([*first, "...", *last])


def shown(axis: str, value: object) -> str:
    """Write a coordinate as a user would: text as it is, an SI number in the unit of its parameter."""
    if isinstance(value, str):
        return str(value)
    return format_si(float(str(value)), parameter(axis).unit if axis in paths() else "1")


def _block(numbers: xr.Dataset, report: Report) -> Iterator[str]:
    """Head and rows of one combination of the other axes."""
    columns = [numbers.sel(population=name) for name in report.populations]
    yield f"  {report.axis:>20}" + "".join(f"{_head(column):>32}" for column in columns)
    for i, value in enumerate(numbers[report.axis].values):
        cells = (_cell(column.isel({report.axis: i})) for column in columns)
        yield f"  {shown(report.axis, value):>20}" + "".join(f"{cell:>32}" for cell in cells)


def _head(column: xr.Dataset) -> str:
    name = str(column["population"].item())
    if column["silent"].item():
        return f"{name} in Hz (a baseline < {SILENT:g} Hz)"
    return f"{name} (100 % = {float(column['baseline'].mean()):.3g} Hz)"


def _cell(cell: xr.Dataset) -> str:
    unit, digits = ("Hz", 2) if cell["silent"].item() else ("%", 1)
    mean, sd = (cell["hz"], cell["hz_sd"]) if unit == "Hz" else (cell["mean"], cell["sd"])
    if np.isnan(mean):
        return "-"
    # one replicate has no spread
    spread = "" if np.isnan(sd) else f" ± {float(sd):.{digits}f}"
    return f"{float(mean):.{digits}f}{spread} {unit}"
