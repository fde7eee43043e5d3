"""All slices that a core may be filled with: those of every line of every region, as rows of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.packing.lines import Line, Region

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """Items: a slice of a `length` on a `line` of a `region`, by their numbers.

    `covers` is what a slice is of its region, in neurons: all strips of a line count as equally wide. `needs` is what
    it uses of each limit.
    """

    region: Ints
    line: Ints
    length: Ints
    covers: Floats
    needs: Ints

    def only(self, which: NDArray[np.bool_] | Ints) -> Stock:
        return Stock(self.region[which], self.line[which], self.length[which], self.covers[which], self.needs[which])


def stock_of(regions: Sequence[Region], lines: Sequence[Sequence[Line]]) -> Stock:
    """Every length of every line, but for what covers no more than another of its region and needs no less."""
    each = zip(regions, lines, strict=True)
    parts = [_undominated(_items(number, region, own)) for number, (region, own) in enumerate(each)]
    columns = zip(*((p.region, p.line, p.length, p.covers, p.needs) for p in parts), strict=True)
    region, line, length, covers, needs = (np.concatenate(column) for column in columns)
    return Stock(region, line, length, covers, needs)


def _items(number: int, region: Region, lines: Sequence[Line]) -> Stock:
    line = np.concatenate([np.full(len(one.lengths), n) for n, one in enumerate(lines)])
    length = np.concatenate([one.lengths for one in lines])
    sizes = [region.box.neurons * one.lengths / (one.length * len(one.grid)) for one in lines]
    needs = np.concatenate([one.needs for one in lines])
    return Stock(np.full(len(line), number), line, length, np.concatenate(sizes), needs)


def _undominated(stock: Stock) -> Stock:
    order = np.lexsort((stock.needs.sum(axis=1), -np.round(stock.covers, 6)))
    kept: list[int] = []
    for at in order.tolist():  # those before it cover as much or more
        if not kept or not (stock.needs[kept] <= stock.needs[at]).all(axis=1).any():
            kept.append(at)
    return stock.only(np.array(kept, dtype=np.int64))
