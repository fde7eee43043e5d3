"""The independent checker of plans: it recounts everything its own way and shares no code with the mapper.

Nothing that a plan states is believed: connections are walked operator by operator, messages link by link, and every
total is added up again. Without the network, it checks what follows from the plan alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from neuedge_nir.chip.model import Limit, LimitScope
from neuedge_nir.network.connect import Scale, weights_of
from neuedge_nir.network.model import Network
from neuedge_nir.plan.check_cost import Load, Totals, check_costs, check_traffic, check_utilisation
from neuedge_nir.plan.check_demand import HOST, Part, Recount, Rules, compartments, kind_of, members, recount, rules_of
from neuedge_nir.plan.check_fan import synapses
from neuedge_nir.plan.check_links import Grid, check_links, check_sites, walk
from neuedge_nir.plan.check_rules import TOLERANCE, agree, at_most, match, refuse, same
from neuedge_nir.plan.check_weights import check_abilities, check_timing, check_weights
from neuedge_nir.plan.model import SCHEMA, Plan, PlanCore, PlanSlice

PORTS = ("Input", "Output")


def verify(plan: Plan, network: Network | None) -> None:
    """Raises `VerificationError` at the first rule that the plan breaks; the network is that after its passes."""
    agree("PLAN101", plan, schema=SCHEMA)
    _check_names(plan)
    if network is not None:
        _check_model(plan, network)
    check_abilities(plan)
    check_timing(plan, network)
    parts = _check_slices(plan)
    grid = check_sites(plan)
    rules = recounted = None
    if network is not None:
        check_weights(plan, network)
        rules = rules_of(plan, network)
        ports = [] if plan.options.map_inputs else network.inputs
        recounted = recount([*parts, *(Part(HOST, port.name, np.arange(port.neurons)) for port in ports)], rules)
    _check_used(plan, parts, recounted)
    _check_routes(plan, parts, recounted)
    check_links(plan, grid)
    _check_totals(plan, parts, grid, recounted)
    _check_outcome(plan, rules)


def _check_names(plan: Plan) -> None:
    """Names are unique, projections join what exists, and every source has a rate."""
    models = {population.name: population.model for population in plan.populations}
    same("PLAN102", "distinct names of populations and ports", len(plan.populations), len(models))
    same("PLAN103", "distinct projections", len(plan.projections), len({p.name for p in plan.projections}))
    for projection in plan.projections:
        if models.get(projection.source, "Output") == "Output" or models.get(projection.target, "Input") in PORTS:
            refuse("PLAN103", f"it leads from {projection.source!r} to {projection.target!r}", projection.name)
    if plan.activity.kind not in ("assumed", "given", "simulated"):
        refuse("PLAN133", f"an activity of the kind {plan.activity.kind!r}")
    sources = sorted(name for name, model in models.items() if model != "Output")
    same("PLAN133", "populations and inputs with a rate", sorted(plan.activity.rates), sources)
    for name, rate in plan.activity.rates.items():
        if not 0.0 <= rate < math.inf:
            refuse("PLAN133", f"a rate of {rate} spikes per step", name)


def _check_model(plan: Plan, network: Network) -> None:
    """The plan speaks of this network: its populations, its projections, its size."""
    origin = network.origin
    agree("PLAN101", plan.model, sha256=origin.sha256, name=origin.name, nir_version=origin.nir_version)
    due = {p.name: (p.model, p.shape) for p in network.populations}
    due |= {port.name: ("Input", port.shape) for port in network.inputs}
    due |= {port.name: ("Output", port.shape) for port in network.outputs}
    match("PLAN102", "model and shape", {p.name: (p.model, p.shape) for p in plan.populations}, due)
    inner = {population.name for population in network.populations}
    wires = [wire for wire in network.projections if wire.target in inner]
    ends = {p.name: (p.source, p.target, p.signal) for p in plan.projections}
    match("PLAN103", "ends and signal", ends, {w.name: (w.source, w.target, str(w.signal)) for w in wires})
    kinds = {projection.name: projection.kind for projection in plan.projections}
    match("PLAN105", "kind", kinds, {wire.name: kind_of(wire.chain) for wire in wires})
    stored = {
        operator.node: math.prod(operator.shape) if isinstance(operator, Scale) else weight.size
        for wire in network.projections
        for operator in wire.chain
        if (weight := weights_of(operator)) is not None
    }
    agree(
        "PLAN104",
        plan.counts,
        populations=len(network.populations),
        projections=len(network.projections),
        neurons=network.neurons,
        synapses=sum(synapses(wire.chain, math.prod(wire.target_shape)) for wire in wires),
        stored_weights=sum(stored.values()),
    )


def _check_slices(plan: Plan) -> list[Part]:
    """Every neuron stands on exactly one core, of the right role. Returns the slices in the order of their cores."""
    placed = {population.name: population for population in plan.populations if population.model != "Output"}
    parts = []
    for index, core in enumerate(plan.cores):
        where = f"core {index}"
        if core.role not in ("neurons", "input") or not core.slices:
            refuse("PLAN108", f"a core of the role {core.role!r} with {len(core.slices)} slices", where)
        for piece in core.slices:
            population = placed.get(piece.population)
            if population is None:
                refuse("PLAN107", f"no population or input is called {piece.population!r}", where)
            _check_spans(piece, population.shape, where)
            if (population.model == "Input") != (core.role == "input"):
                refuse("PLAN108", f"{piece.population!r} lies on a core of the role {core.role!r}", where)
            parts.append(Part(index, piece.population, members(piece, population.shape)))
    for name, population in placed.items():
        size = math.prod(population.shape)
        own = np.concatenate([np.zeros(0, np.int64), *(part.neurons for part in parts if part.population == name)])
        due = size if population.model != "Input" or plan.options.map_inputs else 0
        same("PLAN106", "neurons on cores", len(own), due, name)
        same("PLAN106", "different neurons on cores", len(np.unique(own)), due, name)
    return parts


def _check_spans(piece: PlanSlice, shape: tuple[int, ...], where: str) -> None:
    if (piece.block is None) == (piece.run is None):
        refuse("PLAN107", f"a slice of {piece.population!r} is either a block or a run", where)
    spans, sizes = (piece.block, shape) if piece.block is not None else ((piece.run or (0, 0),), (math.prod(shape),))
    inside = len(spans) == len(sizes) and all(0 <= a < b <= n for (a, b), n in zip(spans, sizes, strict=True))
    if not inside:
        refuse("PLAN107", f"{spans} is no part of {piece.population!r}, which has the shape {shape}", where)


def _check_used(plan: Plan, parts: Sequence[Part], recounted: Recount | None) -> None:
    """Every core states what it uses, and no core and no chip uses more than it has."""
    held: dict[int, list[int]] = defaultdict(list)
    for number, part in enumerate(parts):
        held[part.core].append(number)
    chips: Counter[tuple[int, str]] = Counter()
    for index, core in enumerate(plan.cores):
        same("PLAN112", "limits", sorted(core.used), sorted(limit.name for limit in plan.chip.limits), f"core {index}")
        for limit in plan.chip.limits:
            where, used = f"core {index}, limit {limit.name!r}", core.used[limit.name]
            needs = [_need(plan, limit, parts[number], number, recounted) for number in held[index]]
            if None not in needs:
                least, most = (sum(_ceil(need or 0, slack) for need in needs) for slack in (-TOLERANCE, TOLERANCE))
                if not least <= used <= most:
                    refuse("PLAN112", f"the plan says {used}, it is {most}", where, most, used)
            at_most("PLAN113", limit.limit.unit, used, _available(plan, core, limit), where)
            chips[core.chip, limit.name] += used
    for limit in plan.chip.limits:
        for chip in range(len(plan.machine.chips)) if limit.scope is LimitScope.CHIP else ():
            where = f"chip {chip}, limit {limit.name!r}"
            at_most("PLAN113", limit.limit.unit, chips[chip, limit.name], limit.limit.typical, where)


def _need(plan: Plan, limit: Limit, part: Part, number: int, recounted: Recount | None) -> float | None:
    if recounted is not None:
        return recounted.used[number][limit.name]
    return {"neurons": len(part.neurons) * compartments(plan), "slices": 1}.get(limit.formula)


def _ceil(need: float, slack: float) -> int:
    """Rounded up. A sum of rates (no integer) may miss a whole number by a rounding error either way."""
    return int(need) if need == int(need) and not slack else math.ceil(need * (1 + slack))


def _available(plan: Plan, core: PlanCore, limit: Limit) -> float:
    sources = plan.chip.capabilities.input_neurons_per_core
    return sources.count if core.role == "input" and limit.formula == "neurons" and sources else limit.limit.typical
