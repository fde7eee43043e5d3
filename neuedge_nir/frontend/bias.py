"""Biases of stateless nodes as constant currents of the population behind them.

A bias is a constant signal that starts at its node and goes through every later operator on its way, added once
however many sources feed that node. Kept broadcastable: a convolution's bias through a pool without padding stays
one number per channel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError
from neuedge_nir.frontend.compact import FloatArray, all_finite, collapsed, converted, core, reshaped
from neuedge_nir.frontend.graph import FlatGraph
from neuedge_nir.frontend.nodes import ConvNode, DenseNode, Node, PointNode, PoolNode
from neuedge_nir.frontend.propagate import Nodes, Signature, Signatures
from neuedge_nir.frontend.raw import Caps, Shape, check_cap
from neuedge_nir.frontend.shapes import Padding
from neuedge_nir.network.blocks import row_blocks
from neuedge_nir.network.connect import Delay, PoolKind

Float64 = NDArray[np.float64]
Constants = Mapping[str, FloatArray]
OUTPUT_PRODUCTS, TAP_PRODUCTS = 10, 100_000
"""What it costs to add a number to an output, and what a tap of a kernel costs at least, in products."""


@np.errstate(over="ignore", invalid="ignore")
def constants(nodes: Nodes, graph: FlatGraph, order: Iterable[str], found: Signatures, caps: Caps) -> Constants:
    """The constant part of what each stateless node gives, broadcastable to its shape; absent where it is zero.

    Raises `InputError` where that takes too long (FILE015).
    """
    given: dict[str, FloatArray] = {}
    products = 0
    for name in order:
        taken = arriving(graph.predecessors[name], given, found, found[name].takes)
        if taken is not None:
            products += _products(nodes[name], found[name].gives)
            check_cap(caps, "bias_products", products, nodes[name].where)
        value = finite(_given(name, nodes, taken, found[name]), nodes[name].where)
        if value is not None and core(value).any():
            given[name] = collapsed(value, found[name].gives)
    return given


def _products(node: Node, gives: Shape) -> int:
    """How much work it is to carry a constant through a node, where that can be more than its weights are many."""
    match node:
        case ConvNode(weight=weight, groups=groups):
            taps, channels = math.prod(weight.shape[2:]), weight.shape[1]
        case PoolNode(kernel=kernel):
            taps, channels, groups = math.prod(kernel), 0, 1
        case _:
            return 0
    return taps * (math.prod(gives) * (int(channels) + OUTPUT_PRODUCTS) + groups * TAP_PRODUCTS)


def finite(bias: FloatArray | None, where: str) -> FloatArray | None:
    """The bias itself. Raises `InputError` (NET016) where it grew beyond all numbers on its way."""
    if bias is None or all_finite(bias):
        return bias
    message = "the biases that arrive here grow beyond all numbers on their way"
    raise InputError("NET016", message, where=where, hint="train or export the model again")


def arriving(sources: Iterable[str], given: Constants, found: Signatures, shape: Shape) -> FloatArray | None:
    """The sum of the constants that `sources` give to a node that takes `shape`."""
    parts = [reshaped(given[source], found[source].gives, shape) for source in sources if source in given]
    if not parts:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        total = sum(parts[1:], start=parts[0])
    return collapsed(total, shape) if core(total).any() else None


def _given(name: str, nodes: Nodes, taken: FloatArray | None, shapes: Signature) -> FloatArray | None:
    node = nodes[name]
    carried = None if taken is None else through(node, taken, shapes)
    own = _own(node)
    if own is None or carried is None:
        return carried if own is None else own
    return carried + own


def _own(node: object) -> FloatArray | None:
    match node:
        case ConvNode(bias=np.ndarray() as bias):
            return bias.reshape(-1, *(1,) * (node.weight.ndim - 2))
        case DenseNode(bias=np.ndarray() as bias):
            return bias
        case _:
            return None


def through(node: object, taken: FloatArray, shapes: Signature) -> FloatArray:
    """What a stateless node makes of a constant that broadcasts to what it takes, its own bias left out."""
    match node:
        case DenseNode(weight=weight):
            return _multiplied(weight, np.broadcast_to(taken, shapes.takes))
        case ConvNode():
            return _convolved(node, np.broadcast_to(taken, shapes.takes), shapes.gives)
        case PoolNode():
            return _pooled(node, taken, shapes)
        case PointNode(operator=operator) if operator is not Delay:
            return taken * reshaped(converted(node.values, np.float64), node.shape or (), shapes.takes)
        case _:
            # A constant does not notice a delay, and a change of shape is `arriving`'s business.
            return reshaped(taken, shapes.takes, shapes.gives)


def _multiplied(weight: FloatArray, signal: FloatArray) -> Float64:
    """The product in double precision; of a matrix some rows at a time, since it may be too large for a copy."""
    if weight.ndim > 2 or core(weight).size == 1:
        return np.asarray(np.matmul(converted(weight, np.float64), signal[..., None])[..., 0])
    return np.concatenate([rows.astype(np.float64) @ signal for _, rows in row_blocks(weight)])


def _convolved(node: ConvNode, signal: FloatArray, gives: Shape) -> Float64:
    blocks = np.split(_padded(signal, node.padding), node.groups)
    kernels = np.split(converted(node.weight, np.float64), node.groups)
    return np.concatenate([_group_convolved(node, *pair, gives[1:]) for pair in zip(blocks, kernels, strict=True)])


def _group_convolved(node: ConvNode, signal: FloatArray, weight: Float64, space: Shape) -> Float64:
    # One kernel tap at a time: a sum of matrix products, with no unrolled copy of the signal.
    total = np.zeros((weight.shape[0], *space))
    for tap in np.ndindex(*weight.shape[2:]):
        offset = tuple(step * index for step, index in zip(node.dilation, tap, strict=True))
        total += np.tensordot(weight[(..., *tap)], _window(signal, offset, node.stride, space), axes=1)
    return total


def _pooled(node: PoolNode, taken: FloatArray, shapes: Signature) -> FloatArray:
    factor = 1.0 if node.kind is PoolKind.SUM else 1.0 / math.prod(node.kernel)
    per_channel = taken.ndim == 0 or taken.shape[-2:] == (1, 1)
    if per_channel and not any(node.padding):
        return taken * (math.prod(node.kernel) * factor)
    signal = _padded(np.broadcast_to(taken, shapes.takes), tuple((zeros, zeros) for zeros in node.padding))
    taps = (_window(signal, tap, node.stride, shapes.gives[1:]) for tap in np.ndindex(*node.kernel))
    return sum(taps, start=np.zeros(shapes.gives)) * factor


def _padded(signal: FloatArray, padding: Padding) -> FloatArray:
    return np.pad(signal, ((0, 0), *padding)) if any(map(any, padding)) else signal


def _window(signal: FloatArray, offset: Shape, stride: Shape, space: Shape) -> FloatArray:
    """What one tap of a kernel sees, for all positions of the kernel."""
    axes = zip(offset, stride, space, strict=True)
    return signal[(slice(None), *(slice(first, first + step * (count - 1) + 1, step) for first, step, count in axes))]


def delayed_bias(nodes: Nodes, graph: FlatGraph, given: Constants) -> Iterator[Diagnostic]:
    """A bias behind a Delay would start late; a population's bias is there from the first step."""
    for name, node in nodes.items():
        delayed = isinstance(node, PointNode) and node.operator is Delay and core(node.values).any()
        if delayed and any(source in given for source in graph.predecessors[name]):
            message = "a bias goes through this Delay: it is taken to flow from the first step on"
            hint = "move the bias behind the Delay if the first steps matter"
            yield Diagnostic("NET053", Severity.ASSUMPTION, name, message, hint)
