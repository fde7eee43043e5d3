"""Sizes that a plan states and that follow from its own populations: what can be held against it without its model."""

from __future__ import annotations

import math

from neuedge_nir.plan.check_rules import agree, at_most
from neuedge_nir.plan.model import Plan

PORTS = ("Input", "Output")


def check_sizes(plan: Plan) -> None:
    """Raises `VerificationError`: PLAN104 the model's size, PLAN102 a shape, PLAN112 use of a core, PLAN245 a bound.

    How many synapses and weights there are only the model tells.
    """
    for population in plan.populations:
        for size in population.shape:
            at_most("PLAN102", "a positive size", 1, size, population.name)
    inner = [each for each in plan.populations if each.model not in PORTS and each.relay is None]
    agree("PLAN104", plan.counts, populations=len(inner), neurons=sum(math.prod(each.shape) for each in inner))
    for name in ("projections", "synapses", "stored_weights"):
        at_most("PLAN104", f"{name}, none or more", 0, getattr(plan.counts, name))
    for index, core in enumerate(plan.cores):
        for limit, used in core.used.items():
            at_most("PLAN112", "a use of nothing or more", 0, used, f"core {index}, limit {limit!r}")
    at_most("PLAN245", "a chip at least", 1, plan.mapping.chips_lower_bound)
