"""Clusters drawn towards their partners, and spread over the sites again by halving both: all in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.mapping.placing import kernel
from neuedge_nir.mapping.placing.coarsening import Ladder
from neuedge_nir.mapping.placing.compiled import compiled_by_numba
from neuedge_nir.mapping.placing.floor import Floor
from neuedge_nir.mapping.placing.graph import Graph, Ints

MOST_NUMPY = 20_000_000
"""Products that numpy is asked for; numba does more of them, and makes the same of them, if it is installed."""

POINT = 20
"""Bits behind the point of a coordinate, and of a share of a cluster's weights."""


@dataclass(frozen=True, slots=True, eq=False)
class Halving:
    """Sites halved across their longer side until each stands alone.

    `sites` in the order of the leaves; `sizes[l]` the parts of level l, in order, and `across[l]` whether each is
    halved along x. Part p of a level becomes the parts 2p and 2p + 1 of the next, the first half the smaller.
    """

    sites: Ints
    starts: tuple[Ints, ...]
    across: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, floor: Floor, sites: Ints, lying: bool) -> Halving:
        """`lying`: squares are halved along x first."""
        starts, across = [], []
        order, begins = sites, np.zeros(1, dtype=np.int64)
        sizes = np.array([len(sites)])
        while int(sizes.max()) > 1:
            x, y = floor.x[order], floor.y[order]
            wide = np.maximum.reduceat(x, begins) - np.minimum.reduceat(x, begins)
            tall = np.maximum.reduceat(y, begins) - np.minimum.reduceat(y, begins)
            along = wide > tall if not lying else wide >= tall
            part = np.repeat(np.arange(len(sizes)), sizes)
            key, other = np.where(along[part], x, y), np.where(along[part], y, x)
            order = order[np.lexsort((order, other, key, part))]
            starts.append(begins)
            across.append(along)
            begins, sizes = _halved(begins, sizes)
        return cls(order, tuple(starts), tuple(across))

    def seats(self, x: Ints, y: Ints) -> Ints:
        """A site for each cluster, so that who is left or below of whom stays so, as well as halving allows."""
        count = len(x)
        bits = max(1, (count - 1).bit_length())
        keys = [_within(each, 62 - 2 * bits) << bits for each in (x, y)]
        number, part = np.arange(count), np.zeros(count, dtype=np.int64)
        order = number
        for level, begins in enumerate(self.starts):
            sizes = np.diff(np.append(begins, count))
            part = np.repeat(np.arange(len(sizes)), sizes)
            key = np.where(self.across[level][part], keys[0][order], keys[1][order])
            packed = np.sort((part << (62 - bits)) | key | order)
            order = packed & ((1 << bits) - 1)
        found = np.empty(count, dtype=np.int64)
        found[order] = self.sites
        return found


def _halved(begins: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """The parts of the next level; one that cannot be halved stays as it is."""
    low = sizes // 2
    both = np.stack([low, sizes - low], axis=1).ravel()
    starts = np.stack([begins, begins + low], axis=1).ravel()
    return starts[both > 0], both[both > 0]


def _within(values: Ints, bits: int) -> Ints:
    """Not below 0 and below 2**bits, in the same order."""
    low = int(values.min())
    excess = max(0, (int(values.max()) - low).bit_length() - bits)
    return (values - low) >> excess


FEW = 10
"""Pulls on every level of a ladder; more are left to the coarser one."""

MOST = 100
"""Pulls on the last level."""


@dataclass(frozen=True, slots=True, eq=False)
class Pull:
    """Each cluster a part of the way to the mean of its partners: `shares` are their parts of its weights."""

    graph: Graph
    shares: Ints

    @classmethod
    def of(cls, graph: Graph) -> Pull:
        strengths = np.maximum(graph.strengths, 1)[graph.sources]
        return cls(graph, (graph.weights << 26) // strengths >> (26 - POINT))

    def smoothed(self, at: Ints, times: int) -> Ints:
        """Coordinates, fixed-point, after so many pulls of 15/16 of the way."""
        quick = compiled_by_numba(kernel.smooth) if times * len(self.graph.others) > MOST_NUMPY else None
        if quick is not None:
            at = at.copy()
            quick(self.graph.starts, self.graph.others, self.shares, at, np.empty_like(at), POINT, times)
            return at
        rest = (1 << POINT) - self.graph.row_sums(self.shares)
        for _ in range(times):
            mean = (self.graph.row_sums(self.shares * at[self.graph.others]) + rest * at) >> POINT
            at = (at + 15 * mean) >> 4
        return at


@dataclass(frozen=True, slots=True, eq=False)
class Pulls:
    """Pulls on a ladder: what takes many on the graph itself takes few on a coarser one."""

    ladder: Ladder
    pulls: tuple[Pull, ...]

    @classmethod
    def of(cls, ladder: Ladder) -> Pulls:
        return cls(ladder, tuple(map(Pull.of, ladder.graphs)))

    def smoothed(self, at: Ints, times: int, level: int = 0) -> Ints:
        """Coordinates after so many pulls, or what comes near it: a level up, half of the pulls do as much."""
        if times <= FEW or level + 1 == len(self.pulls):
            return self.pulls[level].smoothed(at, min(times, MOST))
        number, sizes = self.ladder.numbers[level], self.ladder.sizes[level]
        whole = self.ladder.sizes[level + 1]
        sums = np.zeros(len(whole), dtype=np.int64)
        np.add.at(sums, number, sizes * at)
        before = sums // whole
        moved = self.smoothed(before, times // 2, level + 1) - before
        return self.pulls[level].smoothed(at + moved[number], FEW)


def spread(
    pulls: Pulls, floor: Floor, halvings: Sequence[Halving], seats: Ints, times: Sequence[int]
) -> tuple[Ints, int]:
    """The best seats on the way of pulling so many times and spreading again, for each of `times`; and their cost."""
    graph = pulls.ladder.graphs[0]
    best, least = seats, floor.cost(graph, seats)
    for turn, count in enumerate(times):
        x, y = (pulls.smoothed(where[seats] << POINT, count) for where in (floor.x, floor.y))
        seats = halvings[turn % len(halvings)].seats(x, y)
        cost = floor.cost(graph, seats)
        if cost < least:
            best, least = seats, cost
    return best, least
