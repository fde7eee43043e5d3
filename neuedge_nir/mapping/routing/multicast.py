"""Multicast: a tree for every slice that sends, and the tables of the routers that the trees pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.fabric import Fabric, Link, Router
from neuedge_nir.mapping.keys import KeySpace
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.routing.forest import Forest, trees_of
from neuedge_nir.mapping.routing.model import Routing, Tree, routers_heard
from neuedge_nir.mapping.routing.tables import check_tables, entries_by_chip, tables_of
from neuedge_nir.mapping.traffic import Flow


def route_multicast(flows: Sequence[Flow], placement: Placement, keys: KeySpace | None) -> Routing:
    """Trees with the second try for hot links; where the tables then overflow, slices of a router share their ways.

    Raises `NoPlanError`: FIT016 where a destination cannot be reached, FIT017 where a table overflows all the same.
    """
    try:
        return _routed(flows, placement, keys, alike=False)
    except NoPlanError as error:
        if error.code != "FIT017":
            raise
    return _routed(flows, placement, keys, alike=True)


def _routed(flows: Sequence[Flow], placement: Placement, keys: KeySpace | None, *, alike: bool) -> Routing:
    fabric = placement.fabric
    heard = routers_heard(flows, placement)
    sending = [number for number, ends in enumerate(heard) if ends]
    sources = [placement.sites[flows[number].cluster].router for number in sending]
    goals = [sorted(heard[number]) for number in sending]
    weights = [flows[number].neurons * flows[number].rate for number in sending]
    forest = trees_of(sources, goals, weights, fabric, relieved=not alike, alike=alike)
    trees = {(flows[number].cluster, flows[number].piece): tree for tree, number in enumerate(sending)}
    found = _totals(forest, trees, [heard[number] for number in sending], weights, fabric)
    if keys is None:
        entries = _unmerged(forest, trees, flows, placement)
        check_tables(entries, fabric)
        return replace(found, entries=entries)
    tables = tables_of(forest, trees, flows, placement, keys)
    return replace(found, entries=entries_by_chip(tables, fabric), tables=tables)


def _totals(
    forest: Forest,
    trees: Mapping[tuple[int, int], int],
    heard: Sequence[Mapping[Router, int]],
    weights: Sequence[float],
    fabric: Fabric,
) -> Routing:
    named, number = forest.wires.links, forest.wires.number
    loads: dict[Link, float] = {
        link: load for link, load in zip(named, forest.loads.tolist(), strict=True) if link is not None and load
    }
    cores = np.array([sum(ends.values()) for ends in heard], dtype=np.int64)
    unicast, longest = 0.0, 0
    for tree, ends in enumerate(heard):
        depth = forest.depths(tree)
        far = {router: depth.get(number[router], 0) for router in ends}
        longest = max(longest, *far.values())
        unicast += sum(far[router] * often for router, often in ends.items()) * weights[tree]
    crossed = {r for links in forest.trees for link in links for r in (link // 6, int(forest.wires.ahead[link]))}
    return Routing(
        trees=tuple(Tree(cluster, piece, forest.links(tree)) for (cluster, piece), tree in trees.items()),
        loads=dict(sorted(loads.items())),
        deliveries=float(np.repeat(np.array(weights, dtype=np.float64), cores).sum()),
        unicast_hops=float(unicast),
        tree_hops=float(sum(len(links) * w for links, w in zip(forest.trees, weights, strict=True))),
        interchip=float(sum(load for (a, b), load in loads.items() if fabric.chip_of(a) != fabric.chip_of(b))),
        longest_way=longest,
        entries={},
        transit=frozenset(fabric.chip_of(forest.wires.routers[router]) for router in crossed),
        deadlock_free=None,
    )


def _unmerged(
    forest: Forest, trees: Mapping[tuple[int, int], int], flows: Sequence[Flow], placement: Placement
) -> dict[int, int]:
    """The entries of every chip where keys are not known: one for each slice but where messages go straight on.

    A slice that only feeds cores of its own router needs one there too.
    """
    fabric, wires, sites = placement.fabric, forest.wires, placement.sites
    found: Counter[int] = Counter()
    for flow in flows:
        if flow.targets:
            source, tree = sites[flow.cluster], trees.get((flow.cluster, flow.piece))
            if tree is None or not forest.trees[tree]:
                found[source.chip] += 1
                continue
            ends = {wires.number[sites[t].router] for t, _ in flow.targets}
            written = forest.written(tree, wires.number[source.router], ends)
            found.update(fabric.chip_of(wires.routers[router]) for router in written)
    return dict(sorted(found.items()))
