"""Spots in ranks, joined by strands: how the spots of a rank follow each other, and where they stand.

The heart of a layered drawing (Sugiyama): orders with few crossings by sweeps of barycentres, then places by least
squares that keep neighbours apart. Linear in spots and strands but for sorting; no randomness, so equal input gives
equal output.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from operator import sub

ORDER_SWEEPS, PLACE_SWEEPS, LAST_SWEEPS = 8, 8, 16
STILL = 0.25
"""Pixels: sweeps end where no spot moves further."""
APART = 18
"""Pixels between neighbours of a rank."""
PULLS = (1e-8, 1e-6, 1e-4, 1.0)
"""How much a spot keeps to its place that has no strand, one that ends a long line, one inside it, a straight one."""


class Pull(IntEnum):
    """What a strand is, by how strongly it holds its ends above each other."""

    END = 1
    """The first or last piece of a long line: better bent than the rest."""
    INNER = 2
    """A piece of a long line between its ends."""
    STRAIGHT = 3
    """A line to the next rank of boxes."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Something that takes room in a rank: pixels to the left and to the right of its anchor, and in height."""

    rank: int
    left: int
    right: int
    height: int


@dataclass(frozen=True, slots=True)
class Strand:
    """A piece of a line between spots of neighbouring ranks, and how much it would best be drawn upright."""

    upper: int
    lower: int
    pull: Pull


Ranks = list[list[int]]
"""The spots of each rank from left to right."""


@dataclass(frozen=True, slots=True)
class Weave:
    """Spots by number, the strands of each spot upwards and downwards, and the ranks' first number."""

    spots: Sequence[Spot]
    strands: Sequence[Strand]
    up: Sequence[Sequence[int]]
    down: Sequence[Sequence[int]]
    first_rank: int

    @classmethod
    def of(cls, spots: Sequence[Spot], strands: Sequence[Strand]) -> Weave:
        up: list[list[int]] = [[] for _ in spots]
        down: list[list[int]] = [[] for _ in spots]
        for number, strand in enumerate(strands):
            up[strand.lower].append(number)
            down[strand.upper].append(number)
        return cls(spots, strands, up, down, min((spot.rank for spot in spots), default=0))

    def end(self, strand: int, above: bool) -> int:
        """The upper or the lower spot of a strand."""
        return self.strands[strand].upper if above else self.strands[strand].lower

    def neighbours(self, spot: int, above: bool) -> list[int]:
        return [self.end(number, above) for number in (self.up if above else self.down)[spot]]


# --- the order in each rank


def ordered(weave: Weave) -> Ranks:
    """The spots of each rank so that few strands cross; the first spot of all stays the first of its rank."""
    best = ranks = _first_order(weave)
    fewest = _all_crossings(weave, ranks)
    for sweep in range(ORDER_SWEEPS):
        if not fewest:
            break
        ranks = _swept(weave, ranks, downwards=sweep % 2 == 0)
        found = _all_crossings(weave, ranks)
        if found < fewest:
            best, fewest = ranks, found
    return best


def _first_order(weave: Weave) -> Ranks:
    """As a walk downwards meets them, straight strands first: a tree is drawn without a crossing."""
    last = max((spot.rank for spot in weave.spots), default=-1)
    ranks: Ranks = [[] for _ in range(weave.first_rank, last + 1)]
    met = [False] * len(weave.spots)
    waiting = sorted(range(len(weave.spots)), key=lambda spot: (-weave.spots[spot].rank, -spot))
    while waiting:
        spot = waiting.pop()
        if not met[spot]:
            met[spot] = True
            ranks[weave.spots[spot].rank - weave.first_rank].append(spot)
            strands = sorted(weave.down[spot], key=lambda number: -weave.strands[number].pull)
            waiting += [weave.strands[number].lower for number in reversed(strands)]
    return ranks


def _swept(weave: Weave, ranks: Ranks, *, downwards: bool) -> Ranks:
    """Each rank sorted by where its spots' neighbours in the rank before stand, on average."""
    place = {spot: index for rank in ranks for index, spot in enumerate(rank)}
    found = [list(rank) for rank in ranks]
    for index in range(1, len(ranks)) if downwards else range(len(ranks) - 2, -1, -1):
        middles = {spot: _middle(weave.neighbours(spot, downwards), place, spot) for spot in found[index]}
        found[index].sort(key=middles.__getitem__)
        place.update({spot: position for position, spot in enumerate(found[index])})
    return found


def _middle(neighbours: Sequence[int], place: Mapping[int, int], spot: int) -> float:
    if not spot:
        return -1.0
    return sum(place[n] for n in neighbours) / len(neighbours) if neighbours else float(place[spot])


def _all_crossings(weave: Weave, ranks: Ranks) -> int:
    return sum(_crossings(weave, upper, lower) for upper, lower in pairwise(ranks))


def _crossings(weave: Weave, upper: Sequence[int], lower: Sequence[int]) -> int:
    """Pairs of strands between two ranks whose ends are in opposite orders."""
    place = {spot: index for index, spot in enumerate(lower)}
    seen: list[int] = []
    crossings = 0
    for spot in upper:
        for end in sorted(place[neighbour] for neighbour in weave.neighbours(spot, False)):
            crossings += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return crossings


# --- the places in each rank

Docks = Mapping[int, tuple[int, int]]
"""For every strand how far from the anchors of its upper and its lower spot it ends, to the right."""


def placed(weave: Weave, ranks: Ranks, docks: Docks) -> list[int]:
    """The anchor of every spot: in the given order, apart, and as far as that allows upright above and below others.

    Sweeps go down and up in turn. In the last ones long lines no longer draw near to their ends: they get straight.
    """
    gaps = [[0, *_distances(weave, rank)] for rank in ranks]
    places = _packed(weave, ranks, gaps)
    for least, sweeps in ((Pull.END, PLACE_SWEEPS), (Pull.INNER, LAST_SWEEPS)):
        for _ in range(sweeps // 2):
            before = list(places)
            _sweep(weave, places, list(zip(ranks, gaps, strict=True)), docks, True, least)
            _sweep(weave, places, list(zip(ranks, gaps, strict=True))[::-1], docks, False, least)
            if max(map(abs, map(sub, places, before)), default=0.0) < STILL:
                break
    return [round(place) for place in places]


def _sweep(
    weave: Weave,
    places: list[float],
    ranks: Sequence[tuple[Sequence[int], Sequence[int]]],
    docks: Docks,
    above: bool,
    least: Pull,
) -> None:
    """Move the spots of each rank to where those in the rank before want them."""
    for rank, gaps in ranks:
        wishes = [_wish(weave, spot, places, docks, above, least) for spot in rank]
        for spot, place in zip(rank, _apart(wishes, gaps), strict=True):
            places[spot] = place


def _distances(weave: Weave, rank: Sequence[int]) -> Iterator[int]:
    for one, other in pairwise(rank):
        yield weave.spots[one].right + APART + weave.spots[other].left


def _packed(weave: Weave, ranks: Ranks, gaps: Sequence[Sequence[int]]) -> list[float]:
    places = [0.0] * len(weave.spots)
    for rank, gap in zip(ranks, gaps, strict=True):
        place = -sum(gap) / 2
        for spot, distance in zip(rank, gap, strict=True):
            place += distance
            places[spot] = place
    return places


def _wish(
    weave: Weave, spot: int, places: Sequence[float], docks: Docks, above: bool, least: Pull
) -> tuple[float, float]:
    """Where a spot would stand for its strongest strands on one side to be upright, and how much that weighs."""
    numbers = weave.up[spot] if above else weave.down[spot]
    pull = max((weave.strands[number].pull for number in numbers), default=0)
    if pull < least:
        return places[spot], PULLS[0]
    ends = []
    for number in numbers:
        strand, (upper, lower) = weave.strands[number], docks[number]
        if strand.pull == pull:
            ends.append(places[strand.upper] + upper - lower if above else places[strand.lower] + lower - upper)
    return sum(ends) / len(ends), PULLS[pull]


def _apart(wishes: Sequence[tuple[float, float]], gaps: Sequence[int]) -> Iterator[float]:
    """The places nearest to the wishes, by weighted squares, with at least these gaps before each.

    Without the gaps the places must not descend: neighbours that would are pooled at their mean.
    """
    pools: list[tuple[float, float, int]] = []
    shift = 0
    for (wish, weight), gap in zip(wishes, gaps, strict=True):
        shift += gap
        pool = (wish - shift, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            pool = _pooled(pools.pop(), pool)
        pools.append(pool)
    levels = iter([level for level, _, members in pools for _ in range(members)])
    shift = 0
    for gap in gaps:
        shift += gap
        yield next(levels) + shift


def _pooled(one: tuple[float, float, int], other: tuple[float, float, int]) -> tuple[float, float, int]:
    weight = one[1] + other[1]
    return (one[0] * one[1] + other[0] * other[1]) / weight, weight, one[2] + other[2]
