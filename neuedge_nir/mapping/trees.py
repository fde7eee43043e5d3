"""Multicast trees on hexagonal and other meshes, and the routing table entries they take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from neuedge_nir.mapping.fabric import Fabric, Link, Router

if TYPE_CHECKING:
    import networkx


def tree(source: Router, targets: Sequence[Router], fabric: Fabric, graph: networkx.DiGraph) -> list[Link]:
    """A multicast tree: each target joins by the way from the source that keeps to the longest dimension first."""
    links: list[Link] = []
    inside = {source}
    far = fabric.hops(np.array(source), np.array(targets).reshape(-1, 2)).tolist()
    for _, target in sorted(zip(far, targets, strict=True)):
        path = _hex_path(source, target, fabric, graph)
        joint = max(i for i, router in enumerate(path) if router in inside)
        links += list(pairwise(path[joint:]))
        inside.update(path)
    return links


def _hex_path(source: Router, target: Router, fabric: Fabric, graph: networkx.DiGraph) -> list[Router]:
    """Longest dimension first; where a chip is missing on that way, the shortest way in the graph."""
    path = [source]
    for step, count in _legs_of(source, target, fabric):
        for _ in range(count):
            x, y = path[-1][0] + step[0], path[-1][1] + step[1]
            path.append((x % fabric.columns, y % fabric.rows) if fabric.wraps else (x, y))
    if all(graph.has_edge(a, b) for a, b in pairwise(path)):
        return path
    import networkx

    return list(networkx.shortest_path(graph, source, target))


def _legs_of(source: Router, target: Router, fabric: Fabric) -> list[tuple[tuple[int, int], int]]:
    """The straight legs to a target, longest first, within the machine's outline (no wrapping around)."""
    dx, dy = target[0] - source[0], target[1] - source[1]
    legs: list[tuple[tuple[int, int], int]] = []
    if fabric.hex and dx * dy > 0:
        sign, both = (1 if dx > 0 else -1), min(abs(dx), abs(dy))
        legs.append(((sign, sign), both))
        dx, dy = dx - sign * both, dy - sign * both
    legs += [((1 if dx > 0 else -1, 0), abs(dx)), ((0, 1 if dy > 0 else -1), abs(dy))]
    return sorted((leg for leg in legs if leg[1]), key=lambda leg: (-leg[1], leg[0]))


def depths(source: Router, tree: Sequence[Link]) -> dict[Router, int]:
    """How many links each router of a tree is away from its source."""
    depth = {source: 0}
    for a, b in tree:
        depth[b] = depth[a] + 1
    return depth


def entries_of(source: Router, tree: Sequence[Link], targets: set[Router]) -> list[Router]:
    """Routers that need a table entry: all of the tree but those a packet crosses straight on, the default."""
    leaving: dict[Router, list[Link]] = defaultdict(list)
    for link in tree:
        leaving[link[0]].append(link)
    arriving = {b: (a, b) for a, b in tree}
    found = []
    for router in sorted({source, *arriving}):
        onwards = leaving[router]
        straight = router in arriving and len(onwards) == 1 and _direction(arriving[router]) == _direction(onwards[0])
        if not straight or router in targets:
            found.append(router)
    return found


def _direction(link: Link) -> Router:
    return link[1][0] - link[0][0], link[1][1] - link[0][1]
