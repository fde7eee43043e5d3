"""Graphs of fewer clusters, each the sum of a pair that exchanges much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuedge_nir.mapping.placing.graph import Graph, Ints

FEWEST = 256
"""Clusters of a graph that is not made any coarser."""

MATCHINGS = 6
"""Rounds in which pairs are found that prefer each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """A graph and coarser ones: cluster i of `graphs[l]` is part of `numbers[l][i]` of the next.

    `sizes[l]`: how many clusters of the first graph each is made of.
    """

    graphs: tuple[Graph, ...]
    sizes: tuple[Ints, ...]
    numbers: tuple[Ints, ...]

    @classmethod
    def of(cls, graph: Graph) -> Ladder:
        graphs, sizes = [graph], [np.ones(graph.count, dtype=np.int64)]
        numbers: list[Ints] = []
        while graphs[-1].count > FEWEST:
            coarse, number, size = _coarsened(graphs[-1], sizes[-1])
            if coarse.count > 0.9 * graphs[-1].count:
                break
            graphs, sizes, numbers = [*graphs, coarse], [*sizes, size], [*numbers, number]
        return cls(tuple(graphs), tuple(sizes), tuple(numbers))


def _coarsened(graph: Graph, sizes: Ints) -> tuple[Graph, Ints, Ints]:
    """The graph with pairs that exchange much made one; the number of every cluster's pair, and the sizes."""
    mate = _matched(graph, sizes)
    _, number = np.unique(np.minimum(mate, np.arange(graph.count)), return_inverse=True)
    number = number.ravel()
    count = int(number.max()) + 1
    once = graph.sources < graph.others
    a, b = number[graph.sources[once]], number[graph.others[once]]
    low, high = np.minimum(a, b)[a != b], np.maximum(a, b)[a != b]
    pairs, place = np.unique(low * count + high, return_inverse=True)
    weights = np.zeros(len(pairs), dtype=np.int64)
    np.add.at(weights, place.ravel(), graph.weights[once][a != b])
    coarse = Graph.symmetric(count, pairs // count, pairs % count, weights, graph.unit)
    summed = np.zeros(count, dtype=np.int64)
    np.add.at(summed, number, sizes)
    return coarse, number, summed


def _matched(graph: Graph, sizes: Ints) -> Ints:
    """Each cluster's partner, itself where it has none: the heaviest tie for its size, if that is mutual."""
    own = np.arange(graph.count)
    mate, a, b = own.copy(), graph.sources, graph.others
    tie = (graph.weights << 20) // np.maximum(1, np.sqrt(sizes[a] * sizes[b]).astype(np.int64))
    # Equal ties are broken by a number that differs from pair to pair, or whole rows would wait for one.
    luck = ((np.minimum(a, b) * 0x9E3779B1) ^ (np.maximum(a, b) * 0x85EBCA77)) & 0xFFFFF
    for _ in range(MATCHINGS):
        free = (mate[a] == a) & (mate[b] == b)
        a, b, tie, luck = a[free], b[free], tie[free], luck[free]
        if not len(a):
            break
        best = np.full(graph.count, -1)
        own_best = _best_of_rows(a, tie, luck)
        best[a[own_best]] = b[own_best]
        mutual = (best >= 0) & (best[best] == own)
        mate[mutual] = best[mutual]
    return mate


def _best_of_rows(row: Ints, *keys: Ints) -> Ints:
    """The entry of every row that is largest by the first key, among equals by the next; of equals the last."""
    some = np.arange(len(row))
    for key in keys:
        first = np.flatnonzero(np.diff(row[some], prepend=-1))
        most = np.repeat(np.maximum.reduceat(key[some], first), np.diff(np.append(first, len(some))))
        some = some[key[some] == most]
    return np.asarray(some[np.append(np.diff(row[some]) != 0, True)])
