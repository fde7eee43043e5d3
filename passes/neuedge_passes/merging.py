"""Two operators in a row as one: in every chain that holds them, so that what was shared stays shared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Operator, weights_of
from neuedge_nir.network.model import Network, Projection
from neuedge_passes.factors import stored

Weights = NDArray[np.floating]
Merge = Callable[[Operator, Operator, float], Operator | None]
"""One operator of at most so many weights that does what two do, the first before the second; None: there is none."""


def merged(network: Network, merge: Merge, *, growing: bool) -> Network:
    """The network with pairs merged until none is left that may be; those that would store more only if `growing`."""
    while (after := _once(network, merge, growing)) is not network:
        network = after
    return network


def _once(network: Network, merge: Merge, growing: bool) -> Network:
    for first, second in _pairs(network):
        one = merge(first, second, math.inf if growing else _weights(first) + _weights(second))
        if one is None:
            continue
        after = _with(network, first, second, one)
        if growing or stored(after) <= stored(network):
            return after
    return network


def _weights(operator: Operator) -> int:
    weights = weights_of(operator)
    return 0 if weights is None else weights.size


def _pairs(network: Network) -> Iterator[tuple[Operator, Operator]]:
    """Neighbours in chains, each two once."""
    pairs = {(id(a), id(b)): (a, b) for p in network.projections for a, b in pairwise(p.chain)}
    return iter(pairs.values())


def _with(network: Network, first: Operator, second: Operator, one: Operator) -> Network:
    def shorter(projection: Projection) -> Projection:
        found: list[Operator] = []
        for operator in projection.chain:
            if operator is second and found and found[-1] is first:
                found[-1] = one
            else:
                found.append(operator)
        return replace(projection, chain=tuple(found)) if len(found) < len(projection.chain) else projection

    return replace(network, projections=tuple(map(shorter, network.projections)))


def named(first: Operator, second: Operator) -> str:
    """What the one is called that two become."""
    return f"{first.node}+{second.node}"


def precise(values: NDArray[np.float64], *parts: Weights) -> Weights | None:
    """Weights computed from others, in their precision where that holds them; None where they overflow."""
    if not np.isfinite(values).all():
        return None
    with np.errstate(over="ignore", under="ignore"):
        narrow: Weights = values.astype(np.result_type(*parts))
    return narrow if np.array_equal(narrow, values) else values
