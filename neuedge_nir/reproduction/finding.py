"""What an experiment hands back: claims and what became of them, tables of numbers by seed, a picture's bars."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What became of a claim."""

    REPRODUCED = "reproduced"
    REFUTED = "refuted"
    NOT_TESTABLE = "not testable here"


def judged(holds: bool) -> Verdict:
    """The verdict on a claim that was tried."""
    return Verdict.REPRODUCED if holds else Verdict.REFUTED


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation (of a sample) over seeds; `sd` is 0 for a single one, which has no spread."""

    mean: float
    sd: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0, len(values))

    @property
    def words(self) -> str:
        """As a table has it: "4.71 ± 0.12"."""
        return f"{short(self.mean)} ± {short(self.sd, 2)}"


def short(number: float, digits: int = 4) -> str:
    """A number with so many digits, without an exponent where it has few."""
    text = f"{number:.{digits}g}"
    return f"{number:.0f}" if "e+" in text and abs(number) < 1e9 else text


@dataclass(frozen=True, slots=True)
class Claim:
    """What was claimed, what came out here, the control beside it, and the verdict.

    `where` says who claims it: the paper's abstract or a summary of it, or that it is an open question.
    `control_holds`: whether the control, which takes nothing of NeuEdge, reaches as much; None where it is no rival.
    """

    words: str
    where: str
    ours: str
    control: str
    verdict: Verdict
    control_holds: bool | None = None


Cells = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers by row, column and seed. `unit` of each column stands in its name."""

    title: str
    rows: Mapping[str, Cells]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order in which they first appear."""
        return tuple(dict.fromkeys(column for cells in self.rows.values() for column in cells))

    def spread(self, row: str, column: str) -> Spread:
        """Over the seeds."""
        return Spread.of(self.rows[row][column])


@dataclass(frozen=True, slots=True)
class Finding:
    """All that an experiment found. `drawn` is the column of the first table that its picture shows.

    `budget`: what it was given (samples, epochs, seeds ...); `notes`: what a reader must know beside the numbers.
    `repeats` is False where some numbers are measured times, which no two runs have alike.
    """

    claims: tuple[Claim, ...]
    tables: tuple[Table, ...]
    drawn: str
    seeds: tuple[int, ...]
    budget: Mapping[str, object]
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    repeats: bool = True
