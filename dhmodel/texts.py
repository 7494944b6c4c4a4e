"""Text files that a user hands in: data, read whole if their size is bearable, and refused in one line."""

import re
import tomllib
from pathlib import Path
from typing import Any

from dhmodel.errors import InputError

__all__ = ["LARGEST", "read_text", "read_toml"]

LARGEST = 20_000_000
"""Bytes of a file that is read whole; a million points of a sweep take about as much."""

# of TOML, whose parser takes a second for each megabyte
_LARGEST_TOML = 5_000_000

# keys as deep as no table is: the parser takes the square of their number of steps
_DEEP = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){50}""")


def read_text(
    file: Path, where: str, kind: str = "text", encoding: str = "utf-8", largest: int = LARGEST
) -> str:
    """
    Read a file as text.

    Parameters
    ----------
    file : Path
    where : str
        How messages call it.
    kind : str
        What it should hold, for messages.
    encoding : str
    largest : int
        Bytes.

    Raises
    ------
    InputError
        There is no such file, it cannot be read, is larger than `largest`, or is not text.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(largest + 1)
    except OSError as error:
        raise InputError(f"{where}: {error.strerror or error}") from None
    except ValueError as error:  # a name that no file can have
        raise InputError(f"{where}: {error}") from None
    if len(content) > largest:
        raise InputError(f"{where}: larger than {largest // 1_000_000} MB, the most that is read as {kind}")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not {kind}: {error}") from None


def read_toml(file: Path, where: str) -> dict[str, Any]:
    """
    Read a TOML file.

    Raises
    ------
    InputError
        As `read_text`, or it is not TOML.
    """
    text = read_text(file, where, "TOML", largest=_LARGEST_TOML)
    if _DEEP.search(text):
        raise InputError(f"{where}: a key of more than 50 parts")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers without end and tables without floor among them
        raise InputError(f"{where}: not TOML: {error}") from None
