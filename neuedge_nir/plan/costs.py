"""What a step of a plan costs: the events on its cores and ways, priced."""

from __future__ import annotations

from collections.abc import Sequence

from neuedge_nir.chip.model import RoutingKind
from neuedge_nir.cost.inference import PerStep, of_inference
from neuedge_nir.cost.model import Events, dynamic_energy, idle_energy, reset_energy, static_power
from neuedge_nir.cost.time import first_greatest, pace_of, step_time
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.partition import Cluster, Piece
from neuedge_nir.mapping.traffic import host_messages, host_reads
from neuedge_nir.network.count import counter
from neuedge_nir.plan.figures import CoreEvents, CostReport, Link
from neuedge_nir.plan.stages import Stages, chips_on, slots_of
from neuedge_nir.plan.traffic import traffic_of


def cost_of(stages: Stages) -> CostReport:
    """Traffic, energy and time of a step, and of an inference where its steps are known."""
    reaching = [[_events_of(piece, stages.demands) for piece in c.pieces] for c in stages.partition.clusters]
    events = _events(stages, reaching)
    chip = stages.demands.legal.chip
    step, static = step_time(chip, events), static_power(chip, stages.placement.fabric.system, events)
    dynamic = dynamic_energy(chip, events, step)
    idle, duration = idle_energy(chip, events, step), stages.demands.activity.duration
    reset, copies = reset_energy(chip, events), 1 if stages.copies is None else stages.copies.count
    per_step = PerStep(dynamic, idle, static, step)
    return CostReport(
        traffic=traffic_of(
            stages.partition.clusters, stages.demands, stages.flows, stages.placement, stages.routing, events.spikes
        ),
        synaptic_events_per_step=float(events.synaptic_events),
        neuron_updates_per_step=events.neuron_updates,
        dynamic_j_per_step=dynamic,
        idle_j_per_step=idle,
        static_w=static,
        step_s=step,
        cores=events.cores,
        events_into=_events_into(stages, reaching),
        pace=pace_of(chip, events),
        inference=None if duration is None else of_inference(duration, stages.schedule, per_step, reset, copies),
    )


def _events(stages: Stages, reaching: Sequence[Sequence[float]]) -> Events:
    """What happens in a step; `reaching`: synaptic events by core and slice."""
    demands, routing = stages.demands, stages.routing
    network = demands.legal.network
    multicast = demands.legal.chip.topology.routing is RoutingKind.MULTICAST
    sent = _messages_out(stages)
    cores = tuple(
        CoreEvents(
            float(sum(reaching[i])),
            slots_of(c, demands.legal.chip),
            float(sent[i]),
            float(_spikes(c, demands)),
        )
        for i, c in enumerate(stages.partition.clusters)
    )
    within, between = _busiest(stages)
    return Events(
        cores=cores,
        spikes=sum(p.neurons * demands.activity.rate(p.name) for p in network.populations),
        messages=routing.deliveries,
        hops=routing.tree_hops if multicast else routing.unicast_hops,
        crossings=routing.interchip,
        longest_way=routing.longest_way,
        chips=len(chips_on(stages)),
        boards=stages.placement.fabric.boards_of(chips_on(stages)),
        host=float(host_messages(stages.partition.clusters, demands) + host_reads(demands)),
        tiles=len({site.router for site in stages.placement.sites}),
        link=within,
        chip_link=between,
    )


def _busiest(stages: Stages) -> tuple[tuple[Link, float] | None, tuple[Link, float] | None]:
    """The busiest link within chips and the busiest between chips; the first of several, None where there is none."""
    topology = stages.demands.legal.chip.topology
    wide, high = topology.columns.count, topology.rows.count
    kinds: list[list[tuple[Link, float]]] = [[], []]
    for link, load in sorted(stages.routing.loads.items()):
        (a, b), (c, d) = link
        if load > 0:
            kinds[(a // wide, b // high) != (c // wide, d // high)].append((link, float(load)))
    within, between = (loads[first_greatest([load for _, load in loads])] if loads else None for loads in kinds)
    return within, between


def _events_into(stages: Stages, reaching: Sequence[Sequence[float]]) -> dict[str, float]:
    """Synaptic events per step by the population that they reach."""
    found = {p.name: 0.0 for p in stages.demands.legal.network.populations}
    for cluster, counts in zip(stages.partition.clusters, reaching, strict=True):
        for piece, events in zip(cluster.pieces, counts, strict=True):
            if piece.population in found:
                found[piece.population] += float(events)
    return found


def _spikes(cluster: Cluster, demands: Demands) -> float:
    return sum(piece.part.neurons * demands.activity.rate(piece.population) for piece in cluster.pieces)


def _messages_out(stages: Stages) -> list[float]:
    """With multicast every spike of a slice goes to all cores of its tree, wherever it finds synapses there."""
    sent = [0.0] * len(stages.partition.clusters)
    multicast = stages.demands.legal.chip.topology.routing is RoutingKind.MULTICAST
    for flow in stages.flows:
        arriving = (flow.neurons if multicast else n for target, n in flow.targets if target != flow.cluster)
        sent[flow.cluster] += sum(arriving) * flow.rate
    return sent


def _events_of(piece: Piece, demands: Demands) -> float:
    """Spikes that arrive at synapses of a slice per step; an input that takes k axons arrives k times."""
    return sum(
        counter(p.projection).connections(piece.part)
        * demands.activity.rate(p.projection.source)
        * p.stored.axons_per_input
        for p in demands.legal.into(piece.population)
    )
