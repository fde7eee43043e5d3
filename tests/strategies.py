"""Hypothesis strategies for small networks, chains of connection operators and slices."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, PoolKind, Scale
from neuedge_nir.network.model import Projection
from neuedge_nir.network.slices import Block, Run, Slice

Shape = tuple[int, ...]


def _length(size: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


@st.composite
def convs(draw: st.DrawFn, shape: Shape) -> Conv:
    """A convolution, 1-D or 2-D, that fits an input of `shape` = (channels, *space)."""
    groups = draw(st.sampled_from([g for g in (1, 2, 3, shape[0]) if shape[0] % g == 0]))
    channels = groups * draw(st.integers(1, 3))
    axes = [draw(_axis(size)) for size in shape[1:]]
    kernel, stride, before, after, dilation, space = zip(*axes, strict=True)
    weight = np.ones((channels, shape[0] // groups, *kernel))
    padding = tuple(zip(before, after, strict=True))
    return Conv("conv", weight, shape, (channels, *space), stride, padding, dilation, groups)


@st.composite
def _axis(draw: st.DrawFn, size: int) -> tuple[int, int, int, int, int, int]:
    kernel, stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    space = _length(size, kernel, stride, before, after, dilation)
    if space < 1:
        return 1, 1, 0, 0, 1, size
    return kernel, stride, before, after, dilation, space


@st.composite
def pools(draw: st.DrawFn, shape: Shape) -> Pool:
    """A pool over (channels, height, width); windows may overlap or leave gaps."""
    axes = []
    for size in shape[1:]:
        kernel = draw(st.integers(1, min(3, size)))
        stride, padding = draw(st.integers(1, 3)), draw(st.integers(0, kernel // 2))
        axes.append((kernel, stride, padding, _length(size, kernel, stride, padding, padding, 1)))
    kernel2, stride2, padding2, space = zip(*axes, strict=True)
    kind = draw(st.sampled_from(PoolKind))
    return Pool("pool", kind, shape, (shape[0], *space), kernel2, stride2, padding2)


@st.composite
def scales(draw: st.DrawFn, shape: Shape) -> Scale:
    """A scale: uniform, per channel, or per element."""
    form = draw(st.sampled_from([(), (shape[0], *(1 for _ in shape[1:])), shape]))
    return Scale("scale", np.ones(form), shape)


@st.composite
def denses(draw: st.DrawFn, shape: Shape) -> Dense:
    """A dense layer over the whole flattened input."""
    return Dense("dense", np.ones((draw(st.integers(1, 7)), math.prod(shape))))


@st.composite
def projections(draw: st.DrawFn) -> Projection:
    """A projection with a chain of up to three operators, possibly ending in a flattened population."""
    space = draw(st.lists(st.integers(1, 6), min_size=1, max_size=2))
    source: Shape = (draw(st.sampled_from([1, 2, 3, 4, 6])), *space)
    chain: list[Operator] = []
    shape = source
    for _ in range(draw(st.integers(0, 3))):
        operator = draw(_operators(shape))
        chain.append(operator)
        shape = operator.output_shape
    target = draw(st.sampled_from([shape, (math.prod(shape),)]))
    return Projection("p", "a", "b", source, target, tuple(chain))


def _operators(shape: Shape) -> st.SearchStrategy[Operator]:
    options: list[st.SearchStrategy[Operator]] = [scales(shape), denses(shape)]
    if len(shape) > 1:
        options.append(convs(shape))
    if len(shape) == 3:
        options.append(pools(shape))
    return st.one_of(options)


@st.composite
def slices(draw: st.DrawFn, shape: Shape) -> Slice:
    """A block or a run of a population of `shape`, never empty."""
    if draw(st.booleans()):
        start = draw(st.integers(0, math.prod(shape) - 1))
        return Run(start, draw(st.integers(start + 1, math.prod(shape))))
    spans = []
    for size in shape:
        lo = draw(st.integers(0, size - 1))
        spans.append((lo, draw(st.integers(lo + 1, size))))
    return Block(tuple(spans))
