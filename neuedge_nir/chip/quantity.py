"""A number that remembers its unit, its source and how sure we are of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Confidence(StrEnum):
    """How a number is known."""

    A1 = "A1"  # primary artefact: vendor or tool code, saved output, vendor document
    A2 = "A2"  # secondary text that quotes the paper
    B_HIGH = "B-high"  # from the paper, by memory
    B_MED = "B-med"
    B_LOW = "B-low"
    D = "D"  # derived by arithmetic from named inputs
    ASSUMED = "assumed"  # a modelling choice of ours, nobody published it


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a chip. An estimate is a range: then `low` < `high` and `typical` lies within."""

    low: float
    typical: float
    high: float
    unit: str
    source: str
    confidence: Confidence
    note: str | None = None

    @property
    def count(self) -> int:
        """The number as an integer: for cores, neurons, axons, words."""
        return int(self.typical)
