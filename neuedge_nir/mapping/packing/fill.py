"""What patterns leave goes where there is room: each region whole, or its largest slice that some core takes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from heapq import heapify, heappop, heappush

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

        A slice goes to a core in use only where it is at least that `part` of what waits. The region that takes most
        goes first.
        """
        if len(cores) > most:
            return None
        found, rooms, begun = self._begun(cores, most)
        waiting = [
            self._ranked(region)
            for region in (*begun, *(Region((name,), r.box) for r in regions for name in r.populations))
        ]
        heapify(waiting)
        open_ = Open(rooms, len(found))
        while waiting:
            *_, region = heappop(waiting)
            stock, _ = self._stock(region)
            if not len(stock.region):
                return None
            item, core = self._seat(stock, open_, region.neurons * part)
            strips = Strips(region, self._cutter.lines(region)[int(stock.line[item])])
            (piece,) = strips.take(int(stock.length[item]), 1)
            need = self._cutter.need(piece)
            core = core if core >= 0 and (need <= rooms[core]).all() else len(found)
            if core == len(found):
                if core == most or (need > self._capacity).any():
                    return None
                found.append([])
                open_.begin(core)
            found[core].append(piece)
            rooms[core] -= need
            for rest in strips.left():
                heappush(waiting, self._ranked(rest))
        return found

    def _ranked(self, region: Region) -> tuple[float, int, tuple[str, ...], Block, Region]:
        return -self._stock(region)[1], -region.neurons, region.populations, region.box, region

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

    def _seat(self, stock: Stock, open_: Open, least: float) -> tuple[int, int]:
        """The largest slice that some core has room for, and the tightest such core; else the largest, and -1."""
        cores = open_.for_needs(stock.needs)
        rooms = open_.rooms[cores]
        order = np.argsort(-stock.covers, kind="stable")
        for item in order[stock.covers[order] > least - 1e-6].tolist() if cores.size else ():
            fitting = np.flatnonzero((rooms >= stock.needs[item]).all(axis=1))
            if fitting.size:
                spare = ((rooms[fitting] - stock.needs[item]) / self._shares).sum(axis=1)
                return item, int(cores[fitting[np.argmin(spare)]])
        return int(order[0]), -1


class Open:
    """The cores in use that may still take something: `rooms` are what all cores have left, those to come too."""

    def __init__(self, rooms: Ints, begun: int) -> None:
        self.rooms = rooms
        self._cores = np.arange(begun)
        self._floor: Ints | None = None

    def begin(self, core: int) -> None:
        self._cores = np.append(self._cores, core)

    def for_needs(self, needs: Ints) -> Ints:
        """Cores with room for the least of some slices by every limit. Those with less than any slice seen are left."""
        least = needs.min(axis=0)
        self._floor = least if self._floor is None else np.minimum(self._floor, least)
        rooms = self.rooms[self._cores]
        self._cores = self._cores[(rooms >= self._floor).all(axis=1)]
        return np.asarray(self._cores[(self.rooms[self._cores] >= least).all(axis=1)])
