"""What was computed for the ledger, kept on disk: one file for each unit, written whole or not at all."""

import os
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import StoreError

__all__ = ["Kept"]

type Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Kept:
    """
    A folder of arrays by name.

    Attributes
    ----------
    folder : Path
        Made when something is first kept.
    """

    folder: Path

    def has(self, name: str) -> bool:
        """Whether something is kept under a name."""
        return self._file(name).is_file()

    def load(self, name: str) -> dict[str, NDArray[Any]]:
        """
        Arrays that are kept under a name.

        Raises
        ------
        StoreError
            There are none, or the file is damaged.
        """
        file = self._file(name)
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        except OSError as error:
            raise StoreError(f"{file}: cannot read: {error.strerror or error}") from error
        except (zipfile.BadZipFile, ValueError, KeyError, EOFError) as error:
            raise StoreError(f"{file}: damaged ({error}); delete it and start again") from error

    def save(self, name: str, arrays: Arrays) -> None:
        """
        Keep arrays under a name.

        Raises
        ------
        StoreError
            The disk is full or cannot be written; nothing is left behind.
        """
        file = self._file(name)
        part = self.folder / f".{name}.{uuid4().hex[:8]}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(part, "wb") as stream:
                np.savez_compressed(stream, **dict(arrays))  # type: ignore[arg-type]
            os.replace(part, file)
        except OSError as error:
            with suppress(OSError):  # what stands in the way of the file may stand in the way of this
                part.unlink()
            raise StoreError(f"{file}: cannot write: {error.strerror or error}") from error

    def drop(self, name: str) -> None:
        """Forget what is kept under a name, if anything is."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.npz"
