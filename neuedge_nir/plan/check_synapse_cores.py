"""Synapse cores, recounted: they stand behind the core of a single neuron, on its chip, as many as its events take."""

from __future__ import annotations

from collections.abc import Sequence

from neuedge_nir.chip.model import Limit
from neuedge_nir.plan.check_rules import TOLERANCE, refuse, same
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


def check_synapse_cores(plan: Plan, events: Sequence[float] | None) -> None:
    """`events` of every core in a step; None where nobody counted them."""
    able = plan.chip.capabilities.synapse_cores
    limit = next((each.limit.count for each in plan.chip.limits if each.formula == "synaptic_events"), None)
    for index, (core, held) in enumerate(zip(plan.cores, beside(plan), strict=True)):
        where = f"core {index}"
        if core.role == SYNAPSES and (core.slices or any(core.used.values()) or not able):
            refuse("PLAN184", f"a synapse core holds {len(core.slices)} slices and uses {dict(core.used)}", where)
        if events is None or limit is None or core.role != "neurons" or not able:
            continue
        due = shares(events[index], limit)
        same("PLAN184", "synapse cores", held, due if due > 1 else 0, where)
        if held and _neurons(core) != 1:
            refuse("PLAN184", f"{_neurons(core)} neurons share synapse cores: fewer on a core come first", where)


def shares(events: float, limit: int) -> int:
    """The fewest cores that take so many events in a step."""
    cores = 1
    while events > limit * cores * (1 + TOLERANCE):
        cores += 1
    return cores


def share(plan: Plan, limit: Limit, events: float, neurons: int) -> float:
    """What the busiest of the cores of a slice takes of its events."""
    able = plan.chip.capabilities.synapse_cores and neurons == 1
    return events / shares(events, limit.limit.count) if able else events


def _neurons(core: PlanCore) -> int:
    sizes = [1]
    for piece in core.slices:
        for start, stop in piece.block or (piece.run or (0, 0),):
            sizes.append(stop - start)
    product = 1
    for size in sizes:
        product *= size
    return product
