"""The results of all stages put together as one plan."""

from __future__ import annotations

from collections.abc import Container, Sequence, Set
from dataclasses import astuple, replace
from importlib.metadata import version
from typing import Any

from neuedge_nir.chip.model import Chip, LimitScope
from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.mapping.axons import entries_of
from neuedge_nir.mapping.bounds import chips_bound
from neuedge_nir.mapping.crossings import sharing
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.entries import SYNAPSE_FORMATS, coarsest, format_of
from neuedge_nir.mapping.keys import KeySpace
from neuedge_nir.mapping.legalise import LegalNetwork, LegalProjection, mean_delay
from neuedge_nir.mapping.partition import Cluster, Partition, Role
from neuedge_nir.mapping.route import Routing
from neuedge_nir.network.count import total_synapses, total_weights
from neuedge_nir.network.model import Network, Population, Port, Projection, Signal
from neuedge_nir.network.slices import Block, Slice
from neuedge_nir.plan.costs import cost_of
from neuedge_nir.plan.figures import (
    Counts,
    Mapped,
    Utilisation,
)
from neuedge_nir.plan.model import (
    SCHEMA,
    Machine,
    Plan,
    PlanActivity,
    PlanAxons,
    PlanCore,
    PlanFormat,
    PlanKey,
    PlanKeys,
    PlanModel,
    PlanOptions,
    PlanPopulation,
    PlanProjection,
    PlanRelay,
    PlanRoute,
    PlanSlice,
    PlanTable,
)
from neuedge_nir.plan.stages import NEURONS, Stages, chips_on, slots_of

SYNAPSE_MEMORY = (
    "packed_row_words",
    "blocked_row_bits",
    "entry_row_words",
    "weight_bytes",
    "row_table_bytes",
    "row_and_record_bytes",
)
AXONS_IN = ("input_axons", "merged_input_axons", "lava_input_axons")
"""Formulas of the limits behind each utilisation."""
OWN = (
    *("neurons", "slices", "input_axons", "lava_input_axons", "lava_axon_map", "packed_row_words", "blocked_row_bits"),
    *("row_table_bytes", "weight_bytes", "synaptic_events"),
)
"""Formulas by which what slices use adds up, whichever share a core and wherever it is."""


def build(stages: Stages, options: PlanOptions, diagnostics: Sequence[Diagnostic]) -> Plan:
    """The plan of a compilation."""
    legal = stages.demands.legal
    network, chip = legal.network, legal.chip
    mapping = _mapped(stages)
    return Plan(
        schema=SCHEMA,
        tool={name: version(name) for name in _tools(stages)},
        model=PlanModel(network.origin.name, network.origin.sha256, network.origin.nir_version),
        counts=counts(legal.model),
        options=options,
        activity=PlanActivity(stages.demands.activity.kind.value, dict(stages.demands.activity.rates)),
        chip=chip,
        chips_available=stages.chips_available,
        populations=_populations(legal),
        schedule=stages.schedule,
        projections=_projections(stages),
        timing_error=stages.timing_error,
        machine=Machine(
            stages.placement.fabric.system.name, stages.placement.fabric.positions[: _positions_used(stages)]
        ),
        cores=_cores(stages),
        routes=_routes(stages),
        outcome="optimal" if mapping.cores_inner == mapping.cores_lower_bound else "feasible",
        scope=scope_of(chip, stages.schedule.steps),
        mapping=mapping,
        cost=cost_of(stages),
        diagnostics=tuple(diagnostics),
        keys=_keys(stages.keys),
        tables=_tables(stages.routing),
        copies=stages.copies,
    )


def _tools(stages: Stages) -> tuple[str, ...]:
    """What answers depend on: without numba, the search for chips is another, shorter one."""
    fast = ("numba",) if stages.placement.engine == "numba" else ()
    return ("neuedge-nir", "networkx", *fast, "numpy", "ortools")


def counts(network: Network) -> Counts:
    """The size of a network."""
    return Counts(
        len(network.populations),
        len(network.projections),
        network.neurons,
        total_synapses(network),
        total_weights(network),
    )


def scope_of(chip: Chip, steps: int | None = None) -> str:
    """Which of a chip's limits a verdict covers; `steps`: those of a sample, where they are known."""
    left = [limit for limit in chip.not_checked if limit.until != "steps" or steps is None]
    return "published limits only" if left else "all limits"


def _populations(legal: LegalNetwork) -> tuple[PlanPopulation, ...]:
    lags, network = legal.timing.lags, legal.network

    def port(p: Port, model: str) -> PlanPopulation:
        return PlanPopulation(p.name, model, p.shape, lags[p.name], encoder=p.encoder)

    def neurons(p: Population) -> PlanPopulation:
        rule = None if p.adapts is None else replace(p.adapts, late=p.adapts.late + mean_delay(p.adapts, legal.chip))
        leak = None if p.leak is None else "reversing" if p.leak.reverses else "falling"
        return PlanPopulation(p.name, p.model, p.shape, lags[p.name], None, rule, _relay(p, legal), leak)

    return (
        *(port(p, "Input") for p in network.inputs),
        *(neurons(p) for p in network.populations),
        *(port(p, "Output") for p in network.outputs),
    )


def _relay(population: Population, legal: LegalNetwork) -> PlanRelay | None:
    of = legal.relays.sources.get(population.name)
    if of is None:
        return None
    numbers = {name: float(v) for name, v in population.parameters.items()}
    splits, stages = population.name in legal.relays.splitters, legal.relays.stages.get(population.name, 0)
    return PlanRelay(of, numbers, splits, stages)


def _projections(stages: Stages) -> tuple[PlanProjection, ...]:
    demands = stages.demands
    clusters, placement = stages.partition.clusters, stages.placement
    entries = entries_of(clusters, placement, demands, sharing(clusters, placement, demands))
    return tuple(
        PlanProjection(
            p.projection.name,
            p.projection.source,
            p.projection.target,
            p.kind.value,
            _signal(p.projection),
            p.delay,
            p.stored.bits,
            p.stored.step,
            p.stored.error,
            p.stored.axons_per_input,
            demands.legal.timing.excess.get(p.projection.name, 0),
            _format(p, demands),
            None if (own := entries.get(p.projection.name)) is None else PlanAxons(*astuple(own)),
        )
        for p in demands.legal.projections
    )


def _signal(projection: Projection) -> str:
    """What travels on the chip: the potential of a neuron goes as the payload of a graded spike."""
    return (Signal.GRADED if projection.signal is Signal.ANALOG else projection.signal).value


def _format(legal: LegalProjection, demands: Demands) -> PlanFormat | None:
    """The synapse format of a projection, where a limit counts them."""
    if all(limit.formula != SYNAPSE_FORMATS for limit in demands.limits):
        return None
    exponent, sign, bits, delayed, encoding = format_of(legal, coarsest(demands.legal.into(legal.projection.target)))
    stored = [limit.parameters["delay_bits"].count for limit in demands.limits if "delay_bits" in limit.parameters]
    return PlanFormat(exponent, sign, bits, max(stored, default=0) if delayed else 0, encoding)


def _cores(stages: Stages) -> tuple[PlanCore, ...]:
    pairs = zip(stages.partition.clusters, stages.placement.sites, strict=True)
    return tuple(PlanCore(c.role.value, s.chip, s.router, s.slot, _slices(c), dict(c.used)) for c, s in pairs)


def _slices(cluster: Cluster) -> tuple[PlanSlice, ...]:
    return tuple(_slice(piece.population, piece.part) for piece in cluster.pieces)


def _slice(name: str, part: Slice) -> PlanSlice:
    if isinstance(part, Block):
        return PlanSlice(name, block=part.spans)
    return PlanSlice(name, run=(part.start, part.stop))


def _routes(stages: Stages) -> tuple[PlanRoute, ...]:
    trees = {(tree.cluster, tree.piece): tree.links for tree in stages.routing.trees}
    return tuple(
        PlanRoute(f.cluster, f.piece, f.targets, trees.get((f.cluster, f.piece), ())) for f in stages.flows if f.targets
    )


def _keys(found: KeySpace | None) -> PlanKeys | None:
    if found is None:
        return None
    slices = tuple(PlanKey(*each) for each in found.slices)
    return PlanKeys(found.population_bits, found.low_bits, found.core_bits, found.atom_bits, slices)


def _tables(routing: Routing) -> tuple[PlanTable, ...] | None:
    if routing.tables is None:
        return None
    return tuple(PlanTable(table.router, table.routes, table.entries) for table in routing.tables)


def _positions_used(stages: Stages) -> int:
    return 1 + max({site.chip for site in stages.placement.sites} | stages.routing.transit, default=0)


def _mapped(stages: Stages) -> Mapped:
    partition, chip = stages.partition, stages.demands.legal.chip
    relays, chips = stages.demands.legal.relays.sources, chips_on(stages)
    of_relays = sum(holds_only(c, relays) for c in partition.clusters)
    slots = sum(slots_of(c, chip) for c in partition.clusters)
    least_chips, by = chips_bound(stages.demands, partition.bound)
    neurons = sum(piece.part.neurons for c in partition.clusters for piece in c.pieces)
    return Mapped(
        cores_used=len(partition.clusters),
        cores_input=partition.input_cores,
        cores_neurons=partition.neuron_cores - of_relays,
        cores_relay_or_copy=of_relays,
        cores_io=partition.io_cores,
        copies=slots - neurons if chip.capabilities.one_destination else 0,
        relay_neurons=sum(p.neurons for p in stages.demands.legal.network.populations if p.name in relays),
        chips_used=len(chips),
        boards_used=stages.placement.fabric.boards_of(chips),
        cores_lower_bound=partition.bound.cores,
        bound_scope="universal",
        bound_resource=partition.bound.resource,
        packing_proven=partition.packing_proven,
        utilisation=_utilisation(stages, chips),
        cores_synapses=partition.synapse_cores,
        chips_lower_bound=least_chips,
        chips_bound_resource=by,
        **_of_slices(partition, chip),
    )


def _of_slices(partition: Partition, chip: Chip) -> dict[str, Any]:
    """The cores that the slices chosen take at least, by the limit that asks most."""
    inner = [c.used for c in partition.clusters if c.role in (Role.NEURONS, Role.SYNAPSES)]
    rules = [limit for limit in chip.limits if limit.formula in OWN and limit.scope is LimitScope.CORE]
    found = {rule.name: -(-sum(used[rule.name] for used in inner) // rule.limit.count) for rule in rules}
    binding = max(found, key=lambda name: found[name], default="cores")
    cores = found.get(binding, 0)
    return {"cores_tiles_bound": max(1, cores), "tiles_bound_resource": binding if cores else "cores"}


def holds_only(cluster: Cluster, names: Container[str]) -> bool:
    """Whether a core has neurons, all of these populations."""
    return cluster.role is Role.NEURONS and all(piece.population in names for piece in cluster.pieces)


def _utilisation(stages: Stages, chips: Set[int]) -> Utilisation:
    chip = stages.demands.legal.chip
    shares: dict[str, float | None] = {}
    why: dict[str, str] = {}
    for name, formulas in (("neurons", NEURONS), ("synapse_memory", SYNAPSE_MEMORY), ("axons_in", AXONS_IN)):
        shares[name] = _share(stages, formulas, len(chips))
        if shares[name] is None:
            why[name] = f"no such limit of {chip.title} is published"
    cores = len(stages.partition.clusters) / sum(map(stages.placement.fabric.cores_of, chips))
    return Utilisation(cores, shares["neurons"], shares["synapse_memory"], shares["axons_in"], why)


def _share(stages: Stages, formulas: Sequence[str], chips: int) -> float | None:
    """Use over capacity of the first limit with one of the formulas, over the neuron cores or the chips in use."""
    limit = next((lim for lim in stages.demands.limits if lim.formula in formulas), None)
    if limit is None:
        return None
    cores = [c for c in stages.partition.clusters if c.role is Role.NEURONS]
    holders = chips if limit.scope is LimitScope.CHIP else len(cores)
    return sum(c.used[limit.name] for c in cores) / (holders * limit.limit.count)
