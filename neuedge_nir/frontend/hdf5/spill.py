"""Where large arrays go: a private temporary file instead of memory."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.frontend.raw import Shape
from neuedge_nir.network.blocks import release, row_blocks

INLINE_BYTES = 2**20
"""Arrays up to this size stay in memory ..."""
INLINE_TOTAL = 2**25
"""... until they take so much together."""


@dataclass(slots=True)
class Spill:
    """A file that grows by one array after the other, each on a boundary of its own."""

    file: IO[bytes]
    used: int = 0
    inline: int = 0

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """An array to write to: in memory where it is small, else in the file."""
        size = math.prod(shape) * dtype.itemsize
        if size <= INLINE_BYTES and self.takes(size):
            return np.empty(shape, dtype)
        start, self.used = self.used, self.used + -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        os.ftruncate(self.file.fileno(), self.used)
        return np.memmap(self.file, dtype, "r+", start, shape)

    def takes(self, size: int) -> bool:
        """Whether so many bytes more may stay in memory; they are then counted."""
        if self.inline + size > INLINE_TOTAL:
            return False
        self.inline += size
        return True


@dataclass(slots=True)
class Target:
    """An array in the making, part by part. As long as all elements are equal, it is that one element."""

    shape: Shape
    dtype: np.dtype[Any]
    empty: Callable[[Shape, np.dtype[Any]], NDArray[Any]]
    first: NDArray[Any] | None = None
    out: NDArray[Any] | None = None

    def put(self, place: tuple[slice, ...], part: NDArray[Any]) -> None:
        """Write the elements at this place. The parts cover the array, each element once."""
        if self.out is None and self._same(part):
            return
        self.whole()[place] = part

    def _same(self, part: NDArray[Any]) -> bool:
        """Whether all elements are still equal. If not, those that came before are written."""
        new = self.first is None
        if self.first is None:
            self.first = part.reshape(-1)[:1].astype(self.dtype)
        if part.size == 1 == new or bool((part == self.first).all()):
            return True
        if not new:
            for _, rows in row_blocks(self.whole()):
                rows[...] = self.first
        return False

    def written(self) -> None:
        """What was put so far need not stay in memory."""
        if self.out is not None:
            release(self.out)

    def whole(self) -> NDArray[Any]:
        """The array itself, to be written to."""
        if self.out is None:
            self.out = self.empty(self.shape, self.dtype)
        return self.out

    def array(self) -> NDArray[Any]:
        """All of it; a view on one element where all are equal."""
        if self.out is not None:
            return self.out
        if self.first is None:
            return self.whole()
        return (
            np.broadcast_to(self.first.reshape(()), self.shape)
            if math.prod(self.shape) > 1
            else self.first.reshape(self.shape)
        )
