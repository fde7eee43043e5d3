"""Parts of a population: rectangular blocks and contiguous runs, both in row-major order of its shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

Span = tuple[int, int]
"""First index and one past the last."""
Box = tuple[Span, ...]
"""One span per axis."""


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """A rectangle: one span per axis of the population's shape."""

    spans: Box

    @property
    def neurons(self) -> int:
        return math.prod(stop - start for start, stop in self.spans)


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """Consecutive neurons in row-major order."""

    start: int
    stop: int

    @property
    def neurons(self) -> int:
        return self.stop - self.start


Slice = Block | Run


def whole(shape: tuple[int, ...]) -> Block:
    """All of a population."""
    return Block(tuple((0, size) for size in shape))


def boxes(part: Slice, shape: tuple[int, ...]) -> tuple[Box, ...]:
    """Disjoint boxes of an array of `shape` that together are the slice.

    A block must be of that very shape. A run becomes at most 2 * axes - 1 boxes: the rest of the first row, whole
    planes, the beginning of the last row.
    """
    match part:
        case Block(spans):
            return (spans,)
        case Run(start, stop):
            return tuple(_run_boxes(start, stop, shape))


def _run_boxes(start: int, stop: int, shape: tuple[int, ...]) -> list[Box]:
    if start >= stop:
        return []
    if not shape:
        return [()]
    inner = math.prod(shape[1:])
    first, last = start // inner, (stop - 1) // inner
    head, tail = start - first * inner, stop - last * inner
    if first == last and (head, tail) != (0, inner):
        return [((first, first + 1), *box) for box in _run_boxes(head, tail, shape[1:])]
    found: list[Box] = []
    if head:
        found += [((first, first + 1), *box) for box in _run_boxes(head, inner, shape[1:])]
        first += 1
    full_end = last + 1 if tail == inner else last
    if first < full_end:
        found.append(((first, full_end), *((0, size) for size in shape[1:])))
    if tail != inner:
        found += [((last, last + 1), *box) for box in _run_boxes(0, tail, shape[1:])]
    return found


def runs_of(block: Block, shape: tuple[int, ...]) -> tuple[Run, ...]:
    """The maximal runs of row-major indices that a block consists of, in ascending order."""
    axis = len(shape)
    inner = 1
    while axis and block.spans[axis - 1] == (0, shape[axis - 1]):
        axis -= 1
        inner *= shape[axis]
    if axis == 0:
        return (Run(0, inner),)
    starts = [block.spans[axis - 1][0] * inner]
    length = (block.spans[axis - 1][1] - block.spans[axis - 1][0]) * inner
    stride = shape[axis - 1] * inner
    for k in range(axis - 2, -1, -1):
        starts = [start + i * stride for i in range(*block.spans[k]) for start in starts]
        stride *= shape[k]
    return tuple(Run(start, start + length) for start in sorted(starts))


def cut(shape: tuple[int, ...], tile: tuple[int, ...], balanced: bool) -> tuple[Block, ...]:
    """A population cut into a grid of tiles.

    `balanced` spreads each axis evenly over its pieces; otherwise the pieces are full and the last is what remains.
    """
    axes = [_pieces(size, step, balanced) for size, step in zip(shape, tile, strict=True)]
    grid: list[Box] = [()]
    for pieces in axes:
        grid = [(*box, piece) for box in grid for piece in pieces]
    return tuple(Block(box) for box in grid)


def _pieces(size: int, step: int, balanced: bool) -> list[Span]:
    count = -(-size // step)
    if balanced:
        edges = [size * i // count for i in range(count + 1)]
    else:
        edges = [min(i * step, size) for i in range(count + 1)]
    return list(pairwise(edges))
