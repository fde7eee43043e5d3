"""merge-linear: one layer for several linear ones in a row or side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from neuedge_nir.network.connect import Conv, Dense, Operator
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.rewrite.door import Context
from neuedge_passes.factors import stored
from neuedge_passes.merging import merged, named, precise


@dataclass(frozen=True, slots=True)
class MergeLinear:
    """Two linear maps in a row are one, their product; two side by side are one, their sum: V(Wx) = (VW)x.

    Sound for these, which nothing non-linear parts (biases are currents of the population behind all of them):
    a Dense behind a Dense of the same batch axes; a Conv with a kernel of 1 in front (stride 1) or behind (any stride),
    without padding, in one group, and any other Conv: each output channel is a sum of kernels, and no padding lies
    between; projections of one Dense each between the same ends, with equal delay and signal. Sums are formed in
    another order, so that the last bits may differ.

    Merged is only what then stores no more weights, shared layers counted once: 100 x 2 behind 2 x 100 stays two.
    `force` merges all.
    """

    name: ClassVar[str] = "merge-linear"
    summary: ClassVar[str] = "one layer for linear layers in a row or side by side"
    keeps: ClassVar[str] = "exact"
    requires: ClassVar[tuple[str, ...]] = ()

    force: Annotated[bool, Meta(description="merge even where that stores more weights")] = False

    def run(self, network: Network, context: Context) -> Network:
        """The network with fewer layers; the same network where none can be merged."""
        del context
        while (after := self._once(network)) is not network:
            network = after
        return network

    def _once(self, network: Network) -> Network:
        return _side_by_side(merged(network, _merge, growing=self.force), growing=self.force)


def _merge(first: Operator, second: Operator, most: float) -> Operator | None:
    match first, second:
        case Dense(), Dense() if first.output_shape == second.input_shape:
            size = math.prod(second.output_shape) * first.input_shape[-1]
            return _dense(first, second) if size <= most else None
        case Conv(), Conv() if first.output_shape == second.input_shape:
            size = second.output_shape[0] * first.input_shape[0] * math.prod((*first.kernel, *second.kernel))
            if _pointwise(second):
                return _behind(first, second) if size <= most else None
            if _pointwise(first) and set(first.stride) == {1}:
                return _before(first, second) if size <= most else None
    return None


@np.errstate(over="ignore", invalid="ignore")
def _dense(first: Dense, second: Dense) -> Dense | None:
    weight = precise(np.matmul(second.weight, first.weight, dtype=np.float64), first.weight, second.weight)
    return None if weight is None else Dense(named(first, second), weight)


def _pointwise(conv: Conv) -> bool:
    return conv.groups == 1 and not any(map(any, conv.padding)) and set(conv.kernel) == {1}


@np.errstate(over="ignore", invalid="ignore")
def _behind(first: Conv, second: Conv) -> Conv | None:
    """A kernel, then one of 1: every so many windows of the first are seen."""
    points = second.weight.reshape(second.weight.shape[:2]).astype(np.float64)
    weight = precise(np.tensordot(points, _ungrouped(first), axes=1), first.weight, second.weight)
    if weight is None:
        return None
    stride = tuple(a * b for a, b in zip(first.stride, second.stride, strict=True))
    name, shape = named(first, second), second.output_shape
    return replace(first, node=name, weight=weight, output_shape=shape, stride=stride, groups=1)


@np.errstate(over="ignore", invalid="ignore")
def _before(first: Conv, second: Conv) -> Conv | None:
    """A kernel of 1, then any: zeros of padding are zeros in front of both."""
    points = first.weight.reshape(first.weight.shape[:2]).astype(np.float64)
    kernels = np.moveaxis(np.tensordot(_ungrouped(second), points, axes=(1, 0)), -1, 1)
    weight = precise(kernels, first.weight, second.weight)
    if weight is None:
        return None
    return replace(second, node=named(first, second), weight=weight, input_shape=first.input_shape, groups=1)


def _ungrouped(conv: Conv) -> np.ndarray:
    """The weights as of a convolution of one group: each output channel has zeros for the channels of other groups."""
    outputs, inputs = conv.weight.shape[:2]
    whole = np.zeros((outputs, inputs * conv.groups, *conv.kernel))
    rows = outputs // conv.groups
    for group in range(conv.groups):
        here = slice(group * rows, (group + 1) * rows)
        whole[here, group * inputs : (group + 1) * inputs] = conv.weight[here]
    return whole


def _side_by_side(network: Network, *, growing: bool) -> Network:
    """Projections of one Dense each, between the same ends and alike in all else, as one."""
    alike: dict[tuple[object, ...], list[Projection]] = {}
    for p in network.projections:
        if len(p.chain) == 1 and isinstance(layer := p.chain[0], Dense):
            alike.setdefault((p.source, p.target, p.steps, p.signal, layer.weight.shape), []).append(p)
    for group in alike.values():
        after = _summed(network, group) if len(group) > 1 else network
        if growing or stored(after) <= stored(network):
            network = after
    return network


def _summed(network: Network, group: list[Projection]) -> Network:
    """The first of the projections with the weights of all; the others are left out."""
    layer = _sum(p.chain[0] for p in group)
    if layer is None:
        return network
    first, *others = group
    gone = {p.name for p in others}
    left = (p for p in network.projections if p.name not in gone)
    return replace(network, projections=tuple(replace(p, chain=(layer,)) if p is first else p for p in left))


@np.errstate(over="ignore", invalid="ignore")
def _sum(layers: Iterable[Operator]) -> Dense | None:
    found = [layer for layer in layers if isinstance(layer, Dense)]
    total = np.sum([layer.weight.astype(np.float64) for layer in found], axis=0)
    weight = precise(total, *(layer.weight for layer in found))
    return None if weight is None else Dense("+".join(layer.node for layer in found), weight)
