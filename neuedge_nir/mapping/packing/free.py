"""Slices and cores found together, where nothing but what a core has says how a network is cut."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from neuedge_nir.constraints.model import NONE
from neuedge_nir.mapping.demand import Demands, fits
from neuedge_nir.mapping.first_fit import Cores
from neuedge_nir.mapping.packing.dive import Search, dive
from neuedge_nir.mapping.packing.lines import Cutter, Region
from neuedge_nir.mapping.split import neurons_per_core
from neuedge_nir.network.slices import whole


def freely_cut(demands: Demands, searches: Sequence[Search], most: int, least: int) -> Cores | None:
    """A packing on at most `most` cores whose slices are of any length; None where none was found, or looked for.

    None is looked for where what a slice needs depends on how its targets are cut or on which slices share its core,
    or where constraints say how populations are cut.
    """
    if demands.depends_on_targets or demands.tables or demands.constraints != NONE:
        return None
    alike: dict[Hashable, list[str]] = {}
    for population in demands.legal.network.populations:
        alike.setdefault(demands.family(population.name), []).append(population.name)
    regions = [Region(tuple(names), whole(demands.shapes[names[0]])) for names in alike.values()]
    targets, best = demands.uncut(), None
    for search in searches:
        cutter = Cutter(demands, targets, neurons_per_core(demands), search.tiles)
        near = most < least or (search.near is not None and most + 1 - least <= least // search.near)
        found = None if near else dive(cutter, regions, search, most, least)
        if found is not None and all(fits(demands.load(core, targets), demands.capacity) for core in found):
            best, most = tuple(tuple(core) for core in found), len(found) - 1
    return best
