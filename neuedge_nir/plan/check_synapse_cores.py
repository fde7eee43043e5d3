"""Synapse cores, recounted: they stand behind the core of a single neuron, on its chip, as many as its events take."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neuedge_nir.plan.check_rules import TOLERANCE, refuse, rounded
from neuedge_nir.plan.model import Plan, PlanCore

SYNAPSES = "synapses"


def beside(plan: Plan) -> list[int]:
    """For every core, how many synapse cores stand right behind it."""
    found = [0] * len(plan.cores)
    owner = -1
    for index, core in enumerate(plan.cores):
        if core.role != SYNAPSES:
            owner = index
        elif owner < 0 or plan.cores[owner].chip != core.chip:
            refuse("PLAN184", "synapse cores stand on the chip of their neuron, right behind it", f"core {index}")
        else:
            found[owner] += 1
    return found


def check_synapse_cores(plan: Plan, events: Sequence[float] | None) -> list[int]:
    """How many each core has. `events` of every core in a step; None where nobody counted them."""
    able = plan.chip.capabilities.synapse_cores
    limit = next((each.limit.count for each in plan.chip.limits if each.formula == "synaptic_events"), None)
    behind = beside(plan)
    for index, (core, held) in enumerate(zip(plan.cores, behind, strict=True)):
        where = f"core {index}"
        if core.role == SYNAPSES and (core.slices or any(core.used.values()) or not able):
            refuse("PLAN184", f"a synapse core holds {len(core.slices)} slices and uses {dict(core.used)}", where)
        if events is None or limit is None or core.role != "neurons" or not able:
            continue
        least, most = (shares(rounded(events[index], err), limit) for err in (TOLERANCE, TOLERANCE / 100))
        if held not in (least if least > 1 else 0, most if most > 1 else 0):
            refuse("PLAN184", f"{held} synapse cores, and {most} cores take its events", where, most, held)
        if held and _neurons(core) != 1:
            refuse("PLAN184", f"{_neurons(core)} neurons share synapse cores: fewer on a core come first", where)
    return behind


def shares(events: int, limit: int) -> int:
    """The fewest cores that take so many events in a step."""
    cores = 1
    while events > limit * cores:
        cores += 1
    return cores


def _neurons(core: PlanCore) -> int:
    spans = ((piece.block or (piece.run or (0, 0),)) for piece in core.slices)
    return sum(math.prod(stop - start for start, stop in each) for each in spans)
