"""Sums over slices of an array, each in constant time after one pass over the array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.axis import Indices, array_of, place_of
from neuedge_nir.network.reach import Product, Region
from neuedge_nir.network.slices import Block, Run, Slice


@dataclass(frozen=True, eq=False)
class Area:
    """Prefix sums of an array of whole numbers: along its row-major order for runs, along all axes for blocks."""

    values: NDArray[np.int64]

    @cached_property
    def _along(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.values)])

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        table = np.pad(self.values, [(1, 0)] * self.values.ndim)
        for axis in range(table.ndim):
            table = np.cumsum(table, axis=axis)
        return table

    def sum(self, part: Slice) -> int:
        """The sum over one slice."""
        if isinstance(part, Run):
            return int(self._along[part.stop] - self._along[part.start])
        total = 0
        for corner in np.ndindex(*(2,) * self.values.ndim):
            sign = (-1) ** (self.values.ndim - sum(corner))
            total += sign * int(self._table[tuple(s[end] for s, end in zip(part.spans, corner, strict=True))])
        return total

    def sums(self, parts: Sequence[Slice]) -> NDArray[np.int64]:
        """The sums over many slices."""
        found = np.zeros(len(parts), dtype=np.int64)
        runs = [i for i, part in enumerate(parts) if isinstance(part, Run)]
        ends = np.array([(p.start, p.stop) for p in parts if isinstance(p, Run)], dtype=np.int64).reshape(-1, 2)
        found[runs] = self._along[ends[:, 1]] - self._along[ends[:, 0]]
        for i, part in enumerate(parts):
            if isinstance(part, Block):
                found[i] = self.sum(part)
        return found


def _places(product: Product) -> tuple[slice | NDArray[np.int64], ...]:
    """What numpy takes to find the elements of a product in an array."""
    if all(isinstance(axis, range) for axis in product):
        return tuple(map(place_of, product))
    return np.ix_(*map(array_of, product))


def members(region: Region) -> NDArray[np.int64]:
    """An array of the region's shape: 1 where an element belongs to it, 0 elsewhere."""
    mask = np.zeros(region.shape, dtype=np.int64)
    for product in region.products:
        mask[_places(product)] = 1
    return mask


def add_members(total: NDArray[np.int64], region: Region, weight: int) -> None:
    """Add a weight to the elements of a region; only its own elements are touched where it is one product."""
    if len(region.products) == 1:
        total[_places(region.products[0])] += weight
    else:
        total += weight * members(region)


@dataclass(frozen=True, eq=False)
class Parts:
    """Slices of one array, made ready for asking many regions how much of each they hold."""

    slices: tuple[Slice, ...]

    @cached_property
    def _spans(self) -> NDArray[np.int64] | None:
        """(slices, axes, 2) where all are blocks."""
        blocks = [part.spans for part in self.slices if isinstance(part, Block)]
        return np.array(blocks, dtype=np.int64) if len(blocks) == len(self.slices) else None

    def overlaps(self, region: Region) -> NDArray[np.int64]:
        """How many elements of a region lie in each slice.

        Blocks and a region of one product need no look at the elements: the counts are products over the axes.
        """
        if len(region.products) != 1 or self._spans is None:
            return Area(members(region)).sums(self.slices)
        found = np.ones(len(self.slices), dtype=np.int64)
        for axis, indices in enumerate(region.products[0]):
            inside = _before(indices, self._spans[:, axis, :])
            found *= inside[:, 1] - inside[:, 0]
        return found


def _before(indices: Indices, ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the indices lie before each end."""
    if isinstance(indices, range):
        return np.clip(ends - indices.start, 0, len(indices))
    return np.searchsorted(indices, ends)
