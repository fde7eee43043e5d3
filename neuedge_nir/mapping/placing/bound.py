"""How short all ways together can be at best, whatever the placement."""

from __future__ import annotations

import numpy as np

from neuedge_nir.mapping.placing.graph import Floats, Ints


def nearest(count: int, per_router: int, hexagonal: bool) -> Ints:
    """Hops to the `count` nearest other cores of a core, at best: in a machine without an edge.

    A router has `per_router` cores; a ring of routers at distance d has 4 d of them, in a hexagonal mesh 6 d.
    """
    around, found, ring = (6 if hexagonal else 4) * per_router, [0] * (per_router - 1), 0
    while len(found) < count:
        ring += 1
        found += [ring] * (around * ring)
    return np.array(found[:count], dtype=np.int64)


def least_hops(count: int, a: Ints, b: Ints, weight: Floats, per_router: int, hexagonal: bool) -> float:
    """Hops of all messages in a step that no placement undercuts: the degree bound.

    `a[i]` and `b[i]`, of `count` clusters, exchange `weight[i]`. Each cluster's heaviest exchanges go to the nearest
    cores there can be; every exchange is counted at both ends, so half of the sum is due.
    """
    apart = a != b
    low, high = np.minimum(a, b)[apart], np.maximum(a, b)[apart]
    pairs, place = np.unique(low * count + high, return_inverse=True)
    together = np.bincount(place.ravel(), weight[apart], len(pairs))
    ends, both = np.concatenate([pairs // count, pairs % count]), np.concatenate([together, together])
    order = np.lexsort((-both, ends))
    degrees = np.bincount(ends, minlength=count)
    rank = np.arange(len(ends)) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    hops = nearest(int(degrees.max(initial=0)), per_router, hexagonal)
    return float((both[order] * hops[rank]).sum()) / 2
