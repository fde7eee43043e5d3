"""The master problem of column generation: how often each pattern is used, in fractions, and what covering is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Master:
    """Least cores that cover `demand` by row, with patterns in fractions: a linear program that grows by columns."""

    def __init__(self, demand: Sequence[float]) -> None:
        from ortools.linear_solver import pywraplp

        self._solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        self._rows = [self._solver.Constraint(float(need), self._solver.infinity()) for need in demand]
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        self._columns: list[Any] = []

    def add(self, covers: Mapping[int, float]) -> int:
        """One more pattern, with what it covers by row; its number."""
        column = self._solver.NumVar(0.0, self._solver.infinity(), "")
        self._objective.SetCoefficient(column, 1.0)
        for row, cover in covers.items():
            self._rows[row].SetCoefficient(column, cover)
        self._columns.append(column)
        return len(self._columns) - 1

    def solve(self) -> bool:
        """Whether the least cores were found, in fractions. The columns must cover every row."""
        return bool(self._solver.Solve() == self._solver.OPTIMAL)

    @property
    def cores(self) -> float:
        """Those that the last solution takes."""
        return float(self._objective.Value())

    def prices(self) -> Floats:
        """What one more unit of each row's demand costs."""
        return np.array([row.dual_value() for row in self._rows])

    def uses(self) -> Floats:
        """How often each column is used."""
        return np.array([column.solution_value() for column in self._columns])
