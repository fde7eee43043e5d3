"""A level of a picture as spots in ranks and the strands between them.

Labels are spots like boxes, so no label lies on another or on a box. Ports, where lines cross a group's border, are
spots above and below all members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from neuedge_nir.report.geometry import Block, Border, End, Item, Level, Link, Path, Size
from neuedge_nir.report.layers import Docks, Pull, Ranks, Spot, Strand, Weave

LOOP, LOOPS_APART = 34, 6
"""Pixels that a line from a box back to itself takes to its right, and between the labels of several."""
BESIDE = 6
"""Pixels between a line and its label, which stands to its right."""
SHIFT = 30
"""Pixels, at most, between the places where lines of different ways meet one side of a box."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A link as the spots that it runs through; the numbers of its strands follow each other, from `first`.

    `label` is the spot of its label, None where it has none in this level. `straight`: it would best be upright.
    """

    link: Link
    spots: tuple[int, ...]
    first: int
    label: int | None
    straight: bool

    @property
    def strands(self) -> range:
        return range(self.first, self.first + len(self.spots) - 1)


@dataclass(frozen=True, slots=True)
class Loom:
    """The spots and strands of a level. Spot 0 is the title; `items` are the spots of the members."""

    items: Mapping[Item, int]
    weave: Weave
    threads: tuple[Thread, ...]


def loom_of(level: Level, blocks: Mapping[Path, Block], title: Size) -> Loom:
    """The loom of a level. `blocks` holds the groups in it; `title` is the room for its name."""
    ranks = _ranks(level)
    items = {item: number for number, item in enumerate(level.items, start=1)}
    spots = [Spot(-1, 0, title.width, title.height), *(_spot(item, ranks[item], level, blocks) for item in items)]
    strands: list[Strand] = []
    threads: list[Thread] = []
    for link in level.links:
        first, last = _span(link, ranks)
        between = list(_between(link, first, last))
        run = [*_at(link.upper, items), *range(len(spots), len(spots) + len(between)), *_at(link.lower, items)]
        label = next((n for n, spot in enumerate(between, start=len(spots)) if spot.right), None)
        straight = last - first <= 2 and _goes_on(link, blocks)
        threads.append(Thread(link, tuple(run), len(strands), label, straight))
        spots += between
        strands += [Strand(a, b, _pull(straight, min(a, b) > len(items))) for a, b in pairwise(run)]
    return Loom(items, Weave.of(spots, strands), tuple(threads))


def _goes_on(link: Link, blocks: Mapping[Path, Block]) -> bool:
    """Whether a link leads down, and in the groups at its ends on without a bend."""
    groups = [end for end in (link.upper, link.lower) if isinstance(end, tuple)]
    return not link.back and all(link.key in blocks[group].straight for group in groups)


def _pull(straight: bool, inner: bool) -> Pull:
    return Pull.STRAIGHT if straight else Pull.INNER if inner else Pull.END


def _ranks(level: Level) -> Mapping[Item, int]:
    """Members in even ranks, from 0, below what stands before them. Labels stand in odd ranks."""
    ranks = dict.fromkeys(level.items, 0)
    order = {item: index for index, item in enumerate(level.items)}
    for upper, lower in sorted(level.before, key=lambda pair: order[pair[0]]):
        ranks[lower] = max(ranks[lower], ranks[upper] + 2)
    return ranks


def _spot(item: Item, rank: int, level: Level, blocks: Mapping[Path, Block]) -> Spot:
    if isinstance(item, tuple):
        return Spot(rank, 0, blocks[item].size.width, blocks[item].size.height)
    size, labels = box_size(item, level), [label for _, label in level.loops.get(item, ())]
    beside = LOOP + max(label.width for label in labels) if labels else 0
    return Spot(rank, size.width // 2, size.width // 2 + beside, size.height)


def box_size(name: str, level: Level) -> Size:
    """The size of a node's box: high enough for the labels of all lines from it back to itself."""
    node = level.items[name]
    assert node is not None
    high = sum(label.height + LOOPS_APART for _, label in level.loops.get(name, ()))
    return Size(node.size.width, max(node.size.height, high))


def _span(link: Link, ranks: Mapping[Item, int]) -> tuple[int, int]:
    """The ranks of a link's ends. Ports of the group stand in the ranks above and below all members."""
    first = -1 if isinstance(link.upper, Border) else ranks[link.upper]
    last = max(ranks.values()) + 1 if isinstance(link.lower, Border) else ranks[link.lower]
    if link.upper is Border.CUT:
        first = last - 2
    return (first, first + 2) if link.lower is Border.CUT else (first, last)


def _between(link: Link, first: int, last: int) -> Iterator[Spot]:
    """The spots of a link that are its own: ports, a label near its source, and a point in every other rank."""
    labelled = last - 1 if link.back else first + 1
    for rank in range(first + (link.upper is not Border.GROUP), last + (link.lower is Border.GROUP)):
        label = link.label if rank == labelled else None
        yield Spot(rank, 0, 0, 0) if label is None else Spot(rank, BESIDE, BESIDE + label.width, label.height)


def _at(end: End, items: Mapping[Item, int]) -> list[int]:
    return [] if isinstance(end, Border) else [items[end]]


# --- where lines meet boxes


def docks_of(loom: Loom, ranks: Ranks, blocks: Mapping[Path, Block]) -> Docks:
    """Where lines meet boxes and groups, once the order of all spots is known."""
    order = {spot: index for rank in ranks for index, spot in enumerate(rank)}
    upwards = frozenset(strand for thread in loom.threads if thread.link.back for strand in thread.strands)
    uppers, lowers = dict.fromkeys(range(len(loom.weave.strands)), 0), dict.fromkeys(range(len(loom.weave.strands)), 0)
    for item, spot in loom.items.items():
        if isinstance(item, str):
            uppers |= _slots(loom.weave, spot, False, order, upwards)
            lowers |= _slots(loom.weave, spot, True, order, upwards)
    for thread in loom.threads:
        if isinstance(thread.link.upper, tuple):
            uppers[thread.strands[0]] = blocks[thread.link.upper].lines[thread.link.key][-1][0]
        if isinstance(thread.link.lower, tuple):
            lowers[thread.strands[-1]] = blocks[thread.link.lower].lines[thread.link.key][0][0]
    return {number: (uppers[number], lowers[number]) for number in uppers}


def _slots(
    weave: Weave, spot: int, above: bool, order: Mapping[int, int], upwards: frozenset[int]
) -> Mapping[int, int]:
    """Where lines meet one side of a box: the most upright one in the middle, and those next to it that run its way.

    Further out, lines that run the other way meet the box apart, or arrows of both ways would hide each other.
    """
    numbers = sorted((weave.up if above else weave.down)[spot], key=lambda n: order[weave.end(n, above)])
    middle = max(range(len(numbers)), key=lambda index: (weave.strands[numbers[index]].pull, -index), default=0)
    right = _outwards(numbers[middle:], upwards)
    left = _outwards(numbers[middle::-1], upwards)
    most = max([*right.values(), *left.values()], default=0)
    width = min(SHIFT, weave.spots[spot].left // (most + 1))
    return {**{n: -slot * width for n, slot in left.items()}, **{n: slot * width for n, slot in right.items()}}


def _outwards(numbers: Sequence[int], upwards: frozenset[int]) -> Mapping[int, int]:
    """The slot of each strand: 0 for the first, one more wherever the direction changes."""
    changes = ((one in upwards) != (other in upwards) for one, other in pairwise(numbers))
    return dict(zip(numbers, accumulate(changes, initial=0), strict=False))
