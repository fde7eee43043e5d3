"""An outline as a tree of text: populations in the order of flow, under each the projections into it.

Numbers stand in columns of their own at the right. Lines keep to the width they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from neuedge_nir.report.amounts import counted
from neuedge_nir.report.loops import Loop
from neuedge_nir.report.outline import Arrow, Group, Outline, Vertex
from neuedge_nir.report.phrases import MOST_STEPS, heading, marks, name_of, parameter_words, size_words, step_words
from neuedge_nir.report.words import columns, fitting

HEAD, TAIL = 32, 16
"""Of more populations and ports than these together, so many at the beginning and at the end are shown."""
MOST_INTO, MOST_LOOPS, MOST_NAMES = 12, 12, 8
"""Projections into one population, loops, names in a loop: the rest is counted."""
DEEPEST = 5
"""Levels of guides in front of a line: deeper ones are drawn no further to the right."""
NARROWEST = 60
"""The least width of a line, however narrow the terminal is."""
WIDEST = 72
"""The most columns for words in front of the numbers: further apart, no eye keeps the line."""
ALL = "left out (--all shows them)"

T = TypeVar("T")
Cells = tuple[str, str, str]
HEADERS: Cells = ("neurons", "synapses", "weights")
NO_CELLS: Cells = ("", "", "")


@dataclass(frozen=True, slots=True)
class Style:
    """How wide lines may be, whether lines may be drawn with unicode, and whether nothing is left out."""

    width: int = 120
    unicode: bool = True
    everything: bool = False

    def branch(self, last: bool) -> str:
        """In front of a member."""
        return ("└─ " if last else "├─ ") if self.unicode else ("`- " if last else "|- ")

    def rail(self, last: bool) -> str:
        """In front of what belongs to a member."""
        return "   " if last else "│  " if self.unicode else "|  "

    @property
    def line(self) -> int:
        """The columns that a line may take."""
        return max(self.width, NARROWEST)

    @property
    def rule(self) -> str:
        return "─" if self.unicode else "-"


@dataclass(frozen=True, slots=True)
class Row:
    """A line: its guide, words that go on behind `hanging` on further lines, and numbers at the right."""

    guide: str
    hanging: str
    words: tuple[str, ...]
    cells: Cells = NO_CELLS


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all rows draw from. `kept` holds the names of the vertices that are shown."""

    into: Mapping[str, Sequence[Arrow]]
    outputs: frozenset[str]
    kept: frozenset[str]
    style: Style

    def shows(self, member: Vertex | Group) -> bool:
        if isinstance(member, Vertex):
            return member.name in self.kept
        return any(vertex.name in self.kept for vertex in member.vertices())


def tree_lines(outline: Outline, style: Style) -> Iterator[str]:
    """The lines of the text, none with blanks at its end."""
    root = outline.tree()
    first, *sizes = size_words(outline)
    yield from _filled([f"{name_of(outline.origin.name)}: {first}", *sizes], style.line)
    yield from _filled(_facts(outline, root), style.line)
    yield ""
    yield from _table(list(_members(root, "", _scene(outline, root, style))), _total(outline), style)
    if outline.loops:
        yield from ("", "Loops", *_loops(outline.loops, style))
    notes = list(_notes(outline))
    if notes:
        yield from ("", *(line for note in notes for line in _filled([note], style.line)))


def _facts(outline: Outline, root: Group) -> list[str]:
    c, version, groups = outline.totals, outline.origin.nir_version, len(list(root.groups()))
    return [
        counted(c.populations, "population"),
        counted(c.projections, "projection"),
        *([counted(groups, "sub-graph")] if groups else []),
        f"reset {outline.reset or 'not stated'}",
        "dt not stated" if outline.dt is None else f"dt {outline.dt:g}",
        *([f"written by NIR {name_of(version)}"] if version else []),
    ]


def _scene(outline: Outline, root: Group, style: Style) -> _Scene:
    into: dict[str, list[Arrow]] = {}
    for arrow in outline.arrows:
        into.setdefault(arrow.target, []).append(arrow)
    names = [vertex.name for vertex in root.vertices()]
    if not style.everything and len(names) > HEAD + TAIL:
        names = [*names[:HEAD], *names[-TAIL:]]
    return _Scene(into, frozenset(vertex.name for vertex in outline.outputs), frozenset(names), style)


# --- the rows


def _members(group: Group, guide: str, scene: _Scene) -> Iterator[Row]:
    """The rows of a group. Neighbours that are not shown make one row."""
    runs = [(shown, list(run)) for shown, run in groupby(group.members, key=scene.shows)]
    entries = [entry for shown, run in runs for entry in (run if shown else [run])]
    for entry in entries:
        lead, rail = _guides(guide, entry is entries[-1], scene.style)
        match entry:
            case Vertex():
                yield from _vertex(entry, lead, rail, scene)
            case Group():
                yield Row(lead, rail, (f"{name_of(entry.name)}/: sub-graph of {counted(entry.neurons, 'neuron')}",))
                yield from _members(entry, rail, scene)
            case _:
                yield Row(lead, rail, (f"... {_counts(Group((), tuple(entry)), scene)} {ALL}",))


def _guides(guide: str, last: bool, style: Style) -> tuple[str, str]:
    """In front of a member, and of what belongs to it."""
    deeper = len(guide) < 3 * DEEPEST
    return guide + style.branch(last), guide + style.rail(last) if deeper else guide


def _counts(group: Group, scene: _Scene) -> str:
    vertices, populations = list(group.vertices()), len(list(group.populations()))
    sizes = (
        (populations, "population"),
        (len(vertices) - populations, "port"),
        (sum(len(scene.into.get(vertex.name, ())) for vertex in vertices), "projection"),
        (len(list(group.groups())), "sub-graph"),
    )
    return ", ".join(counted(n, noun) for n, noun in sizes if n)


def _vertex(vertex: Vertex, lead: str, rail: str, scene: _Scene) -> Iterator[Row]:
    arrows = scene.into.get(vertex.name, ())
    yield Row(lead, rail, tuple(heading(vertex)), ("" if vertex.is_port else f"{vertex.size:,}", "", ""))
    if words := parameter_words(vertex):
        below = rail + scene.style.rail(last=not arrows)
        yield Row(below, below, tuple(words))
    shown, rest = _some(arrows, MOST_INTO, scene.style)
    for arrow in shown:
        yield from _arrow(arrow, *_guides(rail, not rest and arrow is shown[-1], scene.style), scene)
    if rest:
        yield Row(*_guides(rail, True, scene.style), (f"... {counted(rest, 'projection')} more {ALL}",))


def _arrow(arrow: Arrow, lead: str, rail: str, scene: _Scene) -> Iterator[Row]:
    read_out = arrow.target in scene.outputs
    special = ", ".join(marks(arrow, read_out=read_out))
    start = f"from {name_of(arrow.source)}{f' ({special})' if special else ''}{'' if arrow.steps else ': one to one'}"
    sizes = ("", f"{arrow.synapses:,}", f"{arrow.stored_weights:,}") if arrow.steps or not read_out else NO_CELLS
    yield Row(lead, rail, (start,), sizes)
    shown, rest = _some(list(step_words(arrow)), MOST_STEPS, scene.style)
    for words in shown:
        yield Row(rail, rail + "  ", tuple(words))
    if rest:
        yield Row(rail, rail, (f"... {counted(rest, 'operator')} more {ALL}",))


def _some(items: Sequence[T], most: int, style: Style) -> tuple[Sequence[T], int]:
    """The items to be shown, and how many are left out."""
    return (items, 0) if style.everything or len(items) <= most else (items[:most], len(items) - most)


def _total(outline: Outline) -> Row:
    c = outline.totals
    return Row("", "", ("total",), (f"{c.neurons:,}", f"{c.synapses:,}", f"{c.stored_weights:,}"))


# --- the lines


def _table(rows: Sequence[Row], total: Row, style: Style) -> Iterator[str]:
    """The rows, and a total below a rule."""
    wide = [max(len(row.cells[i]) for row in (Row("", "", (), HEADERS), total, *rows)) for i in range(len(HEADERS))]
    numbers = sum(wide) + 2 * len(wide)
    words = max(NARROWEST // 2, min(WIDEST, style.line - numbers))
    yield _line("", HEADERS, words, wide)
    for row in rows:
        room = words if any(row.cells) else min(style.line, words + numbers)
        first, *more = _filled(row.words, room, row.guide, row.hanging)
        yield _line(first, row.cells, words, wide) if any(row.cells) else first
        yield from more
    yield " " * words + "  " + style.rule * (numbers - 2)
    yield _line("total", total.cells, words, wide)


def _line(words: str, cells: Cells, width: int, wide: Sequence[int]) -> str:
    room = " " * (width - columns(words))
    return (words + room + "".join(f"  {cell:>{n}}" for cell, n in zip(cells, wide, strict=True))).rstrip()


def _filled(words: Sequence[str], width: int, guide: str = "", hanging: str = "") -> Iterator[str]:
    """Words set off by commas, on as many lines as they take; one longer than a line is cut into pieces."""
    line, begun = guide, False
    for piece in _pieces(words, width - max(columns(guide), columns(hanging)) - 1):
        if begun and columns(line) + 1 + columns(piece) > width:
            yield line.rstrip()
            line, begun = hanging, False
        line += f" {piece}" if begun else piece
        begun = True
    yield line.rstrip()  # a name may be a blank


def _pieces(words: Sequence[str], width: int) -> Iterator[str]:
    for index, word in enumerate(words):
        text = word if index == len(words) - 1 else f"{word},"
        while columns(text) > width:
            head = fitting(text, width)
            head = head[: head.rfind(" ")] if " " in head[1:] else head
            yield head
            text = text[len(head) :].lstrip()
        yield text


def _loops(loops: Sequence[Loop], style: Style) -> Iterator[str]:
    shown, rest = _some(loops, MOST_LOOPS, style)
    for loop in shown:
        yield from _filled(list(_loop_words(loop, style)), style.line, "  ", "    ")
    if rest:
        yield f"  ... {counted(rest, 'loop')} more {ALL}"


def _loop_words(loop: Loop, style: Style) -> Iterator[str]:
    simple = len(loop.populations) == len(loop.cycle)
    if not simple:
        yield f"{counted(len(loop.populations), 'population')} that reach each other"
        yield f"closed by {counted(len(loop.closed_by), 'projection')}"
    way = [name_of(name) for name in (*loop.cycle, loop.cycle[0])]
    shown, rest = _some(way, MOST_NAMES, style)
    words = " -> ".join([*shown[:-1], f"... {rest} more ...", way[-1]] if rest else shown)
    yield words if simple else f"one way round: {words}"


def _notes(outline: Outline) -> Iterator[str]:
    spreads = [s for v in outline.populations for s in (*(v.parameters or {}).values(), v.bias) if s is not None]
    if not all(spread.uniform for spread in spreads):
        yield "Values that differ: min .. median .. max."
    if sum(arrow.stored_weights for arrow in outline.arrows) != outline.totals.stored_weights:
        yield "Weights: a projection counts those it uses, the total what the nodes of the file store, each node once."
