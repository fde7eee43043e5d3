"""What crosses the links of a plan in a timestep, and whose messages make the busiest ones busy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neuedge_nir.chip.model import RoutingKind
from neuedge_nir.plan.check_links import Grid, check_sites, walk
from neuedge_nir.plan.check_mesh import Ints, Messages, messages_of, offsets
from neuedge_nir.plan.figures import Link, Router
from neuedge_nir.plan.model import Plan, PlanRoute
from neuedge_nir.report.core_use import neurons_of

HOTTEST, FLOWS = 10, 3
"""Links that are told of, and the flows through each."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What a slice sends over a link: its core, its population, messages per timestep, all links that those take."""

    core: int
    population: str
    load: float
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class HotLink:
    """A link, its messages per timestep, how many slices send over it, and the largest of those flows."""

    link: Link
    load: float
    senders: int
    flows: tuple[Flow, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """All links that messages cross, with their load, and the busiest, the busiest first."""

    grid: Grid
    loads: Mapping[Link, float]
    hottest: tuple[HotLink, ...]


def ways_of(plan: Plan) -> Ways:
    """Every message on its way, walked as the checker does. Raises `VerificationError` where there is no such way."""
    grid = check_sites(plan)
    rates = [plan.activity.rates[_population(plan, route)] for route in plan.routes]
    sizes = [neurons_of(plan.cores[route.core].slices[route.slice]) for route in plan.routes]
    walked = walk(plan, grid, sizes, rates)
    loads = {link: float(f"{load:.9g}") for link, load in walked.loads.items()}  # sums differ in their last digits
    busiest = sorted(loads, key=lambda link: (-loads[link], link))[:HOTTEST]
    if plan.chip.topology.routing is RoutingKind.XY:
        sent = messages_of(plan, rates)
        found = [_in_order(plan, grid, sent, link, loads[link]) for link in busiest]
    else:
        found = [_along_trees(plan, sizes, rates, link, loads[link]) for link in busiest]
    return Ways(grid, loads, tuple(found))


def _population(plan: Plan, route: PlanRoute) -> str:
    return plan.cores[route.core].slices[route.slice].population


def _along_trees(plan: Plan, sizes: list[int], rates: list[float], link: Link, load: float) -> HotLink:
    through = [n for n, route in enumerate(plan.routes) if link in route.links]
    largest = sorted(through, key=lambda n: (-sizes[n] * rates[n], n))[:FLOWS]
    flows = [Flow(r.core, _population(plan, r), sizes[n] * rates[n], r.links) for n in largest if (r := plan.routes[n])]
    return HotLink(link, load, len(through), tuple(flows))


def _in_order(plan: Plan, grid: Grid, sent: Messages, link: Link, load: float) -> HotLink:
    """Along x first, then along y."""
    crossing = np.flatnonzero(_crosses(sent, grid, link))
    routes, which = np.unique(sent.route[crossing], return_inverse=True)
    totals = np.bincount(which, weights=sent.load[crossing], minlength=len(routes))
    flows = []
    for at in np.lexsort((routes, -totals))[:FLOWS].tolist():
        route = plan.routes[int(routes[at])]
        mine = crossing[which == at]
        links = {step for n in mine.tolist() for step in _path(sent, grid, n)}
        flows.append(Flow(route.core, _population(plan, route), float(totals[at]), tuple(sorted(links))))
    return HotLink(link, load, len(routes), tuple(flows))


def _crosses(sent: Messages, grid: Grid, link: Link) -> np.ndarray:
    """Which messages take a link: those that turn before or behind it do not."""
    (x, y), _ = link
    across, up = grid.direction(link) or (0, 0)
    far = offsets(sent.start, sent.end, grid.extent, torus=grid.torus)
    axis, way, here = (0, across, x) if across else (1, up, y)
    on_line = sent.start[:, 1] == y if across else sent.end[:, 0] == x
    gone: Ints = way * (here - sent.start[:, axis])
    gone = gone % grid.extent[axis] if grid.torus else gone
    return np.asarray(on_line & (gone >= 0) & (gone < way * far[:, axis]))


def _path(sent: Messages, grid: Grid, message: int) -> list[Link]:
    """The links of one message."""
    far = offsets(sent.start[[message]], sent.end[[message]], grid.extent, torus=grid.torus)[0].tolist()
    at: Router = (int(sent.start[message, 0]), int(sent.start[message, 1]))
    links: list[Link] = []
    for axis in (0, 1):
        for _ in range(abs(far[axis])):
            step = 1 if far[axis] > 0 else -1
            there = (at[0] + step, at[1]) if axis == 0 else (at[0], at[1] + step)
            if grid.torus:
                there = there[0] % grid.extent[0], there[1] % grid.extent[1]
            links.append((at, there))
            at = there
    return links
