"""Lines: a box of neurons cut into strips, each of which may be cut anywhere along one axis.

A grid has tiles of one size. A strip takes slices of any length, so that what one layer leaves of a core another fills.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.demand import Demand, Demands
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.mapping.tiles import tile_sizes
from neuedge_nir.network.slices import Block, Grid, Span, cut, whole

MAX_LENGTHS = 48
"""Lengths of a slice that are looked at on each line."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Region:
    """The same box of several populations that are alike: neurons that wait for a core."""

    populations: tuple[str, ...]
    box: Block

    @property
    def neurons(self) -> int:
        return len(self.populations) * self.box.neurons


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One way to cut a box into strips along an axis.

    `grid` has the strips: the pieces of all other axes, and `axis` whole, from `start` on, `length` long. `lengths` are
    those of the slices looked at, ascending, and `needs` what such a slice in the middle uses of every limit.
    """

    axis: int
    grid: Grid
    start: int
    length: int
    lengths: Ints
    needs: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Cutter:
    """Finds the lines of boxes. `room`: neurons that a core holds at most; `tiles`: the largest ones looked at.

    The cross-sections of lines are those of the tiles that cut a box into the fewest slices; a box that fits a core has
    one along each axis.
    """

    demands: Demands
    targets: Destinations
    room: int
    tiles: int
    _known: dict[tuple[Hashable, Block], list[Line]] = field(default_factory=dict, init=False)

    @property
    def capacity(self) -> Ints:
        return np.array(self.demands.capacity, dtype=np.int64)

    def need(self, piece: Piece) -> Ints:
        """What a slice uses of every limit, counted in its place."""
        return np.array(self.demands.summed(piece, self.targets), dtype=np.int64)

    def lines(self, region: Region) -> list[Line]:
        """All lines on which some slice fits a core; none where no neuron does."""
        key = self.demands.family(region.populations[0]), region.box
        if key not in self._known:
            self._known[key] = self._lines(region)
        return self._known[key]

    def _lines(self, region: Region) -> list[Line]:
        name, box = region.populations[0], region.box
        firsts, shape = [a for a, _ in box.spans], tuple(b - a for a, b in box.spans)

        def fit(tile: Block) -> bool:
            moved = Block(tuple((f + a, f + b) for f, (a, b) in zip(firsts, tile.spans, strict=True)))
            return self.demands.fits_in(Piece(name, moved), self.targets, self.demands.capacity)

        small = box.neurons <= self.room and fit(whole(shape))
        tiles = [shape] if small else islice(tile_sizes(shape, self.room, fit), self.tiles)
        axes = [axis for axis, size in enumerate(shape) if size > 1] or [0]
        sections = {(axis, _pieces(shape, tile, axis)) for tile in tiles for axis in axes}
        found = [self._line(name, box, axis, pieces) for axis, pieces in sorted(sections)]
        return [line for line in found if line is not None]

    def _line(self, name: str, box: Block, axis: int, pieces: tuple[int, ...]) -> Line | None:
        firsts, shape = [a for a, _ in box.spans], tuple(b - a for a, b in box.spans)
        local = cut(shape, tuple(-(-s // p) for s, p in zip(shape, pieces, strict=True)), balanced=True)
        moved = zip(firsts, local.axes, strict=True)
        grid = Grid(tuple(tuple((f + a, f + b) for a, b in spans) for f, spans in moved))
        widest = Block(tuple(max(spans[len(spans) // 2 :], key=lambda s: s[1] - s[0]) for spans in grid.axes))
        size, unit = shape[axis], widest.neurons // shape[axis]

        def slice_of(length: int) -> Piece:
            return Piece(name, along(widest, axis, *_middle(box.spans[axis], length)))

        def fits(length: int) -> bool:
            demands = self.demands
            return length * unit <= self.room and demands.fits_in(slice_of(length), self.targets, demands.capacity)

        def need(length: int) -> Demand:
            return self.demands.summed(slice_of(length), self.targets)

        longest = _largest(fits, size)
        if not longest:
            return None
        lengths = _lengths(size, longest)
        return Line(axis, grid, firsts[axis], size, np.array(lengths, dtype=np.int64), _needs(lengths, need))


def _pieces(shape: tuple[int, ...], tile: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Into how many pieces a tile cuts the other axes."""
    return tuple(1 if a == axis else -(-size // tile[a]) for a, size in enumerate(shape))


def along(strip: Block, axis: int, start: int, stop: int) -> Block:
    """The part of a strip between two places of an axis."""
    return Block((*strip.spans[:axis], (start, stop), *strip.spans[axis + 1 :]))


def _middle(span: Span, length: int) -> Span:
    start = span[0] + (span[1] - span[0] - length) // 2
    return start, start + length


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` that fits, where all smaller ones do: 0 where none does."""
    if fits(most):
        return most
    good, bad = 0, most
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def _lengths(size: int, longest: int) -> list[int]:
    """All lengths, or so many of them: those that cut the strip evenly, and some between."""
    if longest <= MAX_LENGTHS:
        return list(range(1, longest + 1))
    half = MAX_LENGTHS // 2
    even = {-(-size // pieces) for pieces in range(-(-size // longest), half)}
    spread = {max(1, longest * k // half) for k in range(1, half + 1)}
    return sorted(length for length in even | spread if length <= longest)


def _needs(lengths: Sequence[int], need: Callable[[int], Demand]) -> Ints:
    """What slices of these lengths use. Where that grows evenly over a few of them, those between follow.

    A guide to the search alone: whatever is chosen is counted exactly in its place.
    """
    last = len(lengths) - 1
    several = sorted({0, min(1, last), last // 3, last // 2, max(0, last - 1), last})
    some = np.array([need(lengths[k]) for k in several], dtype=np.int64)
    at = np.array([lengths[k] for k in several], dtype=np.int64)
    steps, rises = at - at[0], some - some[0]
    if len(several) > 3 and (rises * steps[-1] == steps[:, None] * rises[-1]).all():
        further = (np.array(lengths, dtype=np.int64) - at[0])[:, None]
        return np.asarray(some[0] - (-further * rises[-1]) // steps[-1], dtype=np.int64)
    return np.array([need(length) for length in lengths], dtype=np.int64)
