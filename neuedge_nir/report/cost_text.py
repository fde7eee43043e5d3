"""The rows of the text report that tell of costs, with a mark at every number that rests on an assumption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import Row, number, percent, quantity
from neuedge_nir.report.figures import Figure
from neuedge_nir.report.headline import of_all

if TYPE_CHECKING:
    from rich.console import RenderableType

LEGEND = "* rests on an assumption; `neuedge-nir explain PLAN.json:PATH` tells which, and the source of every number"
RATE = "samples a second"
SAMPLE = (
    ("dynamic energy", "inference.dynamic"),
    ("static energy", "inference.static"),
    ("energy", "inference.energy"),
    ("time", "inference.time"),
    ("latency", "inference.latency"),
    ("energy, pipelined", "inference.pipelined.energy"),
    (RATE, "inference.rate"),
)
"""What is told of a sample; pipelined: one behind the other, as close as resets allow."""


def cost_rows(plan: Plan, known: Mapping[str, Figure]) -> list[Row]:
    """Of a timestep: energy, power, time, what it waits for, and the cross-checks that are part of no sum."""
    cost, pace = plan.cost, plan.cost.pace
    rows: list[Row] = [
        ("dynamic energy", *marked(known["energy.dynamic"]), cost.dynamic_j_per_step.basis),
        ("static power", *marked(known["energy.static"]), cost.static_w.basis),
        ("step time", *marked(known["time.step"]), cost.step_s.basis),
    ]
    if pace.busiest is None or pace.load is None:
        waits = "not published" if pace.binding.kind == "unknown" else pace.binding.words
        rows.append(("waits for", "", "", "", waits))
    else:
        rows.append(("load of the tick", *_shares(known["time.load"]), f"{pace.busiest.words}; {pace.load.basis}"))
    averages = [figure for path, figure in known.items() if path.startswith("energy.average.")]
    return [
        *rows,
        *(("cross-check", *marked(figure), figure.title.removeprefix("cross-check, ")) for figure in averages),
    ]


def sample_rows(plan: Plan, known: Mapping[str, Figure]) -> list[Row]:
    """Of a sample, one at a time and one behind the other; how many there are in a second is of all copies."""
    rate = f"{RATE}{of_all(plan)}"
    found = [(rate if name == RATE else name, known[path]) for name, path in SAMPLE if path in known]
    return [(name, *marked(figure), figure.formula or figure.why) for name, figure in found]


def marked(figure: Figure) -> tuple[str, str, str]:
    """Low, typical and high, a mark at each where the figure rests on an assumption."""
    unit = "" if figure.unit == "1/s" else figure.unit
    return _ends(figure, lambda value: quantity(value, unit) if unit else number(value))


def _shares(figure: Figure) -> tuple[str, str, str]:
    return _ends(figure, percent)


def legend(known: Mapping[str, Figure]) -> list[RenderableType]:
    """What the mark means, where there is any."""
    from rich.text import Text

    return [Text(f"{LEGEND}\n")] if any(figure.assumed for figure in known.values()) else []


def _ends(figure: Figure, shown: Callable[[float], str]) -> tuple[str, str, str]:
    mark = "*" * figure.assumed
    low, typical, high = (
        "-" if value is None else shown(value) + mark for value in (figure.low, figure.typical, figure.high)
    )
    return low, typical, high
