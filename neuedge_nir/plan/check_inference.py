"""The cost of an inference, from that of a step."""

from __future__ import annotations

import math

from neuedge_nir.plan.check_rules import agree, refuse, same
from neuedge_nir.plan.figures import Inference, Interval
from neuedge_nir.plan.model import Plan

RANGE = ("low", "typical", "high")


def check_inference(plan: Plan) -> None:
    """A sample's cost from that of a step. How long samples took is believed: the plan does not hold them.

    Of a plan of copies it is the cost of one sample in one of them, and the rate of all.
    """
    found, schedule = plan.cost.inference, plan.schedule
    same("PLAN135", "a cost of an inference", found is not None, schedule.steps is not None)
    if found is None or schedule.steps is None:
        return
    if found.lead is not None and plan.activity.kind != "simulated":
        refuse("PLAN135", f"an early exit, and an activity that is {plan.activity.kind}")
    most = found.shown if found.lead is None else found.steps
    agree("PLAN135", found, depth=schedule.depth, steps=most, shown=schedule.steps, period=_period(plan, found))
    if not (0 < found.steps <= found.shown) or (found.lead is not None and not 0 < found.lead < math.inf):
        refuse("PLAN135", f"an inference of {found.steps} of {found.shown} steps, lead {found.lead}")
    agree("PLAN274", found, interval=_apart(plan, found))
    for index, name in enumerate(RANGE):
        _check_end(plan, found, name, index)


def _check_end(plan: Plan, found: Inference, name: str, index: int) -> None:
    """One end of all intervals: one sample at a time, until its last output, and one behind the other."""
    cost, apart = plan.cost, found.interval
    step, watts, many = getattr(cost.step_s, name), getattr(cost.static_w, name), plan.options.copies or 1
    ways = (
        ("PLAN135", found.period, found.static_j, found.dynamic_j),
        ("PLAN274", apart, found.pipelined_static_j, found.pipelined_dynamic_j),
    )
    for code, steps, static, dynamic in ways:
        held = None if step is None or watts is None else watts * step * steps / many
        spent = _spent(plan, found, steps, name, index)
        agree(code, static, "static energy of an inference", **{name: held})
        agree(code, dynamic, "dynamic energy of an inference", **{name: None if spent is None else spent / many})
    agree("PLAN135", found.time_s, "time of an inference", **{name: None if step is None else step * found.period})
    until = None if step is None else step * (found.steps + found.depth)
    agree("PLAN274", found.latency_s, "latency", **{name: until})
    _check_rate(found, cost.step_s, many)


def _check_rate(found: Inference, step: Interval, many: int) -> None:
    """The fastest steps make the highest rate."""
    for name, slow in zip(RANGE, reversed(RANGE), strict=True):
        time = getattr(step, slow)
        rate = None if not time else many / (time * found.interval)
        agree("PLAN274", found.rate_hz, "samples a second", **{name: rate})


def _spent(plan: Plan, found: Inference, steps: float, name: str, index: int) -> float | None:
    """Dynamic energy of so many steps in which every copy shows one sample, with a reset."""
    busy: float | None = getattr(plan.cost.dynamic_j_per_step, name)
    idle: float | None = getattr(plan.cost.idle_j_per_step, name)
    reset = plan.chip.capabilities.reset_schedule
    price = reset.energy_per_chip_j if reset is not None else None
    if busy is None or idle is None:
        return None
    once = 0.0 if price is None else (price.low, price.typical, price.high)[index] * plan.mapping.chips_used
    return busy * found.steps + idle * (steps - found.steps) + once


def _period(plan: Plan, found: Inference) -> float | None:
    """Only where no counter resets the chip, a sample that ends early leaves the chip to the next."""
    if found.lead is not None and plan.schedule.rule != "power-of-two":
        return found.steps + found.depth
    return plan.schedule.period


def _apart(plan: Plan, found: Inference) -> float | None:
    """Steps from one sample to the next: what a counter takes of a sample, or what a program resets behind."""
    if plan.schedule.rule is None or found.lead is not None:
        return _period(plan, found)
    if plan.schedule.rule == "snip":
        return found.shown
    return float(next(2**power for power in range(64) if 2**power >= found.shown))
