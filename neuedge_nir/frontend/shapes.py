"""Shapes of what NIR's nodes emit, one pure function per kind of node. No batch dimension: NIR has none.

Own work and not nir's, whose inference is wrong for kernels that are not square and for grouped convolutions.
"""

from __future__ import annotations

import math
from itertools import dropwhile

from neuedge_nir.frontend.raw import Shape

Padding = tuple[tuple[int, int], ...]


class ShapeMismatchError(ValueError):
    """A node cannot take a signal of this shape."""


def window_count(length: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int]) -> int:
    """How many windows fit on one axis; a last incomplete one is dropped."""
    span = length + sum(padding) - dilation * (kernel - 1) - 1
    if span < 0:
        raise ShapeMismatchError(
            f"a window of {dilation * (kernel - 1) + 1} does not fit on {length} plus padding {padding}"
        )
    return span // stride + 1


def same_padding(kernel: Shape, stride: Shape, dilation: Shape) -> Padding:
    """The zeros that keep the size. The odd one goes after, as PyTorch has it."""
    if any(step != 1 for step in stride):
        raise ShapeMismatchError(f"padding 'same' needs stride 1, not {stride}")
    totals = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def resolve_padding(padding: Shape | str, kernel: Shape, stride: Shape, dilation: Shape) -> Padding:
    """Zeros before and after each spatial axis, from NIR's 'same', 'valid' or one number per axis."""
    if padding == "same":
        return same_padding(kernel, stride, dilation)
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if isinstance(padding, str):
        raise ShapeMismatchError(f"padding must be 'same', 'valid' or numbers, not {padding!r}")
    return tuple((zeros, zeros) for zeros in padding)


def windows(space: Shape, kernel: Shape, stride: Shape, dilation: Shape, padding: Padding) -> Shape:
    """The output space of a convolution or pool over `space`."""
    axes = zip(space, kernel, stride, dilation, padding, strict=True)
    return tuple(window_count(*axis) for axis in axes)


def conv_output(shape: Shape, weight: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int) -> Shape:
    """(C_in, *space) -> (C_out, *space), for weights (C_out, C_in / groups, *kernel)."""
    if len(shape) != len(weight) - 1:
        raise ShapeMismatchError(f"a convolution over {len(weight) - 2} axes needs (channels, *space), not {shape}")
    if shape[0] != weight[1] * groups:
        raise ShapeMismatchError(f"the weights take {weight[1] * groups} channels, not {shape[0]}")
    return (weight[0], *windows(shape[1:], weight[2:], stride, dilation, padding))


def pool_output(shape: Shape, kernel: Shape, stride: Shape, padding: Shape) -> Shape:
    """(C, H, W) -> (C, H', W'), incomplete windows dropped."""
    if len(shape) != 3:
        raise ShapeMismatchError(f"a pool needs (channels, height, width), not {shape}")
    zeros = tuple((size, size) for size in padding)
    return (shape[0], *windows(shape[1:], kernel, stride, (1, 1), zeros))


def flatten_output(shape: Shape, start: int, end: int) -> Shape:
    """Axes start..end, both included and negative from the back, become one."""
    rank = len(shape)
    if not (-rank <= start < rank and -rank <= end < rank):
        raise ShapeMismatchError(f"axes {start}..{end} do not exist in {shape}")
    first, last = start % rank, end % rank
    if first > last:
        raise ShapeMismatchError(f"axes {start}..{end} of {shape} are in the wrong order")
    return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])


def dense_shapes(weight: Shape) -> tuple[Shape, Shape]:
    """What weights (*batch, O, I) take and give: (*batch, I) and (*batch, O)."""
    if len(weight) < 2:
        raise ShapeMismatchError(f"the weights must have at least two axes (outputs, inputs), not {weight}")
    return (*weight[:-2], weight[-1]), weight[:-1]


def without_leading_ones(shape: Shape) -> Shape:
    """The shape less its leading axes of length 1, which exporters leave behind for batch and time."""
    if len(shape) < 2 or shape[0] != 1:
        return shape
    return tuple(dropwhile(lambda length: length == 1, shape)) or shape[-1:]


def equal_but_for_leading_ones(one: Shape, other: Shape) -> bool:
    return one == other or without_leading_ones(one) == without_leading_ones(other)
