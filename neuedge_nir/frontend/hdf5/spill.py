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
from neuedge_nir.network.blocks import BLOCK_ELEMENTS, release

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

    def reserve(self, size: int) -> int:
        """Room for so many bytes; where it begins."""
        start, self.used = self.used, self.used + -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        os.ftruncate(self.file.fileno(), self.used)
        return start

    def write(self, place: int, array: NDArray[Any]) -> None:
        """The bytes of an array. The system takes them in one piece, where a map would be filled page by page."""
        self.file.seek(place)
        left = memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        while left:
            left = left[self.file.write(left) :]

    def mapped(self, place: int, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The array at this place, to be read and written."""
        return np.memmap(self.file, dtype, "r+", place, shape)

    def takes(self, size: int) -> bool:
        """Whether so many bytes more may stay in memory; they are then counted."""
        if self.inline + size > INLINE_TOTAL:
            return False
        self.inline += size
        return True


@dataclass(slots=True)
class Target:
    """An array in the making: rows by `add`, from the first to the last, or parts in any order by `put`.

    As long as all elements are equal, it is that one element. Without a spill file it is in memory.
    """

    shape: Shape
    dtype: np.dtype[Any]
    spill: Spill | None = None
    rows: int = 0
    """That were added so far."""
    first: NDArray[Any] | None = None
    out: NDArray[Any] | None = None
    """The array in memory, or mapped."""
    place: int | None = None
    """Where it is in the spill file, if it is there."""

    def add(self, rows: NDArray[Any]) -> None:
        """The next rows; a single number is one row."""
        start, self.rows = self.rows, self.rows + len(rows)
        if self.same(rows):
            return
        if not self._begun():
            self._begin()
            self._fill(start)
        self._write(start, rows)

    def same(self, part: NDArray[Any]) -> bool:
        """Whether all elements so far are equal, and those of this part, which is the next, no other."""
        return not self._begun() and self._equal(part)

    def skip(self, rows: int) -> None:
        """So many rows more, of which `same` said that they are no other."""
        self.rows += rows

    def put(self, place: tuple[slice, ...], part: NDArray[Any]) -> None:
        """Write the elements at this place. The parts cover the array, each element once."""
        if self.same(part):
            return
        if self.out is None:
            self._begin()
            self.out = self._array()
            if self.first is not None:
                self._fill(self.shape[0])
        self.out[place] = part

    def written(self) -> None:
        """What was put so far need not stay in memory."""
        if self.out is not None:
            release(self.out)

    def array(self) -> NDArray[Any]:
        """All of it; a view on one element where all are equal."""
        if self._begun():
            return self._array()
        if self.first is None:
            return np.empty(self.shape, self.dtype)
        whole = math.prod(self.shape) > 1
        return np.broadcast_to(self.first.reshape(()), self.shape) if whole else self.first.reshape(self.shape)

    def _equal(self, part: NDArray[Any]) -> bool:
        """Whether all elements are still equal."""
        if self.first is None:
            self.first = part.reshape(-1)[:1].astype(self.dtype)
        return bool((part == self.first).all())

    def _begun(self) -> bool:
        return self.out is not None or self.place is not None

    def _begin(self) -> None:
        """Make room for all elements."""
        size = math.prod(self.shape) * self.dtype.itemsize
        if self.spill is None or (size <= INLINE_BYTES and self.spill.takes(size)):
            self.out = np.empty(self.shape or (1,), self.dtype)
        else:
            self.place = self.spill.reserve(size)

    def _array(self) -> NDArray[Any]:
        if self.out is not None:
            return self.out.reshape(self.shape)
        assert self.spill is not None
        assert self.place is not None
        return self.spill.mapped(self.place, self.shape, self.dtype)

    def _fill(self, rows: int) -> None:
        """Write the rows before this one, which were all equal."""
        assert self.first is not None
        step = max(1, BLOCK_ELEMENTS // max(1, math.prod(self.shape[1:])))
        for start in range(0, rows, step):
            count = min(step, rows - start)
            self._write(start, np.broadcast_to(self.first.reshape(()), (count, *self.shape[1:])))
            self.written()

    def _write(self, start: int, rows: NDArray[Any]) -> None:
        if self.out is not None:
            self.out[start : start + len(rows)] = rows
        elif self.spill is not None and self.place is not None:
            row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
            self.spill.write(self.place + start * row_bytes, rows.astype(self.dtype, copy=False))
