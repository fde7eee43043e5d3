"""The slowest waves of a graph: coordinates in which who exchanges much is near."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neuedge_nir.mapping.placing import kernel
from neuedge_nir.mapping.placing.coarsening import Ladder
from neuedge_nir.mapping.placing.compiled import compiled_by_numba
from neuedge_nir.mapping.placing.graph import Floats, Graph, Ints

REFINED, ENTRIES = 6000, 1 << 20
"""Clusters, and entries of their exchanges, up to which waves are computed; of larger graphs they are those of coarser
ones."""


ROUGH, EXACT = 3, 20
"""Rounds of refinement of a coarse graph's waves, and at most of those of the graph itself."""

WORTH_NUMBA = 1 << 16
"""Entries, times vectors, above which numba is worth loading: operators are applied thousands of times."""

SETTLED = 1e-9
"""Relative change of the lower half of the eigenvalues at which waves are good enough."""


@dataclass(frozen=True, slots=True, eq=False)
class Laplacian:
    """The operator S (D - W) S with S = 1 / sqrt(size): its lowest vectors, but for one, are the slowest waves."""

    graph: Graph
    weights: Floats
    degrees: Floats
    scale: Floats

    @classmethod
    def of(cls, graph: Graph, sizes: Ints) -> Laplacian:
        weights = graph.weights / max(1.0, float(graph.weights.mean()))
        degrees = np.bincount(graph.sources, weights, graph.count).astype(np.float64)
        return cls(graph, weights, degrees, 1 / np.sqrt(sizes))

    @property
    def top(self) -> float:
        """No eigenvalue is larger."""
        return 2.0 * float((self.degrees * self.scale**2).max())

    def times(self, vectors: Floats) -> Floats:
        """The operator applied to rows of `vectors`, (vectors, clusters)."""
        moved = vectors * self.scale
        return np.asarray(self.scale * (self.degrees * moved - self._sent(moved)))

    def _sent(self, vectors: Floats) -> Floats:
        """What clusters get of their partners; added in one order, with numba and without."""
        graph = self.graph
        run = compiled_by_numba(kernel.send) if len(self.weights) * len(vectors) > WORTH_NUMBA else None
        if run is None:
            each = [np.bincount(graph.sources, self.weights * v[graph.others], graph.count) for v in vectors]
            return np.array(each)
        found = np.empty_like(vectors)
        run(graph.starts, graph.others, self.weights, vectors, found)
        return found

    def dense(self) -> Floats:
        found = np.diag(self.degrees)
        found[self.graph.sources, self.graph.others] -= self.weights
        return np.asarray(found * self.scale[:, None] * self.scale)


def waves(ladder: Ladder, number: int) -> Floats:
    """The `number` slowest waves, (waves, clusters): of coarser graphs first, then made finer.

    Sums are added in one order, so that the number of processors does not matter.
    """
    found = _lowest(Laplacian.of(ladder.graphs[-1], ladder.sizes[-1]), number)
    for graph, sizes, numbers in reversed(list(zip(ladder.graphs, ladder.sizes, ladder.numbers, strict=False))):
        found = found[:, numbers]
        if graph.count <= REFINED and len(graph.weights) <= ENTRIES:
            found = _refined(Laplacian.of(graph, sizes), found, EXACT if graph is ladder.graphs[0] else ROUGH)
    return found


def _lowest(operator: Laplacian, number: int) -> Floats:
    _, vectors = np.linalg.eigh(operator.dense())
    return np.asarray(vectors[:, 1 : number + 1].T * operator.scale)


def _refined(operator: Laplacian, start: Floats, rounds: int) -> Floats:
    """Waves nearer to those of the operator: a Chebyshev filter, then the best mixtures of what it leaves, repeated."""
    vectors = _orthonormal(start / operator.scale, operator)
    values = _rayleigh(vectors, operator)[0]
    for _ in range(rounds):
        vectors = _orthonormal(_filtered(vectors, operator, float(values[-1])), operator)
        before, (values, mix) = values, _rayleigh(vectors, operator)
        vectors = _combined(mix.T, vectors)
        if float(np.abs(1 - before / values)[: len(values) // 2].max()) < SETTLED:
            break
    return vectors * operator.scale


def _filtered(vectors: Floats, operator: Laplacian, last: float) -> Floats:
    """What of the vectors belongs to eigenvalues above those wanted is damped."""
    top = operator.top
    low = min(max(1.3 * last, 1e-6 * top), top / 2)
    middle, half = (top + low) / 2, (top - low) / 2
    degree = int(min(160, max(10, 1.5 * math.sqrt(top / low))))
    before, now = vectors, (operator.times(vectors) - middle * vectors) / half
    for _ in range(degree - 1):
        before, now = now, 2 * (operator.times(now) - middle * now) / half - before
        largest = float(np.abs(now).max())
        if largest > 1e100:
            before, now = before / largest, now / largest
    return now


def _orthonormal(vectors: Floats, operator: Laplacian) -> Floats:
    """Gram and Schmidt, twice, the constant wave left out."""
    constant = 1 / operator.scale
    basis = [constant / math.sqrt(_dot(constant, constant))]
    for vector in vectors:
        for _ in range(2):
            for other in basis:
                vector = vector - _dot(vector, other) * other
        length = math.sqrt(_dot(vector, vector))
        basis.append(vector / length if length > 0 else vector)
    return np.array(basis[1:])


def _rayleigh(vectors: Floats, operator: Laplacian) -> tuple[Floats, Floats]:
    image = operator.times(vectors)
    gram = np.array([[_dot(a, b) for b in image] for a in vectors])
    values, mix = np.linalg.eigh((gram + gram.T) / 2)
    return values, mix


def _combined(mix: Floats, vectors: Floats) -> Floats:
    return np.array(
        [sum((share * v for share, v in zip(row, vectors, strict=True)), np.zeros_like(vectors[0])) for row in mix]
    )


def _dot(a: Floats, b: Floats) -> float:
    """Added pairwise by numpy, not by BLAS, whose order depends on threads."""
    return float(np.sum(a * b))
