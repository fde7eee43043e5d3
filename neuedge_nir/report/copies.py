"""One copy of a network alone on its chips beside a chip full of copies: energy, time and throughput of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuedge_nir.plan.figures import Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.text import quantity, table

if TYPE_CHECKING:
    from rich.console import RenderableType

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Share:
    """What an inference of one copy costs where so many run at once; a timestep, where no sample's length is known.

    Energy in joules, time in seconds: dynamic energy is the copy's own, static energy is shared by all copies.
    `rate`: inferences, or timesteps of a copy, in a second, of all copies.
    """

    copies: int
    per: str
    dynamic_j: Interval
    static_j: Interval
    energy_j: Interval
    time_s: Interval
    rate: Interval


def share_of(plan: Plan) -> Share:
    """What each of a plan's copies costs."""
    copies = plan.copies.count if plan.copies is not None else 1
    found, cost = plan.cost.inference, plan.cost
    if found is not None:
        per, dynamic, static, time = "inference", found.dynamic_j, found.static_j, found.time_s
    else:
        per, dynamic, time = "timestep", cost.dynamic_j_per_step, cost.step_s
        static = _paired(cost.static_w, time, lambda a, b: a * b, "static power x step time")
    among = "" if copies == 1 else f", / {copies} copies"
    dynamic, static = (_each(one, lambda j: j / copies, one.basis + among) for one in (dynamic, static))
    energy = _paired(dynamic, static, lambda a, b: a + b, "dynamic + static energy")
    return Share(copies, per, dynamic, static, energy, time, _rate(copies, time))


def _each(one: Interval, change: Callable[[float], float], basis: str) -> Interval:
    low, typical, high = (None if v is None else change(v) for v in (one.low, one.typical, one.high))
    return Interval(low, typical, high, basis)


def _paired(one: Interval, other: Interval, join: Callable[[float, float], float], basis: str) -> Interval:
    pairs = ((one.low, other.low), (one.typical, other.typical), (one.high, other.high))
    low, typical, high = (None if a is None or b is None else join(a, b) for a, b in pairs)
    return Interval(low, typical, high, basis)


def _rate(copies: int, time: Interval) -> Interval:
    """The slowest time is the lowest rate."""
    low, typical, high = (copies / t if t else None for t in (time.high, time.typical, time.low))
    return Interval(low, typical, high, f"copies ({copies}) / time")


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
