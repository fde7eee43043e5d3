"""The sites of a machine as coordinates, and what a message costs between any two of them, in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neuedge_nir.mapping.fabric import CROSSING_WEIGHT, Fabric, Site
from neuedge_nir.mapping.placing import kernel
from neuedge_nir.mapping.placing.compiled import compiled_by_numba
from neuedge_nir.mapping.placing.graph import Graph, Ints

WORTH_NUMBA = 1 << 18
"""Pairs that exchange anything above which numba adds up their ways; whole numbers, so that it makes no difference."""


@dataclass(frozen=True, eq=False)
class Floor:
    """Sites, by number, and the rules of ways between them: those of `Fabric.way_costs`, which is the truth.

    `x`, `y` are columns and rows of the sites' routers, from 0 up; `chip` the chip of each and `chip_x`, `chip_y` its
    position. `wraps`, `hexagonal`: of the links; `columns`, `rows`: of the whole system, which matter where it wraps.
    `crossing`: what leaving a chip costs beyond the hop, 0 where all sites are on one chip.
    """

    x: Ints
    y: Ints
    chip: Ints
    chip_x: Ints
    chip_y: Ints
    columns: int
    rows: int
    hexagonal: bool
    wraps: bool
    crossing: int

    @classmethod
    def of(cls, fabric: Fabric, sites: Sequence[Site]) -> Floor:
        routers = np.array([site.router for site in sites], dtype=np.int64).reshape(-1, 2)
        chip = np.array([site.chip for site in sites], dtype=np.int64)
        size = np.array([fabric.chip_columns, fabric.chip_rows])
        at = routers // size
        corner = np.zeros(2, dtype=np.int64) if fabric.wraps else routers.min(axis=0, initial=1 << 40) % (1 << 40)
        x, y = (routers - corner).T
        crossing = CROSSING_WEIGHT if len(np.unique(at, axis=0)) > 1 else 0
        return cls(x, y, chip, at[:, 0], at[:, 1], fabric.columns, fabric.rows, fabric.hex, fabric.wraps, crossing)

    @classmethod
    def mesh(cls, columns: int, rows: int) -> Floor:
        """One chip: a mesh with a core at each router, row by row."""
        y, x = np.divmod(np.arange(columns * rows), columns)
        none = np.zeros(len(x), dtype=np.int64)
        return cls(x, y, none, none, none, columns, rows, False, False, 0)

    @property
    def count(self) -> int:
        """How many sites there are."""
        return len(self.x)

    @cached_property
    def width(self) -> int:
        """Columns from the first to the last that has a site; all of them where they close to a ring."""
        return self.columns if self.wraps else int(self.x.max(initial=0)) + 1

    @cached_property
    def height(self) -> int:
        return self.rows if self.wraps else int(self.y.max(initial=0)) + 1

    @cached_property
    def plain(self) -> bool:
        """Whether a way is as long as its offsets along x and y together."""
        return not (self.hexagonal or self.wraps)

    def hops(self, dx: Ints, dy: Ints) -> Ints:
        """Links of the shortest way for offsets within the machine."""
        if not self.wraps:
            return self._length(dx, dy)
        shifts = [(i * self.columns, j * self.rows) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        return np.asarray(np.min([self._length(dx + i, dy + j) for i, j in shifts], axis=0))

    def _length(self, dx: Ints, dy: Ints) -> Ints:
        across, along = np.abs(dx), np.abs(dy)
        if not self.hexagonal:
            return np.asarray(across + along)
        return np.asarray(np.where(dx * dy >= 0, np.maximum(across, along), across + along))

    @cached_property
    def table(self) -> Ints:
        """Hops by offset: entry (dx + width - 1) * (2 * height - 1) + dy + height - 1."""
        dx, dy = np.meshgrid(np.arange(1 - self.width, self.width), np.arange(1 - self.height, self.height))
        return self.hops(dx.T.ravel(), dy.T.ravel())

    def ways(self, a: Ints, b: Ints) -> Ints:
        """What a message costs from sites a to sites b."""
        hops = self.hops(self.x[b] - self.x[a], self.y[b] - self.y[a])
        if not self.crossing:
            return hops
        borders = np.abs(self.chip_x[b] - self.chip_x[a]) + np.abs(self.chip_y[b] - self.chip_y[a])
        return np.asarray(hops + self.crossing * borders)

    def cost(self, graph: Graph, seats: Ints) -> int:
        """What all messages cost, in the graph's unit, with cluster i on site `seats[i]`."""
        a, b, weights = graph.pairs
        run = compiled_by_numba(kernel.cost) if self.plain and len(weights) > WORTH_NUMBA else None
        if run is not None:
            places = (each[seats] for each in (self.x, self.y, self.chip_x, self.chip_y))
            return int(run(a, b, weights, *places, self.crossing))
        return int((weights * self.ways(seats[a], seats[b])).sum())
