"""What a plan tells of each projection's synapse format and axons, recounted source by source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from neuedge_nir.plan.check_demand import Part, Rules, Wire, elements
from neuedge_nir.plan.check_entries import SYNAPSE_FORMATS, halvings, signs_of
from neuedge_nir.plan.check_fan import fan
from neuedge_nir.plan.check_parts import Patch
from neuedge_nir.plan.check_rules import same
from neuedge_nir.plan.model import Plan, PlanAxons, PlanFormat


def check_axons(plan: Plan, rules: Rules, parts: Sequence[Part]) -> None:
    """Formats are told where a limit counts them, and axons where those across chips take more."""
    limits = {limit.formula: limit for limit in plan.chip.limits}
    for wire in rules.wires:
        if wire.held is None:
            continue
        where = f"projection {wire.held.name!r}"
        same("PLAN171", "synapse format", wire.held.format, _format(wire, plan, SYNAPSE_FORMATS in limits), where)
        rule = limits.get("placed_output_axons")
        more = None if rule is None else rule.parameters["crossing_entries"].count
        same("PLAN170", "axons", wire.held.axons, _axons(wire, rules, parts, more), where)


def _format(wire: Wire, plan: Plan, counted: bool) -> PlanFormat | None:
    held = wire.held
    if held is None or not counted:
        return None
    others = [projection for projection in plan.projections if projection.target == held.target]
    bits = [limit.parameters["delay_bits"].count for limit in plan.chip.limits if "delay_bits" in limit.parameters]
    return PlanFormat(
        exponent=-halvings(held, others),
        sign={"+": "excitatory", "-": "inhibitory"}.get(signs_of(wire.projection), "mixed"),
        weight_bits=held.weight_bits,
        delay_bits=max(bits, default=0) if held.delay > 1 else 0,
        encoding="dense" if held.kind == "dense" else "sparse",
    )


def _axons(wire: Wire, rules: Rules, parts: Sequence[Part], more: int | None) -> PlanAxons | None:
    if more is None:
        return None
    plan, source, held = rules.plan, wire.projection.source, {part.population for part in parts}
    chip_of = np.full(rules.shapes[source], -1, dtype=np.int64)
    for part in parts:
        for box in part.boxes if part.population == source else ():
            chip_of[tuple(slice(*span) for span in box)] = plan.cores[part.core].chip
    homes = chip_of.ravel()
    reached: dict[int, list[Patch]] = defaultdict(list)
    for part in parts:
        if part.population == wire.projection.target:
            reached[part.core].append(fan(wire.stages, Patch.of(part.boxes, rules.shapes[part.population])))
    inputs = outputs = crossing = 0
    for core, several in reached.items():
        inputs += sum(patch.count() for patch in several) * wire.axons
        if source in held:
            known = homes[elements(several)]
            outputs += len(known)
            crossing += more * int((known != plan.cores[core].chip).sum())
    return PlanAxons("discrete", inputs, outputs, crossing)
