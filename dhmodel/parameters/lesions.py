"""Lesions as users give them: names, and which fraction of each is cut."""

from collections.abc import Iterable, Mapping
from typing import Any

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.units import to_si

__all__ = ["INTACT", "Cuts", "read_cuts", "written"]

INTACT = "none"

type Cuts = tuple[tuple[str, float], ...]


def read_cuts(given: object, known: Iterable[str]) -> Cuts:
    """
    Validate lesions.

    Parameters
    ----------
    given : str, mapping or None
        ``"dlf"`` (a full cut), ``"dlf=0.5"``, several joined by a plus, ``"none"``; or name to fraction.
    known : iterable of str
        Names of all lesions.

    Returns
    -------
    tuple of (str, float)
        Names and fractions, sorted by name, without those of which nothing is cut.

    Raises
    ------
    InputError
        An unknown lesion, one that is there twice, or a fraction that is no number from 0 to 1.
    """
    pairs = given.items() if isinstance(given, Mapping) else _pairs(given)
    found = {}
    for name, fraction in pairs:
        if name not in known:
            raise unknown("lesion", name, known)
        if name in found:
            raise InputError(f"lesion: got {quoted(given)}, {name} is there twice")
        found[name] = _fraction(name, fraction)
    return tuple(sorted((name, cut) for name, cut in found.items() if cut))


def written(cuts: Cuts) -> str:
    """Text from which `read_cuts` reads the same: ``"dlf=0.5+dorsal_column"``, or ``"none"``."""
    parts = [name if fraction == 1 else f"{name}={fraction!r}" for name, fraction in cuts]
    return "+".join(parts) or INTACT


def _pairs(given: object) -> list[tuple[str, Any]]:
    if given in (None, INTACT):
        return []
    if not isinstance(given, str):
        raise InputError(f"lesion: got {quoted(given)}, needs NAME, NAME=FRACTION or a mapping of these")
    parts = [part.partition("=") for part in given.split("+")]
    return [(name.strip(), fraction.strip() if equals else 1.0) for name, equals, fraction in parts]


def _fraction(name: str, given: object) -> float:
    fraction = to_si(given, "1", f"fraction of {name} that is cut")
    if not 0 <= fraction <= 1:
        raise InputError(f"fraction of {name} that is cut: got {quoted(given)}, allowed: 0 (none) to 1 (all)")
    return fraction
