"""A small compilation whose figures are shown with their formulas."""

from __future__ import annotations

from functools import cache

import neuedge_nir
from docs.generate.markdown import code, interval, page, table, text
from neuedge_nir.pipeline import Options
from neuedge_nir.plan.model import Plan
from neuedge_nir.plugin import load_model
from neuedge_nir.report.contract import report_of
from neuedge_nir.report.figures import Figure, figures_of

MODEL, CHIP, STEPS = "digits", "loihi1", 16
"""Loihi 1 has two profiles that disagree, so that every kind of formula is among them."""
SHOWN = ("energy.", "time.", "inference.")


def figures() -> str:
    """The figures of energy and time of the bundled model, whole."""
    shown = [figure for path, figure in figures_of(plan()).items() if path.startswith(SHOWN)]
    rows = [
        (f"{code(each.path)} {text(each.title)}", _value(each), code(each.formula) if each.formula else "")
        for each in shown
    ]
    return page(
        f"Of `{MODEL}` on `{CHIP}`, {STEPS} timesteps a sample, with the activity that is assumed unless given; a "
        "figure with an asterisk rests on an assumption.",
        table(("figure", "value", "formula"), rows),
    )


def report() -> dict[str, object]:
    """What `compile --json` prints of it, but for the passes."""
    return report_of(plan())


@cache
def plan() -> Plan:
    """A plan that takes a second to make."""
    options = Options(effort="quick", steps_per_sample=STEPS)
    return neuedge_nir.compile(load_model(MODEL).bundled(), CHIP, options)


def _value(figure: Figure) -> str:
    mark = r"\*" if figure.assumed else ""
    if figure.low is None or figure.typical is None or figure.high is None:
        return f"none: {text(figure.why)}"
    low, typical, high = (float(f"{each:.4g}") for each in (figure.low, figure.typical, figure.high))
    return interval(low, typical, high, figure.unit) + mark
