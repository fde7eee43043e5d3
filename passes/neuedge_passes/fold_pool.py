"""fold-pool: write a pool and the layer behind it as one layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.network.connect import Conv, Dense, Operator, Pool
from neuedge_nir.network.edit import with_remarks
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.door import Context
from neuedge_passes.merging import merged, named, precise


@dataclass(frozen=True, slots=True)
class FoldPool:
    """A pool is a linear map with weights of 1 (or 1 / window), so that it and the layer behind it are one layer.

    Sound for a Dense: each input pixel gets the sum of the weights of the windows that it is in. For a Conv: a tap k of
    the kernel sees the window that begins at pixel s (S y + D k - P) - p of the image, for the pool's stride s and
    padding p and the layer's S, D and P; so the taps of the one kernel lie at s D k + j, its stride is s S and its
    padding s P + p. Where windows overlap their taps add up. That holds as long as all windows that the layer takes for
    its own padding lie off the image, and as long as the one layer sees no more windows than the two; where they do not
    (a pool that leaves pixels at the edge and a padded layer, windows wider than stride and padding) the two stay. Sums
    are formed in another order, so that the last bits may differ.

    The weights grow; a remark says from what to what. Useful where pools cost more than weights: chips that need an
    axon for each source. Layers that would grow more than `growth` times stay.
    """

    name: ClassVar[str] = "fold-pool"
    summary: ClassVar[str] = "write a pool and the layer behind it as one larger layer"
    keeps: ClassVar[str] = "exact"
    requires: ClassVar[tuple[str, ...]] = ()

    growth: Annotated[float, Meta(ge=1, description="how many times the weights of a layer may grow")] = 16.0

    def run(self, network: Network, context: Context) -> Network:
        """The network with fewer pools; the same network where none can be folded."""
        del context
        remarks: list[Diagnostic] = []

        def merge(first: Operator, second: Operator, most: float) -> Operator | None:
            del most
            one = self._merged(first, second)
            if one is not None and isinstance(second, Dense | Conv):
                remarks.append(_grown(one, second.weight.size))
            return one

        after = merged(network, merge, growing=True)
        return after if after is network else with_remarks(after, *remarks)

    def _merged(self, pool: Operator, layer: Operator) -> Dense | Conv | None:
        if not isinstance(pool, Pool):
            return None
        match layer:
            case Dense(weight=weight) if weight.ndim == 2:
                grown = math.prod(pool.input_shape) / math.prod(pool.output_shape)
                return _dense(pool, layer) if grown <= self.growth else None
            case Conv() if layer.input_shape == pool.output_shape:
                axes = [_axis(pool, layer, axis) for axis in (0, 1)]
                grown = math.prod(axis.kernel for axis in axes if axis is not None) / math.prod(layer.kernel)
                return _conv(pool, layer, axes) if grown <= self.growth else None
        return None


def _grown(one: Dense | Conv, before: int) -> Diagnostic:
    message = f"a pool went into these weights: {before:,} stored -> {one.weight.size:,}"
    return Diagnostic("PASS004", Severity.INFO, one.node, message)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the one kernel: where taps of the two lie, and how it moves."""

    kernel: int
    stride: int
    before: int
    after: int
    apart: int
    """Pixels between the windows of neighbouring taps of the layer."""


def _axis(pool: Pool, conv: Conv, axis: int) -> Axis | None:
    """None where the layer would see part of the image in its own padding, or where the one would see too much."""
    window, step, zeros = pool.kernel[axis], pool.stride[axis], pool.padding[axis]
    size, grid, places = pool.input_shape[1 + axis], pool.output_shape[1 + axis], conv.output_shape[1 + axis]
    taps, stride, dilation, padding = conv.kernel[axis], conv.stride[axis], conv.dilation[axis], conv.padding[axis][0]
    seen = {stride * place + dilation * tap - padding for place, tap in product(range(places), range(taps))}
    padded = (step * index - zeros for index in seen if not 0 <= index < grid)
    if any(start < size and start + window > 0 for start in padded):
        return None
    apart = step * dilation
    kernel, jump, before = apart * (taps - 1) + window, step * stride, step * padding + zeros
    after = max(0, jump * (places - 1) + kernel - size - before)
    if (size + before + after - kernel) // jump + 1 != places:
        return None
    return Axis(kernel, jump, before, after, apart)


@np.errstate(over="ignore", invalid="ignore")
def _conv(pool: Pool, conv: Conv, axes: list[Axis | None]) -> Conv | None:
    rows, columns = axes
    if rows is None or columns is None:
        return None
    weight = np.zeros((*conv.weight.shape[:2], rows.kernel, columns.kernel))
    places = [
        range(0, axis.apart * (taps - 1) + 1, axis.apart)
        for axis, taps in zip((rows, columns), conv.kernel, strict=True)
    ]
    for i, j in product(*map(range, pool.kernel)):
        weight[:, :, i : places[0].stop + i : rows.apart, j : places[1].stop + j : columns.apart] += conv.weight
    found = precise(weight * pool.factor, conv.weight)
    if found is None:
        return None
    return replace(
        conv,
        node=named(pool, conv),
        weight=found,
        input_shape=pool.input_shape,
        stride=(rows.stride, columns.stride),
        padding=((rows.before, rows.after), (columns.before, columns.after)),
        dilation=(1, 1),
    )


@np.errstate(over="ignore", invalid="ignore")
def _dense(pool: Pool, layer: Dense) -> Dense | None:
    channels, height, width = pool.input_shape
    padded = [size + 2 * zeros for size, zeros in zip((height, width), pool.padding, strict=True)]
    image: NDArray[np.float64] = np.zeros((len(layer.weight), channels, *padded))
    grid = layer.weight.reshape(len(layer.weight), *pool.output_shape)
    for i, j in product(*map(range, pool.kernel)):
        (rows, columns), (down, right) = pool.output_shape[1:], pool.stride
        image[:, :, i : i + down * (rows - 1) + 1 : down, j : j + right * (columns - 1) + 1 : right] += grid
    top, left = pool.padding
    inner = image[:, :, top : top + height, left : left + width].reshape(len(layer.weight), -1)
    weight = precise(inner * pool.factor, layer.weight)
    return None if weight is None else Dense(named(pool, layer), weight)
