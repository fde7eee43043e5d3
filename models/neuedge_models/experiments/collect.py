"""Rows of a table, filled in seed by seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neuedge_nir.reproduction.finding import Spread, Table


@dataclass(slots=True)
class Rows:
    """Numbers by row and column, a value for each seed."""

    found: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def put(self, row: str, numbers: Mapping[str, float]) -> None:
        """One seed's numbers of a row."""
        cells = self.found.setdefault(row, {})
        for column, number in numbers.items():
            cells.setdefault(column, []).append(float(number))

    def of(self, row: str, column: str) -> Spread:
        """Over the seeds so far."""
        return Spread.of(self.found[row][column])

    def table(self, title: str) -> Table:
        return Table(title, self.found)
