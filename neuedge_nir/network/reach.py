"""Which source elements reach which target elements, axis by axis, without unrolling.

Every operator is a product of one relation per axis (channel, height, width), so the sources of a block of neurons
are a product of index sets: a few short arrays, whatever the number of synapses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.axis import (
    AxisMap,
    Fans,
    Full,
    Grouped,
    Indices,
    Same,
    Window,
    array_of,
    common,
    place_of,
)
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale, aligned
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.model import Projection
from neuedge_nir.network.slices import Block, Run, Slice, boxes, runs_of


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One operator as relations per axis."""

    operator: Operator
    axes: tuple[AxisMap, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


def stage_of(operator: Operator) -> Stage:
    """The relations of one operator."""
    return Stage(operator, _axes(operator), operator.input_shape, operator.output_shape)


def _axes(operator: Operator) -> tuple[AxisMap, ...]:
    match operator:
        case Dense(weight=w):
            return (*(Same(n, n) for n in w.shape[:-2]), Full(w.shape[-2], w.shape[-1]))
        case Conv():
            return (_channels(operator), *_conv_windows(operator))
        case Pool():
            return (Same(operator.output_shape[0], operator.input_shape[0]), *_pool_windows(operator))
        case Scale() | Delay():
            return tuple(Same(n, n) for n in operator.shape)
        case Sparse() | FixedProbability():
            raise TypeError(f"node {operator.node!r} has no relation along axes")


def _channels(conv: Conv) -> AxisMap:
    size_out, size_in = conv.output_shape[0], conv.input_shape[0]
    return Full(size_out, size_in) if conv.groups == 1 else Grouped(size_out, size_in, conv.groups)


def _conv_windows(conv: Conv) -> tuple[Window, ...]:
    sizes = zip(conv.output_shape[1:], conv.input_shape[1:], strict=True)
    shape = zip(sizes, conv.kernel, conv.stride, conv.padding, conv.dilation, strict=True)
    return tuple(Window(out, inn, k, s, p[0], d) for (out, inn), k, s, p, d in shape)


def _pool_windows(pool: Pool) -> tuple[Window, ...]:
    sizes = zip(pool.output_shape[1:], pool.input_shape[1:], strict=True)
    return tuple(
        Window(out, inn, k, s, p, 1)
        for (out, inn), k, s, p in zip(sizes, pool.kernel, pool.stride, pool.padding, strict=True)
    )


Product = tuple[Indices, ...]
"""One set of indices per axis: the elements whose every coordinate lies in its set."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A union of products of index sets in an array of `shape`."""

    shape: tuple[int, ...]
    products: tuple[Product, ...]

    def measure(self, weights: Sequence[Fans] | None = None, within: Slice | None = None) -> int:
        """The number of elements, each weighted with the product of its axes' weights, inside a slice if given.

        Exact for overlapping products: indices of an axis that belong to the same products are counted together,
        so the cost depends on the number of products, not of elements.
        """
        if within is None:
            return self._measure(self.products, weights)
        parts = boxes(within, self.shape)
        return sum(self._measure(tuple(_clip(p, box) for p in self.products), weights) for box in parts)

    def _measure(self, products: tuple[Product, ...], weights: Sequence[Fans] | None) -> int:
        present = [p for p in products if all(map(len, p))]
        if not present:
            return 0
        if len(present) == 1:
            if weights is None:
                return math.prod(map(len, present[0]))
            return math.prod(fans.total(axis) for axis, fans in zip(present[0], weights, strict=True))
        ones = [None] * len(self.shape) if weights is None else [fans.all() for fans in weights]
        return self._several(present, ones)

    def _several(self, present: Sequence[Product], ones: Sequence[NDArray[np.int64] | None]) -> int:
        total = 0
        seen: list[Product] = []
        for start in range(0, len(present), MAX_TOGETHER):
            group = present[start : start + MAX_TOGETHER]
            total += self._union(group, ones) - self._overlap(group, seen, ones)
            seen += group
        return total

    def _union(self, products: Sequence[Product], weights: Sequence[NDArray[np.int64] | None]) -> int:
        axes = range(len(self.shape))
        classes = [_classes([p[a] for p in products], self.shape[a], weights[a]) for a in axes]
        patterns, totals = reduce(_cross, classes)
        return int(totals[patterns != 0].sum())

    def _overlap(
        self, group: Sequence[Product], seen: Sequence[Product], weights: Sequence[NDArray[np.int64] | None]
    ) -> int:
        """The elements of a group of products that earlier ones hold already."""
        both = [tuple(map(common, p, q)) for p in group for q in seen]
        present = [p for p in both if all(map(len, p))]
        return self._several(present, weights) if present else 0


MAX_TOGETHER = 62
"""Products whose memberships are told apart at once: one bit each of a 64-bit number."""


def _clip(product: Product, box: tuple[tuple[int, int], ...]) -> Product:
    return tuple(common(axis, range(*span)) for axis, span in zip(product, box, strict=True))


Classes = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Patterns of membership along one axis, a bit for each product, and the weight of the indices that have it."""


def _classes(sets: Sequence[Indices], size: int, weights: NDArray[np.int64] | None) -> Classes:
    ranges = [found for found in sets if isinstance(found, range)]
    if len(ranges) == len(sets):
        return _classes_of_ranges(ranges, weights)
    belongs = np.zeros(size, dtype=np.int64)
    for k, indices in enumerate(sets):
        belongs[place_of(indices)] |= 1 << k
    patterns, which = np.unique(belongs, return_inverse=True)
    totals = np.bincount(which.ravel(), weights=weights, minlength=len(patterns))
    return patterns, totals.astype(np.int64)  # exact: the sums stay far below 2**53


def _classes_of_ranges(ranges: Sequence[range], weights: NDArray[np.int64] | None) -> Classes:
    """Between two ends of ranges next to each other all indices have the same pattern."""
    edges = sorted({end for found in ranges for end in (found.start, found.stop)})
    between = list(pairwise(edges))
    patterns = [sum(1 << k for k, found in enumerate(ranges) if found.start <= a < found.stop) for a, _ in between]
    totals = [b - a if weights is None else int(weights[a:b].sum()) for a, b in between]
    return np.array(patterns, dtype=np.int64), np.array(totals, dtype=np.int64)


def _cross(left: Classes, right: Classes) -> Classes:
    patterns = np.bitwise_and.outer(left[0], right[0]).ravel()
    return patterns, np.multiply.outer(left[1], right[1]).ravel()


def region_of(part: Slice, shape: tuple[int, ...], as_shape: tuple[int, ...]) -> Region:
    """The elements of a slice of an array of `shape`, seen as an array of `as_shape` with the same row-major order."""
    pieces: list[Slice] = [part]
    if isinstance(part, Block) and shape != as_shape:
        pieces = list(runs_of(part, shape))
    products = [tuple(range(*span) for span in box) for piece in pieces for box in boxes(piece, as_shape)]
    return Region(as_shape, tuple(products))


def back(stage: Stage, region: Region) -> Region:
    """The input elements of a stage that reach a region of its output."""
    products = tuple(
        tuple(axis.back(indices) for axis, indices in zip(stage.axes, product, strict=True))
        for product in reshape(region, stage.output_shape).products
    )
    return Region(stage.input_shape, products)


def is_full(region: Region) -> bool:
    return region.measure() == math.prod(region.shape)


def reshape(region: Region, shape: tuple[int, ...]) -> Region:
    """The same elements in an array of another shape with the same row-major order.

    Raises `ValueError` where the elements are no union of products there; the reader refuses such networks.
    """
    if region.shape == shape:
        return region
    squeezed = _without_ones(region, shape)
    if squeezed is not None:
        return squeezed
    if is_full(region):
        return Region(shape, (tuple(map(range, shape)),))
    if len(region.shape) == 1:
        pieces = _runs([p[0] for p in region.products])
        return Region(shape, tuple(p for run in pieces for p in region_of(run, region.shape, shape).products))
    raise ValueError(f"a part of shape {region.shape} is no union of blocks of shape {shape}")


def _without_ones(region: Region, shape: tuple[int, ...]) -> Region | None:
    """Shapes that differ by axes of size one only."""
    kept = [a for a, n in enumerate(region.shape) if n != 1]
    if [region.shape[a] for a in kept] != [n for n in shape if n != 1]:
        return None
    products = []
    for product in region.products:
        if not all(map(len, product)):
            continue
        axes = iter([product[a] for a in kept])
        products.append(tuple(range(1) if n == 1 else next(axes) for n in shape))
    return Region(shape, tuple(products))


def _runs(sets: Sequence[Indices]) -> list[Slice]:
    """The runs of the indices in any of the sets."""
    if len(sets) == 1 and isinstance(sets[0], range):
        return [Run(sets[0].start, sets[0].stop)] if sets[0] else []
    indices = np.unique(np.concatenate([array_of(found) for found in sets]))
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    return [Run(int(part[0]), int(part[-1]) + 1) for part in np.split(indices, breaks) if part.size]


def stages_of(projection: Projection) -> tuple[Stage, ...]:
    """The stages of a projection's chain, from source to target."""
    return tuple(stage_of(operator) for operator in aligned(projection.chain, projection.source_shape))


def target_region(projection: Projection, stages: tuple[Stage, ...], part: Slice) -> Region:
    """A slice of the target population as the last operator of the chain sees it."""
    shape = stages[-1].output_shape if stages else projection.source_shape
    return region_of(part, projection.target_shape, shape)


def source_region(projection: Projection, stages: tuple[Stage, ...], part: Slice) -> Region:
    """The source elements that reach a slice of the target population, in the source's shape."""
    region = target_region(projection, stages, part)
    for stage in reversed(stages):
        region = back(stage, region)
    return reshape(region, projection.source_shape)
