"""What patterns leave goes where there is room: each region whole, or its largest slice that some core takes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.packing.lines import Cutter, Region
from neuedge_nir.mapping.packing.stock import Stock, stock_of
from neuedge_nir.mapping.packing.strips import Strips
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.network.slices import Block

Ints = NDArray[np.int64]

Packed = list[list[Piece]]
"""The slices on each core."""


class Filler:
    """Puts regions onto cores that have room, and onto new ones."""

    def __init__(self, cutter: Cutter) -> None:
        self._cutter, self._capacity = cutter, cutter.capacity
        self._shares = np.maximum(1, self._capacity).astype(np.float64)
        self._known: dict[tuple[Hashable, Block], tuple[Stock, float]] = {}

    def fill(self, cores: Packed, regions: Sequence[Region], part: float, most: int) -> Packed | None:
        """Everything on at most `most` cores, counted exactly; None where that was not found.

        A slice goes to a core in use only where it is at least that `part` of what waits.
        """
        if len(cores) > most:
            return None
        found, rooms, waiting = self._begun(cores, most)
        waiting += [Region((name,), region.box) for region in regions for name in region.populations]
        while waiting:
            region = min(waiting, key=lambda r: (-self._stock(r)[1], -r.neurons, r.populations, r.box))
            waiting.remove(region)
            stock, _ = self._stock(region)
            if not len(stock.region):
                return None
            item, core = self._seat(stock, rooms[: len(found)], region.neurons * part)
            strips = Strips(region, self._cutter.lines(region)[int(stock.line[item])])
            (piece,) = strips.take(int(stock.length[item]), 1)
            need = self._cutter.need(piece)
            core = core if core == len(found) or (need <= rooms[core]).all() else len(found)
            if core == len(found):
                if core == most or (need > self._capacity).any():
                    return None
                found.append([])
            found[core].append(piece)
            rooms[core] -= need
            waiting += strips.left()
        return found

    def _begun(self, cores: Packed, most: int) -> tuple[Packed, Ints, list[Region]]:
        """The cores with what is left of each; what one has too much of waits: patterns count as in the middle."""
        found: Packed = []
        waiting: list[Region] = []
        rooms = np.tile(self._capacity, (most, 1))
        for number, core in enumerate(cores):
            found.append([])
            for piece in core:
                need = self._cutter.need(piece)
                if (need <= rooms[number]).all():
                    found[-1].append(piece)
                    rooms[number] -= need
                else:
                    assert isinstance(piece.part, Block)
                    waiting.append(Region((piece.population,), piece.part))
        return found, rooms, waiting

    def _stock(self, region: Region) -> tuple[Stock, float]:
        """The slices of a region, and about how many cores it takes, by its largest one."""
        key = self._cutter.demands.family(region.populations[0]), region.box
        if key not in self._known:
            stock = stock_of([region], [self._cutter.lines(region)])
            size = 0.0
            if len(stock.region):
                largest = int(np.argmax(stock.covers))
                size = float((stock.needs[largest] / self._shares).max() * region.neurons / stock.covers[largest])
            self._known[key] = stock, size
        return self._known[key]

    def _seat(self, stock: Stock, rooms: Ints, least: float) -> tuple[int, int]:
        """The largest slice that some core has room for, and the tightest such core; else the largest, on a new one."""
        order = np.argsort(-stock.covers, kind="stable")
        for item in order[stock.covers[order] > least - 1e-6].tolist():
            fitting = np.flatnonzero((rooms >= stock.needs[item]).all(axis=1))
            if fitting.size:
                spare = ((rooms[fitting] - stock.needs[item]) / self._shares).sum(axis=1)
                return item, int(fitting[np.argmin(spare)])
        return int(order[0]), len(rooms)
