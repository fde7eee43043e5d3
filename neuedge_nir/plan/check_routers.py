"""Routing tables, checked: every slice's keys are walked from router to router through the plan's tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from neuedge_nir.plan.check_links import Grid
from neuedge_nir.plan.check_rules import refuse, same
from neuedge_nir.plan.figures import Link, Router
from neuedge_nir.plan.model import Plan, PlanTable

NUMBERED = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
"""The links of a router, by their number."""

SENT = -1
"""Arrived by no link: a core of the router sent it."""


@dataclass(frozen=True, slots=True)
class _Trace:
    """Where the keys of one slice came: the links crossed, the routers passed, the cores reached."""

    links: list[Link] = field(default_factory=list)
    passed: set[Router] = field(default_factory=set)
    cores: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Machine:
    """The plan's tables by router with the entries that were used, the core of every router and slot, and the wires."""

    grid: Grid
    tables: Mapping[Router, PlanTable]
    seats: Mapping[tuple[Router, int], int]
    used: Mapping[Router, set[int]]


def check_routers(plan: Plan, grid: Grid) -> int | None:
    """Every key of every slice, walked through the tables, comes to all of its targets and to no other core.

    It crosses just the links of the slice's tree. Returns the entries of the fullest chip; None where keys are not
    known, and so no tables are.
    """
    same("PLAN233", "routing tables", plan.tables is not None, plan.keys is not None)
    if plan.tables is None or plan.keys is None:
        return None
    for table in plan.tables:
        _check_table(plan, grid, table)
    routers = [table.router for table in plan.tables]
    same("PLAN233", "tables, one of each router in order", routers, sorted(set(routers)))
    seats = {(core.router, core.slot): number for number, core in enumerate(plan.cores)}
    machine = _Machine(grid, {table.router: table for table in plan.tables}, seats, defaultdict(set))
    traces = _walked(plan, machine)
    for number, (route, trace) in enumerate(zip(plan.routes, traces, strict=True)):
        where = f"route {number}"
        same("PLAN236", "cores that its keys come to", sorted(trace.cores), [core for core, _ in route.targets], where)
        same("PLAN237", "links that its keys cross", sorted(trace.links), sorted(route.links), where)
    for table in plan.tables:
        if idle := set(range(len(table.entries))) - machine.used[table.router]:
            refuse("PLAN234", f"no key comes to entry {min(idle)}", f"table of router {table.router}")
    chips = Counter[Router]()
    for table in plan.tables:
        chips[grid.position(table.router)] += len(table.entries)
    return max(chips.values(), default=0)


def _check_table(plan: Plan, grid: Grid, table: PlanTable) -> None:
    """The table is of a chip of the plan, its entries are keys with masks, its routes lead along wires and to cores."""
    rule, where = plan.chip.topology.keys, f"table of router {table.router}"
    if grid.position(table.router) not in grid.chips or rule is None:
        refuse("PLAN234", "the router is on none of the plan's chips", where)
    ones = 2 ** round(rule.bits.typical)
    for key, mask, route in table.entries:
        if not (0 <= mask < ones and 0 <= key < ones and key & mask == key and 0 <= route < len(table.routes)):
            refuse("PLAN234", f"an entry with the key {key:#x}, the mask {mask:#x} and the route {route}", where)
    same(
        "PLAN234", "routes in use", sorted({route for _, _, route in table.entries}), [*range(len(table.routes))], where
    )
    for links, slots in table.routes:
        wires = sum(1 << n for n, step in enumerate(NUMBERED) if step in grid.directions)
        if not 0 <= links < 64 or links & ~wires or not (links or slots) or [*slots] != sorted(set(slots)):
            refuse("PLAN234", f"a route by the links {links:#x} to the cores {slots}", where)


def _walked(plan: Plan, machine: _Machine) -> list[_Trace]:
    """What becomes of the keys of every route, all of them one link further at a time."""
    keys = plan.keys.slices if plan.keys is not None else ()
    traces = [_Trace() for _ in keys]
    front: dict[Router, list[tuple[int, int]]] = defaultdict(list)  # router -> (slice, the link it came by)
    for number, key in enumerate(keys):
        front[plan.cores[key.core].router].append((number, SENT))
    cubes = np.array([(key.key, key.mask) for key in keys], dtype=np.int64).reshape(-1, 2)
    while front:
        ahead: dict[Router, list[tuple[int, int]]] = defaultdict(list)
        for router, arrived in sorted(front.items()):
            found = _taken(machine.tables.get(router), cubes[[number for number, _ in arrived]], router)
            for (number, came), entry in zip(arrived, found, strict=True):
                for link, there in _sent_on(machine, router, came, entry, traces[number], f"route {number}"):
                    ahead[there].append((number, link))
        front = ahead
    return traces


def _taken(table: PlanTable | None, cubes: np.ndarray, router: Router) -> Sequence[int]:
    """The first entry of a table that fits the keys of each slice, -1 where none does."""
    if table is None:
        return [-1] * len(cubes)
    entries = np.array([entry[:2] for entry in table.entries], dtype=np.int64).reshape(-1, 2)
    (keys, masks), (wanted, cared) = cubes.T[..., None], entries.T
    meets = (keys ^ wanted) & masks & cared == 0
    first = np.where(meets.any(axis=1), meets.argmax(axis=1), -1)
    parted = (first >= 0) & (cared[first] & ~masks[:, 0] != 0)
    if parted.any():
        refuse("PLAN234", f"entry {first[parted][0]} parts the keys of one slice", f"table of router {router}")
    return [int(entry) for entry in first]


def _sent_on(
    machine: _Machine, router: Router, came: int, entry: int, trace: _Trace, where: str
) -> list[tuple[int, Router]]:
    """Where a slice's keys go from a router: (link, the router behind it)."""
    if router in trace.passed:
        refuse("PLAN235", f"its keys come to router {router} twice", where)
    trace.passed.add(router)
    if entry < 0:
        if came == SENT:
            refuse("PLAN235", f"no entry of its own router {router} fits its keys", where)
        return [_crossed(machine, router, came, trace, where)]
    machine.used[router].add(entry)
    table = machine.tables[router]
    links, slots = table.routes[table.entries[entry][2]]
    for slot in slots:
        if (core := machine.seats.get((router, slot))) is None:
            refuse("PLAN236", f"its keys come to router {router}, slot {slot}, where no core is in use", where)
        trace.cores.append(core)
    return [_crossed(machine, router, link, trace, where) for link in range(len(NUMBERED)) if links >> link & 1]


def _crossed(machine: _Machine, router: Router, link: int, trace: _Trace, where: str) -> tuple[int, Router]:
    grid, step = machine.grid, NUMBERED[link]
    there = router[0] + step[0], router[1] + step[1]
    if grid.torus:
        there = there[0] % grid.extent[0], there[1] % grid.extent[1]
    if grid.position(there) not in grid.chips or there == router:
        refuse("PLAN235", f"its keys leave router {router} by link {link}, where no chip of the plan is", where)
    trace.links.append((router, there))
    return link, there
