"""
Identity of the code that decides numbers, so that what an older code recorded is never taken for new.

The version alone would not do: between two versions the code changes every day. Python files count by their
syntax tree without docstrings and data files without their texts about sources, so that a reworded comment
makes nothing run again; all others count by their bytes.
"""

import ast
import json
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = ["ANSWERS", "COURSES", "RECORDINGS", "digest"]

PACKAGE = Path(__file__).parent
ENDINGS = (".py", ".cpp", ".h", ".toml", ".csv")
TEXTS = ("about", "source", "read")

RECORDINGS = (
    "circuit",
    "delivered.py",
    "delivered.toml",
    "engine",
    "even.py",
    "expressions.py",
    "formulas.py",
    "kept.py",
    "native.py",
    "parameters",
    "recording.py",
    "scenarios.py",
    "simulate.py",
    "stimulation",
    "streams.py",
    "texts.py",
    "units.py",
)
"""What `dhmodel.simulate.measure` runs and reads."""

COURSES = (*RECORDINGS, "scenarios.toml", "slow", "evidence/running/course.py", "evidence/running/draws.py")
"""What the timetables of the ledger run and read."""

ANSWERS = (*RECORDINGS, "measures", "evidence/protocols", "evidence/running/draws.py")
"""What the Python protocols of the ledger run and read."""


@lru_cache(maxsize=4)
def digest(parts: tuple[str, ...] = RECORDINGS) -> str:
    """
    Identify the code and data in files and folders of the package.

    Parameters
    ----------
    parts : tuple of str
        Relative to the package.

    Returns
    -------
    str
        16 hex digits.
    """
    found = sha256()
    for file in sorted(_files(parts)):
        found.update(f"{file.relative_to(PACKAGE)}\0{_content(file)}\0".encode())
    return found.hexdigest()[:16]


def _files(parts: tuple[str, ...]) -> Iterator[Path]:
    for part in parts:
        path = PACKAGE / part
        yield from (path,) if path.is_file() else (f for f in path.rglob("*") if f.suffix in ENDINGS)


def _content(file: Path) -> str:
    match file.suffix:
        case ".py":
            return _program(file.read_bytes())
        case ".toml":
            return json.dumps(_without_texts(tomllib.loads(file.read_text(encoding="utf-8"))))
    return sha256(file.read_bytes()).hexdigest()


def _program(text: bytes) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body[0] = ast.Pass()
    return sha256(ast.dump(tree).encode()).hexdigest()


def _without_texts(table: Any) -> Any:
    if isinstance(table, list):
        return [_without_texts(one) for one in table]
    if isinstance(table, dict):
        return {key: _without_texts(one) for key, one in table.items() if key not in TEXTS}
    return table
