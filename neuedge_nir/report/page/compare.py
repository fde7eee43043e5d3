"""Several plans side by side: what each takes and costs, on common scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figures import Figure
from neuedge_nir.report.headline import ends, of_all, told
from neuedge_nir.report.page.bars import Bar, logarithmic
from neuedge_nir.report.page.view import PlanView


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of one plan; `best` says so where it is the least (or most) of all."""

    text: str
    span: str = ""
    best: str = ""
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of all plans."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """All of it, and what to bear in mind; `logarithmic`: whether any row has a scale."""

    notes: tuple[str, ...]
    rows: tuple[Line, ...]
    logarithmic: bool


LEAST, MOST, NEITHER = "least", "most", ""

RATE = "inference.rate"
FIGURES = (
    ("cores in use", "mapping.cores", NEITHER),
    ("chips that must be on", "mapping.chips", NEITHER),
    ("cores: use of those on", "utilisation.cores", NEITHER),
    ("neurons: use of the cores", "utilisation.neurons", NEITHER),
    ("synapse memory: use of the cores", "utilisation.synapse_memory", NEITHER),
    ("axons: use of the cores", "utilisation.axons_in", NEITHER),
    ("energy of an inference", "inference.energy", LEAST),
    ("latency of an inference", "inference.latency", LEAST),
    ("load of the tick", "time.load", NEITHER),
    ("inferences a second", RATE, MOST),
    ("dynamic energy of a step", "energy.dynamic", LEAST),
    ("static power", "energy.static", LEAST),
    ("time of a step", "time.step", LEAST),
    ("messages between cores a step", "traffic.deliveries", NEITHER),
    ("messages over the busiest link", "traffic.max_link_load", NEITHER),
)


def compared(plans: Sequence[Plan], views: Sequence[PlanView]) -> Compared | None:
    """The plans side by side; None where there is one alone."""
    if len(plans) < 2:
        return None
    rows = [_words("verdict", [view.headline.verdict for view in views])]
    rows.append(_words("chip", [plan.chip.title for plan in plans]))
    rows.append(_words("binds", [dict(view.headline.lines)["binds"] for view in views]))
    rows.append(_words("activity", [dict(view.headline.lines)["activity"] for view in views]))
    for name, path, wanted in FIGURES:
        figures = [view.known.get(path) for view in views]
        if any(figure is not None for figure in figures):
            whose = ", of all copies" * (path == RATE and any(of_all(plan) for plan in plans))
            rows.append(_row(name + whose, figures, wanted))
    return Compared(tuple(_notes(plans)), tuple(rows), any(cell.bar for row in rows for cell in row.cells))


def _words(name: str, texts: Sequence[str]) -> Line:
    return Line(name, tuple(Cell(text) for text in texts))


def _notes(plans: Sequence[Plan]) -> list[str]:
    notes = []
    if len({(plan.model.name, plan.model.sha256) for plan in plans}) > 1:
        notes.append("The plans are of different models: their figures do not answer the same question.")
    if len({tuple(sorted(plan.activity.rates.items())) for plan in plans}) > 1:
        notes.append("The plans rest on different activities.")
    return notes


def _row(name: str, figures: Sequence[Figure | None], wanted: str) -> Line:
    bars = logarithmic(figures) if wanted else None
    best = _best(figures, wanted)
    cells = [_cell(f, best.get(n, ""), None if bars is None else bars[n]) for n, f in enumerate(figures)]
    return Line(name, tuple(cells))


def _cell(figure: Figure | None, best: str, bar: Bar | None) -> Cell:
    return Cell("-") if figure is None else Cell(_bare(figure), ends(figure), best, bar)


def _bare(figure: Figure) -> str:
    """Counts without the unit that the row's name has."""
    text = told(figure, span=False)
    return text.removesuffix(f" {figure.unit}") if figure.unit in ("cores", "chips") else text


def _best(figures: Sequence[Figure | None], wanted: str) -> Mapping[int, str]:
    """Which plan has the least or most, if all differ from it; where intervals overlap it is told."""
    known = [(n, f) for n, f in enumerate(figures) if f is not None and f.typical is not None]
    if not wanted or len(known) < 2:
        return {}
    sign = 1 if wanted == LEAST else -1
    first, second = sorted(known, key=lambda pair: sign * (pair[1].typical or 0.0))[:2]
    if first[1].typical == second[1].typical:
        return {}
    others = [figure for n, figure in known if n != first[0]]
    return {first[0]: f"({wanted}; intervals overlap)" if any(_meet(first[1], f) for f in others) else f"({wanted})"}


def _meet(one: Figure, other: Figure) -> bool:
    return (one.low or 0.0) <= (other.high or 0.0) and (other.low or 0.0) <= (one.high or 0.0)
