"""How short all ways together can be at best, whatever the placement."""

from __future__ import annotations

import numpy as np

from neuedge_nir.mapping.placing.graph import Graph, Ints


def nearest(count: int, per_router: int, hexagonal: bool) -> Ints:
    """Hops to the `count` nearest other cores of a core, at best: in a machine without an edge.

    A router has `per_router` cores; a ring of routers at distance d has 4 d of them, in a hexagonal mesh 6 d.
    """
    around, found, ring = (6 if hexagonal else 4) * per_router, [0] * (per_router - 1), 0
    while len(found) < count:
        ring += 1
        found += [ring] * (around * ring)
    return np.array(found[:count], dtype=np.int64)


def least_hops(graph: Graph, per_router: int, hexagonal: bool) -> float:
    """Hops of all messages in a step that no placement undercuts: the degree bound.

    Each cluster's heaviest exchanges go to the nearest cores there can be; every exchange is counted at both ends, so
    half of the sum is due.
    """
    order = np.lexsort((-graph.weights, graph.sources))
    degrees = np.diff(graph.starts)
    rank = np.arange(len(graph.weights)) - np.repeat(graph.starts[:-1], degrees)
    hops = nearest(int(degrees.max(initial=0)), per_router, hexagonal)
    weighed = graph.weights[order] * hops[rank] * graph.unit
    return float(weighed.sum()) / 2
