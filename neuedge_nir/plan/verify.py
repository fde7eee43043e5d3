"""The independent checker of plans: it recounts everything its own way and shares no code with the mapper.

Nothing that a plan states is believed: connections are walked operator by operator, messages link by link, and every
total is added up again. Without the network, it checks what follows from the plan alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.chip.model import Limit, LimitScope, RoutingKind
from neuedge_nir.network.model import Network
from neuedge_nir.plan.check_axons import Axons, axons_of, check_axons
from neuedge_nir.plan.check_constraints import check_constraints, check_dead_links
from neuedge_nir.plan.check_copies import check_copies, several
from neuedge_nir.plan.check_cost import boards_on, check_costs, check_traffic, check_utilisation
from neuedge_nir.plan.check_demand import LARGEST, Recount, Sent, compartments, recount
from neuedge_nir.plan.check_io import check_io, check_read, gathered, host_reads
from neuedge_nir.plan.check_keys import check_keys
from neuedge_nir.plan.check_links import Grid, Walked, check_links, check_sites, walk
from neuedge_nir.plan.check_model import run_on_chip
from neuedge_nir.plan.check_orders import check_orders, in_order
from neuedge_nir.plan.check_outcome import check_outcome
from neuedge_nir.plan.check_parts import everything
from neuedge_nir.plan.check_placement import check_placement
from neuedge_nir.plan.check_ports import role_of_inputs, takes_cores, way_in
from neuedge_nir.plan.check_relays import check_relays, relays_of
from neuedge_nir.plan.check_routers import check_routers
from neuedge_nir.plan.check_rules import TOLERANCE, agree, at_most, refuse, rounded, same
from neuedge_nir.plan.check_schedule import check_schedule
from neuedge_nir.plan.check_sizes import check_sizes
from neuedge_nir.plan.check_slow import at_its_pace
from neuedge_nir.plan.check_splitters import check_splitters
from neuedge_nir.plan.check_synapse_cores import SYNAPSES, check_synapse_cores
from neuedge_nir.plan.check_tables import TABLES, counted_values
from neuedge_nir.plan.check_tiles import check_tiles
from neuedge_nir.plan.check_tiles_bound import check_tiles_bound
from neuedge_nir.plan.check_totals import Load, Totals
from neuedge_nir.plan.check_types import check_types
from neuedge_nir.plan.check_ways import check_ways
from neuedge_nir.plan.check_weights import check_abilities, check_error, check_rules, check_timing, check_weights
from neuedge_nir.plan.check_wires import HOST, Part, boxes_in, rules_of
from neuedge_nir.plan.check_words import check_timestep, check_words
from neuedge_nir.plan.model import SCHEMA, Plan, PlanCore, PlanSlice

PORTS = ("Input", "Output")

MOST_SPIKES = 1e6
"""Spikes of a neuron in one step beyond which a rate is a mistake."""

MOST_MESSAGES = 1 << 53
"""To one core; beyond it a count is no longer exact as a real number."""


def verify(plan: Plan, network: Network | None) -> None:
    """Raises `VerificationError` at the first rule that the plan breaks; the network is that after its passes."""
    agree("PLAN101", plan, schema=SCHEMA)
    check_words(plan)
    _check_chip(plan)
    plan = at_its_pace(plan)
    _check_names(plan)
    check_relays(plan)
    check_splitters(plan)
    check_orders(plan)
    if network is not None:
        check_timestep(plan, network)
        network = run_on_chip(plan, in_order(plan, several(plan, network)))
    check_abilities(plan)
    check_timing(plan, network)
    check_schedule(plan)
    check_error(plan)
    parts = _check_slices(plan)
    check_tiles(plan)
    check_io(plan)
    grid = check_sites(plan)
    check_constraints(plan, grid)
    rules = recounted = tables = axons = None
    if network is not None:
        check_rules(plan, network)
        check_weights(plan, network)
        check_types(plan, network)
        rules = rules_of(plan, network)
        check_ways(plan, rules)
        check_read(plan, network)
        ports = [] if takes_cores(plan) else network.inputs
        recounted = recount([*parts, *(Part(HOST, port.name, (everything(port.shape),)) for port in ports)], rules)
        recounted = gathered(plan, network, parts, recounted)
        tables, axons = counted_values(plan, network, parts), axons_of(rules, parts)
    check_sizes(plan)
    _check_used(plan, parts, recounted, tables, axons)
    _check_routes(plan, parts, recounted)
    check_keys(plan)
    check_links(plan, grid)
    entries = check_routers(plan, grid)
    reads = None if network is None else host_reads(plan, network)
    _check_totals(plan, parts, grid, recounted, reads, entries)
    check_outcome(plan, rules, network)
    check_tiles_bound(plan)
    if rules is not None and axons is not None:
        check_axons(plan, rules, axons)


def _check_chip(plan: Plan) -> None:
    """The chip's description in the plan can be counted with."""
    topology = plan.chip.topology
    positive = [topology.columns, topology.rows, topology.cores_per_router, topology.cores_per_chip]
    for limit in plan.chip.limits:
        if limit.formula not in FORMULAS or not {*FORMULAS[limit.formula].parameters} <= {*limit.parameters}:
            refuse("PLAN134", f"nobody can count {limit.formula!r} with {sorted(limit.parameters)}", limit.name)
        divisors = ("word_bits", "header_every", "block", "spikes_per_word")
        positive += [limit.limit, *(limit.parameters[name] for name in divisors if name in limit.parameters)]
    for quantity in positive:
        at_most("PLAN134", f"{quantity.unit} at least", 1, quantity.typical, plan.chip.name)


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
        if not 0.0 <= rate <= MOST_SPIKES:
            refuse("PLAN133", f"a rate of {rate} spikes per step", name)


def _check_slices(plan: Plan) -> list[Part]:
    """Every neuron stands on exactly one core, of the right role. Returns the slices in the order of their cores."""
    placed = {population.name: population for population in plan.populations if population.model != "Output"}
    parts = []
    for index, core in enumerate(plan.cores):
        where = f"core {index}"
        if core.role == SYNAPSES:
            continue
        if core.role not in ("neurons", "input", "io") or (core.role != "io" and not core.slices):
            refuse("PLAN108", f"a core of the role {core.role!r} with {len(core.slices)} slices", where)
        for piece in core.slices:
            population = placed.get(piece.population)
            if population is None:
                refuse("PLAN107", f"no population or input is called {piece.population!r}", where)
            _check_spans(piece, population.shape, where)
            if core.role != (role_of_inputs(plan) if population.model == "Input" else "neurons"):
                refuse("PLAN108", f"{piece.population!r} lies on a core of the role {core.role!r}", where)
            parts.append(Part(index, piece.population, boxes_in(piece, population.shape)))
    held: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        held[part.population].append(part)
    for name, population in placed.items():
        size = math.prod(population.shape)
        due = size if population.model != "Input" or takes_cores(plan) else 0
        same("PLAN106", "neurons on cores", sum(part.size for part in held[name]), due, name)
        same("PLAN106", "different neurons on cores", _different(held[name], population.shape), due, name)
    return parts


def _events_of(plan: Plan, parts: Sequence[Part], recounted: Recount) -> list[float]:
    """Events of every core in a step, those of its synapse cores among them."""
    events = [0.0] * len(plan.cores)
    for number, part in enumerate(parts):
        events[part.core] += recounted.events[number]
    return events


def _different(parts: Sequence[Part], shape: tuple[int, ...]) -> int:
    """How many neurons of a population lie in any part."""
    if not parts:
        return 0
    there = np.zeros(shape, dtype=bool)
    for part in parts:
        for box in part.boxes:
            there[tuple(slice(*span) for span in box)] = True
    return int(there.sum())


def _check_spans(piece: PlanSlice, shape: tuple[int, ...], where: str) -> None:
    if (piece.block is None) == (piece.run is None):
        refuse("PLAN107", f"a slice of {piece.population!r} is either a block or a run", where)
    spans, sizes = (piece.block, shape) if piece.block is not None else ((piece.run or (0, 0),), (math.prod(shape),))
    inside = len(spans) == len(sizes) and all(0 <= a < b <= n for (a, b), n in zip(spans, sizes, strict=True))
    if not inside:
        refuse("PLAN107", f"{spans} is no part of {piece.population!r}, which has the shape {shape}", where)


def _check_used(
    plan: Plan,
    parts: Sequence[Part],
    recounted: Recount | None,
    tables: Mapping[tuple[int, str], int] | None,
    axons: Axons | None,
) -> None:
    """Every core states what it uses, and no core and no chip uses more than it has."""
    held: dict[int, list[int]] = defaultdict(list)
    for number, part in enumerate(parts):
        held[part.core].append(number)
    chips: Counter[tuple[int, str]] = Counter()
    behind = check_synapse_cores(plan, None if recounted is None else _events_of(plan, parts, recounted))
    for index, core in enumerate(plan.cores):
        same("PLAN112", "limits", sorted(core.used), sorted(limit.name for limit in plan.chip.limits), f"core {index}")
        for limit in plan.chip.limits:
            where, used = f"core {index}, limit {limit.name!r}", core.used[limit.name]
            if limit.formula in TABLES and tables is not None:
                same("PLAN112", "different values", used, tables.get((index, limit.name), 0), where)
            needs = [
                _need(plan, limit, parts[number], number, recounted, axons, behind[index]) for number in held[index]
            ]
            if None not in needs:
                together = max if limit.formula in LARGEST else sum
                known = [(0, 0), *(need for need in needs if need)]  # a core that gathers outputs holds nothing
                least, most = (together(bounds) for bounds in zip(*known, strict=True))
                if not least <= used <= most:
                    refuse("PLAN112", f"the plan says {used}, it is {most}", where, most, used)
            at_most("PLAN113", limit.limit.unit, used, _available(plan, core, limit), where)
            chips[core.chip, limit.name] += used
    for limit in plan.chip.limits:
        for chip in range(len(plan.machine.chips)) if limit.scope is LimitScope.CHIP else ():
            where = f"chip {chip}, limit {limit.name!r}"
            at_most("PLAN113", limit.limit.unit, chips[chip, limit.name], limit.limit.typical, where)


def _need(
    plan: Plan, limit: Limit, part: Part, number: int, recounted: Recount | None, axons: Axons | None, behind: int
) -> tuple[int, int] | None:
    """What a slice uses, at least and at most; None where only the network can tell.

    Its events are shared by the synapse cores `behind` it, if there are any.
    """
    if limit.formula in TABLES:
        return None
    known = {"neurons": compartments(plan, part.size), "slices": 1}
    need = known.get(limit.formula) if recounted is None else recounted.used[number][limit.name]
    if need is not None and axons is not None:
        need += axons.of(limit, number)
    if need is None or limit.formula != "synaptic_events":
        return None if need is None else (int(need), int(need))
    need /= max(1, behind)
    return rounded(need, TOLERANCE), rounded(need, TOLERANCE / 100)


def _available(plan: Plan, core: PlanCore, limit: Limit) -> float:
    sources = way_in(plan).neurons_per_core
    return sources.count if core.role != "neurons" and limit.formula == "neurons" and sources else limit.limit.typical


def _check_routes(plan: Plan, parts: Sequence[Part], recounted: Recount | None) -> None:
    """Every slice sends to exactly the cores that its neurons reach, as many messages as that takes."""
    slots = [(index, at) for index, core in enumerate(plan.cores) for at in range(len(core.slices))]
    routes = {(route.core, route.slice): route.targets for route in plan.routes}
    order = [(route.core, route.slice) for route in plan.routes]
    same("PLAN119", "routes in the order of their slices", order, sorted(routes))
    known, seen = set(slots), set[int]()
    for slot, targets in routes.items():
        if slot in known and id(targets) in seen:  # routes of one list of targets
            continue
        seen.add(id(targets))
        where = f"route of core {slot[0]}, slice {slot[1]}"
        cores = [core for core, _ in targets]
        if slot not in known:
            refuse("PLAN119", "there is no such slice", where)
        if not cores or cores != sorted(set(cores)) or not 0 <= cores[0] <= cores[-1] < len(plan.cores):
            refuse("PLAN119", f"its targets are the cores {cores} of {len(plan.cores)}", where)
        if min(messages for _, messages in targets) < 1:
            refuse("PLAN119", "a target that nothing is sent to", where)
        at_most("PLAN119", "messages to a target", max(messages for _, messages in targets), MOST_MESSAGES, where)
    for number, slot in enumerate(slots if recounted is not None else ()):
        due = recounted.messages[number] if recounted is not None else ()
        where = f"core {slot[0]}, slice {slot[1]} of {parts[number].population!r}"
        same("PLAN119", "targets", routes.get(slot, ()), due, where)


def _check_totals(
    plan: Plan,
    parts: Sequence[Part],
    grid: Grid,
    recounted: Recount | None,
    reads: float | None,
    entries: int | None,
) -> None:
    """Traffic, costs and what the mapping takes; `entries` of the fullest chip's tables, where there are any."""
    walked = _walked(plan, parts, grid)
    walked = walked if entries is None else replace(walked, entries=entries)
    check_dead_links(plan, walked.loads)
    inner = [p for p in plan.populations if p.model not in PORTS]
    spikes = math.fsum(math.prod(p.shape) * plan.activity.rates[p.name] for p in inner)
    host = 0.0 if recounted is None else _from_host(plan, recounted.messages[len(parts) :])
    events = 0.0 if recounted is None else math.fsum(recounted.events)
    loads = _loads(plan, parts, recounted)
    into = _into(parts, recounted)
    totals = Totals(recounted is not None, loads, spikes, host, reads or 0.0, events, into, walked)
    _check_mapped(plan, parts, grid, totals)
    check_traffic(plan, totals)
    check_placement(plan, grid)
    check_utilisation(plan, grid, totals)
    check_costs(plan, grid, totals)


def _into(parts: Sequence[Part], recounted: Recount | None) -> dict[str, float]:
    """Events by the population that they reach."""
    into: dict[str, float] = defaultdict(float)
    for number, part in enumerate(parts if recounted is not None else ()):
        into[part.population] += recounted.events[number] if recounted is not None else 0.0
    return into


def _walked(plan: Plan, parts: Sequence[Part], grid: Grid) -> Walked:
    """The ways of all routes."""
    slots = [(index, at) for index, core in enumerate(plan.cores) for at in range(len(core.slices))]
    slices = dict(zip(slots, parts, strict=True))
    sending = [slices[route.core, route.slice] for route in plan.routes]
    return walk(plan, grid, [p.size for p in sending], [plan.activity.rates[p.population] for p in sending])


def _from_host(plan: Plan, unserved: Sequence[Sent]) -> float:
    """Messages of a step that the host sends: `unserved` by input, from each to the cores it reaches."""
    rates, ports = plan.activity.rates, [p for p in plan.populations if p.model == "Input"]
    if way_in(plan).cores.value == "io":  # a core of the chip makes the copies
        return sum(math.prod(p.shape) * rates[p.name] for p in ports)
    return sum(rates[port.name] * sum(count for _, count in sent) for port, sent in zip(ports, unserved, strict=False))


def _check_mapped(plan: Plan, parts: Sequence[Part], grid: Grid, totals: Totals) -> None:
    """Cores by what they are for, copies, chips and boards."""
    roles, chips = Counter(core.role for core in plan.cores), totals.walked.chips
    relays = {relay.name: math.prod(relay.shape) for relay in relays_of(plan)}
    of_relays = sum({piece.population for piece in core.slices} <= {*relays} for core in plan.cores if core.slices)
    agree(
        "PLAN126",
        plan.mapping,
        cores_used=len(plan.cores),
        cores_input=roles["input"],
        cores_neurons=roles["neurons"] - of_relays,
        cores_synapses=roles[SYNAPSES],
        cores_relay_or_copy=of_relays,
        relay_neurons=sum(relays.values()),
        cores_io=roles["io"],
        copies=_copies(plan, parts, totals.slots),
        chips_used=len(chips),
        boards_used=boards_on(plan, grid, totals),
    )
    check_copies(plan, len(chips))
    same("PLAN126", "chips of the machine", len(plan.machine.chips), max(chips, default=-1) + 1)


def _copies(plan: Plan, parts: Sequence[Part], slots: int) -> int:
    """Slots beyond those of the neurons themselves, where a neuron has one destination."""
    return slots - sum(part.size for part in parts) if plan.chip.capabilities.one_destination else 0


def _sizes(plan: Plan) -> dict[tuple[int, int], int]:
    """The neurons of each slice: all of them send to every core of the slice's tree."""
    shapes = {population.name: population.shape for population in plan.populations}
    return {
        (index, at): sum(math.prod(b - a for a, b in box) for box in boxes_in(piece, shapes[piece.population]))
        for index, core in enumerate(plan.cores)
        for at, piece in enumerate(core.slices)
    }


def _loads(plan: Plan, parts: Sequence[Part], recounted: Recount | None) -> list[Load]:
    """What every core does in a step."""
    rates = plan.activity.rates
    neurons, messages, spikes, events = ([0.0] * len(plan.cores) for _ in range(4))
    for number, part in enumerate(parts):
        neurons[part.core] += part.size
        spikes[part.core] += part.size * rates[part.population]
        events[part.core] += recounted.events[number] if recounted is not None else 0.0
    sizes = _sizes(plan) if plan.chip.topology.routing is RoutingKind.MULTICAST else {}
    for route in plan.routes:
        size = sizes.get((route.core, route.slice))
        sent = sum(count if size is None else size for core, count in route.targets if core != route.core)
        messages[route.core] += sent * rates[plan.cores[route.core].slices[route.slice].population]
    names = [limit.name for limit in plan.chip.limits if limit.formula in ("neurons", "neuron_copies")]
    loads = []
    for index, core in enumerate(plan.cores):
        slots = max((core.used[name] for name in names), default=int(neurons[index]))
        loads.append(Load(slots, messages[index], spikes[index], events[index]))
    return loads
