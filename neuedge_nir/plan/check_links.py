"""Where messages run: every site, every path and every tree, link by link."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from neuedge_nir.chip.model import Mesh, RoutingKind, System
from neuedge_nir.plan.check_rules import at_most, refuse, same
from neuedge_nir.plan.figures import Link, Router
from neuedge_nir.plan.model import Plan, PlanRoute

MESH = ((1, 0), (-1, 0), (0, 1), (0, -1))
HEX = (*MESH, (1, 1), (-1, -1))

Path = tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """The routers of a system, `size` of a chip and `extent` of all; `chips`: position in the plan's machine."""

    system: System
    size: Router
    extent: Router
    chips: Mapping[Router, int]
    directions: tuple[Router, ...]
    torus: bool

    def position(self, router: Router) -> Router:
        """The chip that a router lies in."""
        return router[0] // self.size[0], router[1] // self.size[1]

    def direction(self, link: Link) -> Router | None:
        """Which way a link leads; None where no such wire exists."""
        found = link[1][0] - link[0][0], link[1][1] - link[0][1]
        for step in self.directions:
            across, up = found[0] - step[0], found[1] - step[1]
            if self.torus:
                across, up = across % self.extent[0], up % self.extent[1]
            if (across, up) == (0, 0):
                return step
        return None


@dataclass(frozen=True, slots=True)
class Walked:
    """What all messages of a plan add up to; `turns` are pairs of links that a message takes one after the other."""

    loads: Mapping[Link, float]
    deliveries: float
    unicast_hops: float
    tree_hops: float
    interchip: float
    longest: int
    entries: int
    chips: frozenset[int]
    turns: Set[tuple[Link, Link]]


def _fitted(system: System, position: Router) -> bool:
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
        if not _fitted(system, position):
            refuse("PLAN109", f"no chip is fitted at {position}", system.name)
    same("PLAN109", "distinct chip positions", len(machine.chips), len(set(machine.chips)), system.name)
    largest = max(one.chips for one in topology.systems)
    allowed = plan.options.chips if plan.options.chips is not None else largest
    same("PLAN110", "chips available", plan.chips_available, allowed)
    at_most("PLAN110", "chips", len(machine.chips), min(system.chips, allowed), system.name)
    size = topology.columns.count, topology.rows.count
    extent = system.columns * size[0], system.rows * size[1]
    chips = {position: index for index, position in enumerate(machine.chips)}
    directions = HEX if topology.mesh in (Mesh.HEX, Mesh.HEX_TORUS) else MESH
    grid = Grid(system, size, extent, chips, directions, system.wraps or topology.mesh is Mesh.TORUS)
    _check_seats(plan, grid)
    return grid


def board_of(system: System, position: Router) -> Router | None:
    """The corner of the board that a chip stands on, None where chips stand on none. A torus of boards closes."""
    if system.boards is None:
        return None
    spans, period = system.boards.row_spans, system.boards.period
    for y, (first, last) in enumerate(spans):
        for x in range(first, last + 1):
            corner = (position[0] - x) % system.columns, (position[1] - y) % system.rows
            if any((corner[0] - a) % period == 0 == (corner[1] - b) % period for a, b in system.boards.corners):
                return corner
    return refuse("PLAN109", f"the chip at {position} stands on no board", system.name)


def usable(plan: Plan, system: System, position: Router) -> int:
    """The cores of a chip that neurons may have."""
    boards = system.boards
    if boards is not None and boards.corner_cores is not None and board_of(system, position) == position:
        return boards.corner_cores.count
    return plan.chip.topology.cores_per_chip.count


def _check_seats(plan: Plan, grid: Grid) -> None:
    topology = plan.chip.topology
    seats: dict[tuple[Router, int], int] = {}
    for index, core in enumerate(plan.cores):
        where = f"core {index}"
        if grid.chips.get(grid.position(core.router)) != core.chip:
            refuse("PLAN111", f"router {core.router} does not lie in chip {core.chip}", where)
        if not 0 <= core.slot < topology.cores_per_router.count:
            refuse("PLAN111", f"a router has no slot {core.slot}", where, core.slot, topology.cores_per_router.count)
        if (other := seats.setdefault((core.router, core.slot), index)) != index:
            refuse("PLAN111", f"core {other} stands at router {core.router}, slot {core.slot} too", where)
    for chip, cores in sorted(Counter(core.chip for core in plan.cores).items()):
        at_most("PLAN111", "cores", cores, usable(plan, grid.system, plan.machine.chips[chip]), f"chip {chip}")


def check_links(plan: Plan, grid: Grid) -> None:
    """The links of a route are a tree from its slice to just the routers of its targets, along real wires."""
    for index, route in enumerate(plan.routes):
        where = f"route {index}"
        if plan.chip.topology.routing is RoutingKind.XY:
            same("PLAN120", "links of a dimension-order route", len(route.links), 0, where)
            continue
        for link in route.links:
            if grid.direction(link) is None or not all(_fitted(grid.system, grid.position(end)) for end in link):
                refuse("PLAN120", f"no wire leads from {link[0]} to {link[1]}", where)
        ways = _tree(plan, route)
        same("PLAN120", "links of the tree, one into each router", len(route.links), len(ways) - 1, where)
        goals = {plan.cores[core].router for core, _ in route.targets}
        for router in sorted(goals - set(ways)):
            refuse("PLAN120", f"the tree does not reach router {router}", where)
        for router in sorted(set(ways) - {link[0] for link in route.links} - goals):
            if router != plan.cores[route.core].router:
                refuse("PLAN120", f"the tree ends at router {router}, where no target is", where)


def _tree(plan: Plan, route: PlanRoute) -> dict[Router, Path]:
    """The way from the slice's router to every router that the links reach."""
    below: dict[Router, list[Router]] = defaultdict(list)
    for source, target in route.links:
        below[source].append(target)
    ways: dict[Router, Path] = {plan.cores[route.core].router: ()}
    front = list(ways)
    while front:
        router = front.pop()
        for target in below[router]:
            if target not in ways:
                ways[target] = (*ways[router], (router, target))
                front.append(target)
    return ways


def _dimension_order(start: Router, end: Router, grid: Grid) -> Path:
    """Along x first, then along y; round a torus the shorter way, upwards where both are as long."""
    stops = [start]
    for axis in (0, 1):
        for _ in range(abs(_offset(start, end, axis, grid))):
            here = list(stops[-1])
            here[axis] += 1 if _offset(start, end, axis, grid) > 0 else -1
            stops.append((here[0] % grid.extent[0], here[1] % grid.extent[1]) if grid.torus else (here[0], here[1]))
    return tuple(pairwise(stops))


def _offset(start: Router, end: Router, axis: int, grid: Grid) -> int:
    """How far along an axis a message goes, with its sign."""
    straight, around = end[axis] - start[axis], grid.extent[axis]
    return min((straight, straight - around, straight + around), key=lambda d: (abs(d), -d)) if grid.torus else straight


def walk(plan: Plan, grid: Grid, sizes: Sequence[int], rates: Sequence[float]) -> Walked:
    """All messages on their way; `sizes` and `rates` are the neurons of each route's slice and their spikes."""
    multicast = plan.chip.topology.routing is RoutingKind.MULTICAST
    loads: dict[Link, float] = defaultdict(float)
    entries: Counter[Router] = Counter()
    deliveries = unicast = tree_hops = 0.0
    longest = 0
    turns: set[tuple[Link, Link]] = set()
    for route, size, rate in zip(plan.routes, sizes, rates, strict=True):
        tree = _tree(plan, route) if multicast else {}
        widest: dict[Link, float] = {}
        for core, messages in route.targets:
            if core == route.core:
                continue
            start, end = plan.cores[route.core].router, plan.cores[core].router
            path = tree[end] if multicast else _dimension_order(start, end, grid)
            load = (size if multicast else messages) * rate
            deliveries, unicast, longest = deliveries + load, unicast + load * len(path), max(longest, len(path))
            _check_offset(plan, grid, start, end, core)
            if grid.torus:
                turns.update(pairwise(path))
            for link in path:
                loads[link] += 0.0 if multicast else load
                widest[link] = max(widest.get(link, 0.0), load)
        tree_hops += sum(widest.values())
        if multicast:
            for link in widest:
                loads[link] += size * rate
            entries.update(_written(plan, grid, route, tree))
    interchip = math.fsum(load for (a, b), load in loads.items() if grid.position(a) != grid.position(b))
    chips = _crossed(plan, grid, loads)
    return Walked(
        loads, deliveries, unicast, tree_hops, interchip, longest, max(entries.values(), default=0), chips, turns
    )


def _check_offset(plan: Plan, grid: Grid, start: Router, end: Router, core: int) -> None:
    if (reach := plan.chip.topology.max_offset) is not None:
        offset = max(abs(_offset(start, end, axis, grid)) for axis in (0, 1))
        at_most("PLAN121", "routers along one axis", offset, reach.count, f"message to core {core}")


def _crossed(plan: Plan, grid: Grid, loads: Mapping[Link, float]) -> frozenset[int]:
    """The chips that hold cores or are crossed; all must be among the plan's, which are fitted."""
    for router in sorted({router for link in loads for router in link}):
        if grid.position(router) not in grid.chips:
            refuse("PLAN121", f"messages cross router {router}, whose chip is none of the plan's {len(grid.chips)}")
    crossed = {grid.chips[grid.position(router)] for link in loads for router in link}
    return frozenset(crossed | {core.chip for core in plan.cores})


def _written(plan: Plan, grid: Grid, route: PlanRoute, tree: Mapping[Router, Path]) -> list[Router]:
    """A chip per router that needs a table entry: not where a message only passes straight through."""
    ends = {plan.cores[core].router for core in (route.core, *(core for core, _ in route.targets))}
    onwards: dict[Router, list[Router | None]] = defaultdict(list)
    for link in route.links:
        onwards[link[0]].append(grid.direction(link))
    kept = [router for router in tree if router in ends or onwards[router] != [grid.direction(tree[router][-1])]]
    return [grid.position(router) for router in kept]
