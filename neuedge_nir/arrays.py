"""Arrays in .npz files of strangers: numbers only, nothing executable, no more than memory holds."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError

Numbers = NDArray[np.number | np.bool_]
MAX_BYTES = 1 << 30


def load_arrays(path: Path, code: str, what: str, hint: str) -> dict[str, Numbers]:
    """The arrays of an .npz file by name, sorted. Raises `InputError` with this code where it is none.

    `what` names the content in the message: "the activity profile".
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(code, f"{what} is larger than 1 GiB", where=path.name, hint=hint)
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                raise InputError(code, f"{what} unpacks to more than 1 GiB", where=path.name, hint=hint)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: _numbers(arrays[name], name) for name in sorted(arrays.files)}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(code, f"{what} is no readable .npz of numbers: {error}", where=path.name, hint=hint) from error


def _numbers(values: np.ndarray, name: str) -> Numbers:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{name!r} holds {values.dtype}, not numbers")
    return values
