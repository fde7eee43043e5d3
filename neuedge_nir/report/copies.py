"""One copy of a network alone on its chips beside a chip full of copies: energy, time and throughput of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from neuedge_nir.plan.figures import Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import quantity
from neuedge_nir.report.share import Share, share_of
from neuedge_nir.report.text import table

if TYPE_CHECKING:
    from rich.console import RenderableType

Json = dict[str, object]


def copies_table(alone: Plan, full: Plan) -> RenderableType:
    """Both beside each other, in typical figures with their span."""
    one, all_ = share_of(alone), share_of(full)
    assert full.copies is not None
    header = (f"of one {one.per}", "one copy alone", f"each of {all_.copies}", "share")
    rows = [_row(name, getattr(one, key), getattr(all_, key), unit) for name, key, unit in ROWS]
    return table("One copy alone, and each of the full plan's copies", header, rows, right=(1, 2, 3))


ROWS = (
    ("dynamic energy", "dynamic_j", "J"),
    ("static energy", "static_j", "J"),
    ("energy", "energy_j", "J"),
    ("time", "time_s", "s"),
    ("per second, of all copies", "rate", ""),
)


def _row(name: str, one: Interval, each: Interval, unit: str) -> tuple[str, ...]:
    ratio = each.typical / one.typical if each.typical is not None and one.typical else None
    return name, _span(one, unit), _span(each, unit), "-" if ratio is None else f"{ratio:.3g} x"


def _span(interval: Interval, unit: str) -> str:
    if interval.typical is None:
        return "-"
    if interval.low is None or interval.high is None or interval.low == interval.high:
        return quantity(interval.typical, unit).strip()
    low, high = (quantity(v, unit).strip() for v in (interval.low, interval.high))
    return f"{quantity(interval.typical, unit).strip()} ({low} .. {high})"


def copies_json(full: Plan, alone: Plan | None = None) -> Json:
    """The key `copies` of a report; empty where none were asked for."""
    if full.copies is None:
        return {}
    stated = full.copies
    told: Json = {
        "count": stated.count,
        "chips": stated.chips,
        "at_most": stated.at_most,
        "resource": stated.resource,
    }
    if alone is not None:
        told |= {"alone": _share_json(share_of(alone)), "full": _share_json(share_of(full))}
    return {"copies": told}


def _share_json(share: Share) -> Mapping[str, object]:
    figures = {key: getattr(share, key) for _, key, _ in ROWS}
    told = {k: {"low": v.low, "typical": v.typical, "high": v.high, "basis": v.basis} for k, v in figures.items()}
    return {"per": share.per, **told}
