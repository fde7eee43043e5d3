"""The fullest core by price: which items together are worth the most and fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Pattern = tuple[int, ...]
"""The items of a core by number, each as often as it is there."""

MAX_DEPTH = 16
"""Items of a core that the search goes to."""


class Rates:
    """What a unit of each limit is worth at most: the fractional filling of one core, priced from its dual side."""

    def __init__(self, needs: Ints, capacity: Ints) -> None:
        from ortools.linear_solver import pywraplp

        self._solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        self._objective = self._solver.Objective()
        self._objective.SetMaximization()
        self._room = np.maximum(1, capacity).astype(np.float64)
        self._shares = needs / self._room
        self._rows = [self._solver.Constraint(0.0, 1.0) for _ in capacity]
        self._columns = [self._solver.NumVar(0.0, self._solver.infinity(), "") for _ in needs]
        for column, share in zip(self._columns, self._shares.tolist(), strict=True):
            for row, part in zip(self._rows, share, strict=True):
                row.SetCoefficient(column, part)

    def of(self, values: Floats) -> Floats:
        """For items of these values. Where the solver gives up, all limits are worth the same, and enough."""
        for column, value in zip(self._columns, values.tolist(), strict=True):
            self._objective.SetCoefficient(column, value)
        if self._solver.Solve() != self._solver.OPTIMAL:
            return np.asarray((values / np.maximum(1e-9, self._shares.sum(axis=1))).max() / self._room)
        return np.array([max(0.0, row.dual_value()) for row in self._rows]) / self._room


def best_patterns(
    values: Floats, needs: Ints, capacity: Ints, rates: Floats, width: int, least: float
) -> list[tuple[float, Pattern]]:
    """Fillings of a core worth more than `least` that a beam of `width` finds, the best first.

    At `rates` no item is worth more than the limits that it uses, so a core is worth its capacity less what its items
    lose: those partial fillings go on that lost least, and none that lost too much. The largest items go in first.
    """
    sizes = (needs * rates).sum(axis=1)  # not BLAS, which adds up in the order of its threads
    spare = float((capacity * rates).sum()) - least
    order = np.flatnonzero((values > 0) & (sizes - values < spare))
    order = order[np.argsort(-sizes[order], kind="stable")]
    values, needs, losses = values[order], needs[order], (sizes - values)[order]
    numbers = np.arange(len(order))
    held: list[Pattern] = [()]
    rooms, worth, lost, last = capacity[None, :], np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64)
    found: dict[Pattern, float] = {}
    for _ in range(MAX_DEPTH):
        fits = (lost[:, None] + losses < spare) & (numbers >= last[:, None])
        for limit in range(len(capacity)):
            fits &= rooms[:, limit, None] >= needs[:, limit]
        state, item = np.nonzero(fits)
        if not state.size:
            break
        gained, lose = worth[state] + values[item], lost[state] + losses[item]
        keep = np.unique(np.concatenate([_first(lose, width), _first(-gained, width)]))
        state, item, worth, lost, last = state[keep], item[keep], gained[keep], lose[keep], item[keep]
        held = [(*held[s], i) for s, i in zip(state.tolist(), item.tolist(), strict=True)]
        rooms = rooms[state] - needs[item]
        found |= {pattern: value for pattern, value in zip(held, worth.tolist(), strict=True) if value > least}
    ranked = sorted(found.items(), key=lambda each: (-round(each[1], 9), each[0]))
    return [(value, tuple(int(order[i]) for i in pattern)) for pattern, value in ranked]


def _first(keys: Floats, count: int) -> Ints:
    """The places of the smallest keys, the first ones where keys are equal."""
    if len(keys) > 8 * count:
        some = np.flatnonzero(keys <= np.partition(keys, count)[count])
        return np.asarray(some[np.argsort(keys[some], kind="stable")[:count]])
    return np.asarray(np.argsort(keys, kind="stable")[:count])
