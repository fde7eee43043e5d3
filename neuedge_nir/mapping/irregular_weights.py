"""The weights of irregular projections with the scales beside them folded in."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import NoPlanError
from neuedge_nir.network.connect import Operator, Scale
from neuedge_nir.network.connect_sparse import FixedProbability, Irregular, Sparse
from neuedge_nir.network.model import Projection

Weights = NDArray[np.floating]

MOST_EXPANDED = 1 << 26
"""Pairs of a matrix into which single synapses are written where a chip chooses weights by neuron: half a GiB."""


def irregular_weights(projection: Projection, operator: Irregular) -> Weights:
    """One weight for each synapse, in the order of the rows; one number where all have the same.

    Where scales differ from element to element, a probability has the mean weight of all pairs.
    """
    at = next(place for place, op in enumerate(projection.chain) if op is operator)
    before = _factor(projection.chain[:at], math.prod(operator.input_shape))
    behind = _factor(projection.chain[at + 1 :], math.prod(operator.output_shape))
    if isinstance(operator, FixedProbability):
        return np.asarray(operator.weight * before.mean() * behind.mean())
    if before.size == behind.size == 1:
        factor = float(before[0] * behind[0])
        return operator.weights if factor == 1 else _times(operator.weights, factor)
    columns = before if before.size == 1 else before[operator.indices]
    rows = behind if behind.size == 1 else np.repeat(behind, np.diff(operator.indptr))
    return np.asarray(operator.weights * columns * rows)


def _times(weights: Weights, factor: float) -> Weights:
    """Weights that are all one number stay so."""
    if weights.size and not any(weights.strides):
        return np.broadcast_to(np.asarray(weights[0] * factor), weights.shape)
    return np.asarray(weights * factor)


def _factor(chain: Iterable[Operator], size: int) -> NDArray[np.float64]:
    """The product of scales in a row: one for each element, or one for all."""
    found = np.ones(1)
    for operator in chain:
        if isinstance(operator, Scale):
            uniform = operator.factor.size == 1
            own = operator.factor.reshape(1) if uniform else np.broadcast_to(operator.factor, operator.shape).ravel()
            found = found * own
    return np.broadcast_to(found, size) if found.size > 1 else found


def expanded(operator: Sparse, weights: Weights) -> Weights:
    """Weights of synapses as a matrix (targets, sources), 0 where there is none.

    Raises `NoPlanError` (FIT066) for a matrix that is too large.
    """
    targets, sources = len(operator.indptr) - 1, math.prod(operator.input_shape)
    if targets * sources > MOST_EXPANDED:
        raise NoPlanError(
            "FIT066",
            f"weights by axon type are chosen over all {targets:,} x {sources:,} pairs, at most {MOST_EXPANDED:,}",
            where=f"node {operator.node!r}",
            hint="cut the population into several, or choose another chip",
        )
    found = np.zeros((targets, sources))
    found[operator.rows, operator.indices] = weights
    return found
