"""Routing tables from trees and keys: a row for every slice at every router that its messages pass, then minimised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.fabric import Fabric, Router, Site
from neuedge_nir.mapping.keys import KeySpace
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.routing.forest import Forest
from neuedge_nir.mapping.routing.minimise import Row, minimised
from neuedge_nir.mapping.traffic import Flow, Targets

LINKS = 6
"""Bits of a route that stand for links, by their number; those above stand for cores of the router, by slot."""

Slice = tuple[int, int]
"""A cluster and the number of a piece in it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A router's entries, first to last: (key, mask, number of a route). A route is links as bits, and slots."""

    router: Router
    routes: tuple[tuple[int, tuple[int, ...]], ...]
    entries: tuple[tuple[int, int, int], ...]


def tables_of(
    forest: Forest, trees: Mapping[Slice, int], flows: Sequence[Flow], placement: Placement, keys: KeySpace
) -> tuple[Table, ...]:
    """The tables of all routers that messages come to, each as small as its chip asks for.

    `trees` names the tree of every slice that leaves its router. Raises `NoPlanError` (FIT017) where a chip's are
    too large.
    """
    fabric = placement.fabric
    rows = _rows(forest, trees, flows, placement, keys)
    limit = fabric.chip.topology.table_entries
    routers = fabric.chip_columns * fabric.chip_rows
    most = 1 << 62 if limit is None else limit.count // routers
    made = ((router, minimised(rows[router], most)) for router in sorted(rows))
    found = [_table(router, entries) for router, entries in made if entries]
    check_tables(entries_by_chip(found, fabric), fabric)
    return tuple(found)


def _rows(
    forest: Forest, trees: Mapping[Slice, int], flows: Sequence[Flow], placement: Placement, keys: KeySpace
) -> Mapping[Router, list[Row]]:
    """What every router does with the keys of every slice that comes by."""
    sites, wires = placement.sites, forest.wires
    ahead, routers = wires.ahead.tolist(), wires.routers
    targets = {(flow.cluster, flow.piece): flow.targets for flow in flows}
    rows: dict[Router, list[Row]] = defaultdict(list)
    known: dict[int, dict[Router, int]] = {}
    for cluster, piece, key, mask in keys.slices:
        heard = targets[cluster, piece]
        if id(heard) not in known:
            known[id(heard)] = _to_cores(heard, sites)
        routes = defaultdict(int, {sites[cluster].router: 0} | known[id(heard)])
        arriving: dict[Router, int] = {}
        tree = trees.get((cluster, piece))
        for link in () if tree is None else forest.trees[tree]:
            routes[routers[link // LINKS]] |= 1 << link % LINKS
            arriving[routers[ahead[link]]] = 1 << link % LINKS
        for router, route in routes.items():
            default = arriving.get(router) == route
            rows[router].append(Row(key, mask, route, default, key >> keys.low_bits))
    return rows


def _to_cores(targets: Targets, sites: Sequence[Site]) -> dict[Router, int]:
    """The part of the routes that leads to cores, by router."""
    found: dict[Router, int] = defaultdict(int)
    for target, _ in targets:
        found[sites[target].router] |= 1 << LINKS + sites[target].slot
    return found


def _table(router: Router, entries: Sequence[tuple[int, int, int]]) -> Table:
    routes = sorted({route for _, _, route in entries})
    number = {route: n for n, route in enumerate(routes)}
    return Table(
        router,
        tuple((route % (1 << LINKS), _slots(route >> LINKS)) for route in routes),
        tuple((key, mask, number[route]) for key, mask, route in entries),
    )


def _slots(bits: int) -> tuple[int, ...]:
    return tuple(slot for slot in range(bits.bit_length()) if bits >> slot & 1)


def entries_by_chip(tables: Sequence[Table], fabric: Fabric) -> dict[int, int]:
    """The entries of the tables of every chip."""
    found: dict[int, int] = defaultdict(int)
    for table in tables:
        found[fabric.chip_of(table.router)] += len(table.entries)
    return dict(sorted(found.items()))


def check_tables(entries: Mapping[int, int], fabric: Fabric) -> None:
    """Raises `NoPlanError` (FIT017) where a chip has more entries than its tables hold."""
    most = fabric.chip.topology.table_entries
    for chip, count in sorted(entries.items()) if most is not None else ():
        if most is not None and count > most.count:
            raise NoPlanError(
                "FIT017",
                f"chip {chip} needs {count} routing table entries, {fabric.chip.title} has {most.count}",
                resource="table entries",
                needed=count,
                available=most.count,
                hint="spread it over more chips (--constraints with a [[cap]]), or use a smaller network",
            )
