"""Parts of arrays for the checker of plans: boxes, and products of numbers along the axes.

What a core holds is a few boxes of an array. What is counted of them costs what they hold, not what the array holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Shape = tuple[int, ...]
Box = tuple[tuple[int, int], ...]
"""Along each axis the first index, and the one behind the last."""


def boxes_of(start: int, stop: int, shape: Shape) -> Iterator[Box]:
    """The boxes that row-major indices of an array, one behind the other, consist of: few, and they share nothing."""
    if start >= stop:
        return
    if not shape:
        yield ()
        return
    row = math.prod(shape[1:])
    first, last = -(-start // row), stop // row
    if first > last:  # all of it in one row
        yield from (((last, last + 1), *rest) for rest in boxes_of(start - last * row, stop - last * row, shape[1:]))
        return
    yield from (((first - 1, first), *rest) for rest in boxes_of(start - (first - 1) * row, row, shape[1:]))
    if first < last:
        yield ((first, last), *everything(shape[1:]))
    yield from (((last, last + 1), *rest) for rest in boxes_of(0, stop - last * row, shape[1:]))


def everything(shape: Shape) -> Box:
    return tuple((0, size) for size in shape)


def size_of(box: Box) -> int:
    return math.prod(stop - start for start, stop in box)


def flat_indices(box: Box, shape: Shape) -> Ints:
    """The row-major indices of a box, ascending."""
    found = np.zeros(1, dtype=np.int64)
    for (start, stop), size in zip(box, shape, strict=True):
        found = np.add.outer(found * size, np.arange(start, stop)).ravel()
    return found


def distinct(numbers: Ints) -> Ints:
    """Each number once, ascending."""
    ordered = np.sort(numbers)
    new = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    return np.asarray(ordered[new])


def joined(flat: Ints, shape: Shape) -> list[Box]:
    """Row-major indices, ascending, as boxes that share nothing."""
    breaks = [0, *(np.flatnonzero(np.diff(flat) != 1) + 1).tolist(), len(flat)]
    runs = ((int(flat[a]), int(flat[b - 1]) + 1) for a, b in pairwise(breaks) if a < b)
    return [box for run in runs for box in boxes_of(*run, shape)]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Numbers along one axis, from an index on; elsewhere zero. Not all of them are zero."""

    first: int
    times: Ints

    @classmethod
    def span(cls, start: int, stop: int, number: int = 1) -> Side:
        """The same number for each index; it is kept once."""
        return cls(start, _repeated(number, stop - start))

    @property
    def uniform(self) -> bool:
        return not any(self.times.strides)

    @property
    def indices(self) -> Ints:
        """Those whose number is not zero."""
        return np.flatnonzero(self.times) + self.first

    @property
    def gapless(self) -> bool:
        return self.uniform or bool(self.times.all())

    @property
    def ends(self) -> tuple[int, int]:
        return self.first, self.first + len(self.times)

    def count(self) -> int:
        """How many numbers are not zero."""
        return len(self.times) if self.uniform else int(np.count_nonzero(self.times))

    def total(self) -> int:
        return len(self.times) * int(self.times[0]) if self.uniform else int(self.times.sum())

    def tally(self) -> tuple[Ints, Ints]:
        """The different numbers but zero, and how often each is there."""
        if self.uniform:
            return self.times[:1], np.array([len(self.times)])
        values, often = np.unique(self.times[self.times > 0], return_counts=True)
        return values, often

    def scaled(self, number: int) -> Side:
        """All numbers times another."""
        return (
            Side.span(*self.ends, number * int(self.times[0]))
            if self.uniform
            else Side(self.first, self.times * number)
        )

    def ones(self) -> Side:
        """One wherever the number is not zero."""
        return Side.span(*self.ends) if self.gapless else Side(self.first, (self.times > 0).astype(np.int64))


@lru_cache(maxsize=4096)
def _repeated(number: int, often: int) -> Ints:
    """Read-only, and in memory once."""
    return np.broadcast_to(np.int64(number), often)


Product = tuple[Side, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A number for each element of an array: the sum of products of numbers along its axes, zero nearly everywhere."""

    shape: Shape
    products: tuple[Product, ...]

    @classmethod
    def of(cls, boxes: Iterable[Box], shape: Shape) -> Patch:
        """One everywhere in the boxes, which share nothing."""
        return cls(shape, tuple(tuple(Side.span(*span) for span in box) for box in boxes))

    @classmethod
    def whole(cls, shape: Shape) -> Patch:
        return cls.of([everything(shape)], shape)

    def total(self) -> int:
        """The sum of all numbers."""
        return sum(math.prod(side.total() for side in product) for product in self.products)

    def count(self) -> int:
        """How many numbers are not zero."""
        if len(self.products) == 1:
            return math.prod(side.count() for side in self.products[0])
        return len(self.where())

    def tally(self) -> tuple[Ints, Ints]:
        """Numbers but zero, and how often each is there; a number may come several times."""
        if len(self.products) != 1:
            _, numbers = self.elements()
            return numbers, np.ones_like(numbers)
        values, often = np.ones(1, dtype=np.int64), np.ones(1, dtype=np.int64)
        for side in self.products[0]:
            there, times = side.tally()
            values, often = np.multiply.outer(values, there).ravel(), np.multiply.outer(often, times).ravel()
        return values, often

    def elements(self) -> tuple[Ints, Ints]:
        """Where numbers are not zero (row-major, ascending), and the numbers."""
        found = [self._elements(product) for product in self.products]
        if len(found) == 1:
            return found[0]
        empty = np.zeros(0, dtype=np.int64)
        flat, which = np.unique(np.concatenate([empty, *(places for places, _ in found)]), return_inverse=True)
        numbers = np.zeros(len(flat), dtype=np.int64)
        np.add.at(numbers, which.ravel(), np.concatenate([empty, *(each for _, each in found)]))
        return flat, numbers

    def where(self) -> Ints:
        """Where numbers are not zero (row-major, ascending)."""
        found = [self._elements(product)[0] for product in self.products]
        return found[0] if len(found) == 1 else distinct(np.concatenate([np.zeros(0, dtype=np.int64), *found]))

    def _elements(self, product: Product) -> tuple[Ints, Ints]:
        places, numbers = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
        for side, size in zip(product, self.shape, strict=True):
            places = np.add.outer(places * size, side.indices).ravel()
            numbers = np.multiply.outer(numbers, side.times[side.times > 0]).ravel()
        return places, numbers

    def apart(self) -> Patch:
        """One wherever the number is not zero, and no element in two products."""
        if len(self.products) > 1:
            return Patch.of(joined(self.where(), self.shape), self.shape)
        return Patch(self.shape, tuple(tuple(side.ones() for side in product) for product in self.products))

    def seen_as(self, shape: Shape) -> Patch:
        """The same elements in an array of another shape, with ones for numbers if it is another."""
        if shape == self.shape:
            return self
        if any(self._covers(product) for product in self.products):
            return Patch.whole(shape)
        if [n for n in self.shape if n != 1] == [n for n in shape if n != 1]:
            return Patch(shape, tuple(self._without_ones(product, shape) for product in self.products))
        return Patch.of(joined(self.where(), shape), shape)

    def _covers(self, product: Product) -> bool:
        return all(side.gapless and len(side.times) == size for side, size in zip(product, self.shape, strict=True))

    def _without_ones(self, product: Product, shape: Shape) -> Product:
        sides = iter([side.ones() for side, size in zip(product, self.shape, strict=True) if size != 1])
        return tuple(Side.span(0, 1) if size == 1 else next(sides) for size in shape)
