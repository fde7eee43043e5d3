"""The weights of a projection in one operator, with its scales and averages folded in: what a chip has to store."""

from __future__ import annotations

import numpy as np

from neuedge_nir.errors import CapacityError
from neuedge_nir.mapping.irregular_weights import irregular_weights
from neuedge_nir.mapping.weights import Weights
from neuedge_nir.network.connect import LAYERS, Conv, Dense, Pool, Scale, aligned, irregular_in
from neuedge_nir.network.model import Projection


def node_of(projection: Projection) -> str:
    """The node whose weights a projection carries; where it has none, its target."""
    weighted = [op.node for op in projection.chain if isinstance(op, LAYERS)]
    return weighted[-1] if weighted else projection.target


def effective_weights(projection: Projection) -> Weights:
    """The weights of a projection with its scales and averages folded in, in the shape of its weighted operator.

    A projection without a weighted operator has one factor per element in a row, or one for all where uniform; single
    synapses have a weight each, and a probability has one number.
    Raises `CapacityError` where a scale that differs from element to element meets a shared kernel or a pool.
    """
    if (irregular := irregular_in(projection.chain)) is not None:
        return irregular_weights(projection, irregular)
    weights: Weights | None = None
    factor: Weights = np.ones((1,) * len(projection.source_shape))
    shape = projection.source_shape  # of the signal that the factor applies to
    for op in aligned(projection.chain, projection.source_shape):
        match op:
            case Dense() | Conv():
                weights = _times_inputs(op, factor, shape, projection)
                factor = np.ones((1,) * len(op.output_shape))
            case Scale(factor=f):
                factor = factor.reshape(_rank(factor, op.shape)) * f
            case Pool():
                factor = _per_channel(factor, projection).reshape(-1, 1, 1) * op.factor
            case _:
                pass
        shape = op.output_shape
    if weights is None:
        return np.broadcast_to(factor, shape).ravel() if factor.size > 1 else factor.reshape(())
    if _is_one(factor):
        return weights
    if weights.ndim == 2 and factor.size > 1:
        return np.asarray(weights * np.broadcast_to(factor, shape).reshape(-1, 1))
    return np.asarray(weights * _per_channel(factor, projection).reshape(-1, *(1,) * (weights.ndim - 1)))


def _is_one(factor: Weights) -> bool:
    return factor.size == 1 and float(factor.reshape(())) == 1.0


def _rank(factor: Weights, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A uniform factor takes the rank of the shape that follows; another keeps its own."""
    return (1,) * len(shape) if factor.size == 1 else factor.shape


def _per_channel(factor: Weights, projection: Projection) -> Weights:
    """A factor that is one number, or one for each channel, as a row."""
    if factor.size != 1 and factor.size != factor.shape[0]:
        raise _unfoldable(projection, factor)
    return factor.ravel()


def _times_inputs(op: Dense | Conv, factor: Weights, shape: tuple[int, ...], projection: Projection) -> Weights:
    """Weights times the factor of their inputs: element by element for a dense layer, by channel for a kernel."""
    if _is_one(factor):
        return op.weight  # no copy: it may lie on disk
    weight = np.asarray(op.weight, dtype=np.float64)
    if factor.size == 1:
        return np.asarray(weight * factor.reshape(()))
    if isinstance(op, Dense):
        return np.asarray(weight * np.broadcast_to(factor, shape).reshape(op.input_shape)[..., None, :])
    channels = _per_channel(factor, projection).reshape(op.groups, -1)
    per_output = np.repeat(channels, op.output_shape[0] // op.groups, axis=0)
    return np.asarray(weight * per_output.reshape(*per_output.shape, *(1,) * len(op.kernel)))


def _unfoldable(projection: Projection, factor: Weights) -> CapacityError:
    return CapacityError(
        "FIT011",
        "a scale that differs from element to element cannot share the weights behind or before it",
        where=f"node {node_of(projection)!r}",
        resource="factors of a shared weight",
        needed=factor.size,
        available=factor.shape[0],
        hint="make the scale uniform per channel, or unshare the kernel",
    )
