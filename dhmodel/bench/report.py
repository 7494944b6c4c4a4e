"""What the benchmark says: sections of a table, aims, the machine; as text and as JSON."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dhmodel.engine import build

__all__ = ["Aim", "Section", "as_data", "as_text", "machine"]

type Cell = str | float


@dataclass(frozen=True)
class Section:
    """
    One table.

    Attributes
    ----------
    title : str
    columns : tuple of str
        Heads; the first column names the row.
    rows : sequence of tuple
        Text, or numbers, one per column; NaN is a dash.
    notes : tuple of str
        Lines below the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Aim:
    """A figure with a bound: at least `bound`, or at most."""

    what: str
    value: float
    bound: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the value keeps to the bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        """One line."""
        side = "at least" if self.at_least else "at most"
        return f"{self.what}: {self.value:.3g}, aim {side} {self.bound:g}: {'met' if self.met else 'not met'}"


def machine() -> dict[str, Any]:
    """Where and with what the figures were taken."""
    found = build.compiler()
    flags = build.usable_flags(build.RECIPES["cpp"].flags, lambda text: None) if found else None
    return {
        "processor": _processor(),
        "vectors": _vectors(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB",
        "system": platform.platform(),
        "compiler": found[1] if found else None,
        "flags": " ".join(flags or ()),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("dhmodel", "brian2", "numpy", "cython", "zarr", "distributed")},
    }


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _vectors() -> str:
    """Vector instructions of the processor, which decide more than its name."""
    known = ("sse4", "avx", "fma", "asimd", "sve")
    return " ".join(sorted(flag for flag in _cpuinfo("flags").split() if flag.startswith(known)))


def _cpuinfo(key: str) -> str:
    """Say what the kernel tells of the first processor; empty where it does not."""
    try:
        with open("/proc/cpuinfo") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith(key)), "")
    except OSError:
        return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def as_text(where: dict[str, Any], sections: Sequence[Section], aims: Sequence[Aim]) -> str:
    """Lay out everything as text."""
    parts = ["\n".join(f"{key:<11} {value}" for key, value in where.items())]
    parts += ["\n".join([section.title, *_table(section), *section.notes]) for section in sections]
    if aims:
        parts.append("\n".join(["Aims", *(f"  {aim}" for aim in aims)]))
    return "\n\n".join(parts)


def _table(section: Section) -> list[str]:
    if not section.rows:
        return []
    lines = [section.columns, *(tuple(_cell(cell) for cell in row) for row in section.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(section.columns))]
    numeric = [isinstance(cell, float) for cell in section.rows[0]]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    ]


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    if cell != cell:
        return "-"
    return f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"


def as_data(where: dict[str, Any], sections: dict[str, Section], aims: Sequence[Aim]) -> dict[str, Any]:
    """Return the same as nested dicts and lists, ready for JSON; what is missing is None."""
    return {
        "machine": where,
        "sections": {
            name: {
                "title": section.title,
                "rows": [_row(section.columns, row) for row in section.rows],
                "notes": list(section.notes),
            }
            for name, section in sections.items()
        },
        "aims": [asdict(aim) | {"met": aim.met} for aim in aims],
    }


def _row(columns: tuple[str, ...], row: tuple[Cell, ...]) -> dict[str, Cell | None]:
    return {head: None if cell != cell else cell for head, cell in zip(columns, row, strict=True)}
