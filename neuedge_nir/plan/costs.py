"""What a step of a plan costs: the events on its cores and ways, priced."""

from __future__ import annotations

from neuedge_nir.chip.model import RoutingKind
from neuedge_nir.cost.model import (
    Events,
    PerStep,
    dynamic_energy,
    idle_energy,
    of_inference,
    reset_energy,
    static_power,
    step_time,
)
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.partition import Cluster
from neuedge_nir.network.count import counter
from neuedge_nir.plan.figures import CoreEvents, CostReport
from neuedge_nir.plan.stages import Stages, chips_on, slots_of
from neuedge_nir.plan.traffic import traffic_of


def cost_of(stages: Stages) -> CostReport:
    """Traffic, energy and time of a step, and of an inference where its steps are known."""
    events = _events(stages)
    chip = stages.demands.legal.chip
    step, static = step_time(chip, events), static_power(chip, stages.placement.fabric.system, events)
    dynamic = dynamic_energy(chip, events, step)
    idle, duration = idle_energy(chip, events, step), stages.demands.activity.duration
    reset = reset_energy(chip, events)
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
        longest_way=events.longest_way,
        inference=None if duration is None else of_inference(duration, stages.schedule, per_step, reset),
    )


def _events(stages: Stages) -> Events:
    demands, routing = stages.demands, stages.routing
    network = demands.legal.network
    multicast = demands.legal.chip.topology.routing is RoutingKind.MULTICAST
    sent = _messages_out(stages)
    cores = tuple(
        CoreEvents(
            float(_synaptic_events(c, demands)),
            slots_of(c, demands.legal.chip),
            float(sent[i]),
            float(_spikes(c, demands)),
        )
        for i, c in enumerate(stages.partition.clusters)
    )
    return Events(
        cores=cores,
        spikes=sum(p.neurons * demands.activity.rate(p.name) for p in network.populations),
        messages=routing.deliveries,
        hops=routing.tree_hops if multicast else routing.unicast_hops,
        crossings=routing.interchip,
        longest_way=routing.longest_way,
        chips=len(chips_on(stages)),
        boards=stages.placement.fabric.boards_of(chips_on(stages)),
    )


def _spikes(cluster: Cluster, demands: Demands) -> float:
    return sum(piece.part.neurons * demands.activity.rate(piece.population) for piece in cluster.pieces)


def _messages_out(stages: Stages) -> list[float]:
    sent = [0.0] * len(stages.partition.clusters)
    for flow in stages.flows:
        sent[flow.cluster] += sum(n for target, n in flow.targets if target != flow.cluster) * flow.rate
    return sent


def _synaptic_events(cluster: Cluster, demands: Demands) -> float:
    """Spikes that arrive at synapses of a core per step; an input that takes k axons arrives k times."""
    return sum(
        counter(p.projection).connections(piece.part)
        * demands.activity.rate(p.projection.source)
        * p.stored.axons_per_input
        for piece in cluster.pieces
        for p in demands.legal.into(piece.population)
    )
