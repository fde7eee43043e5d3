"""The resets between samples: each population at its lag, in a period that the chip can keep and a sample fits in."""

from __future__ import annotations

from neuedge_nir.plan.check_rules import agree, match, refuse, same
from neuedge_nir.plan.model import Plan

PORTS = ("Input", "Output")


def check_schedule(plan: Plan) -> None:
    """Offsets, depth and period from the lags and the chip's rule. How long a sample is has to be believed."""
    found, able = plan.schedule, plan.chip.capabilities.reset_schedule
    lags = {p.name: p.lag for p in plan.populations if p.model not in PORTS}
    match("PLAN151", "step of the reset", found.offsets, lags)
    agree("PLAN151", found, rule=None if able is None else able.period, depth=max(p.lag for p in plan.populations))
    same("PLAN151", "a period", found.period is not None, found.steps is not None)
    if plan.options.steps_per_sample is not None:
        same("PLAN151", "timesteps of a sample", found.steps, plan.options.steps_per_sample)
    if found.steps is None or found.period is None:
        return
    if found.steps < 1:
        refuse("PLAN151", f"samples of {found.steps} timesteps")
    due = found.steps + found.depth
    period = 1 if found.rule == "power-of-two" else due
    while period < due:
        period += period
    same("PLAN151", "timesteps from reset to reset", found.period, period)
