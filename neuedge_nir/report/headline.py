"""What matters first of a plan: does it fit, what binds, what it costs, what that rests on. Ten lines at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from neuedge_nir.chip.model import Limit, LimitScope
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.signs import FULL
from neuedge_nir.report.amounts import counted, number, percent, quantity
from neuedge_nir.report.core_use import core_uses, limits_of
from neuedge_nir.report.figures import Figure
from neuedge_nir.report.words import shortened

Line = tuple[str, str]

LONGEST_NAME = 80
"""Columns of a projection's name: of both its ends."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict on a plan and the lines below it; `proved`: no mapping takes fewer cores."""

    title: str
    verdict: str
    proved: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Fullest:
    """A core and the limit that it comes nearest to: its use, or of a limit of chips that of its chip."""

    core: int
    limit: Limit
    used: int
    share: float


def headline_of(plan: Plan, figures: Mapping[str, Figure]) -> Headline:
    """The verdict and what it says first; `figures` are those of the plan."""
    m = plan.mapping
    size = f"{counted(m.cores_used, 'core')} on {counted(m.chips_used, 'chip')}"
    return Headline(
        title=f"{shortened(plan.model.name, LONGEST_NAME)} fits {plan.chip.title}: {size}",
        verdict=_verdict(plan),
        proved=plan.outcome == "optimal",
        lines=tuple(_lines(plan, figures)),
    )


def fullest_cores(plan: Plan, most: int) -> list[Fullest]:
    """The cores that are nearest to a limit, the nearest first."""
    by_name = {limit.name: limit for limit in limits_of(plan)}
    found = [
        Fullest(use.core, by_name[use.binds], use.used[use.binds][0], use.share)
        for use in core_uses(plan)
        if use.binds is not None and use.share is not None
    ]
    return sorted(found, key=lambda each: (-each.share, each.core))[:most]


def spot(plan: Plan, core: int) -> str:
    """Where a core is, in words."""
    at = plan.cores[core]
    where = f"router {at.router[0]},{at.router[1]}"
    where += f" slot {at.slot}" if plan.chip.topology.cores_per_router.count > 1 else ""
    return f"core {core} (chip {at.chip}, {where})" if len(plan.machine.chips) > 1 else f"core {core} ({where})"


def told(figure: Figure | None, *, span: bool = True) -> str:
    """A figure as it is printed: typical, then the interval, with a mark where it rests on an assumption."""
    if figure is None or figure.typical is None:
        return "not published"
    mark = "*" if figure.assumed else ""
    return f"{value(figure, figure.typical)}{mark}" + (f" ({ends(figure)})" if span and ends(figure) else "")


def ends(figure: Figure) -> str:
    """The interval of a figure; empty where it is one value."""
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return ""
    return f"{value(figure, figure.low)} .. {value(figure, figure.high)}"


def value(figure: Figure, amount: float) -> str:
    """A value in the unit of its figure."""
    if figure.unit in ("J", "W", "s"):
        return quantity(amount, figure.unit)
    if not figure.unit and figure.path.startswith(SHARES):
        return percent(amount)
    return f"{number(amount)} {'samples/s' if figure.unit == '1/s' else figure.unit}".rstrip()


NO_TIMES = "not published: the chip file states no times"
SHARES = ("utilisation.", "limits.", "time.load")
"""Figures without a unit that are shares: printed in percent."""


def _verdict(plan: Plan) -> str:
    m = plan.mapping
    stopped = "" if plan.stopped_by is None else f"; stopped by the clock at effort {plan.options.effort}"
    if plan.outcome == "optimal":
        least = counted(m.cores_lower_bound, "core") + " with neurons" * (m.cores_inner < m.cores_used)
        return f"optimal: no mapping takes fewer than {least}{stopped}"
    gap = m.cores_inner / m.cores_lower_bound - 1 if m.cores_lower_bound else 0.0
    least = f"any mapping takes at least {counted(m.cores_lower_bound, 'core')}, by {m.bound_resource}"
    inner = counted(m.cores_inner, "core") + " without those of inputs and outputs" * (m.cores_inner < m.cores_used)
    return f"{plan.outcome}: {inner}; {least} (gap {gap:.1%}){stopped}"


def _lines(plan: Plan, figures: Mapping[str, Figure]) -> list[Line]:
    """Ten at most."""
    found: list[Line] = [("binds", _binds(plan)), ("cores", _cores(plan))]
    energy = f"{told(figures['energy.dynamic'])} a step, and {told(figures['energy.static'])} static"
    found.append(("energy", energy + of_all(plan)))
    found.append(("time", _time(plan, figures)))
    found += _inference(plan, figures)
    found.append(("traffic", _traffic(plan)))
    found.append(("weights", _weights(plan)))
    found.append(("activity", _activity(plan)))
    found += _remarks(plan)
    found += _unchecked(plan)
    return found


def _binds(plan: Plan) -> str:
    m = plan.mapping
    bound = f"the bound is by {m.bound_resource}"
    for nearest in fullest_cores(plan, 1):
        limit = nearest.limit
        whose = "its chip" if limit.scope is LimitScope.CHIP else spot(plan, nearest.core)
        of = f"{nearest.used:,} of {limit.limit.count:,} {limit.limit.unit} ({percent(nearest.share)}) on {whose}"
        return f"{limit.name}: {of}; {bound}"
    return bound


def _cores(plan: Plan) -> str:
    m, use = plan.mapping, plan.mapping.utilisation
    shares = (("neurons", use.neurons), ("synapse memory", use.synapse_memory), ("axons", use.axons_in))
    full = ", ".join(f"{name} {percent(share)}" for name, share in shares if share is not None)
    boards = "" if m.boards_used is None else f", {counted(m.boards_used, 'board')} powered"
    where = f"{counted(m.chips_used, 'chip')} of {plan.machine.system}"
    of = f"{m.cores_used:,} in use, {percent(use.cores)} of those on {where}{boards}"
    return of + (f"; filled: {full}" if full else "")


def _time(plan: Plan, figures: Mapping[str, Figure]) -> str:
    """How long a step takes and what it waits for; of a chip with a tick, how much of it the busiest resource needs."""
    if figures["time.step"].typical is None:
        return NO_TIMES
    step, pace = f"{told(figures['time.step'])} a step", plan.cost.pace
    if "time.load" not in figures or pace.busiest is None:
        return f"{step}; it waits for {pace.binding.words}"
    load = figures["time.load"]
    over = "; OVERLOADED" if load.typical is not None and load.typical > FULL else ""
    return f"{step}, the chip's tick; {pace.busiest.words} needs {told(load)} of it{over}"


def _inference(plan: Plan, figures: Mapping[str, Figure]) -> list[Line]:
    if "inference.time" not in figures:
        return []
    parts = [f"{name} {told(figures[path])}" for name, path in INFERENCE if path in figures]
    return [("inference", ", ".join(parts) + of_all(plan))]


def of_all(plan: Plan) -> str:
    """Words for a figure that all copies of a plan make together; none where there is one network."""
    return "" if plan.copies is None or plan.copies.count == 1 else f" of all {plan.copies.count:,} copies"


INFERENCE = (
    ("energy", "inference.energy"),
    ("latency", "inference.latency"),
    ("throughput", "inference.rate"),
)
"""What is told of an inference, of what a plan knows; the last is of all copies."""


def _traffic(plan: Plan) -> str:
    traffic = plan.cost.traffic
    if not traffic.deliveries_per_step:
        return "no message between cores"
    many = number(traffic.deliveries_per_step)
    between = f"{many} message{'s' * (many != '1')} a step between cores"
    return f"{between}, at most {number(traffic.max_link_load)} over one link"


def _weights(plan: Plan) -> str:
    worst = max(plan.projections, key=lambda p: p.weight_error, default=None)
    if worst is None:
        return "none"
    bits = max(p.weight_bits for p in plan.projections)
    if not worst.weight_error:
        return f"stored exactly, in at most {bits} bits"
    return (
        f"at most {bits} bits; largest relative error {worst.weight_error:.2%} in {shortened(worst.name, LONGEST_NAME)}"
    )


def _activity(plan: Plan) -> str:
    rates = sorted({plan.activity.rates[p.name] for p in plan.populations if p.model != "Output"})
    if not rates:
        return plan.activity.kind
    spread = f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g}"
    mark = "*" if plan.activity.kind == "assumed" else ""
    return f"{plan.activity.kind}: {spread}{mark} spikes per neuron and step"


def _remarks(plan: Plan) -> list[Line]:
    kinds = Counter(remark.severity.value for remark in plan.diagnostics)
    shown = [counted(kinds[kind], kind) for kind in ("warning", "repair", "assumption") if kinds[kind]]
    return [("remarks", ", ".join(shown))] if shown else []


def _unchecked(plan: Plan) -> list[Line]:
    return [("not checked", ", ".join(left.name for left in plan.not_checked))] if plan.not_checked else []
