"""A number of a plan with what it rests on: formula, inputs, sources, and why its interval is as wide as it is.

A formula is written in the names of the inputs with +, -, *, /, numbers, `max(..)`, and `span(..)`: of several sources
that disagree the lowest, the mean and the highest. It holds for the low, the typical and the high of each input; where
an input divides, its high gives the figure's low. Names may hold dots and hyphens, so that - has blanks around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neuedge_nir.chip.model import Quantity
from neuedge_nir.plan.figures import Interval, Link
from neuedge_nir.report.formula import typical

COUNTED = "counted"
ASSUMED = "assumed"
PLAN = "this plan"
WEAKEST = (COUNTED, "A1", "A2", "B-high", "B-med", "B-low", "D", ASSUMED)
"""How numbers are known, the surest first."""

Bounds = tuple[float, float, float]
"""Low, typical, high."""


@dataclass(frozen=True, slots=True)
class Given:
    """A number that a figure rests on, called `name` in its formula.

    `source`: where it was read; `PLAN` for a count of the plan. `confidence`: as of a chip's numbers, or `COUNTED`.
    `path`: where the number is itself a figure.
    """

    name: str
    low: float
    typical: float
    high: float
    unit: str
    source: str
    confidence: str
    note: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, `low` to `high`; None: nobody published what it takes, and `why` says so.

    `why` gives the reason for the width of the interval. `assumed`: it rests on an assumption, here or further down.
    """

    path: str
    title: str
    unit: str
    low: float | None
    typical: float | None
    high: float | None
    formula: str
    inputs: tuple[Given, ...]
    why: str
    assumed: bool


def tally(path: str, title: str, value: float, unit: str = "", note: str | None = None) -> Figure:
    """A number that is counted in the plan and nothing else."""
    return derived(path, title, unit, value, "count", [count("count", value, unit, note)])


def count(name: str, value: float, unit: str = "", note: str | None = None) -> Given:
    """A number that is counted in the plan."""
    return Given(name, float(value), float(value), float(value), unit, PLAN, COUNTED, note)


def priced(name: str, quantity: Quantity) -> Given:
    """A number of the chip."""
    return Given(
        name,
        quantity.low,
        quantity.typical,
        quantity.high,
        quantity.unit,
        quantity.source,
        quantity.confidence.value,
        quantity.note,
    )


def taken(name: str, figure: Figure) -> Given:
    """A figure as an input of another; no surer than what it rests on itself. It must be known."""
    how = weakest(figure.inputs)
    return Given(name, *ends(figure), figure.unit, PLAN, how, figure.title, path=figure.path)


def wire(link: Link) -> str:
    """A link as paths and notes have it: (3,2)-(4,2)."""
    (a, b), (c, d) = link
    return f"({a},{b})-({c},{d})"


def ends(figure: Figure | Interval) -> Bounds:
    """Low, typical and high of a known number. Raises `LookupError` where nobody published what it takes."""
    low, middle, high = figure.low, figure.typical, figure.high
    if low is None or middle is None or high is None:
        raise LookupError(figure.path if isinstance(figure, Figure) else figure.basis)
    return low, middle, high


def weakest(inputs: Iterable[Given]) -> str:
    """The least sure of what a figure rests on."""
    return max((given.confidence for given in inputs), key=WEAKEST.index, default=COUNTED)


def derived(
    path: str, title: str, unit: str, value: float | Interval, formula: str, inputs: Iterable[Given], why: str = ""
) -> Figure:
    """A figure by its formula. Without a reason of its own, the width is that of the widest input."""
    known = tuple(inputs)
    low, middle, high = ends(value) if isinstance(value, Interval) else (value,) * 3
    assumed = any(given.confidence == ASSUMED for given in known)
    return Figure(
        path, title, unit, low, middle, high, formula, known, why or width(formula, known, low, high), assumed
    )


def unpublished(path: str, title: str, unit: str, why: str) -> Figure:
    """A number that nobody can give."""
    return Figure(path, title, unit, None, None, None, "", (), why, False)


def width(formula: str, inputs: Sequence[Given], low: float, high: float) -> str:
    """Which input moves the figure most, in words."""
    if low == high:
        return "one value: no input is a range"
    ranges = [given for given in inputs if given.low < given.high]
    if not ranges:
        return "the ends differ by rounding alone"
    widest = ranges[0] if len(ranges) == 1 else max(ranges, key=lambda given: _moves(formula, inputs, given))
    note = f" ({widest.note})" if widest.note else ""
    return f"{widest.name} spans most: {widest.low:.4g} to {widest.high:.4g} {widest.unit}{note}".rstrip()


def _moves(formula: str, inputs: Sequence[Given], of: Given) -> float:
    """How far the figure goes with one input from its low to its high."""
    values = {given.name: given.typical for given in inputs}
    return abs(typical(formula, {**values, of.name: of.high}) - typical(formula, {**values, of.name: of.low}))
