"""An outline as a Graphviz document: populations as nodes, projections as edges, sub-graphs as clusters.

Nodes are numbered, and names stand in labels and tooltips only: what a stranger called a node is never syntax.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from neuedge_nir.report.outline import Arrow, Group, Outline, Vertex
from neuedge_nir.report.phrases import arrow_label, arrow_title, name_of, size_words, vertex_label, vertex_title

HEAD = """\
  graph [labelloc=t, fontname="Helvetica,Arial,sans-serif", fontsize=14];
  node [shape=box, style="rounded,filled", color="#5b6b80", fontname="Helvetica,Arial,sans-serif", fontsize=12];
  edge [color="#5b6b80", fontname="Helvetica,Arial,sans-serif", fontsize=10];"""
RECURRENT = 'style=dashed, color="#c2570c", fontcolor="#c2570c", constraint=false'
ANALOG = "arrowhead=empty"
"""What is not made of spikes."""


def dot_of(outline: Outline) -> str:
    """The document, ending in a line break."""
    return "".join(f"{line}\n" for line in _lines(outline))


def quoted(lines: Sequence[str]) -> str:
    """Lines of printable text as a quoted string, which Graphviz reads back as they are."""
    escaped = (line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def _lines(outline: Outline) -> Iterator[str]:
    ids = {vertex.name: f"n{index}" for index, vertex in enumerate(outline.vertices)}
    tree = outline.tree()
    clusters = {group.path: f"cluster_{index}" for index, group in enumerate(tree.groups())}
    yield "digraph {"
    yield HEAD
    yield f"  label={quoted([name_of(outline.origin.name), ', '.join(size_words(outline))])};"
    yield from _members(tree, "  ", ids, clusters)
    outputs = {vertex.name for vertex in outline.outputs}
    for arrow in outline.arrows:
        yield f"  {ids[arrow.source]} -> {ids[arrow.target]} [{_edge(arrow, arrow.target in outputs)}];"
    yield "}"


def _members(
    group: Group, indent: str, ids: Mapping[str, str], clusters: Mapping[tuple[str, ...], str]
) -> Iterator[str]:
    for member in group.members:
        if isinstance(member, Vertex):
            label, tooltip = quoted(vertex_label(member)), quoted([vertex_title(member)])
            yield f'{indent}{ids[member.name]} [label={label}, tooltip={tooltip}, fillcolor="{_fill(member)}"];'
        else:
            yield f"{indent}subgraph {clusters[member.path]} {{"
            yield f'{indent}  label={quoted([name_of(member.path[-1])])}; labeljust=l; style=rounded; color="#9aa5b4";'
            yield from _members(member, indent + "  ", ids, clusters)
            yield f"{indent}}}"


def _fill(vertex: Vertex) -> str:
    return "#eceff3" if vertex.is_port else "#e3edfb" if vertex.spiking else "#e2f3ea"


def _edge(arrow: Arrow, read_out: bool) -> str:
    label = quoted(arrow_label(arrow, read_out=read_out))
    title = quoted([arrow_title(arrow, read_out=read_out)])
    special = [RECURRENT] if arrow.recurrent else []
    special += [ANALOG] if arrow.signal != "spike" else []
    return ", ".join([f"label={label}", f"tooltip={title}", f"labeltooltip={title}", *special])
