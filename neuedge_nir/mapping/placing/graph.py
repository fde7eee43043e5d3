"""Who exchanges how much with whom, in whole numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TOTAL_BITS = 36
"""All weights together stay below 2**36, so that a cost, over ways of up to 2**16, stays far below 2**63."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Clusters and what every two of them exchange, as the rows of a symmetric matrix (CSR).

    Row i is `others[starts[i]:starts[i + 1]]`, in rising order and without i, and `weights` beside it. Weights are
    whole numbers in units of `unit` messages per step.
    """

    starts: Ints  # (clusters + 1)
    others: Ints
    weights: Ints
    unit: float

    @classmethod
    def of(cls, count: int, a: Ints, b: Ints, weight: Floats) -> Graph:
        """`a[i]` and `b[i]`, of `count` clusters, exchange `weight[i]`; what is named twice adds up."""
        low, high = np.minimum(a, b), np.maximum(a, b)
        apart = (low != high) & (weight > 0)
        pairs, place = np.unique(low[apart] * count + high[apart], return_inverse=True)
        together = np.bincount(place.ravel(), weight[apart], len(pairs))
        total = float(together.sum())
        # A power of two, so that whole numbers of messages stay exact.
        unit = math.ldexp(1.0, math.frexp(total)[1] - TOTAL_BITS) if total else 1.0
        whole = np.maximum(1, np.rint(together / unit)).astype(np.int64)
        return cls.symmetric(count, pairs // count, pairs % count, whole, unit)

    @classmethod
    def symmetric(cls, count: int, low: Ints, high: Ints, weights: Ints, unit: float) -> Graph:
        """From different pairs, each named once."""
        source, target = np.concatenate([low, high]), np.concatenate([high, low])
        order = np.argsort(source * count + target)  # of different numbers: any sort does the same
        starts = np.zeros(count + 1, dtype=np.int64)
        np.cumsum(np.bincount(source, minlength=count), out=starts[1:])
        return cls(starts, target[order], np.concatenate([weights, weights])[order], unit)

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return len(self.starts) - 1

    @cached_property
    def sources(self) -> Ints:
        """The row of every entry."""
        return np.repeat(np.arange(self.count), np.diff(self.starts))

    @cached_property
    def pairs(self) -> tuple[Ints, Ints, Ints]:
        """Every two that exchange anything, once, and what they exchange."""
        once = self.sources < self.others
        return self.sources[once], self.others[once], self.weights[once]

    @property
    def strengths(self) -> Ints:
        """What each cluster exchanges in all."""
        return self.row_sums(self.weights)

    def row_sums(self, entries: Ints) -> Ints:
        """The sum of each row; exact, so that the order of adding does not matter."""
        ends = np.concatenate([[0], np.cumsum(entries)])
        return np.asarray(ends[self.starts[1:]] - ends[self.starts[:-1]])

    def renumbered(self, order: Ints) -> Graph:
        """The same with cluster `order[i]` as number i."""
        number = np.empty(self.count, dtype=np.int64)
        number[order] = np.arange(self.count)
        first, second, weights = self.pairs
        a, b = number[first], number[second]
        return Graph.symmetric(self.count, np.minimum(a, b), np.maximum(a, b), weights, self.unit)
