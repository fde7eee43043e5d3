"""The lower bound of chips: what a plan says of it, counted again."""

from __future__ import annotations

import math
from collections.abc import Mapping

from neuedge_nir.chip.model import LimitScope
from neuedge_nir.plan.check_ports import takes_cores, way_in, way_out
from neuedge_nir.plan.check_rules import agree, at_most, same
from neuedge_nir.plan.model import Plan


def check_chips_bound(plan: Plan, least: Mapping[str, int] | None) -> None:
    """The bound is what the limits prove, is named after the first that does, and no plan takes fewer chips.

    `least` is what any split uses of every limit; None: the network is not known, so only the plan's own chips can be
    looked at. The bound of cores was checked before.
    """
    mapping = plan.mapping
    at_most("PLAN247", "chips of the bound", mapping.chips_lower_bound, len({core.chip for core in plan.cores}))
    if least is None:
        return
    per_chip = plan.chip.topology.cores_per_chip.typical
    chips = {mapping.bound_resource: max(1, math.ceil((mapping.cores_lower_bound + _outer(plan)) / per_chip))}
    for limit in plan.chip.limits:
        if limit.scope is LimitScope.CHIP:
            chips[limit.name] = max(1, math.ceil(least[limit.name] / limit.limit.typical))
    agree("PLAN245", mapping, chips_lower_bound=max(chips.values()))
    first = max(chips, key=lambda name: chips[name])
    same("PLAN246", "the first limit that asks for most chips", mapping.chips_bound_resource, first)


def _outer(plan: Plan) -> int:
    """The cores that any plan has beside those with neurons: for the inputs, and for a way out that gathers."""
    gathering = int(way_out(plan).gatherer)
    sizes = [math.prod(p.shape) for p in plan.populations if p.model == "Input"]
    if not takes_cores(plan) or not sizes:
        return gathering
    sources = way_in(plan).neurons_per_core
    most = {limit.name: limit.limit.typical for limit in plan.chip.limits if limit.formula == "neurons"}
    holds = min((sources.typical if sources is not None else each for each in most.values()), default=math.inf)
    if any(limit.formula == "slices" and limit.limit.typical == 1 for limit in plan.chip.limits):
        return gathering + sum(max(1, math.ceil(size / holds)) for size in sizes)
    return gathering + max(1, math.ceil(sum(sizes) / holds))
