"""Delay extensions, checked: the chip has them, each keeps what waits too long for its target, in the fewest stages."""

from __future__ import annotations

import math

from neuedge_nir.plan.check_rules import at_most, refuse, same
from neuedge_nir.plan.model import Plan, PlanProjection


def stages_of(plan: Plan) -> dict[str, int]:
    """By name of a delay extension, its stages."""
    relays = ((p.name, p.relay) for p in plan.populations)
    return {name: relay.stages for name, relay in relays if relay is not None and relay.stages}


def longest_of(plan: Plan, held: PlanProjection) -> int:
    """Steps that a projection may take: what its target keeps, or those of all stages, less one to get there."""
    able = plan.chip.capabilities.max_delay
    if stages := stages_of(plan).get(held.source, 0):
        return (stages + 1) * (able.count if able else 1) - 1
    return _slots_of(plan, held.target)


def _slots_of(plan: Plan, name: str) -> int:
    """Steps that a population keeps a spike for, by the chip's figure or by what its ring buffers have slots for."""
    able = plan.chip.capabilities.max_delay
    limits = {limit.formula: limit for limit in plan.chip.limits}
    if able is None or "ring_buffer_bits" not in limits:
        return able.count if able else 1
    rule, (size,) = limits["ring_buffer_bits"], (math.prod(p.shape) for p in plan.populations if p.name == name)
    full = [limit.limit.count for limit in plan.chip.limits if limit.formula == "neurons"]
    taken = 1
    for field in (min([size, *full]), round(rule.parameters["synapse_types"].typical)):
        room = 1
        while room < field:
            room *= 2
        taken *= room
    # No plan waits for 2^30 steps: an index of more bits says no more.
    return max(able.count, min(1 << 30, (1 << min(rule.limit.count, 100)) // taken))


def check_extensions(plan: Plan) -> None:
    """Every extension hears its source a step later and has the stages that its longest delay takes."""
    able, at_target = plan.chip.capabilities.delay_extension, plan.chip.capabilities.max_delay
    for name, stages in stages_of(plan).items():
        where = f"delay extension {name!r}"
        if able is None or at_target is None or stages < 0:
            refuse("PLAN183", f"{plan.chip.name} has no delay extension of {stages} stages", where)
        at_most("PLAN183", "stages", stages, able.stages.typical, where)
        same("PLAN183", "steps from its source", [p.delay for p in plan.projections if p.target == name], [1], where)
        fed = [p for p in plan.projections if p.source == name]
        if any(p.delay + 1 <= _slots_of(plan, p.target) for p in fed):
            refuse("PLAN183", "it keeps spikes that its target could keep", where)
        kept, steps = 0, max((p.delay + 1 for p in fed), default=0)
        while steps > at_target.typical:
            kept, steps = kept + 1, steps - round(at_target.typical)
        same("PLAN183", "stages", stages, kept, where)
