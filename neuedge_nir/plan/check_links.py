"""Where messages run: every site, every path and every tree walked link by link."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Mesh, RoutingKind, System
from neuedge_nir.plan.check_rules import at_most, refuse, same
from neuedge_nir.plan.model import Link, Plan, PlanRoute, Router

EAST, WEST, NORTH, SOUTH = range(4)
STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1))
DIAGONAL = ((1, 1), (-1, -1))


@dataclass(frozen=True, slots=True)
class Grid:
    """The routers of the whole system; `chips` maps the position of every chip in the plan to its index."""

    system: System
    columns: int
    rows: int
    chip_columns: int
    chip_rows: int
    chips: Mapping[Router, int]
    steps: tuple[Router, ...]

    def chip(self, router: Router) -> Router:
        return router[0] // self.chip_columns, router[1] // self.chip_rows

    def step(self, link: Link) -> Router:
        """The direction of a link; on a torus the short way round, 0 and the last column being neighbours."""
        across, up = link[1][0] - link[0][0], link[1][1] - link[0][1]
        if not self.system.wraps:
            return across, up
        return across % self.columns, up % self.rows

    def joins(self, link: Link) -> bool:
        """Whether there is such a wire between two routers of the system."""
        if not self.system.wraps:
            return self.step(link) in self.steps
        return self.step(link) in {(across % self.columns, up % self.rows) for across, up in self.steps}


@dataclass(frozen=True, slots=True)
class Walked:
    """What all messages of a plan add up to."""

    loads: Mapping[Link, float]
    deliveries: float
    unicast_hops: float
    tree_hops: float
    interchip: float
    longest: int
    entries: int
    chips: frozenset[int]


def fitted(system: System, position: Router) -> bool:
    """Whether a chip sits at this position of the system."""
    column, row = position
    if not (0 <= column < system.columns and 0 <= row < system.rows):
        return False
    first, last = system.row_spans[row] if system.row_spans else (0, system.columns - 1)
    return first <= column <= last


def check_sites(plan: Plan) -> Grid:
    """The machine exists, its chips are fitted, and every core stands alone on a usable core of one of them."""
    topology, machine = plan.chip.topology, plan.machine
    system = next((one for one in topology.systems if one.name == machine.system), None)
    if system is None:
        refuse("PLAN109", f"{plan.chip.name} has no system {machine.system!r}")
    for position in machine.chips:
        if not fitted(system, position):
            refuse("PLAN109", f"no chip is fitted at {position}", system.name)
    same("PLAN109", "distinct chip positions", len(machine.chips), len(set(machine.chips)), system.name)
    at_most("PLAN110", "chips of the system", len(machine.chips), system.chips, system.name)
    at_most("PLAN110", "chips that the plan may use", len(machine.chips), plan.chips_available)
    if plan.options.chips is not None:
        at_most("PLAN110", "chips asked for", plan.chips_available, plan.options.chips)
    columns, rows = topology.columns.count, topology.rows.count
    steps = STEPS + (DIAGONAL if topology.mesh in (Mesh.HEX, Mesh.HEX_TORUS) else ())
    grid = Grid(
        system, system.columns * columns, system.rows * rows, columns, rows,
        {position: index for index, position in enumerate(machine.chips)}, steps,
    )  # fmt: skip
    _check_seats(plan, grid)
    return grid


def _check_seats(plan: Plan, grid: Grid) -> None:
    topology = plan.chip.topology
    seats: dict[tuple[Router, int], int] = {}
    for index, core in enumerate(plan.cores):
        where = f"core {index}"
        if grid.chips.get(grid.chip(core.router)) != core.chip:
            refuse("PLAN111", f"router {core.router} does not lie in chip {core.chip}", where)
        if not 0 <= core.slot < topology.cores_per_router.count:
            refuse("PLAN111", f"router {core.router} has no slot {core.slot}", where, core.slot,
                   topology.cores_per_router.count)  # fmt: skip
        other = seats.setdefault((core.router, core.slot), index)
        if other != index:
            refuse("PLAN111", f"core {other} stands at router {core.router}, slot {core.slot} already", where)
    for chip, cores in sorted(Counter(core.chip for core in plan.cores).items()):
        at_most("PLAN111", "cores of the chip", cores, topology.cores_per_chip.count, f"chip {chip}")


def check_links(plan: Plan, grid: Grid) -> None:
    """Every link list is a tree from the slice's router to exactly the routers of its targets, along real wires."""
    multicast = plan.chip.topology.routing is RoutingKind.MULTICAST
    for index, route in enumerate(plan.routes):
        where = f"route {index}"
        here = plan.cores[route.core].router
        goals = {plan.cores[core].router for core, _ in route.targets} - {here}
        if not multicast:
            same("PLAN120", "links of a dimension-order route", len(route.links), 0, where)
            continue
        for link in route.links:
            if not grid.joins(link) or any(not fitted(grid.system, grid.chip(router)) for router in link):
                refuse("PLAN120", f"no wire leads from {link[0]} to {link[1]}", where)
        depth = depths(here, route.links)
        same("PLAN120", "links of the tree that its source reaches", len(route.links), len(depth) - 1, where)
        for router in sorted(goals - set(depth)):
            refuse("PLAN120", f"the tree does not reach router {router}", where)
        for router in sorted(set(depth) - {link[0] for link in route.links} - goals - {here}):
            refuse("PLAN120", f"the tree ends at router {router}, where no target is", where)


def depths(root: Router, links: Sequence[Link]) -> dict[Router, int]:
    """Links from the root to every router that it reaches. In a tree there are as many links as routers but one."""
    below: dict[Router, list[Router]] = defaultdict(list)
    for source, target in links:
        below[source].append(target)
    found, level = {root: 0}, [root]
    while level:
        level = [target for source in level for target in below[source] if target not in found]
        depth = max(found.values()) + 1
        found.update((target, depth) for target in level)
    return found


def walk(plan: Plan, grid: Grid, neurons: Sequence[int], rates: Sequence[float]) -> Walked:
    """All messages of the plan on their way; `neurons` and `rates` are those of each route's slice."""
    if plan.chip.topology.routing is RoutingKind.MULTICAST:
        walked = _walk_trees(plan, grid, neurons, rates)
    else:
        walked = _walk_paths(plan, grid, rates)
    return walked


def _used_chips(plan: Plan, grid: Grid, links: Mapping[Link, float]) -> frozenset[int]:
    crossed = {core.chip for core in plan.cores}
    for router in sorted({router for link in links for router in link}):
        index = grid.chips.get(grid.chip(router))
        if index is None:
            refuse("PLAN109", f"messages cross router {router}, whose chip is not among the plan's {len(grid.chips)}")
        crossed.add(index)
    return frozenset(crossed)


def _between_chips(grid: Grid, loads: Mapping[Link, float]) -> float:
    return math.fsum(load for (a, b), load in loads.items() if grid.chip(a) != grid.chip(b))


def _remote(route: PlanRoute) -> list[tuple[int, int]]:
    return [(core, messages) for core, messages in route.targets if core != route.core]


def _walk_trees(plan: Plan, grid: Grid, neurons: Sequence[int], rates: Sequence[float]) -> Walked:
    loads: dict[Link, float] = defaultdict(float)
    entries: Counter[Router] = Counter()
    deliveries = unicast = tree = 0.0
    longest = 0
    for route, size, rate in zip(plan.routes, neurons, rates, strict=True):
        here = plan.cores[route.core].router
        depth = depths(here, route.links)
        ways = [depth[plan.cores[core].router] for core, _ in _remote(route)]
        deliveries += size * rate * len(ways)
        unicast += size * rate * sum(ways)
        tree += size * rate * len(route.links)
        longest = max(longest, *ways, 0)
        for link in route.links:
            loads[link] += size * rate
        entries.update(grid.chip(router) for router in _written(plan, grid, route, set(depth)))
    fullest, chips = max(entries.values(), default=0), _used_chips(plan, grid, loads)
    return Walked(loads, deliveries, unicast, tree, _between_chips(grid, loads), longest, fullest, chips)


def _written(plan: Plan, grid: Grid, route: PlanRoute, routers: set[Router]) -> set[Router]:
    """The routers of a tree that need a table entry: those that a message passes straight through need none."""
    keep = {plan.cores[route.core].router} | {plan.cores[core].router for core, _ in route.targets}
    into = {link[1]: grid.step(link) for link in route.links}
    out: dict[Router, list[Router]] = defaultdict(list)
    for link in route.links:
        out[link[0]].append(grid.step(link))
    return {router for router in routers if router in keep or out[router] != [into[router]]}


def _path(start: Router, end: Router, columns: int, rows: int) -> NDArray[np.int64]:
    """The links of the way along x first, then along y, each as its index in (direction, row, column)."""
    (x, y), (to_x, to_y) = start, end
    across = np.arange(x, to_x) if to_x >= x else np.arange(x, to_x, -1)
    up = np.arange(y, to_y) if to_y >= y else np.arange(y, to_y, -1)
    first = ((EAST if to_x >= x else WEST) * rows + y) * columns + across
    then = ((NORTH if to_y >= y else SOUTH) * rows + up) * columns + to_x
    return np.concatenate([first, then])


def _walk_paths(plan: Plan, grid: Grid, rates: Sequence[float]) -> Walked:
    shape = (4, grid.rows, grid.columns)
    loads, widest = np.zeros(shape).ravel(), np.zeros(shape).ravel()
    crossed = np.zeros(shape, dtype=bool).ravel()
    deliveries = unicast = tree = 0.0
    longest = 0
    reach = plan.chip.topology.max_offset
    for number, (route, rate) in enumerate(zip(plan.routes, rates, strict=True)):
        here = plan.cores[route.core].router
        touched = []
        for core, messages in _remote(route):
            there = plan.cores[core].router
            if reach is not None:
                offset = max(abs(there[0] - here[0]), abs(there[1] - here[1]))
                at_most("PLAN121", f"routers along one axis to core {core}", offset, reach.count, f"route {number}")
            path = _path(here, there, grid.columns, grid.rows)
            load = messages * rate
            loads[path] += load
            widest[path] = np.maximum(widest[path], load)
            touched.append(path)
            deliveries += load
            unicast += load * len(path)
            longest = max(longest, len(path))
        for path in touched:
            tree += float(widest[path].sum())
            widest[path] = 0.0
            crossed[path] = True
    links: dict[Link, float] = {}
    for index in np.flatnonzero(crossed).tolist():
        direction, rest = divmod(index, grid.rows * grid.columns)
        y, x = divmod(rest, grid.columns)
        step = STEPS[direction]
        link = ((x, y), (x + step[0], y + step[1]))
        links[link] = float(loads[index])
        for router in link:
            if not fitted(grid.system, grid.chip(router)):
                refuse("PLAN121", f"a path crosses router {router}, whose chip is not fitted", grid.system.name)
    chips = _used_chips(plan, grid, links)
    return Walked(links, deliveries, unicast, tree, _between_chips(grid, links), longest, 0, chips)
