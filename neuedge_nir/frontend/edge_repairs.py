"""Graphs whose nodes and edges disagree, in the ways that exporters are known to leave behind.

One function per quirk. Each takes one graph and its place in the file ("" at the top, else "outer/") and gives it
back repaired, with a remark on what was done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import Edge, RawGraph, RawNode

MendedGraph = tuple[RawGraph, tuple[Diagnostic, ...]]


def mended_graph(graph: RawGraph, prefix: str = "") -> MendedGraph:
    """The graph and all graphs in it, repaired."""
    remarks: tuple[Diagnostic, ...] = ()
    for repair in _REPAIRS:
        graph, more = repair(graph, prefix)
        remarks += more
    nodes = dict(graph.nodes)
    for name, node in sorted(graph.nodes.items()):
        if isinstance(node, RawGraph):
            nodes[name], more = mended_graph(node, f"{prefix}{name}/")
            remarks += more
    return replace(graph, nodes=nodes), remarks


def nothing_connected(graph: RawGraph, _prefix: str) -> MendedGraph:
    """NIR020: a graph of several nodes without edges was cut short when it was written. Refused."""
    if not graph.edges:
        hint = "the file may have been cut short when it was written: export the model again"
        raise InputError(
            "NIR020", "the graph has no edges, so nothing connects its nodes", where=graph.where, hint=hint
        )
    return graph, ()


def misnamed_node(graph: RawGraph, prefix: str) -> MendedGraph:
    """NIR013: in a nested graph one node has no edge and one name in the edges has no node: they are the same.

    The nested graphs of the paper's recurrent networks call their neurons 'lif' in the edges and 'lif1' as a node. At
    the top no exporter is known to do so, and it would be a guess.
    """
    if not prefix:
        return graph, ()
    unknown = sorted(_ends(graph.edges) - graph.nodes.keys())
    unconnected = sorted(graph.nodes.keys() - _ends(graph.edges))
    if len(unknown) != 1 or len(unconnected) != 1:
        return graph, ()
    said, name = unknown[0], unconnected[0]
    edges = tuple((name if a == said else a, name if b == said else b) for a, b in graph.edges)
    message = f"the edges call it {said!r}, which is no node, and it has no edge of its own: taken for the same"
    return replace(graph, edges=edges), (Diagnostic("NIR013", Severity.REPAIR, prefix + name, message),)


def stale_edges(graph: RawGraph, prefix: str) -> MendedGraph:
    """NIR014: edges name a nested graph that has since been flattened into nodes 'graph.input', 'graph.output', ...

    They are led to the flattened Input and from the flattened Output, which then stand in the middle of the graph
    and are joined up. An edge from such a graph to itself is left out: its recurrence lies within it.
    """
    remarks = []
    for group in sorted(_ends(graph.edges) - graph.nodes.keys()):
        ports = _flattened_ports(group, graph)
        if ports is None:
            continue
        enters, leaves = ports
        edges = [(leaves if a == group else a, enters if b == group else b) for a, b in graph.edges]
        edges = [edge for edge in edges if edge != (leaves, enters)]
        graph = _without(graph, _joined(_joined(edges, enters), leaves), (enters, leaves))
        message = f"edges name {group!r}, which is no node: led to {enters!r} and from {leaves!r}, which are joined up"
        remarks.append(Diagnostic("NIR014", Severity.REPAIR, prefix + group, message))
    return graph, tuple(remarks)


def missing_ports(graph: RawGraph, prefix: str) -> MendedGraph:
    """NIR015: a graph without Input or Output gets one at each node that nothing feeds, or that feeds nothing."""
    remarks = []
    for kind, at in (("Input", 0), ("Output", 1)):
        if any(isinstance(node, RawNode) and node.type == kind for node in graph.nodes.values()):
            continue
        other = {edge[1 - at] for edge in graph.edges}
        bare = sorted(_ends(graph.edges) - other)
        if not bare:
            message = f"the graph has no {kind}, and no node where one could be added"
            hint = "add Input and Output nodes with their edges, for instance with nir.NIRGraph.from_list"
            raise InputError("NIR015", message, where=graph.where, hint=hint)
        for name in bare:
            graph = _with_port(graph, kind, name, at)
            message = f"the graph has no {kind}: one was added here"
            remarks.append(Diagnostic("NIR015", Severity.REPAIR, prefix + name, message))
    return graph, tuple(remarks)


_REPAIRS: Sequence[Callable[[RawGraph, str], MendedGraph]] = (
    nothing_connected,
    misnamed_node,
    stale_edges,
    missing_ports,
)


def _ends(edges: Iterable[Edge]) -> set[str]:
    return {end for edge in edges for end in edge}


def _flattened_ports(group: str, graph: RawGraph) -> tuple[str, str] | None:
    """The Input and the Output that a nested graph of this name left behind."""
    found = []
    for kind in ("Input", "Output"):
        ports = [
            name
            for name, node in graph.nodes.items()
            if name.startswith(f"{group}.") and isinstance(node, RawNode) and node.type == kind
        ]
        if len(ports) != 1:
            return None
        found.append(ports[0])
    return found[0], found[1]


def _joined(edges: Sequence[Edge], port: str) -> list[Edge]:
    """The edges with those into a port led on to where the port leads."""
    before = [a for a, b in edges if b == port]
    behind = [b for a, b in edges if a == port]
    return [edge for edge in edges if port not in edge] + [(a, b) for a in before for b in behind]


def _without(graph: RawGraph, edges: Sequence[Edge], names: Sequence[str]) -> RawGraph:
    nodes = {name: node for name, node in graph.nodes.items() if name not in names}
    return replace(graph, nodes=nodes, edges=tuple(edges))


def _with_port(graph: RawGraph, kind: str, name: str, at: int) -> RawGraph:
    port = _free(f"{kind.lower()}_{name}", graph)
    edge = (port, name) if at == 0 else (name, port)
    node = RawNode(kind, {}, {}, f"node {port!r}, added to {graph.where}", added=True)
    return replace(graph, nodes={**graph.nodes, port: node}, edges=(*graph.edges, edge))


def _free(name: str, graph: RawGraph) -> str:
    while name in graph.nodes:
        name += "_"
    return name
