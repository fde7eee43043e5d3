"""Splitters: relays that stand in their own source's place for all that it feeds, one step later, and only for copies.

That they repeat their source is checked as of any relay; their copies are recounted as those of any neuron.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from neuedge_nir.plan.check_rules import refuse, same
from neuedge_nir.plan.model import Plan, PlanPopulation, PlanProjection


def check_splitters(plan: Plan) -> None:
    """They are allowed, cost one step, and leave their source one destination but for what closes a cycle."""
    splitters = {p.name: p for p in plan.populations if p.relay is not None and p.relay.splits}
    asked = plan.options.splitters
    out_of: dict[str, list[PlanProjection]] = defaultdict(list)
    for held in plan.projections:
        out_of[held.source].append(held)
    _check_others(plan)
    after = {p.name: _after(p.name, out_of) for p in plan.populations}
    for splitter in splitters.values():
        _check_splitter(splitter, plan, asked)
    split = {splitter.relay.of for splitter in splitters.values() if splitter.relay is not None}
    for population in plan.populations:
        if population.name in split or (asked == "always" and _splits(population, plan)):
            _check_source(population, out_of, after, splitters)


def _check_splitter(splitter: PlanPopulation, plan: Plan, asked: str) -> None:
    where = f"splitter {splitter.name!r}"
    if asked == "never" or not plan.chip.capabilities.one_destination:
        reason = "nobody wants it" if asked == "never" else f"neurons of {plan.chip.title} have many destinations"
        refuse("PLAN200", f"a splitter, and {reason}", where)
    of = splitter.relay.of if splitter.relay else ""
    source = next(p for p in plan.populations if p.name == of)
    if source.relay is not None or source.model == "Input":
        refuse("PLAN200", f"it splits {of!r}, which is no population of the model", where)
    for held in plan.projections:
        if held.target == splitter.name:
            same("PLAN201", "steps of delay into it", held.delay, 1, where)
    same("PLAN201", "lag", splitter.lag, source.lag + 1, where)


def _check_others(plan: Plan) -> None:
    """A relay that is no splitter is there because a neuron can wait no longer."""
    able = plan.chip.capabilities
    relays = {p.name for p in plan.populations if p.relay is not None and not p.relay.splits}
    for held in plan.projections if able.one_destination else ():
        if held.target in relays:
            longest = able.max_delay.count if able.max_delay else 1
            same("PLAN203", "steps of delay into a relay", held.delay, longest, f"relay {held.target!r}")


def _splits(population: PlanPopulation, plan: Plan) -> bool:
    """Whether a population is one whose copies splitters could hold."""
    able = plan.chip.capabilities.one_destination
    return able and population.relay is None and population.model in ("IF", "LIF", "CubaLIF", "Threshold")


def _after(name: str, out_of: Mapping[str, list[PlanProjection]]) -> set[str]:
    """All that the signals of a population come to."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for held in out_of[waiting.pop()]:
            if held.target not in found:
                found.add(held.target)
                waiting.append(held.target)
    return found


def _check_source(
    population: PlanPopulation,
    out_of: Mapping[str, list[PlanProjection]],
    after: Mapping[str, set[str]],
    splitters: Mapping[str, PlanPopulation],
) -> None:
    for held in list(out_of[population.name]):
        closes = population.name in after[held.target]
        if held.target in splitters and closes:
            refuse("PLAN202", "what closes a cycle waits a step longer", f"projection {held.name!r}")
        if held.signal == "spike" and held.target not in splitters and not closes:
            refuse("PLAN202", f"it leads from {population.name!r} past its splitter", f"projection {held.name!r}")
