"""The bound on the packing of a plan's own slices, by what all of them use together."""

from __future__ import annotations

import math

from neuedge_nir.chip.model import LimitScope
from neuedge_nir.plan.check_rules import agree, at_most
from neuedge_nir.plan.model import Plan

OWN = {
    "neurons",
    "slices",
    "input_axons",
    "lava_input_axons",
    "lava_axon_map",
    "packed_row_words",
    "blocked_row_bits",
    "row_table_bytes",
    "weight_bytes",
    "synaptic_events",
}
"""Formulas by which a slice uses the same on whatever core it is, beside whatever other slices."""


def check_tiles_bound(plan: Plan) -> None:
    """Each limit's use over all cores with neurons, which is recounted elsewhere, over what one core has."""
    inner = [core.used for core in plan.cores if core.role in ("neurons", "synapses")]
    needed = {
        limit.name: math.ceil(sum(used[limit.name] for used in inner) / limit.limit.typical)
        for limit in plan.chip.limits
        if limit.formula in OWN and limit.scope is LimitScope.CORE
    }
    most = max([1, *needed.values()])
    binding = next((name for name, cores in needed.items() if cores == most), "cores")
    agree("PLAN248", plan.mapping, cores_tiles_bound=most, tiles_bound_resource=binding)
    at_most("PLAN248", "cores of the slices' bound", most, max(1, len(inner)))
