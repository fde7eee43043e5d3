"""Which source elements reach which target elements, axis by axis, without unrolling.

Every operator is a product of one relation per axis (channel, height, width), so the sources of a block of neurons
are a product of index sets: a few short arrays, whatever the number of synapses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale, aligned
from neuedge_nir.network.model import Projection
from neuedge_nir.network.slices import Block, Run, Slice, boxes, runs_of

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Same:
    """Each output index takes its own input index."""

    size_out: int
    size_in: int

    def back(self, indices: Indices) -> Indices:
        return indices


@dataclass(frozen=True, slots=True)
class Full:
    """Each output index takes every input index."""

    size_out: int
    size_in: int

    def back(self, indices: Indices) -> Indices:
        return np.arange(self.size_in if indices.size else 0)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Each output index takes every input index of its own group."""

    size_out: int
    size_in: int
    groups: int

    def back(self, indices: Indices) -> Indices:
        touched = np.unique(indices // (self.size_out // self.groups))
        width = self.size_in // self.groups
        return np.asarray((touched[:, None] * width + np.arange(width)).ravel())


@dataclass(frozen=True, slots=True)
class Window:
    """Output index o takes input index o * stride - padding + tap * dilation, for every tap that lies inside."""

    size_out: int
    size_in: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    def back(self, indices: Indices) -> Indices:
        hit = self._inputs(indices)
        return np.unique(hit[(hit >= 0) & (hit < self.size_in)])

    def taps(self, indices: Indices) -> Indices:
        """The kernel taps that see at least one input inside, over these outputs."""
        hit = self._inputs(indices)
        return np.flatnonzero(((hit >= 0) & (hit < self.size_in)).any(axis=0))

    def _inputs(self, indices: Indices) -> Indices:
        taps = np.arange(self.kernel) * self.dilation
        return np.asarray(indices[:, None] * self.stride - self.padding + taps)


AxisMap = Same | Full | Grouped | Window


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

    def measure(self, weights: Sequence[NDArray[np.int64]] | None = None, within: Slice | None = None) -> int:
        """The number of elements, each weighted with the product of its axes' weights, inside a slice if given.

        Exact for overlapping products: indices of an axis that belong to the same products are counted together,
        so the cost depends on the number of products, not of elements.
        """
        if within is None:
            return self._measure(self.products, weights)
        parts = boxes(within, self.shape)
        return sum(self._measure(tuple(_clip(p, box) for p in self.products), weights) for box in parts)

    def _measure(self, products: tuple[Product, ...], weights: Sequence[NDArray[np.int64]] | None) -> int:
        present = [p for p in products if all(axis.size for axis in p)]
        if not present:
            return 0
        ones = [None] * len(self.shape) if weights is None else list(weights)
        if len(present) == 1:
            return math.prod(_weight(axis, one) for axis, one in zip(present[0], ones, strict=True))
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
        common = [tuple(map(np.intersect1d, p, q)) for p in group for q in seen]
        present = tuple(p for p in common if all(axis.size for axis in p))
        return self._measure(
            present, [w if w is not None else np.ones(n, np.int64) for w, n in zip(weights, self.shape, strict=True)]
        )


MAX_TOGETHER = 62
"""Products whose memberships are told apart at once: one bit each of a 64-bit number."""


def _weight(indices: Indices, weights: NDArray[np.int64] | None) -> int:
    return indices.size if weights is None else int(weights[indices].sum())


def _clip(product: Product, box: tuple[tuple[int, int], ...]) -> Product:
    return tuple(axis[(axis >= lo) & (axis < hi)] for axis, (lo, hi) in zip(product, box, strict=True))


Classes = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The distinct patterns of membership along one axis, a bit for each product, and the weight of those that share it."""


def _classes(sets: list[Indices], size: int, weights: NDArray[np.int64] | None) -> Classes:
    belongs = np.zeros(size, dtype=np.int64)
    for k, indices in enumerate(sets):
        belongs[indices] |= 1 << k
    patterns, which = np.unique(belongs, return_inverse=True)
    totals = np.bincount(which.ravel(), weights=weights, minlength=len(patterns))
    return patterns, totals.astype(np.int64)  # exact: the sums stay far below 2**53


def _cross(left: Classes, right: Classes) -> Classes:
    patterns = np.bitwise_and.outer(left[0], right[0]).ravel()
    return patterns, np.multiply.outer(left[1], right[1]).ravel()


def region_of(part: Slice, shape: tuple[int, ...], as_shape: tuple[int, ...]) -> Region:
    """The elements of a slice of an array of `shape`, seen as an array of `as_shape` with the same row-major order."""
    pieces: list[Slice] = [part]
    if isinstance(part, Block) and shape != as_shape:
        pieces = list(runs_of(part, shape))
    products = [tuple(np.arange(lo, hi) for lo, hi in box) for piece in pieces for box in boxes(piece, as_shape)]
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
        return Region(shape, (tuple(np.arange(n) for n in shape),))
    if len(region.shape) == 1:
        pieces = _runs(np.unique(np.concatenate([p[0] for p in region.products])))
        return Region(shape, tuple(p for run in pieces for p in region_of(run, region.shape, shape).products))
    raise ValueError(f"a part of shape {region.shape} is no union of blocks of shape {shape}")


def _without_ones(region: Region, shape: tuple[int, ...]) -> Region | None:
    """Shapes that differ by axes of size one only."""
    kept = [a for a, n in enumerate(region.shape) if n != 1]
    if [region.shape[a] for a in kept] != [n for n in shape if n != 1]:
        return None
    products = []
    for product in region.products:
        if any(axis.size == 0 for axis in product):
            continue
        axes = iter([product[a] for a in kept])
        products.append(tuple(np.arange(1) if n == 1 else next(axes) for n in shape))
    return Region(shape, tuple(products))


def _runs(indices: Indices) -> list[Slice]:
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
