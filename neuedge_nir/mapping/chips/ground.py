"""The positions that a plan's chips may take: their cores, their boards, and the ways between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import RoutingKind
from neuedge_nir.mapping.chips.patches import Adjacent, adjacent, parts
from neuedge_nir.mapping.fabric import Fabric, Router
from neuedge_nir.mapping.routing.wires import FAR, Wires

MAX_FAR = 3000
"""Up to so many positions the ways between all of them are kept."""

ROUND = 8
"""Links that are counted more for a way round chips that are not looked at."""


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
        return [self._machine.free_cores(number) for number in range(len(self.positions))]

    def boards(self, numbers: Iterable[int]) -> int:
        """How many boards these positions stand on; 0 where chips are powered one by one."""
        return self._machine.boards_of(numbers) or 0

    def between(self, numbers: Iterable[int]) -> int:
        """Chips, as far as is seen, that messages cross to join the parts into which these positions fall."""
        found = parts([self.positions[number] for number in numbers], self._adjacent)
        joined, *left = [np.array([self.number[position] for position in part]) for part in found]
        crossed = 0
        while left:
            gaps = [min(int(self.ways(start, joined).min()) for start in part.tolist()) for part in left]
            nearest = int(np.argmin(gaps))
            crossed += gaps[nearest] - 1
            joined = np.concatenate([joined, left.pop(nearest)])
        return crossed

    @cached_property
    def _adjacent(self) -> Adjacent:
        return adjacent(self.fabric)

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
        hops = self.fabric.hops(here, there)
        return hops if self._wires is None else self._round_what_is_dead(start, ends, hops)

    @cached_property
    def _wires(self) -> Wires | None:
        """The wires of the positions and their neighbours where some are dead; None: all are there, or too many."""
        fabric = self.fabric
        if not (fabric.dead or fabric.gone):
            return None
        near = {near for position in self.positions for near in self._adjacent(position)}
        routers = sorted(
            (x * fabric.chip_columns + i, y * fabric.chip_rows + j)
            for x, y in near | {*self.positions}
            for i in range(fabric.chip_columns)
            for j in range(fabric.chip_rows)
        )
        return Wires(routers, fabric) if len(routers) <= MAX_FAR else None

    def _round_what_is_dead(self, start: int, ends: NDArray[np.int64], hops: NDArray[np.int64]) -> NDArray[np.int64]:
        """Links over what works near the positions; more of them where these do not join them."""
        assert self._wires is not None
        number = self._wires.number
        there = [number[int(x), int(y)] for x, y in self._routers[ends]]
        x, y = self._routers[start]
        far = self._wires.far(number[int(x), int(y)])[there].astype(np.int64)
        return np.where(far == FAR, ROUND + 2 * hops, far)
