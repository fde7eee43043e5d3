"""Arrays and lists of names as an HDF5 file in memory: the same content, the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Content = NDArray[Any] | Sequence[str] | str
"""Of a data set: numbers, names, or one text."""

SMALL_BYTES = 4096
"""Smaller arrays are stored as they are: compressed they would take more."""


def encoded_arrays(content: Mapping[str, Content]) -> bytes:
    """The file, its data sets by name; `a/b` lies in the group `a`."""
    import h5py

    text = h5py.string_dtype()
    with h5py.File("arrays", "w", driver="core", backing_store=False) as file:
        for name, value in sorted(content.items()):
            if isinstance(value, str):
                file.create_dataset(name, data=value, dtype=text)
            elif not isinstance(value, np.ndarray):
                file.create_dataset(name, data=np.array(list(value), dtype=object), shape=(len(value),), dtype=text)
            elif value.nbytes < SMALL_BYTES:
                file.create_dataset(name, data=value)
            else:
                file.create_dataset(name, data=value, compression="gzip", compression_opts=4, shuffle=True)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image
