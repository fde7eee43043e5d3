"""Numbers gathered into at most k groups, so that the sum of squared distances to the groups' means is least.

In one dimension the groups are intervals, and dynamic programming finds the best of them; pairs are gathered along both
axes and along their main one, and what is better stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_ROUNDS = 100
"""Rounds of Lloyd's iteration, each of which lowers the sum."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """The best cuts of ascending numbers, each as heavy as its weight, into 1, 2 ... `most` intervals.

    `losses[c]` is the least sum of squared distances of c + 1 intervals, `starts[c][i]` where the last of c + 1
    intervals begins that hold the first i numbers. Of equal cuts the one with the earlier beginning of the last.
    """

    numbers: Floats
    weights: Floats
    most: int

    @cached_property
    def _sums(self) -> tuple[Floats, Floats, Floats]:
        """Of weights, of numbers and of squares, up to each place; about the mean, lest digits be lost."""
        centred = self.numbers - np.average(self.numbers, weights=self.weights)
        columns = (self.weights, self.weights * centred, self.weights * centred**2)
        first, second, third = (np.concatenate([[0.0], np.cumsum(column)]) for column in columns)
        return first, second, third

    def _loss(self, starts: Ints, stops: Ints) -> Floats:
        weights, numbers, squares = (each[stops] - each[starts] for each in self._sums)
        return np.maximum(squares - numbers**2 / weights, 0.0)

    @cached_property
    def _layers(self) -> tuple[tuple[Floats, ...], tuple[Ints, ...]]:
        count = len(self.numbers)
        stops = np.arange(1, count + 1)
        best = np.concatenate([[0.0], self._loss(np.zeros_like(stops), stops)])
        losses, starts = [best], [np.zeros(count + 1, dtype=np.int64)]
        for intervals in range(2, min(self.most, count) + 1):
            best, start = self._layer(best, intervals)
            losses.append(best)
            starts.append(start)
        return tuple(losses), tuple(starts)

    def _layer(self, before: Floats, intervals: int) -> tuple[Floats, Ints]:
        """One interval more. The best beginning of the last one never falls as numbers join: halves are searched."""
        count = len(self.numbers)
        best, begins = np.full(count + 1, np.inf), np.zeros(count + 1, dtype=np.int64)
        spans = np.array([[intervals, count, intervals - 1, count - 1]])  # places, and beginnings to look at
        while len(spans):
            low, high, first, last = spans.T
            middle = (low + high) // 2
            tried = np.minimum(last, middle - 1) - first + 1
            edges = np.concatenate([[0], np.cumsum(tried)[:-1]])
            start = np.arange(tried.sum()) + np.repeat(first - edges, tried)
            loss = before[start] + self._loss(start, np.repeat(middle, tried))
            least = np.minimum.reduceat(loss, edges)
            equal = np.flatnonzero(loss == np.repeat(least, tried))
            found = start[equal[np.searchsorted(equal, edges)]]
            best[middle], begins[middle] = least, found
            halves = np.stack([[low, middle - 1, first, found], [middle + 1, high, found, last]])
            spans = np.moveaxis(halves, 1, 2).reshape(-1, 4)
            spans = spans[spans[:, 0] <= spans[:, 1]]
        return best, begins

    @property
    def losses(self) -> tuple[float, ...]:
        """The least sum for 1, 2 ... intervals."""
        return tuple(float(layer[-1]) for layer in self._layers[0])

    def groups(self, intervals: int) -> Ints:
        """For each number the place of its interval, of so many."""
        starts, stop = self._layers[1], len(self.numbers)
        found = np.zeros(stop, dtype=np.int64)
        for place in range(intervals - 1, 0, -1):
            start = int(starts[place][stop])
            found[start:stop] = place
            stop = start
        return found


def gathered(values: Floats, most: int) -> Ints:
    """The group of each row of values (neurons, 1 or 2 numbers), at most so many groups.

    The best groups where the rows have but one number that differs; a good choice, the same every time, for pairs.
    """
    rows, places, often = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    weights = often.astype(np.float64)
    varying = [column for column in rows.T if np.ptp(column) > 0]
    if len(varying) < 2:
        groups = _along(varying[0] if varying else rows[:, 0], weights, most)
    else:
        groups = _of_pairs(rows, weights, most)
    return np.asarray(groups[places.reshape(-1)])


def _along(numbers: Floats, weights: Floats, most: int) -> Ints:
    """The best groups of rows by one number of theirs; rows with the same number are together."""
    ascending, places = np.unique(numbers, return_inverse=True)
    cuts = Intervals(ascending, np.bincount(places, weights=weights).astype(np.float64), min(most, len(ascending)))
    return np.asarray(cuts.groups(len(cuts.losses))[places])


def _of_pairs(rows: Floats, weights: Floats, most: int) -> Ints:
    tried = [_settled(rows, weights, start) for start in (_grid(rows, weights, most), _main(rows, weights, most))]
    return min(tried, key=lambda groups: _lost(rows, weights, groups))


def _grid(rows: Floats, weights: Floats, most: int) -> Ints:
    """The product of the best groups of each of the two, with the best numbers of groups whose product is allowed."""
    sides = []
    for numbers in rows.T:
        ascending, places = np.unique(numbers, return_inverse=True)
        cuts = Intervals(ascending, np.bincount(places, weights=weights).astype(np.float64), min(most, len(ascending)))
        sides.append((cuts, places))
    (first, _), (second, _) = sides
    pairs = [(a, b) for a in range(1, len(first.losses) + 1) for b in range(1, len(second.losses) + 1) if a * b <= most]
    chosen = min(pairs, key=lambda pair: first.losses[pair[0] - 1] + second.losses[pair[1] - 1])
    one, other = (cuts.groups(n)[places] for (cuts, places), n in zip(sides, chosen, strict=True))
    return np.asarray(one * chosen[1] + other)


def _main(rows: Floats, weights: Floats, most: int) -> Ints:
    """The best groups along the direction in which the rows differ most."""
    centred = rows - np.average(rows, axis=0, weights=weights)
    spread = (centred * weights[:, None]).T @ centred
    angle = 0.5 * np.arctan2(2 * spread[0, 1], spread[0, 0] - spread[1, 1])
    return _along(centred @ np.array([np.cos(angle), np.sin(angle)]), weights, most)


def _settled(rows: Floats, weights: Floats, groups: Ints) -> Ints:
    """Lloyd's iteration: every row into the group with the nearest mean, until none moves; of equal ones the first."""
    for _ in range(MOST_ROUNDS):
        means = _means(rows, weights, groups)
        nearest = np.zeros(len(rows), dtype=np.int64)
        least = np.full(len(rows), np.inf)
        for place, mean in enumerate(means):
            away = ((rows - mean) ** 2).sum(axis=1)
            nearest[away < least] = place
            least = np.minimum(least, away)
        if _lost(rows, weights, nearest) >= _lost(rows, weights, groups):
            return groups
        groups = nearest
    return groups


def _means(rows: Floats, weights: Floats, groups: Ints) -> Floats:
    """Of every group that has a row."""
    _, places = np.unique(groups, return_inverse=True)
    total = np.bincount(places, weights=weights)
    return np.stack([np.bincount(places, weights=weights * column) / total for column in rows.T], axis=1)


def _lost(rows: Floats, weights: Floats, groups: Ints) -> float:
    _, places = np.unique(groups, return_inverse=True)
    return float((weights[:, None] * (rows - _means(rows, weights, groups)[places]) ** 2).sum())
