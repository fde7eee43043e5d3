"""The nouns of a recount: parts of populations on cores, and wires with what of their source reaches what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neuedge_nir.network.connect import Conv, Dense, Operator, Pool
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.plan.check_fan import Stage, stages
from neuedge_nir.plan.check_irregular import irregular
from neuedge_nir.plan.check_parts import Box, Shape, boxes_of, size_of
from neuedge_nir.plan.model import Plan, PlanProjection, PlanSlice

HOST = -1
"""In place of a core: the host, for an input port that nobody gave cores."""


@dataclass(frozen=True, eq=False)
class Part:
    """Neurons of one population or port that lie on one core: boxes of its array that share nothing."""

    core: int
    population: str
    boxes: tuple[Box, ...]

    @cached_property
    def size(self) -> int:
        """How many neurons."""
        return sum(map(size_of, self.boxes))


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """A projection and its relation; `held` is how the chip holds it, None where it leads to an Output port.

    `rows` is the relation without leading pools: where every message is processed, the sources under one window may
    share an axon and its row. `merged` is the relation without leading pools whose windows share no source.
    """

    projection: Projection
    held: PlanProjection | None
    stages: tuple[Stage, ...]
    rows: tuple[Stage, ...]
    merged: tuple[Stage, ...]

    @property
    def kind(self) -> str:
        return kind_of(self.projection.chain)

    @property
    def axons(self) -> int:
        """Axons for each input."""
        return self.held.axons_per_input if self.held is not None else 0


@dataclass(frozen=True, eq=False)
class Rules:
    """The plan, the wires of its network, and the shape of every population and input port."""

    plan: Plan
    wires: tuple[Wire, ...]
    shapes: Mapping[str, Shape]

    @cached_property
    def into(self) -> Mapping[str, list[Wire]]:
        """The wires that the chip holds, by their target."""
        found: dict[str, list[Wire]] = defaultdict(list)
        for wire in self.wires:
            if wire.held is not None:
                found[wire.projection.target].append(wire)
        return found

    @cached_property
    def out_of(self) -> Mapping[str, list[Wire]]:
        """All wires, by their source."""
        found: dict[str, list[Wire]] = defaultdict(list)
        for wire in self.wires:
            found[wire.projection.source].append(wire)
        return found


def kind_of(chain: Sequence[Operator]) -> str:
    """The plan's word for a chain."""
    if irregular(chain):
        return "sparse"
    for kind, operator in (("dense", Dense), ("conv", Conv), ("pool", Pool)):
        if any(isinstance(one, operator) for one in chain):
            return kind
    return "one-to-one"


def rules_of(plan: Plan, network: Network) -> Rules:
    held = {projection.name: projection for projection in plan.projections}
    wires = tuple(
        Wire(p, held.get(p.name), stages(p.chain), stages(behind_pools(p.chain)), stages(_behind_separate(p.chain)))
        for p in network.projections
    )
    shapes = {port.name: port.shape for port in network.inputs} | {p.name: p.shape for p in network.populations}
    return Rules(plan, wires, shapes)


def behind_pools(chain: Sequence[Operator]) -> Sequence[Operator]:
    first = next((at for at, operator in enumerate(chain) if not isinstance(operator, Pool)), len(chain) - 1)
    return chain[max(0, first) :]


def _behind_separate(chain: Sequence[Operator]) -> Sequence[Operator]:
    """Without leading pools that step at least as far as they reach."""
    kept = list(chain)
    while kept and isinstance(pool := kept[0], Pool) and not np.any(np.array(pool.kernel) > np.array(pool.stride)):
        del kept[0]
    return kept


def boxes_in(part: PlanSlice, shape: Shape) -> tuple[Box, ...]:
    """The boxes of a slice of an array of `shape`."""
    return tuple(boxes_of(*part.run, shape)) if part.run is not None else (part.block or (),)
