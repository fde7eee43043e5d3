"""Ring buffers, recounted: the fields of an index are powers of two, so that one doubles until everything has a place.

A sender with cores reaches a neuron as many steps later as the plan says; the host injects a step ahead, and a delay
extension keeps a spike until the longest delay of the chip is left, or less.
"""

from __future__ import annotations

from collections.abc import Sequence

from neuedge_nir.chip.model import Limit
from neuedge_nir.plan.check_extensions import stages_of
from neuedge_nir.plan.check_ports import takes_cores
from neuedge_nir.plan.model import Plan, PlanProjection


def ring_buffer_bits(plan: Plan, incoming: Sequence[PlanProjection], neurons: int, limit: Limit) -> int:
    """Bits of the index of a slice of so many neurons that these projections reach."""
    if not incoming:
        return 0
    slots = max(_slots(plan, held) for held in incoming)
    return sum(map(_field, (neurons, round(limit.parameters["synapse_types"].typical), slots)))


def _slots(plan: Plan, held: PlanProjection) -> int:
    hosted = not takes_cores(plan) and any(p.name == held.source and p.model == "Input" for p in plan.populations)
    if hosted:
        return 1
    longest = plan.chip.capabilities.max_delay
    return round(longest.typical) if longest and held.source in stages_of(plan) else held.delay


def _field(values: int) -> int:
    bits, told = 0, 1
    while told < values:
        bits, told = bits + 1, told * 2
    return bits
