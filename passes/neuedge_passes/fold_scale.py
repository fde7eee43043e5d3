"""fold-scale: multiply scales into the weights next to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from neuedge_nir.network.connect import Conv, Dense, Operator, Scale
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.rewrite.door import Context


@dataclass(frozen=True, slots=True)
class FoldScale:
    """A scale before or behind a weighted layer is a scale of its weights: W(ax) = (Wa)x and a(Wx) = (aW)x.

    Sound for uniform scales next to any weighted layer, and for scales per element next to a dense one; others stay.
    """

    name: ClassVar[str] = "fold-scale"
    summary: ClassVar[str] = "multiply scales into the weights next to them"
    keeps: ClassVar[str] = "exact"
    requires: ClassVar[tuple[str, ...]] = ()

    def run(self, network: Network, context: Context) -> Network:
        """The network without foldable scales; the same network where there are none."""
        del context
        folded = tuple(_folded(p) for p in network.projections)
        if all(after is before for after, before in zip(folded, network.projections, strict=True)):
            return network
        return replace(network, projections=folded)


def _folded(projection: Projection) -> Projection:
    """The projection with neighbours merged until no two are left that can be."""
    chain = projection.chain
    while (shorter := _once(chain)) != chain:
        chain = shorter
    return projection if chain == projection.chain else replace(projection, chain=chain)


def _once(chain: tuple[Operator, ...]) -> tuple[Operator, ...]:
    found: list[Operator] = []
    for operator in chain:
        merged = _merge(found[-1], operator) if found else None
        found = [*found[:-1], merged] if merged is not None else [*found, operator]
    return tuple(found)


def _merge(first: Operator, second: Operator) -> Operator | None:
    """One operator that does what the two do, or None where there is none."""
    match first, second:
        case (Scale(factor=a), (Dense() | Conv()) as layer):
            return _scaled(layer, a, inputs=True)
        case ((Dense() | Conv()) as layer, Scale(factor=a)):
            return _scaled(layer, a, inputs=False)
        case _:
            return None


def _scaled(layer: Dense | Conv, factor: np.ndarray, *, inputs: bool) -> Operator | None:
    weight = np.asarray(layer.weight, dtype=np.float64)
    if factor.size == 1:
        return replace(layer, weight=weight * factor.reshape(()))
    if isinstance(layer, Dense) and weight.ndim == 2 and factor.size == weight.shape[1 if inputs else 0]:
        row = factor.reshape(-1)
        return replace(layer, weight=weight * row if inputs else weight * row[:, None])
    return None
