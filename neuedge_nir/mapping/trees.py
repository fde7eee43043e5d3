"""What a multicast tree means for its routers: how far each is, and which of them need a table entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from neuedge_nir.mapping.fabric import Link, Router
from neuedge_nir.mapping.routing.wires import Wires


def depths(source: Router, tree: Sequence[Link]) -> dict[Router, int]:
    """How many links each router of a tree is away from its source."""
    depth = {source: 0}
    for a, b in tree:
        depth[b] = depth[a] + 1
    return depth


def entries_of(source: int, tree: Sequence[int], targets: set[int], wires: Wires) -> list[int]:
    """Routers that need a table entry: all of the tree but those a packet crosses straight on, the default.

    Routers and links are numbers of `wires`.
    """
    leaving: dict[int, list[int]] = defaultdict(list)
    for link in tree:
        leaving[link // 6].append(link % 6)
    arriving = {int(wires.ahead[link]): link % 6 for link in tree}
    return [
        router
        for router in sorted({source, *arriving})
        if router in targets or router not in arriving or leaving[router] != [arriving[router]]
    ]
