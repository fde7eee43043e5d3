"""Where messages run: every site, every path and every tree, link by link."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from neuedge_nir.chip.model import Mesh, RoutingKind, System
from neuedge_nir.plan.check_mesh import Ints, Messages, crossed, messages_of, offsets
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
    ends = _heard(plan)
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
        goals = {*ends[id(route.targets)]}
        for router in sorted(goals - set(ways)):
            refuse("PLAN120", f"the tree does not reach router {router}", where)
        for router in sorted(set(ways) - {link[0] for link in route.links} - goals):
            if router != plan.cores[route.core].router:
                refuse("PLAN120", f"the tree ends at router {router}, where no target is", where)


def _heard(plan: Plan) -> dict[int, Counter[Router]]:
    """How many cores of each router are targets; once for each list of targets, which several routes may have."""
    lists = {id(route.targets): route.targets for route in plan.routes}
    return {key: Counter(plan.cores[core].router for core, _ in targets) for key, targets in lists.items()}


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


def walk(plan: Plan, grid: Grid, sizes: Sequence[int], rates: Sequence[float]) -> Walked:
    """All messages on their way; `sizes` and `rates` are the neurons of each route's slice and their spikes."""
    if plan.chip.topology.routing is not RoutingKind.XY and plan.chip.topology.max_offset is None:
        return _walked_along_trees(plan, grid, sizes, rates)
    sent = messages_of(plan, rates)
    far = np.abs(offsets(sent.start, sent.end, grid.extent, torus=grid.torus))
    _check_offsets(plan, far.max(axis=1, initial=0), sent.core)
    if plan.chip.topology.routing is RoutingKind.XY:
        return _walked_in_order(plan, grid, sent, far.sum(axis=1))
    return _walked_along_trees(plan, grid, sizes, rates)


def _walked_in_order(plan: Plan, grid: Grid, sent: Messages, hops: Ints) -> Walked:
    """Along x first, then along y."""
    found = crossed(sent, grid.extent, torus=grid.torus)
    return Walked(
        loads=found.loads,
        deliveries=float(sent.load.sum()),
        unicast_hops=float((sent.load * hops).sum()),
        tree_hops=found.tree_hops,
        interchip=_between_chips(grid, found.loads),
        longest=int(hops.max(initial=0)),
        entries=0,
        chips=_crossed(plan, grid, found.loads),
        turns=found.turns,
    )


def _check_offsets(plan: Plan, far: Ints, cores: Ints) -> None:
    most = plan.chip.topology.max_offset
    if most is not None and far.size:
        worst = int(far.argmax())
        at_most("PLAN121", "routers along one axis", int(far[worst]), most.count, f"message to core {cores[worst]}")


def _between_chips(grid: Grid, loads: Mapping[Link, float]) -> float:
    return math.fsum(load for (a, b), load in loads.items() if grid.position(a) != grid.position(b))


def _walked_along_trees(plan: Plan, grid: Grid, sizes: Sequence[int], rates: Sequence[float]) -> Walked:
    loads: dict[Link, float] = defaultdict(float)
    entries: Counter[Router] = Counter()
    deliveries = unicast = tree_hops = 0.0
    longest, ends = 0, _heard(plan)
    for route, size, rate in zip(plan.routes, sizes, rates, strict=True):
        tree, load, heard = _tree(plan, route), size * rate, ends[id(route.targets)]
        if route.core in (core for core, _ in route.targets):
            heard = heard - Counter([plan.cores[route.core].router])
        depths = {router: len(tree[router]) for router in heard}
        deliveries += load * heard.total()
        unicast += load * sum(depths[router] * cores for router, cores in heard.items())
        longest = max(longest, *depths.values(), 0)
        links = {link for router in heard for link in tree[router]}
        tree_hops += load * len(links)
        for link in links:
            loads[link] += load
        entries.update(_written(grid, route, tree, {plan.cores[route.core].router, *ends[id(route.targets)]}))
    return Walked(
        loads,
        deliveries,
        unicast,
        tree_hops,
        _between_chips(grid, loads),
        longest,
        max(entries.values(), default=0),
        _crossed(plan, grid, loads),
        frozenset(),
    )


def _crossed(plan: Plan, grid: Grid, loads: Mapping[Link, float]) -> frozenset[int]:
    """The chips that hold cores or are crossed; all must be among the plan's, which are fitted."""
    for router in sorted({router for link in loads for router in link}):
        if grid.position(router) not in grid.chips:
            refuse("PLAN121", f"messages cross router {router}, whose chip is none of the plan's {len(grid.chips)}")
    crossed = {grid.chips[grid.position(router)] for link in loads for router in link}
    return frozenset(crossed | {core.chip for core in plan.cores})


def _written(grid: Grid, route: PlanRoute, tree: Mapping[Router, Path], ends: Set[Router]) -> list[Router]:
    """A chip per router that needs a table entry: not where a message only passes straight through."""
    onwards: dict[Router, list[Router | None]] = defaultdict(list)
    for link in route.links:
        onwards[link[0]].append(grid.direction(link))
    kept = [router for router in tree if router in ends or onwards[router] != [grid.direction(tree[router][-1])]]
    return [grid.position(router) for router in kept]
