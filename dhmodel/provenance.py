"""The one place that says of a Dataset where it comes from."""

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from dhmodel.errors import InputError

__all__ = ["provenance"]


def provenance(attributes: Mapping[str, Any]) -> dict[str, str | int | float]:
    """
    Stamp attributes with versions and time; the one place where this is done.

    Parameters
    ----------
    attributes : mapping
        Must hold `parameters` (JSON text), `parameters_digest`, `seed`, `n_neurons`, `dt` (s) and `target`.
        What is neither text nor a number is written as JSON text, so that every store can hold it.

    Returns
    -------
    dict
        The attributes, `<package>_version` of dhmodel, brian2, numpy and python, and `created` (UTC).

    Raises
    ------
    InputError
        If a required attribute is missing.
    """
    for name in ("parameters", "parameters_digest", "seed", "n_neurons", "dt", "target"):
        if name not in attributes:
            raise InputError(f"provenance: attribute {name} is missing")
    versions = {f"{name}_version": _version(name) for name in ("dhmodel", "brian2", "numpy")}
    versions["python_version"] = platform.python_version()
    plain = {name: _plain(value) for name, value in attributes.items()}
    return {**plain, **versions, "created": datetime.now(UTC).isoformat(timespec="seconds")}


def _plain(value: Any) -> str | int | float:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, (float, np.floating)) or np.ndim(value) == 0 and hasattr(value, "dim"):
        return float(value)
    return json.dumps(value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
