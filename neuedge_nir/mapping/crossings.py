"""What depends on which chip a core is on, and on all cores that a source sends to: counted behind the placement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from neuedge_nir.chip.model import Limit
from neuedge_nir.mapping.axons import entries_sent
from neuedge_nir.mapping.demand import PLACED, Demands
from neuedge_nir.mapping.entries import entry_row_words
from neuedge_nir.mapping.grouping import grouped
from neuedge_nir.mapping.legalise import LegalProjection
from neuedge_nir.mapping.partition import Cluster, Partition
from neuedge_nir.mapping.place import Placement, on_chips
from neuedge_nir.mapping.shared_rows import shared_rows
from neuedge_nir.mapping.sharing import SHARED_OUTPUT_AXONS, SharedAxons, may_share, pieces_of, shared_axons
from neuedge_nir.mapping.traffic import Flow
from neuedge_nir.network.count import counter

Used = list[dict[str, int]]
"""What every cluster uses of each limit."""


def with_crossings(partition: Partition, placement: Placement, demands: Demands) -> Partition:
    """The partition with what its clusters really use, where they are."""
    if all(limit.formula not in PLACED for limit in demands.limits):
        return partition
    used, _ = _shared(partition.clusters, placement, demands)
    clusters = [replace(cluster, used=own) for cluster, own in zip(partition.clusters, used, strict=True)]
    return replace(partition, clusters=tuple(clusters))


def holds(partition: Partition, demands: Demands, times: float = 1.0) -> bool:
    """Whether no cluster uses more of these limits than so many times what a core has."""
    rules = [limit for limit in demands.limits if limit.formula in PLACED]
    return all(c.used[rule.name] <= times * rule.limit.count for c in partition.clusters for rule in rules)


def first_placed(
    partition: Partition, sent: Sequence[Flow], demands: Demands, available: int, effort: str
) -> Partition | None:
    """The partition with what its clusters use on the chips that are chosen for them, before any is moved.

    None where no limit depends on that, or where constraints choose the chips.
    """
    if demands.constraints or all(limit.formula not in PLACED for limit in demands.limits):
        return None
    placement = on_chips(partition.clusters, sent, demands.legal.chip, available, effort)
    return with_crossings(partition, placement, demands)


def may_hold(partition: Partition, placed: Partition, demands: Demands, spare: int, times: float) -> bool:
    """Whether so many eighths of these limits left free would do where clusters send abroad what they do as `placed`.

    `times` what a core has is near enough: other slices stand elsewhere.
    """
    for rule in (limit for limit in demands.limits if limit.formula in PLACED):
        most, name = rule.limit.count, rule.name
        for before, after in zip(partition.clusters, placed.clusters, strict=True):
            here = min(before.used[name], most * (8 - spare) // 8)
            if here * after.used[name] > times * most * before.used[name]:
                return False
    return True


def sharing(clusters: Sequence[Cluster], placement: Placement, demands: Demands) -> dict[str, SharedAxons]:
    """The projections that share axons, by name."""
    if not any(may_share(demands.legal, legal) for legal in demands.legal.projections):
        return {}
    return _shared(clusters, placement, demands)[1]


def _shared(clusters: Sequence[Cluster], placement: Placement, demands: Demands) -> tuple[Used, dict[str, SharedAxons]]:
    """What clusters use, and the projections that share axons: those for which no core takes more entries by it.

    One after the other; their rows must still fit where they are longer.
    """
    used = _discrete(clusters, placement, demands)
    found: dict[str, SharedAxons] = {}
    by_formula = {limit.formula: limit for limit in demands.limits}
    output, memory = by_formula.get(SHARED_OUTPUT_AXONS), by_formula.get("entry_row_words")
    if output is None:
        return used, found
    for legal in demands.legal.projections:
        own = shared_axons(legal, clusters, output, memory) if may_share(demands.legal, legal) else None
        if own is None:
            continue
        after = _replaced(used, own, legal, clusters, placement, demands)
        axons = [limit.name for limit in demands.limits if limit.formula in (SHARED_OUTPUT_AXONS, "merged_input_axons")]
        fewer = all(b[output.name] <= a[output.name] for a, b in zip(used, after, strict=True))
        fewer = fewer and any(b[name] < a[name] for a, b in zip(used, after, strict=True) for name in axons)
        if fewer and (memory is None or all(core[memory.name] <= memory.limit.count for core in after)):
            used, found[legal.projection.name] = after, own
    return used, found


def _discrete(clusters: Sequence[Cluster], placement: Placement, demands: Demands) -> Used:
    """What clusters use where every axon is a source's own."""
    rules = [limit for limit in demands.limits if limit.formula in PLACED]
    chips, abroad = [site.chip for site in placement.sites], [0] * len(clusters)
    for legal in demands.legal.projections if len({*chips}) > 1 else ():
        for sender, target, entries in entries_sent(legal, clusters):
            abroad[sender] += entries if chips[target] != chips[sender] else 0
    targets = grouped(tuple(cluster.pieces for cluster in clusters), demands)
    found = []
    for cluster, more in zip(clusters, abroad, strict=True):
        used = dict(zip(cluster.used, demands.uncrossed.load(cluster.pieces, targets), strict=True))
        used |= {rule.name: used[rule.name] + demands.parameter(rule, "crossing_entries") * more for rule in rules}
        found.append(used)
    return found


def _replaced(
    used: Used,
    own: SharedAxons,
    legal: LegalProjection,
    clusters: Sequence[Cluster],
    placement: Placement,
    demands: Demands,
) -> Used:
    """What clusters use when one projection has these shared axons in place of discrete ones."""
    after = [dict(core) for core in used]
    for limit in demands.limits:
        if limit.formula == "merged_input_axons":
            for c, piece in pieces_of(clusters, legal.projection.target):
                after[c][limit.name] += own.inputs[c] - counter(legal.projection).axons(piece.part)
        elif limit.formula == "entry_row_words":
            for c, piece in pieces_of(clusters, legal.projection.target):
                if shared_rows(demands.legal, piece, limit) is None:  # else all rows of a column are as long already
                    after[c][limit.name] += own.words[c] - entry_row_words(piece.part, limit, legal)
        elif limit.formula == SHARED_OUTPUT_AXONS:
            _replace_outputs(after, own, legal, clusters, placement, limit)
    return after


def _replace_outputs(
    after: Used,
    own: SharedAxons,
    legal: LegalProjection,
    clusters: Sequence[Cluster],
    placement: Placement,
    limit: Limit,
) -> None:
    crossing = limit.parameters["crossing_entries"].count
    chips = [site.chip for site in placement.sites]
    for sender, target, sources in entries_sent(legal, clusters):
        after[sender][limit.name] -= sources * (1 + crossing * (chips[sender] != chips[target]))
    for one in own.sent:
        away = chips[one.sender] != chips[one.target]
        after[one.sender][limit.name] += one.entries + crossing * away * one.axons
