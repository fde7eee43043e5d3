"""Routers and the links between them as arrays: what trees are grown over, whatever the outline, wrapped or broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.fabric import Fabric, Link, Router

STEPS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
"""East, north-east, north, west, south-west, south: a hexagonal router's links by their number."""

SQUARE = (0, 2, 3, 5)
"""The links that a router of a mesh has."""

PREFERRED = (0, 3, 2, 5, 1, 4)
"""In a torus of two columns or rows several wires join two routers; the first of these is used."""

CACHE_BYTES = 1 << 28
"""Rows of distances kept: they are counted again where a machine has more."""

FAR = np.iinfo(np.int16).max


class Wires:
    """Routers by number and, six to each, the links that leave them: link l leaves `routers[l // 6]` by step l % 6.

    `ahead[l]` is the router that a link leads to, -1 where there is no such wire.
    """

    def __init__(self, routers: Sequence[Router], fabric: Fabric) -> None:
        self.routers = tuple(routers)
        self.number = {router: n for n, router in enumerate(self.routers)}
        self.ahead: NDArray[np.int64] = np.full(6 * len(self.routers), -1, dtype=np.int64)
        steps = [d for d in PREFERRED if fabric.hex or d in SQUARE]
        for n, (x, y) in enumerate(self.routers):
            joined: set[Router] = {(x, y)}
            for d in steps:
                there = x + STEPS[d][0], y + STEPS[d][1]
                if fabric.wraps:
                    there = there[0] % fabric.columns, there[1] % fabric.rows
                if there in self.number and there not in joined and ((x, y), there) not in fabric.dead:
                    self.ahead[6 * n + d] = self.number[there]
                    joined.add(there)
        self._rows: dict[int, NDArray[np.int16]] = {}

    @cached_property
    def entering(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For every router: (the router before, the link from it), by the link's number."""
        found: list[list[tuple[int, int]]] = [[] for _ in self.routers]
        for link in np.nonzero(self.ahead >= 0)[0].tolist():
            found[self.ahead[link]].append((link // 6, link))
        return tuple(map(tuple, found))

    @cached_property
    def links(self) -> tuple[Link | None, ...]:
        """The two routers of every link."""
        return tuple(
            (self.routers[link // 6], self.routers[end]) if end >= 0 else None
            for link, end in enumerate(self.ahead.tolist())
        )

    def far(self, router: int) -> NDArray[np.int16]:
        """Links on the shortest way from a router to every router, `FAR` to those that it does not reach.

        Wires lead both ways, so it is the distance to it as well.
        """
        row = self._rows.get(router)
        if row is None:
            if 2 * len(self.routers) * (len(self._rows) + 1) > CACHE_BYTES:
                self._rows.clear()
            row = self._rows[router] = self._breadth_first(router)
        return row

    def _breadth_first(self, start: int) -> NDArray[np.int16]:
        row = np.full(len(self.routers) + 1, FAR, dtype=np.int16)  # the last is where no wire leads
        row[start], front, steps = 0, np.array([start]), 0
        ahead = self.ahead.reshape(-1, 6)
        while front.size:
            steps += 1
            reached = ahead[front].ravel()
            front = np.unique(reached[(reached >= 0) & (row[reached] == FAR)])
            row[front] = steps
        return row[:-1]


def wires_for(fabric: Fabric, ends: Iterable[Router]) -> Wires | None:
    """The wires that join these routers: of the machine's first chips, if they do, else of ever more of them.

    None where the whole machine does not join them.
    """
    wanted = sorted(set(ends))
    most = 1 + max((fabric.chip_of(router) for router in wanted), default=0)
    while True:
        found = Wires(_routers(fabric, most), fabric)
        if not wanted or bool((found.far(found.number[wanted[0]])[[found.number[r] for r in wanted]] < FAR).all()):
            return found
        if most >= len(fabric.positions):
            return None
        most = min(2 * most + 4, len(fabric.positions))


def _routers(fabric: Fabric, chips: int) -> list[Router]:
    """The routers of the first chips."""
    columns, rows = fabric.chip_columns, fabric.chip_rows
    return sorted(
        (column * columns + x, row * rows + y)
        for column, row in fabric.positions[:chips]
        for x in range(columns)
        for y in range(rows)
    )
