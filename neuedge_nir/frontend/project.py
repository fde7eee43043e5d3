"""Stateless nodes between two populations, as the projections they form: one for each path through them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError
from neuedge_nir.frontend.compact import collapsed, frozen
from neuedge_nir.frontend.graph import FlatGraph
from neuedge_nir.frontend.nodes import ConvNode, DenseNode, PointNode, PoolNode, is_stateless
from neuedge_nir.frontend.propagate import Nodes, Signature, Signatures
from neuedge_nir.frontend.raw import Shape
from neuedge_nir.frontend.shapes import equal_but_for_leading_ones
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale
from neuedge_nir.network.model import Projection

Path = tuple[str, ...]
Tail = tuple[str, "Tail"] | None


@dataclass(frozen=True, slots=True)
class Ways:
    """How many paths lead from sources to the output of a node, and how many nodes these have in all."""

    paths: int
    length: int


FROM_SOURCE = Ways(1, 1)


def ways_to(graph: FlatGraph, order: Iterable[str]) -> Mapping[str, Ways]:
    """For each stateless node its ways from sources: counted, not walked, so that doubling paths cost nothing."""
    found: dict[str, Ways] = {}
    for name in order:
        before = [found.get(source, FROM_SOURCE) for source in graph.predecessors[name]]
        paths = sum(ways.paths for ways in before)
        found[name] = Ways(paths, sum(ways.length for ways in before) + paths)
    return found


def projections(
    targets: Iterable[str], nodes: Nodes, graph: FlatGraph, found: Signatures, ways: Mapping[str, Ways], most: int
) -> tuple[Projection, ...]:
    """One projection for each path of stateless nodes from a source to one of `targets`."""
    targets = tuple(targets)
    _check_count(targets, graph, ways, most)
    point = _point_maker(nodes)
    fixed = {name: same for name in ways if (same := _fixed_operator(name, nodes, found[name])) is not None}
    made = [
        Projection(
            name=">".join(path),
            source=path[0],
            target=path[-1],
            source_shape=found[path[0]].gives,
            target_shape=found[path[-1]].takes,
            chain=_chain(path, found[path[0]].gives, nodes, fixed, point),
        )
        for target in targets
        for path in _paths_into(target, graph, ways)
    ]
    _check_names(made, nodes)
    return tuple(made)


def _check_count(targets: Iterable[str], graph: FlatGraph, ways: Mapping[str, Ways], most: int) -> None:
    arriving = [ways.get(source, FROM_SOURCE) for target in targets for source in graph.predecessors[target]]
    needed = sum(found.length for found in arriving)
    if needed > most:
        paths = sum(found.paths for found in arriving)
        message = (
            f"branches that join again make {_count(paths)} paths between neurons; {most} operators are allowed in all"
        )
        allow = "--limits operators=N, or Caps.operators from Python"
        hint = f"merge the branches, put neurons between them, or allow more: {allow}"
        raise InputError(
            "NET013",
            message,
            where=graph.where,
            hint=hint,
            resource="operators",
            needed=float(min(needed, 2**63)),
            available=most,
        )


def _count(number: int) -> str:
    return f"{number}" if number < 10**9 else f"about 2^{number.bit_length() - 1}"


def _paths_into(target: str, graph: FlatGraph, ways: Mapping[str, Ways]) -> Iterator[Path]:
    """All paths from a source to `target`, walked from the back; branches that no source feeds are left out."""
    waiting: list[tuple[str, Tail]] = [(target, None)]
    while waiting:
        name, behind = waiting.pop()
        tail: Tail = (name, behind)
        for source in graph.predecessors[name]:
            if source not in ways:
                yield (source, *_unrolled(tail))
            elif ways[source].paths:
                waiting.append((source, tail))


def _unrolled(tail: Tail) -> Iterator[str]:
    while tail is not None:
        name, tail = tail
        yield name


def _fixed_operator(name: str, nodes: Nodes, shapes: Signature) -> Operator | None:
    """The operator of a node that is the same on every path."""
    match nodes[name]:
        case DenseNode(weight=weight):
            return Dense(name, frozen(weight))
        case ConvNode() as conv:
            weight = frozen(conv.weight)
            return Conv(name, weight, shapes.takes, shapes.gives, conv.stride, conv.padding, conv.dilation, conv.groups)
        case PoolNode() as pool:
            return Pool(name, pool.kind, shapes.takes, shapes.gives, pool.kernel, pool.stride, pool.padding)
        case _:
            return None


def _point_maker(nodes: Nodes) -> Callable[[str, Shape], Scale | Delay]:
    @cache
    def point(name: str, shape: Shape) -> Scale | Delay:
        """A pointwise node in the shape of what precedes it: the elements are the same in row-major order."""
        node = nodes[name]
        assert isinstance(node, PointNode)
        return node.operator(name, collapsed(node.values, shape), shape)

    return point


def _chain(
    path: Path,
    shape: Shape,
    nodes: Nodes,
    fixed: Mapping[str, Operator],
    point: Callable[[str, Shape], Operator],
) -> tuple[Operator, ...]:
    chain: list[Operator] = []
    rigid = ""
    for name in path[1:-1]:
        if isinstance(nodes[name], PointNode):
            chain.append(point(name, shape))
        elif name in fixed:
            _check_reshape(rigid, shape, fixed[name], nodes)
            chain.append(fixed[name])
            rigid = name
        shape = chain[-1].output_shape if chain else shape
    return tuple(chain)


def _check_reshape(before: str, shape: Shape, operator: Operator, nodes: Nodes) -> None:
    takes = operator.input_shape
    whole = isinstance(operator, Dense) and len(takes) == 1
    if before and not whole and not equal_but_for_leading_ones(shape, takes):
        message = (
            f"{before!r} gives {shape} and {operator.node!r} takes {takes}: the Flatten between them keeps some axes"
        )
        hint = "flatten all axes before a Linear, or put a neuron between the two"
        raise InputError("NET012", message, where=nodes[operator.node].where, hint=hint)


def _check_names(made: Sequence[Projection], nodes: Nodes) -> None:
    name, times = Counter(p.name for p in made).most_common(1)[0] if made else ("", 0)
    if times > 1:
        clash = next(p for p in made if p.name == name)
        message = f"two paths would both be named {name!r}"
        raise InputError("NET022", message, where=nodes[clash.target].where, hint="rename nodes so that none holds '>'")


def path_remarks(made: Iterable[Projection], outputs: Set[str]) -> Iterator[Diagnostic]:
    """NIR018: weights behind weights, or behind the last neuron: often a layer that an exporter dropped."""
    chains = [(p.target, p.chain) for p in made]
    readouts = {(chain[-1].node, target) for target, chain in chains if chain and target in outputs}
    for node, target in sorted(readouts):
        message = f"feeds the Output {target!r} without a neuron: the host computes it"
        yield Diagnostic(
            "NIR018", Severity.WARNING, node, message, "if a neuron belongs there, its exporter dropped it"
        )
    stacked = {pair for _, chain in chains for pair in _weights_in_a_row(chain)}
    for first, second in sorted(stacked):
        message = f"follows {first!r} without a neuron between them"
        yield Diagnostic(
            "NIR018", Severity.WARNING, second, message, "if a neuron belongs there, its exporter dropped it"
        )


def _weights_in_a_row(chain: Sequence[Operator]) -> Iterator[tuple[str, str]]:
    weighted = [operator.node for operator in chain if isinstance(operator, Dense | Conv)]
    return pairwise(weighted)


def unused_remarks(
    nodes: Nodes, graph: FlatGraph, ways: Mapping[str, Ways], targets: Iterable[str]
) -> Iterator[Diagnostic]:
    """Nodes that carry nothing, or carry it nowhere."""
    leads, biased = _leading_to(targets, graph, ways), _carrying_bias(nodes, graph, ways)
    for name in sorted(nodes):
        if not graph.predecessors[name] and not graph.successors[name]:
            message = f"is connected to nothing{': left out' if is_stateless(nodes[name]) else ''}"
            yield Diagnostic("NET050", Severity.WARNING, name, message, "connect or remove it")
        elif name in ways and name not in leads:
            yield Diagnostic(
                "NET051", Severity.WARNING, name, "leads to no neuron and no Output: left out", "connect or remove it"
            )
        elif name in ways and not ways[name].paths:
            message = f"is fed by nothing: {'only its bias counts' if name in biased else 'left out'}"
            yield Diagnostic("NET051", Severity.WARNING, name, message, "connect or remove it")


def _carrying_bias(nodes: Nodes, graph: FlatGraph, ways: Mapping[str, Ways]) -> Set[str]:
    """Stateless nodes that hand on a bias, their own or that of a node before them; `ways` lists those first."""
    found: set[str] = set()
    for name in ways:
        node = nodes[name]
        own = isinstance(node, DenseNode | ConvNode) and node.bias is not None
        if own or any(source in found for source in graph.predecessors[name]):
            found.add(name)
    return found


def _leading_to(targets: Iterable[str], graph: FlatGraph, ways: Mapping[str, Ways]) -> Set[str]:
    leads: set[str] = set()
    waiting = list(targets)
    while waiting:
        before = [name for name in graph.predecessors[waiting.pop()] if name in ways and name not in leads]
        leads.update(before)
        waiting += before
    return leads
