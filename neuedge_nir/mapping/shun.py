"""Another placement where what is dead is in the way: nobody where messages would cross it, or a larger system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from neuedge_nir.chip.model import RoutingKind
from neuedge_nir.constraints.model import Core, Forbid
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.bounds import chips_bound
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.fabric import Router
from neuedge_nir.mapping.obey import Obliged
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.route import Routing

Placed = tuple[Placement, Routing]

IN_THE_WAY = ("FIT063", "FIT064")
"""What a placement fails with because of what is dead."""


def off_dead_links(attempt: Callable[[Obliged], Placed], demands: Demands) -> Placed:
    """What an attempt to place and route finds; if what is dead is in its way, once more with that shunned.

    Then on larger systems, whose links lead round it. Raises `NoPlanError`: that of the first attempt where all fail.
    """
    first: NoPlanError | None = None
    for other in _ways(demands):
        try:
            return attempt(Obliged(other))
        except NoPlanError as error:
            first = first or error
            if first.code not in IN_THE_WAY:
                break
    assert first is not None
    raise first


def _ways(demands: Demands) -> Iterator[Demands]:
    """The demands as they are, with dead links shunned, and both on ever larger systems."""
    yield from _shunning(demands)
    chip = demands.legal.chip
    systems = sorted(chip.topology.systems, key=lambda system: (system.chips, system.name))
    systems = [system for system in systems if system.chips >= chips_bound(demands)[0]]
    for number in range(1, len(systems)):
        larger = replace(chip, topology=replace(chip.topology, systems=tuple(systems[number:])))
        yield from _shunning(replace(demands, legal=replace(demands.legal, chip=larger)))


def _shunning(demands: Demands) -> Iterator[Demands]:
    """The demands; under dimension order with the lanes of dead links shunned, then with the chips that they are in.

    A message crosses a link along a row only if it is sent from that row, one along a column only if it is sent to that
    column: with nobody there none does.
    """
    yield demands
    dead, topology = demands.constraints.dead_links, demands.legal.chip.topology
    if not dead or topology.routing is not RoutingKind.XY:
        return
    obliged = Obliged(demands)
    chips = sorted({obliged.position(Core(router)) for link in dead for router in link})
    lanes = tuple(Forbid(router=router) for router in dict.fromkeys(_lanes(demands)))
    for shunned in (lanes, tuple(Forbid(chip=chip) for chip in chips)):
        forbid = demands.constraints.forbid + shunned
        yield replace(demands, constraints=replace(demands.constraints, forbid=forbid))


def _lanes(demands: Demands) -> Iterator[Router]:
    """The routers of the rows and columns of dead links, across the largest system."""
    topology = demands.legal.chip.topology
    wide = topology.columns.count * max(system.columns for system in topology.systems)
    high = topology.rows.count * max(system.rows for system in topology.systems)
    for (x, y), (_, v) in sorted(demands.constraints.dead_links):
        yield from ((i, y) for i in range(wide)) if y == v else ((x, i) for i in range(high))
