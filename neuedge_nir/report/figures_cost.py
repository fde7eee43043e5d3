"""What a plan costs: traffic, energy, time, and an inference."""

from __future__ import annotations

from collections.abc import Iterator

from neuedge_nir.chip.slow import slowed
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import Figure, tally
from neuedge_nir.report.figures_energy import energy_figures, static_figure
from neuedge_nir.report.figures_inference import inference_figures
from neuedge_nir.report.figures_supply import supply_figures
from neuedge_nir.report.figures_time import time_figures
from neuedge_nir.report.figures_traffic import traffic_figures


def cost_figures(plan: Plan) -> Iterator[Figure]:
    """All of them, traffic first."""
    yield from traffic_figures(plan)
    yield tally("schedule.depth", "the largest lag of the plan", plan.schedule.depth, "steps")
    chip = slowed(plan.chip, plan.options.time_scale)
    time = {figure.path: figure for figure in time_figures(chip, plan)}
    energy = {figure.path: figure for figure in energy_figures(chip, plan, time["time.step"])}
    static = static_figure(plan)
    yield from (*energy.values(), static, *time.values())
    known = {**energy, **time, static.path: static}
    yield from supply_figures(plan, known)
    if plan.cost.inference is not None:
        yield from inference_figures(plan, plan.cost.inference, known)
