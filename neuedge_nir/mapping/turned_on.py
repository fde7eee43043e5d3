"""The chips that a plan lists: those with cores in use and those that messages cross come before all others."""

from __future__ import annotations

from dataclasses import replace

from neuedge_nir.mapping.fabric import Site
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.route import Routing


def listed_first(placement: Placement, routing: Routing, available: int) -> tuple[Placement, Routing]:
    """The same with its chips numbered anew, where not all are as they should be or more are listed than there are."""
    used, fabric = sorted({site.chip for site in placement.sites}), placement.fabric
    on = [*used, *sorted(routing.transit - {*used})]
    last = max(on, default=0)
    if last + 1 == len(on) or not (fabric.broken or last >= available):
        return placement, routing
    number = {chip: k for k, chip in enumerate(on)}
    first = [fabric.positions[chip] for chip in on]
    rest = (position for chip, position in enumerate(fabric.positions) if chip not in number)
    sites = tuple(Site(number[site.chip], site.router, site.slot) for site in placement.sites)
    fabric = replace(fabric, positions=(*first, *rest))
    transit = frozenset(number[chip] for chip in routing.transit)
    return replace(placement, fabric=fabric, sites=sites), replace(routing, transit=transit)
