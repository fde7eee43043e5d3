"""A projection with other weights: those of its effective weights, in one operator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import LAYERS, Conv, Dense, Operator, Pool, PoolKind, Scale, aligned
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.model import Projection


def carrying(projection: Projection, weights: NDArray[np.float64]) -> Projection:
    """The projection with these weights in place of its own, in the shape that `effective_weights` gives.

    Its scales and averages are in the weights already; a chain without a weighted operator gets a scale at its end.
    """
    chain = aligned(projection.chain, projection.source_shape)
    kept: tuple[Operator, ...] = tuple(_carrying(op, weights) for op in chain if not isinstance(op, Scale))
    if not any(isinstance(op, LAYERS) for op in kept):
        shape = kept[-1].output_shape if kept else projection.source_shape
        factor = weights.reshape(()) if weights.size == 1 else weights.reshape(shape)
        kept = (*kept, Scale(projection.target, factor, shape))
    return replace(projection, chain=kept)


def _carrying(operator: Operator, weights: NDArray[np.float64]) -> Operator:
    match operator:
        case Dense() | Conv():
            return replace(operator, weight=weights)
        case Sparse():
            return replace(operator, weights=weights)
        case Pool():
            return replace(operator, kind=PoolKind.SUM)
        case _:
            return operator
