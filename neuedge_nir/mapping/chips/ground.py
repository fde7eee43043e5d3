"""The positions that a plan's chips may take: their cores, their boards, and the ways between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import RoutingKind
from neuedge_nir.mapping.fabric import Fabric, Router

MAX_FAR = 3000
"""Up to so many positions the ways between all of them are kept."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Positions by number: those that any order of a plan's chips takes."""

    fabric: Fabric
    positions: tuple[Router, ...]

    @classmethod
    def of(cls, fabric: Fabric, orders: Iterable[Sequence[Router]]) -> Ground:
        return cls(fabric, tuple(dict.fromkeys(position for order in orders for position in order)))

    @cached_property
    def number(self) -> dict[Router, int]:
        return {position: number for number, position in enumerate(self.positions)}

    @cached_property
    def _machine(self) -> Fabric:
        return replace(self.fabric, positions=self.positions)

    @cached_property
    def cores(self) -> list[int]:
        return [self._machine.cores_of(number) for number in range(len(self.positions))]

    def boards(self, numbers: Iterable[int]) -> int:
        """How many boards these positions stand on; 0 where chips are powered one by one."""
        return self._machine.boards_of(numbers) or 0

    @cached_property
    def _routers(self) -> NDArray[np.int64]:
        size = np.array([self.fabric.chip_columns, self.fabric.chip_rows])
        return np.asarray(np.array(self.positions, dtype=np.int64).reshape(-1, 2) * size)

    @cached_property
    def far(self) -> NDArray[np.int64] | None:
        """Links between all positions; None of too many."""
        count = len(self.positions)
        if count > MAX_FAR:
            return None
        return np.array([self._ways(p, np.arange(count)) for p in range(count)], dtype=np.int64).reshape(count, count)

    def ways(self, start: int, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Links from a position to others; under dimension order with what placement counts for crossing chips."""
        return self._ways(start, ends) if self.far is None else self.far[start, ends]

    def _ways(self, start: int, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        here, there = self._routers[start], self._routers[ends]
        if self.fabric.chip.topology.routing is RoutingKind.XY:
            return self.fabric.way_costs(here, there).astype(np.int64)
        return self.fabric.hops(here, there)
