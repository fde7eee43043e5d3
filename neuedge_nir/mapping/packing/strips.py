"""Strips of a line as slices are taken from them, and the regions that stay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from neuedge_nir.mapping.packing.lines import Line, Region, along
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.network.slices import Block, Grid


@dataclass(slots=True)
class _Group:
    """Strips that are cut alike: populations by number, pieces of each axis, and where what is left begins."""

    ranges: tuple[range, ...]
    start: int

    @property
    def size(self) -> int:
        return math.prod(map(len, self.ranges))


class Strips:
    """The strips of a line as slices are taken from their beginning."""

    def __init__(self, region: Region, line: Line) -> None:
        self._region, self._line = region, line
        ranges = (range(len(region.populations)), *(range(len(spans)) for spans in line.grid.axes))
        self._groups = [_Group(ranges, 0)]

    def take(self, length: int, times: int) -> list[Piece]:
        """So many slices of a length, or as many as are there; shorter ones at the end of strips."""
        found: list[Piece] = []
        while len(found) < times:
            fitting = [g for g in self._groups if self._line.length - g.start >= length]
            if not fitting:
                break
            group = min(fitting, key=lambda g: (self._line.length - g.start - length, g.size))
            if group.size > times - len(found):
                group = self._split(group, times - len(found))
            found += self._pieces(group, length)
            group.start += length
        return found

    def _split(self, group: _Group, most: int) -> _Group:
        """Part a group: the first one has at most so many strips."""
        axis = next(a for a, each in enumerate(group.ranges) if len(each) > 1)
        inner = group.size // len(group.ranges[axis])
        count = max(1, most // inner)
        rest = (*group.ranges[:axis], group.ranges[axis][count:], *group.ranges[axis + 1 :])
        self._groups.append(_Group(rest, group.start))
        group.ranges = (*group.ranges[:axis], group.ranges[axis][:count], *group.ranges[axis + 1 :])
        return group if group.size <= most else self._split(group, most)

    def _pieces(self, group: _Group, length: int) -> Iterator[Piece]:
        line, first = self._line, self._line.start + group.start
        axes = zip(line.grid.axes, group.ranges[1:], strict=True)
        own = Grid(tuple(tuple(spans[i] for i in each) for spans, each in axes))
        for number in group.ranges[0]:
            for strip in own.blocks():
                yield Piece(self._region.populations[number], along(strip, line.axis, first, first + length))

    def left(self) -> list[Region]:
        """What is left of all strips."""
        line, found = self._line, []
        for group in self._groups:
            if group.start < line.length and group.size:
                spans = [(s[e[0]][0], s[e[-1]][1]) for s, e in zip(line.grid.axes, group.ranges[1:], strict=True)]
                box = along(Block(tuple(spans)), line.axis, line.start + group.start, line.start + line.length)
                names = tuple(self._region.populations[n] for n in group.ranges[0])
                found.append(Region(names, box))
        return found
