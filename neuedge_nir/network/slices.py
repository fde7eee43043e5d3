"""Parts of a population: rectangular blocks and contiguous runs, both in row-major order of its shape."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

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


@dataclass(frozen=True, slots=True)
class Grid:
    """A population cut into a grid of tiles: for each axis its spans, one behind the other."""

    axes: tuple[tuple[Span, ...], ...]

    def __len__(self) -> int:
        return math.prod(map(len, self.axes))

    def blocks(self) -> Iterator[Block]:
        """The tiles in row-major order."""
        return map(Block, product(*self.axes))

    def block(self, at: tuple[int, ...]) -> Block:
        """The tile at a place of the grid."""
        return Block(tuple(spans[i] for spans, i in zip(self.axes, at, strict=True)))

    @property
    def middle(self) -> tuple[int, ...]:
        """The place of the tile in the middle of their order."""
        at, rest = [], len(self) // 2
        for spans in reversed(self.axes):
            rest, index = divmod(rest, len(spans))
            at.append(index)
        return tuple(reversed(at))


def cut(shape: tuple[int, ...], tile: tuple[int, ...], balanced: bool) -> Grid:
    """A population cut into a grid of tiles.

    `balanced` spreads each axis evenly over its pieces; otherwise the pieces are full and the last is what remains.
    """
    return Grid(tuple(tuple(_pieces(size, step, balanced)) for size, step in zip(shape, tile, strict=True)))


def _pieces(size: int, step: int, balanced: bool) -> list[Span]:
    count = -(-size // step)
    if balanced:
        edges = [size * i // count for i in range(count + 1)]
    else:
        edges = [min(i * step, size) for i in range(count + 1)]
    return list(pairwise(edges))
