"""A plan whose chip runs slower than it could: what a timestep has room for, and how long it is, are that much more."""

from __future__ import annotations

from dataclasses import replace

from neuedge_nir.chip.model import Limit, LimitKind
from neuedge_nir.plan.check_rules import refuse
from neuedge_nir.plan.model import Plan

SLOWEST = 1 << 20
"""No plan is asked for so slow a chip that a step of 1 ms takes longer than a quarter of an hour."""


def at_its_pace(plan: Plan) -> Plan:
    """The plan with the figures of the chip as it is run, which all that follows is held against."""
    times, costs = plan.options.time_scale, plan.chip.costs
    if not 1 <= times <= SLOWEST or (times > 1 and costs.timestep_s is None):
        refuse("PLAN182", f"{plan.chip.name} runs {times} times slower")
    tick = costs.timestep_s
    if tick is None:
        return plan
    low, typical, high = (times * figure for figure in (tick.low, tick.typical, tick.high))
    longer = replace(tick, low=low, typical=typical, high=high)
    limits = tuple(_roomier(limit, times) for limit in plan.chip.limits)
    return replace(plan, chip=replace(plan.chip, limits=limits, costs=replace(costs, timestep_s=longer)))


def _roomier(limit: Limit, times: int) -> Limit:
    """Only what happens anew in every timestep; neurons are as many."""
    if limit.kind is not LimitKind.REAL_TIME or limit.formula != "synaptic_events":
        return limit
    most = limit.limit
    return replace(
        limit, limit=replace(most, low=most.low * times, typical=most.typical * times, high=most.high * times)
    )
