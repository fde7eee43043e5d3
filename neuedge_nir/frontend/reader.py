"""A .nir file as a Network: the stages in their order, and the network put together.

    raw file -> flat graph -> checked nodes -> shapes -> biases, projections -> network

Nothing depends on the order in which a file lists its nodes and edges: names decide.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError
from neuedge_nir.frontend import bias as biases
from neuedge_nir.frontend.compact import FloatArray, collapsed
from neuedge_nir.frontend.graph import FlatGraph, closing_edges, flattened, flow_order, order_of
from neuedge_nir.frontend.hdf5 import read_container
from neuedge_nir.frontend.nodes import NeuronNode, PortNode, is_stateless, parsed
from neuedge_nir.frontend.project import Ways, path_remarks, projections, unused_remarks, ways_to
from neuedge_nir.frontend.propagate import Nodes, Signatures, check_scalars, shape_remarks, signatures
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps, RawFile
from neuedge_nir.frontend.settings import settings_of
from neuedge_nir.network.model import SPIKING, Network, Origin, Population, Port, Projection, Signal


def read(path: str | os.PathLike[str], *, caps: Caps = DEFAULT_CAPS) -> Network:
    """The network in a .nir file, with what had to be assumed or repaired in `origin.diagnostics`.

    Raises `InputError`: FILE... for the file, NET... for the graph in it.
    """
    return network_of(read_container(path, caps), caps)


def network_of(file: RawFile, caps: Caps = DEFAULT_CAPS) -> Network:
    """The network of a file's content."""
    world, remarks = _understood(file, caps)
    settings = settings_of(file.graph)
    found = projections(world.targets, world.nodes, world.graph, world.shapes, world.ways, caps.operators)
    placed, populations = _in_order(_timed(_signalled(found, world), world), world)
    remarks = [*remarks, *_all_remarks(world, found, file)]
    origin = Origin(PurePath(file.name).stem, file.sha256, file.version, tuple(sorted(remarks, key=_remark_order)))
    ports = {name: Port(name, world.shapes[name].gives) for name in (*world.inputs, *world.outputs)}
    return Network(
        tuple(ports[name] for name in world.inputs),
        tuple(ports[name] for name in world.outputs),
        populations,
        placed,
        origin,
        settings.reset,
        settings.dt,
    )


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Everything known of the graph once its shapes agree. Names are sorted."""

    nodes: Nodes
    graph: FlatGraph
    shapes: Signatures
    ways: Mapping[str, Ways]
    constants: biases.Constants
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    neurons: tuple[str, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        return (*self.neurons, *self.outputs)


def _understood(file: RawFile, caps: Caps) -> tuple[World, list[Diagnostic]]:
    graph = flattened(file.graph)
    both = {name: parsed(name, node, name in graph.passes) for name, node in graph.nodes.items()}
    nodes = {name: node for name, (node, _) in both.items()}
    inputs, outputs = _ports(nodes, file)
    order = order_of(frozenset(name for name, node in nodes.items() if is_stateless(node)), graph)
    shapes = signatures(nodes, graph, caps.elements)
    check_scalars(nodes, graph, order)
    neurons = tuple(name for name, node in nodes.items() if isinstance(node, NeuronNode))
    constants = biases.constants(nodes, graph, order, shapes)
    world = World(nodes, graph, shapes, ways_to(graph, order), constants, inputs, outputs, neurons)
    return world, [remark for _, remarks in both.values() for remark in remarks]


def _ports(nodes: Nodes, file: RawFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ports = {name: node for name, node in nodes.items() if isinstance(node, PortNode) and not node.inner}
    inputs = tuple(name for name, port in ports.items() if port.enters)
    outputs = tuple(name for name, port in ports.items() if not port.enters)
    if not inputs or not outputs:
        message = f"the graph has no {'Output' if inputs else 'Input'} node"
        hint = "add Input and Output nodes with their edges, for instance with nir.NIRGraph.from_list"
        raise InputError("NET006", message, where=file.name, hint=hint)
    return inputs, outputs


def _signalled(found: Iterable[Projection], world: World) -> list[Projection]:
    """What leaves a neuron that does not spike is its potential."""
    analog = {name for name in world.neurons if not issubclass(_neuron(world, name).model, SPIKING)}
    return [replace(p, signal=Signal.ANALOG if p.source in analog else Signal.SPIKE) for p in found]


def _timed(found: Sequence[Projection], world: World) -> list[Projection]:
    """One step of delay on what closes a cycle: the frameworks compute the rest within the step."""
    names = (*world.inputs, *world.neurons, *world.outputs)
    closing = closing_edges(names, _followers(names, ((p.source, p.target) for p in found)))
    return [replace(p, steps=int((p.source, p.target) in closing)) for p in found]


def _followers(names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {name: [] for name in names}
    for source, target in sorted(set(pairs)):
        followers[source].append(target)
    return followers


def _in_order(found: Sequence[Projection], world: World) -> tuple[tuple[Projection, ...], tuple[Population, ...]]:
    """Projections and populations along the flow of signals, cycles cut at the edges that close them."""
    names = (*world.inputs, *world.neurons, *world.outputs)
    order = flow_order(_followers(names, ((p.source, p.target) for p in found if not p.steps)))
    rank = {name: index for index, name in enumerate(order)}
    placed = sorted(found, key=lambda p: (rank[p.source], rank[p.target], p.name))
    populations = tuple(_population(name, world) for name in order if isinstance(world.nodes[name], NeuronNode))
    return tuple(placed), populations


def _neuron(world: World, name: str) -> NeuronNode:
    node = world.nodes[name]
    assert isinstance(node, NeuronNode)
    return node


def _population(name: str, world: World) -> Population:
    node, shape = _neuron(world, name), world.shapes[name].gives
    parameters = {key: collapsed(value, shape) for key, value in node.parameters.items()}
    return Population(name, node.model(**parameters), shape, _bias_into(name, world), (name,))


def _bias_into(name: str, world: World) -> FloatArray | None:
    return biases.arriving(world.graph.predecessors[name], world.constants, world.shapes, world.shapes[name].takes)


def _all_remarks(world: World, found: Sequence[Projection], file: RawFile) -> Iterator[Diagnostic]:
    yield from shape_remarks(world.nodes, world.shapes)
    yield from path_remarks(found, set(world.outputs))
    yield from unused_remarks(world.nodes, world.graph, world.ways, world.targets)
    yield from biases.delayed_bias(world.nodes, world.graph, world.constants)
    for name in world.outputs:
        if _bias_into(name, world) is not None:
            message = "a bias arrives here without a neuron between: it is left out of the network"
            yield Diagnostic("NET052", Severity.WARNING, name, message, "add it on the host")
    if file.ignored:
        message = f"not part of the graph and ignored: {', '.join(map(repr, file.ignored))}"
        yield Diagnostic("NET055", Severity.INFO, None, message)


def _remark_order(remark: Diagnostic) -> tuple[str, str, str]:
    return remark.code, remark.node or "", remark.message
