"""From patterns in fractions to cores: whole patterns are taken, and what they leave is priced anew or filled in."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuedge_nir.mapping.packing.fill import Filler, Packed
from neuedge_nir.mapping.packing.fractions import Fractions, fractions
from neuedge_nir.mapping.packing.lines import Cutter, Line, Region
from neuedge_nir.mapping.packing.stock import Stock, stock_of
from neuedge_nir.mapping.packing.strips import Strips
from neuedge_nir.mapping.partition import Piece

ALMOST = 1e-6

FILL_TILES = 2
"""Tiles of a region whose cross-sections are looked at to fill room that cores have left."""

MOST_FILLED = 0.25
"""The share of all neurons that is filled in at most, where patterns can still be priced."""

PARTS = (0.1, 0.5)
"""The least part of a region that goes to a core with other slices: each is tried."""


@dataclass(frozen=True, slots=True)
class Search:
    """How far a dive looks.

    `tiles`: the largest of each region whose cross-sections become lines; `width` of the beam that fills a core;
    `rounds` of pricing at each step; `steps` after each of which the rest is filled in. What is found by others within
    one core in `near` of the bound is near enough: no search for that.
    """

    tiles: int
    width: int
    rounds: int
    steps: int
    near: int | None = None


def dive(cutter: Cutter, regions: Sequence[Region], search: Search, most: int, least: int) -> Packed | None:
    """All regions on at most `most` cores, as few as found; None where none was. `least`: no search goes below it."""
    filler, best = Filler(replace(cutter, tiles=FILL_TILES)), None
    cores: Packed = []
    left, all_neurons = list(regions), sum(region.neurons for region in regions)
    for step in range(search.steps):
        if not left or len(cores) > most:
            break
        lines = [cutter.lines(region) for region in left]
        if not all(lines):
            break
        stock = stock_of(left, lines)
        amounts = np.array([float(region.neurons) for region in left])
        found = fractions(stock, amounts, cutter.capacity, search.width, search.rounds)
        if found is None:
            break
        new, left = _cut(_whole(found, stock), found, stock, left, lines)
        cores += new
        if step < search.steps - 1 and sum(region.neurons for region in left) > MOST_FILLED * all_neurons:
            continue
        for part in PARTS:
            packed = filler.fill(cores, left, part, most)
            if packed is not None:
                best, most = packed, len(packed) - 1
            if most < least:
                return best
    return best


def _whole(found: Fractions, stock: Stock) -> dict[int, int]:
    """Which patterns are taken how often: as often as they are used whole, on one line for each region.

    Where none is used whole, the one that is used most is, once.
    """
    shares: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    uses = dict(enumerate(found.uses.tolist()))
    for pattern, use in zip(found.patterns, found.uses.tolist(), strict=True):
        for item in pattern:
            shares[int(stock.region[item])][int(stock.line[item])] += use * float(stock.covers[item])
    chosen = {region: max(sorted(of), key=lambda line: round(of[line], 6)) for region, of in shares.items()}
    taken = {
        p: int(use + ALMOST)
        for p, use in uses.items()
        if int(use + ALMOST) and all(chosen[int(stock.region[i])] == int(stock.line[i]) for i in found.patterns[p])
    }
    return taken or {max(uses, key=lambda p: round(uses[p], 6)): 1}


def _cut(
    taken: Mapping[int, int], found: Fractions, stock: Stock, regions: Sequence[Region], lines: Sequence[Sequence[Line]]
) -> tuple[Packed, list[Region]]:
    """The cores of patterns, each taken so often, and the regions that stay. The longest slices are cut first."""
    wanted: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for p in taken:
        for place, item in enumerate(found.patterns[p]):
            wanted[int(stock.region[item])].append((-int(stock.length[item]), p, place))
    pieces: dict[tuple[int, int], list[Piece]] = {}
    left = [region for number, region in enumerate(regions) if number not in wanted]
    for number, slices in sorted(wanted.items()):
        (line, *_) = Counter(int(stock.line[found.patterns[p][place]]) for _, p, place in slices)
        strips = Strips(regions[number], lines[number][line])
        for length, p, place in sorted(slices):
            pieces[p, place] = strips.take(-length, taken[p])
        left += strips.left()
    cores = [
        [own[k] for place in range(len(found.patterns[p])) if k < len(own := pieces[p, place])]
        for p, times in taken.items()
        for k in range(times)
    ]
    return [core for core in cores if core], left
