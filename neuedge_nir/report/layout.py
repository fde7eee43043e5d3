"""Where the boxes, groups, labels and lines of a picture go: in layers from top to bottom, in whole pixels.

Every group is laid out by itself and then stands as one box in the group around it, so groups never overlap. Very
long lines are cut where they would make the picture grow with the square of the network: each end then has a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from neuedge_nir.report.geometry import Block, Border, Item, Level, Line, Link, Node, Path, Rect, Size, Wire
from neuedge_nir.report.level import block_of

SPANS, SPANS_PER_NODE = 400, 4
"""Ranks that all long lines together may cross, at least and for each node: the longest of more are cut."""


@dataclass(frozen=True, slots=True)
class Route:
    """A wire as drawn: a line from source to target with its label, or where it is cut two lines with a label each."""

    lines: tuple[Line, ...]
    labels: tuple[Rect, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything placed; `routes` in the order of the wires. The upper left corner is (0, 0)."""

    size: Size
    boxes: Mapping[str, Rect]
    groups: Mapping[Path, Rect]
    routes: tuple[Route, ...]


def laid_out(nodes: Sequence[Node], wires: Sequence[Wire], title: Callable[[Path], Size]) -> Picture:
    """The picture of nodes, given in the order of flow. `title` is the room for the name of a group, in its corner."""
    levels = _levels(nodes, wires)
    blocks: dict[Path, Block] = {}
    for path in sorted(levels, key=len, reverse=True):
        blocks[path] = block_of(levels[path], blocks, title(path) if path else Size(0, 0))
    whole = blocks[()]
    back = {link.key[0] for level in levels.values() for link in level.links if link.back}
    routes = tuple(_route(number, whole, number in back) for number in range(len(wires)))
    return Picture(whole.size, whole.boxes, whole.groups, routes)


def _route(number: int, whole: Block, back: bool) -> Route:
    keys = [key for key in ((number, 0), (number, 1)) if key in whole.lines]
    lines = [whole.lines[key][::-1] if back else whole.lines[key] for key in keys]
    return Route(tuple(lines), tuple(whole.labels[key] for key in keys))


# --- the levels


def _levels(nodes: Sequence[Node], wires: Sequence[Wire]) -> Mapping[Path, Level]:
    levels: dict[Path, Level] = {(): Level()}
    for node in nodes:
        for depth in range(len(node.group)):
            levels[node.group[:depth]].items.setdefault(node.group[: depth + 1])
            levels.setdefault(node.group[: depth + 1], Level())
        levels[node.group].items[node.name] = node
    groups = {node.name: node.group for node in nodes}
    orders = {path: {item: index for index, item in enumerate(level.items)} for path, level in levels.items()}
    cut = _too_long(nodes, wires)
    for number, wire in enumerate(wires):
        if wire.source == wire.target:
            levels[groups[wire.source]].loops.setdefault(wire.source, []).append((number, wire.label))
        else:
            _add(number, wire, levels, groups, orders, number in cut)
    return levels


def _add(
    number: int,
    wire: Wire,
    levels: Mapping[Path, Level],
    groups: Mapping[str, Path],
    orders: Mapping[Path, Mapping[Item, int]],
    cut: bool,
) -> None:
    """Put a wire into each level that it crosses: from its upper end out of groups, across, and into groups."""
    ends = [wire.source, wire.target]
    common = _common(groups[wire.source], groups[wire.target])
    order = orders[common]
    back = order[_item(ends[0], groups, common)] > order[_item(ends[1], groups, common)]
    upper, lower = reversed(ends) if back else ends
    levels[common].before.append((_item(upper, groups, common), _item(lower, groups, common)))
    if cut:
        levels[groups[wire.source]].links.append(Link((number, 0), wire.source, Border.CUT, False, wire.at_source))
        levels[groups[wire.target]].links.append(Link((number, 1), Border.CUT, wire.target, False, wire.at_target))
        return
    for path in _below(common, groups[upper]):
        levels[path].links.append(Link((number, 0), _item(upper, groups, path), Border.GROUP, back))
    for path in _below(common, groups[lower]):
        levels[path].links.append(Link((number, 0), Border.GROUP, _item(lower, groups, path), back))
    across = Link((number, 0), _item(upper, groups, common), _item(lower, groups, common), back, wire.label)
    levels[common].links.append(across)


def _common(one: Path, other: Path) -> Path:
    depth = next((d for d, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:depth]


def _item(name: str, groups: Mapping[str, Path], path: Path) -> Item:
    """What a node is, or lies in, in the level of a group around it."""
    return groups[name][: len(path) + 1] if len(groups[name]) > len(path) else name


def _below(outer: Path, inner: Path) -> Iterator[Path]:
    return (inner[:depth] for depth in range(len(outer) + 1, len(inner) + 1))


def _too_long(nodes: Sequence[Node], wires: Sequence[Wire]) -> frozenset[int]:
    """The wires to be cut: the longest, as many as cross more ranks than there is room for."""
    order = {node.name: index for index, node in enumerate(nodes)}
    pairs = sorted(sorted((order[wire.source], order[wire.target])) for wire in wires)
    ranks = [0] * len(nodes)
    for upper, lower in pairs:
        if upper < lower:
            ranks[lower] = max(ranks[lower], ranks[upper] + 1)
    spans = {n: abs(ranks[order[w.source]] - ranks[order[w.target]]) for n, w in enumerate(wires)}
    long = sorted((n for n in spans if spans[n] > 1), key=lambda n: (spans[n], n))
    most = SPANS + SPANS_PER_NODE * len(nodes)
    crossed = accumulate(2 * spans[n] for n in long)
    return frozenset(n for n, total in zip(long, crossed, strict=True) if total > most)
