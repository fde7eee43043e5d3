"""An outline as a picture: one SVG file that needs nothing else, readable on light and on dark ground.

Colours hang on classes. Every box and line has a title with all that is known of it. Text is monospaced, so that its
room is known without a font: no label leaves its box.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise

from neuedge_nir.report.geometry import Line, Node, Path, Rect, Size, Wire
from neuedge_nir.report.layout import Picture, Route, laid_out
from neuedge_nir.report.loom import LOOP
from neuedge_nir.report.outline import Arrow, Outline, Vertex
from neuedge_nir.report.phrases import (
    LONGEST_LABEL,
    arrow_label,
    arrow_title,
    cut_labels,
    name_of,
    size_words,
    vertex_label,
    vertex_title,
)
from neuedge_nir.report.summary import drawable, summary_words
from neuedge_nir.report.words import columns, printable, shortened

NAME, SMALL, TITLE = 13, 11, 16
"""Heights of letters in pixels."""
COLUMN = 0.61
"""The width of a column of monospaced text, in heights of its letters: no common font takes more."""
MARGIN, TOP, FOOT = 10, 72, 36
"""Pixels around the picture, and above and below it for what it is and what its lines mean."""
BOX_HEIGHT, NARROWEST, LABEL_STEP = 60, 104, 14
"""Pixels: a box's height and least width, and from one line of a label to the next."""
ARROW = 8
LATIN = "\u052f"
"""The last letter that every monospaced font is trusted to have: Latin, Greek, Cyrillic."""

LIGHT = {
    "ground": "fill:#ffffff",
    "text": "fill:#1b2430",
    "small": "fill:#51606f",
    "port": "fill:#eef0f3;stroke:#7c8896",
    "spiking": "fill:#e4eefc;stroke:#3f74c4",
    "silent": "fill:#e1f3e8;stroke:#3b8a5c",
    "group": "fill:#8593a5;fill-opacity:.07;stroke:#9aa6b4",
    "line": "stroke:#66778a",
    "head": "fill:#66778a",
    "back": "stroke:#c2570c",
    "back-head": "fill:#c2570c",
    "back-text": "fill:#a8480a",
}
DARK = {
    "ground": "fill:#12171e",
    "text": "fill:#e6ebf1",
    "small": "fill:#a3b0be",
    "port": "fill:#262e38;stroke:#8c99a8",
    "spiking": "fill:#16294a;stroke:#6c9fe8",
    "silent": "fill:#143524;stroke:#5fb886",
    "group": "fill:#9aa8ba;fill-opacity:.08;stroke:#5d6977",
    "line": "stroke:#8fa0b3",
    "head": "fill:#8fa0b3",
    "back": "stroke:#f0924e",
    "back-head": "fill:#f0924e",
    "back-text": "fill:#f5a76f",
}
STYLE = """\
.neuedge{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:11px}
.neuedge text{white-space:pre}
.neuedge .name{font-size:13px;font-weight:600}
.neuedge .title{font-size:16px;font-weight:600}
.neuedge .line,.neuedge .back{fill:none;stroke-width:1.5}
.neuedge .back{stroke-dasharray:6 4}
.neuedge .analog{stroke-dasharray:1.5 3.5;stroke-linecap:round}
.neuedge .back.analog{stroke-dasharray:7 4 1.5 4}
"""


def svg_of(outline: Outline) -> str:
    """The picture, an XML document in UTF-8 that ends in a line break; of a very large network it is a summary."""
    drawn = drawable(outline)
    return "".join(f"{line}\n" for line in _lines(drawn, [*size_words(outline), *summary_words(outline, drawn)]))


def _lines(outline: Outline, words: Sequence[str]) -> Iterator[str]:
    outputs = frozenset(vertex.name for vertex in outline.outputs)
    picture = laid_out([_node(v) for v in outline.vertices], [_wire(a, outputs) for a in outline.arrows], _group_title)
    head = [name_of(outline.origin.name), ", ".join(words)]
    legend = sum(_entry_room(words) for _, words in _kinds(outline))
    room = max(_room(head[0], TITLE), _room(head[1], SMALL), legend, picture.size.width) + 2 * MARGIN
    size = Size(room, picture.size.height + TOP + FOOT)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="neuedge" role="img" width="{size.width}" '
        f'height="{size.height}" viewBox="0 0 {size.width} {size.height}">'
    )
    yield f"<title>{escape(': '.join(head))}</title>"
    yield f"<style>\n{STYLE}{_rules(LIGHT)}@media (prefers-color-scheme:dark){{\n{_rules(DARK)}}}\n</style>"
    yield f'<rect class="ground" width="{size.width}" height="{size.height}"/>'
    yield _text(MARGIN + 4, 28, head[0], "title text")
    yield _text(MARGIN + 4, 48, head[1], "small")
    yield f'<g transform="translate({(room - picture.size.width) // 2} {TOP})">'
    yield from _drawn(outline, picture, outputs)
    yield "</g>"
    yield from _legend(outline, size.height - FOOT // 2)
    yield "</svg>"


def _rules(colours: Mapping[str, str]) -> str:
    return "".join(f".neuedge .{name}{{{rule}}}\n" for name, rule in colours.items())


def _drawn(outline: Outline, picture: Picture, outputs: frozenset[str]) -> Iterator[str]:
    """Groups below lines below boxes."""
    for path in sorted(picture.groups, key=lambda path: (len(path), path)):
        yield from _group(path, picture.groups[path])
    for arrow, route in zip(outline.arrows, picture.routes, strict=True):
        yield from _arrow(arrow, route, arrow.target in outputs)
    for vertex in outline.vertices:
        yield from _box(vertex, picture.boxes[vertex.name])


# --- how much room text takes


def _room(text: str, height: int) -> int:
    return math.ceil(columns(text) * height * COLUMN)


def _node(vertex: Vertex) -> Node:
    name, *more = vertex_label(vertex)
    width = max(NARROWEST, _room(name, NAME) + 24, *(_room(text, SMALL) + 24 for text in more))
    return Node(vertex.name, vertex.group, Size(width + width % 2, BOX_HEIGHT))


def _wire(arrow: Arrow, outputs: frozenset[str]) -> Wire:
    label = _label_size(arrow_label(arrow, read_out=arrow.target in outputs))
    here, there = map(_label_size, cut_labels(arrow))
    return Wire(arrow.source, arrow.target, label, here, there)


def _label_size(label: Sequence[str]) -> Size:
    return Size(max(_room(text, SMALL) for text in label), 2 * LABEL_STEP + 4)


def _group_title(path: Path) -> Size:
    return Size(_room(_group_name(path), SMALL) + 20, 24)


def _group_name(path: Path) -> str:
    return shortened(path[-1], LONGEST_LABEL)


# --- the elements


def _text(x: int, y: int, text: str, kind: str, anchor: str = "") -> str:
    """A line of text. What a monospaced font may not have is fitted into the room that was reckoned for it."""
    height = TITLE if "title" in kind else NAME if "name" in kind else SMALL
    fit = (
        f' textLength="{_room(text, height)}" lengthAdjust="spacingAndGlyphs"' if max(text, default="") > LATIN else ""
    )
    middle = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x}" y="{y}" class="{kind}"{middle}{fit}>{escape(text)}</text>'


def _group(path: Path, rect: Rect) -> Iterator[str]:
    yield f"<g><title>{escape(printable('/'.join(path)))}/</title>"
    yield f'<rect class="group" x="{rect.x}" y="{rect.y}" width="{rect.width}" height="{rect.height}" rx="10"/>'
    yield _text(rect.x + 10, rect.y + 16, _group_name(path), "small") + "</g>"


def _box(vertex: Vertex, rect: Rect) -> Iterator[str]:
    kind = "port" if vertex.is_port else "spiking" if vertex.spiking else "silent"
    middle, top = rect.x + rect.width // 2, rect.y + (rect.height - BOX_HEIGHT) // 2
    name, what, size = vertex_label(vertex)
    yield f"<g><title>{escape(vertex_title(vertex))}</title>"
    yield (
        f'<rect class="{kind}" x="{rect.x}" y="{rect.y}" width="{rect.width}" height="{rect.height}" '
        f'rx="{rect.height // 2 if vertex.is_port else 6}"/>'
    )
    yield _text(middle, top + 21, name, "name text", "middle")
    yield _text(middle, top + 37, what, "text", "middle")
    yield _text(middle, top + 51, size, "small", "middle") + "</g>"


def _arrow(arrow: Arrow, route: Route, read_out: bool) -> Iterator[str]:
    """A projection. One that is cut has a line at each of its ends, and the label there says where the other is."""
    yield f"<g><title>{escape(arrow_title(arrow, read_out=read_out))}</title>"
    whole, loops = len(route.lines) == 1, arrow.source == arrow.target
    labels = [arrow_label(arrow, read_out=read_out)] if whole else cut_labels(arrow)
    for line, rect, label in zip(route.lines, route.labels, labels, strict=True):
        kind = ("back" if arrow.recurrent else "line") + (" analog" if arrow.signal == "analog" else "")
        ends = line is route.lines[-1]
        yield f'<path class="{kind}" d="{_loop(line) if loops else _curve(line, ends)}"/>'
        if ends:
            yield f'<path class="{"back-head" if arrow.recurrent else "head"}" d="{_head(line, loops)}"/>'
        for number, text in enumerate(label):
            colour = "back-text" if arrow.recurrent else "small" if number else "text"
            yield _text(rect.x, rect.y + 12 + LABEL_STEP * number, text, colour)
    yield "</g>"


def _curve(line: Line, ends: bool) -> str:
    """A line upright at its points; it stops short of the arrow's head, if one follows."""
    (x, y), *more = line
    if ends:
        (last_x, last_y), before = line[-1], line[-2][1]
        more[-1] = (last_x, last_y - ARROW if last_y > before else last_y + ARROW)
    path = [f"M{x} {y}"]
    for (x1, y1), (x2, y2) in pairwise([(x, y), *more]):
        middle = (y1 + y2) // 2
        path.append(f"V{y2}" if x1 == x2 else f"C{x1} {middle} {x2} {middle} {x2} {y2}")
    return "".join(path)


def _loop(line: Line) -> str:
    """From the right side of a box back to it."""
    (x, y1), (_, y2) = line
    return f"M{x} {y1}C{x + LOOP} {y1 + 4} {x + LOOP} {y2 - 2} {x + ARROW} {y2}"


def _head(line: Line, loops: bool) -> str:
    """The head of an arrow at the end of a line: to the left on one that loops, else up or down."""
    (_, before), (x, y) = line[-2:]
    if loops:
        return f"M{x} {y}l{ARROW} {-ARROW // 2}v{ARROW}z"
    return f"M{x} {y}l{-ARROW // 2} {ARROW if y < before else -ARROW}h{ARROW}z"


# --- the legend


def _legend(outline: Outline, y: int) -> Iterator[str]:
    """What colours and dashes mean, of those that there are."""
    x = MARGIN + 4
    for kind, words in _kinds(outline):
        if kind in ("port", "spiking", "silent"):
            yield f'<rect class="{kind}" x="{x}" y="{y - 9}" width="18" height="12" rx="3"/>'
        else:
            yield f'<path class="{kind}" d="M{x} {y - 3}h22"/>'
        yield _text(x + 28, y + 1, words, "small")
        x += _entry_room(words)


def _entry_room(words: str) -> int:
    return 28 + _room(words, SMALL) + 22


def _kinds(outline: Outline) -> Iterator[tuple[str, str]]:
    if any(vertex.spiking for vertex in outline.populations):
        yield "spiking", "spiking"
    if not all(vertex.spiking for vertex in outline.populations):
        yield "silent", "not spiking"
    if any(arrow.recurrent for arrow in outline.arrows):
        yield "back", "recurrent: a step later"
    if any(arrow.signal == "analog" for arrow in outline.arrows):
        yield "line analog", "analog"
