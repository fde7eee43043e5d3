"""What depends on which chip a core is on: counted again behind the placement."""

from __future__ import annotations

from dataclasses import replace

from neuedge_nir.mapping.axons import entries_sent
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.pack import grouped
from neuedge_nir.mapping.partition import Partition
from neuedge_nir.mapping.place import Placement


def with_crossings(partition: Partition, placement: Placement, demands: Demands) -> Partition:
    """The partition with what its clusters really use, where they are."""
    rules = [limit for limit in demands.limits if limit.formula == "placed_output_axons"]
    if not rules:
        return partition
    chips, abroad = [site.chip for site in placement.sites], [0] * len(partition.clusters)
    for legal in demands.legal.projections if len({*chips}) > 1 else ():
        for sender, target, entries in entries_sent(legal, partition.clusters):
            abroad[sender] += entries if chips[target] != chips[sender] else 0
    targets = grouped(tuple(cluster.pieces for cluster in partition.clusters), demands)
    clusters = []
    for cluster, more in zip(partition.clusters, abroad, strict=True):
        used = dict(zip(cluster.used, demands.uncrossed.load(cluster.pieces, targets), strict=True))
        used |= {rule.name: used[rule.name] + demands.parameter(rule, "crossing_entries") * more for rule in rules}
        clusters.append(replace(cluster, used=used))
    return replace(partition, clusters=tuple(clusters))


def holds(partition: Partition, demands: Demands) -> bool:
    """Whether no cluster uses more of these limits than a core has."""
    rules = [limit for limit in demands.limits if limit.formula == "placed_output_axons"]
    return all(c.used[rule.name] <= rule.limit.count for c in partition.clusters for rule in rules)
