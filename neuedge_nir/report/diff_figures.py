"""What a change costs: every figure that two plans, or two reports, give differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from neuedge_nir.report.amounts import number, quantity
from neuedge_nir.report.text import table

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 30
"""Figures that are listed for people; `--json` lists all."""
SUMS = ("mapping", "utilisation", "traffic", "energy", "time", "inference", "inference.pipelined")
"""What figures of the whole stand directly below; those of parts, limits and profiles are for programs."""


class Told(Protocol):
    """A figure as a plan or a report has it."""

    @property
    def title(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def low(self) -> float | None: ...
    @property
    def typical(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def assumed(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure in both; None where it is not there, or nobody published what it takes.

    `change`: of the typical value, relative to the old one. `disjoint`: the intervals have no number in common, so that
    the sources leave no doubt that it changed. `assumed`: whether the old one and the new rest on an assumption.
    """

    path: str
    title: str
    unit: str
    old: tuple[float, float, float] | None
    new: tuple[float, float, float] | None
    change: float | None
    disjoint: bool | None
    assumed: tuple[bool, bool] = (False, False)


def differences(old: Mapping[str, Told], new: Mapping[str, Told]) -> list[Difference]:
    """All figures that differ, in the order of the report; empty where none does."""
    found = []
    for path in dict.fromkeys([*old, *new]):
        before, now = _ends(old.get(path)), _ends(new.get(path))
        if before != now:
            told = new[path] if path in new else old[path]
            rests = (_assumed(old.get(path)), _assumed(new.get(path)))
            found.append(Difference(path, told.title, told.unit, before, now, *_compared(before, now), rests))
    return found


Ends = tuple[float, float, float]


def _ends(figure: Told | None) -> Ends | None:
    if figure is None or figure.low is None or figure.typical is None or figure.high is None:
        return None
    return figure.low, figure.typical, figure.high


def _assumed(figure: Told | None) -> bool:
    return figure is not None and figure.assumed


def _compared(before: Ends | None, now: Ends | None) -> tuple[float | None, bool | None]:
    if before is None or now is None:
        return None, None
    change = now[1] / before[1] - 1 if before[1] else None
    return change, before[2] < now[0] or now[2] < before[0]


def differences_json(found: Iterable[Difference]) -> list[dict[str, object]]:
    """The key `figures` of a difference."""
    return [
        {
            "path": each.path,
            "title": each.title,
            "unit": each.unit,
            "old": _ends_json(each.old),
            "new": _ends_json(each.new),
            "change": each.change,
            "disjoint": each.disjoint,
            "assumed": dict(zip(("old", "new"), each.assumed, strict=True)),
        }
        for each in found
    ]


def _ends_json(ends: Ends | None) -> dict[str, float] | None:
    return None if ends is None else dict(zip(("low", "typical", "high"), ends, strict=True))


def figures_table(found: Iterable[Difference]) -> list[RenderableType]:
    """What it costs, for people: figures of the whole, the intervals where they are any."""
    every = list(found)
    main = [each for each in every if each.path.rpartition(".")[0] in SUMS]
    rows = [_row(each) for each in main[:SHOWN]]
    if more := len(every) - len(rows):
        rows.append((f"and {more:,} more, see --json", "", "", "", ""))
    header = ("figure", "old", "new", "change", "intervals")
    return [table("What it costs", header, rows, right=(1, 2, 3))] if every else []


def _row(each: Difference) -> tuple[str, ...]:
    change = "-" if each.change is None else f"{100 * each.change:+.3g} %"
    wide = any(ends is not None and ends[0] < ends[2] for ends in (each.old, each.new))
    apart = "" if each.disjoint is None or not wide else "disjoint" if each.disjoint else "overlap"
    old, new = (_span(*of, each.unit) for of in zip((each.old, each.new), each.assumed, strict=True))
    return each.path, old, new, change, apart


def _span(ends: Ends | None, assumed: bool, unit: str) -> str:
    """What is assumed carries the same mark as in a report."""
    if ends is None:
        return "-"
    low, typical, high = (_value(end, unit) for end in ends)
    told = typical + "*" * assumed
    return told if low == high else f"{told} ({low} .. {high})"


def _value(value: float, unit: str) -> str:
    return quantity(value, unit).strip() if unit in ("J", "W", "s") else number(value) if unit else f"{value:.4g}"
