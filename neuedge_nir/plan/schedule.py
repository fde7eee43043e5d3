"""When populations are reset between samples, and how many timesteps a sample takes then."""

from __future__ import annotations

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.mapping.legalise import LegalNetwork
from neuedge_nir.plan.model import PlanSchedule


def schedule_of(legal: LegalNetwork, steps: int | None) -> PlanSchedule:
    """The schedule of a network on its chip, for samples of so many timesteps; None: not known."""
    lags, able = legal.timing.lags, legal.chip.capabilities.reset_schedule
    depth = max(lags.values(), default=0)
    rule = None if able is None else able.period
    return PlanSchedule(
        rule=rule,
        offsets={p.name: lags[p.name] for p in legal.network.populations},
        depth=depth,
        steps=steps,
        period=None if steps is None else _rounded(steps + depth, rule),
    )


def _rounded(steps: int, rule: str | None) -> int:
    """The least period that the chip takes of at least so many steps."""
    return 1 << (steps - 1).bit_length() if rule == "power-of-two" else steps


def under_way(legal: LegalNetwork, schedule: PlanSchedule) -> list[Diagnostic]:
    """A remark where spikes may be on their way from one sample into the next.

    A reset brings neurons to rest at their lags. What leaves a source before that arrives before the target's reset,
    unless the projection takes timesteps in the model too: a recurrent edge, or one with a Delay.
    """
    lags = legal.timing.lags
    wires = [p.projection for p in legal.projections]
    late = {p.name: legal.timing.delays[p.name] - lags[p.target] + lags[p.source] for p in wires}
    over = sorted(name for name, steps in late.items() if steps > 0)
    if schedule.steps is None or not over:
        return []
    first = f"{over[0]} and {len(over) - 1} more" if len(over) > 1 else over[0]
    message = f"what {first} carries in the last {max(late.values())} steps before a reset arrives after it"
    hint = "samples mix unless sources are silent then: see docs/timing.md"
    return [Diagnostic("WARN021", Severity.WARNING, None, message, hint)]
