"""What a plan fixes: two plans that mean the same are both right or both wrong.

Whatever is free in a plan is listed here, and nothing else is. A mutation that leaves the meaning as it was damages
nothing, so that no checker need see it:

* which number a core has, and in which order its slices stand;
* which of a router's cores a core is, where no routing table names cores, as long as each stands alone;
* which of several cores stands where, as long as from each place the same messages go to the same places, each chip's
  shared limits are used as much, and no constraint names a place for what stands there;
* which of several slices has which neurons, as long as those that lie together, use and send the same;
* where on its chip the only core of a plan without constraints is;
* which neurons a slice has of a population that sends nothing and hears all there is to hear with every neuron, on a
  chip of axon types, where zeros take what other weights take;
* where two slices of a population meet that lie on one core and send nothing;
* which key a slice has and how routing tables are written down, as long as no two keys meet, the tables do the same
  with the keys of every slice, and the fullest has as many entries;
* the names of projections from a relay's source to the relay, which no model has.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from neuedge_nir.chip.model import AxonWeights, LimitScope
from neuedge_nir.constraints.model import Apart, Holder, Together
from neuedge_nir.plan.check_routers import NUMBERED
from neuedge_nir.plan.figures import Binding, Router
from neuedge_nir.plan.model import Plan, PlanCore, PlanKey, PlanSlice, PlanTable


def meaning(plan: Plan) -> tuple[Any, ...]:
    """What is left of a plan without what is free: equal for plans that mean the same."""
    pace = plan.cost.pace
    pace = replace(pace, binding=_nameless(pace.binding), busiest=pace.busiest and _nameless(pace.busiest))
    cost = replace(plan.cost, cores=(), pace=pace)
    named = _without_names_of_relays(plan)
    rest = replace(plan, cores=(), routes=(), keys=None, tables=None, projections=named, cost=cost)
    whole = _in_order(plan), _numbered(plan), len(plan.cost.cores) == len(plan.cores), _slowest(plan)
    shapes = {p.name: p.shape for p in plan.populations}
    everyone = _often(
        (piece.population, n)
        for core in plan.cores
        for piece in core.slices
        for n in _numbers(piece, shapes.get(piece.population, ()))
    )
    return rest, whole, everyone, _contents(plan), _sent(plan), _seats(plan), _flows(plan), _keys(plan), _ways(plan)


def _nameless(binding: Binding) -> Binding:
    return replace(binding, core=None if binding.core is None else 0)


def _slowest(plan: Plan) -> Hashable:
    """What the cores do that a step waits for, and whether they are the first that do so much."""
    found, events = [], plan.cost.cores
    for binding in (plan.cost.pace.binding, plan.cost.pace.busiest):
        if binding is not None and binding.core is not None:
            known = 0 <= binding.core < len(events)
            found.append((events[binding.core], events.index(events[binding.core]) == binding.core) if known else None)
    return tuple(found)


def _without_names_of_relays(plan: Plan) -> tuple[Any, ...]:
    relays = {p.name for p in plan.populations if p.relay is not None}
    return tuple(replace(p, name="") if p.target in relays else p for p in plan.projections)


def _often(items: Iterable[Hashable]) -> Hashable:
    return frozenset(Counter(items).items())


def _in_order(plan: Plan) -> bool:
    """Routes stand in the order of their slices, and there is none twice."""
    order = [(route.core, route.slice) for route in plan.routes]
    targets = [[core for core, _ in route.targets] for route in plan.routes]
    return order == sorted(set(order)) and all(each == sorted(set(each)) for each in targets)


def _numbered(plan: Plan) -> bool:
    """Whatever refers to cores and slices refers to one that is there."""
    slots = {(index, at) for index, core in enumerate(plan.cores) for at in range(len(core.slices))}
    known = all((route.core, route.slice) in slots for route in plan.routes)
    return known and all(0 <= core < len(plan.cores) for route in plan.routes for core, _ in route.targets)


# --- What lies together


def _contents(plan: Plan) -> Hashable:
    """How many cores hold the same, use the same, send as many messages, and have as many synapse cores behind them."""
    found: list[Hashable] = []
    for index in range(len(plan.cores)):
        behind = [later.role for later in plan.cores[index + 1 : index + 60]]
        alone = next((n for n, role in enumerate(behind) if role != "synapses"), len(behind))
        events = plan.cost.cores[index] if index < len(plan.cost.cores) else None
        found.append((_content(plan, index), _messages(plan, index), alone, events))
    return _often(found)


def _content(plan: Plan, index: int) -> Hashable:
    if not 0 <= index < len(plan.cores):
        return index
    core = plan.cores[index]
    sends = {route.slice for route in plan.routes if route.core == index}
    shapes = {p.name: p.shape for p in plan.populations}
    senders = [(piece, at in sends) for at, piece in enumerate(core.slices) if at in sends]
    alike = _alike(plan)
    silent = [
        (piece.population, 0 if piece.population in alike else n)
        for at, piece in enumerate(core.slices)
        if at not in sends
        for n in _numbers(piece, shapes.get(piece.population, ()))
    ]
    return core.role, len(core.slices), _often(senders), _often(silent), _often(core.used.items())


def _alike(plan: Plan) -> frozenset[str]:
    """Populations whose neurons use the same wherever they are: none sends, and each hears all sources."""
    if plan.chip.capabilities.weights is not AxonWeights.AXON_TYPES:
        return frozenset()
    sending = {_sender(plan, route.core, route.slice) for route in plan.routes}
    parted = {p.target for p in plan.projections if p.kind != "dense"}
    return frozenset({p.name for p in plan.populations} - sending - parted)


def _numbers(piece: PlanSlice, shape: tuple[int, ...]) -> list[Hashable]:
    """Its neurons in row-major order, those of a block one by one; of what is no slice, what it says."""
    if piece.run is not None and piece.block is None:
        return list(range(*piece.run)) if piece.run[0] >= 0 else [piece.run]
    if piece.block is None or len(piece.block) != len(shape) or piece.run is not None:
        return [(piece.block, piece.run)]
    found = [0]
    for (start, stop), size in zip(piece.block, shape, strict=True):
        if not 0 <= start <= stop <= size:
            return [piece.block]
        found = [n * size + at for n in found for at in range(start, stop)]
    return list(found)


def _messages(plan: Plan, index: int) -> Hashable:
    """Messages that leave a core, by the population that sends them."""
    found = Counter[str]()
    for route in plan.routes:
        if route.core == index:
            found[_sender(plan, index, route.slice)] += sum(n for core, n in route.targets if core != index)
    return _often(found.items())


def _sender(plan: Plan, core: int, at: int) -> str:
    slices = plan.cores[core].slices if 0 <= core < len(plan.cores) else ()
    return slices[at].population if 0 <= at < len(slices) else f"slice {at} of core {core}"


def _sent(plan: Plan) -> Hashable:
    """Which slices send which numbers of messages to which others, wherever all of them are."""
    contents = [_content(plan, index) for index in range(len(plan.cores))]

    def of(core: int) -> Hashable:
        return contents[core] if 0 <= core < len(contents) else core

    found = []
    for route in plan.routes:
        slices = plan.cores[route.core].slices if 0 <= route.core < len(plan.cores) else ()
        piece = slices[route.slice] if 0 <= route.slice < len(slices) else None
        found.append((piece, of(route.core), _often((of(core), count) for core, count in route.targets)))
    return _often(found)


# --- Where it stands


def _place(plan: Plan, index: int, *, heard: bool) -> Hashable:
    """Where a core stands; which core of the router it is only where a table names it, to be heard there."""
    if not 0 <= index < len(plan.cores):
        return index
    core = plan.cores[index]
    if len(plan.cores) == 1 and not plan.options.constraints:
        return core.chip
    return core.chip, core.router, core.slot if heard and plan.tables is not None else 0


def _seats(plan: Plan) -> Hashable:
    """Places that are taken, and what of each chip's shared limits; whether every core has one of its own."""
    shared = [limit.name for limit in plan.chip.limits if limit.scope is LimitScope.CHIP]
    used = Counter[tuple[int, str]]()
    for core in plan.cores:
        used.update({(core.chip, name): core.used.get(name, 0) for name in shared})
    slots = plan.chip.topology.cores_per_router.count
    alone = len({(core.router, core.slot) for core in plan.cores}) == len(plan.cores)
    inside = all(0 <= core.slot < slots for core in plan.cores)
    lonely = len(plan.cores) == 1 and not plan.options.constraints
    taken = _often((core.chip, _on_chip_of(plan, core) if lonely else core.router) for core in plan.cores)
    return taken, _often(used.items()), alone, inside, _owners(plan), _obliged(plan)


def _on_chip_of(plan: Plan, core: PlanCore) -> Router:
    """The position of the chip that a core's router lies in."""
    size = plan.chip.topology
    return core.router[0] // size.columns.count, core.router[1] // size.rows.count


def _owners(plan: Plan) -> Hashable:
    """The chips of synapse cores and of the neurons before them."""
    return tuple((n, core.chip) for n, core in enumerate(plan.cores) if any(c.role == "synapses" for c in plan.cores))


def _obliged(plan: Plan) -> Hashable:
    """What stands where, if a constraint says where something stands."""
    given = plan.options.constraints
    on_chips = [*filter(_on_chip, given.together), *filter(_on_chip, given.apart)]
    if not given.pin and not on_chips and not any(forbid.slot is not None for forbid in given.forbid):
        return None
    return _often((_content(plan, n), core.chip, core.router, core.slot) for n, core in enumerate(plan.cores))


def _on_chip(group: Together | Apart) -> bool:
    return group.on is Holder.CHIP


def _flows(plan: Plan) -> Hashable:
    """How many slices of a population send the same from the same place to the same places by the same links."""
    return _often(
        (
            _sender(plan, route.core, route.slice),
            _place(plan, route.core, heard=False),
            _often((_place(plan, core, heard=False), count, core == route.core) for core, count in route.targets),
            _often(_place(plan, core, heard=True) for core, _ in route.targets),
            _often(route.links),
        )
        for route in plan.routes
    )


# --- Keys and tables


def _keys(plan: Plan) -> Hashable:
    """All but the keys themselves: those mean what tables do with them. No two are the same."""
    bits = plan.keys
    if bits is None:
        return None
    spans = sorted((key.key, key.key + (1 << 32) - key.mask) for key in bits.slices)
    apart = all(stop <= start for (_, stop), (start, _) in pairwise(spans))
    tops: dict[str, set[int]] = defaultdict(set)
    for key in bits.slices:
        tops[_sender(plan, key.core, key.slice)].add(key.key >> bits.low_bits if bits.low_bits >= 0 else -1)
    own = len({min(those) for those in tops.values()}) == len(tops) == sum(map(len, tops.values()))
    inside = all(0 <= key.key < 1 << 32 and key.key & key.mask == key.key for key in bits.slices)
    inside &= max((max(those) for those in tops.values()), default=0) < 1 << max(0, bits.population_bits)
    fields = bits.population_bits, bits.low_bits, _often(bits.core_bits.items()), _often(bits.atom_bits.items())
    keyed = [(key.core, key.slice) for key in bits.slices] == [(route.core, route.slice) for route in plan.routes]
    masks = _often((_sender(plan, key.core, key.slice), key.mask, _low(key, bits.low_bits)) for key in bits.slices)
    return fields, apart, own, inside, keyed, masks


def _low(key: PlanKey, bits: int) -> bool:
    """Whether a key begins at a multiple of its mask's width, below the population's field."""
    return bits >= 0 and key.key % max(1, (1 << 32) - key.mask) == 0


def _ways(plan: Plan) -> Hashable:
    """What becomes of the keys of each slice at every router of its tree; entries that none meets, and the most."""
    if plan.tables is None or plan.keys is None:
        return plan.tables
    tables = {table.router: table for table in plan.tables}
    used: set[tuple[Any, int]] = set()
    found = []
    for key, route in zip(plan.keys.slices, plan.routes, strict=False):
        heard = _often(_place(plan, core, heard=True) for core, _ in route.targets)
        ways = _slice_ways(tables, key, route.links, _router(plan, route.core), used)
        found.append((_sender(plan, route.core, route.slice), heard, _often(route.links), ways))
    sizes = Counter({router: len(table.entries) for router, table in tables.items()})
    routers, idle = [table.router for table in plan.tables], sum(sizes.values()) - len(used)
    forms = sum(_amiss(table) for table in plan.tables)
    return _often(found), routers == sorted(tables), max(sizes.values(), default=0), len(plan.keys.slices), idle, forms


def _amiss(table: PlanTable) -> int:
    """Entries whose key has ones outside of its mask, and routes that no entry takes."""
    routes = {route for _, _, route in table.entries}
    return sum(key & mask != key for key, mask, _ in table.entries) + len(routes ^ {*range(len(table.routes))})


def _router(plan: Plan, core: int) -> tuple[int, int]:
    return plan.cores[core].router if 0 <= core < len(plan.cores) else (-1, -1)


def _slice_ways(
    tables: Mapping[Any, PlanTable],
    key: PlanKey,
    links: tuple[Any, ...],
    home: tuple[int, int],
    used: set[tuple[Any, int]],
) -> tuple[Hashable, ...]:
    """What the tables do with a slice's keys; the entries that they meet are added to `used`."""
    arrived: dict[tuple[int, int], int | None] = {home: None}
    for a, b in links:
        step = b[0] - a[0], b[1] - a[1]
        arrived[b] = NUMBERED.index(step) if step in NUMBERED else None
    return tuple((router, _done(tables.get(router), key, came, used)) for router, came in sorted(arrived.items()))


def _done(table: PlanTable | None, key: PlanKey, came: int | None, used: set[tuple[Any, int]]) -> Hashable:
    """Links and cores of the first entry that meets the keys; straight on where none does."""
    for number, (wanted, cared, route) in enumerate(table.entries if table is not None else ()):
        if (wanted ^ key.key) & cared & key.mask == 0:
            if cared & ~key.mask or table is None or not 0 <= route < len(table.routes):
                return "parted"
            used.add((table.router, number))
            return table.routes[route]
    return (0 if came is None else 1 << came, ())
