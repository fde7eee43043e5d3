"""How much of a region lies in each of many slices, at the price of what is touched: not of the array, nor of all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neuedge_nir.network.area import Area, members
from neuedge_nir.network.axis import Indices, Ints, array_of, common
from neuedge_nir.network.reach import Product, Region
from neuedge_nir.network.slices import Block, Run, Slice

MOST_JOINED = 6
"""Products whose common elements are counted for every set of them; of more, all elements are marked."""

Shares = tuple[Ints, Ints]
"""The slices that hold something, by number, ascending, and how many elements each holds."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Slices of one array, made ready for asking many regions how much of each they hold."""

    slices: tuple[Slice, ...]

    @cached_property
    def sizes(self) -> Ints:
        """The elements of each slice."""
        return np.array([part.neurons for part in self.slices], dtype=np.int64)

    def overlaps(self, region: Region) -> Shares:
        """How many elements of a region lie in each slice that holds any.

        Runs that share nothing and blocks, as mappers cut, are found by their ends.
        """
        products = [product for product in region.products if all(map(len, product))]
        if not products:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        if len(self.slices) == 1:
            held = np.array([region.measure(within=self.slices[0])])
            return np.flatnonzero(held), held[held > 0]
        if self._grid is not None and self._grid.covers(region.shape):
            if len(products) == 1:
                return self._grid.product_shares(products[0])
            return self._grid.shares(*_intervals(products, region.shape, self._grid.cut_axis), region.shape)
        if self._runs is not None and region.shape:
            return self._runs.shares(*_intervals(products, region.shape, 0))
        if self._boxes is not None and len(products) <= MOST_JOINED:
            return self._boxes.shares(products)
        found = Area(members(region)).sums(self.slices)
        return np.flatnonzero(found), found[found > 0]

    @cached_property
    def _runs(self) -> _Runs | None:
        found = [(part.start, part.stop) for part in self.slices if isinstance(part, Run)]
        if not found or len(found) < len(self.slices):
            return None
        ends = np.array(found, dtype=np.int64)
        order = np.argsort(ends[:, 0], kind="stable")
        starts, stops = ends[order].T
        return _Runs(starts, stops, order) if (starts[1:] >= stops[:-1]).all() else None

    @cached_property
    def _boxes(self) -> _Boxes | None:
        spans = np.array([part.spans for part in self.slices if isinstance(part, Block)], dtype=np.int64)
        every = len(spans) == len(self.slices) and spans.ndim == 3 and spans.shape[1]
        return _Boxes(spans[:, :, 0], spans[:, :, 1]) if every else None

    @cached_property
    def _grid(self) -> _Grid | None:
        spans = np.array([part.spans for part in self.slices if isinstance(part, Block)], dtype=np.int64)
        return _grid_of(spans) if len(spans) == len(self.slices) and spans.ndim == 3 and spans.shape[1] else None


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Runs that share nothing, in ascending order, and their numbers."""

    starts: Ints
    stops: Ints
    numbers: Ints

    def shares(self, lo: Ints, hi: Ints) -> Shares:
        first = np.searchsorted(self.stops, lo, side="right")
        behind = np.searchsorted(self.starts, hi, side="left")
        which, at = _expanded(first, behind)
        held = np.minimum(hi[which], self.stops[at]) - np.maximum(lo[which], self.starts[at])
        return _summed(self.numbers[at], held)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Blocks that form a grid: the edges of its cells along each axis, and the number of the block in each cell."""

    edges: tuple[Ints, ...]
    numbers: Ints

    def covers(self, shape: tuple[int, ...]) -> bool:
        return [(int(edges[0]), int(edges[-1])) for edges in self.edges] == [(0, size) for size in shape]

    @property
    def cut_axis(self) -> int:
        """The last axis with more than one cell: from there on, what follows each other lies together."""
        return max((axis for axis, edges in enumerate(self.edges) if len(edges) > 2), default=0)

    def product_shares(self, product: Product) -> Shares:
        """The counts are products over the axes."""
        held = np.ones(1, dtype=np.int64)
        place = []
        for indices, edges in zip(product, self.edges, strict=True):
            counts = np.diff(_before(indices, edges))
            cells = np.flatnonzero(counts)
            place.append(cells)
            held = np.multiply.outer(held, counts[cells]).ravel()
        return _summed(self.numbers[np.ix_(*place)].ravel(), held)

    def shares(self, lo: Ints, hi: Ints, shape: tuple[int, ...]) -> Shares:
        """Of intervals in row-major order, none of which leaves its row along the last axis that is cut."""
        axis = self.cut_axis
        inner = math.prod(shape[axis + 1 :])
        rows, start = np.divmod(lo, shape[axis] * inner)
        numbers = self.numbers.reshape(-1, len(self.edges[axis]) - 1)[self._cell_rows(rows, shape[:axis])]
        edges = self.edges[axis] * inner
        first = np.searchsorted(edges, start, side="right") - 1
        which, at = _expanded(first, np.searchsorted(edges, start + hi - lo, side="left"))
        held = np.minimum((start + hi - lo)[which], edges[at + 1]) - np.maximum(start[which], edges[at])
        return _summed(numbers[which, at], held)

    def _cell_rows(self, rows: Ints, shape: tuple[int, ...]) -> Ints:
        """The rows of cells in which rows of the array lie."""
        found = np.zeros(len(rows), dtype=np.int64)
        if shape:
            for indices, edges in zip(np.unravel_index(rows, shape), self.edges, strict=False):
                found = found * (len(edges) - 1) + np.searchsorted(edges, indices, side="right") - 1
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Boxes:
    """Any blocks: where each begins and ends along each axis, (blocks, axes)."""

    starts: Ints
    stops: Ints

    def shares(self, products: Sequence[Product]) -> Shares:
        """What several products have in common counts once."""
        found = self._joined(products, None)
        return np.flatnonzero(found), found[found > 0]

    def _joined(self, products: Sequence[Product], within: Product | None) -> Ints:
        """The elements of each block in any of the products, all of them within another product if one is given."""
        total = np.zeros(len(self.starts), dtype=np.int64)
        for number, product in enumerate(products):
            own = product if within is None else tuple(map(common, product, within))
            if all(map(len, own)):
                total += self._held(own) - self._joined(products[:number], own)
        return total

    def _held(self, product: Product) -> Ints:
        counts = np.ones(len(self.starts), dtype=np.int64)
        for axis, indices in enumerate(product):
            counts *= _before(indices, self.stops[:, axis]) - _before(indices, self.starts[:, axis])
        return counts


def _grid_of(spans: Ints) -> _Grid | None:
    """The grid that blocks form, given as (blocks, axes, 2); None where they leave gaps or share something."""
    starts = [np.unique(spans[:, axis, 0]) for axis in range(spans.shape[1])]
    edges = tuple(np.append(found, spans[:, axis, 1].max()) for axis, found in enumerate(starts))
    if math.prod(map(len, starts)) != len(spans):
        return None
    place = tuple(np.searchsorted(found, spans[:, axis, 0]) for axis, found in enumerate(starts))
    numbers = np.full(tuple(map(len, starts)), -1)
    numbers[place] = np.arange(len(spans))
    whole = all(
        (ends[at + 1] == spans[:, axis, 1]).all() for axis, (ends, at) in enumerate(zip(edges, place, strict=True))
    )
    return _Grid(edges, numbers) if whole and (numbers >= 0).all() else None


def _expanded(first: Ints, behind: Ints) -> tuple[Ints, Ints]:
    """For each interval each of the places from `first` to before `behind`: the interval's number, and the place."""
    often = np.maximum(behind - first, 0)
    which = np.repeat(np.arange(len(first)), often)
    skipped = np.cumsum(often) - often
    return which, np.arange(len(which)) - skipped[which] + first[which]


def _summed(numbers: Ints, held: Ints) -> Shares:
    distinct, which = np.unique(numbers, return_inverse=True)
    return distinct, np.bincount(which.ravel(), weights=held, minlength=len(distinct)).astype(np.int64)


def _intervals(products: Sequence[Product], shape: tuple[int, ...], cut_axis: int) -> Shares:
    """The elements of all products as disjoint intervals in row-major order, ascending: first ones, and ones behind.

    No interval leaves its row along `cut_axis`.
    """
    both = [_product_intervals(product, shape, cut_axis) for product in products]
    if len(both) == 1:
        return both[0]
    lo, hi = (np.concatenate(ends) for ends in zip(*both, strict=True))
    order = np.argsort(lo, kind="stable")
    lo, hi = lo[order], np.maximum.accumulate(hi[order])
    lo[1:] = np.maximum(lo[1:], hi[:-1])
    return lo[hi > lo], hi[hi > lo]


def _product_intervals(product: Product, shape: tuple[int, ...], cut_axis: int) -> Shares:
    axis, inner = len(shape) - 1, 1
    while axis > cut_axis and len(product[axis]) == shape[axis]:
        inner *= shape[axis]
        axis -= 1
    lo, hi = (ends * inner for ends in _pieces(product[axis]))
    stride = shape[axis] * inner
    for indices, size in zip(product[:axis][::-1], shape[:axis][::-1], strict=True):
        shift = array_of(indices) * stride
        lo, hi = (np.add.outer(shift, ends).ravel() for ends in (lo, hi))
        stride *= size
    return lo, hi


def _pieces(indices: Indices) -> Shares:
    """The intervals that a set of indices consists of."""
    if isinstance(indices, range):
        return np.array([indices.start]), np.array([indices.stop])
    breaks = np.flatnonzero(np.diff(indices) != 1)
    return np.append(indices[:1], indices[breaks + 1]), np.append(indices[breaks] + 1, indices[-1:] + 1)


def _before(indices: Indices, ends: Ints) -> Ints:
    """How many of the indices lie before each end."""
    if isinstance(indices, range):
        return np.clip(ends - indices.start, 0, len(indices))
    return np.searchsorted(indices, ends)
