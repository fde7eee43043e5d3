"""What an inference takes: the steps of a sample and its pipeline, in energy, latency and throughput.

one at a time: period x step time; steps x dynamic energy + idle steps x idle energy + a reset; static power x its time
latency      : (steps + depth) x step time
pipelined    : a sample every `interval` steps, the least that the rule of resets takes of the steps shown
copies       : each shows a sample of its own: energies are of one of them, / copies; samples a second of all, x copies

The period of the schedule holds the steps of a sample, the largest lag of the plan and what the chip's resets ask for;
its steps beyond those of the sample are idle: neurons are updated, nothing spikes.
"""

from __future__ import annotations

from dataclasses import dataclass

from neuedge_nir.network.activity import Duration
from neuedge_nir.plan.figures import Inference, Interval
from neuedge_nir.plan.model import PlanSchedule


@dataclass(frozen=True, slots=True)
class PerStep:
    """What a timestep costs: its dynamic energy, that of an idle one, the static power, its time."""

    dynamic: Interval
    idle: Interval
    static: Interval
    time: Interval


def of_inference(
    duration: Duration, schedule: PlanSchedule, per_step: PerStep, reset: Interval | None, copies: int = 1
) -> Inference:
    """What one sample costs where each of so many copies shows one; `per_step` and `reset` are of all copies.

    A counter that resets the chip does not know of an early exit, a program can.
    """
    fixed = schedule.rule == "power-of-two" or duration.lead is None
    period = schedule.period if fixed and schedule.period is not None else duration.steps + schedule.depth
    interval = _interval_of(duration, schedule, period)
    time = _scaled(per_step.time, period, f"{_sum_of_steps(duration, schedule, period)} x step time")
    until = duration.steps + schedule.depth
    latency = _scaled(per_step.time, until, f"({duration.steps:.6g} + {schedule.depth} steps) x step time")
    apart = _scaled(per_step.time, interval, f"{interval:.6g} steps x step time")
    return Inference(
        duration.steps,
        duration.shown,
        duration.lead,
        schedule.depth,
        float(period),
        _of_one(_dynamic(duration, period, per_step, reset), copies),
        _of_one(_product(per_step.static, time, "static power x time of an inference"), copies),
        time,
        latency,
        float(interval),
        _inverse(apart, copies),
        _of_one(_dynamic(duration, interval, per_step, reset), copies),
        _of_one(_product(per_step.static, apart, "static power x time from one sample to the next"), copies),
    )


def _interval_of(duration: Duration, schedule: PlanSchedule, period: float) -> float:
    """Steps from one sample to the next, each population reset at its lag; the period where no such rule is known.

    Nor can a sample follow before it is known when the one before it ends early.
    """
    if schedule.rule is None or duration.lead is not None:
        return period
    return 1 << (duration.shown - 1).bit_length() if schedule.rule == "power-of-two" else duration.shown


def _dynamic(duration: Duration, steps: float, per_step: PerStep, reset: Interval | None) -> Interval:
    """The dynamic energy of so many steps, in which one sample is shown."""
    idle = steps - duration.steps
    active = _scaled(per_step.dynamic, duration.steps, f"{duration.steps:.6g} steps x dynamic energy of a step")
    waiting = f"{idle:.6g} idle steps, in which neurons are updated and nothing spikes (assumed)"
    dynamic = _added(active, _scaled(per_step.idle, idle, waiting))
    return dynamic if reset is None else _added(dynamic, reset)


def _of_one(every: Interval, copies: int) -> Interval:
    """What each of the copies takes of what all take."""
    if copies == 1:
        return every
    return _scaled(every, 1 / copies, f"({every.basis}) / {copies} copies")


def _inverse(one: Interval, copies: int) -> Interval:
    """How often in a second, in all copies."""
    low, typical, high = (None if not v else copies / v for v in (one.high, one.typical, one.low))
    return Interval(low, typical, high, f"{1 if copies == 1 else f'{copies} copies'} / ({one.basis})")


def _sum_of_steps(duration: Duration, schedule: PlanSchedule, period: float) -> str:
    """How the steps of a period come about."""
    shown = duration.shown if period == schedule.period else duration.steps
    padding = period - shown - schedule.depth
    parts = f"{shown:.6g} + {schedule.depth}"
    return f"({parts} steps)" if not padding else f"({parts} + {padding:.6g} = {period:.6g} steps)"


def _added(one: Interval, other: Interval) -> Interval:
    pairs = ((one.low, other.low), (one.typical, other.typical), (one.high, other.high))
    low, typical, high = (None if a is None or b is None else a + b for a, b in pairs)
    return Interval(low, typical, high, f"{one.basis} + {other.basis}")


def _scaled(interval: Interval, factor: float, basis: str) -> Interval:
    low, typical, high = (None if v is None else v * factor for v in (interval.low, interval.typical, interval.high))
    return Interval(low, typical, high, basis)


def _product(one: Interval, other: Interval, basis: str) -> Interval:
    pairs = ((one.low, other.low), (one.typical, other.typical), (one.high, other.high))
    low, typical, high = (None if a is None or b is None else a * b for a, b in pairs)
    return Interval(low, typical, high, basis)
