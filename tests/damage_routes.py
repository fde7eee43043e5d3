"""Damage to routes, keys and routing tables."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from neuedge_nir.plan.model import Plan, PlanKeys, PlanRoute, PlanTable
from tests.damage import exchanged, instead, less_or_more, other, without

# --- Routes


def _a_route(plan: Plan, rng: Random) -> tuple[int, PlanRoute] | None:
    return rng.choice(list(enumerate(plan.routes))) if plan.routes else None


def _routed(plan: Plan, at: int, route: PlanRoute) -> Plan:
    return replace(plan, routes=instead(plan.routes, at, route))


def target_changed(plan: Plan, rng: Random) -> Plan | None:
    """A route leads to another core, to one more, or to one less; targets stay in order half of the time."""
    if (found := _a_route(plan, rng)) is None:
        return None
    at, route = found
    which = rng.randrange(len(route.targets))
    core, count = route.targets[which]
    to = rng.choice([n for n in range(len(plan.cores) + 1) if n != core])
    targets = rng.choice(
        [
            without(route.targets, which),
            instead(route.targets, which, (to, count)),
            (*route.targets, (to, rng.choice([1, count]))),
        ]
    )
    return _routed(plan, at, replace(route, targets=tuple(sorted(targets)) if rng.random() < 0.8 else targets))


def count_changed(plan: Plan, rng: Random) -> Plan | None:
    """Another number of messages."""
    if (found := _a_route(plan, rng)) is None:
        return None
    at, route = found
    which = rng.randrange(len(route.targets))
    core, count = route.targets[which]
    return _routed(plan, at, replace(route, targets=instead(route.targets, which, (core, other(count, rng)))))


def link_changed(plan: Plan, rng: Random) -> Plan | None:
    """A link of a tree left out, twice, turned round, or to another router; or a link where there was none."""
    if (found := _a_route(plan, rng)) is None:
        return None
    at, route = found
    if not route.links:
        x, y = plan.cores[route.core].router
        return _routed(plan, at, replace(route, links=(((x, y), rng.choice([(x + 1, y), (x, y + 1), (x - 1, y)])),)))
    which = rng.randrange(len(route.links))
    a, (x, y) = route.links[which]
    links = rng.choice(
        [
            without(route.links, which),
            (*route.links, route.links[which]),
            instead(route.links, which, ((x, y), a)),
            instead(route.links, which, (a, rng.choice([(x + 1, y), (x, y + 1), (x - 1, y - 1)]))),
            (*route.links, ((x, y), rng.choice([(x + 1, y), (x, y + 1), (x - 1, y), (x, y - 1)]))),
        ]
    )
    return _routed(plan, at, replace(route, links=links))


def trees_exchanged(plan: Plan, rng: Random) -> Plan | None:
    """Two routes have each other's links, or each other's targets."""
    if len(plan.routes) < 2:
        return None
    a, b = rng.sample(range(len(plan.routes)), 2)
    name = rng.choice(["links", "targets"])
    one, two = plan.routes[a], plan.routes[b]
    found = _routed(plan, a, replace(one, **{name: getattr(two, name)}))
    return _routed(found, b, replace(two, **{name: getattr(one, name)}))


def route_of_another(plan: Plan, rng: Random) -> Plan | None:
    """A route is of another core, or of another slice of its core."""
    if (found := _a_route(plan, rng)) is None:
        return None
    at, route = found
    if rng.random() < 0.5:
        return _routed(plan, at, replace(route, core=other(route.core, rng)))
    return _routed(plan, at, replace(route, slice=other(route.slice, rng)))


def routes_less_or_more(plan: Plan, rng: Random) -> Plan | None:
    return replace(plan, routes=less_or_more(plan.routes, rng)) if plan.routes else None


def routes_exchanged(plan: Plan, rng: Random) -> Plan | None:
    return replace(plan, routes=exchanged(plan.routes, rng)) if len(plan.routes) > 1 else None


# --- Keys


def key_changed(plan: Plan, rng: Random) -> Plan | None:
    """A bit of a key is another, or two slices have each other's keys."""
    keys = plan.keys
    if keys is None or not keys.slices:
        return None
    if len(keys.slices) > 1 and rng.random() < 0.4:
        a, b = rng.sample(range(len(keys.slices)), 2)
        one, two = keys.slices[a], keys.slices[b]
        slices = instead(keys.slices, a, replace(one, key=two.key, mask=two.mask))
        return _keyed(plan, keys, instead(slices, b, replace(two, key=one.key, mask=one.mask)))
    at = rng.randrange(len(keys.slices))
    held = keys.slices[at]
    return _keyed(plan, keys, instead(keys.slices, at, replace(held, key=held.key ^ 1 << rng.randrange(32))))


def _keyed(plan: Plan, keys: PlanKeys, slices: tuple[object, ...]) -> Plan:
    return replace(plan, keys=replace(keys, slices=slices))  # type: ignore[arg-type]


def mask_changed(plan: Plan, rng: Random) -> Plan | None:
    """A bit of a mask is another, or the field is twice or half as wide."""
    keys = plan.keys
    if keys is None or not keys.slices:
        return None
    at = rng.randrange(len(keys.slices))
    held = keys.slices[at]
    mask = rng.choice([held.mask ^ 1 << rng.randrange(32), held.mask << 1 & (1 << 32) - 1, held.mask >> 1 | 1 << 31])
    return _keyed(plan, keys, instead(keys.slices, at, replace(held, mask=mask)))


def key_dropped(plan: Plan, rng: Random) -> Plan | None:
    """A slice has no key, two, or a key is of another slice; or there are no keys at all."""
    keys = plan.keys
    if keys is None or not keys.slices:
        return None
    at = rng.randrange(len(keys.slices))
    match rng.randrange(6):
        case 0:
            return replace(plan, keys=None)
        case 1:
            return _keyed(plan, keys, instead(keys.slices, at, replace(keys.slices[at], core=len(plan.cores) - 1 - at)))
    return _keyed(plan, keys, less_or_more(keys.slices, rng))


def field_changed(plan: Plan, rng: Random) -> Plan | None:
    """A field of the keys has another width."""
    keys = plan.keys
    if keys is None or not keys.slices:
        return None
    name = rng.choice(["population_bits", "low_bits", "core_bits", "atom_bits"])
    held = getattr(keys, name)
    if isinstance(held, int):
        return replace(plan, keys=replace(keys, **{name: other(held, rng)}))
    which = rng.choice(sorted(held))
    widths: Any = {name: {**held, which: max(0, other(held[which], rng))}}
    return replace(plan, keys=replace(keys, **widths))


# --- Tables


def _a_table(plan: Plan, rng: Random) -> tuple[int, PlanTable] | None:
    return rng.choice(list(enumerate(plan.tables))) if plan.tables else None


def _tabled(plan: Plan, at: int, table: PlanTable) -> Plan:
    return replace(plan, tables=instead(plan.tables or (), at, table))


def entry_changed(plan: Plan, rng: Random) -> Plan | None:
    """A bit of an entry's key or mask is another."""
    if (found := _a_table(plan, rng)) is None or not found[1].entries:
        return None
    at, table = found
    which = rng.randrange(len(table.entries))
    key, mask, route = table.entries[which]
    bit = 1 << rng.randrange(32)
    if rng.random() < 0.5:
        key ^= bit
    else:
        mask ^= bit
        key &= mask
    return _tabled(plan, at, replace(table, entries=instead(table.entries, which, (key, mask, route))))


def entries_changed(plan: Plan, rng: Random) -> Plan | None:
    """An entry left out, twice, or two in each other's place."""
    if (found := _a_table(plan, rng)) is None or not found[1].entries:
        return None
    at, table = found
    swaps = len(table.entries) > 1 and rng.random() < 0.4
    entries = exchanged(table.entries, rng) if swaps else less_or_more(table.entries, rng)
    return _tabled(plan, at, replace(table, entries=entries))


def entry_elsewhere(plan: Plan, rng: Random) -> Plan | None:
    """An entry sends by another route, or a route over another link or to other cores."""
    if (found := _a_table(plan, rng)) is None or not found[1].entries:
        return None
    at, table = found
    if rng.random() < 0.4:
        which = rng.randrange(len(table.entries))
        key, mask, route = table.entries[which]
        to = rng.choice([n for n in range(len(table.routes) + 1) if n != route])
        return _tabled(plan, at, replace(table, entries=instead(table.entries, which, (key, mask, to))))
    which = rng.randrange(len(table.routes))
    links, slots = table.routes[which]
    if rng.random() < 0.5:
        links ^= 1 << rng.randrange(6)
    else:
        slot = rng.randrange(18)
        slots = tuple(sorted({*slots} ^ {slot}))
    return _tabled(plan, at, replace(table, routes=instead(table.routes, which, (links, slots))))


def tables_changed(plan: Plan, rng: Random) -> Plan | None:
    """A table left out, twice, of another router, or in another's place."""
    if (found := _a_table(plan, rng)) is None or plan.tables is None:
        return None
    at, table = found
    if len(plan.tables) > 1 and rng.random() < 0.4:
        return replace(plan, tables=exchanged(plan.tables, rng))
    if rng.random() < 0.4:
        x, y = table.router
        return _tabled(plan, at, replace(table, router=rng.choice([(x + 1, y), (x, y + 1), (x - 1, y)])))
    return replace(plan, tables=less_or_more(plan.tables, rng))
