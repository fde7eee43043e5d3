"""The way that the messages of each population take: links crossed, and those of them from chip to chip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neuedge_nir.chip.model import Mesh, RoutingKind
from neuedge_nir.plan.check_mesh import messages_of, offsets
from neuedge_nir.plan.model import Plan, PlanCore
from neuedge_nir.report.core_use import neurons_of

if TYPE_CHECKING:
    from neuedge_nir.plan.figures import Router


@dataclass(frozen=True, slots=True)
class Way:
    """What a population sends in a step: `hops` over links, of a tree once, and `crossings` between chips."""

    hops: float = 0.0
    crossings: float = 0.0


def ways_by_population(plan: Plan) -> Mapping[str, Way]:
    """The ways of all that send from a core, by the population that sends."""
    each = _trees if plan.chip.topology.routing is RoutingKind.MULTICAST else _lines
    found: dict[str, Way] = {}
    for route, (links, between) in zip(plan.routes, each(plan), strict=True):
        name = plan.cores[route.core].slices[route.slice].population
        known = found.get(name, Way())
        found[name] = Way(known.hops + links, known.crossings + between)
    return found


def rate_of(plan: Plan, core: int, piece: int) -> float:
    """Spikes per step of each neuron of a slice."""
    return plan.activity.rates[plan.cores[core].slices[piece].population]


def _trees(plan: Plan) -> Iterator[tuple[float, float]]:
    """A message goes over each link of its slice's tree once."""
    wide, high = plan.chip.topology.columns.count, plan.chip.topology.rows.count

    def chip(router: Router) -> Router:
        return router[0] // wide, router[1] // high

    for route in plan.routes:
        load = neurons_of(plan.cores[route.core].slices[route.slice]) * rate_of(plan, route.core, route.slice)
        between = sum(chip(one) != chip(other) for one, other in route.links)
        yield load * len(route.links), load * between


def _lines(plan: Plan) -> Iterator[tuple[float, float]]:
    """Messages run along each axis in turn: where one ends, less where it began, in routers and in chips."""
    topology = plan.chip.topology
    system = next(one for one in topology.systems if one.name == plan.machine.system)
    size = np.array((topology.columns.count, topology.rows.count))
    extent = system.columns * topology.columns.count, system.rows * topology.rows.count
    sent = messages_of(plan, [rate_of(plan, route.core, route.slice) for route in plan.routes])
    off = offsets(sent.start, sent.end, extent, torus=system.wraps or topology.mesh is Mesh.TORUS)
    chips = (sent.start + off) // size - sent.start // size
    many = len(plan.routes)
    links, between = (
        np.bincount(sent.route, weights=sent.load * np.abs(way).sum(axis=1), minlength=many) for way in (off, chips)
    )
    yield from zip(links.tolist(), between.tolist(), strict=True)


def cores_by_population(plan: Plan) -> tuple[Mapping[str, float], int]:
    """The cores in use by each population, a shared one dealt by neurons; and how many cores no population has.

    Synapse cores work for the core before them. A core that hands spikes to the host is of none.
    """
    found: dict[str, float] = {}
    owner: PlanCore | None = None
    of_none = 0
    for core in plan.cores:
        owner = core if core.role != "synapses" else owner
        sizes = [(piece.population, neurons_of(piece)) for piece in owner.slices] if owner is not None else []
        whole = sum(size for _, size in sizes)
        of_none += not whole
        for name, size in sizes if whole else ():
            found[name] = found.get(name, 0.0) + size / whole
    return found, of_none
