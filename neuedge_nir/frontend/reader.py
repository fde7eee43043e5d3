"""A .nir file as a Network: the stages in their order, and the network put together.

    raw file -> flat graph -> checked nodes -> shapes -> biases, projections -> network

Nothing depends on the order in which a file lists its nodes and edges: names decide.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePath
from reprlib import repr as shown

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.frontend import bias as biases
from neuedge_nir.frontend.adaptations import adapting
from neuedge_nir.frontend.clock import clock
from neuedge_nir.frontend.compact import FloatArray, collapsed
from neuedge_nir.frontend.edge_repairs import mended_graph
from neuedge_nir.frontend.encoders import as_ports
from neuedge_nir.frontend.graph import FlatGraph, closing_edges, flattened, flow_order, listed, order_of
from neuedge_nir.frontend.layer_repairs import mended_layers
from neuedge_nir.frontend.names import relabelled, restored
from neuedge_nir.frontend.nodes import NeuronNode, PortNode, check_parameters, is_stateless, parsed
from neuedge_nir.frontend.process import read_container
from neuedge_nir.frontend.project import Ways, path_remarks, projections, unused_remarks, ways_to
from neuedge_nir.frontend.propagate import Nodes, Signatures, shape_remarks, signatures
from neuedge_nir.frontend.raw import DEFAULT_CAPS, RECORDING, Caps, RawFile, RawNode
from neuedge_nir.frontend.remarks import odd_kernels, remarks_on
from neuedge_nir.frontend.settings import NOTHING_WANTED, Settings, settings_of
from neuedge_nir.frontend.unrolled import rolled
from neuedge_nir.frontend.vectors import as_shaped
from neuedge_nir.network.given import reset_given, timestep_given
from neuedge_nir.network.model import SPIKING, Network, Origin, Population, Port, Projection, ResetMode, Signal
from neuedge_nir.network.typed import of_type


def read(
    path: str | os.PathLike[str],
    *,
    strict: bool = False,
    dt: float | None = None,
    reset: ResetMode | str | None = None,
    limits: Caps = DEFAULT_CAPS,
) -> Network:
    """The network in a .nir file, with what had to be assumed or repaired in its `diagnostics`.

    `strict` refuses a file that needs a repair. `dt` is the timestep in the file's time unit (seconds for most
    exporters), `reset` what a spike does to the membrane; both override what the file says or implies. `limits`
    are what the file may ask for. Raises `InputError`: FILE... for the file, NET... and NIR... for the graph in it;
    `UsageError` for a `dt`, `reset` or `limits` that cannot be.
    """
    of_type(path, (str, os.PathLike), "path", "give the path of a .nir file")
    settings = Settings(reset_given(reset), timestep_given(dt))
    if not isinstance(limits, Caps):
        raise UsageError("USE018", f"limits cannot be {shown(limits)}", where="limits", hint="give Caps(...)")
    with _cycles_unsought():
        file = read_container(path, limits)
        if any(isinstance(node, RawNode) and node.type == RECORDING for node in file.graph.nodes.values()):
            message, hint = "the file holds recordings (NIRData), not a network", "recordings are for --activity"
            raise InputError("FILE016", message, where=file.name, hint=hint)
        network = network_of(file, limits, settings)
    return checked_strictly(network) if strict else network


@contextmanager
def _cycles_unsought() -> Iterator[None]:
    """No garbage collection: a network in the making has no cycles, and looking for some takes a sixth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def checked_strictly(network: Network) -> Network:
    """The network itself. Raises `InputError` with the first repair's code where the file needed one."""
    repairs = [d for d in network.diagnostics if d.severity is Severity.REPAIR]
    if repairs:
        first, more = repairs[0], f" (and {len(repairs) - 1} more)" if len(repairs) > 1 else ""
        raise InputError(
            first.code,
            f"needs a repair{more}: {first.message}",
            where=f"node {first.node!r} of {network.origin.name}" if first.node else network.origin.name,
            hint="leave --strict out to accept repairs, or export the model again",
        )
    return network


def network_of(file: RawFile, caps: Caps = DEFAULT_CAPS, wanted: Settings = NOTHING_WANTED) -> Network:
    """The network of a file's content; `wanted` overrides what the file says of reset and timestep."""
    stated = settings_of(file.graph)
    shaped, remarks = _shaped(replace(file, graph=restored(file.graph, stated)), caps)
    found = projections(shaped.targets, shaped.nodes, shaped.graph, shaped.shapes, shaped.ways, caps.operators)
    found, of_convs = rolled(found, stated.convs)
    found = relabelled(found, stated)
    placed, populations = _in_order(_timed(_signalled(found, shaped), shaped), shaped)
    clocked = clock(populations, file.graph, wanted.dt, stated)
    ports = {name: Port(name, shaped.shapes[name].gives) for name in (*shaped.inputs, *shaped.outputs)}
    network = Network(
        tuple(ports[name] for name in shaped.inputs),
        tuple(ports[name] for name in shaped.outputs),
        populations,
        placed,
        Origin(PurePath(file.name).stem, file.sha256, file.version),
        wanted.reset or stated.reset,
        clocked.dt,
    )
    network, of_shapes = as_shaped(network, stated.shapes)
    network, of_encoders = as_ports(network, stated.encoders)
    network, of_rules = adapting(network, stated.adaptations)
    remarks += [*_all_remarks(shaped, found, file), *clocked.remarks, *remarks_on(network)]
    remarks += [*of_convs, *of_shapes, *of_encoders, *of_rules]
    diagnostics = tuple(sorted(remarks, key=_remark_order))
    return replace(network, origin=replace(network.origin, diagnostics=diagnostics))


@dataclass(frozen=True, slots=True, eq=False)
class ShapedGraph:
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


def _shaped(file: RawFile, caps: Caps) -> tuple[ShapedGraph, list[Diagnostic]]:
    mended, of_edges = mended_graph(file.graph)
    graph = flattened(mended)
    check_parameters(graph.nodes, caps)
    both = {name: parsed(name, node, name in graph.passes) for name, node in graph.nodes.items()}
    nodes, of_layers = mended_layers({name: node for name, (node, _) in both.items()}, graph, file.version)
    inputs, outputs = _ports(nodes)
    order = order_of(frozenset(name for name, node in nodes.items() if is_stateless(node)), graph)
    shapes = signatures(nodes, graph, caps.elements)
    neurons = tuple(name for name, node in nodes.items() if isinstance(node, NeuronNode))
    constants = biases.constants(nodes, graph, order, shapes, caps)
    shaped = ShapedGraph(nodes, graph, shapes, ways_to(graph, order), constants, inputs, outputs, neurons)
    return shaped, [*of_edges, *(remark for _, remarks in both.values() for remark in remarks), *of_layers]


def _ports(nodes: Nodes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ports = {name: node for name, node in nodes.items() if isinstance(node, PortNode) and not node.inner}
    inputs = tuple(name for name, port in ports.items() if port.enters)
    return inputs, tuple(name for name in ports if name not in inputs)


def _signalled(found: Iterable[Projection], shaped: ShapedGraph) -> list[Projection]:
    """What leaves a neuron that does not spike is its potential."""
    analog = {name for name in shaped.neurons if not issubclass(_neuron(shaped, name).model, SPIKING)}
    return [replace(p, signal=Signal.ANALOG) if p.source in analog else p for p in found]


def _timed(found: Sequence[Projection], shaped: ShapedGraph) -> list[Projection]:
    """One step of delay on what closes a cycle: the frameworks compute the rest within the step."""
    names = (*shaped.inputs, *shaped.neurons, *shaped.outputs)
    closing = closing_edges(names, _followers(names, ((p.source, p.target) for p in found)))
    return [replace(p, steps=1) if (p.source, p.target) in closing else p for p in found]


def _followers(names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {name: [] for name in names}
    for source, target in sorted(set(pairs)):
        followers[source].append(target)
    return followers


def _in_order(
    found: Sequence[Projection], shaped: ShapedGraph
) -> tuple[tuple[Projection, ...], tuple[Population, ...]]:
    """Projections and populations along the flow of signals, cycles cut at the edges that close them."""
    names = (*shaped.inputs, *shaped.neurons, *shaped.outputs)
    order = flow_order(_followers(names, ((p.source, p.target) for p in found if not p.steps)))
    rank = {name: index for index, name in enumerate(order)}
    placed = sorted(found, key=lambda p: (rank[p.source], rank[p.target], p.name))
    populations = tuple(_population(name, shaped) for name in order if isinstance(shaped.nodes[name], NeuronNode))
    return tuple(placed), populations


def _neuron(shaped: ShapedGraph, name: str) -> NeuronNode:
    node = shaped.nodes[name]
    assert isinstance(node, NeuronNode)
    return node


def _population(name: str, shaped: ShapedGraph) -> Population:
    node, shape = _neuron(shaped, name), shaped.shapes[name].gives
    parameters = {key: collapsed(value, shape) for key, value in node.parameters.items()}
    return Population(name, node.model(**parameters), shape, _bias_into(name, shaped), (name,))


def _bias_into(name: str, shaped: ShapedGraph) -> FloatArray | None:
    sources, takes = shaped.graph.predecessors[name], shaped.shapes[name].takes
    return biases.finite(
        biases.arriving(sources, shaped.constants, shaped.shapes, takes), where=shaped.nodes[name].where
    )


def _all_remarks(shaped: ShapedGraph, found: Sequence[Projection], file: RawFile) -> Iterator[Diagnostic]:
    yield from shape_remarks(shaped.nodes, shaped.shapes)
    yield from odd_kernels(shaped.nodes)
    yield from path_remarks(found, set(shaped.outputs))
    yield from unused_remarks(shaped.nodes, shaped.graph, shaped.ways, shaped.targets)
    yield from biases.delayed_bias(shaped.nodes, shaped.graph, shaped.constants)
    for name in shaped.outputs:
        if _bias_into(name, shaped) is not None:
            message = "a bias arrives here without a neuron between: it is left out of the network"
            yield Diagnostic("NET052", Severity.WARNING, name, message, "add it on the host")
    if file.ignored:
        message = f"not part of the graph and ignored: {listed(file.ignored)}"
        yield Diagnostic("NET055", Severity.INFO, None, message)


def _remark_order(remark: Diagnostic) -> tuple[str, str, str]:
    return remark.code, remark.node or "", remark.message
