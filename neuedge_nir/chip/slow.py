"""A chip that runs in real time, slowed down: every timestep has more time, and what it may hold grows with it."""

from __future__ import annotations

from dataclasses import replace

from neuedge_nir.chip.model import Chip, Limit, LimitKind, Quantity


def slowed(chip: Chip, factor: int) -> Chip:
    """The chip at `factor` times its tick. Other real-time limits stay: neurons are as many as the software takes."""
    tick = chip.costs.timestep_s
    if factor == 1 or tick is None:
        return chip
    limits = tuple(
        replace(limit, limit=_times(limit.limit, factor)) if is_per_step(limit) else limit for limit in chip.limits
    )
    slow = replace(_times(tick, factor), source=f"{tick.source}; slowed down {factor} times")
    return replace(chip, limits=limits, costs=replace(chip.costs, timestep_s=slow))


def is_per_step(limit: Limit) -> bool:
    """Whether a limit is one of what can be done within a timestep."""
    return limit.kind is LimitKind.REAL_TIME and limit.limit.unit.endswith("/timestep")


def _times(quantity: Quantity, factor: int) -> Quantity:
    return replace(quantity, low=quantity.low * factor, typical=quantity.typical * factor, high=quantity.high * factor)
