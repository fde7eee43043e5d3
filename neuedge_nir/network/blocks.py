"""Arrays that may be too large for memory, a block at a time.

A weight matrix read from a file may lie on disk, mapped into memory. Walking it block by block, and giving the
pages back behind each, keeps a network of any size within a few MB.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_ELEMENTS = 2**20


def row_blocks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first row, rows) along the first axis, so that a block has about a million elements, and one row at least.

    A 0-d array is one block. The blocks are views and valid until the next one is asked for.
    """
    if array.size <= BLOCK_ELEMENTS or not array.ndim:
        yield 0, array
        return
    step = max(1, BLOCK_ELEMENTS * len(array) // array.size)
    for start in range(0, len(array), step):
        yield start, array[start : start + step]
        release(array)


def unrepeated(array: NDArray[Any]) -> NDArray[Any]:
    """An array without what was broadcast: an axis along which it is the same throughout has a length of one.

    A view; every value of the array is in it, and all are as often in the array as in it, times one number.
    """
    if not array.size:
        return array
    return array[tuple(slice(None) if stride else slice(0, 1) for stride in array.strides)]


def release(array: NDArray[Any]) -> None:
    """Give the pages of an array that lies in a file back to the system; its values stay in the file."""
    base: Any = array
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    # A copy-on-write map ("c") would lose what was written to it.
    mapped = getattr(base, "_mmap", None) if isinstance(base, np.memmap) and base.mode in ("r", "r+") else None
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
