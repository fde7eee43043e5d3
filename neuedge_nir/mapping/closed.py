"""What of a machine nothing may stand on: forbidden and dead cores and chips, and the cores that stay free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from neuedge_nir.chip.model import Topology
from neuedge_nir.constraints.model import Constraints

Position = tuple[int, int]

NOWHERE: Position = (-1, -1)
"""No chip: what is closed of every chip is closed of it too."""


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """The closed `chips`; of routers the closed `slots`, None among them for all.

    `lost` are the usable cores that chips lack for those slots, by the chip's position; `spare` those that stay free
    besides, of one chip and, by None, of every chip.
    """

    chips: frozenset[Position] = frozenset()
    slots: Mapping[Position, frozenset[int | None]] = field(default_factory=dict)
    lost: Mapping[Position, int] = field(default_factory=dict)
    spare: Mapping[Position | None, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.chips or self.slots or self.spare)

    def left(self, position: Position, usable: int) -> int:
        """The usable cores of a chip that something may stand on: a closed core is one usable core less."""
        if position in self.chips:
            return 0
        spare = self.spare.get(None, 0) + self.spare.get(position, 0)
        return max(0, usable - self.lost.get(position, 0) - spare)

    def shuts(self, router: Position, slot: int) -> bool:
        """Whether nothing may stand on a core of a chip that is not closed."""
        slots = self.slots.get(router)
        return slots is not None and (None in slots or slot in slots)

    @property
    def poorer(self) -> frozenset[Position]:
        """The chips that have fewer cores than they would have elsewhere."""
        return self.chips | {*self.lost} | {position for position in self.spare if position is not None}


OPEN = Closed()


def closed_by(given: Constraints, topology: Topology) -> Closed:
    """What constraints close of a chip's systems."""
    slots: dict[Position, frozenset[int | None]] = {}
    for forbid in given.forbid:
        if forbid.router is not None:
            slots[forbid.router] = slots.get(forbid.router, frozenset()) | {forbid.slot}
    lost: Counter[Position] = Counter()
    for (x, y), closed in slots.items():
        position = x // topology.columns.count, y // topology.rows.count
        lost[position] += topology.cores_per_router.count if None in closed else len(closed)
    spare: Counter[Position | None] = Counter()
    for reserve in given.reserve:
        spare[reserve.chip] += reserve.cores
    chips = given.dead_chips | {forbid.chip for forbid in given.forbid if forbid.chip is not None}
    return Closed(chips, slots, dict(lost), dict(spare))
