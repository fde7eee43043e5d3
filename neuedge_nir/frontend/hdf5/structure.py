"""Which HDF5 group is a node, which a graph, which its metadata."""

from __future__ import annotations

from collections.abc import Iterator

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.hdf5.headers import DatasetHeader, GroupHeader, Kind
from neuedge_nir.frontend.hdf5.values import Values
from neuedge_nir.frontend.raw import RECORDING, Edge, Field, Metadata, MetadataValue, RawGraph, RawNode

GRAPH = "NIRGraph"
TEXT_FIELDS = ("padding",)


def version_in(root: GroupHeader, values: Values) -> str | None:
    """The version of the NIR library that wrote the file, where it says."""
    header = root.dataset("version")
    return None if header is None else values.text(header, "name_length")


def graph_in(group: GroupHeader, values: Values) -> RawGraph:
    """The graph at the root of the file."""
    read = _node_in(group, "", values)
    if isinstance(read, RawGraph):
        return read
    message = f"the file holds a single {read.type}, not a graph"
    hint = "wrap it: nir.NIRGraph.from_list(node)"
    raise InputError("FILE016", message, where=values.tally.file, hint=hint)


def recordings_in(root: GroupHeader, values: Values) -> RawGraph:
    """What `nir.write_data` stores, as a graph without edges: by node its observables on a grid of time.

    Those stored as lists of events are refused: how many timesteps they stand for is said in attributes alone.
    """
    where = values.tally.file
    return RawGraph(dict(_recorded(root, "", values)), (), {}, where)


def _recorded(graph: GroupHeader, prefix: str, values: Values) -> Iterator[tuple[str, RawNode]]:
    nodes = graph.group("nodes")
    for name, member in nodes.members.items() if nodes is not None else ():
        observables = member.group("observables") if isinstance(member, GroupHeader) else None
        if isinstance(member, GroupHeader) and member.group("nodes") is not None:
            yield from _recorded(member, f"{prefix}{name}/", values)
        elif observables is not None:
            where = f"node {prefix + name!r} of {values.tally.file}"
            fields = {kind: _observable(each, where, values) for kind, each in observables.members.items()}
            yield prefix + name, RawNode(RECORDING, fields, {}, where)


def _observable(member: GroupHeader | DatasetHeader, where: str, values: Values) -> Field:
    data = member.dataset("data") if isinstance(member, GroupHeader) else None
    if data is None or len(data.shape) != 3:
        message = "an observable that is no grid of (samples, timesteps, neurons)"
        raise InputError("FILE016", message, where=where, hint="store it as TimeGriddedData")
    return values.numbers(data)


def _node_in(group: GroupHeader, name: str, values: Values) -> RawNode | RawGraph:
    where = f"node {name!r} of {values.tally.file}" if name else values.tally.file
    header = group.dataset("type")
    if header is None:
        hint = "a node's name must not hold '/', or the export broke off: export it again"
        raise InputError("FILE016", "this group has no 'type'", where=where, hint=hint)
    kind = values.text(header, "name_length")
    if kind == GRAPH:
        return _graph(group, name, where, values)
    return RawNode(kind, _fields(group, where, values), _metadata(group, where, values), where)


def _fields(group: GroupHeader, where: str, values: Values) -> dict[str, Field]:
    members = {name: member for name, member in group.members.items() if name not in ("type", "metadata")}
    for name, member in members.items():
        if isinstance(member, GroupHeader):
            message = f"{name!r} is a group, not a field"
            raise InputError(
                "FILE016", message, where=where, hint="only a NIRGraph holds nodes; export the model again"
            )
    return {name: _field(name, member, values) for name, member in members.items() if isinstance(member, DatasetHeader)}


def _field(name: str, header: DatasetHeader, values: Values) -> Field:
    if name in TEXT_FIELDS and header.kind is not Kind.NUMBER:
        return values.text(header, "name_length")
    return values.numbers(header)


def _graph(group: GroupHeader, name: str, where: str, values: Values) -> RawGraph:
    inner, edges = group.group("nodes"), group.dataset("edges")
    odd = sorted(group.members.keys() - {"type", "nodes", "edges", "metadata"})
    if inner is None or edges is None or odd:
        what = (
            f"holds {odd[0]!r}, which no graph has" if odd else "lacks its nodes or its edges: was it written in full?"
        )
        raise InputError("FILE016", f"the graph {what}", where=where, hint="export the model again")
    values.tally.add("nodes", len(inner.members), inner.path)
    prefix = f"{name}/" if name else ""
    nodes = {key: _node_of(member, prefix + key, values) for key, member in inner.members.items()}
    return RawGraph(nodes, _edges(edges, where, values), _metadata(group, where, values), where)


def _node_of(member: GroupHeader | DatasetHeader, name: str, values: Values) -> RawNode | RawGraph:
    if isinstance(member, GroupHeader):
        return _node_in(member, name, values)
    where = values.tally.place(member.path)
    raise InputError("FILE016", "this is a dataset where a node belongs", where=where, hint="export the model again")


def _edges(header: DatasetHeader, where: str, values: Values) -> tuple[Edge, ...]:
    if header.elements == 0:
        return ()
    if header.kind is Kind.NUMBER or len(header.shape) != 2 or header.shape[1] != 2:
        message = f"the edges must be pairs of node names, not {header.kind.value} of shape {header.shape}"
        raise InputError("FILE016", message, where=where, hint="export the model again")
    values.tally.add("edges", header.shape[0], header.path)
    names = values.texts(header, "name_length")
    return tuple(zip(names[::2], names[1::2], strict=True))


def _metadata(group: GroupHeader, where: str, values: Values) -> Metadata:
    member = group.members.get("metadata")
    if isinstance(member, DatasetHeader):
        raise InputError("FILE016", "'metadata' must be a group", where=where, hint="export the model again")
    return {} if member is None else _metadata_of(member, values)


def _metadata_of(group: GroupHeader, values: Values) -> Metadata:
    return {name: _metadata_value(member, values) for name, member in group.members.items()}


def _metadata_value(member: GroupHeader | DatasetHeader, values: Values) -> MetadataValue:
    if isinstance(member, GroupHeader):
        return _metadata_of(member, values)
    if member.kind is Kind.NUMBER:
        return values.numbers(member)
    if not member.shape:
        return values.text(member, "string_length")
    if len(member.shape) == 1:
        return values.texts(member, "string_length")
    where = values.tally.place(member.path)
    raise InputError("FILE014", "a table of text is refused here", where=where, hint="write it as one JSON string")
