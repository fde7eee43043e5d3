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

    def lost(self, row: str, other: str, column: str) -> Spread:
        """What a row has less of a column than another, seed by seed."""
        pairs = zip(self.found[other][column], self.found[row][column], strict=True)
        return Spread.of([before - behind for before, behind in pairs])

    def times(self, row: str, other: str, column: str) -> Spread:
        """How many times less of a column a row has than another, seed by seed."""
        pairs = zip(self.found[other][column], self.found[row][column], strict=True)
        return Spread.of([before / behind for before, behind in pairs])

    def saved(self, row: str, other: str, column: str) -> Spread:
        """What a row has less of a column than another, in per cent of that, seed by seed."""
        pairs = zip(self.found[other][column], self.found[row][column], strict=True)
        return Spread.of([100 * (1 - behind / before) for before, behind in pairs])

    @classmethod
    def of_table(cls, table: Table) -> Rows:
        """Those that a table was made of."""
        return cls({row: {name: [*values] for name, values in cells.items()} for row, cells in table.rows.items()})

    def table(self, title: str) -> Table:
        return Table(title, self.found)
