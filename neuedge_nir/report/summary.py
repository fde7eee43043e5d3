"""A large outline as one that can be drawn and looked at: its middle as one box, parallel projections as one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from neuedge_nir.report.amounts import counted
from neuedge_nir.report.outline import Arrow, Outline, Vertex
from neuedge_nir.report.tree import HEAD, TAIL

MOST_DRAWN = 10_000
"""Boxes and lines of a picture that are all drawn: more take minutes to draw, and nobody can tell them apart."""


def drawable(outline: Outline) -> Outline:
    """The very outline, or a summary where it has too many parts; the totals stay those of all."""
    vertices = outline.vertices
    if len(vertices) + len(outline.arrows) <= MOST_DRAWN:
        return outline
    head, middle, tail = vertices[:HEAD], vertices[HEAD:-TAIL], vertices[max(HEAD, len(vertices) - TAIL) :]
    box = [_box(middle, {vertex.name for vertex in (*head, *tail)})] if middle else []
    stands_in = {vertex.name: box[0].name for vertex in middle}
    parallel: dict[tuple[str, str], list[Arrow]] = {}
    for arrow in outline.arrows:
        ends = stands_in.get(arrow.source, arrow.source), stands_in.get(arrow.target, arrow.target)
        parallel.setdefault(ends, []).append(arrow)
    kept = {vertex.name for vertex in (*head, *tail)}
    return replace(
        outline,
        inputs=tuple(port for port in outline.inputs if port.name in kept),
        populations=(*(v for v in head if not v.is_port), *box, *(v for v in tail if not v.is_port)),
        outputs=tuple(port for port in outline.outputs if port.name in kept),
        arrows=tuple(_line(*ends, arrows) for ends, arrows in parallel.items()),
    )


def summary_words(outline: Outline, drawn: Outline) -> list[str]:
    """What the picture is, where it does not show each part."""
    if drawn is outline:
        return []
    return [f"a summary: {len(outline.vertices):,} boxes and {len(outline.arrows):,} lines are too many to be drawn"]


def _box(middle: Sequence[Vertex], taken: set[str]) -> Vertex:
    """One box for all of these, under a name that none of the others has."""
    populations = [vertex for vertex in middle if not vertex.is_port]
    sizes = ((len(populations), "population"), (len(middle) - len(populations), "port"))
    words = ", ".join(counted(number, noun) for number, noun in sizes if number)
    name = next(name for dots in count(3) if (name := f"{'.' * dots} {words}") not in taken)
    spiking = all(vertex.spiking for vertex in populations)
    return Vertex(name, "in all", (sum(v.size for v in populations),), (), spiking, {})


def _line(source: str, target: str, arrows: Sequence[Arrow]) -> Arrow:
    """One line for all projections from one box to another. It is recurrent, or analog, if all of them are."""
    first = arrows[0]
    if len(arrows) == 1 and (first.source, first.target) == (source, target):
        return first
    signals = {arrow.signal for arrow in arrows}
    return replace(
        first,
        source=source,
        target=target,
        steps=(),
        delay_steps=min(arrow.delay_steps for arrow in arrows),
        signal=signals.pop() if len(signals) == 1 else "spike",
        synapses=sum(arrow.synapses for arrow in arrows),
        stored_weights=sum(arrow.stored_weights for arrow in arrows),
        projections=len(arrows),
    )
