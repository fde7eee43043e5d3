"""Records, recounted: what the host reads from a chip's memory after the run of a sample."""

from __future__ import annotations

from neuedge_nir.chip.model import Limit
from neuedge_nir.plan.model import Plan

SPIKING = ("IF", "LIF", "CubaLIF", "Threshold")


def record_bytes(plan: Plan, population: str, neurons: int, limit: Limit) -> int:
    """Bytes that so many neurons of a population that is read write down in the run of a sample.

    Nothing where a host reads in every step, or the plan does not know how many timesteps a sample takes.
    """
    if plan.schedule.steps is None or plan.options.outputs == "host":
        return 0
    (model,) = (each.model for each in plan.populations if each.name == population)
    if model not in (*SPIKING, "LI", "CubaLI", "I"):
        return 0
    word, header, bits = (
        round(limit.parameters[name].typical) for name in ("word_bytes", "record_header_words", "spikes_per_word")
    )
    row = header + (sum(1 for _ in range(0, neurons, bits)) if model in SPIKING else neurons)
    return (plan.schedule.steps + plan.schedule.depth) * row * word
