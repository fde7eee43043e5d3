"""Every number of a plan as a `Figure`: what reports print, and what `explain PLAN.json:PATH` tells."""

from __future__ import annotations

from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import Figure as Figure
from neuedge_nir.report.figure import Given as Given
from neuedge_nir.report.figures_copies import copies_figures
from neuedge_nir.report.figures_cost import cost_figures
from neuedge_nir.report.figures_mapping import mapping_figures
from neuedge_nir.report.layer_energy import layer_energy_figures
from neuedge_nir.report.use import layer_figures


def figures_of(plan: Plan) -> dict[str, Figure]:
    """The figures of a plan by their path, in the order of the report."""
    found = {figure.path: figure for figure in (*mapping_figures(plan), *cost_figures(plan))}
    more = (*copies_figures(plan, found), *layer_figures(plan), *layer_energy_figures(plan, found["time.step"]))
    return found | {figure.path: figure for figure in more}
