"""One level of a picture laid out: the members of a group and the lines between them.

Lines run upright between the things of a rank and bend in the gaps between ranks, where nothing else is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.report.geometry import Block, Border, Key, Level, Line, Path, Point, Rect, Size
from neuedge_nir.report.layers import Docks, Ranks, Weave, ordered, placed
from neuedge_nir.report.loom import BESIDE, LOOP, LOOPS_APART, Loom, Thread, box_size, docks_of, loom_of

GAP, STEEPNESS, MOST_GAP = 20, 10, 120
"""Pixels between ranks: a lower bound, how many sideways one more makes room for, and the most of those."""
MARGIN = 14
"""Pixels between a group's border and what is in it."""

Band = tuple[int, int]
"""Upper and lower edge of a rank."""


def block_of(level: Level, blocks: Mapping[Path, Block], title: Size) -> Block:
    """A level laid out. `blocks` holds the groups in it; `title` is the room for its name, at its upper left."""
    loom = loom_of(level, blocks, title)
    ranks = ordered(loom.weave)
    docks = docks_of(loom, ranks, blocks)
    places = placed(loom.weave, ranks, docks)
    shift = MARGIN - min(place - spot.left for place, spot in zip(places, loom.weave.spots, strict=True))
    bands = _bands(loom.weave, ranks, places, docks)
    return _assembled(level, Stand(loom, docks, [place + shift for place in places], bands), blocks)


@dataclass(frozen=True, slots=True)
class Stand:
    """A level whose spots all have their place."""

    loom: Loom
    docks: Docks
    places: Sequence[int]
    bands: Mapping[int, Band]

    def top(self, number: int) -> int:
        """The upper edge of a spot, which stands in the middle of its rank."""
        spot = self.loom.weave.spots[number]
        upper, lower = self.bands[spot.rank]
        return upper + (lower - upper - spot.height) // 2


def _bands(weave: Weave, ranks: Ranks, places: Sequence[int], docks: Docks) -> Mapping[int, Band]:
    sideways: dict[int, int] = {}
    for number, strand in enumerate(weave.strands):
        (upper, lower), rank = docks[number], weave.spots[strand.upper].rank
        aside = abs(places[strand.upper] + upper - places[strand.lower] - lower)
        sideways[rank] = max(sideways.get(rank, 0), aside)
    bands: dict[int, Band] = {}
    y = 0
    for rank, members in enumerate(ranks, start=weave.first_rank):
        height = max((weave.spots[spot].height for spot in members), default=0)
        bands[rank] = (y, y + height)
        if height or rank in sideways:
            y += height + GAP + min(MOST_GAP, sideways.get(rank, 0) // STEEPNESS)
    return bands


def _assembled(level: Level, stand: Stand, blocks: Mapping[Path, Block]) -> Block:
    inner = {item: _group(stand, item, blocks[item]) for item in level.items if isinstance(item, tuple)}
    boxes = {item: _rect(stand, item, level) for item in level.items if isinstance(item, str)}
    groups = {path: _around(stand, path, block) for path, block in inner.items()}
    # A line that goes on outside its group is drawn again as a whole, and takes the place of its part in the group.
    lines = {key: line for block in inner.values() for key, line in block.lines.items()}
    lines |= {thread.link.key: _line(thread, stand, boxes, inner) for thread in stand.loom.threads}
    labels = dict(_labels(stand))
    for name, loops in level.loops.items():
        for key, line, label in _loops(boxes[name], loops):
            lines[key], labels[key] = line, label
    for block in inner.values():
        boxes |= block.boxes
        groups |= block.groups
        labels |= block.labels
    straight = frozenset(thread.link.key for thread in stand.loom.threads if thread.straight)
    return Block(_size(stand), boxes, groups, lines, labels, straight)


def _size(stand: Stand) -> Size:
    spots = stand.loom.weave.spots
    right = max(place + spot.right for place, spot in zip(stand.places, spots, strict=True))
    ports = any(thread.link.lower is Border.GROUP for thread in stand.loom.threads)
    return Size(right + MARGIN, max(lower for _, lower in stand.bands.values()) + (0 if ports else MARGIN))


def _group(stand: Stand, path: Path, block: Block) -> Block:
    number = stand.loom.items[path]
    return block.moved(stand.places[number], stand.top(number))


def _around(stand: Stand, path: Path, block: Block) -> Rect:
    number = stand.loom.items[path]
    return Rect(stand.places[number], stand.top(number), block.size.width, block.size.height)


def _rect(stand: Stand, name: str, level: Level) -> Rect:
    number, size = stand.loom.items[name], box_size(name, level)
    return Rect(stand.places[number] - size.width // 2, stand.top(number), size.width, size.height)


def _labels(stand: Stand) -> Iterator[tuple[Key, Rect]]:
    """The labels of links, each to the right of its line."""
    for thread in stand.loom.threads:
        if thread.label is not None:
            spot = stand.loom.weave.spots[thread.label]
            x, y = stand.places[thread.label] + BESIDE, stand.top(thread.label)
            yield thread.link.key, Rect(x, y, spot.right - BESIDE, spot.height)


def _loops(box: Rect, loops: Sequence[tuple[int, Size]]) -> Iterator[tuple[Key, Line, Rect]]:
    """Lines from a box back to itself, below each other on its right, and their labels."""
    right = box.x + box.width
    y = box.y + (box.height - sum(label.height + LOOPS_APART for _, label in loops)) // 2
    for number, label in loops:
        middle = y + (label.height + LOOPS_APART) // 2
        line = ((right, middle + label.height // 3), (right, middle - label.height // 3))
        yield (number, 0), line, Rect(right + LOOP, middle - label.height // 2, label.width, label.height)
        y += label.height + LOOPS_APART


def _line(thread: Thread, stand: Stand, boxes: Mapping[str, Rect], inner: Mapping[Path, Block]) -> Line:
    """A link from its upper end to its lower, with what of it lies in the groups at its ends."""
    across = list(_across(thread, stand))
    first = _end(thread, across[0][0], stand, boxes, inner, upper=True)
    last = _end(thread, across[-1][0], stand, boxes, inner, upper=False)
    return _without_idle([*first, *across, *last])


def _across(thread: Thread, stand: Stand) -> Iterator[Point]:
    """Where a link leaves each rank, and where it enters the next."""
    for number in thread.strands:
        strand, (upper, lower) = stand.loom.weave.strands[number], stand.docks[number]
        rank = stand.loom.weave.spots[strand.upper].rank
        yield stand.places[strand.upper] + upper, stand.bands[rank][1]
        yield stand.places[strand.lower] + lower, stand.bands[rank + 1][0]


def _end(
    thread: Thread, x: int, stand: Stand, boxes: Mapping[str, Rect], inner: Mapping[Path, Block], *, upper: bool
) -> Line:
    """The rest of a link at one of its ends, from the edge of the rank there."""
    end = thread.link.upper if upper else thread.link.lower
    spot = thread.spots[0 if upper else -1]
    match end:
        case tuple():
            return inner[end].lines[thread.link.key]
        case str():
            return ((x, boxes[end].y + boxes[end].height if upper else boxes[end].y),)
        case Border.GROUP:
            return ((x, stand.bands[stand.loom.weave.spots[spot].rank][0 if upper else 1]),)
        case Border.CUT:
            return ((x, stand.top(spot) + (0 if upper else stand.loom.weave.spots[spot].height)),)


def _without_idle(points: Sequence[Point]) -> Line:
    """The points without those in the middle of an upright piece."""
    kept: list[Point] = []
    for point in points:
        while len(kept) > 1 and kept[-2][0] == kept[-1][0] == point[0]:
            kept.pop()
        if not kept or kept[-1] != point:
            kept.append(point)
    return tuple(kept)
