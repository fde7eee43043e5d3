"""Where large arrays go: a private temporary file instead of memory."""

from __future__ import annotations

import math
import mmap
import os
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.frontend.raw import Shape

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

    def given_back(self, array: NDArray[Any]) -> None:
        """The array was not needed after all: the next one takes its place if it was the last."""
        if isinstance(array, np.memmap):
            self.used = min(self.used, array.offset)
