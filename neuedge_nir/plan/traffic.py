"""The messages of a plan, put together from what flows, placement and routes say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.partition import Cluster
from neuedge_nir.mapping.place import Placement, placed_hops
from neuedge_nir.mapping.route import Routing
from neuedge_nir.mapping.routing.analysis import link_use
from neuedge_nir.mapping.traffic import Flow, host_messages, host_reads
from neuedge_nir.plan.figures import LinkUse, Placed, Traffic


def traffic_of(
    clusters: Sequence[Cluster],
    demands: Demands,
    flows: Sequence[Flow],
    placement: Placement,
    routing: Routing,
    spikes: float,
) -> Traffic:
    """What is sent in a timestep and how far; `spikes` of all populations."""
    return Traffic(
        spikes_per_step=float(spikes),
        host_spikes_per_step=host_messages(clusters, demands),
        host_reads_per_step=host_reads(demands),
        deliveries_per_step=float(routing.deliveries),
        unicast_hops_per_step=float(routing.unicast_hops),
        tree_hops_per_step=float(routing.tree_hops),
        max_link_load=float(routing.max_load),
        hottest_links=tuple(routing.hottest),
        interchip_spikes_per_step=float(routing.interchip),
        table_entries_max=max(routing.entries.values(), default=0),
        deadlock_free=routing.deadlock_free,
        links=LinkUse(*astuple(link_use(routing.loads, {site.router for site in placement.sites}))),
        placed=Placed(*placed_hops(flows, placement)),
    )
