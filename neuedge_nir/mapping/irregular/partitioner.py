"""Orders of neurons in which those that share sources stand together: by METIS, by halves, by reverse Cuthill-McKee.

METIS needs `pymetis`, of the extra `fast`. Without it the network is halved again and again in numpy, beside the order
of reverse Cuthill-McKee by scipy, or one level by level in numpy. Edges lead from a neuron to its sources, both ways;
sources that are not to be ordered weigh nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.irregular.refine import PRIME, Wiring

Ints = NDArray[np.int64]

SAMPLES = 400
"""Pairs of neurons whose sources are compared."""
MOST_FOR_VOLUME = 1 << 21
"""Edges, each in both directions, of a graph that METIS cuts for the fewest messages: a second or two."""
NEARER = 1.5
"""Two neurons with a common source have to share so many times more of the others than two at random."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The neighbours of every node, in compressed rows, and how many synapses join the two."""

    ends: Ints
    neighbours: Ints
    weights: Ints


def edges_of(net: Wiring) -> Edges:
    """The synapses as edges without a direction; none from a neuron to itself."""
    neurons = np.repeat(np.arange(net.neurons), np.diff(net.into))
    apart = neurons != net.sources
    one, other = neurons[apart], net.sources[apart]
    pairs = np.concatenate([one * net.nodes + other, other * net.nodes + one])
    distinct, weights = np.unique(pairs, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(np.bincount(distinct // net.nodes, minlength=net.nodes))])
    return Edges(ends, distinct % net.nodes, weights)


def is_local(net: Wiring) -> bool:
    """Whether neurons with a common source have more others in common than two at random: told by a sample."""
    near = far = 0
    state = 1
    for _ in range(SAMPLES):
        state, one = _next(state, net.neurons)
        mine = net.sources[net.into[one] : net.into[one + 1]]
        if len(mine) < 2:
            continue
        state, at = _next(state, len(mine))
        heard = net.targets[net.out_of[mine[at]] : net.out_of[mine[at] + 1]]
        state, at = _next(state, len(heard))
        state, other = _next(state, net.neurons)
        near += _common(net, one, int(heard[at])) - 1 if heard[at] != one else 0
        far += _common(net, one, other) if other != one else 0
    return near > NEARER * far + SAMPLES / 20


def _common(net: Wiring, one: int, other: int) -> int:
    mine, theirs = (net.sources[net.into[v] : net.into[v + 1]] for v in (one, other))
    return len(np.intersect1d(mine, theirs, assume_unique=True))


def _next(state: int, below: int) -> tuple[int, int]:
    state = state * 48271 % PRIME
    return state, state % below


def has_metis() -> bool:
    return find_spec("pymetis") is not None


def by_metis(net: Wiring, edges: Edges, parts: int, slack: float, seed: int) -> Ints:
    """The part of every neuron; parts may hold `slack` more than their share, in thousandths of it."""
    import pymetis

    # The volume of messages is what counts, but METIS takes many times longer for it than for the edges that are cut.
    volume = int(len(edges.neighbours) <= MOST_FOR_VOLUME)
    options = pymetis.Options(seed=seed % 2**31, ufactor=max(1, int(slack * 1000)), objtype=volume)
    weigh = np.zeros(net.nodes, dtype=np.int64)
    weigh[: net.neurons] = 1
    graph = pymetis.CSRAdjacency(edges.ends, edges.neighbours)
    _, found = pymetis.part_graph(
        parts, graph, vweights=weigh, eweights=edges.weights, options=options, recursive=False
    )
    return np.asarray(found, dtype=np.int64)[: net.neurons]


def by_bandwidth(net: Wiring, edges: Edges) -> tuple[Ints, str]:
    """The neurons in reverse Cuthill-McKee order, by scipy, or in that of levels where it is not there; and which."""
    if find_spec("scipy") is None:
        found, by = _by_levels(edges), "levels"
    else:
        by = "bandwidth"
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import reverse_cuthill_mckee

        shape = (net.nodes, net.nodes)
        ones = np.ones(len(edges.neighbours), dtype=np.int8)
        found = np.asarray(reverse_cuthill_mckee(csr_matrix((ones, edges.neighbours, edges.ends), shape), True))
    found = found.astype(np.int64)
    return np.asarray(found[found < net.neurons]), by


def by_halves(net: Wiring, edges: Edges, parts: int) -> Ints:
    """The part of every neuron: halved again and again between two neurons far from each other, in numpy alone."""
    cores, waiting = np.zeros(net.neurons, dtype=np.int64), [(np.arange(net.neurons), 0, parts)]
    while waiting:
        mine, first, count = waiting.pop()
        if count == 1 or len(mine) < 2:
            cores[mine] = first
            continue
        left = count // 2
        order = _between(net, edges, mine)
        cut = len(mine) * left // count
        waiting += [(np.sort(order[:cut]), first, left), (np.sort(order[cut:]), first + left, count - left)]
    return cores


def _between(net: Wiring, edges: Edges, mine: Ints) -> Ints:
    """Some neurons from the neighbours of one that is far off to those of one far from that; unreached ones last."""
    there = np.zeros(net.nodes, dtype=bool)
    there[mine] = there[net.neurons :] = True
    one = mine[int(np.argmax(_distances(edges, int(mine[0]), there)[mine]))]
    near = _distances(edges, int(one), there)[mine]
    far = _distances(edges, int(mine[int(np.argmax(near))]), there)[mine]
    apart = np.where((near < 0) | (far < 0), net.nodes, near - far)
    return mine[np.argsort(apart, kind="stable")]


def _distances(edges: Edges, start: int, there: NDArray[np.bool_]) -> Ints:
    """Edges from a node to each of those that are there; -1 where no way leads."""
    found = np.full(len(there), -1, dtype=np.int64)
    level, steps = np.array([start]), 0
    while level.size:
        found[level] = steps
        steps += 1
        level = _fresh(_neighbours(edges, level), there & (found < 0))
    return found


def _fresh(nodes: Ints, wanted: NDArray[np.bool_]) -> Ints:
    """Those of the nodes that are wanted, once each: marked where they are many, sorted where they are few."""
    if len(nodes) * 8 < len(wanted):
        return np.unique(nodes[wanted[nodes]])
    marked = np.zeros(len(wanted), dtype=bool)
    marked[nodes] = True
    return np.flatnonzero(marked & wanted)


def _neighbours(edges: Edges, nodes: Ints) -> Ints:
    sizes = edges.ends[nodes + 1] - edges.ends[nodes]
    behind = np.cumsum(sizes)
    at = np.arange(behind[-1]) + np.repeat(edges.ends[nodes] - behind + sizes, sizes)
    return np.asarray(edges.neighbours[at])


def _by_levels(edges: Edges) -> Ints:
    """All nodes, breadth first from one of the fewest edges, those of a level by their first neighbour before it."""
    size = len(edges.ends) - 1
    degrees = np.diff(edges.ends)
    place = np.full(size, -1, dtype=np.int64)
    order: list[Ints] = []
    done = 0
    for start in np.argsort(degrees, kind="stable").tolist():
        level = np.array([start]) if place[start] < 0 else np.zeros(0, np.int64)
        while level.size:
            place[level] = np.arange(done, done + level.size)
            done += level.size
            order.append(level)
            seen = _neighbours(edges, level)
            fresh, first = np.unique(seen[place[seen] < 0], return_index=True)
            level = fresh[np.argsort(first, kind="stable")]
    return np.concatenate(order)[::-1] if order else np.zeros(0, np.int64)
