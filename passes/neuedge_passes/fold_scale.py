"""fold-scale: multiply scales and averages into the weights next to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, Scale
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.door import Context
from neuedge_passes.factors import Array, Chain, Change, Kinds, flat, nearest, reweighted

LAYERS: Kinds = (Dense, Conv)


@dataclass(frozen=True, slots=True)
class FoldScale:
    """A scale before or behind a weighted layer is a scale of its weights: W(ax) = (Wa)x and a(Wx) = (aW)x.

    Sound, because every operator is linear: a uniform factor may move through all of them, into the nearest layer;
    an average pool is a sum pool and such a factor. A factor per channel, as of a batch normalisation, moves through
    pools, delays and scales, into the columns (before) or rows (behind) of a Dense, or into the input or output
    channels of a Conv: padding stays zero. A factor per element moves through delays and scales into a Dense. Two
    scales that no layer takes become one where that stores no more. A layer that several projections share is changed
    only where each of them asks for the same, and stays shared. What would overflow or vanish stays as it is.

    Weights are rounded once more, in the last bit, unless the factors are powers of two.
    """

    name: ClassVar[str] = "fold-scale"
    summary: ClassVar[str] = "multiply scales and averages into the weights next to them"
    keeps: ClassVar[str] = "exact"
    requires: ClassVar[tuple[str, ...]] = ()

    def run(self, network: Network, context: Context) -> Network:
        """The network without foldable scales; the same network where there are none."""
        del context
        while (after := _once(network)) is not network:
            network = after
        return network


def _once(network: Network) -> Network:
    def plan(frozen: Collection[int]) -> list[Change]:
        return [_change(projection.chain, frozen) for projection in network.projections]

    return reweighted(network, plan)[0]


def _change(chain: Chain, frozen: Collection[int]) -> Change:
    """All factors that a layer of the chain takes; where there is none, one that another scale takes."""
    moved = _moved(chain, frozen, LAYERS)
    return moved if moved.gone or moved.factors else _moved(chain, frozen, (Scale,), most=1)


def _moved(chain: Chain, frozen: Collection[int], kinds: Kinds, most: int | None = None) -> Change:
    factors: dict[int, Array] = {}
    gone: set[int] = set()
    for place, operator in enumerate(chain):
        factor = _factor(operator, frozen)
        if factor is None or (kinds == (Scale,) and isinstance(operator, Pool)):
            continue
        idle = isinstance(operator, Scale) and not factor.ndim and factor == 1
        goal = None if idle else nearest(chain, place, factor, kinds, frozen)
        if goal is not None:
            factors[goal.place] = factors.get(goal.place, np.ones(())) * goal.factor
        if goal is not None and isinstance(operator, Pool):
            factors[place] = factor
        elif goal is not None or idle:
            gone.add(place)
        if most is not None and len(gone) == most:
            break
    return Change(factors, frozenset(gone))


def _factor(operator: Operator, frozen: Collection[int]) -> Array | None:
    """What an operator multiplies its signal with, if that can be taken from it."""
    match operator:
        case Scale(factor=values, shape=shape):
            return flat(values, shape)
        case Pool() if operator.factor != 1 and id(operator) not in frozen:
            return np.asarray(operator.factor)
        case _:
            return None
