"""What each copy of a network costs, where several run at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from neuedge_nir.plan.figures import Interval
from neuedge_nir.plan.model import Plan


@dataclass(frozen=True, slots=True)
class Share:
    """What an inference of one copy costs where so many run at once; a timestep, where no sample's length is known.

    Energy in joules, time in seconds: dynamic energy is the copy's own, static energy is shared by all copies.
    `rate`: inferences, one behind the other in each copy, or timesteps of a copy, in a second, of all copies.
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
        dynamic, static = found.dynamic_j, found.static_j
        return Share(copies, "inference", dynamic, static, _sum(dynamic, static), found.time_s, found.rate_hz)
    time = cost.step_s
    all_static = _paired(cost.static_w, time, lambda a, b: a * b, "static power x step time")
    among = "" if copies == 1 else f", / {copies} copies"
    every = (cost.dynamic_j_per_step, all_static)
    dynamic, static = (_each(one, lambda j: j / copies, one.basis + among) for one in every)
    return Share(copies, "timestep", dynamic, static, _sum(dynamic, static), time, _rate(copies, time))


def _sum(dynamic: Interval, static: Interval) -> Interval:
    return _paired(dynamic, static, lambda a, b: a + b, "dynamic + static energy")


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
