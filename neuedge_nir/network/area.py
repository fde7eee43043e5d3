"""Sums over slices of an array, each in constant time after one pass over the array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.axis import Indices, array_of, place_of
from neuedge_nir.network.reach import Product, Region
from neuedge_nir.network.slices import Block, Grid, Run, Slice


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
        ends, signs = self._corners
        at = np.array(part.spans, dtype=np.int64).reshape(-1, 2)[np.arange(self.values.ndim), ends]
        return int((self._table[tuple(at.T)] * signs).sum())

    @cached_property
    def _corners(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[corner, axis]: 1 where it is the end of the span, else 0; and how often a block's sum counts each corner."""
        ends = np.array(list(np.ndindex(*(2,) * self.values.ndim)), dtype=np.int64)
        return ends, (-1) ** (self.values.ndim - ends.sum(axis=1))

    def tiles(self, grid: Grid) -> NDArray[np.int64]:
        """The sums over all tiles of a grid, an array of its shape."""
        found = self._table[np.ix_(*([0, *(stop for _, stop in spans)] for spans in grid.axes))]
        for axis in range(found.ndim):
            found = np.diff(found, axis=axis)
        return found

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
    """Add a weight to the elements of a region; of the others only those between its products are touched."""
    present = [product for product in region.products if all(map(len, product))]
    if len(present) == 1:
        total[_places(present[0])] += weight
    elif present:
        firsts = [min(int(axis[0]) for axis in column) for column in zip(*present, strict=True)]
        lasts = [max(int(axis[-1]) for axis in column) for column in zip(*present, strict=True)]
        shape = tuple(last - first + 1 for first, last in zip(firsts, lasts, strict=True))
        moved = tuple(tuple(map(_moved, product, firsts)) for product in present)
        box = tuple(slice(first, last + 1) for first, last in zip(firsts, lasts, strict=True))
        total[box] += weight * members(Region(shape, moved))


def _moved(indices: Indices, first: int) -> Indices:
    """The indices counted from another first one."""
    return range(indices.start - first, indices.stop - first) if isinstance(indices, range) else indices - first
