"""Messages onto links: dimension order for meshes, multicast trees with table entries for the rest.

NetworkX holds the graph of routers and analyses it: loads and deadlock. Meshes with many flows take a closed form
instead (prefix sums along rows and columns) that gives the same loads; multicast trees are `routing.forest`'s.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import RoutingKind
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.fabric import Fabric, Link, Router
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.routing.forest import trees_of
from neuedge_nir.mapping.traffic import Flow
from neuedge_nir.mapping.trees import depths, entries_of

if TYPE_CHECKING:
    import networkx

CLOSED_FORM_FLOWS = 1000
"""Above this many (source slice, destination core) pairs a mesh is routed in closed form."""

HOTTEST = 10
"""Links listed as the hottest."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The links of one slice's multicast tree, from its router outwards, and the destination clusters."""

    cluster: int
    piece: int
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """Where every message goes and what it adds up to, per timestep.

    `unicast_hops` and `deliveries` count (spike, destination core) pairs, `tree_hops` every link of a slice's tree
    once per spike; the source's own core is left out. `loads` are messages per link under the chip's own routing.
    `longest_way` is the most links that any message crosses, `transit` the chips that messages touch.
    `deadlock_free` is None where the routing promises nothing.
    """

    trees: tuple[Tree, ...]
    loads: Mapping[Link, float]
    deliveries: float
    unicast_hops: float
    tree_hops: float
    interchip: float
    longest_way: int
    entries: Mapping[int, int]
    transit: frozenset[int]
    deadlock_free: bool | None

    @property
    def max_load(self) -> float:
        return max(self.loads.values(), default=0.0)

    @property
    def hottest(self) -> list[tuple[Link, float]]:
        return sorted(self.loads.items(), key=lambda item: (-item[1], item[0]))[:HOTTEST]


@dataclass(frozen=True, slots=True)
class Trip:
    """The messages from one slice to one destination core: `count` when every neuron spikes once, at `rate` a step."""

    cluster: int
    piece: int
    source: Router
    target: Router
    count: int
    rate: float

    @property
    def messages(self) -> float:
        return self.count * self.rate


def route(flows: Sequence[Flow], placement: Placement) -> Routing:
    """Routes for all flows under the chip's routing.

    Raises `NoPlanError` where a destination cannot be reached or a routing table overflows.
    """
    if placement.fabric.chip.topology.routing is RoutingKind.XY:
        return _route_mesh(flows, placement)
    return _route_multicast(flows, placement)


def trips(flows: Sequence[Flow], placement: Placement, *, multicast: bool) -> list[Trip]:
    """All (slice, destination core) pairs but those that stay on their core.

    A multicast key covers a slice: each of its spikes goes to all of the slice's destinations.
    """
    at = placement.sites
    return [
        Trip(f.cluster, f.piece, at[f.cluster].router, at[t].router, f.neurons if multicast else n, f.rate)
        for f in flows
        for t, n in f.targets
        if t != f.cluster
    ]


def _route_mesh(flows: Sequence[Flow], placement: Placement) -> Routing:
    fabric = placement.fabric
    moving = trips(flows, placement, multicast=False)
    _check_offsets(moving, fabric)
    links = link_loads(moving, fabric)
    loads = {link: load for link, load in links.items() if load}
    ends = np.array([(t.source, t.target) for t in moving], dtype=np.int64).reshape(-1, 2, 2)
    hops = fabric.hops(ends[:, 0], ends[:, 1]).tolist()
    return Routing(
        trees=(),
        loads=loads,
        deliveries=sum(t.messages for t in moving),
        unicast_hops=sum(h * t.messages for h, t in zip(hops, moving, strict=True)),
        tree_hops=_xy_tree_hops(moving, fabric),
        interchip=sum(load for (a, b), load in loads.items() if fabric.chip_of(a) != fabric.chip_of(b)),
        longest_way=max(hops, default=0),
        entries={},
        transit=frozenset(fabric.chip_of(router) for link in links for router in link),
        deadlock_free=is_deadlock_free(moving, fabric),
    )


def _check_offsets(moving: Sequence[Trip], fabric: Fabric) -> None:
    most = fabric.chip.topology.max_offset
    for trip in moving if most is not None else ():
        far = fabric.farthest_axis(trip.source, trip.target)
        if most is not None and far > most.count:
            raise NoPlanError(
                "FIT016",
                f"a message from {trip.source} to {trip.target} goes {far} routers along one axis, "
                f"{fabric.chip.title} sends it {most.count} at most",
                resource="routers",
                needed=far,
                available=most.count,
                hint="make the network smaller",
            )


def link_loads(moving: Sequence[Trip], fabric: Fabric) -> dict[Link, float]:
    """Messages per step on every link of a dimension-order path, silent ones included."""
    if len(moving) > CLOSED_FORM_FLOWS and not fabric.wraps:
        return closed_form_loads(moving, fabric)
    return graph_loads(moving, fabric)


def graph_loads(moving: Sequence[Trip], fabric: Fabric) -> dict[Link, float]:
    """Link loads by walking every path over the NetworkX graph of the routers.

    Raises `NoPlanError` where a path leaves the machine.
    """
    graph = fabric.graph() if fabric.wraps else fabric.graph(*_corners(moving))
    for trip in moving:
        for a, b in pairwise(fabric.xy_path(trip.source, trip.target)):
            if not graph.has_edge(a, b):
                raise NoPlanError("FIT016", f"the way from {trip.source} to {trip.target} leaves the machine at {a}")
            graph[a][b]["load"] = graph[a][b].get("load", 0.0) + trip.messages
    return {(a, b): load for a, b, load in sorted(graph.edges(data="load", default=-1.0)) if load >= 0}


def _corners(moving: Sequence[Trip]) -> tuple[Router, Router]:
    ends = [end for trip in moving for end in (trip.source, trip.target)] or [(0, 0)]
    xs, ys = zip(*ends, strict=True)
    return (min(xs), min(ys)), (max(xs), max(ys))


def closed_form_loads(moving: Sequence[Trip], fabric: Fabric) -> dict[Link, float]:
    """The same loads from difference arrays: +n where a straight leg starts, -n where it ends, summed along the row.

    The sums are of whole numbers, one for each rate, so that a link without messages has exactly none.
    Raises `NoPlanError` where a path leaves the machine.
    """
    found: dict[Link, float] = defaultdict(float)
    for rate in sorted({trip.rate for trip in moving}):
        for link, count in _counts([trip for trip in moving if trip.rate == rate], fabric):
            found[link] += count * rate
    if outside := next((router for link in sorted(found) for router in link if not fabric.fitted(router)), None):
        raise NoPlanError("FIT016", f"a way leads through {outside}, where the machine has no chip")
    return dict(sorted(found.items()))


def _counts(moving: Sequence[Trip], fabric: Fabric) -> Iterator[tuple[Link, int]]:
    ends = np.array([(*t.source, *t.target) for t in moving], dtype=np.int64).reshape(-1, 4)
    amount = np.array([t.count for t in moving], dtype=np.int64)
    x1, y1, x2, y2 = ends.T
    shape = (fabric.columns + 1, fabric.rows + 1)
    east, north = _legs(shape, (x1, y1), (x2, y1), amount, 0), _legs(shape, (x2, y1), (x2, y2), amount, 1)
    west, south = _legs(shape, (x2, y1), (x1, y1), amount, 0), _legs(shape, (x2, y2), (x2, y1), amount, 1)
    for counts, (dx, dy), back in ((east, (1, 0), 0), (north, (0, 1), 0), (west, (1, 0), 1), (south, (0, 1), 1)):
        for x, y in zip(*np.nonzero(counts), strict=True):
            here, there = (int(x), int(y)), (int(x) + dx, int(y) + dy)
            yield ((there, here) if back else (here, there)), int(counts[x, y])


def _legs(
    shape: tuple[int, int],
    start: tuple[NDArray[np.int64], NDArray[np.int64]],
    end: tuple[NDArray[np.int64], NDArray[np.int64]],
    amount: NDArray[np.int64],
    axis: int,
) -> NDArray[np.int64]:
    """Loads of the links that lead onwards in an axis, from the legs that run that way."""
    onwards = end[axis] > start[axis]
    steps = np.zeros(shape, dtype=np.int64)
    np.add.at(steps, (start[0][onwards], start[1][onwards]), amount[onwards])
    np.add.at(steps, (end[0][onwards], end[1][onwards]), -amount[onwards])
    return np.asarray(np.cumsum(steps, axis=axis))


def _xy_tree_hops(moving: Sequence[Trip], fabric: Fabric) -> float:
    """Links of the union of each slice's paths, each link once per spike that needs it.

    A link behind which several destinations lie carries at most the sum of their messages, and at least the largest;
    the largest is counted, since slices mostly send the same spikes to all.
    """
    by_slice: dict[tuple[int, int], list[Trip]] = defaultdict(list)
    for trip in moving:
        by_slice[trip.cluster, trip.piece].append(trip)
    if fabric.wraps:
        return sum(_walked_tree_hops(group, fabric) for group in by_slice.values())
    return sum(_tree_hops(group) for group in by_slice.values())


def _walked_tree_hops(group: list[Trip], fabric: Fabric) -> float:
    widest: dict[Link, float] = {}
    for trip in group:
        for link in pairwise(fabric.xy_path(trip.source, trip.target)):
            widest[link] = max(widest.get(link, 0.0), trip.messages)
    return sum(widest.values())


def _tree_hops(group: list[Trip]) -> float:
    x0, y0 = group[0].source
    total = 0.0
    columns: dict[int, list[Trip]] = defaultdict(list)
    for trip in group:
        columns[trip.target[0]].append(trip)
    for side in (1, -1):
        total += _staircase([(side * (t.target[0] - x0), t.messages) for t in group])
        for column in columns.values():
            total += _staircase([(side * (t.target[1] - y0), t.messages) for t in column])
    return total


def _staircase(reaches: list[tuple[int, float]]) -> float:
    """Sum over the links of a straight way of the largest message count that goes that far."""
    total, most, at = 0.0, 0.0, 0
    for distance, messages in sorted(((d, m) for d, m in reaches if d > 0), reverse=True):
        if most:
            total += most * (at - distance)
        most, at = max(most, messages), distance
    return total + most * at


def is_deadlock_free(moving: Sequence[Trip], fabric: Fabric) -> bool:
    """Whether no circle of links can wait for each other: the channel dependency graph has no cycle.

    Of few paths, and where a torus wraps, the turns they take; of many, every turn that dimension order allows among
    the routers in use. A ring that messages follow all the way round is a cycle: a torus needs virtual channels,
    which no chip file describes.
    """
    import networkx

    turns: set[tuple[Link, Link]] = set()
    if len(moving) <= CLOSED_FORM_FLOWS or fabric.wraps:
        for path in {(t.source, t.target) for t in moving}:
            turns.update(pairwise(pairwise(fabric.xy_path(*path))))
    else:
        turns = _all_turns(fabric.graph(*_corners(moving)))
    return bool(networkx.is_directed_acyclic_graph(networkx.DiGraph(sorted(turns))))


def _all_turns(graph: networkx.DiGraph) -> set[tuple[Link, Link]]:
    """Straight on, and from a row into a column: never back, never from a column into a row."""
    return {
        ((a, b), (b, c))
        for a, b in graph.edges
        for c in graph.successors(b)
        if c != a and (a[1] == b[1] or b[0] == c[0])
    }


def _route_multicast(flows: Sequence[Flow], placement: Placement) -> Routing:
    fabric = placement.fabric
    moving = trips(flows, placement, multicast=True)
    groups: dict[tuple[int, int], list[Trip]] = defaultdict(list)
    for trip in moving:
        groups[trip.cluster, trip.piece].append(trip)
    ends = [(group[0].source, sorted({t.target for t in group}), group[0].messages) for group in groups.values()]
    forest = trees_of([s for s, _, _ in ends], [t for _, t, _ in ends], [w for _, _, w in ends], fabric)
    trees: list[Tree] = []
    loads: dict[Link, float] = defaultdict(float)
    entries: Counter[int] = Counter()
    tree_hops = unicast = 0.0
    longest, wires = 0, forest.wires
    for index, ((cluster, piece), group) in enumerate(groups.items()):
        source, links = group[0].source, forest.links(index)
        trees.append(Tree(cluster, piece, links))
        for link in links:
            loads[link] += group[0].messages
        tree_hops += len(links) * group[0].messages
        depth = depths(source, links)
        longest = max(longest, *depth.values())
        unicast += sum(depth[t.target] * t.messages for t in group)
        goals = {wires.number[t.target] for t in group}
        written = entries_of(wires.number[source], forest.trees[index], goals, wires)
        entries.update(fabric.chip_of(wires.routers[r]) for r in written)
    for flow in flows:  # a slice that only feeds its own core needs an entry there too
        if flow.targets and (flow.cluster, flow.piece) not in groups:
            entries[placement.sites[flow.cluster].chip] += 1
    _check_tables(entries, fabric)
    return Routing(
        trees=tuple(trees),
        loads={link: float(load) for link, load in sorted(loads.items()) if load},
        deliveries=sum(t.messages for t in moving),
        unicast_hops=unicast,
        tree_hops=tree_hops,
        interchip=float(sum(load for (a, b), load in loads.items() if fabric.chip_of(a) != fabric.chip_of(b))),
        longest_way=longest,
        entries=dict(sorted(entries.items())),
        transit=frozenset(fabric.chip_of(router) for tree in trees for link in tree.links for router in link),
        deadlock_free=None,
    )


def _check_tables(entries: Mapping[int, int], fabric: Fabric) -> None:
    most = fabric.chip.topology.table_entries
    if most is None:
        return
    for chip, count in sorted(entries.items()):
        if count > most.count:
            raise NoPlanError(
                "FIT017",
                f"chip {chip} needs {count} routing table entries, {fabric.chip.title} has {most.count}",
                resource="table entries",
                needed=count,
                available=most.count,
                hint="raise --chips, or use a smaller network",
            )
