"""The tables of `compare`: what fits and why not, what it costs, and which chips are best at something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from neuedge_nir.across.answers import INFERENCE, Answer
from neuedge_nir.across.pareto import Standing
from neuedge_nir.plan.figures import Interval
from neuedge_nir.report.amounts import number, percent, quantity
from neuedge_nir.report.text import table
from neuedge_nir.report.words import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

FITS = {"optimal": "yes, optimal", "feasible": "yes", "infeasible": "no, proved", "timeout": "not found"}
MARK = "* rests on an assumption, as the plan's own report tells"
Row = tuple[str, ...]


def comparison_tables(
    model: str, chips: Sequence[Answer], standings: Sequence[Standing], over: Sequence[str], beside: Sequence[Answer]
) -> list[RenderableType]:
    """All that is told for people; `beside` are the baselines, which are no part of the front."""
    from rich.text import Text

    per = next((each.measures.per for each in (*chips, *beside) if each.measures is not None), INFERENCE)
    fits = table(
        f"Does {model} fit?",
        ("chip", "fits", "cores", "chips", "boards", "what binds, or why not"),
        [_fit(each) for each in chips],
        right=(2, 3, 4),
    )
    placed = [(each, standing) for each, standing in zip(chips, standings, strict=True) if each.measures]
    if not placed and not beside:
        return [fits]
    several = any(each.measures is not None and each.measures.copies > 1 for each in chips)
    rate = "a second, of all copies" if several else "a second"
    costs = table(
        f"Of one {per}: typical (low .. high)",
        ("chip", "energy", "latency", rate, "accuracy", "front"),
        [*(_cost(each, standing) for each, standing in placed), *(_cost(each, None) for each in beside)],
        right=(1, 2, 3, 4),
    )
    lines = [*_notes(chips, standings, over, beside)]
    if any(each.measures is not None and each.measures.assumed for each in chips):
        lines.append(MARK)
    return [fits, costs, *(Text(printable(line)) for line in lines)]


def _fit(each: Answer) -> Row:
    found, failed = each.measures, each.failed
    if found is None or failed is not None:
        why = "" if failed is None else failed.why
        return each.target, FITS.get(each.outcome, each.outcome), "-", "-", "-", why
    fullest = "-" if found.fullest is None else f"{found.fullest[0]}, {percent(found.fullest[1])} of the fullest core"
    boards = "-" if found.boards is None else f"{found.boards:,}"
    return each.target, FITS.get(each.outcome, each.outcome), f"{found.cores:,}", f"{found.chips:,}", boards, fullest


def _cost(each: Answer, standing: Standing | None) -> Row:
    found = each.measures
    assert found is not None
    energy = _span(found.energy, "J", "energy" in found.assumed)
    latency = _span(found.latency, "s", "latency" in found.assumed)
    rate = "-" if found.throughput.typical is None else number(found.throughput.typical)
    rate += "*" * ("throughput" in found.assumed)
    right = "-" if found.accuracy is None else f"{100 * found.accuracy:.2f} %"
    if found.accuracy is None and found.same_class is not None:
        right = f"same class {100 * found.same_class:.2f} %"
    left = "" if standing is None or not standing.missing else "left out"
    front = "baseline" if standing is None else "front" if standing.front else left
    return each.target, energy, latency, rate, right, front


def _span(interval: Interval, unit: str, assumed: bool) -> str:
    if interval.typical is None or interval.low is None or interval.high is None:
        return "not published"
    typical, low, high = (quantity(v, unit).strip() for v in (interval.typical, interval.low, interval.high))
    mark = "*" * assumed
    return f"{typical}{mark}" if low == high else f"{typical}{mark} ({low} .. {high})"


def _notes(
    chips: Sequence[Answer], standings: Sequence[Standing], over: Sequence[str], beside: Sequence[Answer]
) -> Iterator[str]:
    """What the front is, what beats the others, and what the baselines rest on."""
    fitting = [each for each in chips if each.measures is not None]
    if len(fitting) > 1 and over:
        yield f"front: no other chip is as good in all of {', '.join(over)}, and better in one, by typical values"
    if fitting and not over:
        yield "no front: nothing is known of what chips are to be compared over (accuracy needs --data with labels)"
    for each, standing in zip(chips, standings, strict=True):
        if standing.missing and each.measures is not None:
            yield f"{each.target}: left out of the front, as its {', '.join(standing.missing)} is not known"
        for beaten in standing.beaten[:1] if each.measures is not None else ():
            doubt = f"; intervals overlap in {', '.join(beaten.overlaps)}" if beaten.overlaps else ""
            rest = len(standing.beaten) - 1
            more = f"; also by {rest} other{'s' * (rest > 1)}" if rest else ""
            yield f"{each.target}: beaten by {chips[beaten.by].target} in {', '.join(beaten.better)}{doubt}{more}"
    for row in beside:
        assert row.measures is not None
        yield f"{row.target}: {row.measures.energy.basis}"
        ratios = [text for each in fitting if (text := _ratio(each, row)) is not None]
        if ratios:
            yield f"energy beside {row.target}: {', '.join(ratios)}"


def _ratio(each: Answer, row: Answer) -> str | None:
    mine = None if each.measures is None else each.measures.energy.typical
    theirs = None if row.measures is None else row.measures.energy.typical
    return f"{each.target} {mine / theirs:.3g} x" if mine is not None and theirs else None
