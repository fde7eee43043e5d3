"""The lower bound of chips: what a plan says of it, counted again."""

from __future__ import annotations

import math
from collections.abc import Mapping

from neuedge_nir.chip.model import LimitScope
from neuedge_nir.plan.check_rules import agree, at_most, same
from neuedge_nir.plan.model import Plan


def check_chips_bound(plan: Plan, least: Mapping[str, int] | None, cores: Mapping[str, int]) -> None:
    """The bound is what the limits prove, is named after one that does, and no plan takes fewer chips.

    `least` is what any split uses of every limit, `cores` what each limit of a core asks for; None: the network is not
    known, so only the plan's own chips can be looked at.
    """
    mapping = plan.mapping
    at_most("PLAN247", "chips of the bound", mapping.chips_lower_bound, len({core.chip for core in plan.cores}))
    if least is None:
        return
    per_chip = plan.chip.topology.cores_per_chip.typical
    chips = {name: max(1, math.ceil(count / per_chip)) for name, count in (cores or {"cores": 1}).items()}
    for limit in plan.chip.limits:
        if limit.scope is LimitScope.CHIP:
            chips[limit.name] = max(1, math.ceil(least[limit.name] / limit.limit.typical))
    agree("PLAN245", mapping, chips_lower_bound=max(chips.values()))
    same("PLAN246", "chips by the limit named", chips.get(mapping.chips_bound_resource), mapping.chips_lower_bound)
