"""Whether a Dataset holds what a figure needs."""

import xarray as xr

from dhmodel.errors import InputError


def swept(ds: xr.Dataset) -> list[str]:
    """Swept axes of a Dataset, in order."""
    has(ds, "rate", "a simulation or a sweep")
    return [str(name) for name in ds["rate"].dims if name not in ("replicate", "population")]


def single_axis(ds: xr.Dataset, what: str) -> str | None:
    """The one swept axis there may be, to become lines."""
    over = swept(ds)
    if len(over) > 1:
        raise InputError(f"{what}: one swept axis at most, got {', '.join(over)}; choose values with ds.sel")
    return over[0] if over else None


def has(ds: xr.Dataset, name: str, needs: str) -> None:
    """Refuse a Dataset without a variable, saying what would have made it."""
    if name not in ds:
        raise InputError(f"figure: the Dataset has no {name}; it needs {needs}")
