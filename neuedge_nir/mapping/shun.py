"""Another placement where messages in dimension order would cross a dead link: nobody stands in its row or column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from neuedge_nir.chip.model import RoutingKind
from neuedge_nir.constraints.model import Forbid
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.fabric import Router
from neuedge_nir.mapping.obey import Obliged
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.route import Routing

Placed = tuple[Placement, Routing]


def off_dead_links(attempt: Callable[[Obliged], Placed], demands: Demands) -> Placed:
    """What an attempt to place and route finds; if a dead link is in its way, once more with the lanes of all shunned.

    A message crosses a link along a row only if it is sent from that row, one along a column only if it is sent to that
    column: with nobody there none does. Raises `NoPlanError`: that of the first attempt where the second fails.
    """
    try:
        return attempt(Obliged(demands))
    except NoPlanError as error:
        dead = demands.constraints.dead_links
        if error.code != "FIT063" or not dead or demands.legal.chip.topology.routing is not RoutingKind.XY:
            raise
        first = error
    lanes = tuple(Forbid(router=router) for router in dict.fromkeys(_lanes(demands)))
    shunning = replace(demands.constraints, forbid=demands.constraints.forbid + lanes)
    try:
        return attempt(Obliged(replace(demands, constraints=shunning)))
    except NoPlanError:
        raise first from None


def _lanes(demands: Demands) -> Iterator[Router]:
    """The routers of the rows and columns of dead links, across the largest system."""
    topology = demands.legal.chip.topology
    wide = topology.columns.count * max(system.columns for system in topology.systems)
    high = topology.rows.count * max(system.rows for system in topology.systems)
    for (x, y), (_, v) in sorted(demands.constraints.dead_links):
        yield from ((i, y) for i in range(wide)) if y == v else ((x, i) for i in range(high))
