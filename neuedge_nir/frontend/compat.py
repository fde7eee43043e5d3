"""Which versions of the nir library can read a graph, and which node each stumbles over.

`nir.read` of 1.0.8 checks the shapes that it infers itself, and it infers some of them wrongly; 1.0.4, which sinabs
and rockpool ask for, checks nothing but knows fewer types and fields. Their rules are followed here, so that neither
needs to be installed; the tests hold them against both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from neuedge_nir.frontend.graph import Neighbours, flattened
from neuedge_nir.frontend.raw import RawGraph, RawNode, Shape
from neuedge_nir.frontend.shapes import flatten_output

VERSIONS = ("1.0.8", "1.0.4")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A node of the file that a version of nir does not read, and why."""

    version: str
    node: str
    why: str


def unreadable(graph: RawGraph) -> tuple[Unreadable, ...]:
    """All that keeps a version of nir from reading the graph, which holds no graphs; empty where both read it."""
    old = (Unreadable("1.0.4", name, why) for name, node in graph.nodes.items() for why in _unknown(node))
    return (*_misread(graph), *old)


def _unknown(node: RawNode | RawGraph) -> Iterator[str]:
    """What nir 1.0.4 does not know."""
    assert isinstance(node, RawNode)
    if node.type == "CubaLI":
        yield "it has no CubaLI"
    if "v_reset" in node.fields:
        yield "it has no v_reset, and here it is not 0"
    if node.type == "Conv1d" and isinstance(node.fields["padding"], str):
        yield "it fails at the padding 'same' of a Conv1d"


@dataclass(frozen=True, slots=True)
class Types:
    """What nir 1.0.8 takes the shapes of a node for."""

    takes: Shape
    gives: Shape


def _misread(graph: RawGraph) -> Iterator[Unreadable]:
    """Where nir 1.0.8 takes shapes to differ."""
    flat = flattened(graph)
    types = _inferred(flat.nodes, flat.predecessors, flat.successors)
    if not any(flat.successors[name] for name in flat.nodes if not flat.predecessors[name]):
        yield Unreadable("1.0.8", min(flat.nodes), "it finds no node where signals enter")
    told = set()
    for name, followers in flat.successors.items():
        for follower in followers:
            wrong = _clash(name, follower, flat.nodes, types)
            if wrong is not None and wrong.node not in told:
                told.add(wrong.node)
                yield wrong


def _clash(name: str, follower: str, nodes: Mapping[str, RawNode], types: Mapping[str, Types]) -> Unreadable | None:
    for end in (name, follower):
        if end not in types:
            return Unreadable("1.0.8", end, "it infers shapes from the Inputs on, and none of them leads here")
    gives, takes = types[name].gives, types[follower].takes
    if gives == takes:
        return None
    for end in (name, follower):
        if why := _misjudged(nodes[end]):
            return Unreadable("1.0.8", end, why)
    return Unreadable("1.0.8", follower, f"it takes {name!r} to give {gives} and this to take {takes}")


def _misjudged(node: RawNode) -> str | None:
    """What about a convolution is beyond nir 1.0.8."""
    if node.type not in ("Conv1d", "Conv2d"):
        return None
    if int(_numbers(node, "groups")[0]) > 1:
        return "it takes the weights of a grouped convolution for all channels"
    if len(set(_array(node, "weight").shape[2:])) > 1:
        return "it takes every kernel for square"
    return None


def _inferred(nodes: Mapping[str, RawNode], predecessors: Neighbours, successors: Neighbours) -> dict[str, Types]:
    """Stated shapes, and those of pools, which follow from what feeds them if a root of the graph leads there."""
    types = {name: stated for name, node in nodes.items() if (stated := _stated(node)) is not None}
    waiting = deque(name for name in nodes if not predecessors[name])
    seen = set(waiting)
    while waiting:
        name = waiting.popleft()
        for follower in successors[name]:
            if follower not in types:
                types[follower] = _pooled(nodes[follower], types[name].gives)
            if follower not in seen:
                seen.add(follower)
                waiting.append(follower)
    return types


def _stated(node: RawNode) -> Types | None:
    match node.type:
        case "Input" | "Output":
            shape = _numbers(node, "shape")
        case "Linear" | "Affine":
            weight = _array(node, "weight").shape
            return Types((*weight[:-2], weight[-1]), weight[:-1])
        case "Conv1d" | "Conv2d":
            return _convolved(node)
        case "Flatten":
            takes, start, end = (_numbers(node, key) for key in ("input_type", "start_dim", "end_dim"))
            return Types(takes, flatten_output(takes, start[0], end[0]))
        case "SumPool2d" | "AvgPool2d":
            return None
        case _:
            shape = next(value.shape for value in node.fields.values() if isinstance(value, np.ndarray))
    return Types(shape, shape)


def _convolved(node: RawNode) -> Types:
    weight, space = _array(node, "weight").shape, _numbers(node, "input_shape")
    takes = (weight[1], *space)
    if isinstance(node.fields["padding"], str):
        return Types(takes, (weight[0], *space))
    kernel = (weight[2],) * len(space)
    numbers = (_numbers(node, key) for key in ("stride", "padding", "dilation"))
    return Types(takes, (weight[0], *_windows(space, kernel, *numbers)))


def _pooled(node: RawNode, takes: Shape) -> Types:
    kernel, stride, padding = (_numbers(node, key) for key in ("kernel_size", "stride", "padding"))
    return Types(takes, (takes[0], *_windows(takes[1:], kernel, stride, padding, (1, 1))))


def _windows(space: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Shape:
    """As nir counts: also where no window fits, so that wrong shapes may come out negative."""
    axes = zip(space, kernel, stride, padding, dilation, strict=False)
    return tuple((n + 2 * zeros - step * (k - 1) - 1) // s + 1 for n, k, s, zeros, step in axes)


def _array(node: RawNode, key: str) -> np.ndarray:
    value = node.fields[key]
    assert isinstance(value, np.ndarray)
    return value


def _numbers(node: RawNode, key: str) -> Shape:
    return tuple(int(number) for number in _array(node, key).reshape(-1))
