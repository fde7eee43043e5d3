"""Figures for people: one with all that it rests on, many in a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import Row, quantity
from neuedge_nir.report.contract_costs import figure_json, given_json
from neuedge_nir.report.figure import Figure, Given
from neuedge_nir.report.lookup import rests_on
from neuedge_nir.report.text import table

if TYPE_CHECKING:
    from rich.console import RenderableType

SCHEMA = "neuedge-nir/figures/1"
MARK = "*"
LEGEND = f"{MARK} rests on an assumption: `neuedge-nir explain PLAN.json:PATH` tells which"

Json = dict[str, object]


def figure_tables(figure: Figure, known: Mapping[str, Figure]) -> list[RenderableType]:
    """One figure: what it is, its formula, every input, and what all of it rests on in the end with its source."""
    rows: list[Row] = [("value", told(figure)), ("formula", figure.formula or "none"), ("interval", figure.why)]
    if figure.assumed:
        rows.append((MARK, "rests on an assumption: an input below that is assumed, or what that rests on"))
    return [table(f"{figure.path}: {figure.title}", ("", ""), rows), *_inputs(figure, known)]


def _inputs(figure: Figure, known: Mapping[str, Figure]) -> list[RenderableType]:
    """The inputs, and those that stand behind them where some are figures themselves."""
    own, last = list(figure.inputs), rests_on(figure, known)
    found = [("Inputs", own)] if own else []
    return [_table(title, held) for title, held in (*found, *([] if last == own else [("In the end", last)]))]


def _table(title: str, held: Sequence[Given]) -> RenderableType:
    header = ("input", "value", "how sure", "source", "note")
    rows = [(i.name, _given(i), i.confidence, i.source if i.path is None else i.path, i.note or "") for i in held]
    return table(title, header, rows, right=(1,))


def list_table(figures: Iterable[Figure]) -> list[RenderableType]:
    """Many figures, a line each."""
    rows = [(figure.path, told(figure), figure.title) for figure in figures]
    marked = any(figure.assumed for figure in figures)
    return [table("Figures", ("path", "value", "what"), rows, right=(1,)), *([_legend()] if marked else [])]


def _legend() -> RenderableType:
    from rich.text import Text

    return Text(LEGEND)


def told(figure: Figure) -> str:
    """Typical, then the interval, with a mark where it rests on an assumption."""
    if figure.low is None or figure.typical is None or figure.high is None:
        return "not published"
    mark = MARK if figure.assumed else ""
    span = f" ({_value(figure.low, figure.unit)} .. {_value(figure.high, figure.unit)})"
    return f"{_value(figure.typical, figure.unit)}{mark}" + span * (figure.low < figure.high)


def _given(given: Given) -> str:
    span = f" ({_value(given.low, given.unit)} .. {_value(given.high, given.unit)})"
    return _value(given.typical, given.unit) + span * (given.low < given.high)


def _value(value: float, unit: str) -> str:
    if unit in ("J", "W", "s"):
        return quantity(value, unit)
    return f"{value:,.0f} {unit}".rstrip() if value == int(value) else f"{value:.6g} {unit}".rstrip()


def figures_json(plan: Plan, figures: Iterable[Figure], known: Mapping[str, Figure]) -> Json:
    """What programs read of figures; `rests_on`: what each rests on in the end."""
    found = {
        figure.path: {**figure_json(figure), "rests_on": given_json(rests_on(figure, known))} for figure in figures
    }
    return {"schema": SCHEMA, "plan": plan.model.name, "target": plan.chip.name, "figures": found}
