"""Shape inference against windows that numpy really cuts, and against the conventions of PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.frontend.shapes import (
    ShapeMismatchError,
    conv_output,
    dense_shapes,
    equal_but_for_leading_ones,
    flatten_output,
    pool_output,
    resolve_padding,
    without_leading_ones,
)

small = st.integers(1, 4)
axes = st.lists(
    st.tuples(st.integers(1, 12), small, small, st.integers(1, 3), st.integers(0, 3), st.integers(0, 3)),
    min_size=1,
    max_size=2,
)


def windows_cut(length: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> int:
    """How many windows numpy finds on a padded axis."""
    padded = np.pad(np.zeros(length), (before, after))
    span = dilation * (kernel - 1) + 1
    if span > padded.size:
        return 0
    return len(np.lib.stride_tricks.sliding_window_view(padded, span)[::stride, ::dilation])


@given(axes, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_a_convolution_gives_as_many_outputs_as_there_are_windows(
    sides: list[tuple[int, ...]], groups: int, per_group: int, outputs: int
) -> None:
    space, kernel, stride, dilation, before, after = zip(*sides, strict=True)
    shape, weight = (groups * per_group, *space), (groups * outputs, per_group, *kernel)
    padding = tuple(zip(before, after, strict=True))
    expected = tuple(windows_cut(*side) for side in sides)
    if 0 in expected:
        with pytest.raises(ShapeMismatchError, match="does not fit"):
            conv_output(shape, weight, stride, padding, dilation, groups)
    else:
        assert conv_output(shape, weight, stride, padding, dilation, groups) == (weight[0], *expected)


@given(st.lists(st.tuples(st.integers(1, 9), small, small, st.integers(0, 2)), min_size=2, max_size=2), small)
def test_a_pool_drops_its_last_incomplete_window(sides: list[tuple[int, ...]], channels: int) -> None:
    space, kernel, stride, padding = zip(*sides, strict=True)
    expected = tuple(windows_cut(n, k, s, 1, p, p) for n, k, s, p in sides)
    if 0 not in expected:
        assert pool_output((channels, *space), kernel, stride, padding) == (channels, *expected)


@given(st.lists(st.tuples(st.integers(1, 9), small, st.integers(1, 3)), min_size=1, max_size=2))
def test_same_padding_keeps_the_space_and_puts_the_odd_zero_after(sides: list[tuple[int, ...]]) -> None:
    space, kernel, dilation = zip(*sides, strict=True)
    ones = (1,) * len(space)
    padding = resolve_padding("same", kernel, ones, dilation)
    assert conv_output((1, *space), (1, 1, *kernel), ones, padding, dilation, 1) == (1, *space)
    assert all(after - before in (0, 1) for before, after in padding)


def test_same_padding_needs_stride_one() -> None:
    with pytest.raises(ShapeMismatchError, match="stride 1"):
        resolve_padding("same", (3,), (2,), (1,))


def test_padding_is_same_valid_or_numbers() -> None:
    assert resolve_padding("valid", (3, 3), (2, 2), (1, 1)) == ((0, 0), (0, 0))
    assert resolve_padding((1, 2), (3, 3), (2, 2), (1, 1)) == ((1, 1), (2, 2))
    with pytest.raises(ShapeMismatchError, match="'full'"):
        resolve_padding("full", (3,), (1,), (1,))


def test_a_grouped_convolution_takes_all_its_groups_channels() -> None:
    assert conv_output((4, 10, 12), (8, 1, 3, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 4) == (8, 8, 8)
    with pytest.raises(ShapeMismatchError, match="4 channels, not 3"):
        conv_output((3, 10, 12), (8, 1, 3, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 4)


@given(st.lists(small, min_size=1, max_size=4), st.data())
def test_flatten_agrees_with_reshape(lengths: list[int], data: st.DataObject) -> None:
    rank = len(lengths)
    start = data.draw(st.integers(0, rank - 1))
    end = data.draw(st.integers(start, rank - 1))
    signs = data.draw(st.tuples(st.sampled_from([0, rank]), st.sampled_from([0, rank])))
    expected = np.zeros(lengths).reshape(*lengths[:start], -1, *lengths[end + 1 :]).shape
    assert flatten_output(tuple(lengths), start - signs[0], end - signs[1]) == expected
    assert math.prod(expected) == math.prod(lengths)


@pytest.mark.parametrize(("start", "end"), [(2, 1), (0, 3), (-4, -1)])
def test_flatten_refuses_axes_that_are_not_there(start: int, end: int) -> None:
    with pytest.raises(ShapeMismatchError):
        flatten_output((2, 3, 4), start, end)


def test_a_dense_layer_keeps_its_batch_axes() -> None:
    assert dense_shapes((5, 3, 2)) == ((5, 2), (5, 3))
    with pytest.raises(ShapeMismatchError):
        dense_shapes((5,))


def test_only_leading_ones_may_differ() -> None:
    assert without_leading_ones((1, 1, 1)) == (1,)
    assert equal_but_for_leading_ones((1, 16, 4), (16, 4))
    assert not equal_but_for_leading_ones((16, 1, 4), (16, 4))
