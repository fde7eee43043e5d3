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

from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale

Array = NDArray[np.float64]
Index = tuple[Any, ...]
Signal = NDArray[Any]
"""Spikes as booleans, or numbers."""

BLOCK_VALUES = 2**17
"""Values of an operator's input or output that are in work at once: 1 MiB, which caches hold."""
WORTH_TORCH = 2**24
"""Multiplications of a convolution from which on torch is worth its import."""


def applied(operator: Operator, signal: Signal) -> Array:
    """What the operator makes of a signal of shape (N, *input_shape): (N, *output_shape).

    A `Delay` has a memory and is not among them: see `delays`.
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
        case Delay():
            raise TypeError("a delay is no operator on one timestep")


def _dense(operator: Dense, signal: Signal) -> Array:
    weight = operator.weight.astype(np.float64, copy=False)
    rows = signal.reshape(len(signal), *operator.input_shape).astype(np.float64, copy=False)
    out: Array = rows @ weight.T if weight.ndim == 2 else np.einsum("...oi,n...i->n...o", weight, rows)
    return out


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
    padded = np.pad(np.moveaxis(rows, 0, 1), [(0, 0), (0, 0), *operator.padding])
    by_group = padded.reshape(groups, -1, *padded.shape[1:])
    seen = np.empty((*by_group.shape[:2], math.prod(operator.kernel), len(rows), *space))
    for index, tap in enumerate(product(*map(range, operator.kernel))):
        places: Index = (..., *_window(tap, operator.dilation, operator.stride, space))
        seen[:, :, index] = by_group[places]
    inputs = seen.shape[1] * seen.shape[2]
    out = weight.reshape(groups, channels // groups, inputs) @ seen.reshape(groups, inputs, -1)
    return np.moveaxis(out.reshape(channels, len(rows), *space), 1, 0)


def _window(
    tap: tuple[int, ...], dilation: tuple[int, ...], stride: tuple[int, ...], space: tuple[int, ...]
) -> tuple[slice, ...]:
    """The places of the padded input that a kernel tap meets, one for each place of the output."""
    starts = (index * apart for index, apart in zip(tap, dilation, strict=True))
    sides = zip(starts, stride, space, strict=True)
    return tuple(slice(start, start + step * (length - 1) + 1, step) for start, step, length in sides)


def _pool(operator: Pool, rows: Array) -> Array:
    high, wide = operator.padding
    padded = np.pad(rows, [(0, 0), (0, 0), (high, high), (wide, wide)])
    space = operator.output_shape[1:]
    out = np.zeros((len(rows), *operator.output_shape))
    for tap in product(*map(range, operator.kernel)):
        places: Index = (..., *_window(tap, (1, 1), operator.stride, space))
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
