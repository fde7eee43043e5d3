"""Multicast trees for all sources at once, grown one by one, then relieved where links are hot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.fabric import Fabric, Link, Router
from neuedge_nir.mapping.routing.grow import grown
from neuedge_nir.mapping.routing.relieve import Relief
from neuedge_nir.mapping.routing.wires import Wires, wires_for


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """A tree for every source, as numbers of links of `wires`, from the source outwards; messages by link."""

    wires: Wires
    trees: tuple[tuple[int, ...], ...]
    loads: NDArray[np.float64]

    @property
    def tree_hops(self) -> float:
        """Links of every tree, once for each message."""
        return float(self.loads.sum())

    @property
    def max_load(self) -> float:
        return float(self.loads.max(initial=0.0))

    def links(self, tree: int) -> tuple[Link, ...]:
        """A tree's links as pairs of routers."""
        named = self.wires.links
        return tuple(link for number in self.trees[tree] if (link := named[number]) is not None)

    def depths(self, tree: int) -> dict[int, int]:
        """How many links every router of a tree is away from its source, by the router's number."""
        depth: dict[int, int] = {}
        for link in self.trees[tree]:
            depth[int(self.wires.ahead[link])] = depth.setdefault(link // 6, 0) + 1
        return depth

    def written(self, tree: int, source: int, targets: Set[int]) -> list[int]:
        """Routers that need a table entry: all of a tree but those that a packet crosses straight on, the default."""
        leaving: dict[int, list[int]] = defaultdict(list)
        for link in self.trees[tree]:
            leaving[link // 6].append(link % 6)
        arriving = {int(self.wires.ahead[link]): link % 6 for link in self.trees[tree]}
        return [
            router
            for router in sorted({source, *arriving})
            if router in targets or router not in arriving or leaving[router] != [arriving[router]]
        ]


def trees_of(
    sources: Sequence[Router],
    targets: Sequence[Sequence[Router]],
    weights: Sequence[float],
    fabric: Fabric,
    *,
    relieved: bool = True,
    alike: bool = False,
) -> Forest:
    """Multicast trees: from `sources[i]` to the routers `targets[i]`, for `weights[i]` messages a step.

    `relieved`: with the second try for hot links. `alike`: loads are not looked at, so that sources of a router with
    the same targets have the same tree. Only shortest ways to the tree are taken before it; no link that is
    dead ever is. Raises `NoPlanError` (FIT016) where a target cannot be reached.
    """
    ends = {*sources, *(target for those in targets for target in those)}
    wires = wires_for(fabric, ends)
    if wires is None:
        raise _apart(ends, fabric)
    number = wires.number
    starts = [number[source] for source in sources]
    goals = [[number[target] for target in those] for those in targets]
    in_use = {fabric.chip_of(end) for end in ends}
    open_ = [fabric.chip_of(router) in in_use for router in wires.routers]
    trees = _grown(starts, goals, [0.0] * len(starts) if alike else weights, wires, open_)
    if relieved:
        crossed = {int(wires.ahead[link]) for tree in trees for link in tree}
        may = [known or router in crossed for router, known in enumerate(open_)]
        relief = Relief(starts, goals, weights, trees, wires, may)
        relief.run()
        trees = [relief.links(tree) for tree in range(len(trees))]
    return Forest(wires, tuple(map(tuple, trees)), _loads(trees, weights, wires))


def _apart(ends: Set[Router], fabric: Fabric) -> NoPlanError:
    """Routers that must reach each other and do not."""
    import networkx

    if not (fabric.dead or fabric.gone):
        return NoPlanError("FIT016", "the chips in use are not all connected")
    parts = [ends & part for part in networkx.strongly_connected_components(fabric.graph())]
    parts = sorted((sorted(part) for part in parts if part), key=lambda part: (-len(part), part))
    cut = [router for part in parts[1:] for router in part]
    named = ", ".join(map(str, cut[:8])) + ", ..." * (len(cut) > 8)
    return NoPlanError(
        "FIT064",
        f"what is dead cuts the routers {named} off from {parts[0][0]}, and cores of both send to each other",
        where="--dead",
        hint="declare the chips that are cut off dead too, with --dead chip:COLUMN,ROW",
    )


def _grown(
    starts: Sequence[int], goals: Sequence[Sequence[int]], weights: Sequence[float], wires: Wires, open_: Sequence[bool]
) -> list[list[int]]:
    """The trees, the heaviest grown first: the light ones fit in between."""
    trees: list[list[int]] = [[] for _ in starts]
    loads = [0.0] * len(wires.ahead)
    for tree in sorted(range(len(starts)), key=lambda t: (-weights[t], t)):
        trees[tree] = grown(starts[tree], goals[tree], weights[tree], wires, loads, open_)
    return trees


def _loads(trees: Sequence[Sequence[int]], weights: Sequence[float], wires: Wires) -> NDArray[np.float64]:
    """Messages on every link, added tree by tree."""
    loads = np.zeros(len(wires.ahead))
    for tree, weight in zip(trees, weights, strict=True):
        loads[list(tree)] += weight
    return loads
