"""Axons that sources of a convolution share, recounted source by source.

Each source that reaches a core is looked at: how many cores hear it, and which others of its column and channel do as
it does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.chip.model import Limit
from neuedge_nir.plan.check_entries import packed_rows
from neuedge_nir.plan.check_fan import fan
from neuedge_nir.plan.check_parts import Ints, Patch
from neuedge_nir.plan.check_rows import plain, rows_of
from neuedge_nir.plan.check_rules import refuse
from neuedge_nir.plan.check_wires import Part, Rules, Wire
from neuedge_nir.plan.model import Plan, PlanAxons

SHARED = "shared_output_axons"


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """By formula, how much more each part takes than with an axon for every source; less where negative.

    `abroad`: by part the axons that lead to other chips.
    """

    by_formula: dict[str, Ints]
    abroad: Ints


def difference(plan: Plan, parts: int) -> Difference:
    """None yet."""
    names = {limit.formula for limit in plan.chip.limits} | {SHARED}
    return Difference({name: np.zeros(parts, dtype=np.int64) for name in sorted(names)}, np.zeros(parts, np.int64))


def rule_of(plan: Plan) -> Limit | None:
    return next((limit for limit in plan.chip.limits if limit.formula == SHARED), None)


def why_not(wire: Wire, rules: Rules) -> str | None:
    """What forbids the sources of a projection to share axons, if anything does."""
    projection, plan = wire.projection, rules.plan
    models = {population.name: population.model for population in plan.populations}
    if rule_of(plan) is None:
        return f"{plan.chip.title} counts none"
    if plan.options.reset == "subtract":
        return "spikes subtract the threshold"
    if plain(wire) is None:
        return "it is no plain convolution"
    if models.get(projection.source, "Input") == "Input":
        return "its source is an input"
    if len(rules.out_of[projection.source]) > 1:
        return "its source projects elsewhere, or is read"
    return None


def count_shared(wire: Wire, rules: Rules, parts: Sequence[Part], owner: Ints, more: Difference) -> PlanAxons:
    """The entries of a projection with shared axons; what they change in each part is added to `more`.

    Raises `VerificationError` (PLAN172) where the axons cannot be shared.
    """
    rule, where, why = rule_of(rules.plan), f"projection {wire.projection.name!r}", why_not(wire, rules)
    held = [number for number, part in enumerate(parts) if part.population == wire.projection.target]
    if rule is None or why is not None:
        refuse("PLAN172", f"shared axons, but {why}", where)
    if len({parts[number].core for number in held}) < len(held):
        refuse("PLAN172", "shared axons, but a core has several slices of its target", where)
    shape = rules.shapes[wire.projection.target]
    reached = [fan(wire.stages, Patch.of(parts[number].boxes, shape)).elements() for number in held]
    hears = np.zeros(math.prod(wire.projection.source_shape), dtype=np.int64)
    for sources, _ in reached:
        hears[sources] += 1
    total = [
        _into(number, pair, wire, rules, parts, owner, hears, more) for number, pair in zip(held, reached, strict=True)
    ]
    inputs, outputs, away = (sum(column) for column in zip(*total, strict=True)) if total else (0, 0, 0)
    return PlanAxons("shared", inputs, outputs, rule.parameters["crossing_entries"].count * away)


def _into(
    number: int,
    pair: tuple[Ints, Ints],
    wire: Wire,
    rules: Rules,
    parts: Sequence[Part],
    owner: Ints,
    hears: Ints,
    more: Difference,
) -> tuple[int, int, int]:
    """Axons into one part, entries for them, and how many of the axons that send come from another chip."""
    sources, lengths = pair
    *_, height, width = wire.projection.source_shape
    column = sources // (height * width) * width + sources % width
    alone, senders = hears[sources] == 1, owner[sources]
    inputs = len(sources) - int(alone.sum()) + len(set(column[alone].tolist()))
    _add(more, "merged_input_axons", number, inputs - len(sources))
    for limit in rules.plan.chip.limits:
        apart = limit.formula == "entry_row_words" and rows_of(wire, parts[number], rules, limit) is None
        if apart and wire.held is not None:
            words = packed_rows(lengths, wire.held, {name: q.count for name, q in limit.parameters.items()})
            _add(more, limit.formula, number, _padding(words, column, alone))
    rule = rule_of(rules.plan)
    each = rule.parameters["shared_entries"].count if rule is not None else 0
    outputs = away = 0
    for sender in sorted(set(senders.tolist())):
        mine = senders == sender
        single, groups = int((mine & ~alone).sum()), len(set(column[mine & alone].tolist()))
        outputs += single + each * groups
        _add(more, SHARED, sender, single + each * groups - int(mine.sum()))
        if rules.plan.cores[parts[sender].core].chip != rules.plan.cores[parts[number].core].chip:
            away += single + groups
            more.abroad[sender] += single + groups
    return inputs, outputs, away


def _add(more: Difference, formula: str, part: int, number: int) -> None:
    if formula in more.by_formula:
        more.by_formula[formula][part] += number


def _padding(words: Ints, column: Ints, alone: Ints) -> int:
    """The words that rows are longer by, where any source of their column shares: all are as long as its longest."""
    longest: dict[int, int] = {}
    for group, size in zip(column.tolist(), words.tolist(), strict=True):
        longest[group] = max(size, longest.get(group, 0))
    sharing = set(column[alone].tolist())
    pairs = zip(column.tolist(), words.tolist(), strict=True)
    return sum(longest[group] - size for group, size in pairs if group in sharing)


def spared(rules: Rules, limit: Limit, counted: set[str]) -> int:
    """By how much less of a limit some cut might do than whole populations with an axon for every source.

    A group of sources needs an axon into some core, and out of some core as many entries as it has sources, or those of
    one shared axon. `counted`: the populations that a bound counts.
    """
    total = 0
    for wire in rules.wires:
        end = wire.projection.target if limit.formula == "merged_input_axons" else wire.projection.source
        if wire.held is None or end not in counted or why_not(wire, rules) is not None:
            continue
        sources = fan(wire.stages, Patch.whole(rules.shapes[wire.projection.target])).where()
        *_, height, width = wire.projection.source_shape
        _, sizes = np.unique(sources // (height * width) * width + sources % width, return_counts=True)
        needed = 1 if limit.formula == "merged_input_axons" else limit.parameters["shared_entries"].count
        total += int(np.maximum(sizes - needed, 0).sum())
    return total
