"""The graph of a file: nested graphs inlined, edges checked, orders that depend on names alone.

Everything here is iterative and linear in nodes and edges: files may hold chains of many thousand nodes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import Edge, RawGraph, RawNode

Neighbours = Mapping[str, tuple[str, ...]]
Key = TypeVar("Key", bound=Hashable)
SHOWN = 6


@dataclass(frozen=True, slots=True, eq=False)
class FlatGraph:
    """One graph without graphs in it. A node of an inner graph is named 'outer/inner': NIR names hold no '/'.

    `passes` are the Inputs and Outputs of inner graphs: they hand on what they get.
    """

    nodes: Mapping[str, RawNode]
    passes: frozenset[str]
    predecessors: Neighbours
    successors: Neighbours
    where: str


def flattened(graph: RawGraph) -> FlatGraph:
    """Inline all nested graphs and check every edge at its own level."""
    nodes: dict[str, RawNode] = {}
    edges: list[Edge] = []
    passes: list[str] = []
    for prefix, level in _levels(graph):
        _check_edges(level)
        edges += [(_exit(level, prefix, source), _entry(level, prefix, target)) for source, target in level.edges]
        found = {prefix + name: node for name, node in level.nodes.items() if isinstance(node, RawNode)}
        passes += [name for name, node in found.items() if prefix and node.type in ("Input", "Output")]
        nodes |= found
    return FlatGraph(
        dict(sorted(nodes.items())),
        frozenset(passes),
        _neighbours(nodes, ((target, source) for source, target in edges)),
        _neighbours(nodes, edges),
        graph.where,
    )


def _levels(graph: RawGraph) -> Iterator[tuple[str, RawGraph]]:
    waiting = [("", graph)]
    while waiting:
        prefix, level = waiting.pop()
        yield prefix, level
        waiting += [(f"{prefix}{name}/", node) for name, node in level.nodes.items() if isinstance(node, RawGraph)]


def _neighbours(nodes: Iterable[str], edges: Iterable[Edge]) -> Neighbours:
    found: dict[str, list[str]] = {name: [] for name in sorted(nodes)}
    for one, other in edges:
        found[one].append(other)
    return {name: tuple(sorted(others)) for name, others in found.items()}


def _check_edges(graph: RawGraph) -> None:
    seen: set[Edge] = set()
    for edge in graph.edges:
        _check_edge(graph, edge)
        if edge in seen:
            message = f"the edge {edge[0]!r} -> {edge[1]!r} stands twice"
            raise InputError("NET005", message, where=graph.where, hint="keep one; to double a signal use a Scale of 2")
        seen.add(edge)


def _check_edge(graph: RawGraph, edge: Edge) -> None:
    for end in edge:
        if end not in graph.nodes:
            message = f"the edge {edge[0]!r} -> {edge[1]!r} names {end!r}, which is no node"
            raise InputError("NET004", message, where=graph.where, hint="correct the edge's name or add the node")
    source, target = (graph.nodes[end] for end in edge)
    if isinstance(target, RawNode) and target.type == "Input":
        raise InputError(
            "NET007", f"an Input takes no edge, but {edge[0]!r} leads into it", where=target.where, hint=PORTS
        )
    if isinstance(source, RawNode) and source.type == "Output":
        raise InputError(
            "NET007", f"an Output gives no edge, but {edge[1]!r} follows it", where=source.where, hint=PORTS
        )


PORTS = "signals enter the graph at Inputs and leave it at Outputs"


def _entry(graph: RawGraph, prefix: str, name: str) -> str:
    return prefix + name + _inner_port(graph.nodes[name], "Input")


def _exit(graph: RawGraph, prefix: str, name: str) -> str:
    return prefix + name + _inner_port(graph.nodes[name], "Output")


def _inner_port(node: RawNode | RawGraph, kind: str) -> str:
    if isinstance(node, RawNode):
        return ""
    ports = sorted(name for name, inner in node.nodes.items() if isinstance(inner, RawNode) and inner.type == kind)
    if len(ports) != 1:
        message = f"this nested graph has {len(ports)} {kind} nodes, so an edge to or from it is ambiguous"
        raise InputError("NET008", message, where=node.where, hint=f"give it exactly one {kind}, or flatten the graph")
    return f"/{ports[0]}"


def order_of(members: Set[str], graph: FlatGraph) -> tuple[str, ...]:
    """`members` so that each comes after those it takes from. Refuses a cycle that lies within them."""
    followers = {name: [f for f in graph.successors[name] if f in members] for name in sorted(members)}
    order = flow_order(followers)
    if len(order) < len(members):
        raise _endless(members - set(order), graph)
    return order


def flow_order(followers: Mapping[Key, Sequence[Key]]) -> tuple[Key, ...]:
    """The keys so that each comes before its followers; what lies on or behind a cycle is left out."""
    missing = dict.fromkeys(followers, 0)
    for follower in chain.from_iterable(followers.values()):
        missing[follower] += 1
    order = [name for name, count in missing.items() if count == 0]
    for name in order:
        for follower in followers[name]:
            missing[follower] -= 1
            if missing[follower] == 0:
                order.append(follower)
    return tuple(order)


def _endless(rest: Set[str], graph: FlatGraph) -> InputError:
    """Each of `rest` has a predecessor in `rest`: walking back must meet itself."""
    walk = [min(rest)]
    place = {walk[0]: 0}
    while (back := min(p for p in graph.predecessors[walk[-1]] if p in rest)) not in place:
        place[back] = len(walk)
        walk.append(back)
    cycle = listed([back, *reversed(walk[place[back] :])], " -> ")
    message = f"a cycle without a neuron in it has no meaning in discrete time: {cycle}"
    return InputError("NET011", message, where=graph.nodes[back].where, hint="put a neuron into the loop")


def listed(names: Sequence[str], separator: str = ", ") -> str:
    """Names to print, quoted; of a long list the first few."""
    more = [f"... {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return separator.join([*(repr(name) for name in names[:SHOWN]), *more])


def closing_edges(roots: Iterable[str], followers: Mapping[str, Sequence[str]]) -> frozenset[Edge]:
    """The edges that close a cycle in a depth-first search from `roots`, which together reach everything."""
    closing: set[Edge] = set()
    on_path: dict[str, bool] = {}
    waiting: list[Iterator[Edge]] = [iter([("", root)]) for root in reversed(list(roots))]
    entered: list[str | None] = [None] * len(waiting)
    while waiting:
        edge = next(waiting[-1], None)
        if edge is None:
            waiting.pop()
            left = entered.pop()
            if left is not None:
                on_path[left] = False
        elif edge[1] not in on_path:
            on_path[edge[1]] = True
            entered.append(edge[1])
            waiting.append(iter([(edge[1], follower) for follower in followers[edge[1]]]))
        elif on_path[edge[1]]:
            closing.add(edge)
    return frozenset(closing)
