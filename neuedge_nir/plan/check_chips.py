"""The lower bound of chips: what a plan says of it, counted again."""

from __future__ import annotations

import math
from collections.abc import Mapping

from neuedge_nir.chip.model import LimitScope
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
    chips = {mapping.bound_resource: max(1, math.ceil(mapping.cores_lower_bound / per_chip))}
    for limit in plan.chip.limits:
        if limit.scope is LimitScope.CHIP:
            chips[limit.name] = max(1, math.ceil(least[limit.name] / limit.limit.typical))
    agree("PLAN245", mapping, chips_lower_bound=max(chips.values()))
    first = max(chips, key=lambda name: chips[name])
    same("PLAN246", "the first limit that asks for most chips", mapping.chips_bound_resource, first)
