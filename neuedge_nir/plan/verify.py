"""The independent checker of plans: it recounts everything its own way and shares no code with the mapper.

What the plan states is never believed: connections are walked operator by operator, links one by one, and every
total is added up again. Without the network it checks what follows from the plan alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.chip.model import Limit, LimitScope
from neuedge_nir.network.connect import weights_of
from neuedge_nir.network.model import Network
from neuedge_nir.plan.check_cost import Load, Totals, check_costs, check_traffic, check_utilisation
from neuedge_nir.plan.check_demand import (
    HOST, Part, Recount, Rules, compartments, kind_of, members, recount, rules_of,
)  # fmt: skip
from neuedge_nir.plan.check_fan import synapses
from neuedge_nir.plan.check_links import Grid, check_links, check_sites, walk
from neuedge_nir.plan.check_rules import TOLERANCE, at_most, refuse, same
from neuedge_nir.plan.check_weights import check_abilities, check_timing, check_weights
from neuedge_nir.plan.model import SCHEMA, Plan, PlanCore, PlanSlice

ROLES = ("neurons", "input")
SLACK = (-TOLERANCE, TOLERANCE)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The network as the checker counted it: parts in the order of cores and slices, then the ports the host serves."""

    host: tuple[Part, ...]
    rules: Rules
    recount: Recount


def verify(plan: Plan, network: Network | None) -> None:
    """Raises `VerificationError` at the first rule that the plan breaks; the network is that after its passes."""
    same("PLAN101", "schema", plan.schema, SCHEMA)
    _check_names(plan)
    _check_activity(plan)
    if network is not None:
        _check_model(plan, network)
    check_abilities(plan)
    parts = _check_slices(plan)
    grid = check_sites(plan)
    check_timing(plan, network)
    counted = _count(plan, network, parts) if network is not None else None
    if network is not None:
        check_weights(plan, network)
    _check_used(plan, parts, counted)
    _check_routes(plan, parts, counted)
    check_links(plan, grid)
    _check_totals(plan, parts, grid, counted)


def _check_names(plan: Plan) -> None:
    names = [population.name for population in plan.populations]
    same("PLAN102", "distinct populations", len(names), len(set(names)))
    for population in plan.populations:
        if any(size < 0 for size in population.shape):
            refuse("PLAN102", f"a shape of {population.shape}", population.name)
    models = {population.name: population.model for population in plan.populations}
    same("PLAN103", "distinct projections", len(plan.projections), len({p.name for p in plan.projections}))
    for projection in plan.projections:
        if models.get(projection.source, "Output") == "Output" or models.get(projection.target) in (
            None, "Input", "Output",
        ):  # fmt: skip
            refuse("PLAN103", f"it leads from {projection.source!r} to {projection.target!r}", projection.name)


def _check_activity(plan: Plan) -> None:
    sources = {population.name for population in plan.populations if population.model != "Output"}
    same("PLAN133", "populations with a rate", sorted(plan.activity.rates), sorted(sources))
    if plan.activity.kind not in ("assumed", "given", "simulated"):
        refuse("PLAN133", f"activity of the kind {plan.activity.kind!r}")
    for name, rate in sorted(plan.activity.rates.items()):
        if not 0.0 <= rate < math.inf:
            refuse("PLAN133", f"a rate of {rate} spikes per step", name)


def _check_model(plan: Plan, network: Network) -> None:
    """The plan speaks of this network: its populations, its projections, its size."""
    same("PLAN101", "SHA-256 of the model", plan.model.sha256, network.origin.sha256)
    same("PLAN101", "name of the model", plan.model.name, network.origin.name)
    same("PLAN101", "NIR version of the model", plan.model.nir_version, network.origin.nir_version)
    stated = {population.name: (population.model, population.shape) for population in plan.populations}
    due = {p.name: (p.model, p.shape) for p in network.populations}
    due |= {p.name: ("Input", p.shape) for p in network.inputs} | {p.name: ("Output", p.shape) for p in network.outputs}
    same("PLAN102", "populations", sorted(stated), sorted(due))
    for name, what in due.items():
        same("PLAN102", "model and shape", stated[name], what, name)
    inner = {population.name for population in network.populations}
    wires = {p.name: p for p in network.projections if p.target in inner}
    same("PLAN103", "projections", sorted(p.name for p in plan.projections), sorted(wires))
    for projection in plan.projections:
        wire = wires[projection.name]
        ends = (projection.source, projection.target, projection.signal)
        same("PLAN103", "source, target and signal", ends, (wire.source, wire.target, str(wire.signal)), wire.name)
        same("PLAN105", "kind", projection.kind, kind_of(wire.chain), wire.name)
    stored = {
        operator.node: math.prod(operator.output_shape) if type(operator).__name__ == "Scale" else weight.size
        for wire in network.projections
        for operator in wire.chain
        if (weight := weights_of(operator)) is not None
    }
    same("PLAN104", "populations", plan.counts.populations, len(network.populations))
    same("PLAN104", "projections", plan.counts.projections, len(network.projections))
    same("PLAN104", "neurons", plan.counts.neurons, network.neurons)
    connections = sum(synapses(wire.chain, math.prod(wire.target_shape)) for wire in wires.values())
    same("PLAN104", "synapses", plan.counts.synapses, connections)
    same("PLAN104", "stored weights", plan.counts.stored_weights, sum(stored.values()))


def _check_slices(plan: Plan) -> tuple[Part, ...]:
    """Every neuron stands on exactly one core, of the right role. Returns the slices in order, as lists of neurons."""
    placed = {population.name: population for population in plan.populations if population.model != "Output"}
    parts = []
    for index, core in enumerate(plan.cores):
        where = f"core {index}"
        if core.role not in ROLES or not core.slices:
            refuse("PLAN108", f"a core of the role {core.role!r} with {len(core.slices)} slices", where)
        for part in core.slices:
            population = placed.get(part.population)
            if population is None:
                refuse("PLAN107", f"there is no population {part.population!r} to place", where)
            _check_shape(part, population.shape, where)
            if (population.model == "Input") != (core.role == "input"):
                refuse("PLAN108", f"{part.population!r} lies on a core of the role {core.role!r}", where)
            parts.append(Part(index, part.population, members(part, population.shape)))
    for name, population in placed.items():
        own = [part.neurons for part in parts if part.population == name]
        neurons = math.prod(population.shape)
        due = neurons if population.model != "Input" or plan.options.map_inputs else 0
        same("PLAN106", "neurons on cores", sum(len(part) for part in own), due, name)
        if due and int(np.bincount(np.concatenate(own), minlength=neurons).max()) > 1:
            refuse("PLAN106", f"a neuron lies on two cores, so that {name!r} misses one of its {neurons}", name)
    return tuple(parts)


def _check_shape(part: PlanSlice, shape: tuple[int, ...], where: str) -> None:
    spans: Sequence[tuple[int, int]]
    if (part.block is None) == (part.run is None):
        refuse("PLAN107", f"a slice of {part.population!r} is a block or a run, not both or neither", where)
    if part.block is not None:
        spans, sizes = part.block, shape
    else:
        spans, sizes = [part.run or (0, 0)], (math.prod(shape),)
    if len(spans) != len(sizes) or any(
        not 0 <= start < stop <= size for (start, stop), size in zip(spans, sizes, strict=False)
    ):
        refuse("PLAN107", f"{spans} is no part of {part.population!r}, which has the shape {shape}", where)


def _count(plan: Plan, network: Network, parts: tuple[Part, ...]) -> Counted:
    rules = rules_of(plan, network)
    ports = [] if plan.options.map_inputs else network.inputs
    host = tuple(Part(HOST, port.name, np.arange(port.neurons)) for port in ports)
    return Counted(host, rules, recount((*parts, *host), rules))


def _check_used(plan: Plan, parts: tuple[Part, ...], counted: Counted | None) -> None:
    """Every core states what it uses, and no core and no chip uses more than it has."""
    needs: dict[tuple[int, str], list[int | float]] = defaultdict(list)
    for number, part in enumerate(parts):
        for limit in plan.chip.limits:
            needs[part.core, limit.name].append(_need(plan, part, number, limit, counted))
    chips: Counter[tuple[int, str]] = Counter()
    for index, core in enumerate(plan.cores):
        same("PLAN112", "limits", sorted(core.used), sorted(limit.name for limit in plan.chip.limits), f"core {index}")
        for limit in plan.chip.limits:
            where, used = f"core {index}, limit {limit.name!r}", core.used[limit.name]
            least, most = (sum(_ceil(need, slack) for need in needs[index, limit.name]) for slack in SLACK)
            if not math.isnan(least) and not least <= used <= most:
                refuse("PLAN112", f"the plan says {used}, it is {most:g}", where, most, used)
            at_most("PLAN113", f"{limit.limit.unit}", used, _available(plan, core, limit), where)
            chips[core.chip, limit.name] += used
    for (chip, name), used in sorted(chips.items()):
        limit = next(limit for limit in plan.chip.limits if limit.name == name)
        if limit.scope is LimitScope.CHIP:
            at_most("PLAN113", f"{limit.limit.unit}", used, limit.limit.typical, f"chip {chip}, limit {name!r}")


def _need(plan: Plan, part: Part, number: int, limit: Limit, counted: Counted | None) -> int | float:
    if counted is not None:
        return counted.recount.used[number].get(limit.name, 0)
    known = {"neurons": len(part.neurons) * compartments(plan), "slices": 1}
    return known.get(limit.formula, math.nan)  # without the network the connections are unknown


def _ceil(need: float, slack: float) -> float:
    """A sum of rates may miss a whole number by a rounding error either way."""
    return need if isinstance(need, int) or math.isnan(need) else math.ceil(need * (1 + slack))


def _available(plan: Plan, core: PlanCore, limit: Limit) -> float:
    sources = plan.chip.capabilities.input_neurons_per_core
    return sources.count if core.role == "input" and limit.formula == "neurons" and sources else limit.limit.typical


def _check_routes(plan: Plan, parts: tuple[Part, ...], counted: Counted | None) -> None:
    """Every slice sends to exactly the cores that its neurons reach, as many messages as they need."""
    slots = {(index, at): None for index, core in enumerate(plan.cores) for at in range(len(core.slices))}
    numbers = {slot: number for number, slot in enumerate(slots)}
    order = [(route.core, route.slice) for route in plan.routes]
    same("PLAN119", "routes in the order of their slices", order, sorted(set(order)))
    for index, route in enumerate(plan.routes):
        where = f"route {index}"
        if (route.core, route.slice) not in numbers:
            refuse("PLAN119", f"core {route.core} has no slice {route.slice}", where)
        cores = [core for core, _ in route.targets]
        if not cores or cores != sorted(set(cores)) or not 0 <= cores[0] <= cores[-1] < len(plan.cores):
            refuse("PLAN119", f"its target cores are {cores} of {len(plan.cores)}", where)
        if any(messages < 1 for _, messages in route.targets):
            refuse("PLAN119", "a target that nothing is sent to", where)
    if counted is None:
        return
    stated = {(route.core, route.slice): route.targets for route in plan.routes}
    for slot, number in numbers.items():
        due = tuple(sorted(counted.recount.messages[number].items()))
        where = f"core {slot[0]}, slice {slot[1]} of {parts[number].population!r}"
        same("PLAN119", "targets", stated.get(slot, ()), due, where)


def _check_totals(plan: Plan, parts: tuple[Part, ...], grid: Grid, counted: Counted | None) -> None:
    slices = {(index, at): part for index, core in enumerate(plan.cores) for at, part in enumerate(core.slices)}
    by_slot = dict(zip(slices, parts, strict=True))
    rates = [plan.activity.rates[by_slot[route.core, route.slice].population] for route in plan.routes]
    walked = walk(plan, grid, [len(by_slot[route.core, route.slice].neurons) for route in plan.routes], rates)
    loads = _loads(plan, parts, counted)
    _check_mapping(plan, grid, loads, walked.chips, parts)
    host = None
    if counted is not None:
        ports = zip(counted.host, counted.recount.messages[len(parts) :], strict=True)
        host = math.fsum(sum(sent.values()) * plan.activity.rates[port.population] for port, sent in ports)
    spikes = math.fsum(
        math.prod(population.shape) * plan.activity.rates[population.name]
        for population in plan.populations
        if population.model not in ("Input", "Output")
    )
    events = math.fsum(load.events for load in loads)
    totals = Totals(loads, spikes, host, events, walked, counted is not None)
    check_traffic(plan.cost.traffic, totals, plan)
    check_utilisation(plan)
    check_costs(plan, totals)
    _check_outcome(plan, counted)


def _loads(plan: Plan, parts: tuple[Part, ...], counted: Counted | None) -> list[Load]:
    """What every core does in a step."""
    messages, spikes, events = ([0.0] * len(plan.cores) for _ in range(3))
    for number, part in enumerate(parts):
        spikes[part.core] += len(part.neurons) * plan.activity.rates[part.population]
        events[part.core] += counted.recount.events[number] if counted is not None else 0.0
    for route in plan.routes:
        sent = sum(messages for core, messages in route.targets if core != route.core)
        messages[route.core] += sent * plan.activity.rates[plan.cores[route.core].slices[route.slice].population]
    formulas = {limit.name for limit in plan.chip.limits if limit.formula in ("neurons", "neuron_copies")}
    neurons = [0 for _ in plan.cores]
    for part in parts:
        neurons[part.core] += len(part.neurons)
    slots = [
        max((core.used[name] for name in formulas), default=own) for core, own in zip(plan.cores, neurons, strict=True)
    ]
    return [Load(*load) for load in zip(slots, messages, spikes, events, strict=True)]


def _check_mapping(plan: Plan, grid: Grid, loads: Sequence[Load], chips: frozenset[int], parts: Sequence[Part]) -> None:
    mapping = plan.mapping
    roles = Counter(core.role for core in plan.cores)
    same("PLAN126", "cores in use", mapping.cores_used, len(plan.cores))
    same("PLAN126", "cores of inputs", mapping.cores_input, roles["input"])
    same("PLAN126", "cores of neurons", mapping.cores_neurons, roles["neurons"])
    same("PLAN126", "cores that relay or copy", mapping.cores_relay_or_copy, 0)
    same("PLAN126", "cores for input and output", mapping.cores_io, 0)
    neurons = sum(len(part.neurons) for part in parts)
    copies = sum(load.slots for load in loads) - neurons * compartments(plan)
    same("PLAN126", "copies of neurons", mapping.copies, copies)
    same("PLAN126", "chips in use", mapping.chips_used, len(chips))
    same("PLAN126", "chips of the machine", len(grid.chips), max(chips, default=-1) + 1)


def _check_outcome(plan: Plan, counted: Counted | None) -> None:
    """The outcome is no better than the bound allows."""
    mapping = plan.mapping
    same("PLAN128", "scope of the bound", mapping.bound_scope, "universal")
    if counted is not None:
        bounds = _bounds(plan, counted.rules)
        same("PLAN128", "least number of cores", mapping.cores_lower_bound, max([1, *bounds.values()]))
        if bounds.get(mapping.bound_resource) != mapping.cores_lower_bound:
            refuse("PLAN128", f"{mapping.bound_resource!r} does not attain the bound", None,
                   bounds.get(mapping.bound_resource), mapping.cores_lower_bound)  # fmt: skip
    at_most("PLAN128", "neuron cores at least", mapping.cores_lower_bound, mapping.cores_neurons)
    met = mapping.cores_neurons == mapping.cores_lower_bound
    same("PLAN129", "outcome", plan.outcome, "optimal" if met else "feasible")
    same("PLAN129", "scope", plan.scope, "all limits" if plan.chip.limits_complete else "published limits only")
    if met:
        same("PLAN129", "proof of the packing", mapping.packing_proven, True)


def _bounds(plan: Plan, rules: Rules) -> dict[str, int]:
    """Per limit of a core: all populations whole, each on one core, need at least as much as any split of them."""
    inner = [p.name for p in plan.populations if p.model not in ("Input", "Output")]
    parts = [Part(core, name, np.arange(rules.sizes[name])) for core, name in enumerate(inner)]
    used = recount(parts, rules).used
    return {
        limit.name: math.ceil(sum(_ceil(need.get(limit.name, 0), 0.0) for need in used) / limit.limit.typical)
        for limit in plan.chip.limits
        if limit.scope is LimitScope.CORE
    }
