"""Synapse cores: where one neuron gets more events than a core has time for, cores beside its own take shares of them.

As sPyNNaker splits a population into neurons and synapses: so many synapse cores as the events take, on the chip of the
neuron, whose core then only updates it. More neurons on fewer events come first, so that only single neurons have them.
"""

from __future__ import annotations

import math
from dataclasses import replace

from neuedge_nir.chip.model import Chip, Limit
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.partition import Cluster, Partition, Role
from neuedge_nir.mapping.rounding import whole_events


def most_synapse_cores(chip: Chip) -> int:
    """Synapse cores that fit on a chip beside the core of their neuron; 0 where the chip's software has none."""
    return chip.topology.cores_per_chip.count - 1 if chip.capabilities.synapse_cores else 0


def with_synapse_cores(partition: Partition, demands: Demands) -> Partition:
    """The partition with every cluster's synapse cores right behind it."""
    clusters = [each for cluster in partition.clusters for each in (cluster, *_beside(cluster, demands))]
    if len(clusters) == len(partition.clusters):
        return partition
    return replace(partition, clusters=tuple(clusters))


def _beside(cluster: Cluster, demands: Demands) -> tuple[Cluster, ...]:
    limit = _events_limit(demands)
    if limit is None or cluster.role is not Role.NEURONS or not most_synapse_cores(demands.legal.chip):
        return ()
    events = whole_events(sum(demands.events(piece) for piece in cluster.pieces))
    needed = math.ceil(events / limit.limit.count)
    idle = Cluster(Role.SYNAPSES, (), dict.fromkeys(cluster.used, 0))
    return (idle,) * needed if needed > 1 else ()


def _events_limit(demands: Demands) -> Limit | None:
    return next((limit for limit in demands.limits if limit.formula == "synaptic_events"), None)
