"""Messages onto the links of a mesh or torus in dimension order, and whether they may wait for each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.fabric import Fabric, Link
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.routing.model import Moves, Routing, moves_of
from neuedge_nir.mapping.routing.order import STEPS, link_counts, offsets, tree_counts
from neuedge_nir.mapping.traffic import Flow


def route_mesh(flows: Sequence[Flow], placement: Placement) -> Routing:
    """Routes in dimension order. Raises `NoPlanError` (FIT016) where a message leaves the machine, or goes too far."""
    fabric = placement.fabric
    moves = moves_of(flows, placement)
    _check_offsets(moves, fabric)
    links = link_loads(moves, fabric)
    loads = {link: load for link, load in links.items() if load}
    hops = np.abs(_far(moves, fabric)).sum(axis=1)
    rates = np.array([flow.rate for flow in flows])
    size = fabric.columns, fabric.rows
    trees = tree_counts(moves.flow, moves.sources, moves.targets, moves.counts, size, wraps=fabric.wraps,
                        flows=len(flows))  # fmt: skip
    return Routing(
        trees=(),
        loads=loads,
        deliveries=float(moves.messages.sum()),
        unicast_hops=float((hops * moves.messages).sum()),
        tree_hops=float((trees * rates).sum()),
        interchip=float(sum(load for (a, b), load in loads.items() if fabric.chip_of(a) != fabric.chip_of(b))),
        longest_way=int(hops.max(initial=0)),
        entries={},
        transit=frozenset(fabric.chip_of(router) for link in links for router in link),
        deadlock_free=is_deadlock_free(moves, fabric),
    )


def _far(moves: Moves, fabric: Fabric) -> np.ndarray:
    return offsets(moves.sources, moves.targets, (fabric.columns, fabric.rows), wraps=fabric.wraps)


def _check_offsets(moves: Moves, fabric: Fabric) -> None:
    most = fabric.chip.topology.max_offset
    if most is None or not len(moves):
        return
    far = np.abs(_far(moves, fabric)).max(axis=1)
    worst = int(far.argmax())
    if far[worst] > most.count:
        source, target = (tuple(ends[worst].tolist()) for ends in (moves.sources, moves.targets))
        raise NoPlanError(
            "FIT016",
            f"a message from {source} to {target} goes {far[worst]} routers along one axis, "
            f"{fabric.chip.title} sends it {most.count} at most",
            resource="routers",
            needed=int(far[worst]),
            available=most.count,
            hint="make the network smaller",
        )


def link_loads(moves: Moves, fabric: Fabric) -> Mapping[Link, float]:
    """Messages per step on every link of a dimension-order path, silent ones included.

    The sums are of whole numbers, one for each rate, so that a link without messages has exactly none.
    Raises `NoPlanError` where a path leaves the machine.
    """
    size = fabric.columns, fabric.rows
    found: dict[Link, float] = defaultdict(float)
    for rate in np.unique(moves.rates).tolist():
        own = moves.rates == rate
        counts = link_counts(moves.sources[own], moves.targets[own], moves.counts[own], size, wraps=fabric.wraps)
        for d, x, y in np.argwhere(counts).tolist():
            found[(x, y), _ahead((x, y), d, fabric)] += int(counts[d, x, y]) * rate
    _check_ways(sorted(found), fabric)
    return dict(sorted(found.items()))


def _check_ways(links: Sequence[Link], fabric: Fabric) -> None:
    """Raises `NoPlanError`: FIT063 where messages would cross what is dead, FIT016 where there never was a chip."""
    size = np.array([fabric.chip_columns, fabric.chip_rows])
    for link in links:
        if link in fabric.dead:
            raise crossed_dead(f"the dead link between {link[0]} and {link[1]}")
        if outside := next((router for router in link if not fabric.fitted(router)), None):
            column, row = (np.array(outside) // size).tolist()
            if (column, row) in fabric.gone:
                raise crossed_dead(f"the dead chip at {(column, row)}")
            raise NoPlanError("FIT016", f"a way leads through {outside}, where the machine has no chip")


def crossed_dead(what: str) -> NoPlanError:
    return NoPlanError(
        "FIT063",
        f"messages go in dimension order and would cross {what}; whether another placement avoids it is not proved",
        where="--dead",
        hint="forbid or pin cores so that none sends across it, or try another --effort",
    )


def _ahead(router: tuple[int, int], step: int, fabric: Fabric) -> tuple[int, int]:
    x, y = router[0] + STEPS[step][0], router[1] + STEPS[step][1]
    return (x % fabric.columns, y % fabric.rows) if fabric.wraps else (x, y)


def is_deadlock_free(moves: Moves, fabric: Fabric) -> bool:
    """Whether no circle of links can wait for each other: the channel dependency graph has no cycle.

    On a mesh that does not wrap, dimension order excludes it: number the links eastwards by their column, westwards
    against it, then those along columns likewise, above all of those; every message crosses links of rising numbers.
    Where a torus wraps, the turns that messages take are looked at. A ring that messages follow all the way round is a
    cycle: a torus needs virtual channels, which no chip file describes.
    """
    if not fabric.wraps:
        return True
    import networkx

    ends = {(tuple(a), tuple(b)) for a, b in zip(moves.sources.tolist(), moves.targets.tolist(), strict=True)}
    turns: set[tuple[Link, Link]] = set()
    for source, target in sorted(ends):
        turns.update(pairwise(pairwise(fabric.xy_path(source, target))))
    return bool(networkx.is_directed_acyclic_graph(networkx.DiGraph(sorted(turns))))
