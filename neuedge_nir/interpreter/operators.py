"""Connection operators applied to signals: the leading axes are samples and timesteps, the rest the signal's shape.

Sums are formed in float64. A convolution is unrolled for a few samples at a time, so that the product of matrices that
it becomes stays in the processor's cache; where torch is installed, large ones go there.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse

Array = NDArray[np.float64]
Index = tuple[Any, ...]
Signal = NDArray[Any]
"""Spikes as booleans, or numbers."""

BLOCK_VALUES = 2**18
"""Values of an operator's input or output that are in work at once: 2 MiB, which caches hold."""
WORTH_TORCH = 2**32
"""Multiplications of a convolution from which on torch is worth its import: some seconds of work."""


def applied(operator: Operator, signal: Signal) -> Array:
    """What the operator makes of a signal of shape (N, *input_shape): (N, *output_shape).

    A `Delay` has a memory and is not among them: see `delays`. Raises `UsageError` (USE090) for a probability.
    """
    match operator:
        case Dense():
            return _dense(operator, signal)
        case Conv():
            return _in_blocks(operator, signal, _conv_by_torch if _suits_torch(operator, len(signal)) else _conv)
        case Pool():
            return _in_blocks(operator, signal, _pool)
        case Scale(factor=factor, shape=shape):
            scaled: Array = signal.reshape(-1, *shape) * factor.astype(np.float64, copy=False)
            return scaled
        case Sparse():
            return _sparse(operator, signal)
        case FixedProbability():
            raise undrawn(operator)
        case Delay():
            raise TypeError("a delay is no operator on one timestep")


def _dense(operator: Dense, signal: Signal) -> Array:
    weight = operator.weight.astype(np.float64, copy=False)
    rows = signal.reshape(len(signal), *operator.input_shape).astype(np.float64, copy=False)
    out: Array = rows @ weight.T if weight.ndim == 2 else np.einsum("...oi,n...i->n...o", weight, rows)
    return out


def undrawn(operator: FixedProbability) -> UsageError:
    """A probability is no network: which pairs it joins was never drawn."""
    message = f"{operator.node!r} joins each pair with probability {operator.p:g}, and none was drawn"
    hint = "draw its synapses and give them to `Sparse.of`: then they can be simulated and emitted"
    return UsageError("USE090", message, where=f"node {operator.node!r}", hint=hint)


def _sparse(operator: Sparse, signal: Signal) -> Array:
    """Row by row of the synapses, some samples at a time."""
    rows = signal.reshape(len(signal), -1)
    targets = len(operator.indptr) - 1
    out = np.zeros((len(rows), targets))
    filled = np.flatnonzero(np.diff(operator.indptr))
    step = max(1, BLOCK_VALUES // max(1, operator.indices.size))
    for start in range(0, len(rows) if filled.size else 0, step):
        products = rows[start : start + step, operator.indices] * operator.weights.astype(np.float64, copy=False)
        out[start : start + step, filled] = np.add.reduceat(products, operator.indptr[filled], axis=1)
    return out.reshape(len(rows), *operator.output_shape)


def _in_blocks(operator: Conv | Pool, signal: Signal, apply: Any) -> Array:
    rows = signal.reshape(len(signal), *operator.input_shape)
    out = np.empty((len(rows), *operator.output_shape))
    step = max(1, BLOCK_VALUES // max(1, _values(operator)))
    for start in range(0, len(rows), step):
        out[start : start + step] = apply(operator, rows[start : start + step].astype(np.float64, copy=False))
    return out


def _values(operator: Conv | Pool) -> int:
    """How many values are in work for one row."""
    size = max(math.prod(operator.input_shape), math.prod(operator.output_shape))
    if isinstance(operator, Pool):
        return size
    seen: int = math.prod(operator.output_shape[1:]) * operator.weight[0].size * operator.groups
    return max(size, seen)


def _conv(operator: Conv, rows: Array) -> Array:
    """One product of matrices: the weights of each output channel, and what each place of the output sees."""
    groups, weight = operator.groups, operator.weight.astype(np.float64, copy=False)
    channels, space = operator.output_shape[0], operator.output_shape[1:]
    padded = _padded(np.moveaxis(rows, 0, 1), operator.padding)
    by_group = padded.reshape(groups, -1, *padded.shape[1:])
    seen = np.empty((*by_group.shape[:2], math.prod(operator.kernel), len(rows), *space))
    for index, places in enumerate(_windows(operator.kernel, operator.dilation, operator.stride, space)):
        seen[:, :, index] = by_group[places]
    inputs = seen.shape[1] * seen.shape[2]
    out = weight.reshape(groups, channels // groups, inputs) @ seen.reshape(groups, inputs, -1)
    return np.moveaxis(out.reshape(channels, len(rows), *space), 1, 0)


def _padded(image: Array, padding: tuple[tuple[int, int], ...]) -> Array:
    """The image with zeros before and after its last axes."""
    if not any(map(any, padding)):
        return np.ascontiguousarray(image)
    lead = image.ndim - len(padding)
    sides = [before + length + after for length, (before, after) in zip(image.shape[lead:], padding, strict=True)]
    out = np.zeros((*image.shape[:lead], *sides))
    inner = (slice(before, before + length) for length, (before, _) in zip(image.shape[lead:], padding, strict=True))
    places: Index = (..., *inner)
    out[places] = image
    return out


@cache
def _windows(
    kernel: tuple[int, ...], dilation: tuple[int, ...], stride: tuple[int, ...], space: tuple[int, ...]
) -> tuple[Index, ...]:
    """For each tap of a kernel, the places of the padded input that it meets, one for each place of the output."""
    return tuple((..., *_window(tap, dilation, stride, space)) for tap in product(*map(range, kernel)))


def _window(
    tap: tuple[int, ...], dilation: tuple[int, ...], stride: tuple[int, ...], space: tuple[int, ...]
) -> tuple[slice, ...]:
    starts = (index * apart for index, apart in zip(tap, dilation, strict=True))
    sides = zip(starts, stride, space, strict=True)
    return tuple(slice(start, start + step * (length - 1) + 1, step) for start, step, length in sides)


def _pool(operator: Pool, rows: Array) -> Array:
    padded = _padded(rows, tuple((zeros, zeros) for zeros in operator.padding))
    out = np.zeros((len(rows), *operator.output_shape))
    for places in _windows(operator.kernel, (1, 1), operator.stride, operator.output_shape[1:]):
        out += padded[places]
    return out * operator.factor


def _suits_torch(operator: Conv, rows: int) -> bool:
    work = rows * math.prod(operator.output_shape[1:]) * operator.weight.size
    return work >= WORTH_TORCH and len(operator.kernel) <= 2 and has_torch()


@cache
def has_torch() -> bool:
    """Whether torch is installed; it is not imported for that."""
    return find_spec("torch") is not None


def _conv_by_torch(operator: Conv, rows: Array) -> Array:
    import torch
    from torch.nn import functional

    around = [side for sides in reversed(operator.padding) for side in sides]
    image = functional.pad(torch.from_numpy(np.ascontiguousarray(rows)), around)
    weight = torch.from_numpy(operator.weight.astype(np.float64))
    apply = functional.conv1d if len(operator.kernel) == 1 else functional.conv2d
    with torch.inference_mode():
        found: Array = apply(image, weight, None, operator.stride, 0, operator.dilation, operator.groups).numpy()
    return found
