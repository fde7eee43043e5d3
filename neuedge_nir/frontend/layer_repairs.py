"""Layers whose shapes and neighbours disagree, in the ways that exporters are known to leave behind.

One function per quirk. Each looks at all nodes at once, before shapes are spread, and gives them back repaired.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.frontend.graph import FlatGraph
from neuedge_nir.frontend.nodes import ConvNode, DenseNode, NeuronNode, Node, PointNode, PortNode
from neuedge_nir.frontend.raw import Shape
from neuedge_nir.frontend.shapes import ShapeMismatchError, equal_but_for_leading_ones, windows

Nodes = Mapping[str, Node]
MendedNodes = tuple[dict[str, Node], list[Diagnostic]]

FIRST_WITHOUT_TIME = (0, 2)
"""Files of older versions hold the shape of a whole recording where the shape of one timestep belongs."""


def mended_layers(nodes: Nodes, graph: FlatGraph, version: str | None) -> MendedNodes:
    """All repairs of this module, in order."""
    found, remarks = time_for_neurons(nodes, version)
    for repair in (ports_of_odd_kernels, transposed_weights):
        found, more = repair(found, graph)
        remarks += more
    return found, remarks


def time_for_neurons(nodes: Nodes, version: str | None) -> MendedNodes:
    """NIR005: an old file of a single neuron, whose Input counts the time steps of a recording.

    Nothing in it but its ports has a shape, and its neurons' parameters are single numbers.
    """
    found, remarks = dict(nodes), []
    ports = {name: node for name, node in nodes.items() if isinstance(node, PortNode)}
    sized = any(_has_size(node) for name, node in nodes.items() if name not in ports)
    if sized or not _older_than(version, FIRST_WITHOUT_TIME):
        return found, []
    for name, node in ports.items():
        if node.shape is not None and len(node.shape) == 1 and node.shape != (1,):
            found[name] = replace(node, shape=(1,))
            message = (
                f"shape {node.shape} read as (1,): NIR {version} files count time steps there, and no node has a size"
            )
            remarks.append(Diagnostic("NIR005", Severity.REPAIR, name, message))
    return found, remarks


def _has_size(node: Node) -> bool:
    return not isinstance(node, NeuronNode | PointNode) or node.shape is not None


def _older_than(version: str | None, limit: tuple[int, int]) -> bool:
    parts = (version or "").split(".")[:2]
    return len(parts) == 2 and all(p.isascii() and p.isdigit() and len(p) < 9 for p in parts) and _pair(parts) < limit


def _pair(parts: list[str]) -> tuple[int, int]:
    return int(parts[0]), int(parts[1])


def ports_of_odd_kernels(nodes: Nodes, graph: FlatGraph) -> MendedNodes:
    """NIR008: nir 1.0.8 infers wrong shapes around grouped and non-square convolutions, and writes them into ports."""
    found, remarks = dict(nodes), []
    for name, node in nodes.items():
        beside = graph.successors[name] if isinstance(node, PortNode) and node.enters else graph.predecessors[name]
        convs = [other for other in (nodes[b] for b in beside) if isinstance(other, ConvNode) and is_odd(other)]
        if isinstance(node, PortNode) and node.shape is not None and len(convs) == len(beside) == 1:
            shape = _as_inferred_by_nir(node, convs[0])
            if shape is not None:
                found[name] = replace(node, shape=None)
                message = (
                    f"shape {node.shape} is what nir wrongly infers for such a convolution: taken from {beside[0]!r}"
                )
                remarks.append(Diagnostic("NIR008", Severity.REPAIR, name, message))
    return found, remarks


def is_odd(conv: ConvNode) -> bool:
    """Grouped, or with a kernel that is not square: what nir 1.0.8 infers wrong shapes for."""
    return conv.groups > 1 or len(set(conv.weight.shape[2:])) > 1


def _as_inferred_by_nir(port: PortNode, conv: ConvNode) -> Shape | None:
    """The port's shape if it is the wrong one that nir infers, else None.

    nir/ir/conv.py takes the channels per group for all channels, and the kernel's height for its width too.
    """
    stated = port.shape or ()
    if len(stated) != conv.weight.ndim - 1 or conv.space is None:
        return None
    if port.enters:
        wrong = conv.groups > 1 and stated == (conv.weight.shape[1], *conv.space)
    else:
        kernel = conv.weight.shape[2:]
        wrong = stated[0] == conv.weight.shape[0] and len(set(kernel)) > 1 and stated[1:] != _space(conv)
    return stated if wrong else None


def _space(conv: ConvNode) -> Shape | None:
    """The output space that follows from the fields of a convolution; None where its kernel does not fit."""
    try:
        return windows(conv.space or (), conv.weight.shape[2:], conv.stride, conv.dilation, conv.padding)
    except ShapeMismatchError:
        return None


def transposed_weights(nodes: Nodes, graph: FlatGraph) -> MendedNodes:
    """NIR016: weights stored as (inputs, outputs), seen by the neighbours on both sides; old versions of spyx do so.

    A square matrix does not tell. It is transposed too where all others in the file are.
    """
    dense = {name: node for name, node in nodes.items() if isinstance(node, DenseNode) and node.weight.ndim == 2}
    turned = {name for name, node in dense.items() if _turned(name, node, nodes, graph) is True}
    upright = {name for name, node in dense.items() if _turned(name, node, nodes, graph) is False}
    found, remarks = dict(nodes), []
    for name in sorted(turned | (set() if upright else dense.keys() - upright if turned else set())):
        node = dense[name]
        found[name] = replace(node, weight=np.swapaxes(node.weight, 0, 1))
        message = f"weights of shape {node.weight.shape} read as (inputs, outputs) and transposed: " + (
            "its neighbours have these sizes the other way round"
            if name in turned
            else "square, but all other layers of the file are stored so"
        )
        remarks.append(Diagnostic("NIR016", Severity.REPAIR, name, message))
    return found, remarks


def _turned(name: str, node: DenseNode, nodes: Nodes, graph: FlatGraph) -> bool | None:
    """Whether the neighbours of known size fit the weights only when transposed; None where that is not told."""
    outputs, inputs = node.weight.shape
    if outputs == inputs:
        return None
    before = {size for other in graph.predecessors[name] for size in _size(nodes[other], gives=True)}
    behind = {size for other in graph.successors[name] for size in _size(nodes[other], gives=False)}
    if not before and not behind:
        return None
    return before <= {outputs} and behind <= {inputs}


def _size(node: Node, *, gives: bool) -> Iterator[int]:
    """How many elements a node says that it gives or takes."""
    match node:
        case PortNode(shape=tuple(shape), inner=False):
            yield shape[-1] if len(shape) == 1 or equal_but_for_leading_ones(shape, shape[-1:]) else math.prod(shape)
        case NeuronNode(shape=tuple(shape)) | PointNode(shape=tuple(shape)):
            yield math.prod(shape)
        case DenseNode(weight=weight) if weight.ndim == 2:
            yield weight.shape[0 if gives else 1]
        case _:
            return
