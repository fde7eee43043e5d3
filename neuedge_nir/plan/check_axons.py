"""What a plan tells of each projection's synapse format and axons, recounted source by source."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.chip.model import Limit
from neuedge_nir.plan.check_demand import elements
from neuedge_nir.plan.check_entries import SYNAPSE_FORMATS, halvings, signs_of
from neuedge_nir.plan.check_fan import fan
from neuedge_nir.plan.check_parts import Ints, Patch
from neuedge_nir.plan.check_rows import add_rows
from neuedge_nir.plan.check_rules import same
from neuedge_nir.plan.check_sharing import Difference, count_shared, difference
from neuedge_nir.plan.check_wires import Part, Rules, Wire
from neuedge_nir.plan.model import Plan, PlanAxons, PlanFormat

PLACED = ("placed_output_axons", "shared_output_axons")
"""Formulas that count entries by where cores are."""


@dataclass(frozen=True, slots=True, eq=False)
class Axons:
    """By projection its entries in the tables of axons; by part what sharing and other chips change.

    None, and no entry of a part, where no limit of the chip counts axons by where cores are.
    """

    told: Mapping[str, PlanAxons | None]
    more: Difference

    def of(self, limit: Limit, part: int) -> int:
        """What a part takes of a limit beyond an entry for every source and core on one chip."""
        found = int(self.more.by_formula[limit.formula][part])
        crossing = limit.parameters["crossing_entries"].count if limit.formula in PLACED else 0
        return found + crossing * int(self.more.abroad[part])


def axons_of(rules: Rules, parts: Sequence[Part]) -> Axons:
    """Every neuron has an entry for each projection and core that it reaches."""
    held = [wire for wire in rules.wires if wire.held is not None]
    changed = difference(rules.plan, len(parts))
    add_rows(rules, parts, changed.by_formula)
    rule = next((one for one in rules.plan.chip.limits if one.formula in PLACED), None)
    if rule is None:
        return Axons({wire.projection.name: None for wire in held}, changed)
    more = rule.parameters["crossing_entries"].count
    return Axons({wire.projection.name: _told(wire, rules, parts, more, changed) for wire in held}, changed)


def check_axons(plan: Plan, rules: Rules, axons: Axons) -> None:
    """Formats are told where a limit counts them, and axons where those across chips take more."""
    counted = any(limit.formula == SYNAPSE_FORMATS for limit in plan.chip.limits)
    for wire in rules.wires:
        if wire.held is not None:
            where = f"projection {wire.held.name!r}"
            same("PLAN171", "synapse format", wire.held.format, _format(wire, plan) if counted else None, where)
            same("PLAN170", "axons", wire.held.axons, axons.told[wire.held.name], where)


def _format(wire: Wire, plan: Plan) -> PlanFormat | None:
    held = wire.held
    if held is None:
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


def _told(wire: Wire, rules: Rules, parts: Sequence[Part], more: int, changed: Difference) -> PlanAxons:
    """As the plan says that the projection has them: shared, or each source its own."""
    own = wire.held.axons if wire.held is not None else None
    if own is None or own.kind != "shared":
        return _axons(wire, rules, parts, more, changed.abroad)
    owner = _owners(wire.projection.source, rules, parts)
    nobody = np.full(math.prod(rules.shapes[wire.projection.source]), -1, dtype=np.int64)
    return count_shared(wire, rules, parts, nobody if owner is None else owner, changed)


def _axons(wire: Wire, rules: Rules, parts: Sequence[Part], more: int, abroad: Ints) -> PlanAxons:
    """The entries of a projection; those of each part that lead to other chips are added to `abroad`."""
    owner = _owners(wire.projection.source, rules, parts)
    chips = np.array([rules.plan.cores[part.core].chip for part in parts], dtype=np.int64)
    merges = any(limit.formula == "merged_input_axons" for limit in rules.plan.chip.limits)
    reached: dict[int, list[Patch]] = defaultdict(list)
    inputs = outputs = crossing = 0
    for part in parts:
        if part.population == wire.projection.target:
            patch = Patch.of(part.boxes, rules.shapes[part.population])
            reached[part.core].append(fan(wire.stages, patch))
            inputs += fan(wire.merged if merges else wire.stages, patch).count() * wire.axons
    for core, several in reached.items():
        if owner is not None:
            senders = owner[elements(several)]
            away = senders[chips[senders] != rules.plan.cores[core].chip]
            np.add.at(abroad, away, 1)
            outputs, crossing = outputs + len(senders), crossing + more * len(away)
    return PlanAxons("discrete", inputs, outputs, crossing)


def _owners(source: str, rules: Rules, parts: Sequence[Part]) -> Ints | None:
    """For each neuron of a population the number of its part; None where it is on no core."""
    found = np.full(rules.shapes[source], -1, dtype=np.int64)
    for number, part in enumerate(parts):
        for box in part.boxes if part.population == source else ():
            found[tuple(slice(*span) for span in box)] = number
    return found.ravel() if (found >= 0).any() else None
