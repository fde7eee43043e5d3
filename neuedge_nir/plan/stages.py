"""What the stages of a compilation returned, and what more than one part of a plan takes from it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from neuedge_nir.chip.model import Chip
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.keys import KeySpace
from neuedge_nir.mapping.partition import Cluster, Partition
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.route import Routing
from neuedge_nir.mapping.traffic import Flow
from neuedge_nir.plan.figures import Copies, TimingError
from neuedge_nir.plan.model import PlanSchedule

NEURONS = ("neurons", "neuron_copies")
"""Formulas of the limits that count neuron slots."""


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """What every stage of a compilation returned."""

    demands: Demands
    partition: Partition
    placement: Placement
    flows: tuple[Flow, ...]
    routing: Routing
    chips_available: int
    schedule: PlanSchedule
    timing_error: TimingError | None = None
    keys: KeySpace | None = None
    copies: Copies | None = None


def chips_on(stages: Stages) -> Set[int]:
    """Chips with cores in use, and chips that messages cross on their way: all of them must be on."""
    return {site.chip for site in stages.placement.sites} | stages.routing.transit


def chips_used(stages: Stages) -> int:
    """How many chips must be on."""
    return len(chips_on(stages))


def slots_of(cluster: Cluster, chip: Chip) -> int:
    """Neuron slots of a core: neurons with their compartments or exact copies."""
    counted = [cluster.used[limit.name] for limit in chip.limits if limit.formula in NEURONS]
    return max(counted, default=sum(piece.part.neurons for piece in cluster.pieces))
