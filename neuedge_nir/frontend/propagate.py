"""What shape each node takes and gives: spread from Inputs and parameters along the edges, each edge once.

Nodes that state their shape start; the rest take theirs from whoever feeds them, so that cycles are no obstacle.
A stated shape that begins with 1 may carry a batch axis, and those of Outputs and inner ports are often wrong, so they
wait for their neighbours to tell.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.errors import InputError
from neuedge_nir.frontend import repairs
from neuedge_nir.frontend.graph import FlatGraph
from neuedge_nir.frontend.nodes import ConvNode, DenseNode, FlattenNode, NeuronNode, Node, PointNode, PoolNode, PortNode
from neuedge_nir.frontend.raw import Shape
from neuedge_nir.frontend.shapes import (
    ShapeMismatchError,
    conv_output,
    dense_shapes,
    equal_but_for_leading_ones,
    pool_output,
    without_leading_ones,
)

Nodes = Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Signature:
    """The shapes a node takes and gives."""

    takes: Shape
    gives: Shape


Signatures = Mapping[str, Signature]


def signatures(nodes: Nodes, graph: FlatGraph, most: int) -> Signatures:
    """The shapes of every node, agreed along every edge; no signal has more than `most` elements."""
    known = _spread(nodes, graph, most)
    for name in nodes:
        if name not in known and (used := {known[f].takes for f in graph.successors[name] if f in known}):
            known[name] = Signature(min(used), min(used))  # an Input without a shape of its own
        if name not in known:
            message = "its shape follows from nothing: neither its fields nor what feeds it say"
            raise InputError("NET010", message, where=nodes[name].where, hint="connect it or state its shape")
    _check_agreement(nodes, graph, known)
    return {name: _input_as_used(name, nodes, graph, known) for name in known}


def _spread(nodes: Nodes, graph: FlatGraph, most: int) -> dict[str, Signature]:
    known = {name: found for name, node in nodes.items() if (found := _stated(node)) and not _may_wait(node, found)}
    waiting = iter([(name, found) for name, node in nodes.items() if (found := _stated(node)) and name not in known])
    for name, found in known.items():
        _check_size(nodes[name], found, most)
    queue = deque(known)
    while True:
        while queue:
            name = queue.popleft()
            for follower in graph.successors[name]:
                if follower not in known:
                    known[follower] = _arrived(follower, name, nodes, graph, known[name].gives)
                    _check_size(nodes[follower], known[follower], most)
                    queue.append(follower)
        late = next(((name, found) for name, found in waiting if name not in known), None)
        if late is None:
            return known
        known[late[0]] = late[1]
        _check_size(nodes[late[0]], late[1], most)
        queue.append(late[0])


def _stated(node: Node) -> Signature | None:
    """What a node's own fields say."""
    match node:
        case PortNode(shape=tuple(shape)) | NeuronNode(shape=tuple(shape)) | PointNode(shape=tuple(shape)):
            return Signature(shape, shape)
        case DenseNode(weight=weight):
            return Signature(*dense_shapes(weight.shape))
        case ConvNode(space=tuple(space)):
            return _conv(node, (node.weight.shape[1] * node.groups, *space))
        case _:
            return None


def _may_wait(node: Node, stated: Signature) -> bool:
    if isinstance(node, PortNode):
        return node.inner or not node.enters
    return isinstance(node, NeuronNode | PointNode) and stated.takes[0] == 1 < len(stated.takes)


def _conv(node: ConvNode, takes: Shape) -> Signature:
    try:
        gives = conv_output(takes, node.weight.shape, node.stride, node.padding, node.dilation, node.groups)
    except ShapeMismatchError as error:
        raise InputError("NET018", str(error), where=node.where, hint="correct the kernel or its input") from error
    return Signature(takes, gives)


def _arrived(name: str, source: str, nodes: Nodes, graph: FlatGraph, shape: Shape) -> Signature:
    """The shapes of node `name`, now that `source` gives it `shape`."""
    node = nodes[name]
    try:
        if isinstance(node, FlattenNode):
            wanted = [found.takes for f in graph.successors[name] if (found := _stated(nodes[f]))]
            return Signature(shape, repairs.flattened(shape, node.start, node.end, wanted))
        return _signature_for(node, shape)
    except ShapeMismatchError as error:
        message = f"{source!r} gives {shape}, but {name!r} cannot take it: {error}"
        raise InputError(
            "NET009", message, where=nodes[name].where, hint="correct the shape of one of the two"
        ) from error


def _signature_for(node: Node, shape: Shape) -> Signature:
    match node:
        case ConvNode():
            takes = _of_rank(shape, node.weight.ndim - 1)
            return Signature(
                takes, conv_output(takes, node.weight.shape, node.stride, node.padding, node.dilation, node.groups)
            )
        case PoolNode():
            takes = _of_rank(shape, 3)
            return Signature(takes, pool_output(takes, node.kernel, node.stride, node.padding))
        case PortNode(inner=True):
            return Signature(shape, shape)
        case _:
            stated = _stated(node)
            agreed = stated is None or _same_step(node, stated.takes, shape)
            return Signature(shape, shape) if stated is None or agreed else stated


def _same_step(node: Node, stated: Shape, shape: Shape) -> bool:
    """Whether a stated shape is this one, but for axes of batch and time in front: an own port may have long ones."""
    time = isinstance(node, PortNode) and len(stated) > len(shape) and stated[-len(shape) :] == shape
    return time or equal_but_for_leading_ones(stated, shape)


def _of_rank(shape: Shape, rank: int) -> Shape:
    extra = len(shape) - rank
    return shape[extra:] if extra > 0 and math.prod(shape[:extra]) == 1 else shape


def _check_size(node: Node, found: Signature, most: int) -> None:
    needed = max(math.prod(_padded(node, found.takes)), math.prod(found.gives))
    if needed > most:
        message = f"a signal of {needed} elements, padding included, is more than the {most} allowed"
        hint = "if the file can be trusted, allow more: --limits elements=N, or Caps.elements from Python"
        raise InputError(
            "FILE015", message, where=node.where, hint=hint, resource="elements", needed=needed, available=most
        )


def _padded(node: Node, takes: Shape) -> Shape:
    """What a node takes, with the zeros that it puts around it."""
    match node:
        case ConvNode(padding=padding):
            zeros = [before + after for before, after in padding]
        case PoolNode(padding=padding):
            zeros = [2 * each for each in padding]
        case _:
            return takes
    return (takes[0], *(length + more for length, more in zip(takes[1:], zeros, strict=True)))


def _check_agreement(nodes: Nodes, graph: FlatGraph, known: Signatures) -> None:
    for name, followers in graph.successors.items():
        for follower in followers:
            gives, takes = known[name].gives, known[follower].takes
            if not _same_step(nodes[name], gives, takes):
                message = f"{name!r} gives {gives}, but {follower!r} takes {takes}"
                hint = "correct the shape of one of the two, or put a Flatten between them"
                raise InputError("NET009", message, where=nodes[follower].where, hint=hint)
    for name, node in nodes.items():
        if isinstance(node, FlattenNode) and node.takes and math.prod(node.takes) != math.prod(known[name].takes):
            message = f"input_type says {node.takes}, but {name!r} takes {known[name].takes}"
            raise InputError("NET009", message, where=node.where, hint="correct input_type")


def _input_as_used(name: str, nodes: Nodes, graph: FlatGraph, known: Signatures) -> Signature:
    """An Input with leading axes of 1 has the shape that all its followers take it for."""
    node = nodes[name]
    used = {known[follower].takes for follower in graph.successors[name]}
    if isinstance(node, PortNode) and node.enters and not node.inner and len(used) == 1:
        shape = used.pop()
        return Signature(shape, shape)
    return known[name]


def shape_remarks(nodes: Nodes, found: Signatures) -> Iterator[Diagnostic]:
    """What was repaired on the way: axes in front, single numbers spread, what a layer does not say or says wrongly."""
    for name, node in nodes.items():
        takes = found[name].takes
        match node:
            case PortNode(shape=tuple(stated), inner=True) if not equal_but_for_leading_ones(stated, takes):
                yield repairs.inner_port(name, stated, takes)
            case PortNode(shape=tuple(stated)) | NeuronNode(shape=tuple(stated)) | PointNode(shape=tuple(stated)):
                if stated != takes:
                    yield repairs.axes_in_front(name, stated, takes)
            case NeuronNode(shape=None) | PointNode(shape=None):
                if without_leading_ones(takes) != (1,):
                    yield repairs.scalar_parameters(name, takes)
            case ConvNode(space=None):
                yield repairs.missing_input_shape(name, takes[1:])
            case FlattenNode():
                yield from repairs.flatten_off_by_one(
                    name, node.start, node.end, node.takes, (takes, found[name].gives)
                )
